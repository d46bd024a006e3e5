// How long servers hold a TCP connection that is in use. Real time is the point here: three minutes
// of it, because what is claimed of turnserver (the README says it) is claimed of its clock, and
// what is claimed of ours is that no clock of its own ends a connection in use. All servers are
// tried at once.

import { assert, assertEquals, assertLess } from "@std/assert";
import { bindingRequest, readMessage, type Target } from "../support/binding_request.ts";
import { isReset } from "../support/held_connection.ts";
import { PinholeServer } from "../support/pinhole_server.ts";
import { hasTool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";

Deno.test("a TCP connection in use is held here for 3 minutes, and not by turnserver", async (t) => {
  const { command, package: debianPackage } = TOOLS.turnserver;
  const missing = hasTool(command)
    ? undefined
    : ` [skipped: needs ${command} (Debian package ${debianPackage})]`;
  const step = (name: string, fn: () => Promise<void>, skip?: string) =>
    // Steps that overlap cannot tell whose resources are whose; the test around them still can
    t.step({
      name: name + (skip ?? ""),
      ignore: skip !== undefined,
      fn,
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
    });
  await Promise.all([
    step("our server answers a request every 20 s for 3 minutes", async () => {
      await using server = await PinholeServer.start();
      const held = await hold(server.target("tcp"), { everyMs: 20_000, forMs: 180_000 });
      const log = server.child.stdout + server.child.stderr;
      assertEquals(held, { answered: 10, heldMs: held.heldMs, ended: undefined }, log);
      assert(held.heldMs >= 180_000);
    }),
    step("turnserver -S ends it within 10 s, with a request every second", async () => {
      await using server = await Turnserver.start({ args: ["-S"] });
      const held = await hold(server.target, { everyMs: 1_000, forMs: 10_000 });
      say(`turnserver -S held the connection for ${(held.heldMs / 1000).toFixed(1)} s\n`);
      assert(held.ended !== undefined && held.answered > 0, JSON.stringify(held));
      assertLess(held.heldMs, 10_000);
    }, missing),
    step("turnserver ends it within 90 s, with a request every second", async () => {
      await using server = await Turnserver.start({ args: [] });
      const held = await hold(server.target, { everyMs: 1_000, forMs: 90_000 });
      say(`turnserver held the connection for ${(held.heldMs / 1000).toFixed(1)} s\n`);
      assert(held.ended !== undefined && held.answered > 0, JSON.stringify(held));
      assertLess(held.heldMs, 90_000);
    }, missing),
  ]);
});

/** What became of a connection. */
interface Held {
  /** How many requests were answered. */
  readonly answered: number;
  /** How long it was open. */
  readonly heldMs: number;
  /** How the server ended it, if it did. */
  readonly ended: string | undefined;
}

/** Asks at once and then at every interval, on one connection, until the time or the server is up. */
async function hold(
  target: Target,
  { everyMs, forMs }: { readonly everyMs: number; readonly forMs: number },
): Promise<Held> {
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  const connection = await Deno.connect({ hostname: target.hostname, port: target.port });
  // An answer that never comes must not hold the test up: a closed connection is a failure below
  const timeout = setTimeout(() => connection.close(), forMs + 10 * GRACE_MS);
  let answered = 0;
  try {
    for (;;) {
      const request = bindingRequest();
      await connection.write(request);
      const answer = await readMessage(connection);
      assertEquals([answer[0], answer[1]], [0x01, 0x01]);
      assertEquals(answer.subarray(8, 20), request.subarray(8));
      answered++;
      const wait = answered * everyMs - elapsed();
      if (elapsed() + wait > forMs + GRACE_MS) {
        return { answered, heldMs: elapsed(), ended: undefined };
      }
      await sleep(wait);
    }
  } catch (error) {
    const ended = isReset(error) || (error instanceof Error && STREAM_ENDED.test(error.message));
    if (!ended) throw error;
    return { answered, heldMs: elapsed(), ended: `${error}` };
  } finally {
    clearTimeout(timeout);
    closeQuietly(connection);
  }
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

const STREAM_ENDED = /the stream ended after 0 bytes/;

// The last request falls on the very end of the time.
const GRACE_MS = 1_000;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
