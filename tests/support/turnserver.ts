import { askUdp, type Target } from "./binding_request.ts";
import { freePort } from "./free_port.ts";
import { Child } from "./process.ts";

/** Debian's coturn on a fresh loopback port, as a plain STUN server. */
export class Turnserver implements AsyncDisposable {
  /** Where it listens, for UDP and TCP alike. */
  readonly target: Target;
  readonly #child: Child;
  readonly #folder: string;

  private constructor(target: Target, child: Child, folder: string) {
    this.target = target;
    this.#child = child;
    this.#folder = folder;
  }

  /** Starts it, with further arguments, and waits until it answers a Binding request. */
  static async start(
    { hostname = "127.0.0.1", args = ["-S"] }: TurnserverOptions = {},
  ): Promise<Turnserver> {
    const target = { hostname, port: freePort(hostname) };
    const folder = await Deno.makeTempDir({ prefix: "turnserver" });
    const child = new Child("turnserver", [
      ...["-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout", "--simple-log"],
      ...["--userdb", `${folder}/db`, "--pidfile", `${folder}/pid`],
      ...["--listening-ip", hostname, "--listening-port", `${target.port}`],
      // Its second port, for RFC 5780; any other free one, so that two servers never meet.
      ...["--alt-listening-port", `${freePort(hostname)}`],
      ...args,
    ]);
    const server = new Turnserver(target, child, folder);
    try {
      await askUdp(target, { timeoutMs: 10_000 });
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw new Error(`Cannot start turnserver\n${child.stdout}${child.stderr}`, { cause: error });
    }
    return server;
  }

  /** What it logged so far. */
  get log(): string {
    return this.#child.stdout;
  }

  /** Ends it and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** How to start a {@linkcode Turnserver}. */
export interface TurnserverOptions {
  /** A numeric loopback address. @default "127.0.0.1" */
  readonly hostname?: string;
  /** What to add to its command line. @default ["-S"] */
  readonly args?: readonly string[];
}
