import type { SecureContext } from "node:tls";
import { formatIp, formatSocketAddress, type SocketAddress } from "../wire/mod.ts";
import { nodeModule } from "./_node_module.ts";
import { type CertifiedKey, checkCertificate } from "./certificate_error.ts";
import { DenoStreamConnection } from "./deno_stream.ts";
import type { StreamConnection, StreamListener } from "./stream_transport.ts";
import { dialTcp, type ListenTcpOptions, openTcpListener, toDialError } from "./tcp.ts";
import { TlsServerConnection } from "./_tls_server_connection.ts";

/** What {@linkcode listenTls} binds to, and what it shows to clients. */
export interface ListenTlsOptions extends ListenTcpOptions, CertifiedKey {
  /**
   * The application protocols on offer (RFC 7301), the preferred one first. A client that offers
   * none is served, one that offers only others is refused.
   *
   * @default {[]}, which is to say that the extension is not answered
   */
  readonly alpn?: readonly string[];
  /**
   * How long a client may take for the handshake, in ms.
   *
   * @default {10000}
   */
  readonly handshakeTimeoutMs?: number;
}

/** A bound socket that peers connect to over TLS. */
export interface TlsListener extends StreamListener {
  /**
   * Uses another certificate for all connections that are accepted from now on. Those that are
   * open, or in the middle of their handshake, go on.
   *
   * @throws {CertificateError} If it cannot be used; the one before stays in force.
   */
  replaceCertificate(certified: CertifiedKey): void;
}

/** A connection to a server over TLS, after its handshake. */
export interface TlsConnection extends StreamConnection {
  /** The application protocol that the server has chosen (RFC 7301); undefined if none. */
  readonly applicationProtocol: string | undefined;
}

/** How {@linkcode connectTls} connects. */
export interface ConnectTlsOptions {
  /**
   * The name that the server's certificate has to be for; sent to the server if it is no IP address.
   *
   * @default the IP address
   */
  readonly hostname?: string;
  /**
   * Certificates in PEM of authorities to trust beside those that Deno trusts anyway.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[];
  /**
   * The application protocols to offer (RFC 7301), the preferred one first.
   *
   * @default {[]}
   */
  readonly alpn?: readonly string[];
  /** Gives the attempt up; a reason called `TimeoutError` makes it `timed-out`, else `aborted`. */
  readonly signal?: AbortSignal;
}

/**
 * Listens for TLS connections (1.2 and 1.3). `accept()` gives a connection at once, before its
 * handshake, so that it counts and can be closed; reads and writes wait for the handshake and
 * reject if it fails or takes too long.
 *
 * @throws {CertificateError} If certificate and key cannot be used; nothing is bound then.
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes, `port` is not an integer of 0 to 65535, or the
 * name of an application protocol is not 1 to 255 bytes.
 */
export function listenTls(options: ListenTlsOptions): TlsListener {
  const { alpn = [], handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  const offer = alpn.length === 0 ? undefined : writeProtocolNames(alpn);
  let context = toSecureContext(options);
  const listener = openTcpListener(options, "tls");
  return {
    localAddress: listener.localAddress,
    accept: async () => {
      const raw = await listener.accept();
      return raw && new TlsServerConnection(raw, { context, alpn: offer, handshakeTimeoutMs });
    },
    close: () => listener.close(),
    replaceCertificate: (certified) => {
      context = toSecureContext(certified);
    },
  };
}

/**
 * Connects over TLS, with keep-alive and no-delay on; resolves after the handshake.
 *
 * Once it is closed the operating system holds the connection until the server has closed it too,
 * which is what Deno does.
 *
 * @throws {ConnectionError} If no connection comes about; `untrusted` if the certificate is for
 * another name, out of date or signed by nobody known (as a rejection).
 * @throws {RangeError} If the address has neither 4 nor 16 bytes, or port 0 (as a rejection).
 */
export async function connectTls(
  address: SocketAddress,
  options: ConnectTlsOptions = {},
): Promise<TlsConnection> {
  const { hostname = formatIp(address.ip), caCerts = [], alpn = [], signal } = options;
  const attempt = { name: `Cannot connect to tls ${formatSocketAddress(address)}`, signal };
  const tcp = await dialTcp(address, attempt);
  // The TLS connection once there is one: it takes the TCP connection over
  let connection = new DenoStreamConnection(tcp);
  const giveUp = () => connection.close();
  signal?.addEventListener("abort", giveUp);
  try {
    const tls = await Deno.startTls(tcp, {
      hostname,
      caCerts: [...caCerts],
      ...(alpn.length > 0 && { alpnProtocols: [...alpn] }),
    });
    connection = new DenoStreamConnection(tls);
    signal?.throwIfAborted();
    const { alpnProtocol } = await tls.handshake();
    signal?.throwIfAborted();
    return Object.assign(connection, { applicationProtocol: alpnProtocol ?? undefined });
  } catch (error) {
    connection.close();
    throw toDialError(error, attempt);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

function toSecureContext(certified: CertifiedKey): SecureContext {
  checkCertificate(certified);
  const { createSecureContext } = nodeModule("node:tls");
  return createSecureContext({ cert: certified.certificate, key: certified.key });
}

/** length(8) name, again and again (RFC 7301 section 3.1). */
function writeProtocolNames(names: readonly string[]): Uint8Array {
  return Uint8Array.from(names.flatMap((name) => {
    const bytes = new TextEncoder().encode(name);
    if (bytes.length === 0 || bytes.length > 255) {
      throw new RangeError(
        `Cannot offer application protocol "${name}": the name has ${bytes.length} bytes, ` +
          "wanted 1 to 255",
      );
    }
    return [bytes.length, ...bytes];
  }));
}

/** Ten times what a handshake takes over the slowest of mobile networks. */
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
