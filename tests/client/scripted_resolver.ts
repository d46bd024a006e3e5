import type { Resolver } from "../../lib/client/mod.ts";
import type { ServiceRecord } from "../../lib/protocol/client/mod.ts";
import { ResolveError } from "../../lib/transport/mod.ts";
import { parseIp } from "../../lib/wire/mod.ts";

/** What a {@linkcode ScriptedResolver} knows. */
export interface Zone {
  /** IP addresses by host name. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  /** SRV records by service name; `silent` for a lookup that does not end. */
  readonly services?: Readonly<Record<string, readonly ServiceRecord[] | "silent">>;
}

/** A resolver that knows what the test tells it. */
export class ScriptedResolver implements Resolver {
  /** What was looked up, in order. */
  readonly asked: string[] = [];
  readonly #zone: Zone;

  /** Makes a resolver. */
  constructor(zone: Zone) {
    this.#zone = zone;
  }

  /** Gives the addresses of a host; an IP address stands for itself. */
  resolveHost: Resolver["resolveHost"] = async (host, { family }) => {
    await Promise.resolve();
    if (parseIp(host).ok) return [ip(host)];
    this.asked.push(host);
    const ips = (this.#zone.hosts?.[host] ?? []).map(ip);
    const wanted = ips.filter(({ length }) => family === undefined || length === LENGTHS[family]);
    if (wanted.length === 0) {
      throw new ResolveError("no such host", { code: "not-found", host });
    }
    return wanted;
  };

  /** Gives the records of a service. */
  resolveService: Resolver["resolveService"] = async (name, { signal }) => {
    this.asked.push(name);
    const records = this.#zone.services?.[name] ?? [];
    if (records !== "silent") return records;
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve();
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
    throw new ResolveError("no answer in time", { code: "timed-out", host: name });
  };
}

function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

const LENGTHS = { 4: 4, 6: 16 } as const;
