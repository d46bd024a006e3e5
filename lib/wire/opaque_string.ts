import { type Decoded, decoded, type DecodeFailure, undecodable } from "./decoded.ts";

/**
 * Makes a user name, realm or password comparable byte by byte, as the OpaqueString profile of
 * RFC 8265 section 4.2 says (RFC 8489 sections 9.1 and 9.2): every space (category Zs) becomes
 * U+0020, then the text is put into normalization form C. Case and width stay as they are.
 *
 * Refused are the empty text and what the FreeformClass of RFC 8264 does not allow: controls,
 * surrogates, private-use and unassigned code points, line and paragraph separators, everything
 * that is invisible by default (among it the soft hyphen), conjoining Hangul jamo, the exceptions
 * of RFC 5892 section 2.6, and characters that are allowed in a certain context only and stand
 * outside of it (RFC 5892 appendix A). This is judged after normalization, in the order of RFC 8264
 * section 7: Korean that comes decomposed is welcome, and U+0387 counts as the U+00B7 that it turns
 * into.
 *
 * Which code points are assigned is a matter of the runtime's version of Unicode; so are
 * categories, scripts and viramas. JavaScript does not tell how letters join, so the rule for the
 * zero width non-joiner reads a table of this file, made from Unicode 17: a joining letter newer
 * than that may not stand next to one.
 *
 * A failure's `offset` counts UTF-16 units of the normalized text. Its `reason` names the refused
 * code point and nothing else of the text, which may be a password.
 *
 * @example
 * ```ts
 * import { prepareOpaqueString } from "@pinhole/stun/wire";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(prepareOpaqueString("Ame\u0301lie\u00a01"), { ok: true, value: "Am\u00e9lie 1" });
 * assertEquals(prepareOpaqueString("tab\there").ok, false);
 * ```
 */
export function prepareOpaqueString(text: string): Decoded<string> {
  if (PRINTABLE_ASCII.test(text)) return decoded(text);
  const { spaces, disallowed, contextual } = patterns();
  const prepared = text.replace(spaces, " ").normalize("NFC");
  if (prepared === "") return refusal("it is empty, wanted a character at least", 0);
  const refused = disallowed.exec(prepared);
  if (refused !== null) {
    const why = `${codePointName(refused[0])} is not a character of PRECIS FreeformClass`;
    return refusal(why, refused.index);
  }
  return contextual.test(prepared) ? judgeContexts(prepared) : decoded(prepared);
}

/** Applies the rules of RFC 5892 appendix A. */
function judgeContexts(prepared: string): Decoded<string> {
  const { greek, hebrew, japanese, arabicIndic, extendedArabicIndic } = patterns();
  const characters = [...prepared];
  const isJapanese = japanese.test(prepared);
  const mixesDigits = arabicIndic.test(prepared) && extendedArabicIndic.test(prepared);
  let offset = 0;
  for (const [i, character] of characters.entries()) {
    const before = characters[i - 1] ?? "";
    const after = characters[i + 1] ?? "";
    let wanted: string | undefined;
    switch (character) {
      case "\u200c": // A.1 zero width non-joiner
        if (!isVirama(before) && !isBetweenJoiningLetters(characters, i)) {
          wanted = "only after a virama or between letters that join";
        }
        break;
      case "\u200d": // A.2 zero width joiner
        if (!isVirama(before)) wanted = "only after a virama";
        break;
      case "\u00b7": // A.3 middle dot
        if (before !== "l" || after !== "l") wanted = "only between two letters l";
        break;
      case "\u0375": // A.4 Greek lower numeral sign
        if (!greek.test(after)) wanted = "only before a Greek character";
        break;
      case "\u05f3": // A.5 Hebrew geresh
      case "\u05f4": // A.6 Hebrew gershayim
        if (!hebrew.test(before)) wanted = "only after a Hebrew character";
        break;
      case "\u30fb": // A.7 katakana middle dot
        if (!isJapanese) wanted = "only beside hiragana, katakana or han";
        break;
      default: // A.8 and A.9: two sets of digits that look alike
        if (
          mixesDigits && (arabicIndic.test(character) || extendedArabicIndic.test(character))
        ) {
          wanted = "Arabic-Indic or extended Arabic-Indic digits, not both";
        }
    }
    if (wanted !== undefined) {
      return refusal(`${codePointName(character)} is out of its context, wanted ${wanted}`, offset);
    }
    offset += character.length;
  }
  return decoded(prepared);
}

/**
 * Whether a character is a virama: canonical combining class 9. JavaScript does not tell the class,
 * but its normalization sorts marks by it: only class 9 goes after class 8 and before class 10.
 */
function isVirama(character: string): boolean {
  if (character === "" || character === CLASS_8 || character === CLASS_10) return false;
  return (character + CLASS_8).normalize("NFD") === CLASS_8 + character &&
    (CLASS_10 + character).normalize("NFD") === character + CLASS_10;
}

/** The second half of RFC 5892 A.1, over joining types: {L,D} T* ZWNJ T* {R,D}. */
function isBetweenJoiningLetters(characters: readonly string[], at: number): boolean {
  const { transparent, dualJoining, leftJoining, rightJoining } = patterns();
  let left = at - 1;
  while (transparent.test(characters[left] ?? "")) left--;
  let right = at + 1;
  while (transparent.test(characters[right] ?? "")) right++;
  const first = characters[left] ?? "";
  const last = characters[right] ?? "";
  return (leftJoining.test(first) || dualJoining.test(first)) &&
    (rightJoining.test(last) || dualJoining.test(last));
}

function refusal(why: string, offset: number): DecodeFailure {
  return undecodable(`Cannot prepare a user name, realm or password: ${why}`, offset);
}

function codePointName(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A pattern for one character of a list such as `"640 6fa-6fc"`. */
function codePoints(list: string): RegExp {
  const ranges = list.replace(/[0-9a-f]+/g, "\\u{$&}").replaceAll(" ", "");
  return new RegExp(`[${ranges}]`, "u");
}

const PRINTABLE_ASCII = /^[ -~]+$/;

// Marks of canonical combining classes 8 and 10; Unicode never changes a class.
const CLASS_8 = "\u3099"; // combining katakana-hiragana voiced sound mark
const CLASS_10 = "\u05b0"; // Hebrew point sheva

/** What text beyond ASCII is judged by. Making it takes a millisecond, which most programs never need. */
class Patterns {
  readonly spaces = /\p{Zs}/gu;

  // RFC 8264 section 8 for FreeformClass comes down to: every category but C*, Zl and Zp, and of
  // those that are left not the default ignorables, the conjoining jamo and the exceptions. The two
  // joiners (U+200C, U+200D) are ignorable by default, but have rules of their own.
  readonly disallowed = new RegExp(
    "(?![\\u200c\\u200d])[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}" +
      "\\u1100-\\u11ff\\ua960-\\ua97c\\ud7b0-\\ud7c6\\ud7cb-\\ud7fb" + // OldHangulJamo
      "\\u0640\\u07fa\\u302e\\u302f\\u3031-\\u3035\\u303b]", // Exceptions
    "u",
  );

  readonly contextual = /[\u200c\u200d\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9]/u;
  readonly greek = /\p{Script=Greek}/u;
  readonly hebrew = /\p{Script=Hebrew}/u;
  readonly japanese = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;
  readonly arabicIndic = /[\u0660-\u0669]/u;
  readonly extendedArabicIndic = /[\u06f0-\u06f9]/u;

  // Joining types, of Unicode's DerivedJoiningType. Transparent is what marks are, and the Adlam
  // nukta.
  readonly transparent = /[\p{Mn}\p{Me}\u{1e94b}]/u;
  readonly dualJoining = codePoints(
    "620 626 628 62a-62e 633-63f 641-647 649-64a 66e-66f 678-687 69a-6bf 6c1-6c2 6cc 6ce 6d0-6d1 " +
      "6fa-6fc 6ff 712-714 71a-71d 71f-727 729 72b 72d-72e 74e-758 75c-76a 76d-770 772 775-777 " +
      "77a-77f 7ca-7ea 841-845 848 84a-853 855 860 862-865 868 886 889-88d 8a0-8a9 8af-8b0 8b3-8b8 " +
      "8ba-8c8 1807 1820-1878 1887-18a8 18aa a840-a871 10ac0-10ac4 10ad3-10ad6 10ad8-10adc " +
      "10ade-10ae0 10aeb-10aee 10b80 10b82 10b86-10b88 10b8a-10b8b 10b8d 10b90 10bad-10bae " +
      "10d01-10d21 10d23 10ec3-10ec4 10f30-10f32 10f34-10f44 10f51-10f53 10f70-10f73 10f76-10f81 " +
      "10fb0 10fb2-10fb3 10fb8 10fbb-10fbc 10fbe-10fbf 10fc1 10fc4 10fca 1e900-1e943",
  );
  readonly rightJoining = codePoints(
    "622-625 627 629 62f-632 648 671-673 675-677 688-699 6c0 6c3-6cb 6cd 6cf 6d2-6d3 6d5 6ee-6ef " +
      "710 715-719 71e 728 72a 72c 72f 74d 759-75b 76b-76c 771 773-774 778-779 840 846-847 849 854 " +
      "856-858 867 869-86a 870-882 88e 8aa-8ac 8ae 8b1-8b2 8b9 10ac5 10ac7 10ac9-10aca 10ace-10ad2 " +
      "10add 10ae1 10ae4 10aef 10b81 10b83-10b85 10b89 10b8c 10b8e-10b8f 10b91 10ba9-10bac 10d22 " +
      "10ec2 10f33 10f54 10f74-10f75 10fb4-10fb6 10fb9-10fba 10fbd 10fc2-10fc3 10fc9",
  );
  readonly leftJoining = codePoints("a872 10acd 10ad7 10d00 10fcb");
}

let made: Patterns | undefined;

function patterns(): Patterns {
  return made ??= new Patterns();
}
