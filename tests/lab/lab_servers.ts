import { ROOT } from "../support/pinhole_server.ts";
import type { Child } from "../support/process.ts";
import type { LabHost } from "./lab_host.ts";
import type { NatLab } from "./nat_lab.ts";
import { Station } from "./station.ts";

/** How to start a STUN server in a lab's server namespace. */
export type StartServer = (server: LabHost) => Child;

/** Servers with RFC 5780 on both addresses of the lab's server, by name. */
export const LAB_SERVERS = {
  ours: (server) =>
    server.deno([
      ...["--allow-net", ROOT + "server.ts", "--port", `${LAB_PORT}`],
      ...["--hostname", server.ip, "--alternate-hostname", server.alternateIp],
    ]),
  turnserver: (server) =>
    server.exec("turnserver", [
      ...["-S", "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout"],
      ...["--userdb", "/dev/null", "--pidfile", "/dev/null", "--listening-port", `${LAB_PORT}`],
      ...["--listening-ip", server.ip, "--listening-ip", server.alternateIp],
    ]),
} as const satisfies Readonly<Record<string, StartServer>>;

/** The port of all servers in a lab. */
export const LAB_PORT = 3_478;

/** Our server without RFC 5780 on one address of the lab's server. */
export function plainServer(server: LabHost, ip: string): Child {
  return server.deno([
    ...["--allow-net", ROOT + "server.ts", "--port", `${LAB_PORT}`, "--hostname", ip],
  ]);
}

/**
 * Waits until a server answers a Binding request of RFC 3489, all of whose bytes are text.
 *
 * @throws {Error} If that takes longer than 10 s.
 */
export async function serverAnswers(
  lab: NatLab,
  { child, ip }: { readonly child: Child; readonly ip: string },
): Promise<void> {
  const from = lab.outside;
  await using station = new Station(from);
  const { id } = await station.ask("bindUdp", { ip: from.ip, port: 0 });
  const to = { ip, port: LAB_PORT };
  for (let tries = 0; tries < 100; tries++) {
    await station.ask("send", { id, to, text: "\x00\x01\x00\x00transaction id.." });
    if ((await station.ask("receive", { id, timeoutMs: 100 })).length > 0) return;
  }
  throw new Error(`Cannot get an answer from the server\n${child.stdout}${child.stderr}`);
}
