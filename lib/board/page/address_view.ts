/// <reference lib="dom" />
import { probeAddresses } from "./address_probe.ts";
import type { AddressVerdict } from "./address_verdict.ts";
import { drawWay } from "./drawing.ts";
import { byId, say } from "./elements.ts";

/** What the server says of who asks it. */
export interface WhoAmI {
  /** The IP address that it sees. */
  readonly ip: string;
  /** Its STUN URIs. */
  readonly stun: readonly string[];
}

/** Asks for this browser's addresses and shows what comes, and again whenever a person wants it. */
export function showAddresses(): void {
  const button = byId("ask-again", HTMLButtonElement);
  const ask = async () => {
    button.disabled = true;
    await askOnce();
    button.disabled = false;
  };
  button.addEventListener("click", () => void ask());
  void ask();
}

/**
 * Asks the server who is asking, over HTTP.
 *
 * @throws {Error} If there is no answer (as a rejection).
 */
export async function whoAmI(): Promise<WhoAmI> {
  const response = await fetch("/whoami", { cache: "no-store" });
  if (!response.ok) throw new Error(`Cannot ask the server: it answers ${response.status}`);
  return await response.json();
}

async function askOnce(): Promise<void> {
  for (const id of ANSWERS) byId(id).textContent = "asking …";
  show(undefined, undefined);
  say("address-note", "");
  let who: WhoAmI;
  try {
    who = await whoAmI();
  } catch {
    for (const id of ANSWERS) byId(id).textContent = "not known";
    show(undefined, undefined, "does not answer");
    say("address-note", "The server cannot be reached. Is this device online?", "problem");
    return;
  }
  byId("address-http").textContent = who.ip;
  show(who, undefined);
  const verdict = await probeAddresses(plainStun(who.stun));
  const { ipv4, ipv6, mapping, reason } = verdict;
  const none = mapping === "none" ? "as the device has it" : "none";
  byId("address-ipv4").textContent = ipv4.join(", ") || none;
  byId("address-ipv6").textContent = ipv6.join(", ") || none;
  byId("mapping").textContent = MAPPINGS[mapping];
  show(who, verdict);
  say("address-note", reason, mapping === "blocked" || mapping === "unsupported" ? "problem" : "");
}

/** A browser asks over UDP whatever it is told, and each address once is enough. */
function plainStun(uris: readonly string[]): string[] {
  return [...new Set(uris.filter((uri) => uri.startsWith("stun:")))].slice(0, MAX_SERVERS);
}

function show(
  who: WhoAmI | undefined,
  verdict: AddressVerdict | undefined,
  server: string = location.host,
): void {
  const [seen = ""] = [...verdict?.ipv4 ?? [], ...verdict?.ipv6 ?? [], ...who ? [who.ip] : []];
  const reached = who !== undefined;
  drawWay(byId("way"), [
    { title: "You", text: verdict?.mapping === "none" ? seen : "this device", look: "here" },
    verdict === undefined || verdict.mapping === "unsupported" || verdict.mapping === "blocked"
      ? { title: "NAT or router?", text: seen, look: "unsure" }
      : verdict.mapping === "none"
      ? { title: "No NAT", text: "nothing translates" }
      : { title: "NAT or router", text: seen },
    { title: "Server", text: server, look: reached ? undefined : "unsure" },
  ]);
}

const ANSWERS = ["address-http", "address-ipv4", "address-ipv6", "mapping"] as const;

const MAPPINGS: Readonly<Record<AddressVerdict["mapping"], string>> = {
  none: "no translation",
  same: "the same port for every destination",
  differs: "another port for each destination",
  unknown: "cannot be told",
  blocked: "no answer over UDP",
  unsupported: "no WebRTC here",
};

/** Two tell the mapping; browsers warn of more than five. */
const MAX_SERVERS = 4;
