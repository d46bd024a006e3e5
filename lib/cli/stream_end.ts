import { listenTcp } from "../transport/mod.ts";
import { type ForwardableStream, StreamForward, type StreamForwardEnd } from "../traversal/mod.ts";
import { LOOPBACK, type OpenedPunchEnd, type OpenPunchEndOptions } from "./punch_end.ts";
import { connectToService } from "./service_target.ts";

/**
 * Opens what is to be joined to a byte stream; a port is listened on at once, so that it is known
 * before the punch whether it can be.
 *
 * @throws {ListenError} If the port cannot be listened on.
 */
export function openStreamEnd(options: OpenPunchEndOptions): OpenedPunchEnd<ForwardableStream> {
  const { end, streams, signal } = options;
  const join = async (
    stream: ForwardableStream,
    other: Promise<ForwardableStream | undefined>,
  ): Promise<StreamForwardEnd> => {
    let own: ForwardableStream | undefined;
    try {
      own = await other;
    } finally {
      if (own === undefined) stream.close();
    }
    return own === undefined ? "aborted" : await new StreamForward(own, stream, { signal }).ended;
  };
  switch (end.kind) {
    case "standard":
      return { join: (stream) => join(stream, Promise.resolve(streams)), close() {} };
    case "to":
      return { join: (stream) => join(stream, connectToService(end.service, signal)), close() {} };
    case "forward": {
      const listener = listenTcp({ ip: LOOPBACK, port: end.port });
      const close = () => listener.close();
      signal.addEventListener("abort", close, { once: true });
      // There is one path, so the next program is refused
      const accept = () => listener.accept().finally(close);
      return { join: (stream) => join(stream, accept()), close };
    }
  }
}
