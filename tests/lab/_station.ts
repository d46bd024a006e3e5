// The program behind `Station`: reads a request from each line of standard input, answers with a
// line each, and ends with its input.

import { connect, type Socket } from "node:net";
import type { Datagram, Endpoint, Operations, StationRequest } from "./station.ts";

const operations: {
  [Name in keyof Operations]: (
    options: Parameters<Operations[Name]>[0],
  ) => Promise<ReturnType<Operations[Name]>> | ReturnType<Operations[Name]>;
} = {
  bindUdp: ({ ip, port }) => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: ip, port });
    return added(new UdpSocket(socket), portOf(socket.addr));
  },
  send: async ({ id, to, text }) => {
    await udp(id).socket.send(new TextEncoder().encode(text), {
      transport: "udp",
      hostname: to.ip,
      port: to.port,
    });
    return null;
  },
  receive: async ({ id, until, timeoutMs }) => {
    const { arrived } = udp(id);
    const wanted = ({ text }: Datagram) => until === undefined || text === until;
    await arrived.until((datagrams) => datagrams.some(wanted), timeoutMs);
    return arrived.items.splice(0);
  },
  connect: ({ local, to, timeoutMs }) => {
    const { promise, resolve } = Promise.withResolvers<ReturnType<Operations["connect"]>>();
    const socket = connect({
      ...{ host: to.ip, port: to.port, localAddress: local.ip },
      ...(local.port === 0 ? {} : { localPort: local.port }),
    });
    const timer = setTimeout(() => {
      resolve("TIMEOUT");
      socket.destroy();
    }, timeoutMs);
    socket.on("error", (error) => {
      clearTimeout(timer);
      resolve((error as { code?: string }).code ?? error.message);
    });
    socket.on("connect", () => {
      clearTimeout(timer);
      resolve(added(new Connection(socket), socket.localPort!));
    });
    return promise;
  },
  listen: ({ ip, port }) => {
    const listener = new EchoListener(Deno.listen({ hostname: ip, port }));
    return added(listener, portOf(listener.addr));
  },
  accepted: async ({ id, count, timeoutMs }) => {
    const { arrived } = listening(id);
    await arrived.until((endpoints) => endpoints.length >= count, timeoutMs);
    return arrived.items.slice();
  },
  echo: async ({ id, timeoutMs }) => await connection(id).echo(timeoutMs),
  close: ({ id }) => {
    sockets.get(id)?.close();
    sockets.delete(id);
    return null;
  },
};

/** What arrives at some time, and who waits for it. */
class Arrivals<T> {
  readonly items: T[] = [];
  #wake: () => void = () => {};

  add(item: T): void {
    this.items.push(item);
    this.#wake();
  }

  async until(enough: (items: readonly T[]) => boolean, timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#wake = () => enough(this.items) && resolve();
    this.#wake();
    await promise;
    clearTimeout(timer);
  }
}

class UdpSocket {
  readonly arrived = new Arrivals<Datagram>();
  readonly socket: Deno.DatagramConn;

  constructor(socket: Deno.DatagramConn) {
    this.socket = socket;
    void this.#read();
  }

  close(): void {
    this.socket.close();
  }

  async #read(): Promise<void> {
    for (;;) {
      try {
        const [bytes, from] = await this.socket.receive();
        this.arrived.add({ from: endpointOf(from), text: new TextDecoder().decode(bytes) });
      } catch (error) {
        // Anything else is an ICMP error of an earlier datagram
        if (error instanceof Deno.errors.BadResource) return;
        if (error instanceof Deno.errors.Interrupted) return;
      }
    }
  }
}

class EchoListener {
  readonly arrived = new Arrivals<Endpoint>();
  readonly addr: Deno.Addr;
  readonly #listener: Deno.Listener;
  readonly #accepted: Deno.Conn[] = [];

  constructor(listener: Deno.Listener) {
    this.#listener = listener;
    this.addr = listener.addr;
    void this.#accept();
  }

  close(): void {
    this.#listener.close();
    for (const accepted of this.#accepted) closeQuietly(accepted);
  }

  async #accept(): Promise<void> {
    try {
      for await (const accepted of this.#listener) {
        this.#accepted.push(accepted);
        this.arrived.add(endpointOf(accepted.remoteAddr));
        void accepted.readable.pipeTo(accepted.writable).catch(() => {});
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

class Connection {
  readonly #arrived = new Arrivals<number>();
  readonly #socket: Socket;
  #echoes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => {
      for (const byte of bytes as Uint8Array) this.#arrived.add(byte);
    });
  }

  async echo(timeoutMs: number): Promise<boolean> {
    const count = ++this.#echoes;
    this.#socket.write(Uint8Array.of(count));
    await this.#arrived.until((bytes) => bytes.length >= count, timeoutMs);
    return this.#arrived.items.length >= count;
  }

  close(): void {
    this.#socket.destroy();
  }
}

const sockets = new Map<number, UdpSocket | EchoListener | Connection>();
let ids = 0;

function added(socket: UdpSocket | EchoListener | Connection, port: number) {
  sockets.set(++ids, socket);
  return { id: ids, port };
}

function udp(id: number): UdpSocket {
  return found(id, UdpSocket);
}

function listening(id: number): EchoListener {
  return found(id, EchoListener);
}

function connection(id: number): Connection {
  return found(id, Connection);
}

function found<T>(id: number, type: abstract new (...args: never[]) => T): T {
  const socket = sockets.get(id);
  if (!(socket instanceof type)) throw new TypeError(`Cannot use socket ${id}: no ${type.name}`);
  return socket;
}

function portOf(address: Deno.Addr): number {
  return (address as Deno.NetAddr).port;
}

function endpointOf(address: Deno.Addr): Endpoint {
  const { hostname, port } = address as Deno.NetAddr;
  return { ip: hostname, port };
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

async function answer({ call, operation, options }: StationRequest): Promise<void> {
  let line: string;
  try {
    const value = await (operations[operation] as (options: unknown) => unknown)(options);
    line = JSON.stringify({ call, value });
  } catch (error) {
    line = JSON.stringify({ call, error: String(error) });
  }
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

let rest = "";
for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + piece).split("\n");
  rest = lines.pop()!;
  for (const line of lines) void answer(JSON.parse(line) as StationRequest);
}
Deno.exit();
