import * as v from "valibot";
import { parseIp } from "../wire/mod.ts";
import type { Flag } from "./command_line.ts";

/** Everything that the server can be told, by flag or in a file, with its defaults filled in. */
export type ServeSettings = v.InferOutput<typeof SETTINGS_SCHEMA>;

/** Settings that were read, or all that is wrong with them. */
export type ServeSettingsResult =
  | { readonly ok: true; readonly value: ServeSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Where settings come from. */
export interface ServeSettingsSources {
  /** The flags that were given. */
  readonly flags: ReadonlyMap<string, string | true | readonly string[]>;
  /** The content of the configuration file, as parsed JSON. */
  readonly file?: { readonly name: string; readonly content: unknown };
}

/**
 * Puts flags and file together, a flag before the file, and checks every value once. Unknown keys
 * are problems; each problem says where it is, what was found and what was wanted.
 */
export function readServeSettings(sources: ServeSettingsSources): ServeSettingsResult {
  const { flags, file } = sources;
  const given: Record<string, unknown> = {};
  if (file !== undefined) {
    if (typeof file.content !== "object" || file.content === null || Array.isArray(file.content)) {
      const problem = `Cannot read ${file.name}: wanted a JSON object of settings`;
      return { ok: false, problems: [problem] };
    }
    for (const [key, value] of Object.entries(file.content)) {
      given[key] = isList(key) && typeof value === "string" ? splitList(value) : value;
    }
  }
  for (const [key, value] of flags) {
    if (key in SETTINGS) given[key] = fromFlag(key as keyof typeof SETTINGS, value);
  }
  const result = v.safeParse(SETTINGS_SCHEMA, given);
  if (result.success) return { ok: true, value: result.output };
  const problems = result.issues.map((issue) => {
    const path = issue.path?.map((item) => String(item.key)) ?? [];
    const key = path[0] ?? "";
    const where = flags.has(key) ? `--${key}` : `${path.join(".")} in ${file?.name}`;
    if (!(key in SETTINGS)) return `Cannot read ${where}: there is no such setting`;
    return `Cannot read ${where}: got ${JSON.stringify(issue.input)}, wanted ${issue.message}`;
  });
  return { ok: false, problems };
}

const ipAddress = v.pipe(
  v.string("an IP address"),
  v.check((text) => parseIp(text).ok, "an IP address, without brackets or port"),
);

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

interface Setting<S extends v.GenericSchema> {
  readonly schema: S;
  readonly value: string;
  readonly help: string;
  /** Whether the flag may be repeated. */
  readonly repeatable?: true;
  /** Whether the flag's text is split at commas. */
  readonly commas?: true;
  /** Whether the flag's text is a number. */
  readonly number?: true;
}

function setting<S extends v.GenericSchema>(row: Setting<S>): Setting<S> {
  return row;
}

/** One table: flags, help, file keys, checks and defaults all read it. */
const SETTINGS = {
  hostname: setting({
    schema: v.optional(v.pipe(v.array(ipAddress, "addresses"), v.minLength(1, "one or more"))),
    value: "ADDR",
    repeatable: true,
    help: "IP address to listen on; default :: (IPv4 too), or 0.0.0.0 without IPv6; repeatable",
  }),
  port: setting({
    schema: v.optional(integer(0, 65535), 3478),
    number: true,
    value: "PORT",
    help: "port for UDP and TCP; 0 lets the system choose; default 3478",
  }),
  transport: setting({
    schema: v.optional(
      v.pipe(v.array(oneOf(["udp", "tcp"]), "udp,tcp"), v.minLength(1, "udp or tcp or both")),
      ["udp", "tcp"],
    ),
    value: "LIST",
    commas: true,
    help: "what to serve: udp,tcp (default), udp or tcp",
  }),
  "max-connections": setting({
    schema: v.optional(integer(1, 1_000_000)),
    number: true,
    value: "N",
    help: "most TCP connections in all; default 16384",
  }),
  "max-connections-per-address": setting({
    schema: v.optional(integer(1, 1_000_000)),
    number: true,
    value: "N",
    help: "most TCP connections of one IPv4 address or IPv6 /64; default 512",
  }),
  "idle-timeout": setting({
    schema: v.optional(integer(1, 31_536_000)),
    number: true,
    value: "SECONDS",
    help: "close a TCP connection whose client sends nothing for so long; default 600",
  }),
  software: setting({
    schema: v.optional(
      v.pipe(v.string("text"), v.maxLength(127, "at most 127 characters"), v.minLength(1, "text")),
    ),
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

type SettingsEntries = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K]["schema"];
};

const SETTINGS_SCHEMA = v.strictObject(
  Object.fromEntries(
    Object.entries(SETTINGS).map(([key, row]) => [key, row.schema]),
  ) as unknown as SettingsEntries,
);

/** The flags that go with the settings. */
export const SETTING_FLAGS: readonly Flag[] = Object.entries(SETTINGS).map(([name, row]) => ({
  name,
  value: row.value,
  help: row.help,
  repeatable: row.repeatable ?? false,
}));

function isList(key: string): boolean {
  const row: Partial<Setting<v.GenericSchema>> | undefined = Object.hasOwn(SETTINGS, key)
    ? SETTINGS[key as keyof typeof SETTINGS]
    : undefined;
  return row?.repeatable === true || row?.commas === true;
}

function fromFlag(key: keyof typeof SETTINGS, value: string | true | readonly string[]): unknown {
  if (typeof value !== "string") return value;
  const row: Setting<v.GenericSchema> = SETTINGS[key];
  if (row.commas) return splitList(value);
  // Text that is no number stays text, so that the complaint shows what was typed
  return row.number && /^-?[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : value;
}

function splitList(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}
