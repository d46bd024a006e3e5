import { assertEquals } from "@std/assert";
import {
  attribute,
  BINDING,
  CHANGE_REQUEST,
  decodeMessage,
  DIAL_BACK,
  DIAL_BACK_RESULT,
  encodeMessage,
  ERROR_CODE,
  formatSocketAddress,
  MAPPED_ADDRESS,
  OTHER_ADDRESS,
  RESPONSE_ORIGIN,
  type SocketAddress,
  StunStreamFramer,
  valueOf,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import {
  addSite,
  type NatBehavior,
  simAddress,
  SimNetwork,
  SimStunServer,
  type SimStunServerOptions,
} from "./mod.ts";

const TWO_IPS = ["203.0.113.1", "203.0.113.2"];
const NO_CHANGE = { changeAddress: false, changePort: false };
const PORT = { changeAddress: false, changePort: true };
const ADDRESS = { changeAddress: true, changePort: false };
const BOTH = { changeAddress: true, changePort: true };
const CLIENT = "198.51.100.1:5000";

Deno.test("SimStunServer answers from all four of its addresses, as CHANGE-REQUEST asks", () => {
  const { ask } = udpLab({ ips: TWO_IPS });
  assertEquals([NO_CHANGE, PORT, ADDRESS, BOTH].map((change) => ask({ change })?.from), [
    "203.0.113.1:3478",
    "203.0.113.1:3479",
    "203.0.113.2:3478",
    "203.0.113.2:3479",
  ]);
  assertEquals(ask({ change: BOTH, to: "203.0.113.2:3479" })?.from, "203.0.113.1:3478");
});

Deno.test("SimStunServer tells the client's address, its own and the other one", () => {
  const { ask } = udpLab({ ips: TWO_IPS });
  assertEquals(ask({ change: PORT }), {
    from: "203.0.113.1:3479",
    mapped: CLIENT,
    origin: "203.0.113.1:3479",
    other: "203.0.113.2:3479",
    error: undefined,
  });
});

Deno.test("SimStunServer with one address is a plain server, which refuses CHANGE-REQUEST", () => {
  const { ask } = udpLab({ ips: ["203.0.113.1"] });
  const plain = { from: "203.0.113.1:3478", origin: undefined, other: undefined };
  assertEquals(ask({}), { ...plain, mapped: CLIENT, error: undefined });
  assertEquals(ask({ change: PORT }), { ...plain, mapped: undefined, error: 420 });
});

Deno.test("SimStunServer serves IPv6", () => {
  const network = new SimNetwork();
  const server = new SimStunServer(network, { ips: ["2001:db8:9::1", "2001:db8:9::2"] });
  const socket = network.addHost({ ips: ["2001:db8:1::2"] }).openUdp(5000);
  const seen: unknown[] = [];
  socket.onReceive = (bytes, source) => seen.push(read(bytes, source));
  socket.send(request({ change: BOTH }), server.address);
  network.run(1000);
  assertEquals(seen, [{
    from: "[2001:db8:9::2]:3479",
    mapped: "[2001:db8:1::2]:5000",
    origin: "[2001:db8:9::2]:3479",
    other: "[2001:db8:9::2]:3479",
    error: undefined,
  }]);
});

Deno.test("SimStunServer that ignores CHANGE-REQUEST answers from where it was asked", () => {
  for (const ips of [TWO_IPS, ["203.0.113.1"]]) {
    const { ask } = udpLab({ ips, lies: ["ignores-change-request"] });
    const answer = ask({ change: BOTH });
    assertEquals([answer?.from, answer?.mapped], ["203.0.113.1:3478", CLIENT]);
    assertEquals(answer?.other, ips.length > 1 ? "203.0.113.2:3479" : undefined);
  }
});

Deno.test("SimStunServer that changes the port only claims to have changed the address", () => {
  const { ask } = udpLab({ ips: TWO_IPS, lies: ["changes-port-only"] });
  const answers = [NO_CHANGE, PORT, ADDRESS, BOTH].map((change) => ask({ change }));
  assertEquals(answers.map((answer) => [answer?.from, answer?.origin]), [
    ["203.0.113.1:3478", "203.0.113.1:3478"],
    ["203.0.113.1:3479", "203.0.113.1:3479"],
    ["203.0.113.1:3479", "203.0.113.2:3478"],
    ["203.0.113.1:3479", "203.0.113.2:3479"],
  ]);
});

Deno.test("SimStunServer that answers from the wrong port answers nothing from a right one", () => {
  const { ask } = udpLab({ ips: TWO_IPS, lies: ["answers-from-wrong-port"] });
  const sources = [NO_CHANGE, PORT, BOTH].map((change) => simAddress(ask({ change })!.from));
  assertEquals(sources.map(({ port }) => port > 49151), [true, true, true]);
});

Deno.test("SimStunServer with the same IP in OTHER-ADDRESS changes nothing but the port", () => {
  const { ask } = udpLab({ ips: ["203.0.113.1"], lies: ["same-ip-other-address"] });
  const answers = [NO_CHANGE, PORT, ADDRESS, BOTH].map((change) => ask({ change }));
  assertEquals(answers.map((answer) => [answer?.from, answer?.other]), [
    ["203.0.113.1:3478", "203.0.113.1:3479"],
    ["203.0.113.1:3479", "203.0.113.1:3479"],
    ["203.0.113.1:3478", "203.0.113.1:3479"],
    ["203.0.113.1:3479", "203.0.113.1:3479"],
  ]);
});

Deno.test("SimStunServer without OTHER-ADDRESS obeys CHANGE-REQUEST all the same", () => {
  const { ask } = udpLab({ ips: TWO_IPS, lies: ["no-other-address"] });
  assertEquals(ask({ change: BOTH }), {
    from: "203.0.113.2:3479",
    mapped: CLIENT,
    origin: undefined,
    other: undefined,
    error: undefined,
  });
});

Deno.test("SimStunServer with a dead OTHER-ADDRESS is silent there and from there", () => {
  const { ask } = udpLab({ ips: TWO_IPS, lies: ["dead-other-address"] });
  assertEquals(ask({})?.other, "203.0.113.2:3479");
  assertEquals(ask({ change: PORT })?.from, "203.0.113.1:3479");
  assertEquals([ask({ change: ADDRESS }), ask({ change: BOTH })], [undefined, undefined]);
  assertEquals(ask({ to: "203.0.113.2:3479" }), undefined);
});

Deno.test("SimStunServer that knows MAPPED-ADDRESS only says nothing else", () => {
  const { receive } = udpLab({ ips: TWO_IPS, lies: ["mapped-address-only"] });
  const message = decodeMessage(receive({})!);
  assertEquals(message.ok && message.value.attributes.map(({ type }) => type), [
    MAPPED_ADDRESS.type,
  ]);
  assertEquals(message.ok && valueOf(message.value, MAPPED_ADDRESS), simAddress(CLIENT));
});

Deno.test("SimStunServer that answers garbage answers with bytes that are no answer", () => {
  const { receive } = udpLab({ ips: TWO_IPS, lies: ["garbage"] });
  const answers = [receive({}), receive({})].map((bytes) => bytes?.toHex());
  assertEquals(new Set(answers).size, 2);
  assertEquals(answers.map((hex) => hex?.length), [112, 112]);
});

Deno.test("SimStunServer falls silent after as many answers as it is told to give", () => {
  const { ask, server } = udpLab({ ips: TWO_IPS, silentAfter: 2 });
  assertEquals([1, 2, 3, 4].map(() => ask({}) !== undefined), [true, true, false, false]);
  assertEquals(server.requests, 4);
});

Deno.test("SimStunServer limits the rate of each source", () => {
  const { ask, network } = udpLab({ ips: TWO_IPS, rateLimit: { ratePerSecond: 1, burst: 2 } });
  // Each takes 100 ms
  assertEquals([1, 2, 3].map(() => ask({}) !== undefined), [true, true, false]);
  network.run(network.now + 1000);
  assertEquals(ask({}) !== undefined, true);
});

Deno.test("SimStunServer answers over TCP, in order and on the same connection", () => {
  const { talk } = tcpLab({ ips: TWO_IPS });
  assertEquals(talk([request({}), request({})]), [
    { from: "203.0.113.1:3478", mapped: CLIENT, ...TCP_ANSWER },
    { from: "203.0.113.1:3478", mapped: CLIENT, ...TCP_ANSWER },
  ]);
});

for (
  const [title, behavior, listens, expected] of [
    ["reaches a listener behind a full cone", { filtering: "endpoint-independent" }, true, [
      "connected",
      "connected",
    ]],
    ["is refused where nobody listens", { filtering: "endpoint-independent" }, false, [
      "refused",
      "refused",
    ]],
    [
      "gets through an address-dependent filter from the same address alone",
      {
        filtering: "address-dependent",
      },
      true,
      ["connected", "timed-out"],
    ],
    ["gets through no port-dependent filter", {}, true, ["timed-out", "timed-out"]],
    ["is told of an RST", { unsolicitedTcp: "reset" }, true, ["refused", "refused"]],
    ["is told of an ICMP error", { unsolicitedTcp: "icmp" }, true, ["unreachable", "unreachable"]],
  ] as const satisfies readonly (readonly [string, NatBehavior, boolean, readonly string[]])[]
) {
  Deno.test(`SimStunServer's dial-back ${title}`, () => {
    const { talk, host } = tcpLab({ ips: TWO_IPS }, behavior);
    const greeted: string[] = [];
    if (listens) {
      host.listenTcp(5000).onConnection = (connection) => {
        connection.onReceive = (bytes) => {
          const message = decodeMessage(bytes);
          const token = message.ok ? valueOf(message.value, DIAL_BACK)?.token.toHex() : "none";
          greeted.push(`${token} from ${connection.remote.ip.join(".")}`);
        };
      };
    }
    const answers = talk([dialBack(NO_CHANGE), dialBack(ADDRESS)]);
    assertEquals(answers.map(({ dialled }) => dialled), [...expected]);
    assertEquals(
      greeted,
      TWO_IPS.filter((_, i) => expected[i] === "connected")
        .map((ip) => `0102030405060708 from ${ip}`),
    );
  });
}

Deno.test("SimStunServer keeps the order of its answers while it dials back", () => {
  const { talk } = tcpLab({ ips: TWO_IPS });
  const answers = talk([request({}), dialBack(NO_CHANGE), request({})]);
  assertEquals(answers.map(({ dialled }) => dialled), [undefined, "timed-out", undefined]);
});

Deno.test("SimStunServer says that it cannot dial back when it cannot", () => {
  const without = tcpLab({ ips: TWO_IPS, dialBack: false }).talk([dialBack(NO_CHANGE)]);
  const plain = tcpLab({ ips: ["203.0.113.1"] }).talk([dialBack(ADDRESS)]);
  const dead = tcpLab({ ips: TWO_IPS, lies: ["dead-other-address"] }).talk([dialBack(ADDRESS)]);
  assertEquals([without, plain, dead].map(([answer]) => answer?.dialled), [
    "unsupported",
    "unsupported",
    "unsupported",
  ]);
});

Deno.test("SimStunServer resets a TCP connection after the time that it holds it", () => {
  const { network, connection, closed } = tcpLab({ ips: TWO_IPS, tcpHoldMs: 3000 });
  network.run(2900);
  assertEquals(connection.state, "open");
  network.run(3100);
  assertEquals([connection.state, closed], ["closed", ["reset"]]);
});

Deno.test("SimStunServer ends a TCP connection on which there is no STUN", () => {
  const { network, connection, closed } = tcpLab({ ips: TWO_IPS });
  connection.onEnd = () => connection.end();
  connection.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  network.run(1000);
  assertEquals(closed, ["closed"]);
});

Deno.test("SimStunServer.close() leaves nobody there", () => {
  const { network, connection, server, host, closed } = tcpLab({ ips: TWO_IPS });
  server.close();
  network.run(1000);
  assertEquals([connection.state, closed], ["closed", ["reset"]]);
  const next = host.connectTcp({ to: server.address });
  const socket = host.openUdp();
  let answered = false;
  socket.onReceive = () => void (answered = true);
  socket.send(request({}), server.address);
  network.run(2000);
  assertEquals([next.outcome, answered], ["refused", false]);
});

const TCP_ANSWER = {
  origin: "203.0.113.1:3478",
  other: "203.0.113.2:3479",
  error: undefined,
  dialled: undefined,
};

interface Ask {
  readonly change?: typeof BOTH;
  readonly to?: string;
}

interface Datagram {
  readonly bytes: Uint8Array;
  readonly source: SocketAddress;
}

/** A client behind a full cone, which hears everything, and a server. */
function udpLab(options: SimStunServerOptions) {
  const network = new SimNetwork();
  const server = new SimStunServer(network, options);
  const boxes = [{ filtering: "endpoint-independent" }] as const;
  const socket = addSite(network, { boxes, site: 1 }).host.openUdp(5000);
  let last: Datagram | undefined;
  socket.onReceive = (bytes, source) => void (last = { bytes, source });
  const exchange = ({ to, ...what }: Ask): Datagram | undefined => {
    last = undefined;
    socket.send(request(what), to === undefined ? server.address : simAddress(to));
    network.run(network.now + 100);
    return last;
  };
  return {
    network,
    server,
    receive: (what: Ask) => exchange(what)?.bytes,
    ask: (what: Ask) => {
      const answer = exchange(what);
      return answer && read(answer.bytes, answer.source);
    },
  };
}

/** A client behind a box, connected to a server from port 5000. */
function tcpLab(options: SimStunServerOptions, behavior: NatBehavior = {}) {
  const network = new SimNetwork();
  const server = new SimStunServer(network, options);
  const { host } = addSite(network, { boxes: [behavior], site: 1 });
  const connection = host.connectTcp({ localPort: 5000, to: server.address });
  const framer = new StunStreamFramer();
  const answers: (ReturnType<typeof read> & { dialled: string | undefined })[] = [];
  const closed: string[] = [];
  connection.onReceive = (bytes) => {
    for (const frame of framer.push(bytes).frames) {
      const message = decodeMessage(frame);
      const dialled = message.ok ? valueOf(message.value, DIAL_BACK_RESULT)?.outcome : undefined;
      answers.push({ ...read(frame, connection.remote), dialled });
    }
  };
  connection.onClose = (reason) => closed.push(reason);
  network.run(100);
  const talk = (requests: readonly Uint8Array[]) => {
    for (const one of requests) connection.send(one);
    network.run(60_000);
    return answers;
  };
  return { network, server, host, connection, closed, talk };
}

function request({ change }: Ask): Uint8Array {
  return encodeBinding(change === undefined ? [] : [attribute(CHANGE_REQUEST, change)]);
}

function dialBack(change: typeof BOTH): Uint8Array {
  const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  return encodeBinding([attribute(DIAL_BACK, { ...change, token })]);
}

function encodeBinding(attributes: readonly WritableAttribute[]): Uint8Array {
  const transactionId = new Uint8Array(12).fill(7);
  return encodeMessage({ class: "request", method: BINDING, transactionId, attributes });
}

function read(bytes: Uint8Array, source: SocketAddress) {
  const message = decodeMessage(bytes);
  const from = formatSocketAddress(source);
  const address = (codec: typeof MAPPED_ADDRESS) => {
    const value = message.ok ? valueOf(message.value, codec) : undefined;
    return value && formatSocketAddress(value);
  };
  return {
    from,
    mapped: address(XOR_MAPPED_ADDRESS),
    origin: address(RESPONSE_ORIGIN),
    other: address(OTHER_ADDRESS),
    error: message.ok ? valueOf(message.value, ERROR_CODE)?.code : undefined,
  };
}
