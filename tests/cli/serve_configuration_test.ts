import { assertEquals, assertMatch } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/command_line.ts";
import { SERVE } from "../../lib/cli/serve.ts";
import {
  readServeConfiguration,
  type ServeConfigurationResult,
} from "../../lib/cli/serve_configuration.ts";
import { RENEWED, SERVER } from "../support/certificate.ts";
import { ServingProcess } from "./serving_process.ts";

const CERTIFICATE = { "cert.pem": SERVER.certificate, "key.pem": SERVER.key };
const TLS = ["--tls-cert", "FOLDER/cert.pem", "--tls-key", "FOLDER/key.pem"];

Deno.test("readServeConfiguration() gives settings, policy and no certificate by default", () => {
  const result = read([]);
  assertEquals(result.ok && [result.value.settings.port, result.value.certificate], [
    3478,
    undefined,
  ]);
  assertEquals(result.ok && result.value.policy.authenticator, undefined);
});

Deno.test("readServeConfiguration() reads the certificate files that flags name", async () => {
  await using folder = await Folder.of(CERTIFICATE);
  const result = read(folder.args(TLS));
  assertEquals(result.ok && result.value.certificate, SERVER);
});

Deno.test("readServeConfiguration() reads the certificate files that a file names", async () => {
  await using folder = await Folder.of(CERTIFICATE);
  const settings = { "tls-cert": `${folder.path}/cert.pem`, "tls-key": `${folder.path}/key.pem` };
  await Deno.writeTextFile(`${folder.path}/my.json`, JSON.stringify(settings));
  const result = read(["--config", `${folder.path}/my.json`]);
  assertEquals(result.ok && result.value.certificate, SERVER);
});

Deno.test("readServeConfiguration() reads the files anew each time", async () => {
  await using folder = await Folder.of(CERTIFICATE);
  read(folder.args(TLS));
  await Deno.writeTextFile(`${folder.path}/cert.pem`, RENEWED.certificate);
  await Deno.writeTextFile(`${folder.path}/key.pem`, RENEWED.key);
  const result = read(folder.args(TLS));
  assertEquals(result.ok && result.value.certificate, RENEWED);
});

/** What is wrong with the files, and how the line about it begins; FOLDER is where they are. */
interface Wrong {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly problem: string;
}

const WRONG: readonly Wrong[] = [
  {
    what: "the certificate file is missing",
    files: { "key.pem": SERVER.key },
    problem: "Cannot read FOLDER/cert.pem: ",
  },
  {
    what: "the key file is missing",
    files: { "cert.pem": SERVER.certificate },
    problem: "Cannot read FOLDER/key.pem: ",
  },
  {
    what: "the key is another's",
    files: { ...CERTIFICATE, "key.pem": RENEWED.key },
    problem: "Cannot use the TLS certificate: the key is not that of the first certificate (the " +
      "server's own has to come first)",
  },
  {
    what: "the two files are swapped",
    files: { "cert.pem": SERVER.key, "key.pem": SERVER.certificate },
    problem: 'Cannot use the TLS certificate: found no PEM block "CERTIFICATE"',
  },
  {
    what: "the certificate file is empty",
    files: { ...CERTIFICATE, "cert.pem": "" },
    problem: 'Cannot use the TLS certificate: found no PEM block "CERTIFICATE"',
  },
  {
    what: "the certificate is damaged",
    files: { ...CERTIFICATE, "cert.pem": SERVER.certificate.replace("MIIB", "AAAA") },
    problem: "Cannot use the TLS certificate: the certificate is damaged",
  },
  {
    what: "the key file holds none",
    files: { ...CERTIFICATE, "key.pem": SERVER.certificate },
    problem: 'Cannot use the TLS certificate: found no PEM block "PRIVATE KEY"',
  },
  {
    what: "the key has a passphrase",
    files: {
      ...CERTIFICATE,
      "key.pem": SERVER.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
    },
    problem: "Cannot use the TLS certificate: the key is encrypted, wanted one without a " +
      "passphrase",
  },
  {
    what: "the key is damaged",
    files: { ...CERTIFICATE, "key.pem": SERVER.key.replace("MIGH", "AAAA") },
    problem: "Cannot use the TLS certificate: the key is damaged or of an unknown kind, wanted " +
      "RSA (2048 bits or more), ECDSA or Ed25519",
  },
];
for (const { what, files, problem } of WRONG) {
  Deno.test(`readServeConfiguration() says so when ${what}`, async () => {
    await using folder = await Folder.of(files);
    const expected = problem.replaceAll("FOLDER", folder.path);
    const result = read(folder.args(TLS));
    assertEquals(!result.ok && result.problems.map((text) => text.slice(0, expected.length)), [
      expected,
    ]);
  });
}

Deno.test({
  name: "readServeConfiguration() says which flag is missing when it may not read a certificate",
  permissions: { read: false },
  fn: () => {
    assertEquals(read(["--tls-cert", "/etc/cert.pem", "--tls-key", "/etc/key.pem"]), {
      ok: false,
      problems: ["Cannot read /etc/cert.pem: pass --allow-read=/etc/cert.pem"],
    });
  },
});

for (const [flag, other] of [["tls-cert", "tls-key"], ["tls-key", "tls-cert"]] as const) {
  Deno.test(`readServeConfiguration() says that --${flag} goes with ${other}`, () => {
    assertEquals(read([`--${flag}`, "/etc/x.pem"]), {
      ok: false,
      problems: [`Cannot use --${flag}: it goes with ${other}`],
    });
  });
}

for (const check of [[], ["--check-config"]]) {
  const args = ["--hostname", "127.0.0.1", "--port", "0", "--tls-port", "0", ...TLS, ...check];
  const name = ["server.ts", ...check].join(" ");

  Deno.test(`${name} stops before it listens when the key is another's`, async () => {
    await using server = await ServingProcess.spawn({
      args,
      files: { ...CERTIFICATE, "key.pem": RENEWED.key },
    });
    assertEquals(await server.child.result(20_000), {
      code: 2,
      stdout: "",
      stderr: "error: Cannot use the TLS certificate: the key is not that of the first " +
        "certificate (the server's own has to come first)\n" +
        "Run with --help to see what there is.\n",
    });
  });

  Deno.test(`${name} stops before it listens when a certificate file is missing`, async () => {
    await using server = await ServingProcess.spawn({ args, files: { "key.pem": SERVER.key } });
    const { code, stdout, stderr } = await server.child.result(20_000);
    assertEquals([code, stdout, stderr.split("\n").length], [2, "", 3]);
    assertMatch(stderr, /^error: Cannot read \S+\/cert\.pem: No such file or directory/);
  });

  Deno.test(`${name} stops before it listens when it may not read the certificate`, async () => {
    await using server = await ServingProcess.spawn({
      args: args.map((arg) => arg.replace("FOLDER", "/etc")),
    });
    assertEquals(await server.child.result(20_000), {
      code: 2,
      stdout: "",
      stderr: "error: Cannot read /etc/cert.pem: pass --allow-read=/etc/cert.pem\n" +
        "Run with --help to see what there is.\n",
    });
  });
}

Deno.test("server.ts --check-config accepts a good certificate", async () => {
  await using server = await ServingProcess.spawn({
    args: [...TLS, "--check-config"],
    files: CERTIFICATE,
  });
  assertEquals(await server.child.result(20_000), {
    code: 0,
    stdout: "The configuration is valid\n",
    stderr: "",
  });
});

Deno.test("server.ts fails in one line when the TLS port is in use", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await using server = await ServingProcess.spawn({
    args: ["--hostname", "127.0.0.1", "--port", "0", "--tls-port", `${port}`, ...TLS],
    files: CERTIFICATE,
  });
  assertEquals(await server.child.result(20_000), {
    code: 1,
    stdout: "",
    stderr: `error: Cannot listen on tls 127.0.0.1:${port}: the address is in use by another ` +
      "program\n",
  });
});

function read(args: readonly string[]): ServeConfigurationResult {
  const line = parseCommandLine(SERVE, args);
  if (!line.ok) throw new TypeError(line.problem);
  return readServeConfiguration(line, { nonceSecret: new Uint8Array(32), seed: 0 });
}

/** Files in a folder that goes with the test. */
class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async of(files: Readonly<Record<string, string>>): Promise<Folder> {
    const path = await Deno.makeTempDir({ prefix: "pinhole" });
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${path}/${name}`, text);
    }
    return new Folder(path);
  }

  args(args: readonly string[]): string[] {
    return args.map((arg) => arg.replace("FOLDER", this.path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
