/** What became of a message to the service manager. */
export interface ServiceNotification {
  /** Whether it was sent. */
  readonly sent: boolean;
  /**
   * Why it could not be sent though the service manager asked for it, in one line that can be shown
   * to a person. Absent when it was sent, and when nobody asked.
   */
  readonly reason?: string;
}

/**
 * Tells the service manager how the program is doing, by the protocol of `sd_notify(3)`: what a
 * systemd unit with `Type=notify` waits for. Does nothing unless the environment names a socket in
 * `NOTIFY_SOCKET`. Never throws and never prompts: what Deno was not permitted is the reason given.
 *
 * A unit needs `Type=notify`, AF_UNIX in `RestrictAddressFamilies=` if it has that line, and a Deno
 * that is run with `--unstable-net`, `--allow-net`, `--allow-env=NOTIFY_SOCKET` and, since the
 * socket is a file as a rule, `--allow-write=/run/systemd/notify`. Without permission for the
 * variable nobody can know that the manager waits. The sender has no file of its own: its name is
 * in Linux's abstract namespace, so nothing else has to be writable.
 *
 * @param state One or more lines, such as `READY=1`, `STOPPING=1`, `RELOADING=1` or
 * `STATUS=…`. (`Type=notify-reload` is out of reach: its `RELOADING=1` must carry `MONOTONIC_USEC=`
 * of a clock that Deno does not show.)
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * // Not run by a service manager
 * assertEquals(await notifyService("READY=1"), { sent: false });
 * ```
 */
export async function notifyService(state: string): Promise<ServiceNotification> {
  const name = notifySocket();
  if (name === undefined) return { sent: false };
  // "@" stands for the NUL of an abstract name, which has no file and asks no permission
  const path = name.startsWith("@") ? `\0${name.slice(1)}` : name;
  const missing = missingPermission(path);
  if (missing !== undefined) {
    return { sent: false, reason: `Cannot notify the service manager: pass ${missing}` };
  }
  try {
    await sendUnixDatagram(path, new TextEncoder().encode(state));
    return { sent: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { sent: false, reason: `Cannot notify the service manager at ${name}: ${reason}` };
  }
}

function notifySocket(): string | undefined {
  const permission = { name: "env", variable: NOTIFY_SOCKET } as const;
  if (Deno.permissions.querySync(permission).state !== "granted") return undefined;
  return Deno.env.get(NOTIFY_SOCKET) || undefined;
}

/** The flag without which sending would prompt, or fail. */
function missingPermission(path: string): string | undefined {
  if (typeof Deno.listenDatagram !== "function") return "--unstable-net";
  if (Deno.permissions.querySync({ name: "net" }).state !== "granted") return "--allow-net";
  if (path.startsWith("\0")) return undefined;
  const { state } = Deno.permissions.querySync({ name: "write", path });
  return state === "granted" ? undefined : `--allow-write=${path}`;
}

async function sendUnixDatagram(path: string, bytes: Uint8Array): Promise<void> {
  // Deno has no unbound datagram socket. A random name: nobody can have taken it
  const own = `\0pinhole-${crypto.randomUUID()}`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
  const patience = Promise.withResolvers<never>();
  const timer = setTimeout(() => patience.reject(new Error("timed out")), SEND_TIMEOUT_MS);
  try {
    // A send waits while the manager's queue is full
    await Promise.race([
      socket.send(bytes, { transport: "unixpacket", path }),
      patience.promise,
    ]);
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

const NOTIFY_SOCKET = "NOTIFY_SOCKET";
const SEND_TIMEOUT_MS = 2000;
