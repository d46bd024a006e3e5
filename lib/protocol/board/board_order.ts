import type { DirectEvent } from "./board_event.ts";
import type { BoardCloseReason, BoardPost, ServerMessage } from "./board_message.ts";

/** What the side of the board that has the sockets and the store is to do for one peer. */
export type BoardOrder =
  /** Send this to the peer. */
  | { readonly do: "send"; readonly message: ServerMessage }
  /** Close the connection. */
  | { readonly do: "close"; readonly reason: BoardCloseReason }
  | StoreOrder;

/** What is to be asked of the store; the outcome goes back to the peer's side. */
export type StoreOrder =
  /** Let the peer into its room. */
  | { readonly do: "join"; readonly secret: string | undefined }
  /** Put this on the board. */
  | { readonly do: "put"; readonly post: BoardPost }
  /** Take this off. */
  | { readonly do: "remove"; readonly id: string }
  /** Say what is posted. */
  | { readonly do: "list" }
  /** Hand this to another peer of the room. */
  | TellOrder;

/** Hand something to another peer of the room. */
export interface TellOrder {
  /** Which order it is. */
  readonly do: "tell";
  /** That peer. */
  readonly to: string;
  /** What it is to be handed. */
  readonly event: DirectEvent;
}
