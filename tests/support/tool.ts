import { unless } from "./skipped.ts";

/** A program that a test needs, and where Debian has it. */
export interface Tool {
  /** The command, looked for on `PATH`. */
  readonly command: string;
  /** The Debian package that holds it. */
  readonly package: string;
}

/** The programs that tests use when they are there. */
export const TOOLS = {
  turnserver: { command: "turnserver", package: "coturn" },
  turnutilsStunclient: { command: "turnutils_stunclient", package: "coturn" },
  stun: { command: "stun", package: "stun-client" },
  tshark: { command: "tshark", package: "tshark" },
  chromium: { command: "chromium", package: "chromium" },
  redisServer: { command: "redis-server", package: "redis-server" },
} as const satisfies Record<string, Tool>;

/** A test that is run where its tools are, and named as skipped, with the reason, elsewhere. */
export interface ToolTest {
  /** The test's name. */
  readonly name: string;
  /** What it needs. */
  readonly tools: readonly Tool[];
  /** A further reason not to run it here, such as a missing address family. */
  readonly skip?: string | undefined;
  /** The test. */
  readonly fn: (t: Deno.TestContext) => void | Promise<void>;
}

/**
 * Registers a test that needs programs from outside. Without them it is registered as ignored under
 * a name that says what to install, so that nobody takes it for passed.
 */
export function testWithTool({ name, tools, skip, fn }: ToolTest): void {
  const missing = tools.find((tool) => !hasTool(tool.command));
  const reason = missing === undefined
    ? skip
    : `needs ${missing.command} (Debian package ${missing.package})`;
  Deno.test({ ...unless(reason, name), fn });
}

/** Whether a program is on `PATH`. */
export function hasTool(command: string): boolean {
  return pathOf(command) !== undefined;
}

/** Where on `PATH` a program is, if it is there. */
export function pathOf(command: string): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/${command}`).find((path) => {
    try {
      const { isFile, mode } = Deno.statSync(path);
      return isFile && ((mode ?? 0) & 0o111) !== 0;
    } catch {
      return false;
    }
  });
}

/** A loopback address of each family, with the reason, if there is one, not to use it here. */
export const LOOPBACKS = [
  { family: "IPv4", hostname: "127.0.0.1", skip: undefined },
  { family: "IPv6", hostname: "::1", skip: hasIpv6() ? undefined : "no IPv6 on loopback" },
] as const;

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
