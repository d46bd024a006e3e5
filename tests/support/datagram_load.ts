import { type BatchedDatagram, openBatchedDatagram } from "../../lib/transport/batched_datagram.ts";
import { parseIp } from "../../lib/wire/mod.ts";
import { bindingRequest, type Target } from "./binding_request.ts";

/** Eight sockets that each have 32 requests under way, over and over; where UDP in batches is. */
export class DatagramLoad implements Disposable {
  /** How many answers have come. */
  answers = 0;
  readonly #sockets: readonly BatchedDatagram[];
  readonly #timer: ReturnType<typeof setInterval>;

  /** Begins to ask. */
  constructor({ hostname, port }: Target) {
    const ip = parseIp(hostname);
    if (!ip.ok) throw new TypeError(ip.reason);
    this.#sockets = Array.from(
      { length: 8 },
      () => openBatchedDatagram({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 }),
    );
    const peer = { ip: ip.value, port };
    const requests = (count: number) =>
      Array.from({ length: count }, () => ({ bytes: bindingRequest(), peer }));
    const begin = () => {
      for (const socket of this.#sockets) void socket.send(requests(32));
    };
    begin();
    // In case all that is under way is lost
    this.#timer = setInterval(begin, 500);
    for (const socket of this.#sockets) void this.#exchange(socket, requests);
  }

  async #exchange(
    socket: BatchedDatagram,
    requests: (count: number) => Parameters<BatchedDatagram["send"]>[0],
  ): Promise<void> {
    for (;;) {
      const { length } = await socket.receive();
      if (length === 0) return;
      this.answers += length;
      await socket.send(requests(length));
    }
  }

  /** Stops, and closes the sockets. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.close();
  }
}
