/**
 * What a NAT does, found out over sockets.
 *
 * @module
 */
export { discoverNat, type DiscoverNatOptions } from "./discover_nat.ts";
export { type MappingChange, watchMapping, type WatchMappingOptions } from "./watch_mapping.ts";
