import { assert, assertEquals } from "@std/assert";
import {
  ATTRIBUTE_CODECS,
  ATTRIBUTE_TABLE,
  attributeName,
  isComprehensionRequired,
} from "../../lib/wire/mod.ts";
import * as table from "../../lib/wire/attribute_table.ts";

Deno.test("ATTRIBUTE_TABLE has every attribute of IANA's registry under its number and name", () => {
  const ours = [...ATTRIBUTE_TABLE.values()]
    .filter(({ rfc }) => rfc !== "Pinhole" && !rfc.startsWith("3489") && !rfc.startsWith("draft"));
  assertEquals(ours.map(({ type, name }) => [hex(type), name]), IANA.map(([n, name]) => [n, name]));
});

Deno.test("ATTRIBUTE_TABLE names the document that IANA refers to", () => {
  for (const [number, name, document] of IANA) {
    const { rfc } = ATTRIBUTE_TABLE.get(Number(number))!;
    assertEquals(rfc.split(" ")[0], document, name);
    if (document !== "IANA") assert(/^\d{4} \d+(\.\d+)*$/.test(rfc), rfc);
  }
});

Deno.test("ATTRIBUTE_TABLE has the attributes that IANA has not, or no longer", () => {
  const others = [...ATTRIBUTE_TABLE.values()]
    .filter(({ rfc }) => rfc === "Pinhole" || rfc.startsWith("3489") || rfc.startsWith("draft"));
  assertEquals(others.map(({ type, name }) => [hex(type), name]), [
    ["0x0002", "RESPONSE-ADDRESS"],
    ["0x0004", "SOURCE-ADDRESS"],
    ["0x0005", "CHANGED-ADDRESS"],
    ["0x0007", "PASSWORD"],
    ["0x000B", "REFLECTED-FROM"],
    ["0x0010", "BANDWIDTH"],
    ["0x0021", "TIMER-VAL"],
    ["0x8020", "XOR-MAPPED-ADDRESS"],
    ["0xC0D1", "DIAL-BACK"],
    ["0xC0D2", "DIAL-BACK-RESULT"],
    ["0xC0D3", "ADDRESS-TOKEN"],
  ]);
});

Deno.test("ATTRIBUTE_CODECS has every attribute of STUN, NAT discovery, ICE and RFC 3489", () => {
  const numbers = new Set(ATTRIBUTE_CODECS.map((codec) => hex(codec.type)));
  const wanted = "0x0001 0x0006 0x0008 0x0009 0x000A 0x0014 0x0015 0x0020 0x001C 0x001D 0x8002 " +
    "0x001E 0x8003 0x8022 0x8023 0x8028 0x0003 0x0027 0x0026 0x8027 0x802B 0x802C 0x0024 0x0025 " +
    "0x8029 0x802A 0x0002 0x0004 0x0005 0x0007 0x000B 0x8020 0xC0D1 0xC0D2 0xC0D3";
  assertEquals([...numbers].toSorted(), wanted.split(" ").toSorted());
});

Deno.test("ATTRIBUTE_CODECS has every codec that the module exports, each once", () => {
  const exported = Object.values(table)
    .filter((one) => typeof one === "object" && "write" in one && "read" in one);
  assertEquals(new Set<unknown>(ATTRIBUTE_CODECS), new Set<unknown>(exported));
  assertEquals(ATTRIBUTE_CODECS.length, exported.length);
});

Deno.test("ATTRIBUTE_CODECS has each constant under the name that it bears", () => {
  for (const [constant, one] of Object.entries(table)) {
    if (typeof one !== "object" || !("write" in one)) continue;
    assertEquals(constant.replace(/_8020$/, "").replaceAll("_", "-"), one.name);
    assertEquals(ATTRIBUTE_TABLE.get(one.type), one);
  }
});

Deno.test("ATTRIBUTE_TABLE has each number once, and each name but XOR-MAPPED-ADDRESS", () => {
  const rows = [...ATTRIBUTE_TABLE.values()];
  // A number that stood twice in the source would have lost a row here
  assertEquals(rows.length, IANA.length + 11);
  assertEquals([...ATTRIBUTE_TABLE.keys()], rows.map((row) => row.type));
  assertEquals(rows.map((row) => row.type), rows.map((row) => row.type).toSorted((a, b) => a - b));
  const names = rows.map((row) => row.name);
  assertEquals(names.filter((name, i) => names.indexOf(name) !== i), ["XOR-MAPPED-ADDRESS"]);
});

Deno.test("attributeName() gives the name, or the number when there is none", () => {
  assertEquals(attributeName(0x0012), "XOR-PEER-ADDRESS");
  assertEquals(attributeName(0x7f), "0x007F");
  assertEquals(attributeName(0xbeef), "0xBEEF");
});

Deno.test("isComprehensionRequired() is true below 0x8000", () => {
  assertEquals([0, 0x7fff, 0x8000, 0xffff].map(isComprehensionRequired), [
    true,
    true,
    false,
    false,
  ]);
});

function hex(type: number): string {
  return `0x${type.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** IANA, "STUN Attributes", as of 2024-12-20, without what is reserved or unassigned. */
const IANA: readonly (readonly [number: string, name: string, document: string])[] = [
  ["0x0001", "MAPPED-ADDRESS", "8489"],
  ["0x0003", "CHANGE-REQUEST", "5780"],
  ["0x0006", "USERNAME", "8489"],
  ["0x0008", "MESSAGE-INTEGRITY", "8489"],
  ["0x0009", "ERROR-CODE", "8489"],
  ["0x000A", "UNKNOWN-ATTRIBUTES", "8489"],
  ["0x000C", "CHANNEL-NUMBER", "8656"],
  ["0x000D", "LIFETIME", "8656"],
  ["0x0012", "XOR-PEER-ADDRESS", "8656"],
  ["0x0013", "DATA", "8656"],
  ["0x0014", "REALM", "8489"],
  ["0x0015", "NONCE", "8489"],
  ["0x0016", "XOR-RELAYED-ADDRESS", "8656"],
  ["0x0017", "REQUESTED-ADDRESS-FAMILY", "8656"],
  ["0x0018", "EVEN-PORT", "8656"],
  ["0x0019", "REQUESTED-TRANSPORT", "8656"],
  ["0x001A", "DONT-FRAGMENT", "8656"],
  ["0x001B", "ACCESS-TOKEN", "7635"],
  ["0x001C", "MESSAGE-INTEGRITY-SHA256", "8489"],
  ["0x001D", "PASSWORD-ALGORITHM", "8489"],
  ["0x001E", "USERHASH", "8489"],
  ["0x0020", "XOR-MAPPED-ADDRESS", "8489"],
  ["0x0022", "RESERVATION-TOKEN", "8656"],
  ["0x0024", "PRIORITY", "8445"],
  ["0x0025", "USE-CANDIDATE", "8445"],
  ["0x0026", "PADDING", "5780"],
  ["0x0027", "RESPONSE-PORT", "5780"],
  ["0x002A", "CONNECTION-ID", "6062"],
  ["0x8000", "ADDITIONAL-ADDRESS-FAMILY", "8656"],
  ["0x8001", "ADDRESS-ERROR-CODE", "8656"],
  ["0x8002", "PASSWORD-ALGORITHMS", "8489"],
  ["0x8003", "ALTERNATE-DOMAIN", "8489"],
  ["0x8004", "ICMP", "8656"],
  ["0x8022", "SOFTWARE", "8489"],
  ["0x8023", "ALTERNATE-SERVER", "8489"],
  ["0x8025", "TRANSACTION_TRANSMIT_COUNTER", "7982"],
  ["0x8027", "CACHE-TIMEOUT", "5780"],
  ["0x8028", "FINGERPRINT", "8489"],
  ["0x8029", "ICE-CONTROLLED", "8445"],
  ["0x802A", "ICE-CONTROLLING", "8445"],
  ["0x802B", "RESPONSE-ORIGIN", "5780"],
  ["0x802C", "OTHER-ADDRESS", "5780"],
  ["0x802D", "ECN-CHECK STUN", "6679"],
  ["0x802E", "THIRD-PARTY-AUTHORIZATION", "7635"],
  ["0x8030", "MOBILITY-TICKET", "8016"],
  ["0xC000", "CISCO-STUN-FLOWDATA", "IANA"],
  ["0xC001", "ENF-FLOW-DESCRIPTION", "IANA"],
  ["0xC002", "ENF-NETWORK-STATUS", "IANA"],
  ["0xC003", "CISCO-WEBEX-FLOW-INFO", "IANA"],
  ["0xC056", "CITRIX-TRANSACTION-ID", "IANA"],
  ["0xC057", "GOOG-NETWORK-INFO", "IANA"],
  ["0xC058", "GOOG-LAST-ICE-CHECK-RECEIVED", "IANA"],
  ["0xC059", "GOOG-MISC-INFO", "IANA"],
  ["0xC05A", "GOOG-OBSOLETE-1", "IANA"],
  ["0xC05B", "GOOG-CONNECTION-ID", "IANA"],
  ["0xC05C", "GOOG-DELTA", "IANA"],
  ["0xC05D", "GOOG-DELTA-ACK", "IANA"],
  ["0xC05E", "GOOG-DELTA-SYNC-REQ", "IANA"],
  ["0xC060", "GOOG-MESSAGE-INTEGRITY-32", "IANA"],
  ["0xC070", "META-DTLS-IN-STUN", "IANA"],
  ["0xC071", "META-DTLS-IN-STUN-ACKNOWLEDGEMENT", "IANA"],
];
