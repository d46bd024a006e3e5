// What programs that tell NATs say of each kind, asked of turnserver and of our server, beside the
// truth (which nat_kinds_test.ts has proved with plain sockets). Printed as one table at the end.

import { assertEquals } from "@std/assert";
import { testWithTool, type Tool, TOOLS } from "../support/tool.ts";
import type { LabHost } from "./lab_host.ts";
import { LAB_PORT, LAB_SERVERS, serverAnswers } from "./lab_servers.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import { type JsonReport, pinholeNat, stunUri } from "./pinhole_nat.ts";

const whyNotHere = whyNoLab();

/** A NAT, and its name in the table. */
interface Case {
  readonly name: string;
  readonly nat1: NonNullable<NatLabOptions["nat1"]>;
}

const CASES = [
  { name: "open", nat1: "open" },
  { name: "firewall", nat1: "firewall" },
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

const RESTRICTED_CONE =
  /^restricted-cone: mapping endpoint-independent, filtering address-dependent$/;

const DETECTIVES: readonly Detective[] = [
  {
    name: "pinhole nat",
    tool: NFT,
    ask: async (host, { ip }) => {
      const { stdout } = await pinholeNat(host, [stunUri(ip), "--udp", "--json"]);
      const { mapping, filtering, classic } = (JSON.parse(stdout) as JsonReport).udp!;
      return `${classic}: mapping ${mapping}, filtering ${filtering}`;
    },
    verdict: /^(.*)$/gm,
    truth: {
      "open": /^open: mapping none, filtering endpoint-independent$/,
      "firewall": /^firewall: mapping none, filtering address-and-port-dependent$/,
      "full-cone": /^full-cone: mapping endpoint-independent, filtering endpoint-independent$/,
      "address-restricted": RESTRICTED_CONE,
      "address-restricted*": RESTRICTED_CONE,
      "port-restricted":
        /^port-restricted-cone: mapping endpoint-independent, filtering address-and-port-dependent$/,
      "symmetric":
        /^symmetric: mapping address-and-port-dependent, filtering address-and-port-dependent$/,
    },
    wrongAbout: [],
  },
  {
    name: "turnutils_natdiscovery -m -f",
    tool: { command: "turnutils_natdiscovery", package: "coturn" },
    ask: async (host, { ip, port }) => await output(host, ["-m", "-f", "-p", `${port}`, ip]),
    verdict: /^(?:NAT with|No NAT!?) ?(.*?)!?$/gm,
    truth: {
      "open": /Independent Mapping.*Independent Filtering/,
      "firewall": /Independent Mapping.*Address and Port Dependent Filtering/,
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
      "firewall": /Firewall/,
      "full-cone": /^Independent Mapping, Independent Filter/,
      "address-restricted": /^Independent Mapping, Address Dependent Filter/,
      "address-restricted*": /^Independent Mapping, Address Dependent Filter/,
      "port-restricted": /^Independent Mapping, Port Dependent Filter/,
      "symmetric": /^Dependent Mapping/,
    },
    wrongAbout: ["address-restricted*"],
  },
];

/** What one program said of one NAT with one server. */
interface Row {
  readonly program: string;
  readonly kind: CaseName;
  readonly server: string;
  readonly said: string;
  readonly right: boolean;
}

const asked: Row[] = [];

for (const { name, tool, ask, verdict, truth, wrongAbout } of DETECTIVES) {
  testWithTool({
    name: `${name} tells every NAT but ${wrongAbout.join(", ") || "none"}`,
    tools: [NFT, tool, TOOLS.turnserver],
    skip: whyNotHere,
    fn: async () => {
      // Side by side, for they spend their time waiting for what does not come
      const rows = await Promise.all(
        CASES.flatMap(({ name: kind, nat1 }) =>
          Object.entries(LAB_SERVERS).map(async ([server, start]) => {
            await using lab = await NatLab.open({ nat1 });
            const { ip } = lab.server;
            await serverAnswers(lab, { child: start(lab.server), ip });
            const text = await ask(lab.host1, { ip, port: LAB_PORT });
            const said = [...text.matchAll(verdict)].map(([, words]) => words).join("; ");
            return { program: name, kind, server, said, right: truth[kind].test(said) };
          })
        ),
      );
      asked.push(...rows);
      const wrong = rows.filter(({ right }) => !right);
      assertEquals(
        wrong.map(({ kind, server }) => `${kind}, ${server}`),
        wrongAbout.flatMap((kind) =>
          Object.keys(LAB_SERVERS).map((server) => `${kind}, ${server}`)
        ),
      );
    },
  });
}

Deno.test.afterAll(() => say(table(asked)));

/** A line for each NAT, a column for each program with each server; below, what was wrong. */
function table(rows: readonly Row[]): string {
  const columns = DETECTIVES.map(({ name }) => name).flatMap((program) =>
    Object.keys(LAB_SERVERS).map((server) => ({ program, server }))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell) => cell.padEnd(30)).join("").trimEnd();
  const wrong = rows.filter(({ right }) => !right);
  return [
    "",
    line(["", ...columns.map(({ program }) => program)]),
    line(["", ...columns.map(({ server }) => `with ${server}`)]),
    ...CASES.map(({ name }) =>
      line([
        name,
        ...columns.map(({ program, server }) => {
          const row = rows.find((row) =>
            row.kind === name && row.program === program && row.server === server
          );
          return row === undefined ? "not asked" : row.right ? "right" : "WRONG";
        }),
      ])
    ),
    ...wrong.map(({ program, kind, server, said }) =>
      `${program} with ${server}, ${kind}: ${said || "nothing"}`
    ),
    "",
  ].join("\n");
}

async function output(host: LabHost, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await host.run("turnutils_natdiscovery", args);
  return stdout + stderr;
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
