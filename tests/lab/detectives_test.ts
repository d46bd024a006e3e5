// What programs that tell NATs say of each kind, asked of turnserver and of our server, beside the
// truth (which nat_kinds_test.ts has proved with plain sockets). Printed as a table.

import { assertEquals } from "@std/assert";
import { ROOT } from "../support/pinhole_server.ts";
import type { Child } from "../support/process.ts";
import { testWithTool, type Tool, TOOLS } from "../support/tool.ts";
import type { LabHost } from "./lab_host.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import { Station } from "./station.ts";

const whyNotHere = whyNoLab();

/** A NAT, and its name in the table. */
interface Case {
  readonly name: string;
  readonly nat1: NonNullable<NatLabOptions["nat1"]>;
}

const CASES = [
  { name: "open", nat1: "open" },
  { name: "full-cone", nat1: "full-cone" },
  { name: "address-restricted", nat1: "address-restricted" },
  // The same filter, but every port of the host opens it
  { name: "address-restricted*", nat1: { ipv4: "address-restricted", memory: "host" } },
  { name: "port-restricted", nat1: "port-restricted" },
  { name: "symmetric", nat1: "symmetric" },
] as const satisfies readonly Case[];

type CaseName = typeof CASES[number]["name"];

/** A program that tells NATs. */
interface Detective {
  readonly name: string;
  readonly tool: Tool;
  /** Runs it in host1 against a server. Its whole output. */
  readonly ask: (host: LabHost, server: Address) => Promise<string>;
  /** The lines of the output that are its verdict. */
  readonly verdict: RegExp;
  /** What in a verdict is true of each kind. */
  readonly truth: Readonly<Record<CaseName, RegExp>>;
  /** Where it is known to be wrong. */
  readonly wrongAbout: readonly CaseName[];
}

interface Address {
  readonly ip: string;
  readonly port: number;
}

const PORT = 3_478;

// Of ours there is to be one here as soon as there is one: wrong about nothing.
const DETECTIVES: readonly Detective[] = [
  {
    name: "turnutils_natdiscovery -m -f",
    tool: { command: "turnutils_natdiscovery", package: "coturn" },
    ask: async (host, { ip, port }) => await output(host, ["-m", "-f", "-p", `${port}`, ip]),
    verdict: /^(?:NAT with|No NAT!?) ?(.*?)!?$/gm,
    truth: {
      "open": /Independent Mapping.*Independent Filtering/,
      "full-cone": /Independent Mapping.*Independent Filtering/,
      "address-restricted": /Independent Mapping.*Address Dependent Filtering/,
      "address-restricted*": /Independent Mapping.*Address Dependent Filtering/,
      "port-restricted": /Independent Mapping.*Address and Port Dependent Filtering/,
      "symmetric": /Address and Port Dependent Mapping.*Address and Port Dependent Filtering/,
    },
    wrongAbout: ["address-restricted*"],
  },
  {
    name: "stun (RFC 3489)",
    tool: TOOLS.stun,
    ask: async (host, { ip, port }) => {
      // Its exit code is its verdict
      const { stdout, stderr } = await host.run("stun", [`${ip}:${port}`, "-v"], { check: false });
      return stderr + stdout;
    },
    verdict: /^Primary: (.*?)\s*$/gm,
    truth: {
      "open": /^Open$/,
      "full-cone": /^Independent Mapping, Independent Filter/,
      "address-restricted": /^Independent Mapping, Address Dependent Filter/,
      "address-restricted*": /^Independent Mapping, Address Dependent Filter/,
      "port-restricted": /^Independent Mapping, Port Dependent Filter/,
      "symmetric": /^Dependent Mapping/,
    },
    wrongAbout: ["address-restricted*"],
  },
];

const SERVERS: Readonly<Record<string, (server: LabHost) => Child>> = {
  turnserver: (server) =>
    server.exec("turnserver", [
      ...["-S", "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout"],
      ...["--userdb", "/dev/null", "--pidfile", "/dev/null", "--listening-port", `${PORT}`],
      ...["--listening-ip", server.ip, "--listening-ip", server.alternateIp],
    ]),
  ours: (server) =>
    server.deno([
      ...["--allow-net", ROOT + "server.ts", "--port", `${PORT}`],
      ...["--hostname", server.ip, "--alternate-hostname", server.alternateIp],
    ]),
};

for (const { name, tool, ask, verdict, truth, wrongAbout } of DETECTIVES) {
  testWithTool({
    name: `${name} tells every NAT but ${wrongAbout.join(", ") || "none"}`,
    tools: [NFT, tool, TOOLS.turnserver],
    skip: whyNotHere,
    fn: async () => {
      // Side by side, for they spend their time waiting for what does not come
      const rows = await Promise.all(
        CASES.flatMap(({ name: kind, nat1 }) =>
          Object.entries(SERVERS).map(async ([server, start]) => {
            await using lab = await NatLab.open({ nat1 });
            const address = { ip: lab.server.ip, port: PORT };
            const child = start(lab.server);
            await answers(lab.outside, address, child);
            const text = await ask(lab.host1, address);
            const said = [...text.matchAll(verdict)].map(([, words]) => words).join("; ");
            return { kind, server, said, right: truth[kind].test(said) };
          })
        ),
      );
      say(
        rows.map(({ kind, server, said, right }) =>
          `${name.padEnd(30)}${kind.padEnd(21)}${server.padEnd(12)}${
            right ? "right" : "WRONG"
          }  ${said}\n`
        ).join(""),
      );
      const wrong = rows.filter(({ right }) => !right);
      assertEquals(
        wrong.map(({ kind, server }) => `${kind}, ${server}`),
        wrongAbout.flatMap((kind) => Object.keys(SERVERS).map((server) => `${kind}, ${server}`)),
      );
    },
  });
}

async function output(host: LabHost, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await host.run("turnutils_natdiscovery", args);
  return stdout + stderr;
}

/** Waits until a server answers a Binding request of RFC 3489, all of whose bytes are text. */
async function answers(from: LabHost, to: Address, server: Child): Promise<void> {
  await using station = new Station(from);
  const { id } = await station.ask("bindUdp", { ip: from.ip, port: 0 });
  for (let tries = 0; tries < 100; tries++) {
    await station.ask("send", { id, to, text: "\x00\x01\x00\x00transaction id.." });
    if ((await station.ask("receive", { id, timeoutMs: 100 })).length > 0) return;
  }
  throw new Error(`Cannot get an answer from the server\n${server.stdout}${server.stderr}`);
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
