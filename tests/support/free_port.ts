/**
 * A port that nothing uses on `hostname`, for UDP nor TCP. Somebody could take it before the caller
 * does, so it is for programs that cannot be told "any port"; everything else binds port 0.
 */
export function freePort(hostname = "127.0.0.1"): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    using tcp = Deno.listen({ hostname, port: 0 });
    const port = (tcp.addr as Deno.NetAddr).port;
    try {
      Deno.listenDatagram({ hostname, port, transport: "udp" }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`Cannot find a free port on ${hostname}: 100 attempts found every one in use`);
}
