import { type Decoded, decoded, undecodable } from "../wire/mod.ts";
import type { CommandLine } from "./command_line.ts";
import { readFile } from "./terminal.ts";

/** The secret of a room, by `--secret` or `--secret-file`; undefined if neither was given. */
export function readRoomSecret(flags: CommandLine["flags"]): Decoded<string | undefined> {
  const secret = flags.get("secret");
  const file = flags.get("secret-file");
  if (file === undefined) return decoded(secret === undefined ? undefined : String(secret));
  if (secret !== undefined) {
    return undecodable("Cannot use --secret with --secret-file: wanted one of them");
  }
  const read = readFile(String(file));
  return read.ok ? decoded(read.text.split(/\r?\n/, 1)[0]) : undecodable(read.problem);
}
