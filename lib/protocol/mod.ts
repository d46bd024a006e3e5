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
export * from "./dial_back.ts";
export * from "./rate_limiter.ts";
export * from "./shared_responder.ts";
export { TokenBucket, type TokenBucketOptions } from "./token_bucket.ts";
export * from "./ip_prefix.ts";
export * from "./nonce.ts";
export * from "./address_token.ts";
export type { CodeAuthorityOptions, CodeVerdict } from "./code_authority_options.ts";
export * from "./time_limited_credentials.ts";
export * from "./proxy_protocol.ts";
export { sourceKey } from "./source_key.ts";
export { SourceQuota, type SourceQuotaOptions } from "./source_quota.ts";
export {
  type ForwardedClient,
  forwardedClient,
  type ForwardedRequest,
} from "./forwarded_client.ts";
export { isProtected } from "./message_protection.ts";
export { keyAlgorithmOf } from "./key_algorithm.ts";
export { protectionOf } from "./message_protection.ts";
export { prepareUsers } from "./user_credential.ts";
