// One server for each rule, that breaks it and keeps all others: the doctor finds that, and nothing
// else but what follows from it.

import { assertEquals } from "@std/assert";
import { doctorChecks } from "../../../lib/protocol/doctor/mod.ts";
import { SimRandom } from "../../sim/sim_random.ts";
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

Deno.test("doctorExamination() comes to an end with a server that answers anything", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SimRandom(seed);
    const damage = (bytes: Uint8Array) => {
      const damaged = bytes.slice();
      for (let flips = random.u32() % 4; flips > 0; flips--) {
        damaged[random.u32() % damaged.length]! ^= 1 << (random.u32() % 8);
      }
      return random.u32() % 8 === 0 ? damaged.subarray(0, random.u32() % damaged.length) : damaged;
    };
    const report = new DoctorWorld({
      discovers: seed % 2 === 0,
      // The ids are left alone, or as good as no answer would count
      answers: (honest) =>
        honest.map((sent) => ({
          ...sent,
          bytes: Uint8Array.of(...sent.bytes.subarray(0, 20), ...damage(sent.bytes.subarray(20))),
        })),
      accept: (honest) => ({
        push: (chunk) => {
          const answer = honest(chunk);
          return answer === undefined || answer.length === 0 ? answer : damage(answer);
        },
      }),
    }).examine();
    assertEquals(report.checks.length, doctorChecks().length, `seed ${seed}`);
  }
});
