import { ROOT } from "./pinhole_server.ts";

/** A block of code of a page. */
export interface CodeBlock {
  /** What stands behind the fence: the language, and whatever else. */
  readonly info: string;
  /** The code, without a line break at its end. */
  readonly code: string;
}

/** A command that a page shows, and what it prints. */
export interface CommandOutput {
  /** The command. */
  readonly command: string;
  /** What it prints. */
  readonly output: string;
}

/** The pages of docs/ itself, by file name; not those of its folders. */
export function guides(): readonly string[] {
  return [...Deno.readDirSync(`${ROOT}docs`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".md")).sort();
}

/** The text of a page of docs/. */
export function readGuide(page: string): string {
  return Deno.readTextFileSync(`${ROOT}docs/${page}`);
}

/** The blocks of code of a page, in their order. */
export function codeBlocks(text: string): readonly CodeBlock[] {
  return [...text.matchAll(/^```(\S[^\n]*)\n(.*?)\n?^```$/gms)].map(([, info, code]) => ({
    info: info!,
    code: code!,
  }));
}

/** The commands of a page that a block of `text` follows, with that. */
export function commandOutputs(page: string): readonly CommandOutput[] {
  const pairs = readGuide(page).matchAll(/^```sh\n([^\n]+)\n```\n\n```text\n(.*?)\n```$/gms);
  return [...pairs].map(([, command, output]) => ({ command: command!, output: output! }));
}

/** The commands of a page's `sh` blocks, a line each: what a backslash has broken is put together. */
export function shellCommands(text: string): readonly string[] {
  return codeBlocks(text).filter(({ info }) => info === "sh").flatMap(({ code }) =>
    code.replaceAll(/\\\n\s*/g, "").split("\n").map((line) => line.replace(/\s+#.*$|^#.*$/, ""))
      .filter((line) => line.trim() !== "")
  );
}
