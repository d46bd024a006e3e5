import { parseSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { until } from "../server/loopback_client.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno } from "../support/process.ts";

/** A line of the log. */
export type LogEntry = Readonly<Record<string, unknown>>;

/** How to start a {@linkcode ServingProcess}. */
export interface ServingProcessOptions {
  /** What to add to its command line; `FOLDER` stands for that of its files. @default {[]} */
  readonly args?: readonly string[];
  /** Files by name, which it may read; in them `FOLDER` stands for the same. @default {{}} */
  readonly files?: Readonly<Record<string, string>>;
}

/** `server.ts` as a process on 127.0.0.1, with files that a test can change under it. */
export class ServingProcess implements AsyncDisposable {
  /** The folder of its files. */
  readonly folder: string;
  /** The process. */
  readonly child: Child;

  private constructor(folder: string, child: Child) {
    this.folder = folder;
    this.child = child;
  }

  /**
   * Starts it and waits for its `ready` line.
   *
   * @throws {Error} If that line does not come.
   */
  static async start({ args = [], files = {} }: ServingProcessOptions = {}): Promise<
    ServingProcess
  > {
    const process = await ServingProcess.spawn({
      args: ["--hostname", "127.0.0.1", "--port", "0", "--log-format", "json", ...args],
      files,
    });
    try {
      await process.child.line(/"message":"ready"/, { timeoutMs: 20_000 });
      return process;
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs it with these arguments alone, and waits for nothing. */
  static async spawn({ args = [], files = {} }: ServingProcessOptions): Promise<ServingProcess> {
    const folder = await Deno.makeTempDir({ prefix: "pinhole" });
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text.replaceAll("FOLDER", folder));
    }
    const child = deno([
      ...["run", "--no-prompt", "--allow-net", `--allow-read=${folder}`, `${ROOT}server.ts`],
      ...args.map((arg) => arg.replaceAll("FOLDER", folder)),
    ]);
    return new ServingProcess(folder, child);
  }

  /** All that it has logged so far. */
  get log(): LogEntry[] {
    const lines = this.child.stdout.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogEntry);
  }

  /**
   * Where it listens first for one transport, or for HTTP.
   *
   * @throws {Error} If its log names no such socket.
   */
  address(transport: "udp" | "tcp" | "tls" | "http"): SocketAddress {
    const entry = this.log.find((one) =>
      one["message"] === "listening" && one["transport"] === transport
    );
    const parsed = parseSocketAddress(`${entry?.["address"]}`);
    if (!parsed.ok) throw new Error(`Cannot find ${transport} in the log: ${this.child.stdout}`);
    return parsed.value;
  }

  /** Asks its HTTP server: the status and the text. */
  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.address("http").port}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** Changes one of its files. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${name}`, text.replaceAll("FOLDER", this.folder));
  }

  /** Sends SIGHUP and waits for what it says to that: `reloaded`, or `reload refused: …`. */
  async reload(): Promise<LogEntry> {
    const answers = () => this.log.filter(({ message }) => /^reload/.test(`${message}`));
    const before = answers().length;
    this.child.kill("SIGHUP");
    await until(() => answers().length > before);
    return answers()[before]!;
  }

  /** Ends it, and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
