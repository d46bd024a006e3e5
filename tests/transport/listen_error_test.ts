import { assertEquals } from "@std/assert";
import { toListenError } from "../../lib/transport/listen_error.ts";
import type { ListenErrorCode } from "../../lib/transport/mod.ts";
import { parseSocketAddress } from "../../lib/wire/mod.ts";

interface Case {
  readonly name: string;
  readonly cause: unknown;
  readonly transport?: string;
  readonly address: string;
  readonly code: ListenErrorCode;
  readonly message: string;
}

const CASES: readonly Case[] = [
  {
    name: "the address is in use",
    cause: systemError("EADDRINUSE"),
    address: "127.0.0.1:3478",
    code: "address-in-use",
    message: "Cannot listen on udp 127.0.0.1:3478: the address is in use by another program",
  },
  {
    name: "the port is privileged",
    cause: systemError("EACCES"),
    transport: "tcp",
    address: "0.0.0.0:80",
    code: "permission-denied",
    message: "Cannot listen on tcp 0.0.0.0:80: the operating system wants root or " +
      "CAP_NET_BIND_SERVICE for ports below 1024",
  },
  {
    name: "the system forbids a port that is not privileged",
    cause: systemError("EPERM"),
    address: "0.0.0.0:3478",
    code: "permission-denied",
    message: "Cannot listen on udp 0.0.0.0:3478: the operating system does not permit it",
  },
  {
    name: "Deno has no network permission",
    cause: new Deno.errors.NotCapable("Requires net access"),
    address: "[::]:3478",
    code: "permission-denied",
    message: "Cannot listen on udp [::]:3478: Deno was run without network permission, " +
      "pass --allow-net",
  },
  {
    name: "the address is another host's",
    cause: systemError("EADDRNOTAVAIL"),
    transport: "tls",
    address: "203.0.113.5:5349",
    code: "address-not-available",
    message: "Cannot listen on tls 203.0.113.5:5349: 203.0.113.5 is not an address of this host",
  },
  {
    name: "the host has no IPv6",
    cause: systemError("EAFNOSUPPORT"),
    address: "[::]:3478",
    code: "unsupported",
    message: "Cannot listen on udp [::]:3478: this host has no IPv6",
  },
  {
    name: "the address is link-local",
    cause: systemError("EINVAL"),
    address: "[fe80::1]:3478",
    code: "unsupported",
    message: "Cannot listen on udp [fe80::1]:3478: fe80::1 is a link-local address, " +
      "which needs a zone",
  },
  {
    name: "the reason is one that it does not know",
    cause: systemError("EFOO"),
    address: "127.0.0.1:3478",
    code: "other",
    message: "Cannot listen on udp 127.0.0.1:3478: the system's words",
  },
  {
    name: "what was thrown is no error",
    cause: "nothing",
    address: "127.0.0.1:3478",
    code: "other",
    message: "Cannot listen on udp 127.0.0.1:3478: nothing",
  },
];

for (const { name, cause, transport = "udp", address: text, code, message } of CASES) {
  Deno.test(`toListenError() says so when ${name}`, () => {
    const parsed = parseSocketAddress(text);
    if (!parsed.ok) throw new TypeError(parsed.reason);
    const error = toListenError(cause, { address: parsed.value, transport });
    assertEquals(
      {
        name: error.name,
        code: error.code,
        message: error.message,
        address: error.address,
        transport: error.transport,
        cause: error.cause,
      },
      { name: "ListenError", code, message, address: parsed.value, transport, cause },
    );
  });
}

function systemError(code: string): Error {
  return Object.assign(new Error("the system's words"), { code });
}
