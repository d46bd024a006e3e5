// A worker that adopts the socket whose descriptor it is sent, and says when it waits for datagrams.

import { adoptBatchedSocket } from "../../lib/transport/batched_datagram.ts";

// The part of a worker's global scope that is used here: the compiler takes this file for a page's
const scope = self as unknown as {
  onmessage: (event: MessageEvent<number>) => unknown;
  postMessage(message: string): void;
};

scope.onmessage = ({ data }) => {
  const receiving = adoptBatchedSocket(data).receive();
  scope.postMessage("waiting");
  return receiving;
};
