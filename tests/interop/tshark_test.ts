import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import { crc32 } from "node:zlib";
import { type Answer, askTcp, askUdp, bindingRequest } from "../support/binding_request.ts";
import type { Packet } from "../support/pcap.ts";
import { type Listener, PinholeServer } from "../support/pinhole_server.ts";
import { LOOPBACKS, testWithTool, TOOLS } from "../support/tool.ts";
import { dissect, type Dissection } from "./_dissect.ts";

for (const { family, hostname, skip } of LOOPBACKS) {
  for (const transport of ["udp", "tcp"] as const) {
    testWithTool({
      name: `tshark finds our answers over ${transport} and ${family} well formed and right`,
      tools: [TOOLS.tshark],
      skip,
      fn: async () => {
        await using server = await PinholeServer.start({ hostname });
        const target = server.target(transport);
        const requests = [plain(), withFingerprint(plain()), withUnknownAttributes()];
        const packets: Packet[] = [];
        const expected: Dissection[] = [];
        for (const request of requests) {
          const answer = await (transport === "udp" ? askUdp : askTcp)(target, { request });
          packets.push(...conversation(transport, target, request, answer));
          const host = hostname.includes(":") ? `[${hostname}]` : hostname;
          expected.push(...expectedOf(request, `${host}:${answer.localPort}`));
        }
        const seen = await dissect(packets, target.port);
        assertEquals(seen, expected);
      },
    });
  }
}

testWithTool({
  name: "tshark is seen to complain of an answer that was damaged on its way",
  tools: [TOOLS.tshark],
  fn: async () => {
    await using server = await PinholeServer.start();
    const target = server.target("udp");
    const request = withFingerprint(plain());
    const answer = await askUdp(target, { request });
    answer.bytes[27]! ^= 1;
    const flipped = await dissect(conversation("udp", target, request, answer), target.port);
    assertEquals(flipped.map((message) => message.fingerprint), ["good", "bad"]);
    const bytes = answer.bytes.slice(0, 26);
    new DataView(bytes.buffer).setUint16(2, 6);
    const cut = await dissect(
      conversation("udp", target, request, { ...answer, bytes }),
      target.port,
    );
    assertEquals(cut.map((message) => message.complaints), [
      "",
      "_ws.malformed; Packet length is not multiple of 4 bytes",
    ]);
  },
});

function plain(): Uint8Array<ArrayBuffer> {
  return bindingRequest();
}

// RFC 8489 14.7: CRC-32 of everything before it, the length counting it already, XOR "STUN".
function withFingerprint(request: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const message = concat([request, new Uint8Array([0x80, 0x28, 0, 4, 0, 0, 0, 0])]);
  const view = new DataView(message.buffer);
  view.setUint16(2, message.length - 20);
  view.setUint32(message.length - 4, crc32(message.subarray(0, -8)) ^ 0x5354554e);
  return message;
}

// Two attributes of the comprehension-required range that nobody has been assigned, both empty.
function withUnknownAttributes(): Uint8Array<ArrayBuffer> {
  const message = concat([plain(), new Uint8Array([0x7e, 0x01, 0, 0, 0x7e, 0x02, 0, 0])]);
  new DataView(message.buffer).setUint16(2, 8);
  return message;
}

function conversation(
  transport: "udp" | "tcp",
  target: Listener,
  request: Uint8Array,
  { bytes, localPort }: Answer,
): Packet[] {
  const client = { hostname: target.hostname, port: localPort };
  return [
    { transport, from: client, to: target, payload: request },
    { transport, from: target, to: client, payload: bytes },
  ];
}

function expectedOf(request: Uint8Array, address: string): Dissection[] {
  const clean = { address: "", error: "", unknown: [], complaints: "", attributes: [] };
  const asked = { ...clean, type: "0x0001" } as const;
  if (request.length === 20) {
    return [
      { ...asked, fingerprint: "none" },
      { ...clean, type: "0x0101", attributes: ["0x0020"], address, fingerprint: "none" },
    ];
  }
  if (request[20] === 0x80) {
    return [
      { ...asked, attributes: ["0x8028"], fingerprint: "good" },
      { ...clean, type: "0x0101", attributes: ["0x0020", "0x8028"], address, fingerprint: "good" },
    ];
  }
  const unknown = ["0x7e01", "0x7e02"];
  return [
    {
      ...asked,
      complaints: unknown.map((type) => `Unknown attribute ${type}`).join("; "),
      fingerprint: "none",
    },
    {
      ...clean,
      type: "0x0111",
      attributes: ["0x0009", "0x000a"],
      error: "420",
      unknown,
      fingerprint: "none",
    },
  ];
}
