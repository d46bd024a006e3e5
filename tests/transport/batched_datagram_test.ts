import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Libc, libcIo, loadLibc } from "../../lib/transport/_libc.ts";
import { findLibc } from "../../lib/transport/_libc_finding.ts";
import { bindUdp } from "../../lib/transport/_linux_sockets.ts";
import { BatchedDatagram, openBatchedDatagram } from "../../lib/transport/batched_datagram.ts";
import { chooseDatagramIo } from "../../lib/transport/datagram_io.ts";
import { LibcError } from "../../lib/transport/libc_error.ts";
import { type Datagram, ListenError } from "../../lib/transport/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";
import { testDatagramTransport } from "../contracts/datagram_transport_contract.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";

/** Where findLibc() looks for the library when the permission names paths. */
const LIBC_PATHS = [
  `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`,
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
];
/** A library that has none of the C library's functions. */
const LOADER = Deno.build.arch === "x86_64" ? "ld-linux-x86-64.so.2" : "ld-linux-aarch64.so.1";
const AVAILABLE = libcIo().available;

if (AVAILABLE) testDatagramTransport("openBatchedDatagram()", openBatchedDatagram);

test("openBatchedDatagram() says that it works in batches", () => {
  using transport = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0 }));
  assertEquals(transport.io, "batched");
});

test("openBatchedDatagram() shares a port when all who bind it ask for that", () => {
  using first = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0, reusePort: true }));
  const { port } = first.localAddress;
  using second = disposable(openBatchedDatagram({ ip: LOOPBACK, port, reusePort: true }));
  assertEquals(second.localAddress, first.localAddress);
  const error = assertThrows(() => openBatchedDatagram({ ip: LOOPBACK, port }), ListenError);
  assertEquals(error.code, "address-in-use");
});

test("openBatchedDatagram() leaves IPv4 to others when it is for IPv6 only", () => {
  using first = disposable(openBatchedDatagram({ ip: EVERY_IPV6, port: 0, ipv6Only: true }));
  const { port } = first.localAddress;
  using second = disposable(openBatchedDatagram({ ip: EVERY_IPV4, port }));
  assertEquals(second.localAddress, { ip: EVERY_IPV4, port });
});

test("BatchedDatagram.receive() gives 64 datagrams at a time when there are more", async () => {
  using receiver = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0 }));
  using sender = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0 }));
  await sender.send(numbered(100, receiver.localAddress));
  const sizes = [(await receiver.receive()).length, (await receiver.receive()).length];
  assertEquals(sizes, [64, 36]);
});

test("BatchedDatagram.receive() lets timers run when datagrams never end", async () => {
  const transport = openBatchedDatagram({ ip: LOOPBACK, port: 0 });
  await transport.send(numbered(64, transport.localAddress));
  let received = 0;
  const timer = setTimeout(() => transport.close(), 1);
  for (;;) {
    const batch = await transport.receive();
    if (batch.length === 0) break;
    received += batch.length;
    await transport.send(batch); // to itself, as that is where they came from
  }
  clearTimeout(timer);
  assert(received >= 64);
});

test("BatchedDatagram.close() frees the port when a receive is pending", async () => {
  const transport = openBatchedDatagram({ ip: LOOPBACK, port: 0 });
  const pending = transport.receive();
  transport.close();
  assertEquals(await pending, []);
  openBatchedDatagram(transport.localAddress).close();
});

test("BatchedDatagram.send() goes on when a call sends a part only", async () => {
  using lab = new Lab({ sendmmsg: (real, count) => real(Math.min(count, 3)) });
  await lab.scripted.send(numbered(100, lab.plain.localAddress));
  assertEquals(await lab.arrived(100), firstNumbers(100));
  assertEquals(lab.scripted.sendFailures, 0);
});

test("BatchedDatagram.send() tries again when a call was interrupted", async () => {
  using lab = new Lab({ sendmmsg: failing([EINTR, EINTR]) });
  await lab.scripted.send(numbered(2, lab.plain.localAddress));
  assertEquals(await lab.arrived(2), [0, 1]);
  assertEquals(lab.scripted.sendFailures, 0);
});

test("BatchedDatagram.send() waits for room, and later sends for their turn", async () => {
  using lab = new Lab({ sendmmsg: failing([EAGAIN]) });
  const all = numbered(6, lab.plain.localAddress);
  await Promise.all([
    lab.scripted.send(all.slice(0, 3)),
    lab.scripted.send(all.slice(3, 5)),
    lab.scripted.send(all.slice(5)),
  ]);
  assertEquals(await lab.arrived(6), firstNumbers(6));
  assertEquals(lab.scripted.sendFailures, 0);
});

test("BatchedDatagram.send() drops what is too much to wait for room", async () => {
  using lab = new Lab({ sendmmsg: failing([EAGAIN]) });
  const peer = lab.plain.localAddress;
  const sending = lab.scripted.send(numbered(4_000, peer));
  await lab.scripted.send(numbered(97, peer));
  assertEquals(lab.scripted.sendFailures, 97);
  lab.scripted.close();
  await sending;
  assertEquals(lab.scripted.sendFailures, 4_097);
});

test("BatchedDatagram.send() keeps what waits for room when its bytes are used again", async () => {
  using lab = new Lab({ sendmmsg: failing([EAGAIN]) });
  const bytes = Uint8Array.of(1);
  const peer = { ip: LOOPBACK.slice(), port: lab.plain.localAddress.port };
  const sending = lab.scripted.send([{ bytes, peer }]);
  bytes.fill(2);
  peer.ip.fill(0);
  await sending;
  assertEquals(await lab.arrived(1), [1]);
});

test("BatchedDatagram.send() gives up when there is no room for long", async () => {
  using lab = new Lab({ sendmmsg: failing([EAGAIN, EAGAIN]) });
  await lab.scripted.send(numbered(100, lab.plain.localAddress));
  assertEquals(lab.scripted.sendFailures, 100);
  await lab.scripted.send(numbered(1, lab.plain.localAddress));
  assertEquals(await lab.arrived(1), [0]);
});

test("BatchedDatagram.send() counts what the system drops and sends the rest", async () => {
  using lab = new Lab({ sendmmsg: failing([ENOBUFS]) });
  await lab.scripted.send(numbered(3, lab.plain.localAddress));
  assertEquals(await lab.arrived(2), [1, 2]);
  assertEquals(lab.scripted.sendFailures, 1);
});

test("BatchedDatagram.send() counts what it was waiting to send when it is closed", async () => {
  using lab = new Lab({ sendmmsg: failing([EAGAIN]) });
  const sending = lab.scripted.send(numbered(3, lab.plain.localAddress));
  lab.scripted.close();
  await sending;
  assertEquals(lab.scripted.sendFailures, 3);
});

test("BatchedDatagram.send() rejects when a peer's IP address has a wrong length", async () => {
  using transport = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0 }));
  await assertRejects(
    () => transport.send(numbered(1, { ip: new Uint8Array(5), port: 1 })),
    RangeError,
    "Cannot write an IP address: it has 5 bytes, wanted 4 or 16",
  );
});

test("BatchedDatagram.send() counts what is longer than any datagram", async () => {
  using transport = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0 }));
  await transport.send([{ bytes: new Uint8Array(70_000), peer: transport.localAddress }]);
  assertEquals(transport.sendFailures, 1);
});

for (const [name, errno] of [["was interrupted", 4], ["reports an error", 5]] as const) {
  test(`BatchedDatagram.receive() goes on when a call ${name}`, async () => {
    using lab = new Lab({ recvmmsg: failing([errno, errno]) });
    await lab.plain.send(numbered(1, lab.scripted.localAddress));
    const [datagram, ...others] = await lab.scripted.receive();
    assertEquals({ bytes: datagram!.bytes, peer: { ...datagram!.peer } }, {
      bytes: Uint8Array.of(0),
      peer: lab.plain.localAddress,
    });
    assertEquals(others, []);
  });
}

test("libcIo() is available when the library's path alone may be loaded", {
  permissions: { ffi: LIBC_PATHS, net: false },
}, async () => {
  assertEquals(libcIo(), { available: true });
  using transport = disposable(openBatchedDatagram({ ip: LOOPBACK, port: 0 }));
  await transport.send(numbered(1, transport.localAddress));
  assertEquals((await transport.receive()).length, 1);
});

test("chooseDatagramIo() says what is missing when the permission is", {
  permissions: { ffi: false },
}, async () => {
  const { io, reason: advice } = await chooseDatagramIo("auto");
  assertEquals({ io, advice }, {
    io: "deno",
    advice: `for the faster way pass --allow-ffi=${LIBC_PATHS[0]}`,
  });
  const reason = `Deno was run without permission, pass --allow-ffi or --allow-ffi=${
    LIBC_PATHS[0]
  }`;
  await assertRejects(
    () => chooseDatagramIo("batched"),
    LibcError,
    `Cannot call the C library: ${reason}`,
  );
  assertThrows(() => openBatchedDatagram({ ip: LOOPBACK, port: 0 }), LibcError, reason);
});

test("chooseDatagramIo() takes what is wanted, or else the fastest", async () => {
  for (const [wanted, io] of [["auto", "batched"], ["batched", "batched"], ["deno", "deno"]]) {
    const chosen = await chooseDatagramIo(wanted as "auto");
    using transport = disposable(chosen.open({ ip: LOOPBACK, port: 0 }));
    assertEquals([chosen.io, transport.io, chosen.reason], [io, io, undefined]);
  }
});

Deno.test("findLibc() knows no library when the system is not Linux, or not a known one", () => {
  assertEquals(findLibc({ os: "darwin", arch: "aarch64" }), {
    reason: "found darwin on aarch64, wanted Linux on x86_64 or aarch64",
  });
  assertEquals(findLibc({ os: "linux", arch: "riscv64" }), {
    reason: "found linux on riscv64, wanted Linux on x86_64 or aarch64",
  });
});

test("loadLibc() throws when the library cannot be opened or lacks a function", () => {
  for (
    const [path, words] of [["/nowhere/libc.so.6", "cannot open"], [LOADER, "undefined symbol"]]
  ) {
    const error = assertThrows(() => loadLibc({ paths: [path!] }), LibcError);
    assert(error.message.startsWith("Cannot call the C library: "), error.message);
    assert(error.message.includes(words!), error.message);
    assert(!error.message.includes("\n"), error.message);
  }
});

test("loadLibc() takes the first library that there is", () => {
  loadLibc({ paths: ["/nowhere/libc.so.6", "libc.so.6"] }).close();
});

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const EVERY_IPV4 = new Uint8Array(4);
const EVERY_IPV6 = new Uint8Array(16);
const [EINTR, EAGAIN, ENOBUFS] = [4, 11, 105];

/** A function of the library as a test wants it: it may call the real one with fewer messages. */
type Scripted = (
  real: (count: number) => number,
  count: number,
  fail: (errno: number) => number,
) => number;

interface Script {
  readonly sendmmsg?: Scripted;
  readonly recvmmsg?: Scripted;
}

/** A transport whose library does what the test says, and one to talk to it. */
class Lab implements Disposable {
  readonly scripted: BatchedDatagram;
  readonly plain = openBatchedDatagram({ ip: LOOPBACK, port: 0 });

  constructor(script: Script) {
    const libc = scripted(loadLibc(), script);
    const options = { reusePort: false, ipv6Only: false, bufferBytes: 65_536 };
    this.scripted = new BatchedDatagram(libc, {
      descriptor: bindUdp(libc, { ip: LOOPBACK, port: 0 }, options),
    });
  }

  /** The first bytes of the next datagrams, so many of them. */
  async arrived(count: number): Promise<number[]> {
    const found: number[] = [];
    while (found.length < count) {
      for (const { bytes } of await this.plain.receive()) found.push(bytes[0]!);
    }
    return found;
  }

  [Symbol.dispose](): void {
    this.scripted.close();
    this.plain.close();
  }
}

function scripted(libc: Libc, script: Script): Libc {
  const { sendmmsg, recvmmsg, memcpyFrom } = libc.symbols;
  let errno = 0;
  const fail = (value: number) => {
    errno = value;
    return -1;
  };
  const run = (one: Scripted | undefined, real: (count: number) => number, count: number) => {
    errno = 0;
    return one === undefined ? real(count) : one(real, count, fail);
  };
  const symbols: Libc["symbols"] = {
    ...libc.symbols,
    sendmmsg: (fd, headers, count, flags) =>
      run(script.sendmmsg, (count) => sendmmsg(fd, headers, count, flags), count),
    recvmmsg: (fd, headers, count, flags, timeout) =>
      run(script.recvmmsg, (count) => recvmmsg(fd, headers, count, flags, timeout), count),
    // The way on which errno is read
    memcpyFrom: (into, from, length) => {
      const result = memcpyFrom(into, from, length);
      if (errno !== 0) (into as Int32Array)[0] = errno;
      return result;
    },
  };
  return { symbols, close: () => libc.close() };
}

function failing(errnos: number[]): Scripted {
  return (real, count, fail) => {
    const errno = errnos.shift();
    return errno === undefined ? real(count) : fail(errno);
  };
}

function numbered(count: number, peer: SocketAddress): Datagram[] {
  return Array.from({ length: count }, (_, i) => ({ bytes: Uint8Array.of(i), peer }));
}

function firstNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function disposable<T extends { close(): void }>(transport: T): T & Disposable {
  return Object.assign(transport, { [Symbol.dispose]: () => transport.close() });
}

/** Where there is no C library to call, there is nothing to test. */
function test(name: string, ...rest: TestRest): void {
  const fn = rest.length === 1 ? rest[0] : rest[1];
  const options = rest.length === 1 ? {} : rest[0];
  Deno.test({ ...unless(whyNoLibc(), name), ...options, fn });
}

type TestBody = () => void | Promise<void>;
type TestRest = [TestBody] | [Pick<Deno.TestDefinition, "permissions">, TestBody];
