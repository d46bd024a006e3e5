import type { DoctorLine, DoctorReport, DoctorResult } from "../protocol/doctor/mod.ts";
import { formatSocketAddress } from "../wire/mod.ts";
import { COLUMNS, wrapText } from "./wrap_text.ts";

/**
 * A report as `pinhole doctor` prints it for people, on lines of at most 80 columns: every check that
 * was made, then in a line for each reason those that were not, then the sum.
 */
export function doctorReportText({ server, checks }: DoctorReport): string {
  const made = checks.filter(({ result }) => result !== "skip");
  const reasons = Map.groupBy(
    checks.filter(({ result }) => result === "skip"),
    ({ detail }) => detail,
  );
  return [
    formatSocketAddress(server),
    ...made.flatMap(row),
    ...Array.from(reasons, ([reason, skipped]) => {
      const ids = skipped.map(({ id }) => id).join(", ");
      return entry("skip", wrapText(`${reason}: ${ids}`, INDENT));
    }).flat(),
    "",
    sum(checks),
  ].join("\n");
}

function row({ result, title, rfc, detail }: DoctorLine): readonly string[] {
  const source = /^[0-9]/.test(rfc) ? `RFC ${rfc}` : rfc;
  const room = COLUMNS - INDENT - source.length;
  return entry(result, [
    " ".repeat(INDENT) + title.padEnd(room) + source,
    ...wrapText(detail, INDENT),
  ]);
}

/** Puts the result in front of the first line. */
function entry(result: DoctorResult, [first = "", ...rest]: readonly string[]): readonly string[] {
  return [result + first.slice(result.length), ...rest];
}

function sum(checks: readonly DoctorLine[]): string {
  const counts = RESULTS.map((wanted) => {
    return `${checks.filter(({ result }) => result === wanted).length} ${wanted}`;
  });
  return `${checks.length} checks: ${counts.join(", ")}`;
}

const RESULTS: readonly DoctorResult[] = ["pass", "warn", "fail", "skip"];
/** Where titles and details begin. */
const INDENT = 6;
