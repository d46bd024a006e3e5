// A service manager's end of NOTIFY_SOCKET. A program of its own, because a unix socket takes
// network permission for everything, which the tests do not have.
//
// Arguments: the socket as NOTIFY_SOCKET names it, and `read` or `ignore`. Writes `bound`, then each
// datagram as its number and a JSON string.

const [name = "", mode] = Deno.args;
const socket = Deno.listenDatagram({ transport: "unixpacket", path: name.replace(/^@/, "\0") });
print("bound");
for (let number = 1; mode === "read"; number++) {
  const [bytes] = await socket.receive();
  print(`${number} ${JSON.stringify(new TextDecoder().decode(bytes))}`);
}
// Until it is killed
setInterval(() => {}, 60_000);

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
