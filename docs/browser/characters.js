/**
 * White space, and what a reader sees as one character (a grapheme): a letter with its accents, a flag, a family of
 * emoji. Sees a text and places in it.
 */

/** White space of Unicode, as the tokenizers of Python have it: `\s` takes U+FEFF for a space and U+0085 for none. */
export const WHITE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** As Python's `str.isspace` has it: four separators more. */
const SPACE = new RegExp(`[${WHITE}\\x1c-\\x1f]`);
export const isSpace = (character) => SPACE.test(character);

const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

const AT_ONCE = 512; // browsers take the square of a text's length to cut it up as a whole

/**
 * The graphemes of a text, one after the other.
 *
 * @param {string} text
 * @yields {{segment: string, index: number}} a grapheme and where it begins.
 */
export function* graphemes(text) {
  let at = 0;
  let size = AT_ONCE;
  while (at < text.length) {
    const end = at + size + (text.charCodeAt(at + size - 1) >> 10 === 0x36); // no half of a pair at the end
    const found = [...segmenter.segment(text.slice(at, end))];
    if (end < text.length) found.pop(); // it may go on behind the stretch, and begins the next one
    size = found.length ? AT_ONCE : 2 * size;
    for (const { segment, index } of found) yield { segment, index: at + index };
    if (found.length) at += found.at(-1).index + found.at(-1).segment.length;
  }
}

/** Characters that never belong to the grapheme of the character before them. */
const FIRST = /[\0-\u02ff\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/**
 * The smallest stretch of whole graphemes around `text.slice(start, end)`, which begins with no white space: tokenizers
 * drop accents, or cut between a letter and its vowel sign.
 *
 * @param {string} text
 * @param {number} start
 * @param {number} end of a stretch that is not empty, exclusive.
 * @returns {[number, number]}
 */
export function wholeGraphemes(text, start, end) {
  const first = graphemeAround(text, start).begin;
  return [isSpace(text[first]) ? start : first, end < text.length ? borderAt(text, end) : end];
}

/** The end of the grapheme that a place lies inside; the place itself where it lies between two. */
function borderAt(text, place) {
  const { begin, end } = graphemeAround(text, place);
  return begin === place ? place : end;
}

/** Where the grapheme begins and ends that holds a unit of the text. */
function graphemeAround(text, place) {
  let from = place;
  while (from > 0 && !FIRST.test(text[from])) from--;
  if (from === place) return { begin: place, end: place + 1 }; // its end is never asked for: it begins here
  let to = place + 1;
  while (to < text.length && !FIRST.test(text[to])) to++;
  const { segment, index } = segmenter.segment(text.slice(from, to)).containing(place - from);
  return { begin: from + index, end: from + index + segment.length };
}
