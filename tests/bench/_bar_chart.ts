/** What {@linkcode barChart} draws. */
export interface BarChartGroup {
  /** What its bars have in common. */
  readonly title: string;
  /** The bars, with the least and the greatest value seen. */
  readonly bars: readonly {
    readonly name: string;
    readonly value: number;
    readonly least: number;
    readonly greatest: number;
  }[];
}

/**
 * Bars side by side as SVG, each with a whisker from the least to the greatest value. Each group has a
 * scale of its own: one that is ten times another would leave nothing to see of that.
 */
export function barChart(title: string, groups: readonly BarChartGroup[]): string {
  const parts: string[] = [];
  let y = 40;
  const text = (x: number, size: number, words: string) =>
    parts.push(`<text x="${x}" y="${y}" font-size="${size}">${escaped(words)}</text>`);
  y = 22;
  text(10, 15, title);
  y = 40;
  for (const { title, bars } of groups) {
    const scale = PLOT / Math.max(1, ...bars.map(({ greatest }) => greatest));
    y += 20;
    text(10, 13, title);
    for (const { name, value, least, greatest } of bars) {
      y += ROW;
      text(20, 12, name);
      const [from, to] = [LEFT + least * scale, LEFT + greatest * scale];
      const middle = y - 4;
      const fill = name.startsWith("ours") ? "#2b6cb0" : "#a0aec0";
      parts.push(
        `<rect x="${LEFT}" y="${y - 12}" width="${
          round(value * scale)
        }" height="14" fill="${fill}"/>`,
        `<path d="M${round(from)} ${middle}H${round(to)}" stroke="#000"/>`,
      );
      text(round(to) + 6, 12, Math.round(value).toLocaleString("en-US"));
    }
  }
  const height = y + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">\n` +
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>\n${parts.join("\n")}\n</svg>\n`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
}

const WIDTH = 760;
const LEFT = 210;
const PLOT = 460;
const ROW = 20;
