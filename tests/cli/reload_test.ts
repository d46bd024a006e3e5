import { assert, assertEquals } from "@std/assert";
import {
  attribute,
  longTermKey,
  NONCE,
  REALM,
  type SocketAddress,
  USERNAME,
} from "../../lib/wire/mod.ts";
import { request } from "../protocol/binding_cases.ts";
import { TcpClient, UdpClient } from "../server/loopback_client.ts";
import { TlsClient } from "../server/tls_client.ts";
import { RENEWED, SERVER } from "../support/certificate.ts";
import { type LogEntry, ServingProcess } from "./serving_process.ts";

const CONFIG = ["--config", "FOLDER/my.json"];
const TLS = ["--tls-port", "0", "--tls-cert", "FOLDER/cert.pem", "--tls-key", "FOLDER/key.pem"];
const CERTIFICATE = { "cert.pem": SERVER.certificate, "key.pem": SERVER.key };

Deno.test("SIGHUP leaves TCP and TLS connections open and gives them the new settings", async () => {
  const files = { "my.json": '{"software": "Before"}', ...CERTIFICATE };
  await using server = await ServingProcess.start({ args: [...CONFIG, ...TLS], files });
  await using tcp = await TcpClient.connect(server.address("tcp"));
  await using tls = await TlsClient.connect(server.address("tls"));
  const software = async () => [
    (await tcp.ask(request())).attributes["SOFTWARE"],
    Object.fromEntries(await tls.ask(request()))["SOFTWARE"],
  ];
  assertEquals(await software(), ["Before", "Before"]);
  for (const text of ["After", "Later"]) {
    await server.write("my.json", `{"software": "${text}"}`);
    assertEquals((await server.reload())["message"], "reloaded");
    assertEquals(await software(), [text, text]);
  }
  await server.write("my.json", "{}");
  await server.reload();
  assertEquals(await software(), [undefined, undefined]);
});

Deno.test("SIGHUP changes who may ask, and nonces given out before are good after it", async () => {
  const settings = (...user: string[]) =>
    JSON.stringify({ auth: "long-term", realm: "example.org", user });
  const files = { "my.json": settings("alice:north", "carol:west") };
  await using server = await ServingProcess.start({ args: CONFIG, files });
  const target = server.address("udp");
  using socket = new UdpClient();
  const nonce = await nonceFor(socket, target);
  const ask = async (username: string, password: string) => {
    const key = longTermKey({ username, realm: "example.org", password });
    const attributes = [
      attribute(USERNAME, username),
      attribute(REALM, "example.org"),
      attribute(NONCE, nonce),
    ];
    return (await socket.ask(request(attributes, { integrity: key }), target)).kind;
  };
  const askAll = async () => [
    await ask("alice", "north"),
    await ask("alice", "south"),
    await ask("bob", "east"),
    await ask("carol", "west"),
  ];
  assertEquals(await askAll(), ["success", "error 401", "error 401", "success"]);
  await server.write("my.json", settings("alice:south", "bob:east"));
  assertEquals((await server.reload())["message"], "reloaded");
  // A nonce that were not good any more would make 438 of each success
  assertEquals(await askAll(), ["error 401", "success", "success", "error 401"]);
});

Deno.test("SIGHUP changes the rate limit and who is exempt from it", async () => {
  const args = [...CONFIG, "--http-port", "0"];
  await using server = await ServingProcess.start({ args, files: { "my.json": "{}" } });
  const target = server.address("udp");
  using socket = new UdpClient();
  const limited = async () => {
    const { text } = await server.get("/metrics");
    return /^pinhole_rate_limited_total\{transport="udp",family="ipv4",limit="requests"\} (\d+)$/m
      .exec(text)?.[1];
  };
  for (let i = 0; i < 3; i++) await socket.ask(request(), target);
  assertEquals(await limited(), "0");
  await server.write("my.json", '{"rate-limit": 1, "rate-burst": 2}');
  await server.reload();
  for (let i = 0; i < 2; i++) await socket.ask(request(), target);
  for (let i = 0; i < 3; i++) await socket.send(request(), target);
  let seen: string | undefined = "0";
  // A token comes back after a second: one of the three may be answered on a slow machine
  for (let i = 0; i < 50 && Number(seen) < 2; i++) seen = await limited();
  assert(Number(seen) >= 2, `${seen} were limited`);
  await server.write("my.json", '{"rate-limit": 1, "rate-burst": 1, "exempt": "127.0.0.0/8"}');
  await server.reload();
  using other = new UdpClient();
  for (let i = 0; i < 5; i++) assertEquals((await other.ask(request(), target)).kind, "success");
});

Deno.test("SIGHUP changes the caps for those who come, not for those who are there", async () => {
  const files = { "my.json": '{"max-connections": 2}' };
  await using server = await ServingProcess.start({ args: CONFIG, files });
  const target = server.address("tcp");
  await using first = await TcpClient.connect(target);
  await using second = await TcpClient.connect(target);
  const askHeld = async () => [
    (await first.ask(request())).kind,
    (await second.ask(request())).kind,
  ];
  const refused = async () => {
    await using one = await TcpClient.connect(target);
    return (await one.end()).length;
  };
  await askHeld();
  assertEquals(await refused(), 0);
  for (const settings of ['{"max-connections": 1}', '{"max-connections-per-address": 2}']) {
    await server.write("my.json", settings);
    await server.reload();
    assertEquals(await refused(), 0);
    assertEquals(await askHeld(), ["success", "success"]);
  }
  await server.write("my.json", '{"max-connections": 3}');
  await server.reload();
  await using third = await TcpClient.connect(target);
  assertEquals((await third.ask(request())).kind, "success");
  assertEquals(warnings(server), [
    ["connection refused: too many connections", 2],
    ["connection refused: too many connections of one address", 2],
  ]);
});

Deno.test("SIGHUP reads the certificate again, without a configuration file too", async () => {
  await using server = await ServingProcess.start({ args: TLS, files: CERTIFICATE });
  const target = server.address("tls");
  await using held = await TlsClient.connect(target);
  assertEquals(held.peerName, "Test server");
  await server.write("cert.pem", RENEWED.certificate);
  await server.write("key.pem", RENEWED.key);
  const { time: _, ...line } = await server.reload();
  assertEquals(line, { level: "info", message: "reloaded" });
  await using later = await TlsClient.connect(target);
  assertEquals(later.peerName, "Renewed test server");
  assertEquals(await later.ask(request()), later.mapped);
  assertEquals(await held.ask(request()), held.mapped);
});

Deno.test("SIGHUP with something broken changes nothing, and says what is wrong in one line", async (t) => {
  const good = { auth: "short-term", user: "alice:hunter2", software: "Before" };
  const files = { "my.json": JSON.stringify({ ...good, auth: "none", user: [] }), ...CERTIFICATE };
  await using server = await ServingProcess.start({
    args: [...CONFIG, ...TLS, "--log-level", "trace"],
    files,
  });
  await using tcp = await TcpClient.connect(server.address("tcp"));
  await using tls = await TlsClient.connect(server.address("tls"));
  const broken: readonly (readonly [what: string, Record<string, string>, ...RegExp[]])[] = [
    ["no JSON", { "my.json": '{"auth-secret": hunter2}' }, /my\.json: it is not JSON/],
    ["an empty file", { "my.json": "" }, /my\.json: it is not JSON/],
    ["a list", { "my.json": "[]" }, /my\.json: wanted a JSON object of settings$/],
    [
      "an unknown key",
      { "my.json": '{"software": "After", "sofware": "After"}' },
      /^Cannot read sofware in .*my\.json: there is no such setting$/,
    ],
    [
      "a bad value and another",
      { "my.json": '{"software": "After", "rate-limit": -1, "user": "hunter2"}' },
      /^Cannot read user\.0 in .*: got something else, wanted NAME:PASSWORD/,
      /^Cannot read rate-limit in .*: got -1, wanted a whole number/,
    ],
    [
      "settings that do not go together",
      { "my.json": '{"software": "After", "auth": "long-term"}' },
      /^Cannot use auth in .*: it goes with a realm$/,
      /^Cannot use auth in .*: it goes with a user or an auth-secret$/,
    ],
    [
      "a user twice",
      { "my.json": JSON.stringify({ ...good, user: ["alice:hunter2", "alice:hunter3"] }) },
      /the user "alice" is there twice$/,
    ],
    [
      "a password that no client can have",
      { "my.json": JSON.stringify({ ...good, user: ["alice:hunter2\u0007"] }) },
      /^Cannot make a short-term authenticator: the password of "alice": /,
    ],
    [
      "addresses that do not go together",
      { "my.json": '{"software": "After", "alternate-hostname": "127.0.0.1"}' },
      /^Cannot use the alternate address 127\.0\.0\.1: it is the primary one$/,
    ],
    [
      "another's key",
      { "my.json": '{"software": "After"}', "key.pem": RENEWED.key },
      /^Cannot use the TLS certificate: the key is not that of the first certificate/,
    ],
    [
      "a certificate half written",
      { "my.json": '{"software": "After"}', "cert.pem": RENEWED.certificate.slice(0, 200) },
      /^Cannot use the TLS certificate: /,
    ],
  ];
  for (const [what, changed, ...problems] of broken) {
    await t.step(what, async () => {
      for (const [name, text] of Object.entries({ ...files, ...changed })) {
        await server.write(name, text);
      }
      const { time: _, problems: said, ...line } = await server.reload();
      assertEquals(line, {
        level: "error",
        message: "reload refused: what was in force stays",
      });
      const found = said as readonly string[];
      assertEquals(
        found.map((text) => problems.findIndex((one) => one.test(text))).sort(),
        problems.map((_, index) => index),
        found.join("\n"),
      );
      assertEquals((await tcp.ask(request())).attributes["SOFTWARE"], "Before");
      assertEquals(Object.fromEntries(await tls.ask(request()))["SOFTWARE"], "Before");
      await using later = await TlsClient.connect(server.address("tls"));
      assertEquals(later.peerName, "Test server");
    });
  }
  await t.step("a file that is gone", async () => {
    for (const name of ["cert.pem", "my.json"]) {
      for (const [file, text] of Object.entries(files)) await server.write(file, text);
      await Deno.remove(`${server.folder}/${name}`);
      const { message, problems } = await server.reload();
      assertEquals(message, "reload refused: what was in force stays");
      assert(`${problems}`.startsWith(`Cannot read ${server.folder}/${name}: `), `${problems}`);
    }
    assertEquals((await tcp.ask(request())).attributes["SOFTWARE"], "Before");
  });
  await t.step("what is good again is in force", async () => {
    for (const [name, text] of Object.entries(files)) await server.write(name, text);
    await server.write("my.json", '{"software": "After"}');
    assertEquals((await server.reload())["message"], "reloaded");
    assertEquals((await tcp.ask(request())).attributes["SOFTWARE"], "After");
  });
  const { code, stdout, stderr } = await server.child.stop();
  assertEquals([code, stderr, /hunter/.test(stdout)], [0, "", false]);
});

const WAITING: readonly (readonly [settings: Record<string, unknown>, ...names: string[]])[] = [
  [{ software: "After", user: ["alice:hunter2"], auth: "short-term" }],
  [{ "idle-timeout": 5, "max-connections": 5, "rate-limit": 5, exempt: "::/0" }],
  [{ port: 1 }, "port"],
  [{ hostname: "127.0.0.2", port: 0 }, "hostname"],
  [{ transport: "udp" }, "transport"],
  [{ workers: 2 }, "workers"],
  [{ "tls-port": 1 }, "tls-port"],
  [
    { "alternate-hostname": "127.0.0.2", "alternate-port": 1, software: "After" },
    "alternate-hostname",
    "alternate-port",
  ],
  [{ advertise: "192.0.2.1" }, "advertise"],
  [{ "http-port": 1, "http-hostname": "::1" }, "http-port", "http-hostname"],
  [{ "log-level": "debug", "log-format": "text" }, "log-format", "log-level"],
];

Deno.test("SIGHUP says which settings wait for a restart, and applies the others", async (t) => {
  const base = { hostname: "127.0.0.1", port: 0, "log-format": "json" };
  await using server = await ServingProcess.spawn({
    args: CONFIG,
    files: { "my.json": JSON.stringify(base) },
  });
  await server.child.line(/"message":"ready"/);
  for (const [settings, ...names] of WAITING) {
    await t.step(JSON.stringify(settings), async () => {
      await server.write("my.json", JSON.stringify({ ...base, ...settings }));
      assertEquals(await waitingAfterReload(server), names.length === 0 ? undefined : names);
    });
  }
  // Back to what it was started with: nothing waits any more
  await server.write("my.json", JSON.stringify(base));
  assertEquals(await waitingAfterReload(server), undefined);
});

Deno.test("SIGHUP says that TLS waits for a restart when it is turned on or off", async () => {
  const plain = { "tls-port": 0, software: "Plain" };
  const secure = {
    ...{ "tls-port": 0, software: "Secure" },
    ...{ "tls-cert": "FOLDER/cert.pem", "tls-key": "FOLDER/key.pem" },
  };
  for (const [before, after] of [[plain, secure], [secure, plain]]) {
    await using server = await ServingProcess.start({
      args: CONFIG,
      files: { "my.json": JSON.stringify(before), ...CERTIFICATE },
    });
    await server.write("my.json", JSON.stringify(after));
    assertEquals(await waitingAfterReload(server), ["tls-cert", "tls-key"]);
    await using held = before === secure
      ? await TlsClient.connect(server.address("tls"))
      : await TcpClient.connect(server.address("tcp"));
    const answer = await held.ask(request());
    assert(JSON.stringify(answer).includes(`${after!.software}`), JSON.stringify(answer));
  }
});

Deno.test("SIGHUP changes which balancers are believed, and the check of readiness with it", async () => {
  const args = [...CONFIG, "--http-port", "0"];
  await using server = await ServingProcess.start({ args, files: { "my.json": "{}" } });
  assertEquals((await server.get("/readyz")).status, 200);
  await server.write("my.json", '{"proxy-protocol": "127.0.0.0/8"}');
  await server.reload();
  const { status, text } = await server.get("/readyz");
  assertEquals([status, /tcp \S+: skipped, wants a PROXY header/.test(text)], [200, true], text);
  await using proxied = await TcpClient.connect(server.address("tcp"));
  const header = new TextEncoder().encode("PROXY TCP4 192.0.2.1 198.51.100.1 32853 3478\r\n");
  const { attributes } = await proxied.ask(header, request());
  assertEquals(attributes["XOR-MAPPED-ADDRESS"], "192.0.2.1:32853");
});

Deno.test("SIGHUP prints no secret, whether the file is good or not", async () => {
  const secrets = {
    ...{ auth: "long-term", realm: "example.org", user: ["alice:hunter2"] },
    ...{ "auth-secret": "hunter2", "nonce-secret": "hunter2-hunter2-hunter2" },
  };
  await using server = await ServingProcess.start({
    args: [...CONFIG, "--log-level", "trace"],
    files: { "my.json": JSON.stringify(secrets) },
  });
  for (
    const text of [
      JSON.stringify({ ...secrets, software: "After" }),
      JSON.stringify({ ...secrets, "auth-secret": ["hunter2"] }),
      JSON.stringify({ ...secrets, "nonce-secret": "hunter2" }),
      JSON.stringify({ ...secrets, user: [":hunter2", { "hunter2": 1 }] }),
      JSON.stringify({ ...secrets, user: { alice: "hunter2" } }),
      JSON.stringify(secrets).replace('"alice:hunter2"', '"alice:hunter2'),
      JSON.stringify(secrets).replace('"hunter2"', "hunter2"),
    ]
  ) {
    await server.write("my.json", text);
    await server.reload();
    using socket = new UdpClient();
    assertEquals((await socket.ask(request(), server.address("udp"))).kind, "error 401");
  }
  const { code, stdout, stderr } = await server.child.stop();
  const log = stdout.split("\n").filter((line) => line.includes("reload"));
  assertEquals([code, stderr, log.length, /hunter/.test(stdout)], [0, "", 7, false], stdout);
});

async function nonceFor(socket: UdpClient, target: SocketAddress): Promise<string> {
  const { kind, attributes } = await socket.ask(request(), target);
  assertEquals(kind, "error 401");
  return `${attributes["NONCE"]}`;
}

/** The names in the warning after a reload; undefined where there is no warning. */
async function waitingAfterReload(server: ServingProcess): Promise<unknown> {
  const { message } = await server.reload();
  assertEquals(message, "reloaded");
  // The next reload is refused, and its line comes after all of this one's
  const good = await Deno.readTextFile(`${server.folder}/my.json`);
  await server.write("my.json", "");
  await server.reload();
  await server.write("my.json", good);
  const isWarning = ({ message }: LogEntry) => message === "some settings wait for a restart";
  const reloadedAt = server.log.findLastIndex(({ message }) => message === "reloaded");
  return server.log.slice(reloadedAt).find(isWarning)?.["settings"];
}

function warnings(server: ServingProcess): unknown[] {
  return server.log.filter(({ level }) => level === "warn")
    .map(({ message, limit }) => [message, limit]);
}
