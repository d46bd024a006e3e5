import type { ServerPolicy } from "../server/mod.ts";
import { CertificateError, type CertifiedKey, checkCertificate } from "../transport/mod.ts";
import type { CommandLine } from "./command_line.ts";
import { readFile } from "./terminal.ts";
import { readServeSettings, type ServeSettings } from "./serve_settings.ts";
import { serverPolicy, type ServerPolicyOptions } from "./server_policy.ts";

/** All that flags and files say, read and checked. */
export interface ServeConfiguration {
  /** The settings themselves. */
  readonly settings: ServeSettings;
  /** What they mean for those who ask. */
  readonly policy: ServerPolicy;
  /** The content of the certificate files, where there are any. */
  readonly certificate: CertifiedKey | undefined;
}

/** A configuration, or all that is wrong with it. */
export type ServeConfigurationResult =
  | { readonly ok: true; readonly value: ServeConfiguration }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads what the command line and the files that it names say. Never prompts for a permission. */
export function readServeConfiguration(
  line: CommandLine,
  options: ServerPolicyOptions,
): ServeConfigurationResult {
  try {
    const name = line.flags.get("config");
    const file = typeof name === "string" ? { name, content: readJson(name) } : undefined;
    const read = readServeSettings({ flags: line.flags, file });
    if (!read.ok) return read;
    const settings = read.value;
    const policy = serverPolicy(settings, options);
    return { ok: true, value: { settings, policy, certificate: readCertificate(settings) } };
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof CertificateError)) throw error;
    return { ok: false, problems: [error.message] };
  }
}

/** The content of the certificate files; the settings have either both of them or none. */
function readCertificate(settings: ServeSettings): CertifiedKey | undefined {
  const { "tls-cert": certificateFile, "tls-key": keyFile } = settings;
  if (certificateFile === undefined || keyFile === undefined) return undefined;
  const certified = { certificate: readText(certificateFile), key: readText(keyFile) };
  checkCertificate(certified);
  return certified;
}

function readJson(name: string): unknown {
  try {
    return JSON.parse(readText(name));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new RangeError(`Cannot read ${name}: it is not JSON${placeOf(error)}`);
  }
}

/** Where JSON went wrong. The rest of the message quotes the file, which may hold secrets. */
function placeOf({ message }: SyntaxError): string {
  const [, line, column] = /\(line ([0-9]+) column ([0-9]+)\)$/.exec(message) ?? [];
  return line === undefined ? "" : `, see line ${line} column ${column}`;
}

function readText(name: string): string {
  const file = readFile(name);
  if (!file.ok) throw new RangeError(file.problem);
  return file.text;
}
