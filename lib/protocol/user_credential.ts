import { prepareOpaqueString } from "../wire/mod.ts";

/** The name and the password of a user. */
export interface UserCredential {
  /** The user name, before preparation. */
  readonly username: string;
  /** The password, before preparation. */
  readonly password: string;
}

/**
 * The passwords of users by their names, both prepared (RFC 8265 section 4.2); `attempt` begins the
 * error messages, which never hold a password.
 *
 * @throws {RangeError} If two users have the same name, or a name or password is empty or holds a
 * character that OpaqueString forbids.
 */
export function prepareUsers(
  attempt: string,
  users: readonly UserCredential[],
): Map<string, string> {
  const passwords = new Map<string, string>();
  for (const { username, password } of users) {
    const name = prepare(`${attempt}: a user name`, username);
    if (passwords.has(name)) {
      throw new RangeError(`${attempt}: the user ${JSON.stringify(name)} is there twice`);
    }
    passwords.set(name, prepare(`${attempt}: the password of ${JSON.stringify(name)}`, password));
  }
  return passwords;
}

/**
 * Prepares a text that an operator or a user gave; `what` begins the error message.
 *
 * @throws {RangeError} If the text is empty or holds a character that OpaqueString forbids.
 */
export function prepare(what: string, text: string): string {
  const prepared = prepareOpaqueString(text);
  if (prepared.ok) return prepared.value;
  // What was attempted is said already; the rest names a code point and nothing else of the text
  throw new RangeError(what + prepared.reason.slice(prepared.reason.indexOf(": ")));
}
