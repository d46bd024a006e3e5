import { run } from "./process.ts";

/** What a process takes. */
export interface ProcessUsage {
  /** Memory in RAM, bytes. */
  readonly residentBytes: number;
  /** The most memory that it ever had in RAM, bytes. */
  readonly peakResidentBytes: number;
  /** Open file descriptors. */
  readonly descriptors: number;
}

/**
 * What a process takes right now, as Linux tells in /proc.
 *
 * @throws {Error} If the process is gone, or this is not Linux.
 */
export async function processUsage(pid: number): Promise<ProcessUsage> {
  // Deno opens /proc only with every permission; a child does without
  const { stdout, stderr } = await run("sh", ["-c", `cat /proc/${pid}/status; ls /proc/${pid}/fd`]);
  const bytes = (field: string): number => {
    const kilobytes = stdout.match(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m"))?.[1];
    if (kilobytes === undefined) throw new Error(`Cannot read what ${pid} takes: ${stderr.trim()}`);
    return Number(kilobytes) * 1024;
  };
  return {
    residentBytes: bytes("VmRSS"),
    peakResidentBytes: bytes("VmHWM"),
    descriptors: stdout.split("\n").filter((line) => /^\d+$/.test(line)).length,
  };
}
