var xs = Object.defineProperty;
var bs = (e, t) => {
  for (var n in t) xs(e, n, { get: t[n], enumerable: !0 });
};
function St(e) {
  let t = On(e.seen, vs),
    n = On(e.seen, Es),
    r = t.map(({ ip: i, port: o }) => `${i}:${o}`),
    s = n.map(({ ip: i, port: o }) => `[${i}]:${o}`);
  return { ipv4: r, ipv6: s, ...ws(e, t.length > 0 ? t : n) };
}
function ws({ supported: e, silent: t, servers: n }, r) {
  return e
    ? n === 0
      ? { mapping: "unknown", reason: "This server names no STUN address." }
      : r.length === 0
      ? t > 0
        ? {
          mapping: "blocked",
          reason: "No STUN server answered: UDP is blocked, or the server is not to be reached.",
        }
        : { mapping: "none", reason: "The server sees the address that this device has." }
      : new Set(r.map(({ ip: s }) => s)).size > 1
      ? { mapping: "unknown", reason: "This device has several ways to the Internet." }
      : r.length > 1
      ? {
        mapping: "differs",
        reason: "Each destination sees another port: hard to reach for others of its kind.",
      }
      : n > 1 && t === 0
      ? {
        mapping: "same",
        reason: "Every destination sees the same port: others can be told where to find you.",
      }
      : { mapping: "unknown", reason: "It takes answers from two STUN addresses to tell." }
    : { mapping: "unsupported", reason: "This browser has no WebRTC." };
}
function On(e, t) {
  let n = e.filter(({ type: r, ip: s }) => r === "srflx" && t(s));
  return [...new Map(n.map((r) => [`${r.ip} ${r.port}`, r])).values()];
}
function vs(e) {
  return /^[\d.]+$/.test(e);
}
function Es(e) {
  return e.includes(":");
}
async function $e(e) {
  if (typeof RTCPeerConnection != "function") {
    return St({ supported: !1, seen: [], silent: 0, servers: e.length });
  }
  let t = new RTCPeerConnection({ iceServers: e.map((o) => ({ urls: o })) }),
    n = [],
    r = new Set(),
    s = Promise.withResolvers(),
    i = setTimeout(s.resolve, ks);
  try {
    t.onicecandidate = ({ candidate: o }) => {
      if (o === null) return s.resolve();
      let { type: u, protocol: a, address: c, port: f } = o;
      a !== "udp" || c === null || f === null ||
        (u === "srflx" || u === "host") && n.push({ type: u, ip: c, port: f });
    },
      t.onicecandidateerror = ({ url: o }) => r.add(o),
      t.createDataChannel("probe"),
      await t.setLocalDescription(),
      await s.promise;
  } finally {
    clearTimeout(i), t.close();
  }
  return St({ supported: !0, seen: n, silent: r.size, servers: e.length });
}
var ks = 15e3;
function Tn(e, t) {
  e.replaceChildren(...t.map(({ title: n, text: r, look: s = "" }) => {
    let i = document.createElement("li");
    i.className = s;
    let o = document.createElement("strong");
    o.textContent = n;
    let u = document.createElement("span");
    return u.textContent = r, i.append(o, u), i;
  }));
}
function y(e, t = HTMLElement) {
  let n = document.getElementById(e);
  if (!(n instanceof t)) throw new TypeError(`Cannot find #${e}: wanted ${t.name}`);
  return n;
}
function A(e, t, n = "") {
  let r = y(e);
  r.textContent !== t && (r.textContent = t), r.className = `note ${n}`.trimEnd();
}
function X(e, t, n) {
  let r = document.createElement(e);
  return r.className = t, r.textContent = n, r;
}
function Dn() {
  let e = y("ask-again", HTMLButtonElement),
    t = async () => {
      e.disabled = !0, await Ss(), e.disabled = !1;
    };
  e.addEventListener("click", () => void t()), t();
}
async function As() {
  let e = await fetch("/whoami", { cache: "no-store" });
  if (!e.ok) throw new Error(`Cannot ask the server: it answers ${e.status}`);
  return await e.json();
}
async function Ss() {
  for (let u of Cn) y(u).textContent = "asking \u2026";
  Me(void 0, void 0), A("address-note", "");
  let e;
  try {
    e = await As();
  } catch {
    for (let u of Cn) y(u).textContent = "not known";
    Me(void 0, void 0, "does not answer"),
      A("address-note", "The server cannot be reached. Is this device online?", "problem");
    return;
  }
  y("address-http").textContent = e.ip, Me(e, void 0);
  let t = await $e(_s(e.stun)),
    { ipv4: n, ipv6: r, mapping: s, reason: i } = t,
    o = s === "none" ? "as the device has it" : "none";
  y("address-ipv4").textContent = n.join(", ") || o,
    y("address-ipv6").textContent = r.join(", ") || o,
    y("mapping").textContent = Is[s],
    Me(e, t),
    A("address-note", i, s === "blocked" || s === "unsupported" ? "problem" : "");
}
function _s(e) {
  return [...new Set(e.filter((t) => t.startsWith("stun:")))].slice(0, Rs);
}
function Me(e, t, n = location.host) {
  let [r = ""] = [...t?.ipv4 ?? [], ...t?.ipv6 ?? [], ...e ? [e.ip] : []], s = e !== void 0;
  Tn(y("way"), [
    { title: "You", text: t?.mapping === "none" ? r : "this device", look: "here" },
    t === void 0 || t.mapping === "unsupported" || t.mapping === "blocked"
      ? { title: "NAT?", text: r, look: "unsure" }
      : t.mapping === "none"
      ? { title: "No NAT", text: "nothing translates" }
      : { title: "Your NAT", text: r },
    { title: "Server", text: n, look: s ? void 0 : "unsure" },
  ]);
}
var Cn = ["address-http", "address-ipv4", "address-ipv6", "mapping"],
  Is = {
    none: "no translation",
    same: "the same port for every destination",
    differs: "another port for each destination",
    unknown: "cannot be told",
    blocked: "no answer over UDP",
    unsupported: "no WebRTC here",
  },
  Rs = 4;
var J = { now: () => performance.now(), wallTime: () => Date.now(), setTimer: Os };
function Os(e, t) {
  if (Number.isNaN(e)) throw new RangeError(`Cannot set a timer: found ${e}, wanted milliseconds`);
  let n,
    r = (s) => {
      n = s > _t ? setTimeout(() => r(s - _t), _t) : setTimeout(t, s);
    };
  return r(e), () => clearTimeout(n);
}
var _t = 2 ** 31 - 1;
function Nn(e) {
  return e === 10
    ? "\\n"
    : e === 13
    ? "\\r"
    : e === 27
    ? "\\x1b"
    : `\\x${e.toString(16).padStart(2, "0")}`;
}
function $n(e, t) {
  return e === 9 ? !1 : e === 10 || e === 13 ? t : e < 32 || e === 127 ? !0 : e >= 128 && e <= 159;
}
var Ts = /^\x1b\[([0-9;:]*)m/, Cs = "\x1B[0m";
function ce(e, t = {}) {
  let n = t.sgr !== "escape", r = t.newlines === "escape", s = !1;
  for (let a = 0; a < e.length; a++) {
    let c = e.charCodeAt(a);
    if (c === 27 || $n(c, r)) {
      s = !0;
      break;
    }
  }
  if (!s) return e;
  let i = "", o = 0, u = !1;
  for (; o < e.length;) {
    let a = e.charCodeAt(o);
    if (a === 27) {
      if (n) {
        let c = Ts.exec(e.slice(o));
        if (c != null) {
          i += c[0], u = !Ds(c[1]), o += c[0].length;
          continue;
        }
      }
      i += Nn(27), o++;
    } else $n(a, r) ? (i += Nn(a), o++) : (i += e[o], o++);
  }
  return u ? i + Cs : i;
}
function Ds(e) {
  return /^0*$/.test(e.replace(/[;:]/g, ""));
}
function fe(e) {
  if (e === !1) return null;
  let t = e ?? {};
  return (n) => ce(n, t);
}
function Pe(e) {
  let t = [], n = [];
  return function (r, s) {
    let i = e === void 0 ? s : e.call(this, r, s);
    if (typeof i != "object" || i === null) return i;
    for (; n.length > 0 && n[n.length - 1] !== this;) n.pop(), t.pop();
    for (let o = 0; o < n.length; o++) if (n[o] === i || t[o] === s) return "[Circular]";
    return t.push(s), n.push(i), i;
  };
}
function Y(e, t, n) {
  try {
    return JSON.stringify(e, t, n);
  } catch {
    return JSON.stringify(e, Pe(t), n);
  }
}
var Ue = {};
bs(Ue, { inspect: () => Le });
function Le(e, t) {
  let n = t?.compact === !0 ? void 0 : 2;
  return Y(e, void 0, n) ?? "undefined";
}
var Ns = { trace: "TRC", debug: "DBG", info: "INF", warning: "WRN", error: "ERR", fatal: "FTL" },
  $s = typeof document < "u" || typeof navigator < "u" && navigator.product === "ReactNative"
    ? (e) => Y(e)
    : "Deno" in globalThis && "inspect" in globalThis.Deno &&
        typeof globalThis.Deno.inspect == "function"
    ? (e, t) => globalThis.Deno.inspect(e, { strAbbreviateSize: 1 / 0, iterableLimit: 1 / 0, ...t })
    : Ue != null && "inspect" in Ue && typeof Le == "function"
    ? (e, t) => Le(e, { maxArrayLength: 1 / 0, maxStringLength: 1 / 0, ...t })
    : (e) => Y(e),
  je = (e, t) => String($s(e, t)),
  Ms = new TextEncoder();
function Un(e, t, n) {
  if (e == null) return n;
  if (typeof e == "function") return (s) => e(s, je);
  if (e !== "bare") {
    throw new TypeError(
      `Invalid value option: ${JSON.stringify(e)}. It must be "bare" or a function.`,
    );
  }
  let r = t === !1 ? null : fe({ sgr: "escape", newlines: t?.newlines ?? "escape" });
  return r == null
    ? (s) => typeof s == "string" ? s : n(s)
    : (s) => typeof s == "string" ? r(s) : n(s);
}
function Bn(e, t, n) {
  let r = e.length, s = n == null ? (o) => o : (o) => n(o);
  if (r === 1) return s(e[0]);
  if (r <= 6) {
    let o = "";
    for (let u = 0; u < r; u++) o += u % 2 === 0 ? s(e[u]) : t(e[u]);
    return o;
  }
  let i = new Array(r);
  for (let o = 0; o < r; o++) i[o] = o % 2 === 0 ? s(e[o]) : t(e[o]);
  return i.join("");
}
function w(e) {
  return e < 10 ? `0${e}` : `${e}`;
}
function Ps(e) {
  return e < 10 ? `00${e}` : e < 100 ? `0${e}` : `${e}`;
}
var Ls = /^([+-])(0\d|1\d|2[0-3]):([0-5]\d)$/;
function Mn(e, t) {
  let n = e < 0 ? "-" : "+", r = Math.abs(e), s = w(Math.floor(r / 60)), i = w(r % 60);
  return !t && i === "00" ? `${n}${s}` : `${n}${s}:${i}`;
}
function Us(e, t) {
  let n = e.formatToParts(new Date(t)), r = "", s = "", i = "", o = "", u = "", a = "";
  for (let c of n) {
    c.type === "year"
      ? r = c.value
      : c.type === "month"
      ? s = c.value
      : c.type === "day"
      ? i = c.value
      : c.type === "hour"
      ? o = c.value
      : c.type === "minute"
      ? u = c.value
      : c.type === "second" && (a = c.value);
  }
  return { year: r, month: s, day: i, hour: o, minute: u, second: a };
}
function Bs(e, t) {
  let n = new Date(e), r = Ps(n.getUTCMilliseconds());
  if (t.kind === "utc") {
    return {
      year: `${n.getUTCFullYear()}`,
      month: w(n.getUTCMonth() + 1),
      day: w(n.getUTCDate()),
      hour: w(n.getUTCHours()),
      minute: w(n.getUTCMinutes()),
      second: w(n.getUTCSeconds()),
      ms: r,
      offsetMinutes: 0,
    };
  }
  if (t.kind === "local") {
    return {
      year: `${n.getFullYear()}`,
      month: w(n.getMonth() + 1),
      day: w(n.getDate()),
      hour: w(n.getHours()),
      minute: w(n.getMinutes()),
      second: w(n.getSeconds()),
      ms: r,
      offsetMinutes: -n.getTimezoneOffset(),
    };
  }
  if (t.kind === "offset") {
    let u = new Date(e + t.minutes * 6e4);
    return {
      year: `${u.getUTCFullYear()}`,
      month: w(u.getUTCMonth() + 1),
      day: w(u.getUTCDate()),
      hour: w(u.getUTCHours()),
      minute: w(u.getUTCMinutes()),
      second: w(u.getUTCSeconds()),
      ms: r,
      offsetMinutes: t.minutes,
    };
  }
  let s = Us(t.formatter, e),
    i = Date.UTC(
      Number(s.year),
      Number(s.month) - 1,
      Number(s.day),
      Number(s.hour),
      Number(s.minute),
      Number(s.second),
      n.getUTCMilliseconds(),
    ),
    o = Math.round((i - e) / 6e4);
  return { ...s, ms: r, offsetMinutes: o };
}
function Fn(e) {
  if (typeof e > "u") return { kind: "utc" };
  if (e === null) return { kind: "local" };
  let t = Ls.exec(e);
  if (t != null) {
    let n = t[1] === "-" ? -1 : 1, r = Number(t[2]), s = Number(t[3]);
    return { kind: "offset", minutes: n * (r * 60 + s) };
  }
  if (typeof Intl > "u" || typeof Intl.DateTimeFormat != "function") {
    throw new TypeError(
      `Invalid timeZone option: ${
        JSON.stringify(e)
      }. This environment does not support IANA time zones.`,
    );
  }
  try {
    return {
      kind: "iana",
      formatter: new Intl.DateTimeFormat("en-CA", {
        timeZone: e,
        hour12: !1,
        hourCycle: "h23",
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
      }),
    };
  } catch {
    throw new TypeError(
      `Invalid timeZone option: ${
        JSON.stringify(e)
      }. Expected an IANA time zone name (e.g., "Asia/Seoul") or a fixed UTC offset string (e.g., "+09:00").`,
    );
  }
}
function Be(e, t) {
  return e === "none"
    ? () => null
    : e === "rfc3339" && t.kind === "utc"
    ? (n) => new Date(n).toISOString()
    : (n) => {
      let r = Bs(n, t),
        s = `${r.year}-${r.month}-${r.day}`,
        i = `${r.hour}:${r.minute}:${r.second}.${r.ms}`,
        o = Mn(r.offsetMinutes, !0),
        u = Mn(r.offsetMinutes, !1);
      return e === "date-time-timezone"
        ? `${s} ${i} ${o}`
        : e === "date-time-tz"
        ? `${s} ${i} ${u}`
        : e === "date-time"
        ? `${s} ${i}`
        : e === "time-timezone"
        ? `${i} ${o}`
        : e === "time-tz"
        ? `${i} ${u}`
        : e === "time"
        ? i
        : e === "date"
        ? s
        : `${s}T${i}${o}`;
    };
}
var Z = {
  ABBR: Ns,
  abbr: { trace: "trc", debug: "dbg", info: "inf", warning: "wrn", error: "err", fatal: "ftl" },
  FULL: {
    trace: "TRACE",
    debug: "DEBUG",
    info: "INFO",
    warning: "WARNING",
    error: "ERROR",
    fatal: "FATAL",
  },
  full: {
    trace: "trace",
    debug: "debug",
    info: "info",
    warning: "warning",
    error: "error",
    fatal: "fatal",
  },
  L: { trace: "T", debug: "D", info: "I", warning: "W", error: "E", fatal: "F" },
  l: { trace: "t", debug: "d", info: "i", warning: "w", error: "e", fatal: "f" },
};
function Ct(e) {
  return e === "crlf"
    ? `\r
`
    : `
`;
}
var Fs = /[\u007f-\u009f]/g;
function jn(e) {
  return e.replace(Fs, (t) => `\\u${t.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
function js(e, t) {
  return typeof t == "bigint" ? t.toString() : t;
}
function Tt(e) {
  return typeof e == "string" || typeof e == "number" || typeof e == "boolean"
    ? JSON.stringify(e)
    : Y(e, js);
}
function Fe(e, t) {
  if (typeof t == "bigint") return t.toString();
  if (!(t instanceof Error)) return t;
  let n = { name: t.name, message: t.message };
  typeof t.stack == "string" && (n.stack = t.stack);
  let r = t.cause;
  r !== void 0 && (n.cause = r),
    typeof AggregateError < "u" && t instanceof AggregateError && (n.errors = t.errors);
  for (let s of Object.keys(t)) s in n || (n[s] = t[s]);
  return n;
}
function Hs(e) {
  let t = e.length;
  if (t === 1) return e[0];
  if (t === 3) return e[0] + Tt(e[1]) + e[2];
  let n = e[0];
  for (let r = 1; r < t; r++) n += r & 1 ? Tt(e[r]) : e[r];
  return n;
}
function Pn(e, t) {
  if (t != null && (typeof t == "object" || typeof t == "function" || typeof t == "bigint")) {
    let n = t.toJSON;
    typeof n == "function" && (t = n.call(t, e));
  }
  return JSON.stringify(Fe(e, t), Pe(Fe));
}
function Gs(e, t) {
  let n = e.level === "warning" ? "WARN" : e.level.toUpperCase(),
    r = Pn("message", Hs(e.message)),
    s = Pn("properties", e.properties),
    i = `{"@timestamp":${JSON.stringify(new Date(e.timestamp).toISOString())},"level":${
      JSON.stringify(n)
    }`;
  return r !== void 0 && (i += `,"message":${r}`),
    i += `,"logger":${JSON.stringify(e.category.join("."))}`,
    s !== void 0 && (i += `,"properties":${s}`),
    jn(`${i}}`) + t;
}
function pe(e = {}) {
  let t = (() => {
      let f = e.timestamp, l = Fn(e.timeZone);
      return f == null
        ? Be("date-time-timezone", l)
        : f === "disabled"
        ? Be("none", l)
        : typeof f == "string" &&
            (f === "date-time-timezone" || f === "date-time-tz" || f === "date-time" ||
              f === "time-timezone" || f === "time-tz" || f === "time" || f === "date" ||
              f === "rfc3339" || f === "none")
        ? Be(f, l)
        : f;
    })(),
    n = e.category ?? "\xB7",
    r = fe(e.sanitize),
    s = fe(e.sanitize === !1 ? !1 : { ...e.sanitize, sgr: "escape" }),
    i = Un(e.value, e.sanitize, je),
    o = (() => {
      let f = e.level;
      return f == null || f === "ABBR"
        ? (l) => Z.ABBR[l]
        : f === "abbr"
        ? (l) => Z.abbr[l]
        : f === "FULL"
        ? (l) => Z.FULL[l]
        : f === "full"
        ? (l) => Z.full[l]
        : f === "L"
        ? (l) => Z.L[l]
        : f === "l"
        ? (l) => Z.l[l]
        : f;
    })(),
    u = Ct(e.lineEnding),
    a = qs(
      e.sourceLocation,
      e.sanitize === !1 ? null : fe({ ...e.sanitize, sgr: "escape", newlines: "escape" }),
    ),
    c = e.format ??
      (({ timestamp: f, level: l, category: g, message: b, sourceLocation: S }) =>
        `${f ? `${f} ` : ""}[${l}] ${g}${S == null ? "" : ` (${S})`}: ${b}`);
  return (f) => {
    let l = Bn(f.message, i, r),
      g = t(f.timestamp),
      b = o(f.level),
      S = s == null ? f.category : f.category.map(s),
      N = typeof n == "function" ? n(S) : S.join(n),
      $ = { timestamp: g, level: b, category: N, message: l, record: f };
    return a != null && ($.sourceLocation = f.sourceLocation == null ? null : a(f.sourceLocation)),
      `${c($)}${u}`;
  };
}
function qs(e, t) {
  if (e == null || e === !1) return null;
  let n = e === !0 ? (r) => `${r.file}:${r.line}:${r.column}` : e;
  return t == null ? n : (r) => t(n(r));
}
var Ws = pe(),
  It = "\x1B[0m",
  Rt = {
    black: "\x1B[30m",
    red: "\x1B[31m",
    green: "\x1B[32m",
    yellow: "\x1B[33m",
    blue: "\x1B[34m",
    magenta: "\x1B[35m",
    cyan: "\x1B[36m",
    white: "\x1B[37m",
  },
  Ot = {
    bold: "\x1B[1m",
    dim: "\x1B[2m",
    italic: "\x1B[3m",
    underline: "\x1B[4m",
    strikethrough: "\x1B[9m",
  },
  zs = {
    trace: null,
    debug: "blue",
    info: "green",
    warning: "yellow",
    error: "red",
    fatal: "magenta",
  };
function Hn(e = {}) {
  let t = e.format,
    n = typeof e.timestampStyle > "u" ? "dim" : e.timestampStyle,
    r = e.timestampColor ?? null,
    s = `${n == null ? "" : Ot[n]}${r == null ? "" : Rt[r]}`,
    i = n == null && r == null ? "" : It,
    o = typeof e.levelStyle > "u" ? "bold" : e.levelStyle,
    u = e.levelColors ?? zs,
    a = typeof e.categoryStyle > "u" ? "dim" : e.categoryStyle,
    c = e.categoryColor ?? null,
    f = `${a == null ? "" : Ot[a]}${c == null ? "" : Rt[c]}`,
    l = a == null && c == null ? "" : It;
  return pe({
    timestamp: "date-time-tz",
    value(g, b) {
      return b(g, { colors: !0 });
    },
    ...e,
    ...e.value === "bare" ? { value: Un("bare", e.sanitize, (g) => je(g, { colors: !0 })) } : {},
    format({ timestamp: g, level: b, category: S, message: N, sourceLocation: $, record: In }) {
      let At = u[In.level];
      if (
        g = g == null ? null : `${s}${g}${i}`,
          b = `${o == null ? "" : Ot[o]}${At == null ? "" : Rt[At]}${b}${
            o == null && At == null ? "" : It
          }`,
          t == null
      ) return `${g == null ? "" : `${g} `}${b} ${f}${S}${$ == null ? "" : ` (${$})`}:${l} ${N}`;
      let Rn = { timestamp: g, level: b, category: `${f}${S}${l}`, message: N, record: In };
      return $ !== void 0 && (Rn.sourceLocation = $ == null ? null : `${f}${$}${l}`), t(Rn);
    },
  });
}
var Vs = Hn();
function Gn(e = {}) {
  let t = Ct(e.lineEnding);
  if (!e.categorySeparator && !e.message && !e.properties) return (u) => Gs(u, t);
  let n = e.message === "template", r = e.properties ?? "nest:properties", s;
  if (typeof e.categorySeparator == "function") s = e.categorySeparator;
  else {
    let u = e.categorySeparator ?? ".";
    s = (a) => a.join(u);
  }
  let i;
  if (r === "flatten") i = (u) => u;
  else if (r.startsWith("prepend:")) {
    let u = r.substring(8);
    if (u === "") {
      throw new TypeError(
        `Invalid properties option: ${
          JSON.stringify(r)
        }. It must be of the form "prepend:<prefix>" where <prefix> is a non-empty string.`,
      );
    }
    i = (a) => {
      let c = {};
      for (let f in a) c[`${u}${f}`] = a[f];
      return c;
    };
  } else if (r.startsWith("nest:")) {
    let u = r.substring(5);
    i = (a) => ({ [u]: a });
  } else {throw new TypeError(
      `Invalid properties option: ${
        JSON.stringify(r)
      }. It must be "flatten", "prepend:<prefix>", or "nest:<key>".`,
    );}
  let o;
  return n
    ? o = (u) => {
      if (typeof u.rawMessage == "string") return u.rawMessage;
      let a = "";
      for (let c = 0; c < u.rawMessage.length; c++) c > 0 && (a += "{}"), a += u.rawMessage[c];
      return a;
    }
    : o = (u) => {
      let a = u.message.length;
      if (a === 1) return u.message[0];
      let c = "";
      for (let f = 0; f < a; f++) c += f % 2 < 1 ? u.message[f] : Tt(u.message[f]);
      return c;
    },
    (u) =>
      jn(
        JSON.stringify({
          "@timestamp": new Date(u.timestamp).toISOString(),
          level: u.level === "warning" ? "WARN" : u.level.toUpperCase(),
          message: o(u),
          logger: s(u.category),
          ...i(u.properties),
        }, Pe(Fe)),
      ) + t;
}
var Ks = Gn();
function Xs(e, t) {
  return t
    ? typeof e.rawMessage == "string" ? e.rawMessage : e.rawMessage.join("{}")
    : Bn(e.message, qn);
}
function Js(e) {
  if (e === "") return null;
  let t = !1;
  for (let r of e) {
    let s = r.codePointAt(0);
    if (Ln(r, s)) {
      t = !0;
      break;
    }
  }
  if (!t) return e;
  let n = "";
  for (let r of e) {
    let s = r.codePointAt(0);
    Ln(r, s) ? n += Ys(r) : n += r;
  }
  return n;
}
function Dt(e) {
  return e === 127 || e >= 128 && e <= 159;
}
function Ln(e, t) {
  return t <= 32 || Dt(t) || t === 65533 || e === "=" || e === '"' || e === "%";
}
function Ys(e) {
  let t = "";
  for (let n of Ms.encode(e)) t += `%${n.toString(16).toUpperCase().padStart(2, "0")}`;
  return t;
}
function qn(e) {
  if (typeof e == "string") return e;
  if (e === null) return "null";
  if (
    typeof e == "number" || typeof e == "boolean" || typeof e == "bigint" || typeof e > "u" ||
    typeof e == "symbol" || typeof e == "function"
  ) return String(e);
  try {
    let t = JSON.stringify(e, Fe);
    if (typeof t == "string") return Zs(t);
  } catch {}
  return je(e, { colors: !1 });
}
function Zs(e) {
  return e.startsWith('"') && e.endsWith('"') ? JSON.parse(e) : e;
}
function Qs(e, t) {
  let n = e === "" || t && ei(e);
  for (let s of e) {
    let i = s.codePointAt(0);
    if (ti(s, i)) {
      n = !0;
      break;
    }
  }
  if (!n) return e;
  let r = "";
  for (let s of e) {
    let i = s.codePointAt(0);
    r += ni(s, i);
  }
  return `"${r}"`;
}
function ei(e) {
  return e === "null" || e === "undefined" || e === "true" || e === "false";
}
function ti(e, t) {
  return t <= 32 || Dt(t) || t === 65533 || e === "=" || e === '"' || e === "\\";
}
function ni(e, t) {
  switch (e) {
    case "	":
      return "\\t";
    case `
`:
      return "\\n";
    case "\r":
      return "\\r";
    case '"':
      return '\\"';
    case "\\":
      return "\\\\";
    default:
      return t <= 31 || Dt(t) ? `\\u${t.toString(16).padStart(4, "0")}` : e;
  }
}
function ri(e) {
  let t = qn(e);
  return Qs(t, typeof e == "string");
}
function le(e, t, n) {
  let r = Js(t);
  r != null && e.push(`${r}=${ri(n)}`);
}
function Wn(e = {}) {
  let t = "prepend:",
    n = Ct(e.lineEnding),
    r = Be("rfc3339", Fn(e.timeZone)),
    s = e.message === "template",
    i = e.properties ?? "flatten",
    o;
  if (typeof e.categorySeparator == "function") o = e.categorySeparator;
  else {
    let a = e.categorySeparator ?? ".";
    o = (c) => c.join(a);
  }
  let u = "";
  if (i === "flatten") u = "";
  else if (i.startsWith(t)) {
    if (u = i.substring(t.length), u === "") {
      throw new TypeError(
        "Invalid properties option: " + JSON.stringify(i) +
          '. It must be of the form "prepend:<prefix>" where <prefix> is a non-empty string.',
      );
    }
  } else {throw new TypeError(
      `Invalid properties option: ${
        JSON.stringify(i)
      }. It must be "flatten" or "prepend:<prefix>".`,
    );}
  return (a) => {
    let c = [];
    le(c, "time", r(a.timestamp)),
      le(c, "level", a.level),
      le(c, "logger", o(a.category)),
      le(c, "msg", Xs(a, s));
    for (let f in a.properties) {
      Object.prototype.hasOwnProperty.call(a.properties, f) && le(c, `${u}${f}`, a.properties[f]);
    }
    return `${c.join(" ")}${n}`;
  };
}
var si = Wn();
var Tu = pe({
  timestamp: (e) => new Date(e).toISOString().slice(0, 19).replace("T", " "),
  level: (e) => ai(e).padEnd(5),
  sanitize: { sgr: "escape", newlines: "escape" },
  format: ({ timestamp: e, level: t, message: n, record: r }) =>
    `${e} ${t} ${n}${ii(r.properties)}`,
});
function ii(e) {
  return Object.entries(e).filter(([, t]) => t !== void 0).map(([t, n]) => ` ${Vn(t)}=${oi(n)}`)
    .join("");
}
function oi(e) {
  if (typeof e == "string" || e instanceof Error) {
    let t = typeof e == "string" ? e : zn(e);
    return /^[^\s"=\p{Cc}]+$/u.test(t) ? t : ci(JSON.stringify(t));
  }
  return Vn(ui(e));
}
function ui(e) {
  let t = [];
  return JSON.stringify(e, function (n, r) {
    if (typeof r == "bigint") return `${r}`;
    if (r instanceof Error) return zn(r);
    if (typeof r != "object" || r === null) return r;
    for (; t.length > 0 && t.at(-1) !== this;) t.pop();
    return t.includes(r) ? "[circular]" : (t.push(r), r);
  }) ?? String(e);
}
function zn(e) {
  return `${e.name}: ${e.message}`;
}
function ai(e) {
  return e === "warning" ? "warn" : e;
}
function Vn(e) {
  return ce(e, { sgr: "escape", newlines: "escape" });
}
function ci(e) {
  return e.replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (t) => `\\u${t.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
function h(e) {
  return { ok: !0, value: e };
}
function p(e, t = 0) {
  return { ok: !1, reason: e, offset: t };
}
function M(e) {
  return JSON.stringify(e.length > 80 ? `${e.slice(0, 80)}\u2026` : e);
}
function H(e, t) {
  if (e.length !== 4 && e.length !== 16) {
    throw new RangeError(
      `Cannot make a socket address: the IP address has ${e.length} bytes, wanted 4 or 16`,
    );
  }
  if (!Number.isInteger(t) || t < 0 || t > 65535) {
    throw new RangeError(`Cannot make a socket address: the port is ${t}, wanted 0 to 65535`);
  }
  return { ip: fi(e) ? e.subarray(12) : e, port: t };
}
function He(e) {
  let t = e.lastIndexOf(":");
  if (t < 0 || e.endsWith("]")) return p(`Cannot read ${M(e)}: no port, wanted ADDRESS:PORT`);
  let n = e.slice(0, t), r = n.startsWith("[") && n.endsWith("]");
  if (!r && n.includes(":")) {
    return p(`Cannot read ${M(e)}: wanted brackets around the IPv6 address`);
  }
  let s = r ? Jn(n.slice(1, -1)) : Xn(n);
  if (s === void 0) return p(`Cannot read ${M(e)}: ${M(n)} is not an IP address`);
  let i = li(e.slice(t + 1));
  return i === void 0
    ? p(`Cannot read ${M(e)}: the port is ${M(e.slice(t + 1))}, wanted 0 to 65535`, t + 1)
    : h(H(s, i));
}
function fi(e) {
  if (e.length !== 16 || e[10] !== 255 || e[11] !== 255) return !1;
  for (let t = 0; t < 10; t++) if (e[t] !== 0) return !1;
  return !0;
}
function Xn(e) {
  let t = e.length;
  if (t < 7 || t > 15) return;
  let n = new Uint8Array(4), r = 0, s = 0, i = 0;
  for (let o = 0; o < t; o++) {
    let u = e.charCodeAt(o);
    if (u === 46) {
      if (s === 0 || i === 3) return;
      n[i++] = r, r = s = 0;
      continue;
    }
    if (u < 48 || u > 57 || s > 0 && r === 0 || (r = r * 10 + u - 48, ++s > 3 || r > 255)) return;
  }
  if (!(s === 0 || i !== 3)) return n[3] = r, n;
}
function Jn(e) {
  let t = e.lastIndexOf(":");
  if (t >= 0 && e.indexOf(".", t) >= 0) {
    let u = Xn(e.slice(t + 1));
    if (u === void 0) return;
    let a = (u[0] << 8 | u[1]).toString(16), c = (u[2] << 8 | u[3]).toString(16);
    return Jn(`${e.slice(0, t + 1)}${a}:${c}`);
  }
  let n = e.split("::");
  if (n.length > 2) return;
  let r = Kn(n[0]), s = n.length === 2 ? Kn(n[1]) : [];
  if (r === void 0 || s === void 0) return;
  let i = 8 - r.length - s.length;
  if (n.length === 2 ? i < 1 : i !== 0) return;
  let o = new Uint8Array(16);
  return [...r, ...new Array(i).fill(0), ...s].forEach((u, a) => {
    o[2 * a] = u >> 8, o[2 * a + 1] = u & 255;
  }),
    o;
}
function Kn(e) {
  if (e === "") return [];
  let t = e.split(":");
  if (t.every((n) => /^[0-9a-f]{1,4}$/i.test(n))) return t.map((n) => parseInt(n, 16));
}
function li(e) {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(e)) return;
  let t = Number(e);
  return t <= 65535 ? t : void 0;
}
function Yn(e, t) {
  if (!Number.isInteger(t) || t < 0 || t > 4095) {
    throw new RangeError(`Cannot pack a message type: the method is ${t}, wanted 0 to 0xFFF`);
  }
  let n = pi.indexOf(e);
  return t & 15 | (t & 112) << 1 | (t & 3968) << 2 | (n & 1) << 4 | (n & 2) << 7;
}
var pi = ["request", "indication", "success", "error"];
function _(e, t) {
  return { type: e.type, write: (n, r) => e.write(t, n, r) };
}
function d(e, t) {
  return {
    ...e,
    write(n, r, s) {
      try {
        t.write(n, r, s);
      } catch (i) {
        throw i instanceof RangeError
          ? new RangeError(`Cannot write ${e.name}: ${i.message}`, { cause: i })
          : i;
      }
    },
    read(n, r) {
      let s = t.read(n, r);
      return s.ok ? s : p(`Cannot read ${e.name}: ${s.reason}`, s.offset);
    },
  };
}
var T = {
    write(e, t) {
      Qn(e), t.u16(er(e)), t.u16(e.port), t.bytes(e.ip);
    },
    read(e) {
      return Zn(e);
    },
  },
  Mt = {
    write(e, t, n) {
      Qn(e), t.u16(er(e)), t.u16(e.port ^ (Q(n, 0) << 8 | Q(n, 1)));
      for (let r = 0; r < e.ip.length; r++) t.u8(e.ip[r] ^ Q(n, r));
    },
    read(e, t) {
      let n = Zn(e);
      if (!n.ok) return n;
      let r = e.slice(4);
      for (let i = 0; i < r.length; i++) r[i] ^= Q(t, i);
      let s = Q(t, 0) << 8 | Q(t, 1);
      return h(H(r, n.value.port ^ s));
    },
  };
function Zn(e) {
  if (e.length < 4) return p(`value has ${e.length} bytes, an address needs 8 or 20`);
  let t = e[1], n = t === $t ? 8 : t === tr ? 20 : 0;
  if (n === 0) return p(`family is ${t}, wanted 1 (IPv4) or 2 (IPv6)`, 1);
  if (e.length !== n) {
    let r = t === $t ? "IPv4" : "IPv6";
    return p(`value has ${e.length} bytes, ${r} needs ${n}`, 4);
  }
  return h(H(e.subarray(4), e[2] << 8 | e[3]));
}
function Qn({ ip: e, port: t }) {
  if (e.length !== 4 && e.length !== 16) {
    throw new RangeError(`IP address has ${e.length} bytes, wanted 4 or 16`);
  }
  if (!Number.isInteger(t) || t < 0 || t > 65535) {
    throw new RangeError(`port is ${t}, wanted 0 to 65535`);
  }
}
function er(e) {
  return e.ip.length === 4 ? $t : tr;
}
function Q(e, t) {
  return e.length === 16 ? e[t] : t < 4 ? hi[t] : e[t - 4];
}
var $t = 1, tr = 2, hi = [33, 18, 164, 66];
var Ge = {
    write(e, t) {
      if (!Number.isInteger(e) || e < 0 || e > 4294967295) {
        throw new RangeError(`got ${e}, wanted 0 to 0xFFFFFFFF`);
      }
      t.u32(e);
    },
    read(e) {
      return e.length !== 4 ? p(`value has ${e.length} bytes, wanted 4`) : h(rr(e).getUint32(0));
    },
  },
  Pt = {
    write(e, t) {
      if (e < 0n || e > 0xffffffffffffffffn) throw new RangeError(`got ${e}, wanted 0 to 2^64 - 1`);
      t.u32(Number(e >> 32n)), t.u32(Number(e & 0xffffffffn));
    },
    read(e) {
      return e.length !== 8 ? p(`value has ${e.length} bytes, wanted 8`) : h(rr(e).getBigUint64(0));
    },
  },
  nr = {
    write() {},
    read(e) {
      return e.length !== 0 ? p(`value has ${e.length} bytes, wanted none`) : h(!0);
    },
  };
function he(e) {
  let { min: t, max: n, multipleOf: r = 1 } = e,
    s = (o) => o >= t && o <= n && o % r === 0,
    i = (t === n ? `${t}` : `${t} to ${n}`) + (r === 1 ? "" : ` in steps of ${r}`);
  return {
    write(o, u) {
      if (!s(o.length)) throw new RangeError(`value has ${o.length} bytes, wanted ${i}`);
      u.bytes(o);
    },
    read(o) {
      return s(o.length) ? h(o) : p(`value has ${o.length} bytes, wanted ${i}`);
    },
  };
}
function P(e) {
  let { maxCharacters: t = 1 / 0, maxWriteBytes: n, maxReadBytes: r } = e;
  return {
    write(s, i) {
      if (!s.isWellFormed()) {
        throw new RangeError("text has half of a surrogate pair, wanted well-formed Unicode");
      }
      let o = s.length > t ? [...s].length : s.length;
      if (o > t) throw new RangeError(`text has ${o} characters, the most is ${t}`);
      let u = sr.encode(s);
      if (u.length > n) throw new RangeError(`text has ${u.length} bytes, the most is ${n}`);
      i.bytes(u);
    },
    read(s) {
      return s.length > r ? p(`value has ${s.length} bytes, the most is ${r}`) : ee(s);
    },
  };
}
function ee(e) {
  try {
    return h(di.decode(e));
  } catch {
    return p("value is not UTF-8");
  }
}
function R(e) {
  return sr.encode(e);
}
function rr(e) {
  return new DataView(e.buffer, e.byteOffset, e.byteLength);
}
var sr = new TextEncoder(), di = new TextDecoder("utf-8", { fatal: !0, ignoreBOM: !0 });
var ur = {
    write(e, t, n) {
      let { code: r, reason: s } = e;
      if (!Number.isInteger(r) || r < 300 || r > 699) {
        throw new RangeError(`code is ${r}, wanted 300 to 699`);
      }
      t.u16(0), t.u8(Math.floor(r / 100)), t.u8(r % 100);
      let i = t.length;
      if (or.write(s, t, n), n.length === 16) { for (; (t.length - i) % 4 !== 0;) t.u8(32); }
    },
    read(e, t) {
      if (e.length < 4) return p(`value has ${e.length} bytes, wanted 4 or more`);
      let n = e[2] & 7, r = e[3];
      if (n < 3 || n > 6 || r > 99) {
        return p(`class is ${n} and number ${r}, wanted 3 to 6 and 0 to 99`, 2);
      }
      let s = or.read(e.subarray(4), t);
      return s.ok ? h({ code: n * 100 + r, reason: s.value }) : p(`reason phrase: ${s.reason}`, 4);
    },
  },
  ar = {
    write(e, t, n) {
      for (let r of e) {
        if (!Number.isInteger(r) || r < 0 || r > 65535) {
          throw new RangeError(`type is ${r}, wanted 0 to 0xFFFF`);
        }
        t.u16(r);
      }
      n.length === 16 && e.length % 2 === 1 && t.u16(e[0]);
    },
    read(e) {
      return e.length % 2 !== 0
        ? p(`value has ${e.length} bytes, wanted two for each type`)
        : h(Array.from({ length: e.length / 2 }, (t, n) => e[2 * n] << 8 | e[2 * n + 1]));
    },
  },
  cr = {
    write(e, t) {
      if (!ir.test(e)) {
        throw new RangeError(`name is ${JSON.stringify(e)}, wanted 1 to 255 ASCII characters`);
      }
      for (let n = 0; n < e.length; n++) t.u8(e.charCodeAt(n));
    },
    read(e) {
      let t = ee(e);
      return t.ok
        ? ir.test(t.value) ? t : p("value is not a domain name of 1 to 255 ASCII characters")
        : t;
    },
  },
  ir = /^[!-~]{1,255}$/,
  or = P({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 });
var fr = {
    write(e, t) {
      t.u32(mr(e));
    },
    read(e) {
      return e.length !== 4 ? p(`value has ${e.length} bytes, wanted 4`) : h(yr(e));
    },
  },
  lr = {
    write(e, t) {
      if (!Number.isInteger(e) || e < 1 || e > 65535) {
        throw new RangeError(`port is ${e}, wanted 1 to 65535`);
      }
      t.u16(e), t.u16(0);
    },
    read(e) {
      if (e.length !== 4) return p(`value has ${e.length} bytes, wanted 4`);
      let t = e[0] << 8 | e[1];
      return t > 0 ? h(t) : p("port is 0, wanted 1 to 65535");
    },
  },
  pr = {
    write(e, t) {
      if (!Number.isInteger(e) || e < 0 || e > 65500) {
        throw new RangeError(
          `got ${e} bytes, wanted 0 to 65500`,
        );
      }
      t.zeros(e);
    },
    read(e) {
      return h(e.length);
    },
  },
  hr = {
    write(e, t) {
      if (e.token.length !== 8) throw new RangeError(`token has ${e.token.length} bytes, wanted 8`);
      t.u32(mr(e)), t.bytes(e.token);
    },
    read(e) {
      return e.length !== 12
        ? p(`value has ${e.length} bytes, wanted 12`)
        : h({ ...yr(e), token: e.subarray(4) });
    },
  },
  qe = ["connected", "refused", "timed-out", "unreachable", "not-permitted", "unsupported"],
  dr = {
    write(e, t) {
      let { outcome: n, elapsedMs: r } = e;
      if (!Number.isInteger(r) || r < 0 || r > 4294967295) {
        throw new RangeError(`elapsedMs is ${r}, wanted 0 to 0xFFFFFFFF`);
      }
      t.u8(qe.indexOf(n)), t.zeros(3), t.u32(r);
    },
    read(e) {
      if (e.length !== 8) return p(`value has ${e.length} bytes, wanted 8`);
      let t = qe[e[0]];
      return t === void 0
        ? p(`outcome is ${e[0]}, wanted 0 to 5`)
        : h({ outcome: t, elapsedMs: new DataView(e.buffer, e.byteOffset).getUint32(4) });
    },
  };
function mr(e) {
  return (e.changeAddress ? gr : 0) | (e.changePort ? xr : 0);
}
function yr(e) {
  return { changeAddress: (e[3] & gr) !== 0, changePort: (e[3] & xr) !== 0 };
}
var gr = 4, xr = 2;
var We = 1,
  ze = 2,
  br = {
    write(e, t) {
      vr(e, t);
    },
    read(e) {
      let t = Er(e, 0);
      if (!t.ok) return t;
      let { algorithm: n, end: r } = t.value;
      return r >= e.length ? h(n) : p(`${e.length - r} bytes follow the algorithm`, r);
    },
  },
  wr = {
    write(e, t) {
      for (let n of e) vr(n, t);
    },
    read(e) {
      let t = [];
      for (let n = 0; n < e.length;) {
        let r = Er(e, n);
        if (!r.ok) return r;
        t.push(r.value.algorithm), n = r.value.end;
      }
      return h(t);
    },
  };
function vr(e, t) {
  let { number: n, parameters: r } = e;
  if (!Number.isInteger(n) || n < 0 || n > 65535) {
    throw new RangeError(`number is ${n}, wanted 0 to 0xFFFF`);
  }
  if (r.length > 65535) {
    throw new RangeError(`parameters have ${r.length} bytes, the most is 65535`);
  }
  t.u16(n), t.u16(r.length), t.bytes(r), t.zeros(-r.length & 3);
}
function Er(e, t) {
  if (e.length - t < 4) return p(`${e.length - t} bytes are left, an algorithm needs 4 or more`, t);
  let n = e[t] << 8 | e[t + 1], r = e[t + 2] << 8 | e[t + 3], s = t + 4;
  if (e.length - s < r) {
    return p(`parameters are said to have ${r} bytes, ${e.length - s} are left`, s);
  }
  let i = e.subarray(s, s + r);
  return h({ algorithm: { number: n, parameters: i }, end: s + (r + 3 & -4) });
}
var de = d({ type: 1, name: "MAPPED-ADDRESS", rfc: "8489 14.1" }, T),
  mi = d({ type: 2, name: "RESPONSE-ADDRESS", rfc: "3489 11.2.2" }, T),
  me = d({ type: 3, name: "CHANGE-REQUEST", rfc: "5780 7.2" }, fr),
  Lt = d({ type: 4, name: "SOURCE-ADDRESS", rfc: "3489 11.2.5" }, T),
  Ve = d({ type: 5, name: "CHANGED-ADDRESS", rfc: "3489 11.2.3" }, T),
  te = d(
    { type: 6, name: "USERNAME", rfc: "8489 14.3" },
    P({ maxWriteBytes: 512, maxReadBytes: 763 }),
  ),
  Ut = d(
    { type: 7, name: "PASSWORD", rfc: "3489 11.2.7" },
    P({ maxWriteBytes: 512, maxReadBytes: 763 }),
  ),
  G = d({ type: 8, name: "MESSAGE-INTEGRITY", rfc: "8489 14.5" }, he({ min: 20, max: 20 })),
  ne = d({ type: 9, name: "ERROR-CODE", rfc: "8489 14.8" }, ur),
  Ke = d({ type: 10, name: "UNKNOWN-ATTRIBUTES", rfc: "8489 14.13" }, ar),
  Bt = d({ type: 11, name: "REFLECTED-FROM", rfc: "3489 11.2.11" }, T),
  ye = d(
    { type: 20, name: "REALM", rfc: "8489 14.9" },
    P({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 }),
  ),
  ge = d(
    { type: 21, name: "NONCE", rfc: "8489 14.10" },
    P({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 }),
  ),
  q = d(
    { type: 28, name: "MESSAGE-INTEGRITY-SHA256", rfc: "8489 14.6" },
    he({ min: 16, max: 32, multipleOf: 4 }),
  ),
  xe = d({ type: 29, name: "PASSWORD-ALGORITHM", rfc: "8489 14.12" }, br),
  be = d({ type: 30, name: "USERHASH", rfc: "8489 14.4" }, he({ min: 32, max: 32 })),
  re = d({ type: 32, name: "XOR-MAPPED-ADDRESS", rfc: "8489 14.2" }, Mt),
  yi = d({ type: 36, name: "PRIORITY", rfc: "8445 16.1" }, Ge),
  gi = d({ type: 37, name: "USE-CANDIDATE", rfc: "8445 16.1" }, nr),
  we = d({ type: 38, name: "PADDING", rfc: "5780 7.6" }, pr),
  Xe = d({ type: 39, name: "RESPONSE-PORT", rfc: "5780 7.5" }, lr),
  Je = d({ type: 32770, name: "PASSWORD-ALGORITHMS", rfc: "8489 14.11" }, wr),
  xi = d({ type: 32771, name: "ALTERNATE-DOMAIN", rfc: "8489 14.16" }, cr),
  bi = d({ type: 32800, name: "XOR-MAPPED-ADDRESS", rfc: "draft-ietf-behave-rfc3489bis-02" }, Mt),
  kr = d(
    { type: 32802, name: "SOFTWARE", rfc: "8489 14.14" },
    P({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 }),
  ),
  wi = d({ type: 32803, name: "ALTERNATE-SERVER", rfc: "8489 14.15" }, T),
  vi = d({ type: 32807, name: "CACHE-TIMEOUT", rfc: "5780 9.1" }, Ge),
  ve = d({ type: 32808, name: "FINGERPRINT", rfc: "8489 14.7" }, Ge),
  Ei = d({ type: 32809, name: "ICE-CONTROLLED", rfc: "8445 16.1" }, Pt),
  ki = d({ type: 32810, name: "ICE-CONTROLLING", rfc: "8445 16.1" }, Pt),
  Ar = d({ type: 32811, name: "RESPONSE-ORIGIN", rfc: "5780 7.3" }, T),
  Ye = d({ type: 32812, name: "OTHER-ADDRESS", rfc: "5780 7.4" }, T),
  se = d({ type: 49361, name: "DIAL-BACK", rfc: "Pinhole" }, hr),
  Ft = d({ type: 49362, name: "DIAL-BACK-RESULT", rfc: "Pinhole" }, dr),
  jt = d({ type: 49363, name: "ADDRESS-TOKEN", rfc: "Pinhole" }, he({ min: 32, max: 32 })),
  Ai = [
    { type: 12, name: "CHANNEL-NUMBER", rfc: "8656 18.1" },
    { type: 13, name: "LIFETIME", rfc: "8656 18.2" },
    { type: 16, name: "BANDWIDTH", rfc: "draft-rosenberg-midcom-turn" },
    { type: 18, name: "XOR-PEER-ADDRESS", rfc: "8656 18.3" },
    { type: 19, name: "DATA", rfc: "8656 18.4" },
    { type: 22, name: "XOR-RELAYED-ADDRESS", rfc: "8656 18.5" },
    { type: 23, name: "REQUESTED-ADDRESS-FAMILY", rfc: "8656 18.6" },
    { type: 24, name: "EVEN-PORT", rfc: "8656 18.7" },
    { type: 25, name: "REQUESTED-TRANSPORT", rfc: "8656 18.8" },
    { type: 26, name: "DONT-FRAGMENT", rfc: "8656 18.9" },
    { type: 27, name: "ACCESS-TOKEN", rfc: "7635 6.2" },
    { type: 33, name: "TIMER-VAL", rfc: "draft-ietf-behave-turn" },
    { type: 34, name: "RESERVATION-TOKEN", rfc: "8656 18.10" },
    { type: 42, name: "CONNECTION-ID", rfc: "6062 6.2.1" },
    { type: 32768, name: "ADDITIONAL-ADDRESS-FAMILY", rfc: "8656 18.11" },
    { type: 32769, name: "ADDRESS-ERROR-CODE", rfc: "8656 18.12" },
    { type: 32772, name: "ICMP", rfc: "8656 18.13" },
    { type: 32805, name: "TRANSACTION_TRANSMIT_COUNTER", rfc: "7982 3.1" },
    { type: 32813, name: "ECN-CHECK STUN", rfc: "6679 7.2.2" },
    { type: 32814, name: "THIRD-PARTY-AUTHORIZATION", rfc: "7635 6.1" },
    { type: 32816, name: "MOBILITY-TICKET", rfc: "8016 3.3" },
    { type: 49152, name: "CISCO-STUN-FLOWDATA", rfc: "IANA" },
    { type: 49153, name: "ENF-FLOW-DESCRIPTION", rfc: "IANA" },
    { type: 49154, name: "ENF-NETWORK-STATUS", rfc: "IANA" },
    { type: 49155, name: "CISCO-WEBEX-FLOW-INFO", rfc: "IANA" },
    { type: 49238, name: "CITRIX-TRANSACTION-ID", rfc: "IANA" },
    { type: 49239, name: "GOOG-NETWORK-INFO", rfc: "IANA" },
    { type: 49240, name: "GOOG-LAST-ICE-CHECK-RECEIVED", rfc: "IANA" },
    { type: 49241, name: "GOOG-MISC-INFO", rfc: "IANA" },
    { type: 49242, name: "GOOG-OBSOLETE-1", rfc: "IANA" },
    { type: 49243, name: "GOOG-CONNECTION-ID", rfc: "IANA" },
    { type: 49244, name: "GOOG-DELTA", rfc: "IANA" },
    { type: 49245, name: "GOOG-DELTA-ACK", rfc: "IANA" },
    { type: 49246, name: "GOOG-DELTA-SYNC-REQ", rfc: "IANA" },
    { type: 49248, name: "GOOG-MESSAGE-INTEGRITY-32", rfc: "IANA" },
    { type: 49264, name: "META-DTLS-IN-STUN", rfc: "IANA" },
    { type: 49265, name: "META-DTLS-IN-STUN-ACKNOWLEDGEMENT", rfc: "IANA" },
  ],
  Ht = [
    de,
    mi,
    me,
    Lt,
    Ve,
    te,
    Ut,
    G,
    ne,
    Ke,
    Bt,
    ye,
    ge,
    q,
    xe,
    be,
    re,
    yi,
    gi,
    we,
    Xe,
    Je,
    xi,
    bi,
    kr,
    wi,
    vi,
    ve,
    Ei,
    ki,
    Ar,
    Ye,
    se,
    Ft,
    jt,
  ],
  Si = new Map([...Ht, ...Ai].toSorted((e, t) => e.type - t.type).map((e) => [e.type, e]));
function Sr(e) {
  return Si.get(e)?.name ?? `0x${e.toString(16).toUpperCase().padStart(4, "0")}`;
}
function Gt(e) {
  let t = 4294967295;
  for (let n = 0; n < e.length; n++) t = t >>> 8 ^ _i[(t ^ e[n]) & 255];
  return ~t >>> 0;
}
var _i = Int32Array.from({ length: 256 }, (e, t) => {
  let n = t;
  for (let r = 0; r < 8; r++) n = n & 1 ? 3988292384 ^ n >>> 1 : n >>> 1;
  return n;
});
function Ze(e) {
  return (Gt(e) ^ Ii) >>> 0;
}
var Ii = 1398035790;
function _r(e) {
  return e instanceof Uint8Array ||
    ArrayBuffer.isView(e) && e.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in e &&
      e.BYTES_PER_ELEMENT === 1;
}
var qt = (e) => e ? `"${e}" ` : "";
function Wt(e, t = "") {
  if (typeof e != "number") throw new TypeError(qt(t) + "expected number, got " + typeof e);
  if (!Number.isSafeInteger(e) || e < 0) {
    throw new RangeError(qt(t) + "expected integer >= 0, got " + e);
  }
  return e;
}
function Ee(e, t, n = "") {
  if (_r(e) && (t === void 0 || e.length === t)) return e;
  t !== void 0 && Wt(t, "length");
  let r = _r(e),
    s = t !== void 0 ? ` of length ${t}` : "",
    i = r ? `length=${e.length}` : `type=${typeof e}`,
    o = qt(n) + "expected Uint8Array" + s + ", got " + i;
  throw r ? new RangeError(o) : new TypeError(o);
}
function Rr(e) {
  if (typeof e != "function" || typeof e.create != "function") {
    throw new TypeError("expected hash wrapped by utils.createHasher");
  }
  if (Wt(e.outputLen), Wt(e.blockLen), e.outputLen < 1 || e.blockLen < 1) {
    throw new Error("hash blockLen / outputLen must be >= 1");
  }
}
var Ri = (e, t) => {
    if (e === null || typeof e != "object" || Array.isArray(e)) {
      throw new TypeError(
        (t === "object" ? "" : `"${t}" `) + "expected object, got type=" + typeof e,
      );
    }
  },
  Ir = (e, t) => {
    Ri(e, t);
    let n = Object.getPrototypeOf(e);
    if (n !== Object.prototype && n !== null) throw new TypeError(`"${t}" expected plain object`);
    if (Object.hasOwn(e, "__proto__")) throw new TypeError(`"${t}.__proto__" is not allowed`);
  };
function ie(e, t = !0) {
  if (e.destroyed) throw new Error("hash was destroyed");
  if (t && e.finished) throw new Error("digest() was already called");
}
function Qe(e, t) {
  Ee(e, void 0, "output");
  let n = t.outputLen;
  if (!(e.length >= n)) throw new RangeError('"output" expected length >= ' + n);
}
function L(...e) {
  for (let t = 0; t < e.length; t++) e[t].fill(0);
}
function et(e) {
  return new DataView(e.buffer, e.byteOffset, e.byteLength);
}
function I(e, t) {
  return e << 32 - t | e >>> t;
}
function tt(e, t) {
  return e << t | e >>> 32 - t >>> 0;
}
function Oi(e, t, n = "opts") {
  return Ir(e, "defaults"), t !== void 0 && Ir(t, n), Object.assign(Object.create(null), e, t);
}
function nt(e, t = {}) {
  if (typeof e != "function") {
    throw new TypeError('"hashCons" expected function, got type=' + typeof e);
  }
  t = Oi({}, t, "info");
  let n = (s, i) => e(i).update(s).digest(), r = e(void 0);
  return n.outputLen = r.outputLen,
    n.blockLen = r.blockLen,
    n.canXOF = r.canXOF,
    n.create = (s) => e(s),
    Object.assign(n, t),
    Object.freeze(n);
}
var Or = (e) => ({ oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, e]) });
var rt = class {
    oHash;
    iHash;
    blockLen;
    outputLen;
    canXOF = !1;
    finished = !1;
    destroyed = !1;
    constructor(t, n) {
      if (
        Rr(t), Ee(n, void 0, "key"), this.iHash = t.create(), typeof this.iHash.update != "function"
      ) throw new Error("expected Hash instance");
      this.blockLen = this.iHash.blockLen, this.outputLen = this.iHash.outputLen;
      let r = this.blockLen, s = new Uint8Array(r);
      s.set(n.length > r ? t.create().update(n).digest() : n);
      for (let i = 0; i < s.length; i++) s[i] ^= 54;
      this.iHash.update(s), this.oHash = t.create();
      for (let i = 0; i < s.length; i++) s[i] ^= 106;
      this.oHash.update(s), L(s);
    }
    update(t) {
      return ie(this), this.iHash.update(t), this;
    }
    digestInto(t) {
      ie(this), Qe(t, this), this.finished = !0;
      let n = t.subarray(0, this.outputLen);
      this.iHash.digestInto(n), this.oHash.update(n), this.oHash.digestInto(n), this.destroy();
    }
    digest() {
      let t = new Uint8Array(this.oHash.outputLen);
      return this.digestInto(t), t;
    }
    _cloneInto(t) {
      t ||= Object.create(Object.getPrototypeOf(this), {});
      let { oHash: n, iHash: r, finished: s, destroyed: i, blockLen: o, outputLen: u, canXOF: a } =
        this;
      return t = t,
        t.finished = s,
        t.destroyed = i,
        t.blockLen = o,
        t.outputLen = u,
        t.canXOF = a,
        t.oHash = n._cloneInto(t.oHash),
        t.iHash = r._cloneInto(t.iHash),
        t;
    }
    clone() {
      return this._cloneInto();
    }
    destroy() {
      this.destroyed = !0, this.oHash.destroy(), this.iHash.destroy();
    }
  },
  zt = (() => {
    let e = (t, n, r) => new rt(t, n).update(r).digest();
    return e.create = (t, n) => new rt(t, n), e;
  })();
var Ti = (e) => e / 2 ** 32 | 0, Ci = (e) => e >>> 0;
function Tr(e, t, n, r) {
  let s = Ti(n), i = Ci(n);
  e.setUint32(t, r ? i : s, r), e.setUint32(t + 4, r ? s : i, r);
}
function st(e, t, n) {
  return e & t ^ ~e & n;
}
function it(e, t, n) {
  return e & t ^ e & n ^ t & n;
}
var oe = class {
    blockLen;
    outputLen;
    canXOF = !1;
    padOffset;
    isLE;
    buffer;
    view;
    finished = !1;
    length = 0;
    pos = 0;
    destroyed = !1;
    constructor(t, n, r, s) {
      this.blockLen = t,
        this.outputLen = n,
        this.padOffset = r,
        this.isLE = s,
        this.buffer = new Uint8Array(t),
        this.view = et(this.buffer);
    }
    update(t) {
      ie(this), Ee(t);
      let { view: n, buffer: r, blockLen: s } = this, i = t.length, o = !1;
      for (let u = 0; u < i;) {
        let a = Math.min(s - this.pos, i - u);
        if (a === s) {
          let c = et(t);
          for (; s <= i - u; u += s) this.process(c, u);
          o = !0;
          continue;
        }
        r.set(u === 0 && a === i ? t : t.subarray(u, u + a), this.pos),
          this.pos += a,
          u += a,
          this.pos === s && (this.process(n, 0), this.pos = 0, o = !0);
      }
      return this.length += t.length, o && this.roundClean(), this;
    }
    digestInto(t) {
      ie(this), Qe(t, this), this.finished = !0;
      let { buffer: n, view: r, blockLen: s, isLE: i } = this, { pos: o } = this;
      n[o++] = 128,
        n.fill(0, o),
        this.padOffset > s - o && (this.process(r, 0), n.fill(0)),
        Tr(r, s - 8, this.length * 8, i),
        this.process(r, 0),
        this.roundClean();
      let u = t === n ? r : et(t), a = this.outputLen, c = a / 4, f = this.get();
      if (a % 4 || c > f.length) throw new Error("invalid outputLen");
      for (let l = 0; l < c; l++) u.setUint32(4 * l, f[l], i);
    }
    digest() {
      let { buffer: t, outputLen: n } = this;
      this.digestInto(t);
      let r = t.slice(0, n);
      return this.destroy(), r;
    }
    _cloneIntoMeta(t) {
      let { buffer: n, length: r, finished: s, destroyed: i, pos: o } = this;
      return t.destroyed = i, t.finished = s, t.length = r, t.pos = o, o && t.buffer.set(n), t;
    }
    clone() {
      return this._cloneInto();
    }
  },
  Cr = Uint32Array.from([
    1779033703,
    3144134277,
    1013904242,
    2773480762,
    1359893119,
    2600822924,
    528734635,
    1541459225,
  ]);
var ke = Uint32Array.from([1732584193, 4023233417, 2562383102, 271733878, 3285377520]),
  U = new Uint32Array(80),
  Vt = class extends oe {
    A = ke[0] | 0;
    B = ke[1] | 0;
    C = ke[2] | 0;
    D = ke[3] | 0;
    E = ke[4] | 0;
    constructor() {
      super(64, 20, 8, !1);
    }
    get() {
      let { A: t, B: n, C: r, D: s, E: i } = this;
      return [t, n, r, s, i];
    }
    set(t, n, r, s, i) {
      this.A = t | 0, this.B = n | 0, this.C = r | 0, this.D = s | 0, this.E = i | 0;
    }
    _cloneInto(t) {
      return (t ||= new this.constructor()).set(...this.get()), this._cloneIntoMeta(t);
    }
    process(t, n) {
      for (let a = 0; a < 16; a++, n += 4) U[a] = t.getUint32(n, !1);
      for (let a = 16; a < 80; a++) U[a] = tt(U[a - 3] ^ U[a - 8] ^ U[a - 14] ^ U[a - 16], 1);
      let { A: r, B: s, C: i, D: o, E: u } = this;
      for (let a = 0; a < 80; a++) {
        let c, f;
        a < 20
          ? (c = st(s, i, o), f = 1518500249)
          : a < 40
          ? (c = s ^ i ^ o, f = 1859775393)
          : a < 60
          ? (c = it(s, i, o), f = 2400959708)
          : (c = s ^ i ^ o, f = 3395469782);
        let l = tt(r, 5) + c + u + f + U[a] | 0;
        u = o, o = i, i = tt(s, 30), s = r, r = l;
      }
      r = r + this.A | 0,
        s = s + this.B | 0,
        i = i + this.C | 0,
        o = o + this.D | 0,
        u = u + this.E | 0,
        this.set(r, s, i, o, u);
    }
    roundClean() {
      L(U);
    }
    destroy() {
      this.destroyed = !0, this.set(0, 0, 0, 0, 0), L(this.buffer);
    }
  },
  Dr = nt(() => new Vt());
var Di = Uint32Array.from([
    1116352408,
    1899447441,
    3049323471,
    3921009573,
    961987163,
    1508970993,
    2453635748,
    2870763221,
    3624381080,
    310598401,
    607225278,
    1426881987,
    1925078388,
    2162078206,
    2614888103,
    3248222580,
    3835390401,
    4022224774,
    264347078,
    604807628,
    770255983,
    1249150122,
    1555081692,
    1996064986,
    2554220882,
    2821834349,
    2952996808,
    3210313671,
    3336571891,
    3584528711,
    113926993,
    338241895,
    666307205,
    773529912,
    1294757372,
    1396182291,
    1695183700,
    1986661051,
    2177026350,
    2456956037,
    2730485921,
    2820302411,
    3259730800,
    3345764771,
    3516065817,
    3600352804,
    4094571909,
    275423344,
    430227734,
    506948616,
    659060556,
    883997877,
    958139571,
    1322822218,
    1537002063,
    1747873779,
    1955562222,
    2024104815,
    2227730452,
    2361852424,
    2428436474,
    2756734187,
    3204031479,
    3329325298,
  ]),
  B = new Uint32Array(64),
  Kt = class extends oe {
    A = 0;
    B = 0;
    C = 0;
    D = 0;
    E = 0;
    F = 0;
    G = 0;
    H = 0;
    constructor(t, n) {
      super(64, t, 8, !1),
        this.A = n[0] | 0,
        this.B = n[1] | 0,
        this.C = n[2] | 0,
        this.D = n[3] | 0,
        this.E = n[4] | 0,
        this.F = n[5] | 0,
        this.G = n[6] | 0,
        this.H = n[7] | 0;
    }
    get() {
      let { A: t, B: n, C: r, D: s, E: i, F: o, G: u, H: a } = this;
      return [t, n, r, s, i, o, u, a];
    }
    set(t, n, r, s, i, o, u, a) {
      this.A = t | 0,
        this.B = n | 0,
        this.C = r | 0,
        this.D = s | 0,
        this.E = i | 0,
        this.F = o | 0,
        this.G = u | 0,
        this.H = a | 0;
    }
    _cloneInto(t) {
      return (t ||= new this.constructor()).set(...this.get()), this._cloneIntoMeta(t);
    }
    process(t, n) {
      for (let l = 0; l < 16; l++, n += 4) B[l] = t.getUint32(n, !1);
      for (let l = 16; l < 64; l++) {
        let g = B[l - 15],
          b = B[l - 2],
          S = I(g, 7) ^ I(g, 18) ^ g >>> 3,
          N = I(b, 17) ^ I(b, 19) ^ b >>> 10;
        B[l] = N + B[l - 7] + S + B[l - 16] | 0;
      }
      let { A: r, B: s, C: i, D: o, E: u, F: a, G: c, H: f } = this;
      for (let l = 0; l < 64; l++) {
        let g = I(u, 6) ^ I(u, 11) ^ I(u, 25),
          b = f + g + st(u, a, c) + Di[l] + B[l] | 0,
          N = (I(r, 2) ^ I(r, 13) ^ I(r, 22)) + it(r, s, i) | 0;
        f = c, c = a, a = u, u = o + b | 0, o = i, i = s, s = r, r = b + N | 0;
      }
      r = r + this.A | 0,
        s = s + this.B | 0,
        i = i + this.C | 0,
        o = o + this.D | 0,
        u = u + this.E | 0,
        a = a + this.F | 0,
        c = c + this.G | 0,
        f = f + this.H | 0,
        this.set(r, s, i, o, u, a, c, f);
    }
    roundClean() {
      L(B);
    }
    destroy() {
      this.destroyed = !0, this.set(0, 0, 0, 0, 0, 0, 0, 0), L(this.buffer);
    }
  },
  Xt = class extends Kt {
    constructor() {
      super(32, Cr);
    }
  };
var Nr = nt(() => new Xt(), Or(1));
var Ae = class {
  #e;
  #n;
  #t;
  constructor(t) {
    this.#e = t.slice();
  }
  start(t) {
    return t === "sha1"
      ? (this.#n ??= zt.create(Dr, this.#e)).clone()
      : (this.#t ??= zt.create(Nr, this.#e)).clone();
  }
};
function Jt(e, t, n) {
  return e.start(t).update(n).digest();
}
var Se = class {
  #e;
  #n = 0;
  #t = 0;
  #o;
  constructor(t = 256) {
    this.#e = new Uint8Array(t), this.#o = t;
  }
  get length() {
    return this.#t - this.#n;
  }
  get view() {
    return this.#e.subarray(this.#n, this.#t);
  }
  finish() {
    let t = this.#e.subarray(this.#n, this.#t);
    return this.#n = this.#t, t;
  }
  reset() {
    this.#t = this.#n;
  }
  u8(t) {
    let n = this.#r(1);
    this.#e[n] = t;
  }
  u16(t) {
    let n = this.#r(2);
    this.#e[n] = t >>> 8, this.#e[n + 1] = t;
  }
  u32(t) {
    let n = this.#r(4);
    this.#e[n] = t >>> 24, this.#e[n + 1] = t >>> 16, this.#e[n + 2] = t >>> 8, this.#e[n + 3] = t;
  }
  bytes(t) {
    let n = this.#r(t.length);
    this.#e.set(t, n);
  }
  zeros(t) {
    if (t === 0) return;
    let n = this.#r(t);
    this.#e.fill(0, n, n + t);
  }
  patchU16(t, n) {
    this.#e[this.#n + t] = n >>> 8, this.#e[this.#n + t + 1] = n;
  }
  #r(t) {
    this.#t + t > this.#e.length && this.#s(t);
    let n = this.#t;
    return this.#t += t, n;
  }
  #s(t) {
    let n = this.length, r = new Uint8Array(Math.max(this.#o, 2 * (n + t)));
    n > 0 && r.set(this.view), this.#e = r, this.#n = 0, this.#t = n;
  }
};
var Zt = 20, Pr = 554869826;
function ue(e, t = {}) {
  let n = Mr.length === 0 ? Mr : new Se();
  try {
    Ni(e, n);
    for (let r of e.attributes ?? []) Yt(r, n, e.transactionId);
    return $i(t, n), ot(n, n.length), n.finish();
  } finally {
    n.reset();
  }
}
function Ni(e, t) {
  let { transactionId: n } = e;
  if (t.u16(Yn(e.class, e.method)), t.u16(0), n.length === 12) t.u32(Pr);
  else if (n.length !== 16) {
    throw new RangeError(
      `Cannot write a message: the transaction id has ${n.length} bytes, wanted 12 or 16`,
    );
  }
  t.bytes(n);
}
function Yt(e, t, n) {
  if (!Number.isInteger(e.type) || e.type < 0 || e.type > 65535) {
    throw new RangeError(`Cannot write an attribute: its type is ${e.type}, wanted 0 to 0xFFFF`);
  }
  let r = t.length;
  t.u16(e.type), t.u16(0), "write" in e ? e.write(t, n) : t.bytes(e.value);
  let s = t.length - r - 4;
  if (s > 65535) {
    throw new RangeError(`Cannot write ${Sr(e.type)}: it has ${s} bytes, the most is 65535`);
  }
  t.patchU16(r + 2, s), t.zeros(-s & 3);
}
function $i(e, t) {
  let { integrity: n, integritySha256: r, integritySha256Bytes: s = 32, fingerprint: i = !1 } = e;
  if (n !== void 0) {
    ot(t, t.length + 24);
    let o = Jt(n, "sha1", t.view);
    Yt({ type: G.type, value: o }, t, $r);
  }
  if (r !== void 0) {
    if (s < 16 || s > 32 || s % 4 !== 0) {
      throw new RangeError(
        `Cannot write MESSAGE-INTEGRITY-SHA256: ${s} bytes asked for, wanted 16 to 32 in steps of 4`,
      );
    }
    ot(t, t.length + 4 + s);
    let u = Jt(r, "sha256", t.view).subarray(0, s);
    Yt({ type: q.type, value: u }, t, $r);
  }
  if (i) {
    ot(t, t.length + 8);
    let o = Ze(t.view);
    t.u16(ve.type), t.u16(4), t.u32(o);
  }
}
function ot(e, t) {
  let n = t - Zt;
  if (n > 65535) {
    throw new RangeError(`Cannot write a message: it has ${t} bytes, the most is 65552`);
  }
  e.patchU16(2, n);
}
var $r = new Uint8Array(0), Mr = new Se(8192);
function _e(e) {
  if (Li.test(e)) return h(e);
  let t = e.replace(Ui, " ").normalize("NFC");
  if (t === "") return tn("it is empty, wanted a character at least", 0);
  let n = Bi.exec(t);
  if (n !== null) {
    let r = `${Hr(n[0])} is not a character of PRECIS FreeformClass`;
    return tn(r, n.index);
  }
  return Fi.test(t) ? Mi(t) : h(t);
}
function Mi(e) {
  let t = [...e], n = Gi.test(e), r = Ur.test(e) && Br.test(e), s = 0;
  for (let [i, o] of t.entries()) {
    let u = t[i - 1] ?? "", a = t[i + 1] ?? "", c;
    switch (o) {
      case "\u200C":
        !Lr(u) && !Pi(t, i) && (c = "only after a virama or between letters that join");
        break;
      case "\u200D":
        Lr(u) || (c = "only after a virama");
        break;
      case "\xB7":
        (u !== "l" || a !== "l") && (c = "only between two letters l");
        break;
      case "\u0375":
        ji.test(a) || (c = "only before a Greek character");
        break;
      case "\u05F3":
      case "\u05F4":
        Hi.test(u) || (c = "only after a Hebrew character");
        break;
      case "\u30FB":
        n || (c = "only beside hiragana, katakana or han");
        break;
      default:
        r && (Ur.test(o) || Br.test(o)) &&
          (c = "Arabic-Indic or extended Arabic-Indic digits, not both");
    }
    if (c !== void 0) return tn(`${Hr(o)} is out of its context, wanted ${c}`, s);
    s += o.length;
  }
  return h(e);
}
function Lr(e) {
  return e === "" || e === Qt || e === en
    ? !1
    : (e + Qt).normalize("NFD") === Qt + e && (en + e).normalize("NFD") === e + en;
}
function Pi(e, t) {
  let n = t - 1;
  for (; Fr.test(e[n] ?? "");) n--;
  let r = t + 1;
  for (; Fr.test(e[r] ?? "");) r++;
  let s = e[n] ?? "", i = e[r] ?? "";
  return (Wi.test(s) || jr.test(s)) && (qi.test(i) || jr.test(i));
}
function tn(e, t) {
  return p(`Cannot prepare a user name, realm or password: ${e}`, t);
}
function Hr(e) {
  return `U+${e.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
function nn(e) {
  let t = e.replace(/[0-9a-f]+/g, "\\u{$&}").replaceAll(" ", "");
  return new RegExp(`[${t}]`, "u");
}
var Li = /^[ -~]+$/,
  Ui = /\p{Zs}/gu,
  Bi = new RegExp(
    "(?![\\u200c\\u200d])[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u1100-\\u11ff\\ua960-\\ua97c\\ud7b0-\\ud7c6\\ud7cb-\\ud7fb\\u0640\\u07fa\\u302e\\u302f\\u3031-\\u3035\\u303b]",
    "u",
  ),
  Fi = /[\u200c\u200d\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9]/u,
  ji = /\p{Script=Greek}/u,
  Hi = /\p{Script=Hebrew}/u,
  Gi = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u,
  Ur = /[\u0660-\u0669]/u,
  Br = /[\u06f0-\u06f9]/u,
  Qt = "\u3099",
  en = "\u05B0",
  Fr = /[\p{Mn}\p{Me}\u{1e94b}]/u,
  jr = nn(
    "620 626 628 62a-62e 633-63f 641-647 649-64a 66e-66f 678-687 69a-6bf 6c1-6c2 6cc 6ce 6d0-6d1 6fa-6fc 6ff 712-714 71a-71d 71f-727 729 72b 72d-72e 74e-758 75c-76a 76d-770 772 775-777 77a-77f 7ca-7ea 841-845 848 84a-853 855 860 862-865 868 886 889-88d 8a0-8a9 8af-8b0 8b3-8b8 8ba-8c8 1807 1820-1878 1887-18a8 18aa a840-a871 10ac0-10ac4 10ad3-10ad6 10ad8-10adc 10ade-10ae0 10aeb-10aee 10b80 10b82 10b86-10b88 10b8a-10b8b 10b8d 10b90 10bad-10bae 10d01-10d21 10d23 10ec3-10ec4 10f30-10f32 10f34-10f44 10f51-10f53 10f70-10f73 10f76-10f81 10fb0 10fb2-10fb3 10fb8 10fbb-10fbc 10fbe-10fbf 10fc1 10fc4 10fca 1e900-1e943",
  ),
  qi = nn(
    "622-625 627 629 62f-632 648 671-673 675-677 688-699 6c0 6c3-6cb 6cd 6cf 6d2-6d3 6d5 6ee-6ef 710 715-719 71e 728 72a 72c 72f 74d 759-75b 76b-76c 771 773-774 778-779 840 846-847 849 854 856-858 867 869-86a 870-882 88e 8aa-8ac 8ae 8b1-8b2 8b9 10ac5 10ac7 10ac9-10aca 10ace-10ad2 10add 10ae1 10ae4 10aef 10b81 10b83-10b85 10b89 10b8c 10b8e-10b8f 10b91 10ba9-10bac 10d22 10ec2 10f33 10f54 10f74-10f75 10fb4-10fb6 10fb9-10fba 10fbd 10fc2-10fc3 10fc9",
  ),
  Wi = nn("a872 10acd 10ad7 10d00 10fcb");
function rn(e) {
  return new Ae(R(zi("password", e)));
}
function zi(e, t) {
  let n = _e(t);
  if (!n.ok) {
    let r = n.reason.slice(n.reason.indexOf(": "));
    throw new RangeError(`Cannot prepare the ${e}${r}`);
  }
  return n.value;
}
var Vi = 20, tc = Vi + 65532;
function at(e) {
  return new Set(e.map((t) => t.type));
}
var Tc = new Map(Ht.map((e) => [e.type, e])),
  sn = [de, te, G, ne, Ke, ye, ge, q, xe, be, re],
  qr = [...sn, Lt, Ve, Ut, Bt],
  Cc = at(sn),
  Dc = at([...sn, me, we, Xe]),
  Nc = at(qr),
  $c = at([...qr, me]);
var Qc = { class: "success", method: 1, transactionId: new Uint8Array(12) };
var Xr = { kind: "unauthenticated", attributes: [], seals: {} },
  ff = { ...Xr, code: 400 },
  lf = { ...Xr, code: 401 },
  pf = rn("nobody");
var to = "obMatJos2";
var no = 4, ro = 6, so = 13, io = to.length + no + ro, bf = io + so;
var wf = new TextEncoder().encode(`pinhole nonce 1
`);
var co = { class: "error", method: 1, transactionId: new Uint8Array(12) };
var Yr = new Uint8Array(0),
  fo = _(Je, [{ number: ze, parameters: Yr }, { number: We, parameters: Yr }]),
  Uf = ue({ ...co, attributes: [fo] }).subarray(24);
var Wf = { class: "request", method: 1, transactionId: new Uint8Array(12) };
var Qf = 2 ** 24;
var yl = new TextEncoder().encode(`pinhole address token 1
`);
var bl = Uint8Array.of(80, 82, 79, 88, 89, 32),
  wl = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);
var lo = 16;
var po = 4312, vl = lo + po;
var ct = { rtoMs: 250, maxWaitMs: 500, maxRequests: 14, lastWaitFactor: 4 };
var Xl = { ...ct, maxRequests: 7 };
var ae = {
    maxMessageBytes: 16384,
    maxPosts: 4,
    maxCandidates: 8,
    maxPostData: 1024,
    maxSignalData: 12288,
    minLifetimeMs: 1e3,
    maxLifetimeMs: 36e5,
    messagesPerSecond: 10,
    postsPerSecond: 2,
    maxPeersPerRoom: 64,
  },
  Te = {
    joinMs: 1e4,
    pingMs: 2e4,
    firstPingMs: 250,
    firstPings: 3,
    silenceMs: 5e4,
    messageBurst: 60,
    postBurst: 16,
    errorsPerSecond: 1,
    errorBurst: 50,
    maxPendingSyncs: 8,
  };
var ln = {
    bad_message: "the message is not one of this protocol; `message` says where it goes wrong",
    message_too_long: "the message is longer than a peer may send; the connection ends",
    too_many_messages: "the peer sends more than it may; this message was not acted on",
    not_joined: "something was sent before `welcome`",
    joined_already: "`join` was sent a second time",
    join_timeout: "no `join` came in time; the connection ends",
    wrong_secret: "the room has another secret, or one at all; the connection ends",
    room_full: "the room has as many peers as it may; the connection ends",
    too_many_rooms: "the board has as many rooms as it may; the connection ends",
    too_many_posts: "the peer has as many posts as it may",
    no_such_post: "the peer has no post of that name",
    no_such_peer: "there is no such peer in the room",
    store_unavailable:
      "what is posted cannot be reached at the moment; a `board` follows when it can",
  },
  Qr = "pinhole.board.v1",
  es = {
    bad_message: { code: 4400, retry: !1 },
    wrong_secret: { code: 4403, retry: !1 },
    silent: { code: 4408, retry: !0 },
    message_too_long: { code: 4413, retry: !1 },
    too_many_messages: { code: 4429, retry: !0 },
    too_slow: { code: 4430, retry: !0 },
    full: { code: 4503, retry: !0 },
    going_away: { code: 4504, retry: !0 },
  };
function pn(e) {
  let t = e.startsWith(ts) ? e.slice(ts.length) : "";
  return go.test(t) && t !== "." && t !== ".." ? h(t) : p(
    "Cannot read the name of the room: wanted /board/ROOM, where ROOM is 1 to 64 letters, digits, ., _, ~ and -",
  );
}
function lt(e) {
  if (e.length < 1 || e.length > Ce) {
    throw new RangeError(`Cannot use the secret: it has ${e.length} characters, wanted 1 to ${Ce}`);
  }
  let t = btoa(String.fromCharCode(...R(e)));
  return xo + t.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
var ts = "/board/", go = /^[A-Za-z0-9._~-]{1,64}$/, xo = "pinhole.secret.", Ce = 128;
var pt, bo = { lang: void 0, message: void 0, abortEarly: void 0, abortPipeEarly: void 0 };
function ns(e) {
  return !e && !pt ? bo : {
    lang: e?.lang ?? pt?.lang,
    message: e?.message,
    abortEarly: e?.abortEarly ?? pt?.abortEarly,
    abortPipeEarly: e?.abortPipeEarly ?? pt?.abortPipeEarly,
  };
}
var wo;
function vo(e) {
  return wo?.get(e);
}
var Eo;
function ko(e) {
  return Eo?.get(e);
}
var Ao;
function So(e, t) {
  return Ao?.get(e)?.get(t);
}
function z(e) {
  let t = typeof e;
  return t === "string"
    ? `"${e}"`
    : t === "number" || t === "bigint" || t === "boolean"
    ? `${e}`
    : t === "object" || t === "function"
    ? (e && Object.getPrototypeOf(e)?.constructor?.name) ?? "null"
    : t;
}
function v(e, t, n, r, s) {
  let i = s && "input" in s ? s.input : n.value,
    o = s?.expected ?? e.expects ?? null,
    u = s?.received ?? z(i),
    a = {
      kind: e.kind,
      type: e.type,
      input: i,
      expected: o,
      received: u,
      message: `Invalid ${t}: ${o ? `Expected ${o} but r` : "R"}eceived ${u}`,
      requirement: e.requirement,
      path: s?.path,
      issues: s?.issues,
      lang: r.lang,
      abortEarly: r.abortEarly,
      abortPipeEarly: r.abortPipeEarly,
    },
    c = e.kind === "schema",
    f = s?.message ?? e.message ?? So(e.reference, a.lang) ?? (c ? ko(a.lang) : null) ??
      r.message ?? vo(a.lang);
  f !== void 0 && (a.message = typeof f == "function" ? f(a) : f),
    c && (n.typed = !1),
    n.issues ? n.issues.push(a) : n.issues = [a];
}
function _o(e, t) {
  return e === t || Number.isNaN(e) && Number.isNaN(t);
}
function Io(e, t) {
  let n = [...new Set(e)];
  return n.length > 1 ? `(${n.join(` ${t} `)})` : n[0] ?? "never";
}
function O(e) {
  return e["~standard"] = {
    version: 1,
    vendor: "valibot",
    validate: (t) => e["~run"]({ value: t }, ns()),
  },
    e;
}
function hn(e, t) {
  return {
    kind: "validation",
    type: "check",
    reference: hn,
    async: !1,
    expects: null,
    requirement: e,
    message: t,
    "~run"(n, r) {
      return n.typed && !this.requirement(n.value) && v(this, "input", n, r), n;
    },
  };
}
function dn(e) {
  return { kind: "metadata", type: "description", reference: dn, description: e };
}
function ht(e, t) {
  return {
    kind: "validation",
    type: "max_length",
    reference: ht,
    async: !1,
    expects: `<=${e}`,
    requirement: e,
    message: t,
    "~run"(n, r) {
      return n.typed && n.value.length > this.requirement &&
        v(this, "length", n, r, { received: `${n.value.length}` }),
        n;
    },
  };
}
function mn(e, t) {
  return {
    kind: "validation",
    type: "max_value",
    reference: mn,
    async: !1,
    expects: `<=${e instanceof Date ? e.toJSON() : z(e)}`,
    requirement: e,
    message: t,
    "~run"(n, r) {
      return n.typed && !(n.value <= this.requirement) &&
        v(this, "value", n, r, {
          received: n.value instanceof Date ? n.value.toJSON() : z(n.value),
        }),
        n;
    },
  };
}
function yn(e, t) {
  return {
    kind: "validation",
    type: "min_length",
    reference: yn,
    async: !1,
    expects: `>=${e}`,
    requirement: e,
    message: t,
    "~run"(n, r) {
      return n.typed && n.value.length < this.requirement &&
        v(this, "length", n, r, { received: `${n.value.length}` }),
        n;
    },
  };
}
function gn(e, t) {
  return {
    kind: "validation",
    type: "min_value",
    reference: gn,
    async: !1,
    expects: `>=${e instanceof Date ? e.toJSON() : z(e)}`,
    requirement: e,
    message: t,
    "~run"(n, r) {
      return n.typed && !(n.value >= this.requirement) &&
        v(this, "value", n, r, {
          received: n.value instanceof Date ? n.value.toJSON() : z(n.value),
        }),
        n;
    },
  };
}
function xn(e, t) {
  return {
    kind: "validation",
    type: "regex",
    reference: xn,
    async: !1,
    expects: `${e}`,
    requirement: e,
    message: t,
    "~run"(n, r) {
      return n.typed && !this.requirement.test(n.value) && v(this, "format", n, r), n;
    },
  };
}
function rs(e, t, n) {
  return typeof e.fallback == "function" ? e.fallback(t, n) : e.fallback;
}
function bn(e, t, n) {
  return typeof e.default == "function" ? e.default(t, n) : e.default;
}
function wn(e, t) {
  return O({
    kind: "schema",
    type: "array",
    reference: wn,
    expects: "Array",
    async: !1,
    item: e,
    message: t,
    "~run"(n, r) {
      let s = n.value;
      if (Array.isArray(s)) {
        n.typed = !0, n.value = [];
        for (let i = 0; i < s.length; i++) {
          let o = s[i], u = this.item["~run"]({ value: o }, r);
          if (u.issues) {
            let a = { type: "array", origin: "value", input: s, key: i, value: o };
            for (let c of u.issues) c.path ? c.path.unshift(a) : c.path = [a], n.issues?.push(c);
            if (n.issues || (n.issues = u.issues), r.abortEarly) {
              n.typed = !1;
              break;
            }
          }
          u.typed || (n.typed = !1), n.value.push(u.value);
        }
      } else v(this, "type", n, r);
      return n;
    },
  });
}
function vn(e) {
  return O({
    kind: "schema",
    type: "boolean",
    reference: vn,
    expects: "boolean",
    async: !1,
    message: e,
    "~run"(t, n) {
      return typeof t.value == "boolean" ? t.typed = !0 : v(this, "type", t, n), t;
    },
  });
}
function x(e, t) {
  return O({
    kind: "schema",
    type: "literal",
    reference: x,
    expects: z(e),
    async: !1,
    literal: e,
    message: t,
    "~run"(n, r) {
      return _o(n.value, this.literal) ? n.typed = !0 : v(this, "type", n, r), n;
    },
  });
}
function E(e) {
  return O({
    kind: "schema",
    type: "number",
    reference: E,
    expects: "number",
    async: !1,
    message: e,
    "~run"(t, n) {
      return typeof t.value == "number" && !isNaN(t.value) ? t.typed = !0 : v(this, "type", t, n),
        t;
    },
  });
}
function En(e, t) {
  return O({
    kind: "schema",
    type: "object",
    reference: En,
    expects: "Object",
    async: !1,
    entries: e,
    message: t,
    "~run"(n, r) {
      let s = n.value;
      if (s && typeof s == "object") {
        n.typed = !0, n.value = {};
        for (let i in this.entries) {
          let o = this.entries[i];
          if (
            i in s ||
            (o.type === "exact_optional" || o.type === "optional" || o.type === "nullish") &&
              o.default !== void 0
          ) {
            let u = i in s ? s[i] : bn(o), a = o["~run"]({ value: u }, r);
            if (a.issues) {
              let c = { type: "object", origin: "value", input: s, key: i, value: u };
              for (let f of a.issues) f.path ? f.path.unshift(c) : f.path = [c], n.issues?.push(f);
              if (n.issues || (n.issues = a.issues), r.abortEarly) {
                n.typed = !1;
                break;
              }
            }
            a.typed || (n.typed = !1), n.value[i] = a.value;
          } else if (o.fallback !== void 0) n.value[i] = rs(o);
          else if (
            o.type !== "exact_optional" && o.type !== "optional" && o.type !== "nullish" &&
            (v(this, "key", n, r, {
              input: void 0,
              expected: `"${i}"`,
              path: [{ type: "object", origin: "key", input: s, key: i, value: s[i] }],
            }),
              r.abortEarly)
          ) break;
        }
      } else v(this, "type", n, r);
      return n;
    },
  });
}
function F(e, t) {
  return O({
    kind: "schema",
    type: "optional",
    reference: F,
    expects: `(${e.expects} | undefined)`,
    async: !1,
    wrapped: e,
    default: t,
    "~run"(n, r) {
      return n.value === void 0 &&
          (this.default !== void 0 && (n.value = bn(this, n, r)), n.value === void 0)
        ? (n.typed = !0, n)
        : this.wrapped["~run"](n, r);
    },
  });
}
function dt(e, t) {
  return O({
    kind: "schema",
    type: "picklist",
    reference: dt,
    expects: Io(e.map(z), "|"),
    async: !1,
    options: e,
    message: t,
    "~run"(n, r) {
      return this.options.includes(n.value) ? n.typed = !0 : v(this, "type", n, r), n;
    },
  });
}
function kn(e, t) {
  return O({
    kind: "schema",
    type: "strict_object",
    reference: kn,
    expects: "Object",
    async: !1,
    entries: e,
    message: t,
    "~run"(n, r) {
      let s = n.value;
      if (s && typeof s == "object") {
        n.typed = !0, n.value = {};
        for (let i in this.entries) {
          let o = this.entries[i];
          if (
            i in s ||
            (o.type === "exact_optional" || o.type === "optional" || o.type === "nullish") &&
              o.default !== void 0
          ) {
            let u = i in s ? s[i] : bn(o), a = o["~run"]({ value: u }, r);
            if (a.issues) {
              let c = { type: "object", origin: "value", input: s, key: i, value: u };
              for (let f of a.issues) f.path ? f.path.unshift(c) : f.path = [c], n.issues?.push(f);
              if (n.issues || (n.issues = a.issues), r.abortEarly) {
                n.typed = !1;
                break;
              }
            }
            a.typed || (n.typed = !1), n.value[i] = a.value;
          } else if (o.fallback !== void 0) n.value[i] = rs(o);
          else if (
            o.type !== "exact_optional" && o.type !== "optional" && o.type !== "nullish" &&
            (v(this, "key", n, r, {
              input: void 0,
              expected: `"${i}"`,
              path: [{ type: "object", origin: "key", input: s, key: i, value: s[i] }],
            }),
              r.abortEarly)
          ) break;
        }
        if (!n.issues || !r.abortEarly) {
          for (let i in s) {
            if (!Object.prototype.hasOwnProperty.call(this.entries, i)) {
              v(this, "key", n, r, {
                input: i,
                expected: "never",
                path: [{ type: "object", origin: "key", input: s, key: i, value: s[i] }],
              });
              break;
            }
          }
        }
      } else v(this, "type", n, r);
      return n;
    },
  });
}
function De(e) {
  return O({
    kind: "schema",
    type: "string",
    reference: De,
    expects: "string",
    async: !1,
    message: e,
    "~run"(t, n) {
      return typeof t.value == "string" ? t.typed = !0 : v(this, "type", t, n), t;
    },
  });
}
function V(...e) {
  return O({
    ...e[0],
    pipe: e,
    "~run"(t, n) {
      for (let r of e) {
        if (r.kind !== "metadata") {
          if (t.issues && (r.kind === "schema" || r.kind === "transformation")) {
            t.typed = !1;
            break;
          }
          (!t.issues || !n.abortEarly && !n.abortPipeEarly) && (t = r["~run"](t, n));
        }
      }
      return t;
    },
  });
}
function ss(e, t, n) {
  let r = e["~run"]({ value: t }, ns(n));
  return { typed: r.typed, success: !r.issues, output: r.value, issues: r.issues };
}
function An(e) {
  let t = Oo(e, Lo);
  return t.ok ? h(t.value) : p(t.reason);
}
function Oo(e, t) {
  let n;
  try {
    n = JSON.parse(e);
  } catch {
    return { ok: !1, reason: "Cannot read a message: it is not JSON" };
  }
  let r = typeof n == "object" && n !== null && "type" in n ? n.type : void 0;
  if (typeof r != "string" || !Object.hasOwn(t, r)) {
    let a = Object.keys(t).join(", ");
    return { ok: !1, reason: `Cannot read a message: type is ${is(r)}, wanted ${a}` };
  }
  let s = ss(t[r], n, { abortEarly: !0 });
  if (s.success) return { ok: !0, value: s.output };
  let [i] = s.issues,
    o = i.path?.map(({ key: a }) => String(a)).join(".") ?? "",
    u = `${us(o)} is ${is(i.input)}`;
  return { ok: !1, reason: `Cannot read ${r}: ${u}, wanted ${i.message}`, about: r };
}
function is(e) {
  return e === void 0
    ? "missing"
    : typeof e == "object" && e !== null
    ? Array.isArray(e) ? "a list" : "an object"
    : us(JSON.stringify(e));
}
function us(e) {
  return e.length > 60 ? `${e.slice(0, 60)}\u2026` : e;
}
function D(e, t, n) {
  let r = t === 0 ? `at most ${n}` : `${t} to ${n}`, s = `${e} of ${r} characters`;
  return V(De(s), yn(t, s), ht(n, s));
}
function Sn(e, t) {
  return V(De(t), xn(e, t));
}
function _n(e, t) {
  let n = `a number of ${e} to ${t}`;
  return V(E(n), gn(e, n), mn(t, n));
}
function mt(e, t, n) {
  let r = `a list of ${t} ${n} at most`;
  return V(wn(e, r), ht(t, r));
}
function as({ expected: e }) {
  return e === "never" ? "no such key" : e === "Object" ? "an object" : "a value";
}
function C(e) {
  return kn(e, as);
}
function k(e) {
  return En(e, as);
}
function m(e, t) {
  return V(e, dn(t));
}
var j = Sn(/^[A-Za-z0-9_-]{16}$/, "the name of a peer, 16 letters, digits, - and _"),
  Ne = Sn(/^[A-Za-z0-9._-]{1,32}$/, "1 to 32 letters, digits, ., _ and -"),
  yt = D("text", 1, 32),
  cs = dt(["udp", "tcp"], "udp or tcp"),
  fs = V(
    De("ADDRESS:PORT"),
    hn((e) => {
      let t = He(e);
      return t.ok && t.value.port > 0;
    }, "ADDRESS:PORT, with an IPv6 address in brackets"),
  ),
  To = Sn(/^[A-Za-z0-9_-]{43}$/, "an address token, 43 characters of base64url"),
  {
    maxCandidates: ls,
    maxPostData: Co,
    maxSignalData: Do,
    minLifetimeMs: No,
    maxLifetimeMs: ps,
    maxPosts: $o,
    maxPeersPerRoom: Mo,
  } = ae,
  Po = C({
    address: m(fs, "where the peer may be reached"),
    transport: m(cs, "what is to be sent there"),
    token: F(m(To, "the value of ADDRESS-TOKEN for this address")),
  }),
  hs = D("text", 0, Co),
  ds = D("text", 0, Do),
  os = k({
    peer: j,
    id: Ne,
    candidates: mt(
      k({ address: fs, transport: cs, proved: vn("true or false") }),
      ls,
      "candidates",
    ),
    data: hs,
    expiresInMs: _n(0, ps),
  }),
  _p = {
    join: C({
      type: x("join"),
      secret: F(m(D("a secret", 1, Ce), "the secret of the room, unless given as a subprotocol")),
    }),
    post: C({
      type: x("post"),
      id: m(Ne, "the name of the post; one of the same name is replaced"),
      candidates: F(m(mt(Po, ls, "candidates"), "where this peer may be reached"), []),
      data: F(m(hs, "text for the others, which the board does not read"), ""),
      lifetimeMs: F(m(_n(No, ps), "ms until the post vanishes"), 6e4),
    }),
    remove: C({ type: x("remove"), id: m(Ne, "the name of the post") }),
    board: C({ type: x("board") }),
    signal: C({
      type: x("signal"),
      to: m(j, "the peer that gets it; nobody else does"),
      data: m(ds, "text for that peer, which the board does not read"),
    }),
    sync: C({ type: x("sync"), with: m(j, "the peer that is to start at the same moment") }),
    ping: C({ type: x("ping"), id: m(yt, "what the pong will carry") }),
    pong: C({ type: x("pong"), id: m(yt, "what the ping carried") }),
  },
  Lo = {
    welcome: k({
      type: x("welcome"),
      peer: m(j, "the name of this peer"),
      room: m(D("a room", 1, 64), "the name of the room"),
      ip: m(D("an IP address", 2, 45), "the IP address that the board sees"),
      stun: m(mt(D("a STUN URI", 6, 300), 64, "STUN URIs"), "the STUN URIs of this server"),
      limits: k({
        maxMessageBytes: E(),
        maxPosts: E(),
        maxCandidates: E(),
        maxPostData: E(),
        maxSignalData: E(),
        minLifetimeMs: E(),
        maxLifetimeMs: E(),
        messagesPerSecond: E(),
        postsPerSecond: E(),
        maxPeersPerRoom: E(),
      }),
    }),
    board: k({ type: x("board"), posts: m(mt(os, $o * Mo, "posts"), "every post of the room") }),
    posted: k({ type: x("posted"), post: m(os, "what is posted now") }),
    removed: k({ type: x("removed"), peer: j, id: Ne }),
    expired: k({ type: x("expired"), peer: j, id: Ne }),
    signal: k({ type: x("signal"), from: m(j, "who sends it"), data: ds }),
    sync: k({
      type: x("sync"),
      with: m(j, "the peer that starts at the same moment"),
      delayMs: m(_n(0, 6e4), "ms from the receipt of this until the start"),
    }),
    error: k({
      type: x("error"),
      code: dt(Object.keys(ln), "a known code"),
      message: m(D("text", 0, 1024), "what is wrong, for people"),
      about: F(m(D("text", 0, 32), "the type of the message that this is about")),
    }),
    ping: k({ type: x("ping"), id: yt }),
    pong: k({ type: x("pong"), id: yt }),
  };
var K = class extends Error {
  name = "BoardClientError";
  code;
  constructor(t, n) {
    super(`Cannot stay on the board: ${n}`), this.code = t;
  }
};
var gt = class {
  #e;
  #n = [];
  #t;
  #o;
  constructor(t) {
    this.#e = t;
  }
  push(t) {
    return this.#n.length >= this.#e
      ? !1
      : (this.#t === void 0 && this.#n.push(t), this.#o?.(), !0);
  }
  end(t) {
    this.#t ??= { error: t }, this.#o?.();
  }
  async *[Symbol.asyncIterator]() {
    for (;;) {
      for (; this.#n.length > 0;) yield this.#n.shift();
      if (this.#t?.error !== void 0) throw this.#t.error;
      if (this.#t !== void 0) return;
      await new Promise((t) => this.#o = t), this.#o = void 0;
    }
  }
};
var xt = class {
  #e = new Map();
  keep(t, n) {
    this.#e.set(t.id, { post: t, expiresAt: n + t.lifetimeMs });
  }
  forget(t) {
    this.#e.delete(t);
  }
  missing(t, n, r) {
    let s = new Set(t.filter((i) => i.peer === n).map(({ id: i }) => i));
    return [...this.#e.keys()].filter((i) => !s.has(i)).flatMap((i) => this.again(i, r) ?? []);
  }
  again(t, n) {
    let r = this.#e.get(t);
    if (r === void 0) return;
    let s = Math.round(r.expiresAt - n);
    if (s >= ae.minLifetimeMs) return { ...r.post, lifetimeMs: s };
    this.#e.delete(t);
  }
};
var bt = class {
  #e;
  #n;
  #t;
  #o = new gt(ms);
  #r = new xt();
  #s;
  #i;
  #f = 0;
  #a;
  #c = () => {};
  #u = !1;
  constructor(t, n = {}) {
    this.#e = zo(t), n.secret !== void 0 && lt(n.secret), this.#n = n, this.#t = n.clock ?? J;
    let { signal: r } = n;
    r?.addEventListener("abort", this.#b), r?.aborted ? this.#m() : this.#l();
  }
  get peer() {
    return this.#i;
  }
  post(t) {
    let n = { type: "post", candidates: [], data: "", lifetimeMs: 6e4, ...t };
    this.#r.keep(n, this.#t.now()), this.#i !== void 0 && this.#p(n);
  }
  remove(t) {
    this.#r.forget(t), this.#i !== void 0 && this.#p({ type: "remove", id: t });
  }
  list() {
    return this.#g({ type: "board" });
  }
  signal(t, n) {
    return this.#g({ type: "signal", to: t, data: n });
  }
  sync(t) {
    return this.#g({ type: "sync", with: t });
  }
  [Symbol.asyncIterator]() {
    return this.#o[Symbol.asyncIterator]();
  }
  async close() {
    let t = this.#s;
    if (this.#m(), t === void 0 || t.readyState === Qo) return;
    let { promise: n, resolve: r } = Promise.withResolvers(), s = this.#t.setTimer(Ko, r);
    t.addEventListener("close", () => r()), await n, s();
  }
  async [Symbol.asyncDispose]() {
    await this.close();
  }
  #l() {
    let { secret: t, connect: n = (o, u) => new WebSocket(o, u) } = this.#n,
      r = [Qr, ...t === void 0 ? [] : [lt(t)]],
      s = n(this.#e, r);
    this.#s = s, this.#a = void 0;
    let i = () => this.#s === s;
    s.addEventListener("open", () => i() && this.#p({ type: "join" })),
      s.addEventListener("message", ({ data: o }) => i() && this.#y(o)),
      s.addEventListener("close", ({ code: o }) => i() && this.#d(o)),
      s.addEventListener("error", (o) => o.preventDefault()),
      this.#h(Vo);
  }
  #h(t) {
    this.#c(),
      this.#c = this.#t.setTimer(t, () => {
        this.#s?.close(), this.#d(Yo);
      });
  }
  #y(t) {
    this.#h(Te.silenceMs);
    let n = An(typeof t == "string" ? t : "");
    if (!n.ok) return;
    let r = n.value;
    switch (r.type) {
      case "ping":
        return this.#p({ type: "pong", id: r.id });
      case "pong":
        return;
      case "welcome":
        this.#i = r.peer, this.#f = 0;
        break;
      case "error":
        this.#a = r;
        break;
      case "board":
        for (let s of this.#r.missing(r.posts, this.#i ?? "", this.#t.now())) this.#p(s);
        break;
      case "expired":
        if (r.peer === this.#i) {
          let s = this.#r.again(r.id, this.#t.now());
          s !== void 0 && this.#p(s);
        }
    }
    this.#x(r);
  }
  #d(t) {
    if (this.#s = void 0, this.#i = void 0, this.#c(), this.#u) return;
    if (Object.values(es).find((o) => o.code === t)?.retry === !1) {
      let { code: o = "bad_message", message: u = "it closed the connection" } = this.#a ?? {};
      return this.#m(new K(o, u));
    }
    let { random: r = Math.random } = this.#n,
      s = Math.min(Jo, Xo * 2 ** this.#f++),
      i = Math.round(s * r());
    this.#c = this.#t.setTimer(i, () => this.#l()),
      this.#x({ type: "disconnected", code: t, retryInMs: i });
  }
  #x(t) {
    this.#o.push(t) || this.#m(new K("too_slow", `nobody took the last ${ms} events`));
  }
  #g(t) {
    return this.#i === void 0 ? !1 : (this.#p(t), !0);
  }
  #p(t) {
    this.#s?.readyState === Zo && this.#s.send(JSON.stringify(t));
  }
  #b = () => this.#m();
  #m(t) {
    this.#u ||
      (this.#u = !0,
        this.#n.signal?.removeEventListener("abort", this.#b),
        this.#c(),
        this.#s?.close(),
        this.#s = void 0,
        this.#i = void 0,
        this.#o.end(t));
  }
};
function zo(e) {
  let t = URL.parse(e);
  if (t === null || !/^wss?:$/.test(t.protocol)) {
    throw new RangeError(`Cannot use the board ${e}: wanted ws:// or wss:// and a host`);
  }
  let n = pn(t.pathname);
  if (!n.ok) throw new RangeError(`Cannot use the board ${e}: ${n.reason}`);
  return e;
}
var ms = 4096, Vo = 1e4, Ko = 3e3, Xo = 1e3, Jo = 3e4, Yo = 1006, Zo = 1, Qo = 3;
var wt = class {
  #e;
  #n;
  #t;
  #o;
  #r = [];
  #s = "connecting";
  #i = Promise.resolve();
  constructor(t) {
    this.#e = t;
    let n = this.#n = new RTCPeerConnection({ iceServers: t.stun.map((r) => ({ urls: r })) });
    this.#t = n.createDataChannel("talk", { negotiated: !0, id: 0 }),
      this.#t.onopen = () => this.#u("connected"),
      this.#t.onclose = () => this.#u("closed"),
      this.#t.onmessage = ({ data: r }) => {
        typeof r == "string" && t.onText(r.slice(0, nu));
      },
      n.onicecandidate = ({ candidate: r }) => {
        r !== null && t.send({ candidate: r.toJSON() });
      },
      n.onconnectionstatechange = () => {
        n.connectionState === "failed" && this.#u("failed");
      },
      this.#o = setTimeout(() => {
        this.#s === "connecting" && this.#u("failed");
      }, eu),
      t.onState("connecting"),
      t.offers && this.#c(() => this.#a());
  }
  receive(t) {
    this.#c(() => this.#f(t));
  }
  say(t) {
    this.#t.readyState === "open" && this.#t.send(t);
  }
  close() {
    this.#u("closed");
  }
  async #f(t) {
    let n = this.#n;
    if ("candidate" in t) {
      if (n.remoteDescription === null) {
        this.#r.length < tu && this.#r.push(t.candidate);
        return;
      }
      return await n.addIceCandidate(t.candidate);
    }
    await n.setRemoteDescription(t.description);
    for (let r of this.#r.splice(0)) await n.addIceCandidate(r);
    t.description.type === "offer" && await this.#a();
  }
  async #a() {
    await this.#n.setLocalDescription();
    let { type: t, sdp: n } = this.#n.localDescription;
    (t === "offer" || t === "answer") && this.#e.send({ description: { type: t, sdp: n } });
  }
  #c(t) {
    this.#i = this.#i.then(t).catch(() => this.#u("failed"));
  }
  #u(t) {
    this.#s === "closed" || this.#s === "failed" || this.#s === t ||
      (this.#s = t,
        (t === "failed" || t === "closed") && (clearTimeout(this.#o), this.#n.close()),
        this.#e.onState(t));
  }
};
function ys(e) {
  let t;
  try {
    t = JSON.parse(e);
  } catch {
    return;
  }
  if (!(typeof t != "object" || t === null)) {
    if ("description" in t && typeof t.description == "object") {
      let { type: n, sdp: r } = t.description ?? {};
      return (n === "offer" || n === "answer") && typeof r == "string"
        ? { description: { type: n, sdp: r } }
        : void 0;
    }
    if ("candidate" in t && typeof t.candidate == "object" && t.candidate !== null) {
      return { candidate: t.candidate };
    }
  }
}
var eu = 3e4, tu = 64, nu = 1e3;
var vt = class {
    #e;
    #n = y("message", HTMLInputElement);
    #t;
    #o = "";
    #r;
    #s = [];
    constructor(t) {
      this.#e = t,
        y("say", HTMLFormElement).addEventListener("submit", (n) => {
          n.preventDefault(), this.#u();
        });
    }
    set stun(t) {
      this.#s = t;
    }
    call(t) {
      this.#a(t, !0);
    }
    receive(t, n) {
      let r = "description" in n && n.description.type === "offer";
      if (this.#r !== void 0 && this.#t === t) {
        if (r && this.#f && this.#i < t) return;
        if (!r) return this.#r.receive(n);
      } else if (this.#r !== void 0 || !r) return;
      this.#a(t, !1), this.#r?.receive(n);
    }
    set own(t) {
      this.#i = t;
    }
    #i = "";
    #f = !1;
    #a(t, n) {
      this.#r?.close(),
        this.#t = t,
        this.#o = this.#e.nameOf(t),
        this.#f = n,
        this.#r = new wt({
          stun: this.#s,
          offers: n,
          send: (r) => void this.#e.signal(t, r),
          onState: (r) => this.#c(r),
          onText: (r) => this.#l(this.#o, r),
        });
    }
    #c(t) {
      (t === "failed" || t === "closed") && (this.#r = void 0, this.#t = void 0);
      let r = this.#o, s = t === "connected";
      this.#n.disabled = y("say-button", HTMLButtonElement).disabled = !s,
        s && this.#n.focus(),
        A(
          "link-state",
          {
            connecting: `Connecting to ${r} \u2026`,
            connected: `Connected to ${r}, directly.`,
            failed: `No way to ${r} was found: one of the two NATs does not let it through.`,
            closed: `The connection to ${r} has ended.`,
          }[t],
          s ? "good" : t === "failed" ? "problem" : "",
        );
    }
    #u() {
      let t = this.#n.value;
      t === "" || this.#r === void 0 || (this.#r.say(t), this.#l("You", t), this.#n.value = "");
    }
    #l(t, n) {
      let r = y("talk"), s = X("p", "", "");
      for (s.append(X("span", "speaker", `${t}: `), n), r.append(s); r.childElementCount > ru;) {
        r.firstElementChild?.remove();
      }
      r.scrollTop = r.scrollHeight;
    }
  },
  ru = 500;
var kt = class {
  #e = y("join", HTMLFormElement);
  #n = y("room", HTMLInputElement);
  #t = y("name", HTMLInputElement);
  #o = y("secret", HTMLInputElement);
  #r = new Map();
  #s;
  #i;
  constructor() {
    this.#s = new vt({
      signal: (t, n) => this.#i?.signal(t, JSON.stringify(n)) ?? !1,
      nameOf: (t) => gs(this.#r.get(t)),
    }),
      this.#n.value = decodeURIComponent(location.hash.slice(1)),
      this.#t.value = `Guest ${100 + Math.floor(Math.random() * 900)}`,
      this.#e.addEventListener("submit", (t) => {
        t.preventDefault(), this.#i === void 0 ? this.#f() : this.#a("You have left the room.");
      });
  }
  async #f() {
    let t = this.#n.value,
      n = this.#o.value,
      r = location.protocol === "https:" ? "wss" : "ws",
      s = this.#i = new bt(
        `${r}://${location.host}/board/${encodeURIComponent(t)}`,
        n === "" ? {} : { secret: n },
      );
    history.replaceState(null, "", `#${encodeURIComponent(t)}`),
      this.#d(!0),
      A("room-state", `Entering ${t} \u2026`);
    try {
      for await (let i of s) this.#c(i, s);
    } catch (i) {
      if (!(i instanceof K)) throw i;
      this.#a(su[i.code] ?? i.message, "problem");
    }
  }
  #a(t, n = "") {
    this.#i?.close(),
      this.#i = void 0,
      this.#r.clear(),
      this.#h(),
      this.#d(!1),
      A("room-state", t, n);
  }
  #c(t, n) {
    if (n === this.#i) {
      switch (t.type) {
        case "welcome":
          this.#s.own = t.peer,
            this.#s.stun = t.stun.filter((r) => r.startsWith("stun:")).slice(0, 4),
            A("room-state", `You are in ${t.room}.`, "good"),
            this.#u(n, t.stun);
          return;
        case "board":
          this.#r.clear();
          for (let r of t.posts) this.#l(r);
          break;
        case "posted":
          this.#l(t.post);
          break;
        case "removed":
        case "expired":
          t.id === Et && this.#r.delete(t.peer);
          break;
        case "signal": {
          let r = ys(t.data);
          r !== void 0 && this.#s.receive(t.from, r);
          return;
        }
        case "disconnected": {
          this.#r.clear();
          let r = Math.ceil(t.retryInMs / 1e3);
          A("room-state", `The server does not answer: next try in ${r} s.`, "problem");
          break;
        }
        case "error":
          A("room-state", `The board says: ${t.message}`, "problem");
          return;
        case "sync":
          return;
      }
      this.#h();
    }
  }
  async #u(t, n) {
    let r = (o) =>
      t.post({
        id: Et,
        data: JSON.stringify({ name: this.#t.value }),
        candidates: o.slice(0, 8).map((u) => ({ address: u, transport: "udp" })),
        lifetimeMs: 36e5,
      });
    r([]);
    let { ipv4: s, ipv6: i } = await $e(n.filter((o) => o.startsWith("stun:")).slice(0, 4));
    t === this.#i && s.length + i.length > 0 && r([...s, ...i]);
  }
  #l(t) {
    (t.id === Et || !this.#r.has(t.peer)) && this.#r.set(t.peer, t);
  }
  #h() {
    let t = this.#i?.peer;
    y("peers").replaceChildren(...[...this.#r.values()].map((n) => this.#y(n, n.peer === t)));
  }
  #y(t, n) {
    let r = document.createElement("li"), s = document.createElement("div");
    s.className = "who";
    let i = gs(t),
      o = t.candidates.map(({ address: u, transport: a, proved: c }) =>
        `${u} over ${a.toUpperCase()}${c ? ", proved" : ""}`
      );
    if (
      s.append(
        X("strong", "", n ? `${i} (you)` : i),
        X("span", "where", o.join("; ") || "no address yet"),
      ),
        r.append(s),
        !n && t.id === Et
    ) {
      let u = document.createElement("button");
      u.type = "button",
        u.textContent = "Connect",
        u.setAttribute("aria-label", `Connect to ${i}`),
        u.addEventListener("click", () => this.#s.call(t.peer)),
        r.append(u);
    }
    return r;
  }
  #d(t) {
    for (let n of [this.#n, this.#t, this.#o]) n.disabled = t;
    y("join-button").textContent = t ? "Leave" : "Join";
  }
};
function gs(e) {
  if (e === void 0) return "somebody";
  try {
    let { name: t } = JSON.parse(e.data);
    if (typeof t == "string" && t !== "") return t.slice(0, 40);
  } catch {}
  return e.data.slice(0, 40) || e.peer;
}
var Et = "page", su = { wrong_secret: "The room has another secret." };
Dn();
new kt();
