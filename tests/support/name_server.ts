import type { ServiceRecord } from "../../lib/protocol/client/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";

/** How a {@linkcode NameServer} answers. */
export interface NameServerOptions {
  /** The SRV records of each name, in lower case and without a dot at the end. @default {{}} */
  readonly services?: Readonly<Record<string, readonly ServiceRecord[]>>;
  /** The RCODE of every answer (RFC 1035 section 4.1.1); `silent` for no answer. @default by the name */
  readonly rcode?: number | "silent";
}

/** A DNS server on loopback that knows SRV records and nothing else. */
export class NameServer implements AsyncDisposable {
  /** The names that were asked for, in order. */
  readonly asked: string[] = [];
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #options: NameServerOptions;
  readonly #served: Promise<void>;
  #onQuestion = Promise.withResolvers<void>();

  /** Begins to answer. */
  constructor(options: NameServerOptions = {}) {
    this.#options = options;
    this.#served = this.#serve();
  }

  /** Where it is. */
  get address(): SocketAddress {
    const { port } = this.#socket.addr as Deno.NetAddr;
    return { ip: Uint8Array.of(127, 0, 0, 1), port };
  }

  /** Resolves when something has been asked. */
  get question(): Promise<void> {
    return this.#onQuestion.promise;
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#served;
  }

  async #serve(): Promise<void> {
    for await (const [query, from] of this.#socket) {
      const { name, end } = readName(query);
      this.asked.push(name);
      this.#onQuestion.resolve();
      const { services = {}, rcode } = this.#options;
      if (rcode === "silent") continue;
      const records = services[name] ?? [];
      const code = rcode ?? (name in services ? 0 : NXDOMAIN);
      // id flags QDCOUNT ANCOUNT NSCOUNT ARCOUNT question answers (RFC 1035 section 4.1)
      const header = [...query.slice(0, 2), 0x81, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0];
      const question = query.slice(12, end + 4);
      await this.#socket.send(
        Uint8Array.from([...header, ...question, ...records.flatMap(writeRecord)]),
        from,
      );
    }
  }
}

/** Reads the name of the question; `end` is where its type begins. */
function readName(query: Uint8Array): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}

/** name(16, a pointer to the question) type(16) class(16) TTL(32) length(16) priority weight port target */
function writeRecord({ priority, weight, port, target }: ServiceRecord): number[] {
  const name = target.split(".").filter((label) => label !== "").flatMap((label) => {
    return [label.length, ...new TextEncoder().encode(label)];
  });
  const data = [...[priority, weight, port].flatMap(u16), ...name, 0];
  return [
    ...u16(0xc00c),
    ...u16(SRV),
    ...u16(1),
    ...u16(0),
    ...u16(60),
    ...u16(data.length),
    ...data,
  ];
}

function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

const SRV = 33;
const NXDOMAIN = 3;
