import { assertEquals, assertMatch } from "@std/assert";
import type { Clock } from "../../lib/ops/mod.ts";
import { systemClock } from "../../lib/ops/mod.ts";
import { runChangeHook } from "../../lib/cli/change_hook.ts";
import { address } from "../protocol/binding_cases.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const CHANGE = {
  publicAddress: address("[2001:db8::11]:40000"),
  localAddress: address("[fd00::2]:40001"),
};

leakTest(
  "runChangeHook() appends IP address and port, and has it all in the environment",
  async () => {
    const file = await Deno.makeTempFile();
    const names = ["EVENT", "PUBLIC_ADDRESS", "PUBLIC_IP", "PUBLIC_PORT", "LOCAL_ADDRESS"];
    const values = names.map((name) => `"$PINHOLE_${name}"`).join(" ");
    const command = `f() { printf '%s\\n' "$#" "$@" ${values} > '${file}'; }; f`;
    assertEquals(await run(command), { ok: true, detail: "exit code 0" });
    assertEquals((await Deno.readTextFile(file)).split("\n"), [
      ...["2", "2001:db8::11", "40000", "refresh"],
      ...["[2001:db8::11]:40000", "2001:db8::11", "40000", "[fd00::2]:40001", ""],
    ]);
    await Deno.remove(file);
  },
);

for (
  const [command, detail] of [
    ["exit 3 #", "exit code 3"],
    ["no-such-command-anywhere", "exit code 127"],
    ["if", "exit code 2"],
  ] as const
) {
  leakTest(`runChangeHook() tells the exit code of ${JSON.stringify(command)}`, async () => {
    assertEquals(await run(`${command}`), { ok: false, detail });
  });
}

leakTest(
  "runChangeHook() ends a command that hangs, and what that started, after 60 s",
  async () => {
    const clock = new VirtualClock();
    const hook = await HangingHook.start({ clock });
    clock.advance(59_999);
    assertEquals(await hook.isAlive(), true);
    clock.advance(1);
    assertEquals(await hook.outcome, { ok: false, detail: "it took longer than 60 s" });
    await hook.untilDead();
    assertEquals(clock.timers, []);
  },
);

leakTest("runChangeHook() ends the command when it is called off", async () => {
  const stop = new AbortController();
  const hook = await HangingHook.start({ signal: stop.signal });
  stop.abort();
  assertEquals(await hook.outcome, { ok: false, detail: "ended with pinhole" });
  await hook.untilDead();
});

leakTest("runChangeHook() kills a shell that does not heed the signal, 2 s later", async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  // The trap is the job's own; that of the shell around it is stopped with it
  const hook = await HangingHook.start({ clock, signal: stop.signal, stopShell: true });
  stop.abort();
  assertEquals(clock.timers, [2_000]);
  clock.advance(2_000);
  assertEquals(await hook.outcome, { ok: false, detail: "ended with pinhole" });
  await hook.end();
});

/** A hook that waits for ever, with a child that does so too. */
class HangingHook {
  private constructor(
    readonly outcome: ReturnType<typeof runChangeHook>,
    readonly child: string,
  ) {}

  static async start(
    { stopShell = false, ...options }: {
      readonly clock?: Clock;
      readonly signal?: AbortSignal;
      readonly stopShell?: boolean;
    },
  ): Promise<HangingHook> {
    const pipe = await Deno.makeTempFile();
    await Deno.remove(pipe);
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const stop = stopShell ? "kill -STOP $$;" : "";
    // The child tells its process id through the pipe once all is in place
    const outcome = run(`sleep 300 & ${stop} echo $! > '${pipe}'; wait; :`, options);
    const child = (await Deno.readTextFile(pipe)).trim();
    await Deno.remove(pipe);
    assertMatch(child, /^\d+$/);
    return new HangingHook(outcome, child);
  }

  async isAlive(): Promise<boolean> {
    // A dead process that nobody has asked about is still listed, as "Z"
    const script = `sed -n 's/.*) \\([^Z]\\).*/\\1/p' /proc/${this.child}/stat 2>/dev/null`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    return stdout.length > 0;
  }

  async untilDead(): Promise<void> {
    while (await this.isAlive()) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async end(): Promise<void> {
    await new Deno.Command("kill", { args: ["-KILL", this.child] }).output();
  }
}

function run(
  command: string,
  { clock = systemClock, signal = new AbortController().signal }: {
    readonly clock?: Clock;
    readonly signal?: AbortSignal;
  } = {},
): ReturnType<typeof runChangeHook> {
  return runChangeHook(CHANGE, { command, clock, signal });
}
