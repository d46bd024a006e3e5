// OpenSSL against the TLS transport, in both roles: an echo, no STUN.

import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import {
  ConnectionError,
  connectTls,
  listenTls,
  type ListenTlsOptions,
} from "../../lib/transport/mod.ts";
import { socketAddress } from "../../lib/wire/mod.ts";
import { AUTHORITY, RENEWED, SERVER } from "../support/certificate.ts";
import { freePort } from "../support/free_port.ts";
import { Child, run } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";

for (const version of ["1.2", "1.3"] as const) {
  test(`listenTls() echoes over TLS ${version} with stun.turn chosen`, async () => {
    const { client, server } = await sClient([flag(version), "-alpn", "stun.turn"]);
    assertMatch(client, new RegExp(`^New, TLSv${version}, `, "m"));
    assertMatch(client, /^ALPN protocol: stun\.turn$/m);
    assertMatch(client, /Verification: OK/);
    assertMatch(client, /^hello$/m);
    // The end of the stream is told with a close_notify, not by a cut
    assertNotMatch(client, /error|unexpected eof/i);
    assertEquals(server, ["read 6", "ended"]);
  });

  test(`listenTls() serves a TLS ${version} client that offers no protocol`, async () => {
    const { client, server } = await sClient([flag(version)]);
    assertMatch(client, /^No ALPN negotiated$/m);
    assertMatch(client, /^hello$/m);
    assertEquals(server, ["read 6", "ended"]);
  });

  test(`listenTls() refuses a TLS ${version} client that offers another protocol`, async () => {
    const { client, server } = await sClient([flag(version), "-alpn", "h2"]);
    assertMatch(client, /alert no application protocol/);
    assertEquals(server, ["other"]);
  });

  test(`connectTls() talks to OpenSSL over TLS ${version}`, async () => {
    await using folder = await Folder.of({ "cert.pem": SERVER.certificate, "key.pem": SERVER.key });
    const port = freePort();
    await using server = new Child("openssl", [
      ...["s_server", "-accept", `127.0.0.1:${port}`, "-naccept", "1", "-rev", flag(version)],
      ...["-cert", `${folder.path}/cert.pem`, "-key", `${folder.path}/key.pem`],
      ...["-alpn", "stun.turn"],
    ]);
    await server.line(/^ACCEPT/);
    const address = socketAddress(LOOPBACK, port);
    const connection = await connectTls(address, {
      hostname: "localhost",
      caCerts: [AUTHORITY],
      alpn: ["stun.nat-discovery", "stun.turn"],
    });
    await connection.write(new TextEncoder().encode("abc\n"));
    assertEquals(new TextDecoder().decode(await connection.read()), "cba\n");
    await connection.closeWrite();
    assertEquals(await connection.read(), undefined);
    connection.close();
  });
}

test("listenTls() refuses TLS 1.1 with an alert", async () => {
  const { client, server } = await sClient(["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
  assertMatch(client, /alert handshake failure/);
  assertEquals(server, ["other"]);
});

for (
  const [kind, command, ...args] of [
    ["an RSA key in PKCS #1", "genrsa", "-traditional", "2048"],
    ["an RSA key in PKCS #8", "genrsa", "2048"],
    ["a P-384 key in SEC 1", "ecparam", "-name", "secp384r1", "-genkey", "-noout"],
    ["an Ed25519 key", "genpkey", "-algorithm", "ed25519"],
  ] as const
) {
  test(`listenTls() serves with ${kind}`, async () => {
    await using folder = await Folder.of({});
    const key = `${folder.path}/key.pem`;
    const certificate = `${folder.path}/cert.pem`;
    await openssl([command, "-out", key, ...args]);
    await openssl([
      ...["req", "-x509", "-new", "-key", key, "-days", "2", "-subj", "/CN=localhost"],
      ...["-out", certificate],
    ]);
    const { client } = await sClient([], {
      certificate: await Deno.readTextFile(certificate),
      key: await Deno.readTextFile(key),
    });
    assertMatch(client, /^hello$/m);
  });
}

test("listenTls() shows the whole chain", async () => {
  const certificate = SERVER.certificate + AUTHORITY;
  const { client } = await sClient(["-showcerts"], { certificate, key: SERVER.key });
  assertEquals(client.match(/-----BEGIN CERTIFICATE-----/g)?.length, 2);
});

test("TlsListener.replaceCertificate() is seen by OpenSSL while a connection lives on", async () => {
  const listener = listenTls({ ...SERVER, ip: LOOPBACK, port: 0 });
  const [held, accepted] = await Promise.all([
    connectTls(listener.localAddress, { caCerts: [AUTHORITY] }),
    listener.accept(),
  ]);
  listener.replaceCertificate(RENEWED);
  const args = ["s_client", "-connect", `127.0.0.1:${listener.localAddress.port}`];
  const [{ stdout }, other] = await Promise.all([
    run("openssl", args),
    listener.accept().then(async (connection) => {
      await connection!.read();
      return connection!;
    }),
  ]);
  assertMatch(stdout, /subject=CN = Renewed test server/);
  await held.write(Uint8Array.of(1));
  assertEquals([...(await accepted!.read())!], [1]);
  for (const connection of [held, accepted!, other]) connection.close();
  listener.close();
});

/** Has `openssl s_client` send a line to an echo; what it said, and what the server saw. */
async function sClient(
  args: readonly string[],
  options: Partial<ListenTlsOptions> = {},
): Promise<{ readonly client: string; readonly server: string[] }> {
  await using folder = await Folder.of({ "ca.pem": AUTHORITY });
  const listener = listenTls({
    ...SERVER,
    ...{ ip: LOOPBACK, port: 0, alpn: ["stun.turn", "stun.nat-discovery"] },
    ...options,
  });
  const command = `printf 'hello\\n' | openssl s_client -ign_eof "$@" 2>&1`;
  const target = `127.0.0.1:${listener.localAddress.port}`;
  const [{ stdout }, server] = await Promise.all([
    run("sh", [
      ...["-c", command, "sh", "-connect", target, "-servername", "localhost"],
      ...["-CAfile", `${folder.path}/ca.pem`, ...args],
    ], { timeoutMs: 10_000 }),
    echoLine(listener.accept()),
  ]);
  listener.close();
  return { client: stdout, server };
}

/** Sends back what comes until a line is over, then ends the connection. */
async function echoLine(accepting: ReturnType<TlsListenerAccept>): Promise<string[]> {
  const connection = (await accepting)!;
  const seen: string[] = [];
  try {
    for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
      seen.push(`read ${bytes.length}`);
      await connection.write(bytes);
      if (bytes.at(-1) === NEWLINE) await connection.closeWrite();
    }
    seen.push("ended");
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    seen.push(error.code);
  } finally {
    connection.close();
  }
  return seen;
}

/** Files for OpenSSL, in a folder that goes with the test. */
class Folder implements AsyncDisposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async of(files: Readonly<Record<string, string>>): Promise<Folder> {
    const path = await Deno.makeTempDir();
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${path}/${name}`, text);
    }
    return new Folder(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run("openssl", args);
  assertEquals(code, 0, stderr);
}

function test(name: string, fn: () => Promise<void>): void {
  testWithTool({ name, tools: [{ command: "openssl", package: "openssl" }], fn });
}

function flag(version: "1.2" | "1.3"): string {
  return `-tls${version.replace(".", "_")}`;
}

type TlsListenerAccept = ReturnType<typeof listenTls>["accept"];

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const NEWLINE = 0x0a;
