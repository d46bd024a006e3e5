import * as v from "valibot";
import { type Setting, SETTINGS, SETTINGS_SCHEMA } from "./settings_table.ts";

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
  readonly file?: { readonly name: string; readonly content: unknown } | undefined;
}

/**
 * Puts flags and file together, a flag before the file, and checks every value once. Unknown keys
 * are problems; each problem says where it is, what was found (but for secrets) and what was wanted.
 */
export function readServeSettings(sources: ServeSettingsSources): ServeSettingsResult {
  const { flags, file } = sources;
  if (file !== undefined && !isObject(file.content)) {
    const problem = `Cannot read ${file.name}: wanted a JSON object of settings`;
    return { ok: false, problems: [problem] };
  }
  const given: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(file?.content ?? {})) {
    // Tells an editor where the JSON Schema is, and the server nothing
    if (key === "$schema" && typeof value === "string") continue;
    given[key] = typeof value === "string" ? fromFileText(key, value) : value;
  }
  for (const [key, value] of flags) {
    if (rowOf(key) !== undefined) given[key] = fromFlag(key, value);
  }
  const place = (key: string, path = key) =>
    flags.has(key) ? `--${key}` : `${path}${file === undefined ? "" : ` in ${file.name}`}`;
  const result = v.safeParse(SETTINGS_SCHEMA, given);
  const problems = result.success
    ? conflicts(result.output, place)
    : result.issues.map((issue) => describe(issue, place));
  return result.success && problems.length === 0
    ? { ok: true, value: result.output }
    : { ok: false, problems };
}

type Place = (key: string, path?: string) => string;

function describe(issue: v.BaseIssue<unknown>, place: Place): string {
  const path = issue.path?.map((item) => String(item.key)) ?? [];
  const where = place(path[0] ?? "", path.join("."));
  const row = rowOf(path[0] ?? "");
  if (row === undefined) return `Cannot read ${where}: there is no such setting`;
  const found = row.secret ? "something else" : JSON.stringify(issue.input);
  return `Cannot read ${where}: got ${found}, wanted ${issue.message}`;
}

/** What no single value can be blamed for. */
function conflicts(settings: ServeSettings, place: Place): string[] {
  const problems: string[] = [];
  const needs = (key: keyof ServeSettings, met: boolean, what: string) => {
    if (!met) problems.push(`Cannot use ${place(key)}: it goes with ${what}`);
  };
  const { auth, realm, user = [], workers } = settings;
  const certificate = settings["tls-cert"];
  const key = settings["tls-key"];
  const secret = settings["auth-secret"];
  if (certificate !== undefined) needs("tls-cert", key !== undefined, "tls-key");
  if (key !== undefined) needs("tls-key", certificate !== undefined, "tls-cert");
  if (auth === "long-term") {
    needs("auth", realm !== undefined, "a realm");
    needs("auth", user.length > 0 || secret !== undefined, "a user or an auth-secret");
  }
  if (auth === "short-term") needs("auth", user.length > 0, "a user");
  if (user.length > 0) needs("user", auth !== "none", "auth short-term or long-term");
  if (secret !== undefined) needs("auth-secret", auth === "long-term", "auth long-term");
  if (settings["board-store"].startsWith("redis")) {
    needs("board-store", settings["http-port"] !== undefined, "an http-port");
  }
  if (realm !== undefined) needs("realm", auth === "long-term", "auth long-term");
  if (workers > 1) {
    needs("workers", settings.udp !== "deno", "udp auto or batched");
    needs("workers", settings.transport.includes("udp"), "udp among the transports");
  }
  return problems;
}

function rowOf(key: string): Setting | undefined {
  return Object.hasOwn(SETTINGS, key) ? SETTINGS[key as keyof typeof SETTINGS] : undefined;
}

/** A list of one may be written as that one. */
function fromFileText(key: string, value: string): unknown {
  const row = rowOf(key);
  if (row?.reads === "comma-list") return splitList(value);
  return row?.repeatable ? [value] : value;
}

function fromFlag(key: string, value: string | true | readonly string[]): unknown {
  if (typeof value !== "string") return value;
  const reads = rowOf(key)?.reads;
  if (reads === "comma-list") return splitList(value);
  // Text that is no number stays text, so that the complaint shows what was typed
  return reads === "number" && /^-?[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : value;
}

function splitList(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
