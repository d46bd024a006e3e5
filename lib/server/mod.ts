/**
 * The STUN server: binds the sockets, lets the responder decide, stops cleanly.
 *
 * @module
 */
export {
  type ServerPolicy,
  type ServerRateLimit,
  StunServer,
  type StunServerListener,
  type StunServerOptions,
} from "./stun_server.ts";
export type { ListenPlanOptions } from "./listen_plan.ts";
