/** The width of a terminal, in characters. */
export const COLUMNS = 80;

/** Text on as many lines of {@linkcode COLUMNS} as it takes, each behind an indentation. */
export function wrapText(text: string, indent: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((word) => word !== "")) {
    if (line !== "" && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  if (line !== "") lines.push(line);
  return lines.map((line) => " ".repeat(indent) + line);
}
