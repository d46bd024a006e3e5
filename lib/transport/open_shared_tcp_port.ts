import { LibcError } from "./libc_error.ts";
import type { OpenSharedTcpPortOptions, SharedTcpPort } from "./shared_tcp_port.ts";

/**
 * Takes a local TCP port for connecting and listening at once. It connects from the start, and listens
 * when it is told to. `reuse-port` takes `--unstable-net` as well, and asks nobody but the operating
 * system for permission to connect: under `--allow-ffi` a narrow `--allow-net` holds for listening
 * alone. Each kind's code is loaded when it is needed, that which calls the C library only if it is
 * welcome; the user is never prompted.
 *
 * @throws {ListenError} If the port is listened on by somebody, or cannot be had (as a rejection).
 * @throws {LibcError} If `reuse-port` is wanted and cannot be had (as a rejection).
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535 (as a
 * rejection).
 */
export async function openSharedTcpPort(options: OpenSharedTcpPortOptions): Promise<SharedTcpPort> {
  const { sharing = "auto" } = options;
  if (sharing === "turns") return await takeTurns(options);
  const { maySharePort, openReusePortTcpPort } = await import("./_reuse_port_tcp_port.ts");
  if (sharing === "reuse-port") return await openReusePortTcpPort(options);
  if (!maySharePort()) return await takeTurns(options);
  try {
    return await openReusePortTcpPort(options);
  } catch (error) {
    if (error instanceof LibcError) return await takeTurns(options);
    throw error;
  }
}

async function takeTurns(options: OpenSharedTcpPortOptions): Promise<SharedTcpPort> {
  const { openTurnsTcpPort } = await import("./_turns_tcp_port.ts");
  return await openTurnsTcpPort(options);
}
