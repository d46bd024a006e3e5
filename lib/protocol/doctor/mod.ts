/**
 * Examining a STUN server: the checks, what they send, and how they judge the answers.
 *
 * @module
 */
export {
  type DoctorAmplification,
  type DoctorFinding,
  type DoctorLatency,
  type DoctorLine,
  type DoctorReport,
  type DoctorResult,
  type DoctorVerdict,
  doctorVerdict,
} from "./doctor_report.ts";
export type * from "./doctor_step.ts";
export type * from "./doctor_check.ts";
export type { DatagramReplies, DatagramReply } from "./doctor_datagrams.ts";
export type { StreamReplies } from "./doctor_stream.ts";
export { doctorChecks, doctorExamination, type DoctorOrder } from "./doctor_examination.ts";
