import type { Clock, Randomness } from "../ops/mod.ts";
import {
  ClientAuthentication,
  type ClientCredentials,
  type TransactionAnswer,
} from "../protocol/client/mod.ts";
import type { TransportProtocol } from "../protocol/mod.ts";
import {
  BINDING,
  encodeMessage,
  equalSocketAddresses,
  type SocketAddress,
  SOFTWARE,
  type StunMessage,
  valueOf,
} from "../wire/mod.ts";
import {
  answerOf,
  notFollowed,
  readError,
  readRedirection,
  readReflexive,
  refusal,
} from "./answer.ts";
import { compareAddresses } from "./compare_addresses.ts";
import { Exchange } from "./exchange.ts";
import type { QueryResult } from "./query_result.ts";

/** How {@linkcode askServer} asks. */
export interface AskServerOptions {
  /** What carries the request. */
  readonly transport: TransportProtocol;
  /** TLS: the name that the server's certificate has to be for. */
  readonly hostname: string;
  /** TLS: authorities to trust beside those that Deno trusts anyway, in PEM. */
  readonly caCerts: readonly string[] | undefined;
  /** What to answer a server with that asks who we are. */
  readonly credentials: ClientCredentials | undefined;
  /** UDP: ms until the first retransmission. */
  readonly rtoMs: number | undefined;
  /** When to give up, by the clock. */
  readonly deadline: number;
  /** Gives it up at once. */
  readonly signal: AbortSignal | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Chooses the transaction ids. */
  readonly randomness: Randomness;
}

/**
 * Asks the server at an address, or the one that it sends us to (RFC 8489 section 10), but no third.
 *
 * @throws {QueryError} If there is no usable answer (as a rejection).
 * @throws {ConnectionError} If there is no connection (as a rejection).
 * @throws {ListenError} If a UDP socket cannot be bound (as a rejection).
 */
export async function askServer(
  server: SocketAddress,
  options: AskServerOptions,
): Promise<QueryResult> {
  const first = await converse(server, options);
  const redirection = readRedirection(first.response, server);
  if (redirection === undefined) return resultOf(first, options);
  if (first.authenticated === false) {
    const why = "and did not show that it knows the password";
    throw notFollowed(redirection, { server, code: "unverified", why });
  }
  if (equalSocketAddresses(redirection.server, server)) {
    throw notFollowed(redirection, { server, code: "error-response", why: "which is itself" });
  }
  // RFC 8489 section 10: without ALTERNATE-DOMAIN it has to show the certificate of the first
  const { server: alternate, domain: hostname = options.hostname } = redirection;
  const second = await converse(alternate, { ...options, hostname });
  return { ...resultOf(second, options), redirectedFrom: server };
}

/** What a server said in the end, challenges aside. */
interface Conversation extends TransactionAnswer {
  readonly server: SocketAddress;
  /** Our own end of it. */
  readonly localAddress: SocketAddress;
  /** Whether the answer is protected by the password; undefined without credentials. */
  readonly authenticated: boolean | undefined;
}

async function converse(server: SocketAddress, options: AskServerOptions): Promise<Conversation> {
  const { transport, credentials, deadline, clock, randomness } = options;
  const authentication = new ClientAuthentication(credentials);
  const timeoutMs = Math.max(1, deadline - clock.now());
  using exchange = await Exchange.open(transport, { ...options, server, timeoutMs });
  const encode = () =>
    encodeMessage({
      class: "request",
      method: BINDING,
      transactionId: randomness.bytes(12),
      attributes: authentication.attributes,
    }, authentication.seals);
  for (;;) {
    const accepts = (response: StunMessage) => authentication.accepts(response);
    const outcome = await exchange.ask({ requests: [encode(), encode()], accepts });
    const answer = answerOf(outcome, { server, transport });
    const step = authentication.conclude(answer.response);
    if (step.kind === "retry") continue;
    if (step.kind === "refused") {
      throw refusal(step, { server, errorCode: readError(answer.response).errorCode });
    }
    const authenticated = credentials && step.authenticated;
    return { ...answer, server, localAddress: exchange.localAddress, authenticated };
  }
}

function resultOf(
  { server, response, localAddress, authenticated, rttMs, attempts }: Conversation,
  { transport }: Pick<AskServerOptions, "transport">,
): QueryResult {
  const reflexive = readReflexive(response, server);
  const software = valueOf(response, SOFTWARE);
  return {
    server,
    transport,
    ...compareAddresses({ local: localAddress, reflexive, server }),
    reflexive,
    rttMs,
    attempts,
    ...authenticated === undefined ? {} : { authenticated },
    ...software === undefined ? {} : { software },
  };
}
