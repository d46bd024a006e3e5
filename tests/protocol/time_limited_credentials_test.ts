import { assertEquals } from "@std/assert";
import {
  timeLimitedPassword,
  timeLimitedUsernameExpiry,
} from "../../lib/protocol/time_limited_credentials.ts";

Deno.test("timeLimitedPassword() is what openssl dgst -sha1 -hmac says", () => {
  const cases: readonly [secret: string, username: string, password: string][] = [
    ["north", "1700000000:alice", "Cd/49soE35ICqcJF/bCTn8Z4OyE="],
    ["sécret", "1700000000", "Xc0EcmGBdcx6tIn4BLtEsMvVY6k="],
  ];
  for (const [secret, username, password] of cases) {
    assertEquals(timeLimitedPassword(secret, username), password);
  }
});

Deno.test("timeLimitedUsernameExpiry() finds the expiry where coturn finds it", () => {
  const cases: readonly [username: string, expiry: number | undefined][] = [
    ["1700000000:alice", 1_700_000_000],
    ["1700000000", 1_700_000_000],
    ["1700000000:", 1_700_000_000],
    ["1700000000:al:ice", 1_700_000_000],
    ["1700000000:1800000000", 1_700_000_000],
    ["alice:1700000000", 1_700_000_000],
    ["alice:1700000000:x", 1_700_000_000],
    [":1700000000", 1_700_000_000],
    ["0:alice", 0],
    ["999999999999999", 999_999_999_999_999],
    ["", undefined],
    [":", undefined],
    ["alice", undefined],
    ["alice:bob", undefined],
    ["alice:bob:1700000000", undefined],
    ["1700000000x", undefined],
    ["-1:alice", undefined],
    ["1e9", undefined],
    [" 1700000000", undefined],
    ["१७", undefined],
    ["1000000000000000", undefined],
  ];
  for (const [username, expiry] of cases) {
    assertEquals(timeLimitedUsernameExpiry(username), expiry, JSON.stringify(username));
  }
});
