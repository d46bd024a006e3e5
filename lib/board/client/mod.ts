/**
 * The bulletin board from the side of a peer: a client that comes back by itself, and two who meet there.
 *
 * @module
 */
export {
  BoardClient,
  type BoardClientEvent,
  type BoardClientOptions,
  type BoardDisconnected,
  type ClientPost,
} from "./board_client.ts";
export { BoardClientError } from "./board_client_error.ts";
export {
  BoardRendezvous,
  type BoardRendezvousOptions,
  type RendezvousEvent,
} from "./board_rendezvous.ts";
export { RendezvousError } from "./rendezvous_error.ts";
