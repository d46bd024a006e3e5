import { query, QueryError, type QueryOptions, type QueryResult } from "../client/mod.ts";
import { ClientAuthentication, type ClientCredentials } from "../protocol/client/mod.ts";
import { formatSocketAddress, isUnspecifiedIp, parseStunUri } from "../wire/mod.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { complain, readFile, writeErr, writeOut } from "./terminal.ts";

/**
 * `pinhole query`: asks a STUN server for this host's public address.
 *
 * @returns The exit code: 0 answered, 1 no usable answer, 2 wrong usage.
 */
export async function queryCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(QUERY, args);
  if (!line.ok) return complain([line.problem]);
  const { flags, positional } = line;
  if (flags.has("help")) {
    writeOut(formatHelp(QUERY));
    return 0;
  }
  const [target] = positional;
  if (target === undefined) return complain(["Cannot query: wanted a server, stun:HOST[:PORT]"]);
  const uri = parseStunUri(target);
  if (!uri.ok) return complain([uri.reason]);
  const fallbacks = [flags.get("fallback") ?? []].flat().map((text) => parseStunUri(String(text)));
  const servers = [uri.value];
  for (const fallback of fallbacks) {
    if (!fallback.ok) return complain([fallback.reason]);
    servers.push(fallback.value);
  }
  const timeout = Number(flags.get("timeout") ?? 39.5);
  if (!(timeout > 0 && timeout <= 3600)) {
    return complain([
      `Cannot read --timeout: got ${flags.get("timeout")}, wanted seconds up to 3600`,
    ]);
  }
  if (flags.has("ipv4") && flags.has("ipv6")) {
    return complain(["Cannot query: -4 and -6 exclude each other"]);
  }
  const credentials = readCredentials(flags);
  if (typeof credentials === "string") return complain([credentials]);
  const secure = uri.value.scheme === "stuns";
  if (servers.some(({ scheme }) => scheme !== uri.value.scheme)) {
    return complain(["Cannot query: stun: and stuns: URIs do not go together"]);
  }
  if (flags.has("tcp") && secure) {
    return complain(["Cannot query: a stuns: URI means TLS, not TCP"]);
  }
  const transport = secure ? "tls" : flags.has("tcp") ? "tcp" : "udp";
  const ca = flags.get("ca");
  const caCerts = typeof ca === "string" ? readFile(ca) : undefined;
  if (caCerts !== undefined && !caCerts.ok) return complain([caCerts.problem]);
  const options: QueryOptions = {
    transport,
    credentials,
    caCerts: caCerts && [caCerts.text],
    timeoutMs: timeout * 1000,
    family: flags.has("ipv4") ? 4 : flags.has("ipv6") ? 6 : undefined,
  };
  try {
    const result = await query(servers, options);
    writeOut(flags.has("json") ? JSON.stringify(toJson(result)) : toText(result));
    return 0;
  } catch (error) {
    // A URI and a transport that do not go together
    if (error instanceof RangeError) return complain([error.message]);
    const failure = failureOf(error);
    if (flags.has("json")) {
      writeOut(JSON.stringify({ server: target, transport, error: failure }));
    } else {
      writeErr(`error: ${failure.message}`);
      const others = new Set(failure.failures?.map(({ message }) => message));
      others.delete(failure.message);
      for (const message of others) writeErr(`also: ${message}`);
    }
    return 1;
  }
}

/** The command line of `pinhole query`. */
export const QUERY: Command = {
  name: "pinhole query",
  usage: "stun:HOST[:PORT] [flags]",
  summary: "Asks a STUN server for this host's public address.",
  flags: [
    { name: "tcp", help: "ask over TCP instead of UDP" },
    {
      name: "fallback",
      value: "URI",
      repeatable: true,
      help: "another server, to be asked too when there is no answer for 1.5 s",
    },
    {
      name: "ca",
      value: "FILE",
      help: "TLS, for a stuns: URI: trust the certificates in this PEM file too",
    },
    { name: "ipv4", short: "-4", help: "use IPv4 alone" },
    { name: "ipv6", short: "-6", help: "use IPv6 alone" },
    { name: "timeout", value: "SECONDS", help: "give up after so long; default 39.5 (RFC 8489)" },
    {
      name: "user",
      value: "NAME:PASSWORD",
      help: "credentials for a server that asks for them; EXPIRY:NAME:PASSWORD if time-limited",
    },
    { name: "short-term", help: "with --user: send them as a short-term credential, unasked" },
    {
      name: "json",
      help: "print one object: server, transport, local, reflexive, nat, rttMs, attempts; and " +
        "authenticated with --user, software and redirectedFrom where there are any",
    },
  ],
  examples: [
    "pinhole query stun:stun.example.org --tcp",
    "pinhole query stun:stun.example.org --user alice:secret",
    "pinhole query stuns:stun.example.org --fallback stuns:stun.example.net",
  ],
  exitCodes: "0 answered, 1 no usable answer, 2 wrong usage",
  positional: 1,
};

/** The credentials that the flags give; a text is what is wrong with them. */
function readCredentials(
  flags: ReadonlyMap<string, string | true | readonly string[]>,
): ClientCredentials | string | undefined {
  const given = flags.get("user");
  if (typeof given !== "string") {
    return flags.has("short-term") ? "Cannot use --short-term: wanted --user too" : undefined;
  }
  // The name of a time-limited credential has a colon after its 10 digits; no other name has one
  const [, username, password] = /^([0-9]{10}:[^:]*|[^:]*):([^]+)$/.exec(given) ?? [];
  if (username === undefined || password === undefined) {
    return "Cannot read --user: wanted NAME:PASSWORD";
  }
  const mechanism = flags.has("short-term") ? "short-term" : "long-term";
  const credentials: ClientCredentials = { username, password, mechanism };
  try {
    new ClientAuthentication(credentials);
    return credentials;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** What is told of a query without a result. */
interface Failure {
  readonly code: string;
  readonly message: string;
  /** Only where more than one server or address was tried. */
  readonly failures?: readonly {
    readonly server: string;
    readonly code: string;
    readonly message: string;
  }[];
}

/** What is told of a failure; anything else is a mistake of ours. */
function failureOf(error: unknown): Failure {
  // Without --unstable-net, which a package cannot switch on for its user, Deno has no UDP
  if (error instanceof TypeError) return { code: "unsupported", message: error.message };
  if (!(error instanceof QueryError)) throw error;
  const { code, message } = error;
  if (error.failures.length < 2) return { code, message };
  const failures = error.failures.map(({ uri, server, code, message }) => {
    return { server: server === undefined ? uri : formatSocketAddress(server), code, message };
  });
  return { code, message, failures };
}

function toJson(result: QueryResult): Record<string, unknown> {
  return {
    server: formatSocketAddress(result.server),
    transport: result.transport,
    local: formatSocketAddress(result.local),
    reflexive: formatSocketAddress(result.reflexive),
    nat: result.nat,
    rttMs: Math.round(result.rttMs * 1000) / 1000,
    attempts: result.attempts,
    ...result.authenticated === undefined ? {} : { authenticated: result.authenticated },
    ...result.software === undefined ? {} : { software: result.software },
    ...result.redirectedFrom && { redirectedFrom: formatSocketAddress(result.redirectedFrom) },
  };
}

function toText(result: QueryResult): string {
  const { local, reflexive, server, transport, nat, rttMs, attempts, software } = result;
  const unknown = isUnspecifiedIp(local.ip);
  const rows = [
    ["Public address", formatSocketAddress(reflexive)],
    [
      "Local address",
      (unknown ? `port ${local.port} of an unknown address` : formatSocketAddress(local)) +
      (nat ? " (translated on the way: behind a NAT)" : " (the same: no NAT on the way)"),
    ],
    ["Server", `${formatSocketAddress(server)} over ${transport.toUpperCase()}`],
    ["Round trip", `${rttMs.toFixed(1)} ms${attempts > 1 ? ` (attempt ${attempts})` : ""}`],
    ...result.authenticated === undefined ? [] : [[
      "Authenticated",
      result.authenticated ? "yes" : "no: the server did not ask for credentials",
    ]],
    ...software === undefined ? [] : [["Software", software]],
    ...result.redirectedFrom ? [["Sent here by", formatSocketAddress(result.redirectedFrom)]] : [],
  ];
  return rows.map(([left, right]) => `${left!.padEnd(16)}${right}`).join("\n");
}
