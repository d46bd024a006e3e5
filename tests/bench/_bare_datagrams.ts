// The least that a Deno program over UDP can do: `Deno.listenDatagram`, answering every datagram with
// the same bytes but for transaction id and port. On 127.0.0.1; the port is its argument.

const socket = Deno.listenDatagram({
  transport: "udp",
  hostname: "127.0.0.1",
  port: Number(Deno.args[0]),
});
const buffer = new Uint8Array(2048);
const answer = Uint8Array.fromHex(
  "0101000c2112a442" + "00".repeat(12) + "0020000800010000" + "5e12a443",
);
for (;;) {
  const [request, from] = await socket.receive(buffer);
  const bytes = answer.slice();
  bytes.set(request.subarray(8, 20), 8);
  const { port } = from as Deno.NetAddr;
  bytes[26] = (port >>> 8) ^ 0x21;
  bytes[27] = port ^ 0x12;
  socket.send(bytes, from).catch(() => {});
}
