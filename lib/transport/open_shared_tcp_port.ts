import { openTurnsTcpPort } from "./_turns_tcp_port.ts";
import { LibcError } from "./libc_error.ts";
import type { OpenSharedTcpPortOptions, SharedTcpPort } from "./shared_tcp_port.ts";

/**
 * Takes a local TCP port for connecting and listening at once. It connects from the start, and listens
 * when it is told to. `reuse-port` asks nobody but the operating system for permission to connect: with
 * `--allow-ffi` a narrow `--allow-net` holds for listening alone. The code that calls the C library is
 * loaded only if it is welcome, and the user is never prompted.
 *
 * @throws {ListenError} If the port is listened on by somebody, or cannot be had (as a rejection).
 * @throws {LibcError} If `reuse-port` is wanted and cannot be had (as a rejection).
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535 (as a
 * rejection).
 */
export async function openSharedTcpPort(options: OpenSharedTcpPortOptions): Promise<SharedTcpPort> {
  const { sharing = "auto" } = options;
  if (sharing === "turns") return await openTurnsTcpPort(options);
  const { openReusePortTcpPort } = await import("./_reuse_port_tcp_port.ts");
  try {
    return await openReusePortTcpPort(options);
  } catch (error) {
    if (sharing === "reuse-port" || !(error instanceof LibcError)) throw error;
    return await openTurnsTcpPort(options);
  }
}
