// The lab itself: made and removed whole, many at a time, and routers that do as they are told.

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { deno, run } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import { type Endpoint, Station } from "./station.ts";

const whyNotHere = whyNoLab();

// What passes takes a millisecond; what does not is known by this silence.
const PATIENCE_MS = 300;

labTest("open() makes labs beside each other that use the same addresses", async () => {
  await using labs = new AsyncDisposableStack();
  const three = await Promise.all([1, 2, 3].map(() => NatLab.open()));
  for (const lab of three) labs.use(lab);
  const answers = await Promise.all(three.map(async (lab, i) => {
    await using scene = await Scene.of(lab);
    const { to, id } = await scene.serverSocket();
    await scene.host.ask("send", { id: scene.socket.id, to, text: `lab ${i}` });
    return await scene.server.ask("receive", { id, until: `lab ${i}`, timeoutMs: 1_000 });
  }));
  assertEquals(answers.map((datagrams) => datagrams.map(({ text }) => text)), [
    ["lab 0"],
    ["lab 1"],
    ["lab 2"],
  ]);
});

labTest(
  "[Symbol.asyncDispose]() leaves no namespace and no process, after an error too",
  async () => {
    let lab: NatLab | undefined;
    const error = await assertRejects(async () => {
      await using block = await NatLab.open();
      lab = block;
      // The second sleep is nobody's child once its shell is dead
      block.host1.exec("sh", ["-c", "sleep 1000 & echo started; sleep 1000"]);
      throw new Error("as it happens in a test");
    });
    assertEquals((error as Error).message, "as it happens in a test");
    assertEquals(await namespacesOf(lab!.name), []);
  },
);

labTest("sweep() removes the lab of a run that was killed, and no other", async () => {
  await using mine = await NatLab.open();
  const program = `import { NatLab } from ${JSON.stringify(import.meta.resolve("./nat_lab.ts"))};
const lab = await NatLab.open();
const sleeper = lab.host1.exec("sleep", ["1000"]);
Deno.stdout.writeSync(new TextEncoder().encode(lab.name + " " + sleeper.pid + "\\n"));
await sleeper.status;`;
  await using killed = deno([
    ...["eval", "--no-lock", program],
  ]);
  const [, name, pid] = await killed.line(/^(\S+) (\d+)$/m);
  assertEquals((await namespacesOf(name!)).length, 7);
  await killed.stop("SIGKILL");
  await NatLab.sweep();
  assertEquals(await namespacesOf(name!), []);
  // A process that nobody has asked about stays listed as "Z" when it is dead
  const state = await run("sh", ["-c", `sed 's/.*) //' /proc/${pid}/stat 2>/dev/null | cut -c 1`]);
  assertMatch(state.stdout, /^(Z\n)?$/);
  assertEquals((await namespacesOf(mine.name)).length, 7);
});

labTest("open() lets IPv4-only, IPv6-only and dual-stack hosts be", async () => {
  await using lab = await NatLab.open({
    nat1: { ipv6: "firewall" },
    nat2: { ipv4: "full-cone", ipv6: "port-restricted" },
  });
  assertEquals([lab.host1.ipv4, lab.host1.ipv6], [[], ["2001:db8:1::2"]]);
  assertEquals([lab.host2.ipv4, lab.host2.ipv6], [["192.168.2.2"], ["fd00:2::2"]]);
  assertEquals(lab.router1.publicIps, ["2001:db8:1::2"]);
  assertEquals(lab.router2.publicIps, ["203.0.113.12", "2001:db8::12"]);
  assertEquals([lab.server.ip, lab.server.alternateIp], ["203.0.113.1", "198.51.100.1"]);
  assertEquals(lab.server.ipv6, ["2001:db8::1", "2001:db8:0:1::1"]);
});

labTest("the stranger on the segment reaches hosts without NAT, and mapped ports", async () => {
  await using lab = await NatLab.open({ nat1: "full-cone" });
  await using scene = await Scene.of(lab);
  await using outside = new Station(lab.outside);
  await using host2 = new Station(lab.host2);
  const mapped = await scene.map();
  const open = await host2.ask("bindUdp", { ip: lab.host2.ip, port: 0 });
  const { id } = await outside.ask("bindUdp", { ip: lab.outside.ip, port: 0 });
  await outside.ask("send", { id, to: mapped, text: "to host1" });
  await outside.ask("send", {
    id,
    to: { ip: lab.router2.publicIp, port: open.port },
    text: "to host2",
  });
  assertEquals(await scene.arrives("to host1"), true);
  const arrived = await host2.ask("receive", { id: open.id, until: "to host2", timeoutMs: 1_000 });
  assertEquals(arrived.map(({ from }) => from.ip), [lab.outside.ip]);
});

labTest("forget() ends UDP mappings and held TCP connections", async () => {
  await using lab = await NatLab.open({ nat1: "port-restricted" });
  await using scene = await Scene.of(lab);
  const held = await scene.hold();
  assertEquals(await held.echoes(), true);
  await scene.map();
  assertEquals(await scene.getsIn("before"), true);
  await lab.router1.forget();
  assertEquals(await scene.getsIn("after"), false);
  assertEquals(await held.echoes(), false);
  await scene.map();
  assertEquals(await scene.getsIn("mapped again"), true);
});

labTest("forget() closes the ports of a full cone until the host sends again", async () => {
  await using lab = await NatLab.open({ nat1: "full-cone" });
  await using scene = await Scene.of(lab);
  await scene.map();
  await lab.router1.forget();
  assertEquals(await scene.getsIn("after"), false);
  await scene.map();
  assertEquals(await scene.getsIn("mapped again"), true);
});

for (
  const { nat1, ip } of [
    { nat1: "full-cone", ip: "203.0.113.77" },
    { nat1: { ipv6: "full-cone" }, ip: "2001:db8::77" },
  ] as const
) {
  labTest(`changePublicAddress() maps to ${ip} from then on`, async () => {
    await using lab = await NatLab.open({ nat1 });
    await using scene = await Scene.of(lab);
    const held = await scene.hold();
    const old = await scene.map();
    assertEquals(old.ip, ip.replace("77", "11"));
    await lab.router1.changePublicAddress(ip);
    assertEquals(lab.router1.publicIp, ip);
    assertEquals(await held.echoes(), false);
    assertEquals((await scene.map()).ip, ip);
    assertEquals(await scene.getsIn("at the new address"), true);
    assertEquals(await scene.getsIn("at the old address", old), false);
  });
}

labTest("changePublicAddress() refuses what is not on the segment or not translated", async () => {
  await using lab = await NatLab.open({ nat1: "full-cone", nat2: "firewall" });
  await assertRejects(() => lab.router1.changePublicAddress("192.0.2.1"), RangeError);
  await assertRejects(() => lab.router1.changePublicAddress("2001:db8::99"), TypeError);
  await assertRejects(() => lab.router2.changePublicAddress("203.0.113.99"), TypeError);
});

labTest("setUdpTimeout() sets how long an idle mapping stays", async () => {
  for (const nat1 of ["port-restricted", "full-cone"] as const) {
    await using lab = await NatLab.open({ nat1 });
    await using scene = await Scene.of(lab);
    await lab.router1.setUdpTimeout(1);
    await scene.map();
    assertEquals(await scene.getsIn("at once"), true);
    // Idleness is the thing tested: there is nothing else to await
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    assertEquals(await scene.getsIn("too late"), false);
  }
});

labTest("setTcpEstablishedTimeout() sets how long an idle connection stays", async () => {
  await using lab = await NatLab.open({ nat1: "port-restricted" });
  await using scene = await Scene.of(lab);
  await lab.router1.setTcpEstablishedTimeout(1);
  const held = await scene.hold();
  assertEquals(await held.echoes(), true);
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  assertEquals(await held.echoes(), false);
});

labTest("setLoss() loses packets until it is set to nothing", async () => {
  await using lab = await NatLab.open({ nat1: "full-cone" });
  await using scene = await Scene.of(lab);
  await scene.map();
  await lab.router1.setLoss(100);
  assertEquals(await scene.getsIn("lost"), false);
  await lab.router1.setLoss(0);
  assertEquals(await scene.getsIn("arrives"), true);
});

for (const hairpin of [true, false]) {
  labTest(
    `hairpin: ${hairpin} ${hairpin ? "lets" : "does not let"} the host reach itself`,
    async () => {
      await using lab = await NatLab.open({ nat1: { ipv4: "port-restricted", hairpin } });
      await using scene = await Scene.of(lab);
      const { id } = await scene.host.ask("bindUdp", { ip: lab.host1.ip, port: 0 });
      const mapped = await scene.map();
      await scene.host.ask("send", { id, to: mapped, text: "hairpin" });
      const arrived = await scene.host.ask("receive", {
        ...{ id: scene.socket.id, until: "hairpin", timeoutMs: PATIENCE_MS },
      });
      assertEquals(arrived.map(({ from }) => from.ip), hairpin ? [lab.router1.publicIp] : []);
    },
  );
}

for (
  const { nat1, outcome } of [
    { nat1: { ipv4: "port-restricted" }, outcome: "TIMEOUT" },
    { nat1: { ipv4: "port-restricted", refusal: "reset" }, outcome: "ECONNREFUSED" },
    { nat1: { ipv4: "port-restricted", refusal: "icmp" }, outcome: "EHOSTUNREACH" },
    { nat1: { ipv4: "firewall", refusal: "reset" }, outcome: "ECONNREFUSED" },
    { nat1: { ipv6: "port-restricted", refusal: "reset" }, outcome: "ECONNREFUSED" },
    { nat1: { ipv6: "firewall", refusal: "icmp" }, outcome: "EACCES" },
  ] as const
) {
  labTest(`a connection from outside fails by ${outcome} at ${JSON.stringify(nat1)}`, async () => {
    await using lab = await NatLab.open({ nat1 });
    await using server = new Station(lab.server);
    assertEquals(
      await server.ask("connect", {
        local: { ip: lab.server.ip, port: 0 },
        to: { ip: lab.router1.publicIp, port: 4_000 },
        // An ICMP error that comes while the caller is still in connect() waits for the next SYN
        timeoutMs: outcome === "TIMEOUT" ? PATIENCE_MS : 5_000,
      }),
      outcome,
    );
  });
}

labTest(
  "two port-restricted NATs let a UDP punch and a TCP simultaneous open through",
  async () => {
    await using lab = await NatLab.open({ nat1: "port-restricted", nat2: "port-restricted" });
    await using one = new Station(lab.host1);
    await using two = new Station(lab.host2);
    const at = { ip: lab.host1.ip, port: 5_001 };
    const bt = { ip: lab.host2.ip, port: 5_002 };
    // Ports are preserved, so each knows where the other will be seen
    const a = { ip: lab.router1.publicIp, port: at.port };
    const b = { ip: lab.router2.publicIp, port: bt.port };
    const [ua, ub] = [await one.ask("bindUdp", at), await two.ask("bindUdp", bt)];
    await one.ask("send", { id: ua.id, to: b, text: "first, in vain" });
    await two.ask("send", { id: ub.id, to: a, text: "from two" });
    const [arrived] = await one.ask("receive", { id: ua.id, until: "from two", timeoutMs: 1_000 });
    assertEquals(arrived, { from: b, text: "from two" });
    const [ta, tb] = await Promise.all([
      one.ask("connect", { local: at, to: b, timeoutMs: 5_000 }),
      two.ask("connect", { local: bt, to: a, timeoutMs: 5_000 }),
    ]);
    assert(typeof ta !== "string", `one: ${ta}`);
    assert(typeof tb !== "string", `two: ${tb}`);
  },
);

labTest("deno() runs a program with the repository's configuration", async () => {
  await using lab = await NatLab.open();
  const child = lab.host1.deno([import.meta.resolve("./_station.ts")]);
  assertEquals(await child.result(10_000), { code: 0, stdout: "", stderr: "" });
});

labTest("open() refuses a router that cannot be", async () => {
  for (const kind of ["open", "firewall", "symmetric"] as const) {
    const nat1: NatLabOptions["nat1"] = { ipv4: kind, hairpin: true };
    await assertRejects(() => NatLab.open({ nat1 }), TypeError);
  }
});

/** host1 and the server with a station each, and a UDP socket of host1. */
class Scene implements AsyncDisposable {
  readonly lab: NatLab;
  readonly host: Station;
  readonly server: Station;
  readonly socket: { readonly id: number; readonly port: number };
  #contacted: { readonly id: number; readonly to: Endpoint } | undefined;
  #mapped: Endpoint | undefined;

  private constructor(lab: NatLab, [host, server]: readonly [Station, Station], socket: number[]) {
    this.lab = lab;
    this.host = host;
    this.server = server;
    this.socket = { id: socket[0]!, port: socket[1]! };
  }

  static async of(lab: NatLab): Promise<Scene> {
    const stations = [new Station(lab.host1), new Station(lab.server)] as const;
    const { id, port } = await stations[0].ask("bindUdp", { ip: lab.host1.ip, port: 0 });
    return new Scene(lab, stations, [id, port]);
  }

  async serverSocket(): Promise<{ readonly id: number; readonly to: Endpoint }> {
    const { ip } = this.lab.server;
    const { id, port } = await this.server.ask("bindUdp", { ip, port: 0 });
    return { id, to: { ip, port } };
  }

  /** Maps host1's socket by a datagram to the server; tells to what. */
  async map(): Promise<Endpoint> {
    const { id, to } = this.#contacted ??= await this.serverSocket();
    const text = crypto.randomUUID();
    await this.host.ask("send", { id: this.socket.id, to, text });
    const arrived = await this.server.ask("receive", { id, until: text, timeoutMs: 1_000 });
    const last = arrived.at(-1);
    if (last === undefined) throw new Error("Cannot map a socket: its datagram did not arrive");
    return this.#mapped = last.from;
  }

  /** Whether a datagram from where the host has sent to gets in. */
  async getsIn(text: string, to: Endpoint = this.#mapped!): Promise<boolean> {
    await this.server.ask("send", { id: this.#contacted!.id, to, text });
    return await this.arrives(text);
  }

  async arrives(until: string): Promise<boolean> {
    const { id } = this.socket;
    const arrived = await this.host.ask("receive", { id, until, timeoutMs: PATIENCE_MS });
    return arrived.some(({ text }) => text === until);
  }

  /** A TCP connection from host1 to the server. */
  async hold(): Promise<{ echoes(): Promise<boolean> }> {
    const { ip } = this.lab.server;
    const { port } = await this.server.ask("listen", { ip, port: 0 });
    const held = await this.host.ask("connect", {
      ...{ local: { ip: this.lab.host1.ip, port: 0 }, to: { ip, port }, timeoutMs: 1_000 },
    });
    if (typeof held === "string") throw new Error(`Cannot connect to the server: ${held}`);
    return {
      echoes: () => this.host.ask("echo", { id: held.id, timeoutMs: PATIENCE_MS }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

async function namespacesOf(name: string): Promise<string[]> {
  assertNotEquals(name, "");
  const { stdout } = await run("ip", ["netns", "list"]);
  return stdout.split("\n").filter((line) => line.startsWith(name));
}

function labTest(name: string, fn: () => Promise<void>): void {
  testWithTool({ name, tools: [NFT], skip: whyNotHere, fn });
}
