import {
  type KeyAlgorithm,
  PASSWORD_ALGORITHM_MD5,
  PASSWORD_ALGORITHM_SHA256,
  type PasswordAlgorithm,
} from "../wire/mod.ts";

/**
 * How a password algorithm makes a key; undefined if it is not known here, as one that has parameters
 * is not (RFC 8489 section 18.5.1: MD5 and SHA-256 have none).
 */
export function keyAlgorithmOf(algorithm: PasswordAlgorithm): KeyAlgorithm | undefined {
  if (algorithm.parameters.length > 0) return undefined;
  if (algorithm.number === PASSWORD_ALGORITHM_SHA256) return "sha256";
  return algorithm.number === PASSWORD_ALGORITHM_MD5 ? "md5" : undefined;
}
