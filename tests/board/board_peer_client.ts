import type { BoardClient, BoardClientEvent } from "../../lib/board/client/mod.ts";

/** What a {@linkcode BoardClient} yields, in the sequence in which a test asks for it. */
export class BoardEvents {
  /** The client. */
  readonly client: BoardClient;
  readonly #events: AsyncGenerator<BoardClientEvent, void, void>;

  /** Iterates a client; nobody else may. */
  constructor(client: BoardClient) {
    this.client = client;
    this.#events = client[Symbol.asyncIterator]();
  }

  /** The next event of this type; those before it are passed over. */
  async next<T extends BoardClientEvent["type"]>(
    type: T,
    accept: (event: Extract<BoardClientEvent, { type: T }>) => boolean = () => true,
  ): Promise<Extract<BoardClientEvent, { type: T }>> {
    while (true) {
      const { value, done } = await this.#events.next();
      if (done) throw new Error(`Cannot find ${type}: the client has ended`);
      const event = value as Extract<BoardClientEvent, { type: T }>;
      if (value.type === type && accept(event)) return event;
    }
  }

  /** The next event, whatever it is. */
  async any(): Promise<BoardClientEvent> {
    const { value, done } = await this.#events.next();
    if (done) throw new Error("Cannot find an event: the client has ended");
    return value;
  }
}
