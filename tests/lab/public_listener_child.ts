import type { Child } from "../support/process.ts";
import type { LabHost } from "./lab_host.ts";
import type { Endpoint } from "./station.ts";

/** What a public listener in a lab is to be. */
export interface PublicListenerChildOptions {
  /** Over what. */
  readonly transport: "tcp" | "udp";
  /** `stun:` URIs. */
  readonly servers: readonly string[];
  /** How a TCP port is shared. */
  readonly sharing?: "turns" | "reuse-port";
  /** ms between two questions. */
  readonly keepAliveMs: number;
}

/** A public listener in a lab host, as a process of its own. */
export class PublicListenerChild {
  readonly #child: Child;

  /** Starts it. */
  constructor(host: LabHost, options: PublicListenerChildOptions) {
    this.#child = host.deno([
      ...["--allow-net", "--allow-ffi", "--allow-sys=networkInterfaces"],
      new URL("./_public_listener.ts", import.meta.url).pathname,
      JSON.stringify(options),
    ]);
  }

  /**
   * Waits for the nth event of a kind, from 1 on.
   *
   * @throws {Error} If it does not come within 30 s.
   */
  async event(event: string, nth = 1): Promise<Readonly<Record<string, unknown>>> {
    const pattern = new RegExp(`^\\{"event":"${event}","nth":${nth}[,}].*$`);
    const [line] = await this.#child.line(pattern, { timeoutMs: 30_000 });
    return JSON.parse(line);
  }

  /** Waits for the public address that it tells at the nth time. */
  async address(nth = 1): Promise<Endpoint> {
    const { address } = await this.event("refresh", nth);
    const [ip, port] = `${address}`.split(":");
    return { ip: ip!, port: Number(port) };
  }
}
