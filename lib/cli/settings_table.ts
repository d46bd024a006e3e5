import * as v from "valibot";
import { parseIpPrefix } from "../protocol/mod.ts";
import { parseIp } from "../wire/mod.ts";
import type { Flag } from "./command_line.ts";

/** One setting of the server: a flag, and a key of the configuration file. */
export interface Setting<S extends v.GenericSchema = v.GenericSchema> {
  /** Checks the value; its message is what was wanted. */
  readonly schema: S;
  /** What stands for the value in the help. */
  readonly value: string;
  /** What it does, for the help and the JSON Schema. */
  readonly help: string;
  /** How a flag's text becomes a value. @default as it is */
  readonly reads?: "number" | "comma-list";
  /** Whether the flag may be repeated; the value is a list then. */
  readonly repeatable?: true;
  /** Whether the value must never be shown. */
  readonly secret?: true;
}

function setting<S extends v.GenericSchema>(row: Setting<S>): Setting<S> {
  return row;
}

function integer(min: number, max: number): v.GenericSchema<number> {
  const wanted = `a whole number of ${min} to ${max}`;
  return v.pipe(
    v.number(wanted),
    v.integer(wanted),
    v.minValue(min, wanted),
    v.maxValue(max, wanted),
  );
}

function oneOf<const T extends readonly string[]>(values: T): v.PicklistSchema<T, string> {
  return v.picklist(values, values.join(" or "));
}

function text(wanted: string): v.GenericSchema<string> {
  return v.pipe(v.string(wanted), v.minLength(1, wanted));
}

const address = v.pipe(
  v.string("an IP address"),
  v.check((value) => parseIp(value).ok, "an IP address, without brackets or port"),
);

const addresses = v.pipe(v.array(address, "IP addresses"), v.minLength(1, "an IP address or more"));

const prefixes = v.array(
  v.pipe(
    v.string("an address block"),
    v.check((value) => parseIpPrefix(value).ok, "an address block such as 192.0.2.0/24"),
  ),
  "address blocks",
);

const user = v.pipe(
  v.string("NAME:PASSWORD"),
  v.regex(/^[^:]+:.+$/su, "NAME:PASSWORD, neither of them empty"),
);

const origin = v.pipe(
  v.string("an origin"),
  v.regex(/^(?:\*|https?:\/\/[^/?#@ ]+)$/u, "an origin such as https://app.example, or *"),
);

const boardStore = v.pipe(
  v.string("a store"),
  v.regex(/^(?:none|memory|rediss?:\/\/[^ ]+)$/u, "none, memory or redis://HOST[:PORT]"),
);

/** One table: flags, help, keys of the file, checks, defaults and JSON Schema all read it. */
export const SETTINGS = {
  hostname: setting({
    schema: v.optional(addresses),
    value: "ADDR",
    repeatable: true,
    help: "IP address to listen on; default :: (IPv4 too), or 0.0.0.0 without IPv6; repeatable",
  }),
  port: setting({
    schema: v.optional(integer(0, 65535), 3478),
    value: "PORT",
    reads: "number",
    help: "port of UDP and TCP; 0 lets the system choose; default 3478",
  }),
  transport: setting({
    schema: v.optional(
      v.pipe(
        v.array(oneOf(["udp", "tcp"]), "a list of udp and tcp"),
        v.minLength(1, "udp or tcp or both"),
        v.check((list) => new Set(list).size === list.length, "each of udp and tcp once"),
      ),
      ["udp", "tcp"],
    ),
    value: "LIST",
    reads: "comma-list",
    help: "what to serve: udp,tcp (default), udp or tcp",
  }),
  "tls-port": setting({
    schema: v.optional(integer(0, 65535), 5349),
    value: "PORT",
    reads: "number",
    help: "port of TLS, served when there is a certificate; default 5349",
  }),
  "tls-cert": setting({
    schema: v.optional(text("a file name")),
    value: "FILE",
    help: "certificate chain of TLS, PEM; read again at SIGHUP",
  }),
  "tls-key": setting({
    schema: v.optional(text("a file name")),
    value: "FILE",
    help: "private key of TLS, PEM; read again at SIGHUP",
  }),
  "alternate-hostname": setting({
    schema: v.optional(addresses),
    value: "ADDR",
    repeatable: true,
    help: "second IP address: turns NAT discovery (RFC 5780) on; one of each family",
  }),
  "alternate-port": setting({
    schema: v.optional(integer(0, 65535)),
    value: "PORT",
    reads: "number",
    help: "second port of RFC 5780; default one above the port",
  }),
  advertise: setting({
    schema: v.optional(addresses),
    value: "ADDR",
    repeatable: true,
    help: "public address of a server behind a 1:1 NAT; one of each family",
  }),
  "advertise-alternate": setting({
    schema: v.optional(addresses),
    value: "ADDR",
    repeatable: true,
    help: "public address of the second one behind a 1:1 NAT",
  }),
  "dial-back": setting({
    schema: v.optional(oneOf(["on", "off"]), "on"),
    value: "on|off",
    help: "connect back to clients on TCP and TLS who ask whether they can be reached; default on",
  }),
  auth: setting({
    schema: v.optional(oneOf(["none", "short-term", "long-term"]), "none"),
    value: "MECHANISM",
    help: "who may ask: none (everyone, default), short-term or long-term (RFC 8489 section 9)",
  }),
  realm: setting({
    schema: v.optional(v.pipe(text("a realm"), v.maxLength(127, "at most 127 characters"))),
    value: "NAME",
    help: "realm of long-term credentials",
  }),
  user: setting({
    schema: v.optional(v.array(user, "a list of NAME:PASSWORD")),
    value: "NAME:PASSWORD",
    repeatable: true,
    secret: true,
    help: "a user who may ask; repeatable",
  }),
  "auth-secret": setting({
    schema: v.optional(text("a secret")),
    value: "SECRET",
    secret: true,
    help: "accept time-limited long-term credentials made with it (coturn's use-auth-secret)",
  }),
  "nonce-secret": setting({
    schema: v.optional(v.pipe(text("a secret"), v.minLength(16, "16 characters or more"))),
    value: "SECRET",
    secret: true,
    help: "key of nonces and address tokens; the same on servers that share a name; default random",
  }),
  "rate-limit": setting({
    schema: v.optional(integer(0, 10_000_000), 1000),
    value: "N",
    reads: "number",
    help: "requests per second of one IPv4 address or IPv6 /64; 0 for no limit; default 1000",
  }),
  "rate-burst": setting({
    schema: v.optional(integer(1, 100_000_000), 5000),
    value: "N",
    reads: "number",
    help: "requests at once after a silence; default 5000",
  }),
  exempt: setting({
    schema: v.optional(prefixes, []),
    value: "CIDR",
    repeatable: true,
    help: "block of addresses without a rate limit; repeatable",
  }),
  "max-connections": setting({
    schema: v.optional(integer(1, 1_000_000)),
    value: "N",
    reads: "number",
    help: "most TCP and TLS connections in all; default 16384",
  }),
  "max-connections-per-address": setting({
    schema: v.optional(integer(1, 1_000_000)),
    value: "N",
    reads: "number",
    help: "most TCP and TLS connections of one IPv4 address or IPv6 /64; default 512",
  }),
  "idle-timeout": setting({
    schema: v.optional(integer(1, 31_536_000)),
    value: "SECONDS",
    reads: "number",
    help: "close a connection whose client sends nothing for so long; default 600",
  }),
  "proxy-protocol": setting({
    schema: v.optional(prefixes, []),
    value: "CIDR",
    repeatable: true,
    help: "believe PROXY headers (v1, v2) on TCP from these load balancers; repeatable",
  }),
  "http-port": setting({
    schema: v.optional(integer(0, 65535)),
    value: "PORT",
    reads: "number",
    help: "serve the board, /healthz, /readyz and /metrics over HTTP; default off",
  }),
  "http-hostname": setting({
    schema: v.optional(address, "127.0.0.1"),
    value: "ADDR",
    help: "IP address of HTTP; default 127.0.0.1",
  }),
  "http-operator": setting({
    schema: v.optional(prefixes, ["127.0.0.0/8", "::1"]),
    value: "CIDR",
    repeatable: true,
    help: "who may see health and metrics; default 127.0.0.0/8,::1; repeatable",
  }),
  "http-trusted-proxy": setting({
    schema: v.optional(prefixes, []),
    value: "CIDR",
    repeatable: true,
    help: "believe x-forwarded-for of these proxies; repeatable",
  }),
  "http-origin": setting({
    schema: v.optional(v.array(origin, "a list of origins"), []),
    value: "ORIGIN",
    repeatable: true,
    help: "pages from there may use the board too, * for all; repeatable",
  }),
  "http-max-connections": setting({
    schema: v.optional(integer(1, 1_000_000)),
    value: "N",
    reads: "number",
    help: "most HTTP connections, peers of the board among them; default 4096",
  }),
  "http-max-connections-per-address": setting({
    schema: v.optional(integer(1, 1_000_000)),
    value: "N",
    reads: "number",
    help: "most of them from one IPv4 address or IPv6 /64; default 64",
  }),
  "board-store": setting({
    schema: v.optional(boardStore, "memory"),
    value: "STORE",
    secret: true,
    help: "where the board is: memory (default), redis://HOST[:PORT], shared by servers, or none",
  }),
  udp: setting({
    schema: v.optional(oneOf(["auto", "deno", "batched"]), "auto"),
    value: "IO",
    help: "how UDP is done: batched (Linux, --allow-ffi), deno, or auto, the faster (default auto)",
  }),
  tcp: setting({
    schema: v.optional(oneOf(["auto", "deno", "epoll"]), "auto"),
    value: "IO",
    help: "how TCP is done: epoll (Linux, --allow-ffi), deno, or auto, the faster (default auto)",
  }),
  workers: setting({
    schema: v.optional(integer(1, 64), 1),
    value: "N",
    reads: "number",
    help: "threads that serve UDP, in batches; they share the rate limit, roughly; default 1",
  }),
  software: setting({
    schema: v.optional(v.pipe(text("text"), v.maxLength(127, "at most 127 characters"))),
    value: "TEXT",
    help: "send this as SOFTWARE in every answer; default none, the smallest answer",
  }),
  "log-format": setting({
    schema: v.optional(oneOf(["text", "json"]), "text"),
    value: "FORMAT",
    help: "text (default) or json, one object a line",
  }),
  "log-level": setting({
    schema: v.optional(oneOf(["error", "warn", "info", "debug", "trace"]), "info"),
    value: "LEVEL",
    help: "error, warn, info (default), debug or trace",
  }),
};

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

type SettingsEntries = { readonly [K in SettingName]: (typeof SETTINGS)[K]["schema"] };

/** Checks all settings together; unknown keys are refused. */
export const SETTINGS_SCHEMA: v.StrictObjectSchema<SettingsEntries, undefined> = v.strictObject(
  Object.fromEntries(
    Object.entries(SETTINGS).map(([key, row]) => [key, row.schema]),
  ) as unknown as SettingsEntries,
);

/** The flags that go with the settings. */
export const SETTING_FLAGS: readonly Flag[] = Object.entries<Setting>(SETTINGS).map((
  [name, row],
) => ({ name, value: row.value, help: row.help, repeatable: row.repeatable ?? false }));
