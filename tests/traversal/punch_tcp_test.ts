import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PunchDescription } from "../../lib/protocol/punch/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import {
  connectTcp,
  listenTcp,
  type StreamConnection,
  type TcpPortSharing,
} from "../../lib/transport/mod.ts";
import {
  type PunchedTcp,
  PunchError,
  type PunchSignalling,
  punchTcp,
  type PunchTcpOptions,
} from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { memorySignalling } from "./memory_signalling.ts";

for (const sharing of ["reuse-port", "turns"] as const satisfies readonly TcpPortSharing[]) {
  for (const hostname of ["127.0.0.1", "::1"]) {
    leakTest(`punchTcp() connects two sides on ${hostname}, ${sharing}`, async () => {
      await using stun = startServers(hostname);
      const [one, two] = await punchBoth({ servers: stun.uris, sharing });
      assertEquals([one.sharing, two.sharing], [sharing, sharing]);
      assertEquals(one.connection.remoteAddress, two.connection.localAddress);
      assertEquals(two.connection.remoteAddress, one.connection.localAddress);
      // There is no NAT, so the one address that each announced is its host's
      for (const [from, to] of [[one, two], [two, one]] as const) {
        assertEquals(from.candidate, {
          kind: "host",
          address: to.connection.localAddress,
        });
        assertEquals(from.descriptions.local, to.descriptions.remote);
        assertEquals(from.descriptions.local.side?.mapping, { value: "none", depends: false });
      }
      assert(one.dialled || two.dialled);
      await talk(one.connection, two.connection);
    });
  }

  leakTest(`punchTcp() hands over what is written at once, to the byte, ${sharing}`, async () => {
    await using stun = startServers("127.0.0.1");
    for (let round = 0; round < 5; round++) {
      const [one, two] = await punchBoth({ servers: stun.uris, sharing }, async (punched) => {
        await punched.connection.write(new TextEncoder().encode(GREETING));
        await punched.connection.closeWrite();
        return punched;
      });
      assertEquals(await Promise.all([one, two].map(({ connection }) => textOf(connection))), [
        GREETING,
        GREETING,
      ]);
      one.connection.close();
      two.connection.close();
    }
  });

  leakTest(`punchTcp() connects from one port, again and again, ${sharing}`, async () => {
    await using stun = startServers("127.0.0.1");
    const ports = new Set<number>();
    let localPort = 0;
    for (let round = 0; round < 3; round++) {
      const signalling = memorySignalling();
      const common = { servers: stun.uris, sharing };
      const [one, two] = await Promise.all([
        punchTcp({ ...common, localPort, signalling: signalling[0] }),
        punchTcp({ ...common, signalling: signalling[1] }),
      ]);
      localPort = one.connection.localAddress.port;
      ports.add(localPort);
      await talk(one.connection, two.connection);
    }
    assertEquals(ports.size, 1);
  });

  leakTest(`punchTcp() lets no stranger in and connects all the same, ${sharing}`, async () => {
    await using stun = startServers("127.0.0.1");
    const strangers: StreamConnection[] = [];
    const [one, two] = await punchBoth({
      servers: stun.uris,
      sharing,
      // When it is known where the two listen, and before they begin
      onDescriptions: async (descriptions) => {
        for (const { candidates: [candidate] } of descriptions) {
          for (let i = 0; i < 20; i++) {
            const stranger = await connectTcp(candidate!.address);
            strangers.push(stranger);
            if (i % 2 === 0) await stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
          }
        }
      },
    });
    await talk(one.connection, two.connection);
    for (const stranger of strangers) {
      assertEquals(await textOf(stranger), "");
      stranger.close();
    }
  });

  leakTest(`punchTcp() says that nobody has answered, ${sharing}`, async () => {
    await using stun = startServers("127.0.0.1");
    const signalling = silentPeer();
    const error = await assertRejects(
      () => punchTcp({ servers: stun.uris, signalling, sharing, timeoutMs: 700 }),
      PunchError,
    );
    assertEquals([error.code, error.message], [
      "refused",
      "Cannot punch over TCP: the other side, or its NAT, refuses every connection",
    ]);
  });
}

leakTest("punchTcp() says that who answers is not the other side", async () => {
  await using stun = startServers("127.0.0.1");
  const listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  const serving = (async () => {
    for (let guest = await listener.accept(); guest; guest = await listener.accept()) {
      await guest.write(new TextEncoder().encode("220 mail.example ESMTP\r\n"));
      guest.close();
    }
  })();
  const signalling = answering((own) => ({
    ...otherThan(own),
    candidates: [{ kind: "host", address: listener.localAddress }],
  }));
  const error = await assertRejects(
    () => punchTcp({ servers: stun.uris, signalling, timeoutMs: 700 }),
    PunchError,
  );
  assertEquals(error.code, "unauthentic");
  listener.close();
  await serving;
});

leakTest("punchTcp() refuses its own description and those that cannot be used", async () => {
  await using stun = startServers("127.0.0.1");
  for (
    const [answer, why] of [
      [(own: PunchDescription) => own, "tie breaker"],
      [(own: PunchDescription) => ({ ...otherThan(own), transport: "udp" }), "UDP"],
      [(own: PunchDescription) => ({ ...otherThan(own), password: "short" }), "password"],
    ] as const satisfies readonly (readonly [(own: PunchDescription) => PunchDescription, string])[]
  ) {
    const error = await assertRejects(
      () => punchTcp({ servers: stun.uris, signalling: answering(answer) }),
      PunchError,
      why,
    );
    assertEquals(error.code, "unusable");
  }
});

for (const moment of ["before", "gathering", "signalling", "dialling"] as const) {
  leakTest(`punchTcp() ends at once when it is given up, ${moment}`, async () => {
    await using stun = startServers("127.0.0.1");
    const controller = new AbortController();
    if (moment === "before") controller.abort();
    const peer = silentPeer();
    const signalling: PunchSignalling = {
      send: peer.send,
      // Takes no notice of the signal
      receive: (signal) => {
        if (moment !== "signalling") return peer.receive(signal);
        setTimeout(() => controller.abort(), 50);
        return new Promise(() => {});
      },
      ready: () => {
        if (moment === "dialling") setTimeout(() => controller.abort(), 50);
        return Promise.resolve();
      },
    };
    const punching = punchTcp({ servers: stun.uris, signalling, signal: controller.signal });
    if (moment === "gathering") setTimeout(() => controller.abort(), 0);
    const error = await assertRejects(() => punching, PunchError);
    assertEquals([error.code, error.message], [
      "aborted",
      "Cannot punch over TCP: it was given up",
    ]);
  });
}

leakTest("punchTcp() goes on without a server that does not answer", async () => {
  await using stun = startServers("127.0.0.1");
  const dead = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  dead.close();
  const servers = [`stun:${formatSocketAddress(dead.localAddress)}`, stun.uris[0]!];
  const [one, two] = await punchBoth({ servers });
  assertEquals(one.descriptions.local.candidates.length, 1);
  await talk(one.connection, two.connection);
});

interface BothOptions extends Omit<PunchTcpOptions, "signalling"> {
  readonly onDescriptions?: (descriptions: readonly PunchDescription[]) => Promise<void>;
}

/** Two sides on this host, and what is to be done with each connection as soon as it is there. */
async function punchBoth(
  { onDescriptions, ...options }: BothOptions,
  use: (punched: PunchedTcp) => Promise<PunchedTcp> = (punched) => Promise.resolve(punched),
): Promise<readonly [PunchedTcp, PunchedTcp]> {
  const [one, two] = memorySignalling();
  const sent: PunchDescription[] = [];
  const both = Promise.withResolvers<void>();
  const watched = (signalling: PunchSignalling): PunchSignalling => ({
    ...signalling,
    async send(description) {
      if (sent.push(description) === 2) {
        await onDescriptions?.(sent);
        both.resolve();
      }
      await both.promise;
      await signalling.send(description);
    },
  });
  return await Promise.all([
    punchTcp({ ...options, signalling: watched(one) }).then(use),
    punchTcp({ ...options, signalling: watched(two) }).then(use),
  ]);
}

/** Each says something to the other and ends its half; then both are closed. */
async function talk(one: StreamConnection, two: StreamConnection): Promise<void> {
  for (const connection of [one, two]) {
    await connection.write(new TextEncoder().encode(GREETING));
    await connection.closeWrite();
  }
  assertEquals([await textOf(one), await textOf(two)], [GREETING, GREETING]);
  one.close();
  two.close();
}

async function textOf(connection: StreamConnection): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

/** Two servers on one host. */
function startServers(hostname: string): AsyncDisposable & { readonly uris: readonly string[] } {
  const servers = [0, 1].map(() =>
    new StunServer({ hostnames: [hostname], port: 0, transports: ["tcp"] })
  );
  const uris = servers.map((server) => `stun:${formatSocketAddress(server.start()[0]!.address)}`);
  return {
    uris,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** The other side has told where it is, and is not there. */
function silentPeer(): PunchSignalling {
  const listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  listener.close();
  return answering((own) => ({
    ...otherThan(own),
    candidates: [{ kind: "host", address: listener.localAddress }],
  }));
}

/** Signalling by which comes at once what is made of one's own description. */
function answering(answer: (own: PunchDescription) => PunchDescription): PunchSignalling {
  const sent = Promise.withResolvers<PunchDescription>();
  return {
    send: (description) => Promise.resolve(sent.resolve(description)),
    receive: async () => answer(await sent.promise),
  };
}

function otherThan(own: PunchDescription): PunchDescription {
  return { ...own, tieBreaker: own.tieBreaker.map((byte) => byte ^ 1) };
}

const GREETING = "first words, and the last ones";
