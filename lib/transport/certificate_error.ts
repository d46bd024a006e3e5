/** What is wrong with a certificate and its key. */
export type CertificateErrorCode =
  | "no-certificate"
  | "bad-certificate"
  | "no-key"
  | "bad-key"
  | "mismatch"
  | "other";

/** What a {@linkcode CertificateError} says apart from its message. */
export interface CertificateErrorOptions extends ErrorOptions {
  /** What is wrong. */
  readonly code: CertificateErrorCode;
}

/** A certificate and its key cannot be used. The message is one line to be shown to a person. */
export class CertificateError extends Error {
  /** The name of the class. */
  override readonly name = "CertificateError";
  /** What is wrong. */
  readonly code: CertificateErrorCode;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(reason: string, options: CertificateErrorOptions) {
    super(`Cannot use the TLS certificate: ${reason}`, options);
    this.code = options.code;
  }
}

/** A certificate and its private key. */
export interface CertifiedKey {
  /** The chain in PEM, the server's own certificate first. */
  readonly certificate: string;
  /** The private key in PEM, not encrypted: PKCS #8, PKCS #1 or SEC 1; RSA, ECDSA or Ed25519. */
  readonly key: string;
}

/**
 * Checks that a certificate can be read, that its key can, and that they belong together; not for
 * how long it is valid, nor for which names.
 *
 * @throws {CertificateError} If not.
 */
export function checkCertificate({ certificate, key }: CertifiedKey): void {
  try {
    // Every other way for Deno to read a certificate wants a socket, or accepts anything
    Deno.createHttpClient({ cert: certificate, key }).close();
  } catch (cause) {
    throw toCertificateError(cause, key);
  }
}

function toCertificateError(cause: unknown, key: string): CertificateError {
  const words = cause instanceof Error ? cause.message : String(cause);
  if (words.startsWith("No certificates found")) {
    return new CertificateError('found no PEM block "CERTIFICATE"', {
      code: "no-certificate",
      cause,
    });
  }
  if (words.startsWith("Unable to decode cert") || words.startsWith("invalid peer certificate")) {
    return new CertificateError("the certificate is damaged", { code: "bad-certificate", cause });
  }
  if (words.startsWith("No keys found")) {
    return key.includes("ENCRYPTED")
      ? new CertificateError("the key is encrypted, wanted one without a passphrase", {
        code: "bad-key",
        cause,
      })
      : new CertificateError('found no PEM block "PRIVATE KEY"', { code: "no-key", cause });
  }
  if (/parse private key|decode key|decode private/i.test(words)) {
    return new CertificateError(
      "the key is damaged or of an unknown kind, wanted RSA (2048 bits or more), ECDSA or Ed25519",
      { code: "bad-key", cause },
    );
  }
  if (words.includes("KeyMismatch")) {
    return new CertificateError(
      "the key is not that of the first certificate (the server's own has to come first)",
      { code: "mismatch", cause },
    );
  }
  return new CertificateError(words, { code: "other", cause });
}
