/** What to leave of a source text. */
export interface CodeOfOptions {
  /** Whether the contents of strings stay. @default false */
  readonly strings?: boolean;
}

/**
 * TypeScript with its comments, regular expressions and (unless asked for) strings blanked out, so
 * that a search finds code alone. What `${}` holds in a template is code. Every character keeps its
 * place and line.
 */
export function codeOf(source: string, { strings = false }: CodeOfOptions = {}): string {
  let code = "";
  /** For each template that is open: how many braces are open in its current `${}`. */
  const templates: number[] = [];
  let at = 0;
  const copy = (length: number) => void (code += source.slice(at, at += length));
  const blank = (end: number) => void (code += source.slice(at, at = end).replace(/[^\n]/g, " "));
  const text = (end: number) => strings ? copy(end - at) : blank(end);
  while (at < source.length) {
    const char = source[at]!;
    if (source.startsWith("//", at)) blank(endOf(source, "\n", at) - 1);
    else if (source.startsWith("/*", at)) blank(endOf(source, "*/", at + 2));
    else if (char === '"' || char === "'") {
      copy(1);
      text(endOfQuoted(source, at, char) - 1);
      copy(1);
    } else if (char === "`" || (char === "}" && templates.at(-1) === 0)) {
      if (char === "}") templates.pop();
      copy(1);
      const end = endOfTemplatePart(source, at);
      const opens = source.startsWith("${", end - 2);
      text(opens ? end - 2 : end - 1);
      copy(opens ? 2 : 1);
      if (opens) templates.push(0);
    } else if (char === "/" && startsRegExp(code)) blank(endOfRegExp(source, at + 1));
    else {
      if (char === "{" && templates.length > 0) templates[templates.length - 1]!++;
      if (char === "}" && templates.length > 0) templates[templates.length - 1]!--;
      copy(1);
    }
  }
  return code;
}

/** What a source text imports or re-exports, as it is written there. */
export function importsOf(source: string): string[] {
  const code = codeOf(source, { strings: true });
  const blanked = codeOf(source);
  const specifiers: string[] = [];
  for (const pattern of [STATIC_IMPORT, DYNAMIC_IMPORT]) {
    for (const match of blanked.matchAll(pattern)) {
      const open = match.index + match[0].length;
      specifiers.push(code.slice(open, endOfQuoted(code, open, code[open - 1]!) - 1));
    }
  }
  return specifiers;
}

const STATIC_IMPORT = /(?<![.\w#])(?:import|export)\s*(?:[\w$*{},\s]+?\sfrom\s*)?["']/g;
const DYNAMIC_IMPORT = /(?<![.\w#])import\s*\(\s*["'`]/g;

function endOf(source: string, needle: string, from: number): number {
  const found = source.indexOf(needle, from);
  return found < 0 ? source.length + 1 : found + needle.length;
}

function endOfQuoted(source: string, from: number, quote: string): number {
  for (let i = from; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === quote) return i + 1;
  }
  return source.length + 1;
}

function endOfTemplatePart(source: string, from: number): number {
  for (let i = from; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "`") return i + 1;
    else if (source.startsWith("${", i)) return i + 2;
  }
  return source.length + 1;
}

function endOfRegExp(source: string, from: number): number {
  let inClass = false;
  for (let i = from; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "[") inClass = true;
    else if (source[i] === "]") inClass = false;
    else if (source[i] === "/" && !inClass) return i + 1;
  }
  return source.length;
}

// A slash divides after a value and opens a regular expression after anything else.
function startsRegExp(before: string): boolean {
  return /(?:^|[^\w$)\]}"'`\s]|\b(?:return|typeof|case|of|in))\s*$/.test(before);
}
