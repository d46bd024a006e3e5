import { filesUnder } from "../support/files_under.ts";
import { run } from "../support/process.ts";

/** One version of a package, as JSR has it. */
interface Release {
  readonly version: string;
  /** Where its files are, without a slash at its end. */
  readonly folder: string;
  /** Entry points by their names: `.`, `./server`. */
  readonly exports: Readonly<Record<string, string>>;
}

/** What {@linkcode JsrRegistry.add} takes. */
export interface AddOptions extends Release {
  /** The package, with its scope: `@std/bytes`. */
  readonly name: string;
}

/**
 * A JSR registry on loopback, as much of one as Deno takes: it accepts what `deno publish` uploads,
 * unchanged, and serves it by the registry protocol (`meta.json`, `VERSION_meta.json`, files).
 */
export class JsrRegistry implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #folder: string;
  readonly #releases = new Map<string, Release>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Starts an empty one. */
  static async start(): Promise<JsrRegistry> {
    return new JsrRegistry(await Deno.makeTempDir({ prefix: "pinhole-jsr" }));
  }

  /** What `JSR_URL` must be. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Takes a package in that was not uploaded. */
  add({ name, ...release }: AddOptions): void {
    this.#releases.set(name, release);
  }

  /**
   * The paths of a package's files, sorted, each with a slash at its start.
   *
   * @throws {Error} If there is no such package.
   */
  files(name: string): string[] {
    return filesIn(this.#release(name).folder);
  }

  /** The text of one file of a package. */
  text(name: string, path: string): string {
    return Deno.readTextFileSync(this.#release(name).folder + path);
  }

  /** Stops it and removes what was uploaded. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #release(name: string): Release {
    const found = this.#releases.get(name);
    if (found === undefined) throw new Error(`Cannot find ${name}: the registry does not have it`);
    return found;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const upload = UPLOAD.exec(pathname);
    if (request.method === "POST" && upload !== null) {
      const [, scope, name, version] = upload;
      await this.#take(`@${scope}/${name}`, version!, request);
      return Response.json({ id: "1", status: "success", error: null });
    }
    // That a version is there already would end the publishing, that a package is not there too
    if (upload !== null) return new Response(null, { status: 404 });
    if (pathname.startsWith("/api/")) return Response.json({});
    const [, name, rest] = /^\/(@[^/]+\/[^/]+)\/(.+)$/.exec(pathname) ?? [];
    const release = this.#releases.get(name ?? "");
    return release === undefined
      ? new Response(null, { status: 404 })
      : await serve(release, rest!);
  }

  async #take(name: string, version: string, request: Request): Promise<void> {
    const folder = `${this.#folder}/${name.replace("/", "+")}@${version}`;
    await Deno.mkdir(folder);
    const archive = `${folder}.tar.gz`;
    await Deno.writeFile(archive, await request.bytes());
    const { code, stderr } = await run("tar", ["-xzf", archive, "-C", folder]);
    if (code !== 0) throw new Error(`Cannot unpack the upload of ${name}: ${stderr}`);
    const { exports } = JSON.parse(await Deno.readTextFile(`${folder}/deno.json`));
    this.add({ name, version, folder, exports });
  }
}

async function serve({ version, folder, exports }: Release, rest: string): Promise<Response> {
  if (rest === "meta.json") return Response.json({ latest: version, versions: { [version]: {} } });
  if (rest === `${version}_meta.json`) {
    const manifest = Object.fromEntries(
      await Promise.all(
        filesIn(folder).map(async (path) => {
          const bytes = await Deno.readFile(folder + path);
          return [path, { size: bytes.length, checksum: `sha256-${await sha256(bytes)}` }] as const;
        }),
      ),
    );
    return Response.json({ manifest, exports });
  }
  const path = rest.slice(version.length);
  if (!rest.startsWith(version) || !filesIn(folder).includes(path)) {
    return new Response(null, { status: 404 });
  }
  // JSR names the type by the ending, of which Deno then makes its own mind
  const type = path.endsWith(".json") ? "application/json" : "text/plain";
  return new Response(await Deno.readFile(folder + path), { headers: { "content-type": type } });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** As the manifest has them: from the top, with a slash. */
function filesIn(folder: string): string[] {
  return filesUnder(folder).map((path) => `/${path}`);
}

/** Where `deno publish` uploads to. */
const UPLOAD = /^\/api\/scopes\/([\w-]+)\/packages\/([\w-]+)\/versions\/([^/]+)$/;
