/**
 * A STUN server examined over sockets.
 *
 * @module
 */
export { examineServer, type ExamineServerOptions } from "./examine_server.ts";
