import type { Clock } from "../ops/mod.ts";
import { formatIp, formatSocketAddress, type SocketAddress } from "../wire/mod.ts";

/** A public address that was learned, or has changed. */
export interface AddressChange {
  /** Where the world finds the service. */
  readonly publicAddress: SocketAddress;
  /** The local end of it. */
  readonly localAddress: SocketAddress;
}

/** What became of telling somebody outside. */
export interface NoticeOutcome {
  /** Whether it was taken. */
  readonly ok: boolean;
  /** How it ended, in a few words. */
  readonly detail: string;
}

/** How {@linkcode runChangeHook} runs a command. */
export interface ChangeHookOptions {
  /** For `sh -c`; the public IP address and port are appended as two arguments. */
  readonly command: string;
  /** Tells the time. */
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Why no hook can be run; undefined if it can. Never prompts for a permission. */
export function whyNoChangeHook(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "run", command: "sh" });
  return state === "granted" ? undefined : "Cannot use --on-change: pass --allow-run=sh";
}

/**
 * Runs a command for a change, with its output on standard error. What it started is ended with it,
 * after 60 s at the latest. Never rejects.
 */
export async function runChangeHook(
  change: AddressChange,
  options: ChangeHookOptions,
): Promise<NoticeOutcome> {
  const { ip, port } = change.publicAddress;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("sh", {
      // The addresses are never a part of what the shell reads
      args: ["-c", script(options.command), "pinhole", formatIp(ip), `${port}`],
      env: {
        PINHOLE_EVENT: "refresh",
        PINHOLE_PUBLIC_ADDRESS: formatSocketAddress(change.publicAddress),
        PINHOLE_PUBLIC_IP: formatIp(ip),
        PINHOLE_PUBLIC_PORT: `${port}`,
        PINHOLE_LOCAL_ADDRESS: formatSocketAddress(change.localAddress),
      },
      stdin: "null",
      // A process group of its own, so that the script can end all that it has started
      detached: true,
    }).spawn();
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
  const ended = await statusOf(child, options);
  if (typeof ended === "string") return { ok: false, detail: ended };
  const { success, code, signal } = ended;
  return { ok: success, detail: signal === null ? `exit code ${code}` : `ended by ${signal}` };
}

/**
 * The command as a job in the background, because a shell heeds a signal only between two commands;
 * `kill 0` reaches the whole group. Standard output is for our own events alone.
 */
function script(command: string): string {
  return `exec 1>&2
trap 'trap "" TERM; kill -TERM 0; exit 143' TERM
{ ${command} "$@"
} &
wait $!`;
}

async function statusOf(
  child: Deno.ChildProcess,
  { clock, signal }: ChangeHookOptions,
): Promise<Deno.CommandStatus | string> {
  let why: string | undefined;
  let cancel = () => {};
  const end = (reason: string) => {
    why ??= reason;
    cancel();
    kill(child, "SIGTERM");
    cancel = clock.setTimer(KILL_AFTER_MS, () => kill(child, "SIGKILL"));
  };
  const abort = () => end("ended with pinhole");
  cancel = clock.setTimer(TIMEOUT_MS, () => end(`it took longer than ${TIMEOUT_MS / 1000} s`));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  const status = await child.status;
  signal.removeEventListener("abort", abort);
  cancel();
  return why ?? status;
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself meanwhile
  }
}

/** Enough for an update of DNS; the next change waits for this one. */
const TIMEOUT_MS = 60_000;

/** For whatever the command wants to do when it is told to end. */
const KILL_AFTER_MS = 2_000;
