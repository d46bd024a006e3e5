import { assertEquals } from "@std/assert";

// Nothing of lib/wire is imported above: it must be loaded, and so evaluated, where there is no Deno.
// What it would import from `node:` shows in the bundle that tests/browser/wire_bundle_test.ts runs.
Deno.test("lib/wire loads and works where there are no globals of Deno and Node", async () => {
  const answer = await withoutRuntime(async () => {
    const wire = await import("../../lib/wire/mod.ts");
    const request = wire.decodeMessage(Uint8Array.fromHex(REQUEST));
    if (!request.ok) return request.reason;
    const key = wire.longTermKey({ username: "user", realm: "realm", password: "pass" });
    const answer = wire.encodeMessage({
      class: "success",
      method: request.value.method,
      transactionId: request.value.transactionId,
      attributes: [
        wire.attribute(wire.XOR_MAPPED_ADDRESS, {
          ip: Uint8Array.of(192, 0, 2, 1),
          port: 32853,
        }),
        wire.attribute(wire.SOFTWARE, "\u30de"),
      ],
    }, { integrity: key, integritySha256: key, fingerprint: true });
    const decoded = wire.decodeMessage(answer);
    if (!decoded.ok) return decoded.reason;
    return {
      runtime: RUNTIME_GLOBALS.filter((name) => name in globalThis),
      bytes: answer.length,
      address: wire.formatSocketAddress(wire.valueOf(decoded.value, wire.XOR_MAPPED_ADDRESS)!),
      software: wire.valueOf(decoded.value, wire.SOFTWARE),
      checks: [
        wire.checkIntegrity(decoded.value, key, "sha1"),
        wire.checkIntegrity(decoded.value, key, "sha256"),
        wire.checkFingerprint(decoded.value),
      ],
    };
  });
  assertEquals(answer, {
    runtime: [],
    bytes: 20 + 12 + 8 + 24 + 36 + 8,
    address: "192.0.2.1:32853",
    software: "\u30de",
    checks: ["valid", "valid", "valid"],
  });
});

/** Runs something with the runtime's own globals gone, and brings them back. */
async function withoutRuntime<T>(run: () => Promise<T>): Promise<T> {
  const kept = RUNTIME_GLOBALS.flatMap((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    return descriptor === undefined ? [] : [[name, descriptor] as const];
  });
  for (const [name] of kept) Reflect.deleteProperty(globalThis, name);
  try {
    return await run();
  } finally {
    for (const [name, descriptor] of kept) Object.defineProperty(globalThis, name, descriptor);
  }
}

const RUNTIME_GLOBALS = ["Deno", "process", "Buffer", "global", "setImmediate", "clearImmediate"];
const REQUEST = "000100002112a442b7e7a701bc34d686fa87dfae";
