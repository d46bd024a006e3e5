import { assertEquals, assertThrows } from "@std/assert";
import {
  addSite,
  driveMachine,
  driveUdp,
  type SimAction,
  simAddress,
  type SimEvent,
  SimNetwork,
  SimStunServer,
} from "./mod.ts";

const REQUEST = Uint8Array.fromHex("000100002112a442b7e7a701bc34d686fa87dfae");

Deno.test("driveUdp() opens, wakes at the start and when asked to, and hands over datagrams", () => {
  const { network, host, server } = lab();
  const log: string[] = [];
  const wakes = [100, 250, undefined];
  let wake: number | undefined = 0;
  driveUdp(host, {
    port: 5000,
    onOpen: ({ socket, now }) => log.push(`${now}: open on ${socket.local.port}`),
    onWake: ({ socket, now }) => {
      log.push(`${now}: awake`);
      wake = wakes.shift();
      socket.send(REQUEST, server.address);
    },
    onReceive: ({ bytes }, { now }) => log.push(`${now}: ${bytes.length} bytes`),
    nextWake: () => wake,
  });
  network.run(10_000);
  assertEquals(log, [
    "0: open on 5000",
    "0: awake",
    "22: 32 bytes",
    "100: awake",
    "122: 32 bytes",
    "250: awake",
    "272: 32 bytes",
  ]);
});

Deno.test("driveUdp() calls nobody once it is closed", () => {
  const { network, host, server } = lab();
  let calls = 0;
  const drive = driveUdp(host, {
    onWake: ({ socket }) => {
      calls++;
      socket.send(REQUEST, server.address);
    },
    onReceive: () => calls++,
    nextWake: () => network.now + 10,
  });
  drive.close();
  network.run(1000);
  assertEquals(calls, 1);
});

Deno.test("driveMachine() opens UDP sockets, sends from them and tells what they receive", () => {
  const { run, server } = machine();
  const to = server.address;
  const { log } = run([
    { kind: "open-udp", socket: "a", port: 5000 },
    { kind: "send", socket: "a", bytes: REQUEST, to },
    { kind: "open-udp", socket: "b", port: 5000 },
    { kind: "send", socket: "nobody", bytes: REQUEST, to },
    { kind: "open-udp", socket: "c", port: 5001 },
    { kind: "send", socket: "c", bytes: REQUEST, to },
    { kind: "close", socket: "c" },
  ]);
  assertEquals(log, [
    "0: opened a",
    "0: open-failed b",
    "0: opened c",
    "22: received a",
  ]);
});

Deno.test("driveMachine() makes and takes TCP connections and tells how they fare", () => {
  const { run, server, network } = machine();
  const other = network.addHost({ ips: ["203.0.113.9"] });
  const { log } = run([
    { kind: "listen-tcp", socket: "door", port: 5000 },
    { kind: "connect-tcp", socket: "a", localPort: 5000, to: server.address },
    { kind: "write", socket: "a", bytes: REQUEST },
    { kind: "end", socket: "a" },
    { kind: "connect-tcp", socket: "b", to: simAddress("203.0.113.9:80") },
  ], () => {
    network.run(15);
    const visitor = other.connectTcp({ to: simAddress("198.51.100.1:5000") });
    visitor.send(Uint8Array.of(1));
    visitor.end();
  });
  assertEquals(log, [
    "0: opened door",
    "0: opened a",
    "0: opened b",
    "22: outcome a connected",
    "22: outcome b refused",
    "44: read a",
    "44: ended a",
    "44: closed a closed",
    "48: accepted door/1",
    "48: read door/1",
    "48: ended door/1",
  ]);
});

Deno.test("driveMachine() polls a machine when it wants to be woken, and not after it is closed", () => {
  const { network, host } = lab();
  const polls: number[] = [];
  const drive = driveMachine(host, {
    poll: (now) => {
      polls.push(now);
      return [];
    },
    handle: () => {},
    nextWake: () => network.now + 100,
  });
  network.run(250);
  drive.close();
  network.run(1000);
  assertEquals(polls, [0, 100, 200]);
});

Deno.test("driveMachine() closes all sockets with the drive", () => {
  const { network, host, server } = lab();
  const wanted: SimAction[] = [
    { kind: "open-udp", socket: "a", port: 5000 },
    { kind: "listen-tcp", socket: "b", port: 5000 },
    { kind: "connect-tcp", socket: "c", localPort: 5001, to: server.address },
  ];
  const told: string[] = [];
  const drive = driveMachine(host, {
    poll: () => wanted.splice(0),
    handle: ({ kind, socket }) => told.push(`${kind} ${socket}`),
    nextWake: () => undefined,
  });
  network.run(100);
  drive.close();
  host.openUdp(5000);
  host.listenTcp(5000);
  host.connectTcp({ localPort: 5001, to: server.address });
  network.run(1000);
  assertEquals(told, ["opened a", "opened b", "opened c", "outcome c"]);
});

Deno.test("driveMachine() refuses a name that is taken", () => {
  const { host } = lab();
  const wanted: SimAction[] = ["a", "a"].map((socket) => ({ kind: "open-udp", socket }));
  assertThrows(
    () =>
      driveMachine(host, {
        poll: () => wanted.splice(0),
        handle: () => {},
        nextWake: () => undefined,
      }),
    TypeError,
    "Cannot open a: there is a socket of that name",
  );
});

Deno.test("driveMachine() refuses a machine that never rests", () => {
  const { host } = lab();
  const action: SimAction = { kind: "close", socket: "none" };
  assertThrows(
    () => driveMachine(host, { poll: () => [action], handle: () => {}, nextWake: () => undefined }),
    Error,
    "Cannot drive the machine: it wants more after",
  );
});

function lab() {
  const network = new SimNetwork();
  const server = new SimStunServer(network, { ips: ["203.0.113.1"] });
  const { host } = addSite(network, { boxes: [{ filtering: "endpoint-independent" }], site: 1 });
  return { network, server, host };
}

/** A machine that wants some actions at the start, and writes down what it is told. */
function machine() {
  const { network, server, host } = lab();
  const run = (actions: readonly SimAction[], meanwhile = () => {}) => {
    const wanted = [...actions];
    const log: string[] = [];
    driveMachine(host, {
      poll: () => wanted.splice(0),
      handle: (event: SimEvent, now) => {
        const detail = event.kind === "outcome"
          ? ` ${event.outcome}`
          : event.kind === "closed"
          ? ` ${event.reason}`
          : "";
        log.push(`${now}: ${event.kind} ${event.socket}${detail}`);
      },
      nextWake: () => undefined,
    });
    meanwhile();
    network.run(10_000);
    return { log };
  };
  return { network, server, run };
}
