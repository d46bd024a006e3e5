import { type HttpHandler, textResponse } from "../ops/http/mod.ts";
import { formatIp } from "../wire/mod.ts";
import icon from "./page/icon.svg" with { type: "text" };
import style from "./page/page.css" with { type: "text" };
import page from "./page/page.html" with { type: "text" };
import script from "./page/page.js" with { type: "text" };

/** What {@linkcode pageRoutes} needs. */
export interface PageRoutesOptions {
  /** The STUN URIs to tell a browser that has asked for this host (its Host header). */
  readonly stunUris: (host: string) => readonly string[];
}

/**
 * The routes of the page: `/`, what belongs to it, and `/whoami`, which tells a browser the address
 * that it comes from and the STUN URIs of the server. All of it is in the program: no file is read.
 */
export function pageRoutes({ stunUris }: PageRoutesOptions): Map<string, HttpHandler> {
  return new Map<string, HttpHandler>([
    ["/", asset(page, "text/html")],
    ["/page/page.css", asset(style, "text/css")],
    ["/page/page.js", asset(script, "text/javascript")],
    ["/page/icon.svg", asset(icon, "image/svg+xml")],
    ["/whoami", (request, { ip }) => {
      const stun = stunUris(request.headers.get("host") ?? "");
      return textResponse(`${JSON.stringify({ ip: formatIp(ip), stun })}\n`, {
        headers: { "content-type": "application/json" },
      });
    }],
  ]);
}

function asset(text: string, type: string): HttpHandler {
  return () =>
    textResponse(text, {
      headers: {
        "content-type": `${type}; charset=utf-8`,
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
      },
    });
}

/** Nothing from elsewhere, nothing inline, and no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
