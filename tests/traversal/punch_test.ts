import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PunchDescription } from "../../lib/protocol/punch/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { ListenError, listenTcp, openDenoDatagram } from "../../lib/transport/mod.ts";
import {
  type JointPunchSignalling,
  punch,
  type PunchedPath,
  PunchError,
  type PunchOptions,
} from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { leakTest } from "../support/leak_test.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const MOVING = {
  reachable: true,
  mapping: { value: "address-and-port-dependent", depends: true },
  filtering: { value: "unknown" },
} as const;

for (
  const [one, two, transport] of [
    [undefined, undefined, "tcp"],
    [undefined, ["udp"], "udp"],
    [["udp", "tcp"], ["tcp", "udp"], "tcp"],
    [["tcp", "tcp"], undefined, "tcp"],
  ] as const
) {
  leakTest(`punch() connects over ${transport} where ${one} meets ${two}`, async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const trials: string[] = [];
    const paths = await meet(server, [{ transports: one }, { transports: two }], (trial) => {
      trials.push(trial);
    });
    await assertJoined(paths);
    assertEquals(trials, [`${transport} yes`, `${transport} yes`]);
  });
}

leakTest("punch() takes UDP where both know of a NAT that makes TCP the worse", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const trials: string[] = [];
  const paths = await meet(server, [{}, {}], (trial) => trials.push(trial), (description) => ({
    ...description,
    side: description.transport === "tcp"
      ? MOVING
      : { ...MOVING, mapping: { value: "endpoint-independent", depends: false } },
  }));
  assertEquals([trials, paths.map(({ transport }) => transport)], [
    ["udp yes", "udp yes"],
    ["udp", "udp"],
  ]);
  await assertJoined(paths);
});

leakTest("punch() falls back to UDP where TCP was tried in vain, on both sides", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const trials: string[] = [];
  // Nobody is where TCP is said to be
  const taken = openDenoDatagram({ ip: LOOPBACK, port: 0 });
  const elsewhere = { kind: "host", address: taken.localAddress } as const;
  const options = { timeoutMs: 500 };
  const paths = await meet(
    server,
    [options, options],
    (trial) => trials.push(trial),
    (description) =>
      description.transport === "tcp" ? { ...description, candidates: [elsewhere] } : description,
  );
  taken.close();
  await assertJoined(paths);
  assertEquals(trials.toSorted(), [
    ...["missed tcp: PunchError", "missed tcp: PunchError"],
    ...["tcp yes", "tcp yes", "udp yes", "udp yes"],
  ]);
});

leakTest("punch() does without a transport whose port is taken, and says so", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const taken = listenTcp({ ip: LOOPBACK, port: 0 });
  const trials: string[] = [];
  const { port: localPort } = taken.localAddress;
  const paths = await meet(server, [{ localPort }, {}], (trial) => trials.push(trial));
  taken.close();
  await assertJoined(paths);
  assertEquals(trials.toSorted(), [
    ...["missed tcp: ListenError", "udp yes", "udp yes"],
  ]);
});

leakTest("punch() rejects where no port can be had", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const taken = listenTcp({ ip: LOOPBACK, port: 0 });
  const { port: localPort } = taken.localAddress;
  await assertRejects(
    () =>
      punch({
        servers: [uriOf(server)],
        transports: ["tcp"],
        localPort,
        signalling: jointSignallings()[0],
      }),
    ListenError,
  );
  taken.close();
});

leakTest("punch() rejects on both sides where they have no transport in common", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const servers = [uriOf(server)];
  const [one, two] = jointSignallings();
  const both = [
    punch({ servers, transports: ["tcp"], signalling: one }),
    punch({ servers, transports: ["udp"], signalling: two }),
  ];
  for (const side of both) {
    const error = await assertRejects(
      () => side,
      PunchError,
      "Cannot punch: the two sides have no transport in common",
    );
    assertEquals(error.code, "unusable");
  }
});

leakTest("punch() rejects when it is given up, and with what the signalling says", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const servers = [uriOf(server)];
  const giveUp = new AbortController();
  const never = new Promise<never>(() => {});
  const signalling: JointPunchSignalling = {
    send: () => Promise.resolve(giveUp.abort()),
    receive: () => never,
  };
  const error = await assertRejects(
    () => punch({ servers, signalling, signal: giveUp.signal }),
    PunchError,
    "Cannot punch: it was given up",
  );
  assertEquals(error.code, "aborted");
  const failing = { ...signalling, send: () => Promise.reject(new EvalError("lost")) };
  await assertRejects(() => punch({ servers, signalling: failing }), EvalError, "lost");
});

for (
  const [options, reason] of [
    [{ transports: [] }, "Cannot punch: no transport is given"],
    [{ servers: [] }, "Cannot punch over TCP: no server is given"],
    [{ servers: ["stuns:host"] }, "Cannot punch over TCP through a stuns: URI: wanted stun:"],
  ] as const
) {
  Deno.test(`punch() rejects ${JSON.stringify(options)}`, async () => {
    const [signalling] = jointSignallings();
    await assertRejects(
      () => punch({ servers: ["stun:127.0.0.1:9"], signalling, ...options }),
      RangeError,
      reason,
    );
  });
}

/** Both sides, which see each other's descriptions through `alter`, and tell what they try. */
async function meet(
  server: StunServer,
  options: readonly [Partial<PunchOptions>, Partial<PunchOptions>],
  note: (trial: string) => void,
  alter: (description: PunchDescription) => PunchDescription = (description) => description,
): Promise<readonly PunchedPath[]> {
  const servers = [uriOf(server)];
  return await Promise.all(
    jointSignallings(alter).map((signalling, i) =>
      punch({
        servers,
        signalling,
        onTrial: ({ transport, prediction: { will } }) => note(`${transport} ${will}`),
        onMiss: (transport, { name }) => note(`missed ${transport}: ${name}`),
        ...options[i],
      })
    ),
  );
}

function jointSignallings(
  alter: (description: PunchDescription) => PunchDescription = (description) => description,
): readonly [JointPunchSignalling, JointPunchSignalling] {
  const sent = [0, 1].map(() => Promise.withResolvers<readonly PunchDescription[]>());
  const side = (own: number): JointPunchSignalling => ({
    send: (all) => Promise.resolve(sent[own]!.resolve(all.map(alter))),
    receive: () => sent[1 - own]!.promise,
  });
  return [side(0), side(1)];
}

/** One byte goes each way; then both are closed. */
async function assertJoined(paths: readonly PunchedPath[]): Promise<void> {
  const [one, two] = paths as [PunchedPath, PunchedPath];
  assertEquals(one.transport, two.transport);
  for (const [from, to] of [[one, two], [two, one]] as const) {
    if (from.transport === "udp") await from.channel.send(Uint8Array.of(7));
    else await from.connection.write(Uint8Array.of(7));
    assertEquals(await readOne(to), Uint8Array.of(7));
  }
  for (const path of paths) {
    if (path.transport === "udp") await path.channel.close();
    else path.connection.close();
  }
}

async function readOne(path: PunchedPath): Promise<Uint8Array> {
  if (path.transport === "tcp") return (await path.connection.read())!.slice();
  const { value, done } = await path.channel[Symbol.asyncIterator]().next();
  assert(done !== true);
  return value;
}

function uriOf(server: StunServer): string {
  return `stun:${formatSocketAddress(server.start()[0]!.address)}`;
}
