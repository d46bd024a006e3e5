import { assertEquals, assertThrows } from "@std/assert";
import {
  readBoardPath,
  readSecretSubprotocol,
  secretSubprotocol,
} from "../../../lib/protocol/board/mod.ts";

Deno.test("readBoardPath() reads the names of rooms", () => {
  for (const room of ["a", "Our-room_1.x~", "...", "x".repeat(64)]) {
    assertEquals(readBoardPath(`/board/${room}`), { ok: true, value: room });
  }
});

const TRICKS = [
  ...[
    "",
    "/",
    "/board",
    "/board/",
    "/Board/a",
    "//board/a",
    "/board//a",
    "/board/a/",
    "/board/a/b",
  ],
  ...["/board/.", "/board/..", "/board/../a", "/board/%61", "/board/a%2fb", "/board/%2e%2e"],
  ...[
    "/board/a b",
    "/board/ö",
    "/board/a\0",
    "/board/a\\b",
    "/board/a:b",
    "/board/a?b",
    "/board/*",
  ],
  `/board/${"x".repeat(65)}`,
];
for (const path of TRICKS) {
  Deno.test(`readBoardPath() refuses ${JSON.stringify(path).slice(0, 40)}`, () => {
    assertEquals(readBoardPath(path).ok, false);
  });
}

Deno.test("secretSubprotocol() writes what a header may hold and readSecretSubprotocol() reads", () => {
  for (const secret of ["a", "open sesame", "öß\u{1f573}", "~".repeat(128)]) {
    const protocol = secretSubprotocol(secret);
    assertEquals(/^[A-Za-z0-9._-]+$/.test(protocol), true);
    assertEquals(readSecretSubprotocol(["pinhole.board.v1", protocol]), {
      ok: true,
      value: secret,
    });
  }
  assertEquals(secretSubprotocol("open sesame"), "pinhole.secret.b3BlbiBzZXNhbWU");
});

Deno.test("secretSubprotocol() throws when the secret is empty or too long", () => {
  for (const secret of ["", "x".repeat(129)]) {
    assertThrows(
      () => secretSubprotocol(secret),
      RangeError,
      `Cannot use the secret: it has ${secret.length} characters, wanted 1 to 128`,
    );
  }
});

Deno.test("readSecretSubprotocol() tells no secret from one that cannot be read", () => {
  assertEquals(readSecretSubprotocol(["pinhole.board.v1"]), { ok: true, value: undefined });
  for (const text of ["", "*", "A", "_w", "A".repeat(172)]) {
    assertEquals(readSecretSubprotocol([`pinhole.secret.${text}`]).ok, false, text);
  }
});
