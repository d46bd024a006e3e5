// A STUN server over UDP that claims to know RFC 5780 and does not: it announces an OTHER-ADDRESS,
// and a request with CHANGE-REQUEST it answers from its primary address ("ignores"), or not at all
// ("silent"). Its other addresses answer those who ask them directly, so that it looks alive.
// Arguments: MODE IP ALTERNATE_IP.

import {
  attribute,
  CHANGE_REQUEST,
  decodeMessage,
  encodeMessage,
  OTHER_ADDRESS,
  parseSocketAddress,
  type SocketAddress,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";

const [mode, ip, alternateIp] = Deno.args as [string, string, string];
const [port, alternatePort] = [3_478, 3_479];

const other = addressOf({ hostname: alternateIp, port: alternatePort });
for (const hostname of [ip, alternateIp]) {
  for (const one of [port, alternatePort]) void serve(hostname, one);
}

async function serve(hostname: string, port: number): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port });
  for await (const [bytes, from] of socket) {
    const request = decodeMessage(bytes);
    if (!request.ok) continue;
    const wanted = valueOf(request.value, CHANGE_REQUEST);
    if (wanted !== undefined && mode === "silent") continue;
    const { transactionId } = request.value;
    const attributes = [
      attribute(XOR_MAPPED_ADDRESS, addressOf(from as Deno.NetAddr)),
      attribute(OTHER_ADDRESS, other),
    ];
    const answer = encodeMessage({ class: "success", method: 1, transactionId, attributes });
    await socket.send(answer, from);
  }
}

function addressOf({ hostname, port }: { hostname: string; port: number }): SocketAddress {
  const parsed = parseSocketAddress(`${hostname}:${port}`);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
