import { ROOT } from "./pinhole_server.ts";

/** What a pattern's first group matches in a text, each time. */
export function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** Whether the project has a file or folder of that path. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(ROOT + path);
    return true;
  } catch {
    return false;
  }
}
