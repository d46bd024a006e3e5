import { IP, whyNoNamespace } from "../support/network_namespace.ts";
import { run } from "../support/process.ts";
import { hasTool, type Tool } from "../support/tool.ts";
import { type LabAddresses, LabHost } from "./lab_host.ts";
import { LabRouter, type RouterOptions } from "./lab_router.ts";
import { type NatKind, translates } from "./nat_kind.ts";

/**
 * Two hosts behind two routers, and a public segment with a server and a host that neither of them
 * knows. Each is a network namespace; nothing gets in or out. `await using` removes it all with the
 * block, whatever the block throws; what a killed run left behind, the next run removes.
 *
 * ```text
 *   host1 192.168.1.2 -- router1 203.0.113.11 --+-- server  203.0.113.1, 198.51.100.1
 *                                               |
 *   host2 192.168.2.2 -- router2 203.0.113.12 --+-- outside 203.0.113.2
 * ```
 *
 * A host behind a router that does not translate has 198.51.100.11 or .12. With IPv6: the server
 * 2001:db8::1 and 2001:db8:0:1::1, the stranger 2001:db8::2, the routers 2001:db8::11 and ::12, the
 * hosts 2001:db8:1::2 and 2001:db8:2::2, or fd00:1::2 and fd00:2::2 behind NAT66.
 */
export class NatLab implements AsyncDisposable {
  /** What its namespaces' names begin with. */
  readonly name: string;
  /** On the public segment, with two addresses of each family. */
  readonly server: LabHost;
  /** On the public segment. */
  readonly outside: LabHost;
  /** Behind {@linkcode NatLab.router1}. */
  readonly host1: LabHost;
  /** Behind {@linkcode NatLab.router2}. */
  readonly host2: LabHost;
  /** Between {@linkcode NatLab.host1} and the public segment. */
  readonly router1: LabRouter;
  /** Between {@linkcode NatLab.host2} and the public segment. */
  readonly router2: LabRouter;

  private constructor(name: string, [nat1, nat2]: readonly [RouterOptions, RouterOptions]) {
    this.name = name;
    const ipv4 = nat1.ipv4 !== undefined || nat2.ipv4 !== undefined;
    const ipv6 = nat1.ipv6 !== undefined || nat2.ipv6 !== undefined;
    const onSegment = (role: string, v4: readonly string[], v6: readonly string[]) =>
      new LabHost(`${name}-${role}`, { ipv4: ipv4 ? v4 : [], ipv6: ipv6 ? v6 : [] });
    this.server = onSegment("server", ["203.0.113.1", "198.51.100.1"], [
      "2001:db8::1",
      "2001:db8:0:1::1",
    ]);
    this.outside = onSegment("outside", ["203.0.113.2"], ["2001:db8::2"]);
    const behind = (n: number, { ipv4, ipv6 }: RouterOptions) =>
      new LabHost(`${name}-host${n}`, {
        ipv4: ipv4 === undefined ? [] : [privateOrPublic(n, ipv4).ip],
        ipv6: ipv6 === undefined ? [] : [privateOrPublic(n, ipv6).ip6],
      });
    this.host1 = behind(1, nat1);
    this.host2 = behind(2, nat2);
    const router = (n: number, options: RouterOptions) =>
      new LabRouter(`${name}-router${n}`, {
        ...options,
        sides: {
          ip: { host: privateOrPublic(n, options.ipv4).ip, wan: `203.0.113.1${n}` },
          ip6: { host: privateOrPublic(n, options.ipv6).ip6, wan: `2001:db8::1${n}` },
        },
      });
    this.router1 = router(1, nat1);
    this.router2 = router(2, nat2);
  }

  /**
   * Makes one, after having swept what killed runs left behind.
   *
   * @throws {TypeError} If a router cannot be what it is to be.
   * @throws {Error} If the system refuses.
   */
  static async open({ nat1, nat2 }: NatLabOptions = {}): Promise<NatLab> {
    swept ??= sweep();
    const unique = crypto.randomUUID().slice(0, 8);
    const lab = new NatLab(`${PREFIX}${Deno.pid}-${await swept}-${unique}`, [
      routerOptions(nat1 ?? openLike(nat2)),
      routerOptions(nat2 ?? openLike(nat1)),
    ]);
    try {
      await shell(lab.#script());
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Removes the labs whose process is gone. {@linkcode NatLab.open} does it once in a process. */
  static async sweep(): Promise<void> {
    await sweep();
  }

  /** All its namespaces, by name. */
  get namespaces(): readonly string[] {
    return [...this.#hosts.map(({ namespace }) => namespace), `${this.name}-segment`];
  }

  /** Ends what runs in it, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await shell(`${REMOVE}\nremove ${this.namespaces.join(" ")}\n`);
    // Dead by now, with all that they have started
    await Promise.all(this.#hosts.map((host) => host.stopped()));
  }

  get #hosts(): readonly LabHost[] {
    return [this.server, this.outside, this.host1, this.host2, this.router1, this.router2];
  }

  /** Everything in one shell, one `ip` for each namespace: a lab takes some 50 ms. */
  #script(): string {
    const segment = `${this.name}-segment`;
    const pairs = [[this.router1, this.host1], [this.router2, this.host2]] as const;
    const cables = [
      ...[this.server, this.outside, this.router1, this.router2].map((host, port) =>
        `link add wan netns ${host.namespace} type veth peer name port${port} netns ${segment}`
      ),
      ...pairs.map(([router, host]) =>
        `link add lan netns ${router.namespace} type veth peer name lan netns ${host.namespace}`
      ),
    ];
    const ports = [0, 1, 2, 3].map((port) =>
      `link set port${port} addrgenmode none master bridge up`
    );
    return [
      batch(undefined, [...this.namespaces.map((name) => `netns add ${name}`), ...cables]),
      batch(segment, [
        "link add bridge type bridge",
        "link set bridge addrgenmode none up",
        ...ports,
      ]),
      ...[this.server, this.outside].map((host) =>
        batch(host.namespace, [...up("wan", host), ...this.#publicRoutes(host)])
      ),
      ...pairs.map(([router, host], i) =>
        batch(router.namespace, [
          ...up("wan", router),
          ...this.#publicRoutes(router),
          ...up("lan", {
            ipv4: router.ipv4.map(() => gateway(i + 1).ip),
            ipv6: router.ipv6.map(() => gateway(i + 1).ip6),
          }),
          ...[...host.ipv4, ...host.ipv6].map((ip) => `route add ${ip} dev lan`),
        ])
      ),
      ...pairs.map(([, host], i) =>
        batch(host.namespace, [
          ...up("lan", host),
          ...host.ipv4.flatMap(() => defaultRoute(gateway(i + 1).ip)),
          ...host.ipv6.flatMap(() => defaultRoute(gateway(i + 1).ip6)),
        ])
      ),
      ...[this.router1, this.router2].map((router) => {
        const [command, args] = router.command("sh", ["-e"]);
        return `${command} ${args.join(" ")} <<'SETUP'\n${router.setup}SETUP\n`;
      }),
    ].join("");
  }

  /** The way to everybody with a public address, from one who is on the segment. */
  #publicRoutes(from: LabHost): string[] {
    const routes = [
      ...(from.ipv4.length > 0 ? ["203.0.113.0/24", "198.51.100.0/24"] : []),
      ...(from.ipv6.length > 0 ? ["2001:db8::/64", "2001:db8:0:1::/64"] : []),
    ].map((prefix) => `route add ${prefix} dev wan`);
    for (const router of [this.router1, this.router2]) {
      for (const ip of router.publicIps) {
        const [own] = ip.includes(":") ? router.ipv6 : router.ipv4;
        const known = (ip.includes(":") ? from.ipv6 : from.ipv4).length > 0;
        if (ip !== own && router !== from && known) routes.push(`route add ${ip} via ${own}`);
      }
    }
    return routes;
  }
}

/** What the routers are: a kind alone is meant for IPv4. */
export interface NatLabOptions {
  /** Between host1 and the segment. @default open, in the families of the other one */
  readonly nat1?: NatKind | RouterOptions | undefined;
  /** Between host2 and the segment. @default open, in the families of the other one */
  readonly nat2?: NatKind | RouterOptions | undefined;
}

/** The program that makes NATs. */
export const NFT: Tool = { command: "nft", package: "nftables" };

/** Why no lab can be made here; undefined where one can. Found out by making a NAT. */
export function whyNoLab(): string | undefined {
  const reason = whyNoNamespace();
  if (reason !== undefined) return reason;
  for (const { command, package: name } of [NFT, { command: "sysctl", package: "procps" }]) {
    if (!hasTool(command)) return `needs ${command} (Debian package ${name})`;
  }
  // Not a lab's name: another run would sweep it away
  const name = `pinhole-nat-${crypto.randomUUID().slice(0, 8)}`;
  const script = `ip netns add ${name} && ip netns exec ${name} nft -f - <<'END'
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname wan ct state new masquerade fully-random
  }
}
END
status=$?; ip netns delete ${name}; exit $status`;
  const { success } = new Deno.Command("sh", {
    args: ["-c", script],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? undefined : "this kernel has no NAT for nft";
}

/** Swept once in a process; the process's own start time. */
let swept: Promise<string> | undefined;

const PREFIX = "pinhole-lab-";

// In the names stand a process's id and, as ids come again, the time when it started, both as
// /proc tells them. Deno opens /proc only with every permission; a shell does without.
async function sweep(): Promise<string> {
  return (await shell(`${REMOVE}
started() {
  # A dead process that nobody has asked about is still listed, as "Z"
  sed -n 's/.*) \\([^Z]\\)/\\1/p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}
for name in $(ip netns list | cut -d ' ' -f 1); do
  case "$name" in ${PREFIX}*) ;; *) continue ;; esac
  rest=\${name#${PREFIX}}
  pid=\${rest%%-*}
  rest=\${rest#*-}
  [ "$(started "$pid")" = "\${rest%%-*}" ] || remove "$name"
done
started ${Deno.pid}
`)).trim();
}

// Programs in a namespace keep it alive, so they go first. Two runs may sweep at a time.
const REMOVE = `
remove() {
  for namespace in "$@"; do
    kill -9 $(ip netns pids "$namespace" 2>/dev/null) 2>/dev/null || true
  done
  printf 'netns delete %s\\n' "$@" | ${IP.command} -force -batch - 2>/dev/null || true
}`;

async function shell(script: string): Promise<string> {
  const { code, stdout, stderr } = await run("sh", ["-ec", script]);
  if (code !== 0) throw new Error(`Cannot set up a NAT lab: ${stderr.trim()}`);
  return stdout;
}

function batch(namespace: string | undefined, lines: readonly string[]): string {
  const where = namespace === undefined ? "" : `-n ${namespace}`;
  return `${IP.command} ${where} -batch - <<'BATCH'\n${lines.join("\n")}\nBATCH\n`;
}

// With every address given by hand, and no search for duplicates, nothing is ever waited for. A
// link-local address is what a router asks its neighbours from; a second address is "deprecated" so
// that nothing uses it unasked.
function up(device: string, { ipv4, ipv6 }: LabAddresses): string[] {
  const linkLocal = ipv6[0]?.replace(/^.*::/, "fe80::");
  return [
    "link set lo up",
    `link set ${device} addrgenmode none up`,
    ...ipv4.map((ip) => `address add ${ip}/32 dev ${device}`),
    ...(linkLocal === undefined ? [] : [`address add ${linkLocal}/64 dev ${device} nodad`]),
    ...ipv6.map((ip, i) =>
      `address add ${ip}/128 dev ${device} nodad ${i > 0 ? "preferred_lft 0" : ""}`
    ),
  ];
}

function defaultRoute(gateway: string): string[] {
  return [`route add ${gateway} dev lan`, `route add default via ${gateway} dev lan`];
}

function routerOptions(nat: NatKind | RouterOptions): RouterOptions {
  return typeof nat === "string" ? { ipv4: nat } : nat;
}

function openLike(nat: NatKind | RouterOptions = "open"): RouterOptions {
  const { ipv4, ipv6 } = routerOptions(nat);
  return { ipv4: ipv4 && "open", ipv6: ipv6 && "open" };
}

function gateway(n: number): { readonly ip: string; readonly ip6: string } {
  return { ip: `192.168.${n}.1`, ip6: `fd00:${n}::1` };
}

function privateOrPublic(
  n: number,
  kind: NatKind = "open",
): { readonly ip: string; readonly ip6: string } {
  return translates(kind)
    ? { ip: `192.168.${n}.2`, ip6: `fd00:${n}::2` }
    : { ip: `198.51.100.1${n}`, ip6: `2001:db8:${n}::2` };
}
