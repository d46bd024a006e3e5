import { type IpPrefix, parseIpPrefix } from "../protocol/mod.ts";
import { type Decoded, decoded, undecodable } from "../wire/mod.ts";
import { whyNoChangeHook } from "./change_hook.ts";
import type { CommandLine } from "./command_line.ts";
import { readNumberFlag } from "./number_flag.ts";
import { parseServiceTarget, type ServiceTarget } from "./service_target.ts";
import { readServerChoice, type ServerChoice } from "./server_choice.ts";
import { whyNoWebhook } from "./webhook.ts";

/** What `pinhole expose` is to do. */
export interface ExposeSettings extends ServerChoice {
  /** The local service. */
  readonly service: ServiceTarget;
  /** Of the service and of the public address. */
  readonly transport: "tcp" | "udp";
  /** The local port that is exposed; any if it is not given. */
  readonly localPort: number | undefined;
  /** How often the servers are asked, in ms; once if it is infinite; if not given, the listener chooses. */
  readonly keepAliveMs: number | undefined;
  /** What holds the mapping where the servers do not. */
  readonly keepAliveUrl: string | undefined;
  /** Who may come; everybody if it is empty. */
  readonly allow: readonly IpPrefix[];
  /** How many may come at a time; the gateway's own choice if it is not given. */
  readonly maxConnections: number | undefined;
  /** The command to run when the address changes. */
  readonly onChange: string | undefined;
  /** The URL to post changes to. */
  readonly webhook: string | undefined;
  /** Whether to tell in JSON. */
  readonly json: boolean;
}

/** Reads the command line of `pinhole expose`, which has been parsed; says what is wrong with it. */
export function readExposeSettings({ flags, positional }: CommandLine): Decoded<ExposeSettings> {
  const [target] = positional;
  if (target === undefined) {
    return undecodable("Cannot expose: wanted a service, HOST:PORT or PORT");
  }
  const service = parseServiceTarget(target);
  if (!service.ok) return service;
  const choice = readServerChoice({
    flags,
    servers: texts(flags, "server"),
    attempt: "Cannot expose",
    wanted: "--server stun:HOST[:PORT]",
  });
  if (!choice.ok) return choice;
  const transport = flags.has("udp") ? "udp" : "tcp";
  const keepAliveUrl = text(flags, "keep-alive-url");
  if (keepAliveUrl !== undefined && transport === "udp") {
    return undecodable("Cannot use --keep-alive-url with --udp: it is about TCP");
  }
  const allow: IpPrefix[] = [];
  for (const one of texts(flags, "allow")) {
    const prefix = parseIpPrefix(one);
    if (!prefix.ok) return prefix;
    allow.push(prefix.value);
  }
  const localPort = readNumberFlag(flags, "local-port", PORT);
  const keepAlive = readNumberFlag(flags, "keep-alive", SECONDS);
  const maxConnections = readNumberFlag(flags, "max-connections", CONNECTIONS);
  for (const number of [localPort, keepAlive, maxConnections]) {
    if (typeof number === "string") return undecodable(number);
  }
  const onChange = text(flags, "on-change");
  const webhook = text(flags, "webhook");
  const missing = (onChange && whyNoChangeHook()) ?? (webhook && whyNoWebhook(webhook));
  if (missing) return undecodable(missing);
  return decoded({
    service: service.value,
    ...choice.value,
    transport,
    localPort: localPort as number | undefined,
    keepAliveMs: typeof keepAlive === "number" ? keepAlive * 1000 || Infinity : undefined,
    keepAliveUrl,
    allow,
    maxConnections: maxConnections as number | undefined,
    onChange,
    webhook,
    json: flags.has("json"),
  });
}

function text(flags: CommandLine["flags"], name: string): string | undefined {
  return texts(flags, name)[0];
}

function texts(flags: CommandLine["flags"], name: string): readonly string[] {
  return [flags.get(name) ?? []].flat().map(String);
}

const PORT = { unit: "a port of", least: 1, most: 65_535, whole: true };

/** A process has 1,048,576 descriptors at most on Linux, and a connection takes two. */
const CONNECTIONS = { unit: "connections", least: 1, most: 500_000, whole: true };

const SECONDS = { unit: "seconds", least: 0, most: 3600, whole: true };
