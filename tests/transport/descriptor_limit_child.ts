/**
 * An echo server for tcp_test.ts, which starts it with few file descriptors and says how it is to
 * listen: says on standard output where it listens and when it runs out of descriptors.
 *
 * @module
 */
import { AcceptError, chooseStreamIo, type StreamConnection } from "../../lib/transport/mod.ts";

const { listen } = await chooseStreamIo(Deno.args[0] as "deno" | "epoll");
const listener = listen({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
say(`port ${listener.localAddress.port}`);
let complained = false;
for (;;) {
  try {
    const connection = await listener.accept();
    if (connection === undefined) break;
    void echo(connection);
  } catch (error) {
    if (!(error instanceof AcceptError) || !error.transient) throw error;
    if (!complained) say(`full ${error.code}: ${error.message}`);
    complained = true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function echo(connection: StreamConnection): Promise<void> {
  for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
    await connection.write(bytes);
  }
  connection.close();
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
