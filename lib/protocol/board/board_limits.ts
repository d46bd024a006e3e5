/** What one peer of a board may do, and what it may put there. */
export interface BoardLimits {
  /** The longest message that a peer may send, in bytes of UTF-8. */
  readonly maxMessageBytes: number;
  /** The most posts of one peer at a time. */
  readonly maxPosts: number;
  /** The most candidates in one post. */
  readonly maxCandidates: number;
  /** The longest `data` of a post, in characters. */
  readonly maxPostData: number;
  /** The longest `data` of a signal, in characters. */
  readonly maxSignalData: number;
  /** The shortest life of a post, in ms. */
  readonly minLifetimeMs: number;
  /** The longest life of a post, in ms. */
  readonly maxLifetimeMs: number;
  /** How many messages a peer may send each second in the long run. */
  readonly messagesPerSecond: number;
  /** How many messages of which everybody is told (`post`, `remove`, `board`) each second. */
  readonly postsPerSecond: number;
  /** The most peers in one room. */
  readonly maxPeersPerRoom: number;
}

/** The limits of protocol `pinhole.board.v1`; a `welcome` repeats them. */
export const BOARD_LIMITS: BoardLimits = {
  // An SDP offer of a data channel with a dozen candidates takes some 3 KB; quoting may double it
  maxMessageBytes: 16_384,
  // A peer has one post for itself; a few more for a second program or a second network
  maxPosts: 4,
  // IPv4 and IPv6, UDP and TCP, host and reflexive
  maxCandidates: 8,
  // A name, a public key, a NAT report in short; a full board stays below MAX_BUFFERED_BYTES
  maxPostData: 1024,
  maxSignalData: 12_288,
  minLifetimeMs: 1000,
  // A peer that is still there posts again; who is gone takes its posts along anyway
  maxLifetimeMs: 3_600_000,
  // Trickled ICE candidates come in bursts of some twenty, see messageBurst
  messagesPerSecond: 10,
  // Each of these is sent to a whole room: 63 others, 2 KB, 2 a second is 250 KB/s
  postsPerSecond: 2,
  // Everybody hears everybody: what a room sends grows with the square of its peers
  maxPeersPerRoom: 64,
};

/** What the server's side of a connection goes by; peers need not know it. */
export const BOARD_PATIENCE = {
  /** ms until a new connection must have sent `join`: a slow mobile network takes 2 or 3 seconds. */
  joinMs: 10_000,
  /** ms between two pings: NATs and proxies forget an idle TCP connection after 60 s at the earliest. */
  pingMs: 20_000,
  /** ms between the first pings, until there are {@linkcode BOARD_PATIENCE.firstPings} answers. */
  firstPingMs: 250,
  /** How many round trips are measured at once: one lost packet does not make a sample useless. */
  firstPings: 3,
  /** ms after which a peer that has sent nothing is given up: two pings that went unanswered. */
  silenceMs: 50_000,
  /** Messages at once after a silence: an offer, an answer and twenty candidates each way. */
  messageBurst: 60,
  /** Posts at once after a silence: all of them twice over, as after a reconnect, and removals. */
  postBurst: 16,
  /** Errors a second in the long run, and at once: beyond that a peer is a nuisance and is cut off. */
  errorsPerSecond: 1,
  errorBurst: 50,
  /** Synchronised starts that a peer may wait for at a time. */
  maxPendingSyncs: 8,
} as const;

/**
 * How many bytes may wait for a peer that does not read. A full board, 64 peers with 4 posts of some
 * 2.2 KB each, is 0.6 MB and has to fit; beyond this the peer is dropped.
 */
export const MAX_BUFFERED_BYTES = 1_048_576;
