/**
 * Hole punching over UDP and TCP: codes, credentials, checks, and how two sides agree on one path.
 *
 * @module
 */
export * from "./punch_description.ts";
export * from "./punch_code.ts";
export * from "./punch_credentials.ts";
export * from "./punch_candidates.ts";
export * from "./punch_failure.ts";
export * from "./punch_plan.ts";
export * from "./punch_servers.ts";
export * from "./punch_meeting_message.ts";
export * from "./punch_meeting.ts";
export * from "./tcp_punch.ts";
export type { PunchPathKind } from "./punch_path.ts";
export * from "./udp_punch.ts";
export * from "./udp_gathering.ts";
