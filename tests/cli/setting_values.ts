import type { SettingName } from "../../lib/cli/settings_table.ts";

/** A value of a setting, as a flag and in a file. */
export interface GoodValue {
  /** The flag, with its value. */
  readonly flag: string;
  /** The value in a file, as JSON. */
  readonly file: unknown;
  /** What both of them mean. */
  readonly value: unknown;
  /** What has to be said beside it. */
  readonly also?: Partial<Record<SettingName, unknown>>;
}

const TLS = { "tls-cert": "cert.pem", "tls-key": "key.pem" };
const LONG_TERM = { auth: "long-term", realm: "example.org", user: ["alice:pass"] };

/** Values of every setting that are to be read. */
export const GOOD: Readonly<Record<SettingName, readonly GoodValue[]>> = {
  hostname: [
    { flag: "--hostname ::1", file: "::1", value: ["::1"] },
    {
      flag: "--hostname 192.0.2.1 --hostname=::",
      file: ["192.0.2.1", "::"],
      value: ["192.0.2.1", "::"],
    },
  ],
  port: [
    { flag: "--port 0", file: 0, value: 0 },
    { flag: "--port 65535", file: 65535, value: 65535 },
    { flag: "--port 03478", file: 3478, value: 3478 },
  ],
  transport: [
    { flag: "--transport udp", file: ["udp"], value: ["udp"] },
    { flag: "--transport tcp,udp", file: "tcp, udp", value: ["tcp", "udp"] },
  ],
  "tls-port": [{ flag: "--tls-port 443", file: 443, value: 443 }],
  "tls-cert": [{ flag: "--tls-cert cert.pem", file: "cert.pem", value: "cert.pem", also: TLS }],
  "tls-key": [{ flag: "--tls-key key.pem", file: "key.pem", value: "key.pem", also: TLS }],
  "alternate-hostname": [
    { flag: "--alternate-hostname 192.0.2.2", file: "192.0.2.2", value: ["192.0.2.2"] },
  ],
  "alternate-port": [{ flag: "--alternate-port 3479", file: 3479, value: 3479 }],
  advertise: [{ flag: "--advertise 2001:db8::1", file: ["2001:db8::1"], value: ["2001:db8::1"] }],
  "advertise-alternate": [
    { flag: "--advertise-alternate 2001:db8::2", file: "2001:db8::2", value: ["2001:db8::2"] },
  ],
  "dial-back": [{ flag: "--dial-back off", file: "off", value: "off" }],
  auth: [
    { flag: "--auth none", file: "none", value: "none" },
    { flag: "--auth short-term", file: "short-term", value: "short-term", also: { user: ["a:b"] } },
    { flag: "--auth long-term", file: "long-term", value: "long-term", also: LONG_TERM },
  ],
  realm: [{
    flag: "--realm example.org",
    file: "example.org",
    value: "example.org",
    also: LONG_TERM,
  }],
  user: [
    { flag: "--user alice:pass", file: "alice:pass", value: ["alice:pass"], also: LONG_TERM },
    {
      flag: "--user alice:pass:word --user ö:ß",
      file: ["alice:pass:word", "ö:ß"],
      value: ["alice:pass:word", "ö:ß"],
      also: LONG_TERM,
    },
  ],
  "auth-secret": [{ flag: "--auth-secret s", file: "s", value: "s", also: LONG_TERM }],
  "nonce-secret": [
    {
      flag: "--nonce-secret 0123456789abcdef",
      file: "0123456789abcdef",
      value: "0123456789abcdef",
    },
  ],
  "rate-limit": [
    { flag: "--rate-limit 0", file: 0, value: 0 },
    { flag: "--rate-limit 10000000", file: 10_000_000, value: 10_000_000 },
  ],
  "rate-burst": [{ flag: "--rate-burst 1", file: 1, value: 1 }],
  exempt: [
    { flag: "--exempt 192.0.2.0/24", file: "192.0.2.0/24", value: ["192.0.2.0/24"] },
    {
      flag: "--exempt 192.0.2.1 --exempt 2001:db8::/32",
      file: ["192.0.2.1", "2001:db8::/32"],
      value: ["192.0.2.1", "2001:db8::/32"],
    },
  ],
  "max-connections": [{ flag: "--max-connections 1", file: 1, value: 1 }],
  "max-connections-per-address": [
    { flag: "--max-connections-per-address 1000000", file: 1_000_000, value: 1_000_000 },
  ],
  "idle-timeout": [{ flag: "--idle-timeout 31536000", file: 31_536_000, value: 31_536_000 }],
  "proxy-protocol": [
    { flag: "--proxy-protocol 127.0.0.0/8", file: ["127.0.0.0/8"], value: ["127.0.0.0/8"] },
  ],
  "http-port": [{ flag: "--http-port 0", file: 0, value: 0 }],
  "http-hostname": [{ flag: "--http-hostname ::", file: "::", value: "::" }],
  "http-operator": [
    { flag: "--http-operator 192.0.2.0/24", file: "192.0.2.0/24", value: ["192.0.2.0/24"] },
  ],
  "http-trusted-proxy": [
    { flag: "--http-trusted-proxy 127.0.0.1", file: ["127.0.0.1"], value: ["127.0.0.1"] },
  ],
  "http-origin": [
    {
      flag: "--http-origin https://app.example --http-origin http://[::1]:8080",
      file: ["https://app.example", "http://[::1]:8080"],
      value: ["https://app.example", "http://[::1]:8080"],
    },
    { flag: "--http-origin *", file: "*", value: ["*"] },
  ],
  "http-max-connections": [{ flag: "--http-max-connections 1", file: 1, value: 1 }],
  "http-max-connections-per-address": [
    { flag: "--http-max-connections-per-address 2000", file: 2000, value: 2000 },
  ],
  "board-store": [
    { flag: "--board-store none", file: "none", value: "none" },
    { flag: "--board-store memory", file: "memory", value: "memory" },
    {
      flag: "--board-store redis://user:word@127.0.0.1:6379/1",
      file: "redis://user:word@127.0.0.1:6379/1",
      value: "redis://user:word@127.0.0.1:6379/1",
      also: { "http-port": 8080 },
    },
  ],
  udp: [
    { flag: "--udp auto", file: "auto", value: "auto" },
    { flag: "--udp deno", file: "deno", value: "deno" },
    { flag: "--udp batched", file: "batched", value: "batched" },
  ],
  tcp: [
    { flag: "--tcp auto", file: "auto", value: "auto" },
    { flag: "--tcp deno", file: "deno", value: "deno" },
    { flag: "--tcp epoll", file: "epoll", value: "epoll" },
  ],
  workers: [
    { flag: "--workers 1", file: 1, value: 1, also: { udp: "deno" } },
    { flag: "--workers 64", file: 64, value: 64 },
  ],
  software: [{ flag: "--software Pinhole", file: "Pinhole", value: "Pinhole" }],
  "log-format": [{ flag: "--log-format json", file: "json", value: "json" }],
  "log-level": [{ flag: "--log-level trace", file: "trace", value: "trace" }],
};
