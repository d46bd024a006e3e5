import {
  discoverTcpNat,
  type TcpNatReport,
  type TcpNatStep,
} from "../../../lib/protocol/discovery/mod.ts";
import {
  addSite,
  type LinkOptions,
  type NatBehavior,
  SimNetwork,
  SimStunServer,
  type SimStunServerOptions,
} from "../../sim/mod.ts";
import { runTcpNatSteps } from "../../sim/run_tcp_nat_steps.ts";

/** What is to be discovered, and how. */
export interface DiscoverTcpOptions {
  readonly boxes: readonly NatBehavior[];
  readonly servers: readonly SimStunServerOptions[];
  readonly seed?: number;
  readonly link?: LinkOptions;
  readonly ipv6?: boolean;
  readonly onStep?: (step: TcpNatStep) => void;
}

/** Runs a discovery of what a NAT does to TCP, in the simulator. */
export function discoverTcp(
  options: DiscoverTcpOptions,
): { readonly report: TcpNatReport; readonly elapsedMs: number } {
  const { boxes, seed = 0, link = {}, ipv6 = false } = options;
  const network = new SimNetwork({ seed, link });
  const servers = options.servers.map((one) => new SimStunServer(network, one));
  const { host } = addSite(network, { boxes, site: 1, ipv6 });
  const steps = discoverTcpNat({
    servers: servers.map(({ address }) => address),
    transactionId: () => network.random.bytes(12),
  });
  const ip = ipv6 ? "2001:db8:1::2" : undefined;
  const { onStep } = options;
  const { value: report, elapsedMs } = runTcpNatSteps(steps, { network, host, ip, onStep });
  return { report, elapsedMs };
}
