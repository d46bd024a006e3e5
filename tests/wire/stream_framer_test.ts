import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import type { DecodeFailure } from "../../lib/wire/decoded.ts";
import { StunStreamFramer, type StunStreamFramerOptions } from "../../lib/wire/stream_framer.ts";

const READ = "Cannot read a message from the stream: ";

const SHORT = message({ fill: 1 });
const LONG = message({ attributeBytes: 24, fill: 2 });
const CLASSIC = message({ attributeBytes: 8, fill: 3, cookie: [9, 9, 9, 9] });
const LARGEST = message({ attributeBytes: 2028, fill: 4 });

interface Case {
  readonly name: string;
  readonly stream: Uint8Array;
  readonly frames: readonly Uint8Array[];
  /** What push() says about the stream. */
  readonly failure?: DecodeFailure;
  /** What finish() says, where that is not what push() said. */
  readonly cutOff?: DecodeFailure;
  /** How many bytes are held at the end of the stream. */
  readonly pending?: number;
  readonly options?: StunStreamFramerOptions;
}

const CASES: readonly Case[] = [
  { name: "nothing", stream: bytes(), frames: [] },
  { name: "one message without attributes", stream: SHORT, frames: [SHORT] },
  { name: "one message with attributes", stream: LONG, frames: [LONG] },
  { name: "a message as long as the cap", stream: LARGEST, frames: [LARGEST] },
  {
    name: "messages in a row",
    stream: join(SHORT, LONG, SHORT, CLASSIC, LONG),
    frames: [SHORT, LONG, SHORT, CLASSIC, LONG],
  },
  {
    name: "the Binding messages of RFC 3489, without a cookie",
    stream: join(
      ...[0x0001, 0x0101, 0x0111].map((type) => message({ type, cookie: [0, 0, 0, 0] })),
    ),
    frames: [0x0001, 0x0101, 0x0111].map((type) => message({ type, cookie: [0, 0, 0, 0] })),
  },
  {
    name: "the end within a length field",
    stream: join(SHORT, LONG.subarray(0, 3)),
    frames: [SHORT],
    pending: 3,
    cutOff: failure("it ended after 3 bytes of the message, wanted at least 20", 23),
  },
  {
    name: "the end within a header",
    stream: join(SHORT, LONG.subarray(0, 19)),
    frames: [SHORT],
    pending: 19,
    cutOff: failure("it ended after 19 bytes of the message, wanted 44", 39),
  },
  {
    name: "the end within attributes",
    stream: join(LONG, LONG.subarray(0, 43)),
    frames: [LONG],
    pending: 43,
    cutOff: failure("it ended after 43 bytes of the message, wanted 44", 87),
  },
  {
    name: "first bits that are not zero",
    stream: join(SHORT, bytes(0x47, 0x45, 0x54, 0x20)),
    frames: [SHORT],
    failure: failure("it starts with byte 0x47, wanted 0x00 to 0x3f", 20),
  },
  {
    name: "a TLS record",
    stream: bytes(0x16, 0x03, 0x01, 0x02, 0x00, 0x01),
    frames: [],
    failure: failure("its length field is 258, wanted a multiple of 4", 2),
  },
  {
    name: "a length that is not a multiple of 4",
    stream: join(LONG, bytes(0x00, 0x01, 0x00, 0x0a)),
    frames: [LONG],
    failure: failure("its length field is 10, wanted a multiple of 4", 46),
  },
  {
    name: "a length above the cap by its low byte",
    stream: join(SHORT, bytes(0x00, 0x01, 0x07, 0xf0)),
    frames: [SHORT],
    failure: failure("it claims to have 2052 bytes, wanted at most 2048", 22),
  },
  {
    name: "a length above the cap by its high byte, and odd",
    stream: join(SHORT, bytes(0x00, 0x01, 0x08, 0x01)),
    frames: [SHORT],
    failure: failure("it claims to have at least 2068 bytes, wanted at most 2048", 22),
  },
  {
    name: "a message above a cap of its own",
    stream: join(SHORT, LONG),
    frames: [SHORT],
    failure: failure("it claims to have 44 bytes, wanted at most 40", 22),
    options: { maxMessageBytes: 40 },
  },
  {
    name: "no cookie where the type is not classic",
    stream: join(SHORT, message({ type: 0x0003, cookie: [0x21, 0x12, 0xa4, 0x43] })),
    frames: [SHORT],
    failure: failure("its type is 0x0003, wanted the magic cookie after that", 24),
  },
];

for (const c of CASES) {
  Deno.test(`StunStreamFramer.push() finds the same in one chunk: ${c.name}`, () => {
    assertEquals(run(c.stream, { cuts: [], options: c.options }), outcome(c));
  });

  Deno.test(`StunStreamFramer.push() finds the same byte by byte: ${c.name}`, () => {
    const cuts = Array.from(c.stream, (_, i) => i);
    assertEquals(run(c.stream, { cuts, options: c.options }), outcome(c));
  });

  Deno.test(`StunStreamFramer.push() finds the same in any two chunks: ${c.name}`, () => {
    for (let cut = 0; cut <= c.stream.length; cut++) {
      assertEquals(run(c.stream, { cuts: [cut], options: c.options }), outcome(c), `cut at ${cut}`);
    }
  });
}

Deno.test("StunStreamFramer.push() finds the same however a stream is cut", () => {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(SHORT, LONG, CLASSIC, LARGEST) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 30 }) },
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.array(fc.nat({ max: 4000 }), { maxLength: 12 }),
      (pieces, cuts) => {
        const stream = join(...pieces);
        assertEquals(run(stream, { cuts }), run(stream, { cuts: [] }));
      },
    ),
    { seed: 8489, numRuns: 300 },
  );
});

Deno.test("StunStreamFramer.push() refuses at the first byte that is wrong", () => {
  const wrong: [number[], number][] = [
    [[0x40], 1],
    [[0x00, 0x01, 0x08], 3],
    [[0x00, 0x01, 0x07, 0xf0], 4],
    [[0x00, 0x01, 0x00, 0x02], 4],
    [[0x01, 0x02, 0x00, 0x00, 0x20], 5],
    [[0x01, 0x02, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x00], 8],
  ];
  for (const [stream, length] of wrong) {
    const framer = new StunStreamFramer();
    const at = stream.findIndex((byte) => framer.push(bytes(byte)).failure !== undefined) + 1;
    assertEquals(at, length);
  }
});

Deno.test("StunStreamFramer.push() repeats its failure and takes nothing more after it", () => {
  const framer = new StunStreamFramer();
  const first = framer.push(join(SHORT, bytes(0xff)));
  assertEquals(first, {
    frames: [SHORT],
    failure: failure("it starts with byte 0xff, wanted 0x00 to 0x3f", 20),
  });
  const second = framer.push(SHORT);
  assertEquals(second.frames, []);
  assertStrictEquals(second.failure, first.failure);
  assertStrictEquals(framer.finish(), first.failure);
  assertEquals(framer.pendingBytes, 0);
});

Deno.test("StunStreamFramer.push() gives views on the chunk for messages that lie in it", () => {
  const chunk = join(SHORT, LONG);
  const { frames } = new StunStreamFramer().push(chunk);
  assertEquals(frames.map((frame) => [frame.buffer === chunk.buffer, frame.byteOffset]), [
    [true, 0],
    [true, 20],
  ]);
});

Deno.test("StunStreamFramer.push() copies a partial message, so that the chunk can be overwritten", () => {
  const framer = new StunStreamFramer();
  const buffer = new Uint8Array(30);
  buffer.set(LONG.subarray(0, 30));
  assertEquals(framer.push(buffer), { frames: [] });
  buffer.fill(0xff);
  buffer.set(LONG.subarray(30));
  const { frames } = framer.push(buffer.subarray(0, 14));
  buffer.fill(0xff);
  assertEquals(frames, [LONG]);
});

Deno.test("StunStreamFramer.push() holds a buffer of the message's size, and none when idle", () => {
  const framer = new StunStreamFramer();
  framer.push(LONG.subarray(0, 2));
  const [frame] = framer.push(LONG.subarray(2)).frames;
  assertEquals(frame!.buffer.byteLength, LONG.length);
  assertEquals(framer.pendingBytes, 0);
});

Deno.test("StunStreamFramer.next() says where each message lies, and where to go on", () => {
  const framer = new StunStreamFramer();
  const first = join(SHORT, LONG.subarray(0, 30));
  assertEquals(framer.next(first, 0), { bytes: first, start: 0, end: 20, next: 20 });
  assertEquals([framer.next(first, 20), framer.pendingBytes], [undefined, 30]);
  const second = join(LONG.subarray(30), SHORT, bytes(0xff));
  assertEquals(framer.next(second, 0), { bytes: LONG, start: 0, end: 44, next: 14 });
  assertEquals(framer.next(second, 14), { bytes: second, start: 14, end: 34, next: 34 });
  assertEquals([framer.next(second, 34), framer.failure], [
    undefined,
    failure("it starts with byte 0xff, wanted 0x00 to 0x3f", 84),
  ]);
});

Deno.test("StunStreamFramer.next() takes nothing at the end of a chunk", () => {
  const framer = new StunStreamFramer();
  assertEquals([framer.next(SHORT, SHORT.length), framer.pendingBytes, framer.failure], [
    undefined,
    0,
    undefined,
  ]);
});

Deno.test("StunStreamFramer.pendingBytes counts the bytes of the partial message", () => {
  const framer = new StunStreamFramer();
  const counts = Array.from(join(SHORT, LONG), (byte) => {
    framer.push(bytes(byte));
    return framer.pendingBytes;
  });
  const upTo = (end: number) => [...Array.from({ length: end - 1 }, (_, i) => i + 1), 0];
  assertEquals(counts, [...upTo(20), ...upTo(44)]);
});

Deno.test("StunStreamFramer.finish() closes a stream that ended within a message", () => {
  const framer = new StunStreamFramer();
  framer.push(SHORT.subarray(0, 5));
  const failed = framer.finish();
  assertEquals(failed, failure("it ended after 5 bytes of the message, wanted 20", 5));
  assertEquals(framer.pendingBytes, 0);
  assertEquals(framer.push(SHORT), { frames: [], failure: failed! });
});

Deno.test("new StunStreamFramer() throws when maxMessageBytes is no size of a message", () => {
  for (const maxMessageBytes of [0, 19, 65553, 20.5, NaN, Infinity, -20]) {
    assertThrows(
      () => new StunStreamFramer({ maxMessageBytes }),
      RangeError,
      `Cannot make a framer: maxMessageBytes is ${maxMessageBytes}, wanted 20 to 65552`,
    );
  }
});

Deno.test("new StunStreamFramer() takes the smallest and the largest maxMessageBytes", () => {
  const largest = message({ attributeBytes: 65532 });
  assertEquals(new StunStreamFramer({ maxMessageBytes: 20 }).push(SHORT), { frames: [SHORT] });
  assertEquals(new StunStreamFramer({ maxMessageBytes: 65552 }).push(largest), {
    frames: [largest],
  });
});

/** Everything that a stream comes to when it is pushed in chunks that end at `cuts`. */
function run(
  stream: Uint8Array,
  { cuts, options }: {
    readonly cuts: readonly number[];
    readonly options?: StunStreamFramerOptions | undefined;
  },
) {
  const framer = new StunStreamFramer(options);
  const frames: Uint8Array[] = [];
  let failed: DecodeFailure | undefined;
  const ends = [...cuts, stream.length].map((cut) => Math.min(cut, stream.length));
  let start = 0;
  for (const end of ends.sort((a, b) => a - b)) {
    // one buffer that is overwritten after each push, as a reader's would be
    const chunk = stream.slice(start, end);
    const pushed = framer.push(chunk);
    if (failed !== undefined) {
      assertEquals(pushed.frames, []);
      assertStrictEquals(pushed.failure, failed);
    }
    frames.push(...pushed.frames.map((frame) => frame.slice()));
    failed = pushed.failure;
    chunk.fill(0xff);
    start = end;
  }
  return { frames, failed, pending: framer.pendingBytes, finished: framer.finish() };
}

function outcome(c: Case): ReturnType<typeof run> {
  return {
    frames: [...c.frames],
    failed: c.failure,
    pending: c.pending ?? 0,
    finished: c.failure ?? c.cutOff,
  };
}

function failure(why: string, offset: number): DecodeFailure {
  return { ok: false, reason: READ + why, offset };
}

function message(
  { type = 0x0001, attributeBytes = 0, fill = 0, cookie = [0x21, 0x12, 0xa4, 0x42] }: {
    readonly type?: number;
    readonly attributeBytes?: number;
    readonly fill?: number;
    readonly cookie?: readonly number[];
  },
): Uint8Array {
  const whole = new Uint8Array(20 + attributeBytes).fill(fill);
  whole.set([type >> 8, type & 0xff, attributeBytes >> 8, attributeBytes & 0xff, ...cookie]);
  return whole;
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return concat(parts);
}
