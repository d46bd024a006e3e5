import { assertEquals, assertStrictEquals } from "@std/assert";
import { toConnectionError } from "../../lib/transport/connection_error.ts";
import type { ConnectionErrorCode } from "../../lib/transport/mod.ts";

const CASES: readonly [cause: unknown, code: ConnectionErrorCode, reason: string][] = [
  [systemError("ECONNRESET"), "reset", "the peer reset the connection"],
  [systemError("ECONNABORTED"), "reset", "the peer reset the connection"],
  [systemError("EPIPE"), "reset", "the peer reset the connection"],
  [systemError("ENOTCONN"), "reset", "the peer reset the connection"],
  [systemError("ECONNREFUSED"), "refused", "the peer refuses connections"],
  [systemError("ETIMEDOUT"), "timed-out", "the peer does not answer"],
  [systemError("ENETUNREACH"), "unreachable", "there is no way to the peer"],
  [systemError("EHOSTUNREACH"), "unreachable", "there is no way to the peer"],
  [systemError("ENETDOWN"), "unreachable", "there is no way to the peer"],
  [systemError("EHOSTDOWN"), "unreachable", "there is no way to the peer"],
  [systemError("EFOO"), "other", "the system's words"],
  ["nothing", "other", "nothing"],
  [new Deno.errors.UnexpectedEof("eof"), "reset", "the peer cut the connection"],
  [new Deno.errors.BadResource("gone"), "closed", "the connection is closed"],
  [
    new Deno.errors.NotCapable("Requires net access"),
    "other",
    "Deno was run without network permission, pass --allow-net",
  ],
];

for (const [cause, code, reason] of CASES) {
  Deno.test(`toConnectionError() says ${code} when it is given ${describe(cause)}`, () => {
    const error = toConnectionError(cause, "Cannot read from 192.0.2.1:3478");
    assertEquals(
      { name: error.name, code: error.code, message: error.message, cause: error.cause },
      {
        name: "ConnectionError",
        code,
        message: `Cannot read from 192.0.2.1:3478: ${reason}`,
        cause,
      },
    );
  });
}

Deno.test("toConnectionError() gives an error back when it is one already", () => {
  const error = toConnectionError("x", "Cannot read");
  assertStrictEquals(toConnectionError(error, "Cannot write"), error);
});

function systemError(code: string): Error {
  return Object.assign(new Error("the system's words"), { code });
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause ? String(cause.code) : cause.name;
}
