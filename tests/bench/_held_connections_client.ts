// The clients of held_connections.ts, a process of their own so that the server's figures are the
// server's alone. Its argument is a ClientOrder as JSON; each line of standard input is an order,
// "ready", "open", "use" or "close", answered by a line with the milliseconds that it took.

import { assertEquals } from "@std/assert";
import type { Socket } from "node:net";
import { bindingRequest, type Target } from "../support/binding_request.ts";
import { connectFrom } from "../support/held_connection.ts";

/** What one client process opens. */
export interface ClientOrder {
  /** The server. */
  readonly target: Target;
  /** The addresses to connect from, the same number of connections from each. */
  readonly addresses: readonly string[];
  /** How many connections from each address. */
  readonly perAddress: number;
  /** How many are opened, used or closed at a time. @default {64} */
  readonly atOnce?: number;
}

async function obey(order: ClientOrder): Promise<void> {
  const { target, addresses, perAddress, atOnce = DEFAULT_AT_ONCE } = order;
  const sources = addresses.flatMap((address) => new Array<string>(perAddress).fill(address));
  const sockets: Socket[] = [];
  let closing = false;
  /** Does all, some at a time. */
  const each = async <T>(items: readonly T[], work: (item: T) => Promise<void>) => {
    let next = 0;
    const worker = async () => {
      while (next < items.length) await work(items[next++]!);
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  };
  const orders = {
    ready: () => Promise.resolve(),
    open: async () => {
      await each(sources, async (source) => {
        const socket = await connectFrom(source, target);
        socket.on("close", () => {
          if (!closing) throw new Error("Cannot hold a connection: the server closed it");
        });
        sockets.push(socket);
      });
    },
    use: () => each(sockets, ask),
    close: async () => {
      closing = true;
      await each(sockets, (socket) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        socket.once("close", () => resolve());
        socket.end();
        return promise;
      });
    },
  };
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const line of lines) {
    const begun = performance.now();
    await orders[line.trim() as keyof typeof orders]();
    say(`${performance.now() - begun}\n`);
  }
}

/** One request, one answer. */
async function ask(socket: Socket): Promise<void> {
  const request = bindingRequest();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const timeout = setTimeout(() => reject(new Error("Cannot ask: no answer")), ANSWER_TIMEOUT_MS);
  socket.once("data", resolve);
  socket.write(request);
  const answer = await promise;
  clearTimeout(timeout);
  assertEquals([answer.length, answer[0], answer[1]], [32, 0x01, 0x01]);
  assertEquals(answer.subarray(8, 20).join(), request.subarray(8).join());
}

const DEFAULT_AT_ONCE = 64;
const ANSWER_TIMEOUT_MS = 30_000;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

if (import.meta.main) await obey(JSON.parse(Deno.args[0]!) as ClientOrder);
