import { IP } from "../support/network_namespace.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { Child, type ChildOptions, type RunResult } from "../support/process.ts";

/** A computer of the lab: a network namespace with addresses, and what runs in it. */
export class LabHost {
  /** The namespace's name, as `ip netns` knows it. */
  readonly namespace: string;
  readonly #children = new Set<Child>();
  #addresses: LabAddresses;

  /** Takes a namespace that is there, or soon will be. */
  constructor(namespace: string, addresses: LabAddresses) {
    this.namespace = namespace;
    this.#addresses = addresses;
  }

  /** Its IPv4 addresses, the first one for use. */
  get ipv4(): readonly string[] {
    return this.#addresses.ipv4;
  }

  /** Its IPv6 addresses, the first one for use. */
  get ipv6(): readonly string[] {
    return this.#addresses.ipv6;
  }

  /** Its first address: IPv4 where the lab has IPv4. */
  get ip(): string {
    return [...this.ipv4, ...this.ipv6][0]!;
  }

  /**
   * Its second address of the same family.
   *
   * @throws {TypeError} If it has one only; the lab's server has two.
   */
  get alternateIp(): string {
    const alternate = (this.ipv4.length > 0 ? this.ipv4 : this.ipv6)[1];
    if (alternate === undefined) {
      throw new TypeError(`Cannot name a second address of ${this.namespace}: it has one`);
    }
    return alternate;
  }

  /** The command line that runs a program in it; the process is the program itself. */
  command(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return [IP.command, ["netns", "exec", this.namespace, command, ...args]];
  }

  /** Starts a program in it. The lab ends it if nobody else has. */
  exec(command: string, args: readonly string[] = [], options: ChildOptions = {}): Child {
    const child = new Child(...this.command(command, args), options);
    this.#children.add(child);
    void child.status.then(() => this.#children.delete(child));
    return child;
  }

  /**
   * Runs a program in it to its end, killing it after `timeoutMs`.
   *
   * @throws {Error} If its exit code is not 0 and `check` is left on.
   */
  async run(
    command: string,
    args: readonly string[] = [],
    { timeoutMs = 30_000, check = true, ...options }: LabRunOptions = {},
  ): Promise<RunResult> {
    await using child = this.exec(command, args, options);
    const result = await child.result(timeoutMs);
    if (check && result.code !== 0) {
      const line = [command, ...args].join(" ");
      throw new Error(
        `Cannot run ${line} in ${this.namespace}: code ${result.code}\n${result.stderr}`,
      );
    }
    return result;
  }

  /**
   * Starts `deno run` in it: the very Deno that runs the test, with the repository's configuration.
   * There is no way to a registry from here: what it imports must have been loaded before.
   */
  deno(args: readonly string[], options: ChildOptions = {}): Child {
    return this.exec(Deno.execPath(), denoArgs(args), { ...options, env: denoEnv(options) });
  }

  /** The same as {@linkcode LabHost.deno}, for who wants to spawn it with pipes of his own. */
  denoCommand(args: readonly string[]): readonly [string, readonly string[]] {
    return this.command(Deno.execPath(), denoArgs(args));
  }

  /** Puts other addresses in place of what the getters tell. For the lab itself. */
  protected renumber(addresses: LabAddresses): void {
    this.#addresses = addresses;
  }

  /** Resolves once every program that {@linkcode LabHost.exec} started is gone, whoever ended it. */
  async stopped(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.stop("SIGKILL")));
  }
}

/** Addresses by family, the first one for use. */
export interface LabAddresses {
  /** IPv4. */
  readonly ipv4: readonly string[];
  /** IPv6. */
  readonly ipv6: readonly string[];
}

/** How to run a program to its end. */
export interface LabRunOptions extends ChildOptions {
  /** Milliseconds until it is killed. @default 30_000 */
  readonly timeoutMs?: number;
  /** Whether an exit code other than 0 is an error. @default true */
  readonly check?: boolean;
}

function denoArgs(args: readonly string[]): string[] {
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    "--config",
    ROOT + "deno.json",
    ...args,
  ];
}

function denoEnv({ env }: ChildOptions): Record<string, string> {
  return { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env };
}
