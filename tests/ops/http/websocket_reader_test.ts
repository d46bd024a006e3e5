import { assertEquals } from "@std/assert";
import {
  webSocketFrame,
  type WebSocketInput,
  WebSocketReader,
} from "../../../lib/ops/http/_websocket_reader.ts";
import { clientFrame } from "./websocket_client.ts";

const TEXT = 1;
const BINARY = 2;
const PING = 9;

/** What a client may send, as bytes and as what it means. */
const CASES: readonly (readonly [name: string, bytes: Uint8Array, inputs: WebSocketInput[]])[] = [
  // RFC 6455 section 5.7
  ["a masked Hello", Uint8Array.fromHex("818537fa213d7f9f4d5158"), [
    { kind: "text", text: "Hello" },
  ]],
  ["an empty text", clientFrame(TEXT, ""), [{ kind: "text", text: "" }]],
  ["UTF-8", clientFrame(TEXT, "ö\u{1f573}"), [{ kind: "text", text: "ö\u{1f573}" }]],
  ["a length of 16 bits", clientFrame(TEXT, "x".repeat(126)), [
    { kind: "text", text: "x".repeat(126) },
  ]],
  ["a binary message", clientFrame(BINARY, "x"), [{ kind: "binary" }]],
  [
    "fragments with a ping in between",
    joined(
      clientFrame(TEXT, "a", { final: false }),
      clientFrame(PING, "p"),
      clientFrame(0, "", { final: false }),
      clientFrame(0, "b"),
    ),
    [
      { kind: "ping", payload: Uint8Array.of(0x70) },
      { kind: "text", text: "ab" },
    ],
  ],
  ["a pong, which means nothing", clientFrame(10, "x"), []],
  ["a close", clientFrame(8, "\x03\xe8"), [{ kind: "close" }]],
  ["as long as it may be", clientFrame(TEXT, "x".repeat(200)), [
    { kind: "text", text: "x".repeat(200) },
  ]],
  ["a byte too long", clientFrame(TEXT, "x".repeat(201)), [{ kind: "too-long" }]],
  ["a length of 64 bits", clientFrame(TEXT, "x".repeat(70_000)), [{ kind: "too-long" }]],
  [
    "fragments that are too long",
    joined(
      clientFrame(TEXT, "x".repeat(100), { final: false }),
      clientFrame(0, "x".repeat(101)),
    ),
    [{ kind: "too-long" }],
  ],
  ["a frame without mask", Uint8Array.fromHex("810548656c6c6f"), [failure(1002)]],
  ["a reserved bit", clientFrame(TEXT | 0x40, "x"), [failure(1002)]],
  ["an unknown opcode", clientFrame(3, "x"), [failure(1002)]],
  ["an unknown control opcode", clientFrame(11, "x"), [failure(1002)]],
  ["a ping in fragments", clientFrame(PING, "x", { final: false }), [failure(1002)]],
  ["a ping that is too long", clientFrame(PING, "x".repeat(126)), [failure(1002)]],
  ["a continuation of nothing", clientFrame(0, "x"), [failure(1002)]],
  [
    "a message within a message",
    joined(
      clientFrame(TEXT, "a", { final: false }),
      clientFrame(TEXT, "b"),
    ),
    [failure(1002)],
  ],
  ["what is not UTF-8", clientFrame(TEXT, Uint8Array.of(0xc3)), [failure(1007)]],
];

for (const [name, bytes, inputs] of CASES) {
  Deno.test(`WebSocketReader.push() reads ${name}, at once and byte by byte`, () => {
    assertEquals(new WebSocketReader(200).push(bytes), inputs);
    const reader = new WebSocketReader(200);
    assertEquals([...bytes].flatMap((byte) => reader.push(Uint8Array.of(byte))), inputs);
  });
}

Deno.test("WebSocketReader.push() reads nothing after what it cannot take", () => {
  const reader = new WebSocketReader(200);
  assertEquals(reader.push(clientFrame(3, "x")), [failure(1002)]);
  assertEquals(reader.push(clientFrame(TEXT, "a")), []);
});

Deno.test("webSocketFrame() writes the three forms of a length, without a mask", () => {
  const head = (size: number, bytes: number) =>
    webSocketFrame("text", new Uint8Array(size)).subarray(0, bytes).toHex();
  assertEquals([head(125, 2), head(126, 4), head(65_536, 10)], [
    "817d",
    "817e007e",
    "817f0000000000010000",
  ]);
  assertEquals(webSocketFrame("close", Uint8Array.of(3, 232)).toHex(), "880203e8");
});

function failure(code: 1002 | 1007): WebSocketInput {
  return { kind: "failure", code };
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
