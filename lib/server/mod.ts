/**
 * The STUN server: binds the sockets, lets the responder decide, stops cleanly.
 *
 * @module
 */
export { StunServer, type StunServerListener, type StunServerOptions } from "./stun_server.ts";
