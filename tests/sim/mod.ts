/**
 * A network in memory with NATs, for tests: UDP and TCP hosts behind boxes that map, filter and
 * allocate ports as RFC 4787 and RFC 5382 describe it, STUN servers honest and not, loss and delay.
 * Virtual time and a seed: a run of hours takes milliseconds, and every run is the same.
 *
 * Decisions that are made without sockets and clocks can be plugged in: `driveUdp` gives one UDP
 * socket and the time, `driveMachine` any number of UDP and TCP sockets.
 *
 * @example A Binding query through a symmetric NAT
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { ClientTransaction } from "@pinhole/stun";
 * import { addSite, driveUdp, NAT_PRESETS, SimNetwork, SimStunServer } from "@pinhole/stun/sim";
 * import { BINDING, encodeMessage, valueOf, XOR_MAPPED_ADDRESS } from "@pinhole/stun/wire";
 *
 * const network = new SimNetwork({ seed: 7, link: { delayMs: 20, loss: 0.1 } });
 * const server = new SimStunServer(network, { ips: ["203.0.113.1", "203.0.113.2"] });
 * const { host, boxes } = addSite(network, { boxes: NAT_PRESETS.symmetric.boxes, site: 1 });
 *
 * const transaction = new ClientTransaction({
 *   request: encodeMessage({
 *     class: "request",
 *     method: BINDING,
 *     transactionId: network.random.bytes(12),
 *   }),
 *   server: server.address,
 *   reliable: false,
 * });
 * const { socket } = driveUdp(host, {
 *   onWake: ({ socket, now }) => {
 *     const request = transaction.wake(now);
 *     if (request !== undefined) socket.send(request, server.address);
 *   },
 *   onReceive: ({ bytes, source }, { now }) => transaction.receive(bytes, source, now),
 *   nextWake: () => transaction.nextWake(),
 * });
 * network.runUntil(() => transaction.outcome !== undefined, 40_000);
 *
 * assert(transaction.outcome?.kind === "answered");
 * assertEquals(
 *   valueOf(transaction.outcome.response, XOR_MAPPED_ADDRESS),
 *   boxes[0]!.mappedAddress("udp", { internal: socket.local, remote: server.address }),
 * );
 * ```
 *
 * @module
 */
export * from "./sim_network.ts";
export * from "./sim_host.ts";
export * from "./tcp_connection.ts";
export * from "./nat_behavior.ts";
export * from "./nat_box.ts";
export * from "./nat_presets.ts";
export * from "./sim_stun_server.ts";
export type { StunServerLie } from "./stun_server_lie.ts";
export * from "./drive_udp.ts";
export * from "./drive_machine.ts";
export * from "./run_nat_steps.ts";
export * from "./run_tcp_nat_steps.ts";
export * from "./packet.ts";
export * from "./segment.ts";
export * from "./link.ts";
export * from "./sim_random.ts";
export { simAddress, simIp } from "./sim_address.ts";
