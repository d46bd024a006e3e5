// One server for each rule, that breaks it and keeps all others: the doctor finds that, and nothing
// else but what follows from it.

import { assertEquals } from "@std/assert";
import { BEHAVIOUR_FAULTS } from "./doctor_behaviour_fault_cases.ts";
import { BINDING_FAULTS } from "./doctor_binding_fault_cases.ts";
import { NETWORK_FAULTS, SILENCE_FAULTS } from "./doctor_silence_fault_cases.ts";
import { STREAM_FAULTS } from "./doctor_stream_fault_cases.ts";
import { DoctorWorld } from "./doctor_world.ts";

const FAULTS = [
  ...BINDING_FAULTS,
  ...SILENCE_FAULTS,
  ...BEHAVIOUR_FAULTS,
  ...NETWORK_FAULTS,
  ...STREAM_FAULTS,
];

for (const { that, world, found } of FAULTS) {
  Deno.test(`doctorExamination() finds a server that ${that}`, () => {
    const { checks } = new DoctorWorld(world).examine();
    assertEquals(
      checks.filter(({ result }) => result === "warn" || result === "fail")
        .map(({ id, result, detail }) => [id, result, detail]),
      found.map((row) => [...row]),
    );
  });
}
