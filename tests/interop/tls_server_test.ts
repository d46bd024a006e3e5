// OpenSSL's s_client as a STUN client of our server over TLS: requests made by hand, answers read
// by hand, and nothing of ours in between.

import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { ServingProcess, type ServingProcessOptions } from "../cli/serving_process.ts";
import { bindingRequest } from "../support/binding_request.ts";
import { AUTHORITY, RENEWED, SERVER } from "../support/certificate.ts";
import { testWithTool } from "../support/tool.ts";

for (const version of ["1.2", "1.3"] as const) {
  for (const protocol of ["stun.turn", "stun.nat-discovery"] as const) {
    test(`our server answers OpenSSL over TLS ${version} with ALPN ${protocol}`, async () => {
      await using server = await serve();
      const { said, answers } = await ask(server, {
        args: [flag(version), "-alpn", protocol],
        requests: [bindingRequest(ID)],
      });
      assertMatch(said, new RegExp(`^New, TLSv${version}, `, "m"));
      assertMatch(said, new RegExp(`^ALPN protocol: ${protocol.replace(".", "\\.")}$`, "m"));
      assertMatch(said, /Verification: OK/);
      checkAnswer(answers, ID);
      assertEquals(answers.length, 32);
    });
  }

  test(`our server answers OpenSSL over TLS ${version} without ALPN`, async () => {
    await using server = await serve();
    const { said, answers } = await ask(server, {
      args: [flag(version)],
      requests: [bindingRequest(ID)],
    });
    assertMatch(said, /^No ALPN negotiated$/m);
    checkAnswer(answers, ID);
  });

  test(`our server refuses OpenSSL over TLS ${version} with other protocols alone`, async () => {
    await using server = await serve();
    const { said, answers } = await ask(server, {
      args: [flag(version), "-alpn", "h2,http/1.1"],
      requests: [bindingRequest(ID)],
    });
    assertMatch(said, /alert no application protocol/);
    assertEquals(answers.length, 0);
  });
}

test("our server answers OpenSSL's pipelined requests in order, in one TLS connection", async () => {
  await using server = await serve();
  const ids = [1, 2, 3].map((number) => new Uint8Array(12).fill(number));
  const { said, answers } = await ask(server, { requests: ids.map(bindingRequest) });
  assertEquals(answers.length, 3 * 32);
  ids.forEach((id, index) => checkAnswer(answers.subarray(32 * index), id));
  // Ended by close_notify, not by a cut
  assertEquals(/unexpected eof|error/i.test(said), false, said);
});

test("our server shows OpenSSL its whole chain, and another after SIGHUP", async () => {
  await using server = await serve({
    files: { "cert.pem": SERVER.certificate + AUTHORITY, "key.pem": SERVER.key },
  });
  const args = ["-showcerts"];
  const before = await ask(server, { args, requests: [bindingRequest(ID)] });
  assertMatch(before.said, /^subject=.*Test server$/m);
  assertEquals(before.said.match(/-----BEGIN CERTIFICATE-----/g)?.length, 2);
  await server.write("cert.pem", RENEWED.certificate);
  await server.write("key.pem", RENEWED.key);
  assertEquals((await server.reload())["message"], "reloaded");
  const after = await ask(server, { args, requests: [bindingRequest(ID)] });
  assertMatch(after.said, /^subject=.*Renewed test server$/m);
  checkAnswer(after.answers, ID);
});

test("our server is held to its certificate by OpenSSL, by name and by address", async () => {
  await using server = await serve();
  for (
    const [args, verdict] of [
      [["-verify_hostname", "localhost"], /Verification: OK/],
      [["-verify_ip", "127.0.0.1"], /Verification: OK/],
      [["-verify_hostname", "example.org"], /Verification error: hostname mismatch/],
    ] as const
  ) {
    const { said } = await ask(server, { args, requests: [bindingRequest(ID)] });
    assertMatch(said, verdict);
  }
});

Deno.test("our server ends a TLS connection that says nothing after ten seconds, by FIN", async () => {
  await using server = await serve();
  const { port } = server.address("tls");
  const begun = performance.now();
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const timeout = setTimeout(() => connection.close(), 20_000);
  assertEquals(await connection.read(new Uint8Array(1)), null);
  clearTimeout(timeout);
  const elapsed = performance.now() - begun;
  assertGreater(elapsed, 9_500);
  assertLess(elapsed, 15_000);
});

interface Question {
  /** What to add to the command line of s_client. */
  readonly args?: readonly string[];
  /** What to send, in one piece. */
  readonly requests: readonly Uint8Array[];
}

/** Has `openssl s_client` send requests; what it said, and what the server answered. */
async function ask(
  server: ServingProcess,
  { args = [], requests }: Question,
): Promise<{ readonly said: string; readonly answers: Uint8Array }> {
  await server.write("ca.pem", AUTHORITY);
  const child = new Deno.Command("openssl", {
    args: [
      ...["s_client", "-connect", `127.0.0.1:${server.address("tls").port}`],
      ...["-servername", "localhost", "-CAfile", `${server.folder}/ca.pem`, ...args],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timeout = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const stderr = new Response(child.stderr).text();
  const writer = child.stdin.getWriter();
  // One that is refused has ended by itself
  const sending = writer.write(new Uint8Array(requests.flatMap((one) => [...one]))).catch(() => {});
  let text = "";
  let answers = "";
  for await (const bytes of child.stdout) {
    text += bytes.toHex();
    answers = text.slice(text.indexOf(HEADER));
    if (!text.includes(HEADER) || answers.length < 2 * 32 * requests.length) continue;
    await sending;
    // The end of standard input makes s_client end the connection
    await writer.close().catch(() => {});
  }
  await Promise.all([sending, child.status]);
  await writer.close().catch(() => {});
  clearTimeout(timeout);
  const found = text.includes(HEADER) ? answers.slice(0, 2 * 32 * requests.length) : "";
  return {
    said: new TextDecoder().decode(Uint8Array.fromHex(text)) + await stderr,
    answers: Uint8Array.fromHex(found),
  };
}

/** A success response with XOR-MAPPED-ADDRESS alone, for 127.0.0.1 (RFC 8489 section 14.2). */
function checkAnswer(bytes: Uint8Array, id: Uint8Array): void {
  assert(bytes.length >= 32, `${bytes.length} bytes`);
  const expected = HEADER + id.toHex() + "00200008" + "0001";
  assertEquals(bytes.subarray(0, 26).toHex(), expected);
  // 127.0.0.1 under the magic cookie
  assertEquals(bytes.subarray(28, 32).toHex(), "5e12a443");
}

async function serve(options: ServingProcessOptions = {}): Promise<ServingProcess> {
  return await ServingProcess.start({
    args: ["--tls-port", "0", "--tls-cert", "FOLDER/cert.pem", "--tls-key", "FOLDER/key.pem"],
    files: { "cert.pem": SERVER.certificate, "key.pem": SERVER.key },
    ...options,
  });
}

function test(name: string, fn: () => Promise<void>): void {
  testWithTool({ name, tools: [{ command: "openssl", package: "openssl" }], fn });
}

function flag(version: "1.2" | "1.3"): string {
  return `-tls${version.replace(".", "_")}`;
}

const ID = Uint8Array.from({ length: 12 }, (_, index) => 0xa0 + index);
/** How a success response of 32 bytes begins, with the magic cookie (RFC 8489 section 5). */
const HEADER = "0101000c2112a442";
