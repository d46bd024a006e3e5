import { LabHost } from "./lab_host.ts";
import { mapsAlike, type NatKind, translates } from "./nat_kind.ts";
import {
  forgetRules,
  lossRules,
  type Memory,
  type Refusal,
  ruleset,
  type RulesetOptions,
  trackRules,
} from "./_ruleset.ts";

/** What a router is to be. A family that is not named does not exist behind it. */
export interface RouterOptions {
  /** What it does with IPv4. */
  readonly ipv4?: NatKind | undefined;
  /** What it does with IPv6; a kind that translates is NAT66. */
  readonly ipv6?: NatKind | undefined;
  /**
   * What it does with a packet from outside that may not pass: drop it; answer as a computer with
   * closed ports does (RST, ICMP port unreachable); answer ICMP "administratively prohibited".
   *
   * @default "drop"
   */
  readonly refusal?: Refusal;
  /**
   * Whose contacts open an address-dependent filter: those of the one port (RFC 4787 section 5), or
   * those of every port of the host. Other kinds do not mind.
   *
   * @default "port"
   */
  readonly memory?: Memory;
  /** Whether the host reaches its own mappings by their public address. @default false */
  readonly hairpin?: boolean;
  /** Whether a mapping's public port differs from the local one. @default false */
  readonly shiftPorts?: boolean;
}

/** Where a router stands: between which host and which public address, in one family. */
export interface RouterSide {
  /** The address of the host behind it. */
  readonly host: string;
  /** Its own address on the public segment. */
  readonly wan: string;
}

/** A router of the lab, with the host behind it on `lan` and the public segment on `wan`. */
export class LabRouter extends LabHost {
  #tables: readonly RulesetOptions[];

  /** Takes a namespace that is there, or soon will be. {@linkcode LabRouter.setup} is to be run in it. */
  constructor(
    namespace: string,
    { ipv4, ipv6, ...options }: RouterOptions & {
      sides: Readonly<Record<"ip" | "ip6", RouterSide>>;
    },
  ) {
    const { sides, refusal = "drop", memory = "port", hairpin = false, shiftPorts = false } =
      options;
    const common = { refusal, memory, hairpin, shiftPorts, ...TIMEOUTS, lossPerMille: 0 };
    const tables = ([["ip", ipv4], ["ip6", ipv6]] as const).flatMap(([family, kind]) =>
      kind === undefined ? [] : [{ family, kind, ...sides[family], ...common }]
    );
    super(namespace, addressesOf(tables));
    this.#tables = tables;
    for (const { kind } of tables) {
      if ((hairpin || shiftPorts) && !mapsAlike(kind)) {
        throw new TypeError(`Cannot make a router "${kind}" with hairpin or shiftPorts`);
      }
    }
  }

  /** The address by which the public segment knows the host behind it: IPv4 where there is IPv4. */
  get publicIp(): string {
    return this.publicIps[0]!;
  }

  /** As {@linkcode LabRouter.publicIp}, of each family that there is, IPv4 first. */
  get publicIps(): readonly string[] {
    return this.#tables.map(({ kind, host, wan }) => translates(kind) ? wan : host);
  }

  /** The shell script that makes a router of the namespace, to be run in it. */
  get setup(): string {
    return `${nft(this.#tables.map(ruleset).join(""))}
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \\
  net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan.send_redirects=0 \\
  net.netfilter.nf_conntrack_tcp_loose=0 ${sysctls(TIMEOUTS).join(" ")}
`;
  }

  /**
   * Forgets every mapping and every connection. Packets in the middle of a forgotten TCP connection
   * are dropped from then on.
   */
  async forget(): Promise<void> {
    await this.#apply(forgetRules);
    await this.run(Deno.execPath(), [
      ...["run", "--quiet", "--no-config", "--no-prompt", "--allow-ffi"],
      new URL("./_forget_connections.ts", import.meta.url).pathname,
    ]);
  }

  /**
   * Gives the router another public address, 203.0.113.x or 2001:db8::x, in place of the one of the
   * same family, and forgets every mapping.
   *
   * @throws {RangeError} If the public segment has no such address.
   * @throws {TypeError} If the router does not translate that family.
   */
  async changePublicAddress(ip: string): Promise<void> {
    if (!/^203\.0\.113\.\d+$|^2001:db8::[\da-f]+$/.test(ip)) {
      throw new RangeError(`Cannot use ${ip}: found outside 203.0.113.0/24 and 2001:db8::/64`);
    }
    const family = ip.includes(":") ? "ip6" : "ip";
    const table = this.#tables.find((table) => table.family === family);
    if (table === undefined || !translates(table.kind)) {
      throw new TypeError(`Cannot use ${ip}: the router translates no such address`);
    }
    const bits = family === "ip" ? 32 : 128;
    this.#tables = this.#tables.map((other) => other === table ? { ...table, wan: ip } : other);
    this.renumber(addressesOf(this.#tables));
    // The new one first: with the last address its routes would go too
    await this.run("sh", [
      "-ec",
      `ip address add ${ip}/${bits} dev wan ${family === "ip6" ? "nodad" : ""}
ip address delete ${table.wan}/${bits} dev wan
${nft(this.#tables.map(ruleset).join(""))}`,
    ]);
    await this.forget();
  }

  /** Sets for how long an idle TCP connection stays mapped. It begins with 7,440 s (RFC 5382). */
  async setTcpEstablishedTimeout(seconds: number): Promise<void> {
    await this.#setTimeouts({ tcpTimeout: seconds });
  }

  /** Sets for how long an idle UDP mapping stays, from its next packet on. It begins with 120 s. */
  async setUdpTimeout(seconds: number): Promise<void> {
    await this.#setTimeouts({ udpTimeout: seconds });
  }

  /** Loses so many per cent of the packets that it forwards, each way; 0 ends it. */
  async setLoss(percent: number): Promise<void> {
    this.#tables = this.#tables.map((table) => ({
      ...table,
      lossPerMille: Math.round(percent * 10),
    }));
    await this.#apply(lossRules);
  }

  async #setTimeouts(timeouts: Partial<typeof TIMEOUTS>): Promise<void> {
    this.#tables = this.#tables.map((table) => ({ ...table, ...timeouts }));
    await this.#apply(trackRules);
    await this.run("sysctl", ["-qw", ...sysctls(timeouts)]);
  }

  async #apply(rules: (table: RulesetOptions) => string): Promise<void> {
    await this.run("sh", ["-ec", nft(this.#tables.map(rules).join(""))]);
  }
}

// RFC 4787 REQ-5 and RFC 5382 REQ-5: at least two minutes, at least two hours and four minutes.
const TIMEOUTS = { udpTimeout: 120, tcpTimeout: 7_440 };

function sysctls({ udpTimeout, tcpTimeout }: Partial<typeof TIMEOUTS>): string[] {
  return [
    ...(udpTimeout === undefined ? [] : [
      `net.netfilter.nf_conntrack_udp_timeout=${udpTimeout}`,
      `net.netfilter.nf_conntrack_udp_timeout_stream=${udpTimeout}`,
    ]),
    ...(tcpTimeout === undefined
      ? []
      : [`net.netfilter.nf_conntrack_tcp_timeout_established=${tcpTimeout}`]),
  ];
}

function addressesOf(tables: readonly RulesetOptions[]) {
  const of = (family: string) =>
    tables.filter((table) => table.family === family).map(({ wan }) => wan);
  return { ipv4: of("ip"), ipv6: of("ip6") };
}

function nft(rules: string): string {
  return `nft -f - <<'END'\n${rules}\nEND`;
}
