/**
 * The STUN server: binds the sockets, lets the responder decide, stops cleanly.
 *
 * @module
 */
export { StunServer, type StunServerListener } from "./stun_server.ts";
export type {
  ServerPolicy,
  ServerRateLimit,
  ServerTls,
  StunServerOptions,
} from "./stun_server_options.ts";
export { WorkerError } from "./worker_error.ts";
export type { ListenPlanOptions } from "./listen_plan.ts";
