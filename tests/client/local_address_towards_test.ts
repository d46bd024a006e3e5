import { assertEquals } from "@std/assert";
import { localAddressTowards } from "../../lib/client/local_address_towards.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { socketAddressOf } from "./scripted_server.ts";

Deno.test("localAddressTowards() keeps the address that a socket is bound to", () => {
  const localAddress = socketAddressOf("127.0.0.9:1000");
  const found = localAddressTowards({ localAddress }, socketAddressOf("127.0.0.1:3478"));
  assertEquals(found, localAddress);
});

Deno.test("localAddressTowards() finds that of an unbound socket, as far as interfaces tell", () => {
  const localAddress = socketAddressOf("0.0.0.0:1000");
  const found = localAddressTowards({ localAddress }, socketAddressOf("127.0.0.1:3478"));
  assertEquals(formatSocketAddress(found), "127.0.0.1:1000");
  const far = localAddressTowards({ localAddress: socketAddressOf("[::]:1") }, localAddress);
  assertEquals(far.port, 1);
});
