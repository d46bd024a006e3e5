import { hasTool, type Tool } from "./tool.ts";
import { run } from "./process.ts";

/**
 * A network namespace of a test's own: addresses that this host has not got, and no way in or out.
 * `await using` removes it with the block, whatever the block throws.
 */
export class NetworkNamespace implements AsyncDisposable {
  /** Its name, as `ip netns` knows it. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /**
   * Makes one whose loopback interface is up and has these addresses besides its own.
   *
   * @throws {Error} If the system refuses.
   */
  static async create(
    { addresses = [] }: NetworkNamespaceOptions = {},
  ): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace(freshName());
    await ip(["netns", "add", namespace.name]);
    try {
      await ip(["-n", namespace.name, "link", "set", "lo", "up"]);
      for (const address of addresses) {
        const block = `${address}/${address.includes(":") ? 128 : 32}`;
        await ip(["-n", namespace.name, "addr", "add", block, "dev", "lo"]);
      }
      return namespace;
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The command line that runs a program in it; the process is the program itself. */
  command(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return [IP.command, ["netns", "exec", this.name, command, ...args]];
  }

  /** Removes it; programs that still run in it keep its sockets until they end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await ip(["netns", "delete", this.name]);
  }
}

/** What is to be in a {@linkcode NetworkNamespace}. */
export interface NetworkNamespaceOptions {
  /** Addresses for its loopback interface, of either family. @default [] */
  readonly addresses?: readonly string[];
}

/** The program that makes namespaces. */
export const IP: Tool = { command: "ip", package: "iproute2" };

/** Why no namespace can be made here; undefined where one can. Found out by making one. */
export function whyNoNamespace(): string | undefined {
  if (!hasTool(IP.command)) return `needs ${IP.command} (Debian package ${IP.package})`;
  const name = freshName();
  const succeeds = (verb: string) =>
    new Deno.Command(IP.command, { args: ["netns", verb, name], stdout: "null", stderr: "null" })
      .outputSync().success;
  return succeeds("add") && succeeds("delete")
    ? undefined
    : "may not make network namespaces, needs root";
}

async function ip(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(IP.command, args);
  if (code !== 0) throw new Error(`Cannot run ip ${args.join(" ")}: ${stderr.trim()}`);
}

function freshName(): string {
  return `pinhole-${crypto.randomUUID().slice(0, 8)}`;
}
