import type { LabHost } from "./lab_host.ts";
import type { Tool } from "../support/tool.ts";

/** The program that fetches. */
export const CURL: Tool = { command: "curl", package: "curl" };

/** The program that serves. */
export const PYTHON: Tool = { command: "python3", package: "python3" };

/** The program that forwards. */
export const SOCAT: Tool = { command: "socat", package: "socat" };

/** A web server that is none of ours, on 127.0.0.1 of a lab host, with one file of a megabyte. */
export class WebServer {
  /** Its port. */
  readonly port = 8080;
  /** SHA-256 of the file, in hexadecimal. */
  readonly checksum: string;
  readonly #folder: string;

  private constructor(folder: string, checksum: string) {
    this.#folder = folder;
    this.checksum = checksum;
  }

  /** Starts it and waits until it serves. The lab ends it. */
  static async start(host: LabHost): Promise<WebServer> {
    const folder = await Deno.makeTempDir();
    const bytes = new Uint8Array(1024 * 1024);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    await Deno.writeFile(`${folder}/index.html`, bytes);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const server = new WebServer(folder, digest.toHex());
    const child = host.exec("python3", [
      ...["-u", "-m", "http.server", `${server.port}`, "--bind", "127.0.0.1"],
      ...["--directory", folder],
    ]);
    await child.line(/^Serving HTTP on/);
    return server;
  }

  /** SHA-256 of what a host fetches from a URL. */
  async fetched(host: LabHost, url: string): Promise<string> {
    const { stdout } = await host.run("sh", [
      ...["-c", 'curl --silent --show-error --fail --max-time 20 "$1" | sha256sum', "sh", url],
    ]);
    return stdout.split(" ")[0]!;
  }

  /** Removes its file. */
  async remove(): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
