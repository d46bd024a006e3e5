import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PunchDescription } from "../../lib/protocol/punch/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { ListenError, openDenoDatagram } from "../../lib/transport/mod.ts";
import {
  PunchError,
  type PunchErrorCode,
  punchUdp,
  type PunchUdpOptions,
  type UdpChannel,
} from "../../lib/traversal/mod.ts";
import { BINDING, encodeMessage, formatSocketAddress } from "../../lib/wire/mod.ts";
import { otherDescription } from "../protocol/punch/punch_description_cases.ts";
import { leakTest } from "../support/leak_test.ts";
import { LOOPBACKS } from "../support/tool.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { signallingPair } from "./signalling_pair.ts";

const TEXT = new TextEncoder();

for (const { family, hostname, skip } of LOOPBACKS) {
  if (skip !== undefined) continue;
  leakTest(`punchUdp() carries datagrams both ways over ${family}, empty ones too`, async () => {
    await using scene = await meet({ hostname });
    const { one, two } = scene;
    assertEquals(one.remoteAddress, two.localAddress);
    assertEquals(two.remoteAddress, one.localAddress);
    assert(one.rttMs >= 0 && one.elapsedMs > 0);
    for (const [from, to] of [[one, two], [two, one]] as const) {
      const sent = ["one", "", "three"].map((text) => TEXT.encode(text));
      await Promise.all(sent.map((bytes) => from.send(bytes)));
      assertEquals(await take(to, 3), sent);
    }
  });
}

leakTest("punchUdp() connects two sides that begin at different times", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const servers = [uriOf(server)];
  const [first, second] = signallingPair();
  const early = punchUdp({ servers, signalling: first });
  const late = Promise.withResolvers<void>();
  const lateSignalling = {
    ...second,
    async receive(signal: AbortSignal): Promise<PunchDescription> {
      const description = await second.receive(signal);
      await late.promise;
      return description;
    },
  };
  const other = punchUdp({ servers, signalling: lateSignalling });
  // The first has sent its first checks to nobody who could answer them
  const cancel = setTimeout(late.resolve, 300);
  await using one = await early;
  await using two = await other;
  clearTimeout(cancel);
  assertEquals(one.remoteAddress, two.localAddress);
});

leakTest("punchUdp() begins when the signalling says that both are ready", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const servers = [uriOf(server)];
  const steps: string[] = [];
  const both = signallingPair().map((signalling, i) =>
    punchUdp({
      servers,
      signalling: {
        async send(description) {
          steps.push(`${i} sends`);
          await signalling.send(description);
        },
        receive(signal) {
          steps.push(`${i} receives`);
          return signalling.receive(signal);
        },
        ready: () => Promise.resolve(void steps.push(`${i} is ready`)),
      },
    })
  );
  for (const channel of await Promise.all(both)) await channel.close();
  for (const i of [0, 1]) {
    const own = steps.filter((step) => step.startsWith(`${i}`));
    assertEquals(own, [`${i} sends`, `${i} receives`, `${i} is ready`]);
  }
});

leakTest(
  "punchUdp() announces where servers see its port, and what it is told of its NAT",
  async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const told = Promise.withResolvers<PunchDescription>();
    const giveUp = new AbortController();
    const side = {
      reachable: true,
      mapping: { value: "endpoint-independent", depends: false },
      filtering: { value: "unknown" },
    } as const;
    const punched = punchUdp({
      servers: [uriOf(server)],
      signalling: {
        send: (description) => Promise.resolve(told.resolve(description)),
        receive: () => new Promise(() => {}),
      },
      side,
      signal: giveUp.signal,
    });
    const description = await told.promise;
    giveUp.abort();
    await assertRejects(() => punched, PunchError);
    assertEquals(description.candidates.length, 1);
    assertEquals(description.side, side);
    assertEquals([description.usernameFragment.length, description.password.length], [8, 24]);
  },
);

leakTest(
  "UdpChannel hands over STUN that is not the punch's, and nothing of strangers",
  async () => {
    await using scene = await meet();
    const { one, two } = scene;
    const stun = encodeMessage({
      class: "request",
      method: BINDING,
      transactionId: new Uint8Array(12).fill(1),
    });
    const stranger = openDenoDatagram({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
    await stranger.send([{ bytes: TEXT.encode("forged"), peer: one.localAddress }]);
    stranger.close();
    await two.send(stun);
    await two.send(TEXT.encode("last"));
    assertEquals(await take(one, 2), [stun, TEXT.encode("last")]);
  },
);

leakTest("UdpChannel.close() ends the iteration, and sending", async () => {
  await using scene = await meet();
  const { one } = scene;
  const reading = take(one, 1);
  await one.close();
  assertEquals(await reading, []);
  assertEquals(await one.closed, { kind: "closed" });
  await assertRejects(
    () => one.send(new Uint8Array(1)),
    TypeError,
    "Cannot send a datagram: the channel has ended",
  );
  await one.close();
});

leakTest("UdpChannel is closed by the signal that the punch was given", async () => {
  const giveUp = new AbortController();
  await using scene = await meet({ signal: giveUp.signal });
  giveUp.abort();
  assertEquals(await scene.one.closed, { kind: "closed" });
  assertEquals(await scene.two.closed, { kind: "closed" });
});

leakTest("UdpChannel tells that the other side is gone after 30 s", async () => {
  const clock = new VirtualClock();
  const meeting = meet({ clock });
  let scene: Scene | undefined;
  void meeting.then((met) => scene = met);
  while (scene === undefined) {
    clock.advance(10);
    await nextTask();
  }
  const { one, two } = scene;
  await two.close();
  clock.advance(30_000);
  assertEquals(await one.closed, {
    kind: "lost",
    reason: "the other side has not answered for 30 s",
  });
  assertEquals(await take(one, 1), []);
  assertEquals(clock.timers, []);
  await scene[Symbol.asyncDispose]();
});

for (
  const [what, receive, code, message] of [
    [
      "nobody is there",
      () => Promise.resolve(otherDescription({ candidates: [] })),
      "unheard",
      "Cannot punch over UDP: nothing was heard from the other side",
    ],
    [
      "the other side's description is unusable",
      () => Promise.resolve(otherDescription({ password: "short" })),
      "unusable",
      "Cannot punch: the other side's description is unusable, the password is not 22 to 256 " +
      "characters of A-Z a-z 0-9 + /",
    ],
    [
      "it is given its own description",
      (own) => Promise.resolve(own),
      "unusable",
      "Cannot punch: both sides have the same tie breaker; is it this side's own description?",
    ],
  ] as const satisfies readonly (readonly [
    string,
    (own: PunchDescription) => Promise<PunchDescription>,
    PunchErrorCode,
    string,
  ])[]
) {
  leakTest(`punchUdp() rejects with a reason when ${what}`, async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    let own: PunchDescription;
    const signalling = {
      send: (description: PunchDescription) => Promise.resolve(void (own = description)),
      receive: () => receive(own),
    };
    const error = await assertRejects(
      () => punchUdp({ servers: [uriOf(server)], signalling, timeoutMs: 200 }),
      PunchError,
    );
    assertEquals([error.code, error.message], [code, message]);
  });
}

leakTest(
  "punchUdp() rejects with the signalling's own error, and leaves nothing open",
  async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const error = new Error("The board is closed");
    const signalling = { send: () => Promise.reject(error), receive: () => Promise.reject(error) };
    const rejection = await assertRejects(() => punchUdp({ servers: [uriOf(server)], signalling }));
    assertEquals(rejection, error);
  },
);

for (
  const phase of ["before it begins", "while it gathers", "while it waits", "while it punches"]
) {
  leakTest(`punchUdp() can be given up ${phase}`, async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const silent = openDenoDatagram({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
    const giveUp = new AbortController();
    const reason = new Error("Enough");
    const abort = () => giveUp.abort(reason);
    if (phase === "before it begins") abort();
    const servers = [
      phase === "while it gathers"
        ? `stun:${formatSocketAddress(silent.localAddress)}`
        : uriOf(server),
    ];
    const signalling = {
      send: () => Promise.resolve(),
      receive: () => {
        if (phase === "while it waits") abort();
        if (phase === "while it punches") setTimeout(abort, 50);
        return phase === "while it punches"
          ? Promise.resolve(otherDescription())
          : new Promise<never>(() => {});
      },
    };
    const punched = punchUdp({ servers, signalling, signal: giveUp.signal });
    if (phase === "while it gathers") void silent.receive().then(abort);
    const error = await assertRejects(() => punched, PunchError);
    assertEquals([error.code, error.message, error.cause], [
      "aborted",
      "Cannot punch over UDP: it was given up",
      reason,
    ]);
    silent.close();
  });
}

leakTest("punchUdp() uses the port that it is told to, and says if that is taken", async () => {
  const taken = openDenoDatagram({ ip: Uint8Array.of(0, 0, 0, 0), port: 0 });
  const { port: localPort } = taken.localAddress;
  const options = { servers: ["stun:127.0.0.1:9"], signalling: signallingPair()[0], localPort };
  const error = await assertRejects(() => punchUdp(options), ListenError);
  assertEquals(error.code, "address-in-use");
  taken.close();
  await using scene = await meet({ localPort });
  assertEquals(scene.one.localAddress.port, localPort);
});

leakTest("punchUdp() throws at arguments that make no sense", async () => {
  const [signalling] = signallingPair();
  const options: PunchUdpOptions = { servers: ["stun:127.0.0.1:9"], signalling };
  for (
    const [wrong, message] of [
      [{ servers: [] }, "Cannot punch over UDP: no server is given"],
      [
        { servers: ["stuns:127.0.0.1"] },
        "Cannot punch over UDP through a stuns: URI: wanted stun:",
      ],
      [{ timeoutMs: 0 }, "Cannot punch: timeoutMs is 0, wanted more than 0"],
      [{ localPort: 65536 }, "Cannot make a socket address: the port is 65536, wanted 0 to 65535"],
    ] as const
  ) {
    await assertRejects(() => punchUdp({ ...options, ...wrong }), RangeError, message);
  }
});

/** Two sides that have met over loopback, and their server. */
interface Scene extends AsyncDisposable {
  readonly one: UdpChannel;
  readonly two: UdpChannel;
}

/** Lets two sides meet; what is given is for both, the port for the first alone. */
async function meet(
  { hostname = "127.0.0.1", localPort, ...options }:
    & Partial<PunchUdpOptions>
    & { readonly hostname?: string } = {},
): Promise<Scene> {
  const server = new StunServer({ hostnames: [hostname], port: 0 });
  const servers = [uriOf(server)];
  const [first, second] = signallingPair();
  const [one, two] = await Promise.all([
    punchUdp({ ...options, servers, signalling: first, localPort }),
    punchUdp({ ...options, servers, signalling: second }),
  ]);
  return {
    one,
    two,
    async [Symbol.asyncDispose]() {
      await Promise.all([one.close(), two.close(), server[Symbol.asyncDispose]()]);
    },
  };
}

/** Starts a server, and says where it is. */
function uriOf(server: StunServer): string {
  return `stun:${formatSocketAddress(server.start()[0]!.address)}`;
}

/** The next datagrams, so many or until there are no more. */
async function take(channel: UdpChannel, count: number): Promise<Uint8Array[]> {
  const taken: Uint8Array[] = [];
  if (count === 0) return taken;
  for await (const bytes of channel) {
    if (taken.push(bytes) === count) break;
  }
  return taken;
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
