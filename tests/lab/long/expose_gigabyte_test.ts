// A gigabyte each way through `pinhole expose` behind a real NAT, whole, and as fast as socat, nearly.

import { assert, assertEquals } from "@std/assert";
import { testWithTool } from "../../support/tool.ts";
import type { LabHost } from "../lab_host.ts";
import { LAB_PORT, LAB_SERVERS, serverAnswers } from "../lab_servers.ts";
import { NatLab, NFT, whyNoLab } from "../nat_lab.ts";
import { exposeEvent, startPinholeExpose } from "../pinhole_expose.ts";
import { SOCAT } from "../web_server.ts";

const GIBIBYTE = 1024 ** 3;
const ROUNDS = 3;

/** Ports on 127.0.0.1 of host1: what is sent there is thrown away, or a gibibyte is sent. */
const SINK = 9001;
const SOURCE = 9002;
/** What is sent there is summed up, while the block is sent again and again. */
const BOTH = 9003;

gigabyteTest("pinhole expose carries 1 GiB each way at a time, whole", async () => {
  await using lab = await openLab();
  const folder = await Deno.makeTempDir();
  try {
    // Much more than all buffers on the way hold, sixteen times
    const block = `${folder}/block`;
    const sixteen = `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat '${block}'; done`;
    await lab.host1.run("sh", ["-ec", `head -c ${GIBIBYTE / 16} /dev/urandom > '${block}'`]);
    const { stdout } = await lab.host1.run("sh", ["-ec", `{ ${sixteen}; } | sha256sum`]);
    const service = `${folder}/service.sh`;
    // A shell takes its input away from what runs in the background, unless it is another descriptor
    const script = `exec 3<&0\nsha256sum <&3 > '${folder}/at-service' &\n${sixteen}\nwait\n`;
    await Deno.writeTextFile(service, script);
    lab.host1.exec("socat", [
      ...["-b65536", `TCP-LISTEN:${BOTH},bind=127.0.0.1,fork,reuseaddr`],
      `EXEC:sh ${service},nofork`,
    ]);
    const address = await exposed(lab, BOTH);
    await lab.outside.run("sh", [
      "-ec",
      `{ ${sixteen}; } | socat -b65536 -t120 - TCP:${address} | sha256sum > '${folder}/at-visitor'`,
    ], { timeoutMs: 300_000 });
    const sums = ["at-service", "at-visitor"].map((name) => Deno.readTextFile(`${folder}/${name}`));
    assertEquals(await Promise.all(sums), [stdout, stdout]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

gigabyteTest("pinhole expose forwards at 70 % of socat's rate at least, each way", async () => {
  await using lab = await openLab();
  const { host1 } = lab;
  const listen = (port: number) => `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`;
  host1.exec("socat", ["-u", "-b262144", listen(SINK), "OPEN:/dev/null"]);
  host1.exec("socat", ["-U", "-b262144", listen(SOURCE), `OPEN:/dev/zero,readbytes=${GIBIBYTE}`]);
  const routes = {
    pinhole: { sink: await exposed(lab, SINK), source: await exposed(lab, SOURCE) },
    socat: { sink: await forwarded(lab, SINK), source: await forwarded(lab, SOURCE) },
  };
  const rates = { pinhole: { up: [], down: [] }, socat: { up: [], down: [] } } as Record<
    keyof typeof routes,
    Record<"up" | "down", number[]>
  >;
  // By turns, as the machine has other things to do
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ["socat", "pinhole"] as const) {
      rates[name].up.push(await rate(lab.outside, ["-t60", ZEROS, `TCP:${routes[name].sink}`]));
      rates[name].down.push(
        await rate(lab.outside, ["-u", `TCP:${routes[name].source}`, "OPEN:/dev/null"]),
      );
    }
  }
  for (const way of ["up", "down"] as const) {
    const ratio = median(rates.pinhole[way]) / median(rates.socat[way]);
    const figures = `${way}: ${(100 * ratio).toFixed(0)} % of socat's rate; bytes/s ` +
      `${rates.pinhole[way].map(megabytes)} beside ${rates.socat[way].map(megabytes)}`;
    await Deno.stderr.write(new TextEncoder().encode(`${figures}\n`));
    assert(ratio >= 0.7, figures);
  }
});

const ZEROS = `OPEN:/dev/zero,readbytes=${GIBIBYTE}!!OPEN:/dev/null,wronly`;

async function openLab(): Promise<NatLab> {
  const lab = await NatLab.open({ nat1: "full-cone" });
  try {
    await serverAnswers(lab, { child: LAB_SERVERS.ours(lab.server), ip: lab.server.ip });
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

/** The public address of a service of host1 that `pinhole expose` forwards to. */
async function exposed({ host1, server }: NatLab, port: number): Promise<string> {
  const child = startPinholeExpose(host1, {
    service: `127.0.0.1:${port}`,
    servers: [server.ip],
  });
  return `${(await exposeEvent(child, "verified")).public}`;
}

/** The same with socat: it opens the NAT by a connection to the server, and then listens there. */
async function forwarded({ host1, router1, server }: NatLab, port: number): Promise<string> {
  const local = port + 1_000;
  await host1.run("socat", [
    ...["-u", "OPEN:/dev/null", `TCP:${server.ip}:${LAB_PORT},sourceport=${local},reuseaddr`],
  ]);
  host1.exec("socat", [`TCP-LISTEN:${local},fork,reuseaddr`, `TCP:127.0.0.1:${port}`]);
  await host1.run("sh", [
    ...["-c", 'until ss -Hltn "sport = :$1" | grep -q .; do sleep 0.05; done', "sh", `${local}`],
  ]);
  return `${router1.publicIp}:${local}`;
}

/** Bytes per second of a socat that carries a gibibyte. */
async function rate(host: LabHost, args: readonly string[]): Promise<number> {
  const start = performance.now();
  await host.run("socat", ["-b262144", ...args], { timeoutMs: 120_000 });
  return GIBIBYTE / ((performance.now() - start) / 1000);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function gigabyteTest(name: string, fn: () => Promise<void>): void {
  testWithTool({ name, tools: [NFT, SOCAT], skip: whyNoLab(), fn });
}
