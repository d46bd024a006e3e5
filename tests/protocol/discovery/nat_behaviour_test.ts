import { assertEquals } from "@std/assert";
import {
  type ClassicNat,
  classicNat,
  type NatFiltering,
  type NatMapping,
} from "../../../lib/protocol/discovery/mod.ts";

const FILTERINGS: readonly NatFiltering[] = [
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
  "unknown",
];

/** The names in the order of {@linkcode FILTERINGS}. */
const NAMES: readonly (readonly [NatMapping, readonly ClassicNat[]])[] = [
  ["none", ["open", "firewall", "firewall", "unknown"]],
  ["endpoint-independent", ["full-cone", "restricted-cone", "port-restricted-cone", "unknown"]],
  ["address-dependent", ["symmetric", "symmetric", "symmetric", "symmetric"]],
  ["address-and-port-dependent", ["symmetric", "symmetric", "symmetric", "symmetric"]],
  ["unknown", ["unknown", "unknown", "unknown", "unknown"]],
];

for (const [mapping, names] of NAMES) {
  for (const [i, filtering] of FILTERINGS.entries()) {
    Deno.test(`classicNat() calls ${mapping} mapping, ${filtering} filtering ${names[i]}`, () => {
      assertEquals(classicNat({ reachable: true, mapping, filtering }), names[i]);
      assertEquals(classicNat({ reachable: false, mapping, filtering }), "blocked");
    });
  }
}

Deno.test("classicNat() calls symmetric what depends on the destination in an unknown way", () => {
  for (const filtering of FILTERINGS) {
    const input = { reachable: true, mapping: "unknown", filtering, mappingDepends: true } as const;
    assertEquals(classicNat(input), "symmetric");
  }
});
