import { ROOT } from "../support/pinhole_server.ts";
import type { Child, LineOptions } from "../support/process.ts";
import { LAB_PORT } from "./lab_servers.ts";
import type { LabHost } from "./lab_host.ts";

/** How to start `pinhole expose`. */
export interface PinholeExposeOptions {
  /** The service, as `expose` takes it. */
  readonly service: string;
  /** IP addresses of the servers. */
  readonly servers: readonly string[];
  /** Whether it may call the C library, and so share its port without gaps. @default {false} */
  readonly ffi?: boolean;
  /** What to add to its command line. @default {[]} */
  readonly flags?: readonly string[];
}

/** Starts `pinhole expose --json` in a host of the lab. */
export function startPinholeExpose(host: LabHost, options: PinholeExposeOptions): Child {
  const { service, servers, ffi = false, flags = [] } = options;
  return host.deno([
    ...["--allow-net", "--allow-sys=networkInterfaces", "--allow-run=sh"],
    ...ffi ? ["--allow-ffi"] : [],
    ...[`${ROOT}lib/cli/pinhole.ts`, "expose", service, "--json", ...flags],
    ...servers.flatMap((ip) => ["--server", `stun:${ip}:${LAB_PORT}`]),
  ]);
}

/** The first event of a name that has such fields, told already or yet to come. */
export async function exposeEvent(
  child: Child,
  name: string,
  { fields = "", ...options }: LineOptions & { readonly fields?: string } = {},
): Promise<Record<string, unknown>> {
  const { input } = await child.line(new RegExp(`^{"event":"${name}",.*${fields}`), options);
  return JSON.parse(input!);
}

/**
 * Everything that was told, as soon as it is what the caller waits for.
 *
 * @throws {Error} If that takes longer than 60 s, or the program ends first.
 */
export async function exposeEventsUntil(
  child: Child,
  accept: (events: readonly Record<string, unknown>[]) => boolean,
): Promise<readonly Record<string, unknown>[]> {
  for (let tries = 0; tries < 1_200; tries++) {
    // The last piece is a line only once its newline has come
    const events = child.stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    if (accept(events)) return events;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Cannot find what was waited for\n${child.stdout}${child.stderr}`);
}
