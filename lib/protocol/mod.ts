/**
 * The decisions of STUN, apart from all sockets: what a server answers, when a client sends again,
 * who may ask how often. Pure and synchronous: time and randomness come in as arguments, replies
 * and wake times go out.
 *
 * @module
 */
export * from "./endpoint.ts";
export * from "./arrival.ts";
export type { AnswerSpace, PlacedMessage, PlainArrival } from "./plain_answer.ts";
export * from "./responder.ts";
export * from "./responder_statistics.ts";
export * from "./authenticator.ts";
export * from "./short_term_authenticator.ts";
export * from "./long_term_authenticator.ts";
export type { UserCredential } from "./user_credential.ts";
export * from "./client_authentication.ts";
export * from "./dial_back.ts";
export { isDialBackGreeting } from "./dial_back_finding.ts";
export * from "./client_transaction.ts";
export * from "./transaction_pair.ts";
export * from "./service_record_order.ts";
export * from "./interleave_families.ts";
export * from "./rate_limiter.ts";
export * from "./shared_responder.ts";
export { TokenBucket, type TokenBucketOptions } from "./token_bucket.ts";
export * from "./ip_prefix.ts";
export * from "./nonce.ts";
export * from "./address_token.ts";
export type { CodeAuthorityOptions, CodeVerdict } from "./code_authority_options.ts";
export * from "./time_limited_credentials.ts";
export * from "./proxy_protocol.ts";
export * from "./nat_behaviour.ts";
export * from "./nat_probe.ts";
export * from "./mapping_verdict.ts";
export * from "./filtering_verdict.ts";
export * from "./udp_nat_report.ts";
export * from "./udp_nat_discovery.ts";
export * from "./tcp_nat_discovery.ts";
export * from "./punch_prediction.ts";
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
export * from "./reach_verdict.ts";
export * from "./binding_lifetime.ts";
export * from "./fragment_probe.ts";
export * from "./nat_report.ts";
export * from "./public_address.ts";
export * from "./redial_delay.ts";
export * from "./holding_record.ts";
export * from "./mapping_keeper.ts";
export {
  BOARD_LIMITS,
  BOARD_PATIENCE,
  type BoardLimits,
  MAX_BUFFERED_BYTES,
} from "./board_limits.ts";
export * from "./board_message.ts";
export * from "./board_event.ts";
export * from "./board_order.ts";
export {
  MAX_SECRET_LENGTH,
  readBoardPath,
  readSecretSubprotocol,
  secretSubprotocol,
} from "./board_address.ts";
export { type BadMessage, readClientMessage, readServerMessage } from "./board_schema.ts";
export { roomSecretDigest, sameRoomSecret } from "./board_secret.ts";
export { BoardRooms, type BoardRoomsOptions } from "./board_rooms.ts";
export { type BoardInput, BoardPeer, type BoardPeerOptions, type BoardTime } from "./board_peer.ts";
export { sourceKey } from "./source_key.ts";
export { SourceQuota, type SourceQuotaOptions } from "./source_quota.ts";
export {
  type ForwardedClient,
  forwardedClient,
  type ForwardedRequest,
} from "./forwarded_client.ts";
