/**
 * Finding out what a NAT does (RFC 4787, RFC 5382, RFC 5780): probes go out, verdicts come back, and
 * what they say about a punch.
 *
 * @module
 */
export { isDialBackGreeting } from "./dial_back_finding.ts";
export * from "./nat_behaviour.ts";
export * from "./nat_probe.ts";
export * from "./mapping_verdict.ts";
export * from "./filtering_verdict.ts";
export * from "./udp_nat_report.ts";
export * from "./udp_nat_discovery.ts";
export * from "./tcp_nat_discovery.ts";
export * from "./punch_prediction.ts";
export * from "./binding_lifetime.ts";
export * from "./fragment_probe.ts";
export * from "./nat_report.ts";
