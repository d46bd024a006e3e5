// `pinhole doctor` behind real NATs: what the NAT does is not laid to the server's charge.

import { assertEquals } from "@std/assert";
import { ROOT } from "../support/pinhole_server.ts";
import { testWithTool } from "../support/tool.ts";
import { LAB_SERVERS, serverAnswers } from "./lab_servers.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import { stunUri } from "./pinhole_nat.ts";

const SYMMETRIC = [
  "change-request",
  "skip",
  "the NAT does not let the other addresses in: it is symmetric",
] as const;

for (
  const { nat1, more } of [
    { nat1: "open", more: [] },
    { nat1: "firewall", more: [] },
    { nat1: "full-cone", more: [] },
    { nat1: "port-restricted", more: [] },
    { nat1: "symmetric", more: [SYMMETRIC] },
  ] as const satisfies readonly { nat1: NatLabOptions["nat1"]; more: unknown }[]
) {
  testWithTool({
    name: `pinhole doctor has no complaint about our server through a router that is ${nat1}`,
    tools: [NFT],
    skip: whyNoLab(),
    fn: async () => {
      await using lab = await NatLab.open({ nat1 });
      const { ip } = lab.server;
      await serverAnswers(lab, { child: LAB_SERVERS.ours(lab.server), ip });
      const permissions = ["--allow-net", "--allow-sys=networkInterfaces"];
      await using child = lab.host1.deno([
        ...[...permissions, `${ROOT}lib/cli/pinhole.ts`, "doctor", stunUri(ip), "--json"],
        ...["--hold", "1"],
      ]);
      const { code, stdout, stderr } = await child.result(90_000);
      const checks: Record<string, string>[] = JSON.parse(stdout).checks;
      const rows = checks.filter(({ id, result }) => result !== "pass" && !id!.startsWith("tls-"))
        .map(({ id, result, detail }) => [id, result, detail]);
      const family = "the server has an address of one family alone";
      assertEquals({ code, stderr, rows }, {
        code: 0,
        stderr: "",
        rows: [...more, ["other-family", "skip", family]],
      });
    },
  });
}
