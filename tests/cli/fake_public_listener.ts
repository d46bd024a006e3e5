import type { Datagram } from "../../lib/transport/mod.ts";
import {
  type DialBackFinding,
  PublicAddressEvent,
  PublicAddressLostEvent,
  type PublicUdpSocket,
} from "../../lib/traversal/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";
import { address } from "../protocol/binding_cases.ts";

/** The server that fake listeners were seen by. */
export const FAKE_SERVER: SocketAddress = address("203.0.113.1:3478");

/** A listener, or a UDP socket, with a public address that the test decides about. */
export class FakePublicListener<Arrival> extends EventTarget {
  readonly localAddress: SocketAddress = address("192.168.1.2:40000");
  readonly nat = true;
  publicAddress: SocketAddress | undefined = address("203.0.113.11:40000");
  closed = false;
  readonly #arrivals: Arrival[] = [];
  #wake = () => {};

  /** The public address changes, or is learned. */
  refresh(text: string): void {
    const publicAddress = address(text);
    const { publicAddress: previous, localAddress } = this;
    this.publicAddress = publicAddress;
    const event = { publicAddress, previous, localAddress, server: FAKE_SERVER };
    this.dispatchEvent(new PublicAddressEvent(event));
  }

  /** Nobody holds it any more. */
  lose(reason: string): void {
    this.publicAddress = undefined;
    this.dispatchEvent(new PublicAddressLostEvent(reason));
  }

  /** Somebody comes. */
  give(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#wake();
  }

  /** Ends, as it does when it is closed. */
  close(): Promise<void> {
    this.closed = true;
    this.#wake();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Arrival, undefined, undefined> {
    for (;;) {
      const next = this.#arrivals.shift();
      if (next !== undefined) yield next;
      else if (this.closed) return undefined;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A fake TCP listener, whose dial-backs come to what the test says. */
export class FakePublicTcpListener<Arrival> extends FakePublicListener<Arrival> {
  readonly sharing = "turns";
  /** Every dial-back that was asked for: whether from another address. */
  readonly dialBacks: boolean[] = [];
  /** What becomes of a dial-back. */
  answer: (changeAddress: boolean) => DialBackFinding | Promise<DialBackFinding> =
    dialBackConnected;

  async dialBack(
    { changeAddress = false }: { readonly changeAddress?: boolean } = {},
  ): Promise<DialBackFinding> {
    this.dialBacks.push(changeAddress);
    return await this.answer(changeAddress);
  }
}

/** A fake UDP socket. */
export class FakePublicUdpSocket extends FakePublicListener<Datagram> implements PublicUdpSocket {
  readonly dropped = 0;
  readonly sendFailures = 0;
  /** What was sent. */
  readonly sent: Datagram[] = [];

  send(bytes: Uint8Array, peer: SocketAddress): Promise<void> {
    this.sent.push({ bytes: bytes.slice(), peer });
    return Promise.resolve();
  }
}

/** A dial-back that arrives. */
export function dialBackConnected(changeAddress: boolean): DialBackFinding {
  const from = address(changeAddress ? "198.51.100.1:50001" : "203.0.113.1:50000");
  return {
    ...{ server: FAKE_SERVER, changeAddress, outcome: "connected", from },
    ...{ fromStranger: changeAddress, elapsedMs: 12 },
  };
}

/** A dial-back that does not. */
export function dialBackTimedOut(changeAddress: boolean): DialBackFinding {
  return {
    server: FAKE_SERVER,
    changeAddress,
    outcome: "timed-out",
    from: undefined,
    fromStranger: false,
    elapsedMs: 5000,
  };
}
