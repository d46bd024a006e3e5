/**
 * HTTP and WebSockets: the server, and what operators look at.
 *
 * @module
 */
export {
  type HttpHandler,
  type HttpServer,
  openHttpServer,
  type OpenHttpServerOptions,
  textResponse,
} from "./http_server.ts";
export {
  ServedWebSocket,
  type WebSocketListener,
  type WebSocketMessage,
} from "./served_websocket.ts";
export {
  type WebSocketCall,
  type WebSocketRefusal,
  type WebSocketRoute,
} from "./websocket_route.ts";
export {
  operationsRoutes,
  type OperationsRoutesOptions,
  type Readiness,
} from "./operations_routes.ts";
