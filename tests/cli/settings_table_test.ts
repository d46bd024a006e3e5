import { assertEquals, assertMatch } from "@std/assert";
import {
  type Setting,
  SETTING_FLAGS,
  SETTINGS,
  SETTINGS_SCHEMA,
} from "../../lib/cli/settings_table.ts";

const ROWS: readonly (readonly [string, Setting])[] = Object.entries(SETTINGS);

Deno.test("SETTINGS holds the settings that the server is documented to have, in this order", () => {
  assertEquals(ROWS.map(([name]) => name), [
    "hostname",
    "port",
    "transport",
    "tls-port",
    "tls-cert",
    "tls-key",
    "alternate-hostname",
    "alternate-port",
    "advertise",
    "advertise-alternate",
    "dial-back",
    "auth",
    "realm",
    "user",
    "auth-secret",
    "nonce-secret",
    "rate-limit",
    "rate-burst",
    "exempt",
    "max-connections",
    "max-connections-per-address",
    "idle-timeout",
    "proxy-protocol",
    "http-port",
    "http-hostname",
    "http-operator",
    "http-trusted-proxy",
    "http-origin",
    "http-max-connections",
    "http-max-connections-per-address",
    "board-store",
    "udp",
    "tcp",
    "workers",
    "software",
    "log-format",
    "log-level",
  ]);
});

Deno.test("SETTINGS_SCHEMA and SETTING_FLAGS know every setting and no other", () => {
  const names = ROWS.map(([name]) => name);
  assertEquals(Object.keys(SETTINGS_SCHEMA.entries), names);
  assertEquals(SETTING_FLAGS.map(({ name }) => name), names);
});

Deno.test("SETTING_FLAGS are valued, and repeatable where the value is a list", () => {
  for (const flag of SETTING_FLAGS) {
    const row = ROWS.find(([name]) => name === flag.name)![1];
    assertEquals(flag, {
      name: flag.name,
      value: row.value,
      help: row.help,
      repeatable: row.repeatable ?? false,
    });
    assertEquals(row.repeatable === true && row.reads !== undefined, false);
  }
});

Deno.test("SETTINGS keeps secret whatever is called a secret or holds a password", () => {
  for (const [name, row] of ROWS) {
    assertEquals(row.secret ?? false, /secret$|^user$|^board-store$/.test(name), name);
  }
});

Deno.test("SETTINGS says in its help what each default is", () => {
  const defaults: Record<string, unknown> = Object.fromEntries(
    ROWS.map(([name, { schema }]) => [name, (schema as { default?: unknown }).default]),
  );
  for (const [name, row] of ROWS) {
    const value = defaults[name];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    const text = Array.isArray(value) ? value.join(",") : String(value);
    assertMatch(row.help, new RegExp(`default ${text}|${text} \\([^)]*default\\)`), name);
  }
});

Deno.test("SETTINGS has help of one line without a full stop", () => {
  for (const [name, { help, value }] of ROWS) {
    assertMatch(help, /^[^\n]{1,100}[^.\n]$/, name);
    assertMatch(value, /^[A-Za-z:|-]+$/, name);
  }
});
