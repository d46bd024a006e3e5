/// <reference lib="dom" />

/** One station of the way between a browser and its server. */
export interface Station {
  /** What it is. */
  readonly title: string;
  /** Its address, or what is known of it. */
  readonly text: string;
  /** `here`: this device; `unsure`: perhaps not there, or not answering. */
  readonly look?: "here" | "unsure" | undefined;
}

/** Draws the way as boxes with lines between, side by side or, on a narrow screen, one below the other. */
export function drawWay(list: HTMLElement, stations: readonly Station[]): void {
  list.replaceChildren(...stations.map(({ title, text, look = "" }) => {
    const item = document.createElement("li");
    item.className = look;
    const heading = document.createElement("strong");
    heading.textContent = title;
    const detail = document.createElement("span");
    detail.textContent = text;
    item.append(heading, detail);
    return item;
  }));
}
