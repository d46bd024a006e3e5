/** What the load generator calls of the C library beside the functions of the transport. */
export type LoadLibc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Loads it. Linux alone. */
export function loadLoadLibc(): LoadLibc {
  return Deno.dlopen("libc.so.6", SYMBOLS).symbols;
}

/** Tells which of many sockets have something to read. */
export class ReadySockets {
  readonly #libc: LoadLibc;
  readonly #epoll: number;
  readonly #events = new Int32Array(MAX_EVENTS * EVENT_WORDS);

  /** Watches sockets; each is known by its place. */
  constructor(libc: LoadLibc, descriptors: readonly number[]) {
    this.#libc = libc;
    this.#epoll = libc.epoll_create1(0);
    const event = new Int32Array(EVENT_WORDS);
    event[0] = EPOLLIN;
    for (const [place, fd] of descriptors.entries()) {
      event[DATA_WORD] = place;
      if (libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event) !== 0) {
        throw new Error("Cannot watch a socket: epoll_ctl failed");
      }
    }
  }

  /** Waits up to 50 ms; how many are ready. */
  wait(): number {
    return Math.max(this.#libc.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, 50), 0);
  }

  /** Which socket the event of this number is about. */
  at(event: number): number {
    return this.#events[event * EVENT_WORDS + DATA_WORD]!;
  }
}

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
} as const;

const MAX_EVENTS = 256;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
// epoll_event: events(32) data(64), packed on x86-64 and on no other
const EVENT_WORDS = Deno.build.arch === "x86_64" ? 3 : 4;
const DATA_WORD = Deno.build.arch === "x86_64" ? 1 : 2;
