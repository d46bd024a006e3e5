// RFC 5780 and the classic tests of RFC 3489: other people's clients must say of our server what
// they say of turnserver, and every answer must come from the socket that was asked for.

import { assertEquals, assertNotEquals } from "@std/assert";
import { NetworkNamespace, whyNoNamespace } from "../support/network_namespace.ts";
import { unless } from "../support/skipped.ts";
import { PinholeServer } from "../support/pinhole_server.ts";
import { run } from "../support/process.ts";
import { testWithTool, type Tool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";
import {
  type Change,
  type ChangeRequestOutcome,
  type ChangeRequestReport,
  reportChanges,
} from "./_change_request.ts";

/** A program, how it is run against a server, and which of its lines are its verdict. */
interface Detective {
  readonly name: string;
  readonly tool: Tool;
  readonly args: (port: number) => readonly string[];
  readonly verdict: RegExp;
  readonly expected: readonly string[];
}

const NATDISCOVERY: Tool = { command: "turnutils_natdiscovery", package: "coturn" };

const DETECTIVES: readonly Detective[] = [
  {
    name: "turnutils_natdiscovery -m (mapping)",
    tool: NATDISCOVERY,
    args: (port) => ["-m", "-p", `${port}`, "127.0.0.1"],
    verdict: /^(NAT with .*|No NAT.*)$/gm,
    // It calls its own end 0.0.0.0, so that it sees a NAT where there is none
    expected: ["NAT with Endpoint Independent Mapping!"],
  },
  {
    name: "turnutils_natdiscovery -m from a given address",
    tool: NATDISCOVERY,
    args: (port) => ["-m", "-L", "127.0.0.1", "-p", `${port}`, "127.0.0.1"],
    verdict: /^(NAT with .*|No NAT.*)$/gm,
    expected: ["No NAT! (Endpoint Independent Mapping)", "NAT with Endpoint Independent Mapping!"],
  },
  {
    name: "turnutils_natdiscovery -f (filtering)",
    tool: NATDISCOVERY,
    args: (port) => ["-f", "-p", `${port}`, "127.0.0.1"],
    verdict: /^(NAT with .*|No NAT.*)$/gm,
    expected: ["NAT with Endpoint Independent Filtering!"],
  },
  {
    name: "turnutils_natdiscovery -f -P (filtering, with 1,500 bytes of PADDING)",
    tool: NATDISCOVERY,
    args: (port) => ["-f", "-P", "-p", `${port}`, "127.0.0.1"],
    verdict: /^(NAT with .*|No NAT.*)$/gm,
    expected: ["NAT with Endpoint Independent Filtering!"],
  },
  {
    name: "turnutils_natdiscovery -H (hairpinning)",
    tool: NATDISCOVERY,
    args: (port) => ["-H", "-p", `${port}`, "127.0.0.1"],
    verdict: /^.*hairpinning\).*$/gm,
    expected: ["Received a request (maybe a successful hairpinning)"],
  },
  {
    name: "the classic stun client (RFC 3489)",
    tool: TOOLS.stun,
    args: (port) => [`127.0.0.1:${port}`, "-v"],
    verdict: /^(Primary: .*|test .* = \d|is nat .*|mapped IP same .*|hairpin .*)$/gm,
    expected: [
      ...["test I = 1", "test II = 1", "test III = 1", "test I(2) = 1", "is nat  = 0"],
      ...["mapped IP same = 1", "hairpin = 1", "Primary: Open"],
    ],
  },
];

for (const { name, tool, args, verdict, expected } of DETECTIVES) {
  testWithTool({
    name: `${name} says of our server what it says of turnserver`,
    tools: [TOOLS.turnserver, tool],
    fn: async () => {
      await using ours = await PinholeServer.start({ args: ["--alternate-hostname", "127.0.0.2"] });
      await using theirs = await Turnserver.start({ args: ["-S", "--listening-ip", "127.0.0.2"] });
      const verdictOn = async (port: number) => {
        const { stdout, stderr } = await run(tool.command, args(port));
        const lines = [...(stderr + stdout).matchAll(verdict)].map(([line]) => line.trimEnd());
        assertNotEquals(lines, [], `no verdict in: ${stdout}${stderr}`);
        return lines;
      };
      const onOurs = await verdictOn(ours.target("udp").port);
      const onTheirs = await verdictOn(theirs.target.port);
      say(`${name}\n  ours:       ${onOurs.join("; ")}\n  turnserver: ${onTheirs.join("; ")}\n`);
      assertEquals(onOurs, onTheirs);
      assertEquals(onOurs, expected);
    },
  });
}

Deno.test("each answer to CHANGE-REQUEST comes from the socket that was asked for, IPv4", async () => {
  const report = await reportChanges(["127.0.0.1", "--alternate-hostname", "127.0.0.2"]);
  assertRightSockets(report, [["127.0.0.1", "127.0.0.2"]]);
});

Deno.test({
  ...unless(
    whyNoNamespace(),
    "each answer to CHANGE-REQUEST comes from the socket that was asked for, both families",
  ),
  fn: async () => {
    const hosts = [["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2"]] as const;
    await using namespace = await NetworkNamespace.create({ addresses: hosts.flat() });
    const [v4, v6] = hosts;
    const { code, stdout, stderr } = await run(
      ...namespace.command(Deno.execPath(), [
        ...["run", "--quiet", "--no-prompt", "--allow-net", "--allow-run"],
        new URL("./_change_request.ts", import.meta.url).pathname,
        ...[v4[0], "--hostname", v6[0]],
        ...["--alternate-hostname", v4[1], "--alternate-hostname", v6[1]],
      ]),
    );
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertRightSockets(JSON.parse(stdout) as ChangeRequestReport, hosts);
  },
});

/** The whole table: four sockets, four questions to each, for each family. */
function assertRightSockets(
  { families, outcomes }: ChangeRequestReport,
  hosts: readonly (readonly [primary: string, alternate: string])[],
): void {
  assertEquals(
    families.map((sockets) => sockets.map((socket) => socket.replace(/:\d+$/, ""))),
    hosts.map(([primary, alternate]) =>
      [primary, primary, alternate, alternate].map((ip) => ip.includes(":") ? `[${ip}]` : ip)
    ),
  );
  const expected = families.map((sockets) =>
    sockets.flatMap((sentTo, role) =>
      CHANGES.map((change, bits): ChangeRequestOutcome => ({
        sentTo,
        change,
        cameFrom: sockets[role ^ bits]!,
        origin: sockets[role ^ bits]!,
        // RFC 5780 section 7.4: it differs from where the request came in, in address and port
        other: sockets[role ^ 3]!,
        mapped: true,
      }))
    )
  );
  assertEquals(outcomes, expected);
}

// Roles and changes are numbered alike: bit 0 is the port, bit 1 the address.
const CHANGES: readonly Change[] = ["none", "port", "address", "both"];

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
