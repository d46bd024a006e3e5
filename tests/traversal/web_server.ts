/** A web server of the simplest kind, which keeps what it was asked. */
export class WebServer implements AsyncDisposable {
  /** The requests so far. */
  readonly heads: string[] = [];
  /** From which ports connections came, each once. */
  readonly ports: number[] = [];
  readonly #answer: string;
  readonly #closes: boolean;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;
  #wake: (() => void)[] = [];

  /** Starts it with its answer to everything; it `closes` the connection afterwards if told so. */
  constructor(answer: string, { closes = false }: { readonly closes?: boolean } = {}) {
    this.#answer = answer;
    this.#closes = closes;
    this.#serving = this.#serve();
  }

  /** Where it is. */
  get origin(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Waits for so many requests. */
  async requests(count: number): Promise<void> {
    while (this.heads.length < count) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const conversations: Promise<void>[] = [];
    for await (const connection of this.#listener) conversations.push(this.#converse(connection));
    await Promise.all(conversations);
  }

  async #converse(connection: Deno.TcpConn): Promise<void> {
    this.#connections.add(connection);
    const { port } = connection.remoteAddr;
    if (!this.ports.includes(port)) this.ports.push(port);
    try {
      do {
        const buffer = new Uint8Array(1024);
        let head = "";
        while (!head.endsWith("\r\n\r\n")) {
          const length = await connection.read(buffer);
          if (length === null) throw new Error("the end");
          head += new TextDecoder().decode(buffer.subarray(0, length));
        }
        this.heads.push(head);
        for (const wake of this.#wake.splice(0)) wake();
        await connection.write(new TextEncoder().encode(this.#answer));
      } while (!this.#closes);
    } catch {
      // The client is gone, or the test has ended it
    }
    if (this.#connections.delete(connection)) {
      try {
        connection.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    }
  }
}
