import { assertEquals } from "@std/assert";
import { type Packet, pcapOf } from "../support/pcap.ts";
import { run } from "../support/process.ts";

/** What Wireshark's dissector says of one STUN message. */
export interface Dissection {
  /** The message type, `0x0101`. */
  readonly type: string;
  /** The types of its attributes, in order. */
  readonly attributes: readonly string[];
  /** `address:port` of its first address attribute, IPv6 in brackets; empty if there is none. */
  readonly address: string;
  /** "good", "bad", or "none" where there is no FINGERPRINT. */
  readonly fingerprint: "good" | "bad" | "none";
  /** The class and number of ERROR-CODE, as in `420`; empty if there is none. */
  readonly error: string;
  /** Which attributes UNKNOWN-ATTRIBUTES lists. */
  readonly unknown: readonly string[];
  /** Whatever the dissector complains of; "malformed" among it. */
  readonly complaints: string;
}

/** Lets tshark read packets as a capture, the port of the server given as one where STUN is spoken. */
export async function dissect(packets: readonly Packet[], port: number): Promise<Dissection[]> {
  const file = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(file, pcapOf(packets));
    const { code, stdout, stderr } = await run("tshark", [
      ...["-n", "-r", file, "-Y", "udp or tcp.len > 0", "-T", "fields", "-E", "separator=/t"],
      ...["-o", "udp.ignore_ipv6_zero_checksum:TRUE"],
      ...["-d", `udp.port==${port},stun`, "-d", `tcp.port==${port},stun`],
      ...FIELDS.flatMap((field) => ["-e", field]),
    ]);
    assertEquals(code, 0, stderr);
    return stdout.split("\n").filter((line) => line !== "").map(dissectionOf);
  } finally {
    await Deno.remove(file);
  }
}

const FIELDS = [
  ...["stun.type", "stun.att.type", "stun.att.ipv4", "stun.att.ipv6"],
  ...["stun.att.port", "stun.att.crc32.status", "stun.att.error.class", "stun.att.error"],
  ...["stun.att.unknown", "_ws.malformed", "_ws.expert.message"],
];

function dissectionOf(line: string): Dissection {
  const cells = line.split("\t");
  const lists = Object.fromEntries(
    FIELDS.map((field, index) => [field, (cells[index] ?? "").split(",").filter(Boolean)]),
  );
  const list = (field: string) => lists[field] ?? [];
  const first = (field: string) => list(field)[0] ?? "";
  const port = first("stun.att.port");
  const [v4, v6] = [first("stun.att.ipv4"), first("stun.att.ipv6")];
  const errorClass = first("stun.att.error.class");
  const status = first("stun.att.crc32.status");
  return {
    type: first("stun.type"),
    attributes: list("stun.att.type"),
    address: v4 !== "" ? `${v4}:${port}` : v6 !== "" ? `[${v6}]:${port}` : "",
    fingerprint: status === "" ? "none" : status === "1" ? "good" : "bad",
    error: errorClass === "" ? "" : errorClass + first("stun.att.error").padStart(2, "0"),
    unknown: list("stun.att.unknown"),
    complaints: [...list("_ws.malformed"), ...list("_ws.expert.message")].join("; "),
  };
}
