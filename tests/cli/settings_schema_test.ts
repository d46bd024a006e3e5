import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv";
import { isIPv4, isIPv6 } from "node:net";
import { readServeSettings } from "../../lib/cli/serve_settings.ts";
import { settingsJsonSchema } from "../../lib/cli/settings_schema.ts";
import { SETTINGS } from "../../lib/cli/settings_table.ts";
import { ROOT } from "../support/pinhole_server.ts";

const NAMES = Object.keys(SETTINGS);

/** The schema as it is published. */
const FILE: Record<string, unknown> = JSON.parse(
  Deno.readTextFileSync(`${ROOT}lib/cli/config.schema.json`),
);

Deno.test("settingsJsonSchema() is what lib/cli/config.schema.json holds (deno task schema)", () => {
  assertEquals(FILE, { ...settingsJsonSchema() });
});

Deno.test("settingsJsonSchema() is a valid schema of draft 2020-12", () => {
  const ajv = validator();
  assert(ajv.validateSchema(FILE), ajv.errorsText());
  assertEquals(FILE.$schema, "https://json-schema.org/draft/2020-12/schema");
});

Deno.test("settingsJsonSchema() describes every setting with its help and its default", () => {
  const { properties = {} } = settingsJsonSchema();
  assertEquals(Object.keys(properties), ["$schema", ...NAMES]);
  const empty = readServeSettings({ flags: new Map(), file: { name: "a.json", content: {} } });
  assert(empty.ok);
  const defaults: Record<string, unknown> = { ...empty.value };
  for (const [name, { help }] of Object.entries(SETTINGS)) {
    const schema = properties[name] as { description?: string; default?: unknown };
    assertEquals([schema.description, schema.default], [help, defaults[name]], name);
  }
});

Deno.test("settingsJsonSchema() accepts a whole configuration, as the server does", () => {
  const file = {
    "hostname": ["192.0.2.1", "2001:db8::1"],
    "port": 3478,
    "transport": ["udp", "tcp"],
    "tls-cert": "cert.pem",
    "tls-key": "key.pem",
    "alternate-hostname": ["192.0.2.2", "2001:db8::2"],
    "auth": "long-term",
    "realm": "example.org",
    "user": ["alice:secret", "bob:with:colons"],
    "exempt": ["10.0.0.0/8", "2001:db8::/32", "::1"],
    "proxy-protocol": "192.0.2.128/25",
    "http-port": 9641,
    "log-format": "json",
  };
  assertEquals(problems(file), { reader: [], schema: [] });
});

Deno.test("settingsJsonSchema() refuses what is no object of settings, as the server does", () => {
  for (const file of [null, true, 1, "port", [], [{ port: 1 }]]) {
    const { reader, schema } = problems(file);
    assertEquals([reader.length, schema.length], [1, 1], JSON.stringify(file));
  }
});

Deno.test("settingsJsonSchema() refuses unknown keys, as the server does", () => {
  for (const name of ["ports", "Port", "", "toString", "constructor", "$schema", "--port"]) {
    const { reader, schema } = problems({ port: 3478, [name]: 1 });
    assertEquals([reader.length, schema.length], [1, 1], name);
  }
});

Deno.test("settingsJsonSchema() refuses of each setting what the server refuses", () => {
  const differences: string[] = [];
  let [accepted, refused] = [0, 0];
  for (const name of NAMES) {
    for (const value of VALUES) {
      const { reader, schema } = problems({ [name]: value });
      if (reader.length === 0) accepted++;
      else refused++;
      if ((reader.length === 0) !== (schema.length === 0)) {
        const verdict = schema.length === 0 ? "only the schema accepts" : "only the server accepts";
        differences.push(`${verdict} ${name} ${JSON.stringify(value)}`);
      }
    }
  }
  // What settingsJsonSchema() says that it cannot say
  const blocks = ["exempt", "proxy-protocol", "http-operator", "http-trusted-proxy"];
  const expected = blocks.flatMap((name) =>
    ["10.0.0.1/8", "a:b", "2001:db8::1::2", "2001:db8::1/32"].map((block) =>
      `only the schema accepts ${name} ${JSON.stringify(block)}`
    )
  );
  assertEquals(differences.sort(), expected.sort());
  assert(accepted > 2 * NAMES.length && refused > 2 * NAMES.length, `${accepted} ${refused}`);
});

/** Values of which each setting accepts some and refuses others. */
const VALUES: readonly unknown[] = [
  ...[null, true, {}, { "0": "udp" }, [], [null], [1], [[]], [["127.0.0.1"]], [""]],
  ...[-1, 0, 1, 1.5, 3478, 65_535, 65_536, 1_000_000, 1_000_001, 31_536_001, 1e8, 1e9, 1e300],
  ...["", " ", "1", "3478", "true", "none", "short-term", "long-term", "Long-Term", "both"],
  ...["on", "off", "ON", "text", "json", "xml", "info", "trace", "verbose"],
  ...["udp", "tcp", "tls", "udp,tcp", " tcp , udp ", "udp,", ",udp", "udp tcp", "udp,udp"],
  ...[["udp"], ["tcp", "udp"], ["udp", "udp"], ["udp", "tls"], ["udp,tcp"], ["udp", 1]],
  ...["127.0.0.1", "127.0.0.1 ", "127.1", "01.2.3.4", "256.0.0.1", "1.2.3.4.5", "127.0.0.1:80"],
  ...["::", "::1", "[::1]", "2001:DB8::1", "::ffff:192.0.2.1", "fe80::1%eth0", "localhost"],
  ...["1:2:3:4:5:6:7:8", "127.0.0.1,::1"],
  ...[["127.0.0.1"], ["127.0.0.1", "::1"], ["127.0.0.1", "localhost"]],
  ...["10.0.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10/8", "0.0.0.0/0"],
  ...["2001:db8::/32", "2001:db8::/129", "::/0", "10.0.0.1/8", "a:b", "2001:db8::1::2"],
  ...["2001:db8::1/32", ["10.0.0.0/8", "::/0"], ["10.0.0.0/8", "localhost"]],
  ...["name:password", "name:", ":password", "name:pass:word", "name:\n", "name"],
  ...[["name:password"], ["name:password", "name"]],
  ...["x".repeat(15), "x".repeat(16), "x".repeat(127), "x".repeat(128)],
];

/** What each of the two finds wrong with a file; the server alone sees settings in combination. */
function problems(content: unknown): { readonly reader: string[]; readonly schema: string[] } {
  const result = readServeSettings({ flags: new Map(), file: { name: "a.json", content } });
  const reader = result.ok ? [] : result.problems.filter((text) => text.startsWith("Cannot read"));
  const schema = validate(content)
    ? []
    : (validate.errors ?? []).map(({ message }) => `${message}`);
  return { reader, schema: schema.length === 0 ? [] : [schema.join("; ")] };
}

const validate = validator().compile(FILE);

/** An independent reader of JSON Schema; the formats, which it leaves to others, by Node's reader. */
function validator(): Ajv2020 {
  const ajv = new Ajv2020({ strictTypes: false });
  ajv.addFormat("ipv4", isIPv4);
  // RFC 4291 knows no zone, which Node allows
  ajv.addFormat("ipv6", (text: string) => isIPv6(text) && !text.includes("%"));
  return ajv;
}
