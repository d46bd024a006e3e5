import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { prepareOpaqueString } from "../../lib/wire/opaque_string.ts";

const PREPARED: [string, string, string][] = [
  // RFC 8265 section 4.3, table 5
  ["spaces of ASCII", "correct horse battery staple", "correct horse battery staple"],
  ["upper case, which stays", "Correct Horse Battery Staple", "Correct Horse Battery Staple"],
  ["letters beyond ASCII", "\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"],
  ["a symbol", "Jack of \u2666s", "Jack of \u2666s"],
  ["an Ogham space mark, which becomes a space", "foo\u1680bar", "foo bar"],
  // RFC 5769 section 2.4
  ["the user name of RFC 5769", "マトリックス", "マトリックス"],
  ["all of printable ASCII", " !~", " !~"],
  ["spaces of many widths", "a\u00a0b\u2003c\u202fd\u3000e", "a b c d e"],
  ["a letter and a combining mark, which compose", "Ame\u0301lie", "Am\u00e9lie"],
  ["an Ohm sign, which is an omega in form C", "\u2126", "\u03a9"],
  ["Hangul that comes decomposed", "\u1112\u1161\u11ab", "\ud55c"],
  ["full width and compatibility letters, which stay", "\uff21\ufb01\u2168", "\uff21\ufb01\u2168"],
  ["characters outside of the basic plane", "\u{1f511}\u{20000}", "\u{1f511}\u{20000}"],
  ["the exceptions that are allowed", "\u06fd\u06fe\u0f0b\u3007", "\u06fd\u06fe\u0f0b\u3007"],
  ["a middle dot in Catalan", "col\u00b7lecci\u00f3", "col\u00b7lecci\u00f3"],
  ["a Greek lower numeral sign", "\u0375\u03b1", "\u0375\u03b1"],
  ["a geresh", "\u05d2\u05f3", "\u05d2\u05f3"],
  ["a gershayim", "\u05e6\u05d4\u05f4\u05dc", "\u05e6\u05d4\u05f4\u05dc"],
  ["a katakana middle dot", "ジョン・ドウ", "ジョン・ドウ"],
  ["a katakana middle dot far from its han", "a\u30fbb\u6f22", "a\u30fbb\u6f22"],
  ["Arabic-Indic digits", "\u0661\u0669", "\u0661\u0669"],
  ["extended Arabic-Indic digits", "\u06f1\u06f9", "\u06f1\u06f9"],
  ["a joiner after a virama", "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"],
  ["a non-joiner after a virama", "\u0915\u094d\u200c\u0937", "\u0915\u094d\u200c\u0937"],
  ["a non-joiner in a Persian word", "می\u200cخواهم", "می\u200cخواهم"],
  [
    "a non-joiner between joining letters with marks between",
    "\u0628\u064e\u200c\u064e\u0627",
    "\u0628\u064e\u200c\u064e\u0627",
  ],
];

for (const [what, text, value] of PREPARED) {
  Deno.test(`prepareOpaqueString() prepares ${what}`, () => {
    assertEquals(prepareOpaqueString(text), { ok: true, value });
  });
}

const NOT_FREEFORM = "is not a character of PRECIS FreeformClass";
const OUT = "is out of its context, wanted";
const BETWEEN = "only after a virama or between letters that join";
const REFUSED: [string, string, string, number][] = [
  // RFC 8265 section 4.3, table 6
  ["the empty text", "", "it is empty, wanted a character at least", 0],
  ["a tab", "my cat is a \tby", `U+0009 ${NOT_FREEFORM}`, 12],
  // RFC 5769's password as it is before SASLprep, whose successor takes no soft hyphen
  ["a soft hyphen", "The\u00adM\u00aatr\u2168", `U+00AD ${NOT_FREEFORM}`, 3],
  ["NUL", "a\0", `U+0000 ${NOT_FREEFORM}`, 1],
  ["DEL", "\x7f", `U+007F ${NOT_FREEFORM}`, 0],
  ["a C1 control", "\u0085", `U+0085 ${NOT_FREEFORM}`, 0],
  ["a line separator", "a\u2028b", `U+2028 ${NOT_FREEFORM}`, 1],
  ["a paragraph separator", "a\u2029b", `U+2029 ${NOT_FREEFORM}`, 1],
  ["a lone surrogate", "a\ud800b", `U+D800 ${NOT_FREEFORM}`, 1],
  ["private use", "\ue000", `U+E000 ${NOT_FREEFORM}`, 0],
  ["private use in plane 16", "\u{10fffd}", `U+10FFFD ${NOT_FREEFORM}`, 0],
  ["an unassigned code point", "\u0378", `U+0378 ${NOT_FREEFORM}`, 0],
  ["a noncharacter", "\ufdd0", `U+FDD0 ${NOT_FREEFORM}`, 0],
  ["another noncharacter", "\u{1ffff}", `U+1FFFF ${NOT_FREEFORM}`, 0],
  ["a zero width space", "a\u200b", `U+200B ${NOT_FREEFORM}`, 1],
  ["a bidirectional override", "\u202e", `U+202E ${NOT_FREEFORM}`, 0],
  ["a byte order mark", "\ufeffa", `U+FEFF ${NOT_FREEFORM}`, 0],
  ["a variation selector", "\u2764\ufe0f", `U+FE0F ${NOT_FREEFORM}`, 1],
  ["an Arabic number sign, a visible format character", "\u0600", `U+0600 ${NOT_FREEFORM}`, 0],
  ["a Hangul filler", "\u3164", `U+3164 ${NOT_FREEFORM}`, 0],
  ["a jamo that composes with nothing", "a\u1100", `U+1100 ${NOT_FREEFORM}`, 1],
  ["an old jamo", "\ua960", `U+A960 ${NOT_FREEFORM}`, 0],
  ["a tatweel", "\u0640", `U+0640 ${NOT_FREEFORM}`, 0],
  ["a vertical kana repeat mark", "\u3031", `U+3031 ${NOT_FREEFORM}`, 0],
  ["a middle dot elsewhere", "a\u00b7b", `U+00B7 ${OUT} only between two letters l`, 1],
  [
    "an ano teleia, a middle dot in form C",
    "a\u0387",
    `U+00B7 ${OUT} only between two letters l`,
    1,
  ],
  ["a keraia before Latin", "\u0375a", `U+0375 ${OUT} only before a Greek character`, 0],
  ["a geresh after Latin", "a\u05f3", `U+05F3 ${OUT} only after a Hebrew character`, 1],
  ["a gershayim at the start", "\u05f4\u05d0", `U+05F4 ${OUT} only after a Hebrew character`, 0],
  [
    "a katakana middle dot alone",
    "\u{1f511}a\u30fbb",
    `U+30FB ${OUT} only beside hiragana, katakana or han`,
    3,
  ],
  [
    "two sets of Arabic digits",
    "a\u0661\u06f1",
    `U+0661 ${OUT} Arabic-Indic or extended Arabic-Indic digits, not both`,
    1,
  ],
  ["a joiner at the start", "\u200da", `U+200D ${OUT} only after a virama`, 0],
  ["a joiner in an emoji", "\u{1f469}\u200d\u{1f4bb}", `U+200D ${OUT} only after a virama`, 2],
  ["a joiner after a nukta", "\u0915\u093c\u200d", `U+200D ${OUT} only after a virama`, 2],
  ["a non-joiner between Latin letters", "a\u200cb", `U+200C ${OUT} ${BETWEEN}`, 1],
  ["a non-joiner alone", "\u200c", `U+200C ${OUT} ${BETWEEN}`, 0],
  [
    "a non-joiner after alef, which does not join",
    "\u0627\u200c\u0628",
    `U+200C ${OUT} ${BETWEEN}`,
    1,
  ],
  [
    "a non-joiner before hamza, which does not join",
    "\u0628\u200c\u0621",
    `U+200C ${OUT} ${BETWEEN}`,
    1,
  ],
  ["two non-joiners", "\u0628\u200c\u200c\u0628", `U+200C ${OUT} ${BETWEEN}`, 1],
  [
    "a non-joiner before a letter that joins forward only",
    "\ua840\u200c\ua872",
    `U+200C ${OUT} ${BETWEEN}`,
    1,
  ],
];

for (const [what, text, why, offset] of REFUSED) {
  Deno.test(`prepareOpaqueString() refuses ${what}`, () => {
    const reason = `Cannot prepare a user name, realm or password: ${why}`;
    assertEquals(prepareOpaqueString(text), { ok: false, reason, offset });
  });
}

Deno.test("prepareOpaqueString() knows a virama from every other mark of its script", () => {
  // Unicode's canonical combining class 9, and look-alikes of class 0, 7, 8, 10 and 230
  const viramas = "\u094d\u09cd\u0a4d\u0bcd\u0d4d\u0dca\u0e3a\u0f84\u1039\u103a\u1714\u17d2" +
    "\u1b44\ua806\ua8c4\uaaf6\u{10a3f}\u{11046}\u{1107f}\u{11133}\u{1134d}\u{11d97}";
  const others = "\u093e\u093c\u3099\u05b0\u0301\u0e38\u0f39a";
  const takesJoiner = (mark: string) => prepareOpaqueString(`\u0915${mark}\u200d`).ok;
  assertEquals([...viramas].filter((mark) => !takesJoiner(mark)), []);
  assertEquals([...others].filter(takesJoiner), []);
});

Deno.test("prepareOpaqueString() gives the same when it is applied again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
      const once = prepareOpaqueString(text);
      if (once.ok) assertEquals(prepareOpaqueString(once.value), once);
    }),
    { seed: 8265, numRuns: 2000 },
  );
});

Deno.test("prepareOpaqueString() judges every code point that stands alone by its category", () => {
  const contextual = /[\u200c\u200d\u00b7\u0375\u05f3\u05f4]/;
  const allowed = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
  const exceptions =
    /[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b\p{Default_Ignorable_Code_Point}]|[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]/u;
  const wrong: string[] = [];
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    const character = String.fromCodePoint(codePoint);
    const form = character.normalize("NFC");
    const wanted = [...form].every((c) =>
      allowed.test(c) && !exceptions.test(c) && !contextual.test(c)
    );
    if (prepareOpaqueString(character).ok !== (wanted && codePoint !== 0x30fb)) {
      wrong.push(codePoint.toString(16));
    }
  }
  assertEquals(wrong, []);
});
