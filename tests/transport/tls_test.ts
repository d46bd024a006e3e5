import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect as connectNode } from "node:net";
import {
  CertificateError,
  ConnectionError,
  connectTcp,
  connectTls,
  ListenError,
  listenTcp,
  listenTls,
  type ListenTlsOptions,
  type StreamConnection,
  type TlsConnection,
  type TlsListener,
} from "../../lib/transport/mod.ts";
import { formatIp, type SocketAddress } from "../../lib/wire/mod.ts";
import { testStreamTransport } from "../contracts/stream_transport_contract.ts";
import { AUTHORITY, EXPIRED, RENEWED, SERVER } from "../support/certificate.ts";

testStreamTransport("listenTls() and connectTls()", {
  listen: ({ ip, port }) => listenTls({ ...SERVER, ip, port }),
  connect: trusting,
  connectToReset: async ({ ip, port }) => {
    const socket = connectNode(port, formatIp(ip));
    await once(socket, "connect");
    return () => socket.resetAndDestroy();
  },
  clientClosesAtOnce: false,
});

for (
  const [what, certified, code, reason] of [
    [
      "no certificate",
      { ...SERVER, certificate: "" },
      "no-certificate",
      'found no PEM block "CERTIFICATE"',
    ],
    [
      "certificate and key exchanged",
      { certificate: SERVER.key, key: SERVER.certificate },
      "no-certificate",
      'found no PEM block "CERTIFICATE"',
    ],
    [
      "a certificate cut short",
      { ...SERVER, certificate: SERVER.certificate.slice(0, 300) },
      "bad-certificate",
      "the certificate is damaged",
    ],
    [
      "a certificate that is none",
      { ...SERVER, certificate: pem("CERTIFICATE", "AAAA") },
      "bad-certificate",
      "the certificate is damaged",
    ],
    ["no key", { ...SERVER, key: "" }, "no-key", 'found no PEM block "PRIVATE KEY"'],
    [
      "an encrypted key",
      { ...SERVER, key: pem("ENCRYPTED PRIVATE KEY", "AAAA") },
      "bad-key",
      "the key is encrypted, wanted one without a passphrase",
    ],
    [
      "a key that is none",
      { ...SERVER, key: pem("PRIVATE KEY", "AAAA") },
      "bad-key",
      "the key is damaged or of an unknown kind, wanted RSA (2048 bits or more), ECDSA or Ed25519",
    ],
    [
      "a key cut short",
      { ...SERVER, key: SERVER.key.slice(0, 100) },
      "bad-key",
      "the key is damaged or of an unknown kind, wanted RSA (2048 bits or more), ECDSA or Ed25519",
    ],
    [
      "another certificate's key",
      { ...SERVER, key: RENEWED.key },
      "mismatch",
      "the key is not that of the first certificate (the server's own has to come first)",
    ],
    [
      "a chain in the wrong order",
      { ...SERVER, certificate: AUTHORITY + SERVER.certificate },
      "mismatch",
      "the key is not that of the first certificate (the server's own has to come first)",
    ],
  ] as const
) {
  Deno.test(`listenTls() throws and binds nothing when it is given ${what}`, async () => {
    const address = deadAddress();
    const error = assertThrows(() => listenTls({ ...certified, ...address }), CertificateError);
    assertEquals(error.code, code);
    assertEquals(error.message, `Cannot use the TLS certificate: ${reason}`);
    await assertRejects(() => connectTcp(address), ConnectionError);
  });
}

Deno.test("listenTls() throws when the port is in use", () => {
  const listener = listenTcp({ ip: LOOPBACK, port: 0 });
  const { port } = listener.localAddress;
  const error = assertThrows(() => listenTls({ ...SERVER, ip: LOOPBACK, port }), ListenError);
  listener.close();
  assertEquals(error.code, "address-in-use");
  assertEquals(error.transport, "tls");
});

Deno.test("listenTls() throws when an application protocol has no name", () => {
  assertThrows(
    () => listenTls({ ...SERVER, ip: LOOPBACK, port: 0, alpn: [""] }),
    RangeError,
    'Cannot offer application protocol "": the name has 0 bytes, wanted 1 to 255',
  );
});

for (
  const [offered, chosen] of [
    [undefined, null],
    [["b"], "b"],
    [["x", "b", "a"], "a"],
  ] as const
) {
  Deno.test(`listenTls() chooses ${chosen} when the client offers ${offered}`, async () => {
    await using server = listen({ alpn: ["a", "b"] });
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port: server.address.port });
    const accepted = (await server.listener.accept())!;
    using tls = await Deno.startTls(tcp, {
      hostname: "localhost",
      caCerts: [AUTHORITY],
      ...(offered && { alpnProtocols: [...offered] }),
    });
    assertEquals((await tls.handshake()).alpnProtocol, chosen);
    await tls.write(Uint8Array.of(1));
    assertEquals([...(await accepted.read())!], [1]);
    accepted.close();
  });
}

Deno.test("connectTls() tells which application protocol the server has chosen", async () => {
  await using server = listen({ alpn: ["a", "b"] });
  for (const [alpn, chosen] of [[["x", "b"], "b"], [[], undefined]] as const) {
    const [connection, accepted] = await Promise.all([
      trusting(server.address, { alpn }),
      server.listener.accept(),
    ]);
    assertEquals(connection.applicationProtocol, chosen);
    connection.close();
    accepted!.close();
  }
});

Deno.test("listenTls() refuses a client that offers other application protocols", async () => {
  await using server = listen({ alpn: ["a", "b"] });
  const [error, accepted] = await Promise.all([
    assertRejects(() => trusting(server.address, { alpn: ["x"] }), ConnectionError),
    server.listener.accept(),
  ]);
  assertEquals(error.code, "other");
  assertEquals(
    error.message,
    `Cannot connect to tls 127.0.0.1:${server.address.port}: ` +
      "the peer refuses the TLS handshake: NoApplicationProtocol",
  );
  const refusal = await assertRejects(() => accepted!.read(), ConnectionError);
  assertEquals(refusal.code, "other");
  assertStringIncludes(refusal.message, "the TLS handshake failed: ");
  assertEquals(await assertRejects(() => accepted!.write(Uint8Array.of(1))), refusal);
  accepted!.close();
});

Deno.test("TlsListener.accept() goes on while clients do not shake hands", async () => {
  await using server = listen({});
  const silent = await connectTcp(server.address);
  const first = (await server.listener.accept())!;
  assertEquals(first.remoteAddress, silent.localAddress);
  const [client, second] = await Promise.all([
    trusting(server.address),
    server.listener.accept(),
  ]);
  await client.write(Uint8Array.of(1));
  assertEquals([...(await second!.read())!], [1]);
  for (const connection of [silent, first, client, second!]) connection.close();
});

Deno.test("TlsListener.accept() gives a connection that ends when no handshake comes", async () => {
  await using server = listen({ handshakeTimeoutMs: 30 });
  const silent = await connectTcp(server.address);
  const accepted = (await server.listener.accept())!;
  const { port } = silent.localAddress;
  const error = await assertRejects(() => accepted.read(), ConnectionError);
  assertEquals(error.code, "timed-out");
  assertEquals(error.message, `Cannot serve tls 127.0.0.1:${port}: no TLS handshake within 30 ms`);
  // The client is not left hanging: its connection is over, not merely forgotten
  assertEquals(await silent.read(), undefined);
  silent.close();
  accepted.close();
});

Deno.test("TlsListener.accept() gives a connection that ends though nobody reads it", async () => {
  await using server = listen({ handshakeTimeoutMs: 30 });
  const silent = await connectTcp(server.address);
  const accepted = (await server.listener.accept())!;
  assertEquals(await silent.read(), undefined);
  silent.close();
  accepted.close();
});

Deno.test("TlsListener.accept() gives a connection that can be closed at once", async () => {
  await using server = listen({});
  const silent = await connectTcp(server.address);
  const accepted = (await server.listener.accept())!;
  const reading = accepted.read();
  const writing = assertRejects(() => accepted.write(Uint8Array.of(1)), ConnectionError);
  accepted.close();
  assertEquals(await reading, undefined);
  assertEquals((await writing).code, "closed");
  assertEquals(await silent.read(), undefined);
  silent.close();
});

Deno.test("TlsListener.accept() gives a connection that can be closed while it ends", async () => {
  await using server = listen({});
  await using pair = await server.pair();
  const writing = assertRejects(() => pair.accepted.write(new Uint8Array(32 * 1024 * 1024)));
  const ending = pair.accepted.closeWrite();
  // The first bytes have come, so the rest is under way and nobody reads it
  await pair.client.read();
  pair.accepted.close();
  const error = await writing;
  assertEquals(error instanceof ConnectionError && error.code, "closed");
  await ending;
});

Deno.test("TlsListener.accept() gives a connection that rejects when it gets garbage", async () => {
  await using server = listen({});
  const client = await connectTcp(server.address);
  const accepted = (await server.listener.accept())!;
  await client.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
  const error = await assertRejects(() => accepted.read(), ConnectionError);
  assertEquals(error.code, "other");
  // alert(21) version(3, 3) length(0, 2) fatal(2) decode_error(50)
  assertEquals([...(await client.read())!], [21, 3, 3, 0, 2, 2, 50]);
  assertEquals(await client.read(), undefined);
  client.close();
  accepted.close();
});

Deno.test("TlsListener.accept() gives a connection that rejects when the peer ends it", async () => {
  await using server = listen({});
  const client = await connectTcp(server.address);
  const accepted = (await server.listener.accept())!;
  await client.closeWrite();
  const error = await assertRejects(() => accepted.read(), ConnectionError);
  assertEquals(error.code, "reset");
  client.close();
  accepted.close();
});

Deno.test("TlsListener.replaceCertificate() changes new connections, not old ones", async () => {
  await using server = listen({});
  await using before = await server.pair();
  assertEquals(await subject(server), "CN=Test server");
  server.listener.replaceCertificate(RENEWED);
  assertEquals(await subject(server), "CN=Renewed test server");
  await before.client.write(Uint8Array.of(7));
  assertEquals([...(await before.accepted.read())!], [7]);
});

Deno.test("TlsListener.replaceCertificate() keeps the old one when the new is bad", async () => {
  await using server = listen({});
  const error = assertThrows(
    () => server.listener.replaceCertificate({ ...RENEWED, key: SERVER.key }),
    CertificateError,
  );
  assertEquals(error.code, "mismatch");
  assertEquals(await subject(server), "CN=Test server");
});

Deno.test("connectTls() rejects when nobody known has signed the certificate", async () => {
  await using server = listen({});
  const [error, accepted] = await Promise.all([
    assertRejects(() => connectTls(server.address), ConnectionError),
    server.listener.accept(),
  ]);
  assertEquals(error.code, "untrusted");
  assertEquals(
    error.message,
    `Cannot connect to tls 127.0.0.1:${server.address.port}: ` +
      "the peer's certificate is not trusted: no authority known here has signed it",
  );
  await assertRejects(() => accepted!.read(), ConnectionError);
  accepted!.close();
});

Deno.test("connectTls() rejects when the certificate is for other names", async () => {
  await using server = listen({});
  const [error, accepted] = await Promise.all([
    assertRejects(
      () => trusting(server.address, { hostname: "stun.example" }),
      ConnectionError,
      "the peer's certificate is not trusted: ",
    ),
    server.listener.accept(),
  ]);
  assertEquals(error.code, "untrusted");
  assertStringIncludes(error.message, '"stun.example"');
  accepted!.close();
});

Deno.test("connectTls() rejects when the certificate is out of date", async () => {
  await using server = listen(EXPIRED);
  const [error, accepted] = await Promise.all([
    assertRejects(() => trusting(server.address), ConnectionError),
    server.listener.accept(),
  ]);
  assertEquals(error.code, "untrusted");
  assertStringIncludes(error.message, "expired");
  accepted!.close();
});

Deno.test("connectTls() rejects when the peer does not speak TLS", async () => {
  const listener = listenTcp({ ip: LOOPBACK, port: 0 });
  const [error, accepted] = await Promise.all([
    assertRejects(() => trusting(listener.localAddress), ConnectionError),
    listener.accept().then(async (connection) => {
      await connection!.write(new TextEncoder().encode("220 mail.example\r\n"));
      return connection!;
    }),
  ]);
  assertEquals(error.code, "other");
  assertStringIncludes(error.message, ": the peer does not speak TLS");
  accepted.close();
  listener.close();
});

Deno.test("connectTls() rejects when nobody listens", async () => {
  const error = await assertRejects(() => trusting(deadAddress()), ConnectionError);
  assertEquals(error.code, "refused");
});

for (
  const [reason, code] of [[new Error("enough"), "aborted"], [
    new DOMException("late", "TimeoutError"),
    "timed-out",
  ]] as const
) {
  Deno.test(`connectTls() rejects as ${code} when it is given up in the handshake`, async () => {
    const listener = listenTcp({ ip: LOOPBACK, port: 0 });
    const controller = new AbortController();
    const { signal } = controller;
    const attempt = assertRejects(() => trusting(listener.localAddress, { signal }));
    const accepted = (await listener.accept())!;
    // It has said hello, so it is in the middle of the handshake
    await accepted.read();
    controller.abort(reason);
    const error = await attempt;
    assertEquals(error instanceof ConnectionError && error.code, code);
    accepted.close();
    listener.close();
  });
}

/** A listener on loopback that is closed with the test. */
class TestServer implements AsyncDisposable {
  readonly listener: TlsListener;
  readonly address: SocketAddress;

  constructor(listener: TlsListener) {
    this.listener = listener;
    this.address = listener.localAddress;
  }

  async pair(): Promise<TestPair> {
    const [client, accepted] = await Promise.all([
      trusting(this.address),
      this.listener.accept(),
    ]);
    return new TestPair(client, accepted!);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    return Promise.resolve();
  }
}

/** Both ends of a connection. */
class TestPair implements AsyncDisposable {
  readonly client: StreamConnection;
  readonly accepted: StreamConnection;

  constructor(client: StreamConnection, accepted: StreamConnection) {
    this.client = client;
    this.accepted = accepted;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.accepted.close();
    return Promise.resolve();
  }
}

function listen(options: Partial<ListenTlsOptions>): TestServer {
  return new TestServer(listenTls({ ...SERVER, ip: LOOPBACK, port: 0, ...options }));
}

function trusting(
  address: SocketAddress,
  options: Parameters<typeof connectTls>[1] = {},
): Promise<TlsConnection> {
  return connectTls(address, { caCerts: [AUTHORITY], ...options });
}

/** Whom the certificate that a new connection shows is for. */
async function subject(server: TestServer): Promise<string> {
  const { connect } = await import("node:tls");
  const socket = connect({ port: server.address.port, host: "127.0.0.1", ca: AUTHORITY });
  const [accepted] = await Promise.all([server.listener.accept(), once(socket, "secureConnect")]);
  const { subject: { CN } } = socket.getPeerCertificate();
  socket.destroy();
  accepted!.close();
  return `CN=${CN}`;
}

function pem(label: string, body: string): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

function deadAddress(): SocketAddress {
  const listener = listenTcp({ ip: LOOPBACK, port: 0 });
  listener.close();
  return listener.localAddress;
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
