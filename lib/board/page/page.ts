/**
 * The program of the page at `/`. `deno task page` bundles it into `page.js`, which is what is served.
 *
 * @module
 */
import { showAddresses } from "./address_view.ts";
import { RoomView } from "./room_view.ts";

showAddresses();
new RoomView();
