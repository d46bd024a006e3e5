// `server.ts --workers N` as a process.

import { assertEquals, assertMatch } from "@std/assert";
import { askTcp, askUdp } from "../support/binding_request.ts";
import { DatagramLoad } from "../support/datagram_load.ts";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";
import { until } from "../server/loopback_client.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";
import { Folder, result } from "./serve_child.ts";

const CODE = `${ROOT}lib`;
const PERMISSIONS = ["--allow-ffi", `--allow-read=${CODE}`];
const WORKERS = ["--workers", "2"];

test("server.ts says how many workers it has, and is ready when they answer", async () => {
  await using server = await PinholeServer.start({ args: WORKERS, permissions: PERMISSIONS });
  const lines = server.child.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    lines.map(({ message, transport, io, workers }) => [message, transport, io, workers]),
    [
      ["listening", "udp", "batched", 2],
      ["listening", "tcp", "epoll", undefined],
      ["ready", undefined, undefined, undefined],
    ],
  );
  for (
    const { bytes } of [await askUdp(server.target("udp")), await askTcp(server.target("tcp"))]
  ) {
    assertEquals([bytes.length, bytes[0], bytes[1]], [32, 0x01, 0x01]);
  }
  const { code, stderr } = await server.stop();
  assertEquals([code, stderr], [0, ""]);
});

test("server.ts adds up in /metrics what its workers have done", async () => {
  await using server = await PinholeServer.start({
    args: [...WORKERS, "--http-port", "0"],
    permissions: PERMISSIONS,
  });
  const [, http] = await server.child.line(/"transport":"http","address":"([^"]+)"/);
  for (let i = 0; i < 20; i++) await askUdp(server.target("udp"));
  const ready = await fetch(`http://${http}/readyz`);
  assertEquals([ready.status, /udp \S+: answers/.test(await ready.text())], [200, true]);
  const text = await (await fetch(`http://${http}/metrics`)).text();
  // The check of readiness asks as well
  assertMatch(
    text,
    /^pinhole_requests_total\{transport="udp",family="ipv4",outcome="success"\} 21$/m,
  );
  assertMatch(text, /^pinhole_received_bytes_total\{transport="udp"\} 420$/m);
  assertMatch(text, /^pinhole_request_duration_seconds_count [1-9][0-9]*$/m);
});

test("SIGHUP reaches every worker", async () => {
  await using folder = await Folder.make();
  const file = await folder.write("my.json", '{"software": "Before"}');
  await using server = await PinholeServer.start({
    args: [...WORKERS, "--config", file],
    permissions: ["--allow-ffi", `--allow-read=${CODE},${file}`],
  });
  // SOFTWARE comes last and fills its four or eight bytes; a new socket may fall to either worker
  const heard = async () => {
    const texts = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const { bytes } = await askUdp(server.target("udp"));
      texts.add(new TextDecoder().decode(bytes.subarray(36)).replace(/\0+$/, ""));
    }
    return [...texts];
  };
  assertEquals(await heard(), ["Before"]);
  await folder.write("my.json", '{"software": "After"}');
  server.child.kill("SIGHUP");
  await server.child.line(/"message":"reloaded"/);
  let found = await heard();
  while (found.length > 1) found = await heard();
  assertEquals(found, ["After"]);
});

test("server.ts stops cleanly at SIGTERM while its workers are under load", async () => {
  await using server = await PinholeServer.start({
    args: [...WORKERS, "--rate-limit", "0"],
    permissions: PERMISSIONS,
  });
  using load = new DatagramLoad(server.target("udp"));
  await until(() => load.answers > 1000);
  // It is killed, and the code another one, when it takes more than five seconds
  const { code, stderr } = await server.stop();
  assertEquals([code, stderr], [0, ""]);
  assertMatch(server.child.stdout, /"message":"stopped"[^\n]*\n$/);
});

test("server.ts --workers fails in one line when it may not read its own code", async () => {
  const { code, stdout, stderr } = await serveWith("--allow-ffi");
  assertEquals([code, stdout, stderr], [
    1,
    "",
    "error: Cannot serve with workers: Deno was run without permission to read the server's own " +
    `code, pass --allow-read=${CODE}\n`,
  ]);
});

Deno.test("server.ts --workers fails in one line when UDP in batches cannot be had", async () => {
  const { code, stdout, stderr } = await serveWith();
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^error: Cannot serve with workers: (Deno was run without|found )[^\n]+\n$/);
});

function serveWith(...permissions: readonly string[]): ReturnType<typeof result> {
  return result(deno([
    ...["run", "--no-prompt", "--allow-net", ...permissions, `${ROOT}server.ts`],
    ...["--hostname", "127.0.0.1", "--port", "0", ...WORKERS],
  ]));
}

/** Where there is no C library to call, there is nothing to test. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ ...unless(whyNoLibc(), name), fn });
}
