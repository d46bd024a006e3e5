import { assertEquals } from "@std/assert";
import { changeRole, ENDPOINT_ROLES, type EndpointRole } from "../../lib/protocol/mod.ts";

Deno.test("changeRole() gives the role that differs in what is to be changed", () => {
  for (const [role, byPort, byAddress, byBoth] of CHANGES) {
    const changed = (changeAddress: boolean, changePort: boolean) =>
      changeRole(role, { changeAddress, changePort });
    assertEquals(
      [changed(false, false), changed(false, true), changed(true, false), changed(true, true)],
      [role, byPort, byAddress, byBoth],
    );
  }
});

Deno.test("ENDPOINT_ROLES has each role once", () => {
  assertEquals([...ENDPOINT_ROLES].sort(), CHANGES.map(([role]) => role).sort());
});

const CHANGES: readonly (readonly [
  role: EndpointRole,
  byPort: EndpointRole,
  byAddress: EndpointRole,
  byBoth: EndpointRole,
])[] = [
  ["primary", "alternate-port", "alternate-address", "alternate-both"],
  ["alternate-port", "primary", "alternate-both", "alternate-address"],
  ["alternate-address", "alternate-both", "primary", "alternate-port"],
  ["alternate-both", "alternate-address", "alternate-port", "primary"],
];
