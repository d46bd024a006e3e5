/// <reference lib="dom" />

/**
 * An element of the page.
 *
 * @throws {TypeError} If the page has none of that name and kind.
 */
export function byId<T extends HTMLElement = HTMLElement>(
  id: string,
  kind: new () => T = HTMLElement as unknown as new () => T,
): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`Cannot find #${id}: wanted ${kind.name}`);
  return found;
}

/** Says how things stand, to eyes and to screen readers. */
export function say(id: string, text: string, mood: "" | "good" | "problem" = ""): void {
  const note = byId(id);
  // The same once more would be read out once more
  if (note.textContent !== text) note.textContent = text;
  note.className = `note ${mood}`.trimEnd();
}

/** An element with a class and a text; text is all that a stranger can put into the page. */
export function textElement(
  tag: "p" | "span" | "strong",
  style: string,
  text: string,
): HTMLElement {
  const made = document.createElement(tag);
  made.className = style;
  made.textContent = text;
  return made;
}
