import { WorkerError } from "../server/mod.ts";
import { chooseDatagramIo, type DatagramIo, LibcError } from "../transport/mod.ts";
import type { ServeSettings } from "./serve_settings.ts";

/**
 * How UDP is done, and why, if it is served at all. Several workers are never made one where they cannot
 * be had: who asks for them counts on them.
 *
 * @throws {LibcError} If UDP is to be done in batches and cannot be (as a rejection).
 * @throws {WorkerError} If several threads are to serve and cannot (as a rejection).
 */
export async function datagramIoFor(
  { udp, transport, workers }: Pick<ServeSettings, "udp" | "transport" | "workers">,
): Promise<DatagramIo | undefined> {
  if (!transport.includes("udp")) return undefined;
  const reason = udp === "auto" ? "the C library may be called" : "as configured";
  if (workers === 1) return { reason, ...await chooseDatagramIo(udp) };
  try {
    const chosen = await chooseDatagramIo("batched");
    await checkCodeCanBeRead();
    return { reason, ...chosen };
  } catch (error) {
    throw error instanceof LibcError ? new WorkerError(error.reason, { cause: error }) : error;
  }
}

/** Deno lets a program import its own files, but start a worker from one only if it may read it. */
async function checkCodeCanBeRead(): Promise<void> {
  const folder = new URL("../", import.meta.url);
  if (folder.protocol !== "file:" || Deno.build.standalone) return;
  const path = decodeURIComponent(folder.pathname).replace(/\/$/, "");
  const { state } = await Deno.permissions.query({ name: "read", path });
  if (state === "granted") return;
  throw new WorkerError(
    `Deno was run without permission to read the server's own code, pass --allow-read=${path}`,
  );
}
