/**
 * Turns a text into token ids, each with the characters that it stands for. Never sees a model or a window.
 *
 * `@huggingface/tokenizers` cuts a text as the model was trained to read it, but gives no character offsets. So its
 * steps (normalise, cut into words, cut words into tokens) are taken one by one here, and every unit of the text on its
 * way remembers which part of the original it came from: an "é" that became "e", one "ﬁ" that became "f" and "i". A step
 * that cannot be followed is an error, never a wrong place.
 *
 * Positions are those of JavaScript strings (UTF-16 units), ends exclusive.
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { WHITE, graphemes, isSpace } from "./characters.js";
import { Charsmap } from "./charsmap.js";

export class TextTokenizer {
  /**
   * @param {object} json tokenizer.json.
   * @param {object} config tokenizer_config.json.
   * @throws {Error} a step of the tokenizer cannot be followed.
   */
  constructor(json, config) {
    // A "[SEP]" that somebody wrote is text, so the library is not told which tokens are special.
    const added = json.added_tokens ?? [];
    this.written = added.filter((token) => !token.special);
    this.tokenizer = new Tokenizer({ ...json, added_tokens: this.written }, config);
    this.model = this.tokenizer.model;
    this.specialIds = new Map(added.filter((token) => token.special).map((token) => [token.content, token.id]));
    this.preTokenizer = json.pre_tokenizer;
    this.prefix = json.model.continuing_subword_prefix ?? "";
    checkSteps(json, this.written);
  }

  /**
   * The tokens of one text, without special tokens around it.
   *
   * @param {string} text
   * @returns {{ids: number[], begins: number[], ends: number[]}} of each token its id, and the characters it stands for,
   *   moved off white space: the first visible one from its begin on, and one past the last visible one before its end.
   *   What tokens i to j stand for is `text.slice(begins[i], ends[j])`, empty where that is white space only.
   * @throws {Error} the text is not valid Unicode, or a token cannot be found in it.
   */
  encode(text) {
    if (!text.isWellFormed()) throw new Error("the text is not valid Unicode (half a surrogate pair); mend it");
    const tokens = { ids: [], begins: [], ends: [] };
    const special = new Set(this.specialIds.values());
    const unknown = this.model.unk_token_id;
    const add = (id, units, from, to) => {
      tokens.ids.push(special.has(id) ? unknown ?? id : id);
      tokens.begins.push(forwards(text, units.begins[from]));
      tokens.ends.push(backwards(text, units.ends[to - 1]));
    };
    this.sections(tracked(text)).forEach(({ units, id }, number) => {
      if (id !== undefined) add(id, units, 0, units.text.length);
      else for (const word of this.words(units, number)) this.cutWord(word, add);
    });
    return tokens;
  }

  /** The id of a special token; undefined where there is no such token. */
  specialId(token) {
    return this.specialIds.get(token) ?? this.tokenizer.token_to_id(token);
  }

  /** The text, normalised, between tokens that were added to the vocabulary as they are written. */
  sections(units) {
    const normalised = (part) => (this.tokenizer.normalizer ? normalise(this.tokenizer.normalizer, part) : part);
    const raw = this.written.filter((token) => !token.normalized || !this.tokenizer.normalizer);
    const cooked = this.written.filter((token) => !raw.includes(token));
    const names = new Map(cooked.map((token) => [normalised(tracked(token.content)).text, token.id]));
    return splitAt(units, new Map(raw.map((token) => [token.content, token.id])))
      .flatMap((part) => (part.id === undefined ? splitAt(normalised(part.units), names) : [part]))
      .filter((part) => part.units.text);
  }

  words(units, section) {
    if (!this.preTokenizer) return [units];
    return preTokenise(this.tokenizer.pre_tokenizer, this.preTokenizer, units, section);
  }

  /** Cuts a word with the model and finds each token in it: as it is, behind "##", as a byte, or as one unknown. */
  cutWord(word, add) {
    const pieces = this.model([word.text]);
    let at = 0;
    let bytes = 0; // of the character at `at` that tokens such as <0xE6> have taken
    pieces.forEach((piece, number) => {
      const id = this.model.tokens_to_ids.get(piece) ?? this.model.unk_token_id;
      const bare = number && this.prefix && piece.startsWith(this.prefix) ? piece.slice(this.prefix.length) : piece;
      const next = String.fromCodePoint(word.text.codePointAt(at) ?? 0).length;
      if (bare && word.text.startsWith(bare, at)) {
        add(id, word, at, at + bare.length);
        at += bare.length;
      } else if (/^<0x[0-9A-F]{2}>$/.test(piece)) {
        add(id, word, at, at + next);
        bytes += 1;
        if (bytes === new TextEncoder().encode(word.text.slice(at, at + next)).length) [at, bytes] = [at + next, 0];
      } else if (piece === this.model.unk_token) {
        const end = pieces.length === 1 ? word.text.length : at + next;
        add(id, word, at, end);
        at = end;
      } else {
        at = NaN; // not found, and neither will be the others
      }
    });
    if (at !== word.text.length) throw new Error(`the tokens ${pieces.join(" ")} are not found in "${word.text}"`);
  }
}

// A text on its way: `begins[i]` and `ends[i]` are the part of the original that unit i of `text` came from.

function tracked(text) {
  const units = { text: "", begins: [], ends: [] };
  let at = 0;
  for (const character of text) {
    append(units, character, at, at + character.length);
    at += character.length;
  }
  return units;
}

function append(units, text, begin, end) {
  units.text += text;
  for (let i = 0; i < text.length; i++) {
    units.begins.push(begin);
    units.ends.push(end);
  }
}

const part = ({ text, begins, ends }, from, to) => ({
  text: text.slice(from, to),
  begins: begins.slice(from, to),
  ends: ends.slice(from, to),
});

/** The parts that match a pattern. */
const cut = (units, pattern) =>
  Array.from(units.text.matchAll(new RegExp(pattern, "gu")), ({ 0: found, index }) => part(units, index, index + found.length));

/** Cuts at names, of those that begin at one place at the longest; each part that is a name has its `id`. */
function splitAt(units, names) {
  if (!names.size) return [{ units }];
  const longest = [...names.keys()].sort((a, b) => b.length - a.length).map(escapeRegExp);
  const parts = [];
  let at = 0;
  for (const { 0: name, index } of units.text.matchAll(new RegExp(longest.join("|"), "gu"))) {
    if (index > at) parts.push({ units: part(units, at, index) });
    at = index + name.length;
    parts.push({ units: part(units, index, at), id: names.get(name) });
  }
  if (at < units.text.length) parts.push({ units: part(units, at, units.text.length) });
  return parts;
}

const escapeRegExp = (text) => text.replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&");

function forwards(text, at) {
  while (at < text.length && isSpace(text[at])) at++;
  return at;
}

function backwards(text, at) {
  while (at > 0 && isSpace(text[at - 1])) at--;
  return at;
}

// Normalising. The rules are the library's; here they are applied to parts so small that their place is known.

/** Those that change each character by itself, whatever stands around it. */
const BY_CHARACTER = new Set(["BertNormalizer", "Lowercase", "StripAccents"]);
/** Those that may also join a letter and the marks behind it. */
const BY_GRAPHEME = new Set(["NFC", "NFD", "NFKC", "NFKD", "Precompiled"]);

function normalise(normalizer, units) {
  const { type } = normalizer.config;
  if (type === "Sequence") return normalizer.normalizers.reduce((done, one) => normalise(one, done), units);
  if (type === "Replace") return replace(normalizer, units);
  if (type === "Strip") {
    const { strip_left: left, strip_right: right } = normalizer.config;
    const begin = left ? units.text.search(new RegExp(`[^${WHITE}]|$`)) : 0;
    return part(units, begin, right ? units.text.search(new RegExp(`[${WHITE}]*$`)) : units.text.length);
  }
  if (type === "Prepend") return units.text ? prepend(normalizer.config.prepend, units) : units;
  const result = { text: "", begins: [], ends: [] };
  const [begins, ends] = [units.begins, units.ends];
  for (const { segment, index } of graphemes(units.text)) {
    const apart = normaliseGrapheme(normalizer, segment);
    if (apart.length === [...segment].length) {
      let at = index;
      for (const [number, character] of [...segment].entries()) {
        append(result, apart[number], begins[at], ends[at]);
        at += character.length;
      }
    } else {
      append(result, apart.join(""), begins[index], ends[index + segment.length - 1]);
    }
  }
  return result;
}

const charsmaps = new WeakMap(); // normalizer -> its table

/** What stands for each character of a grapheme, or as one text for all of them. */
function normaliseGrapheme(normalizer, grapheme) {
  const { type, precompiled_charsmap: table } = normalizer.config;
  if (type === "Precompiled") {
    if (!charsmaps.has(normalizer)) charsmaps.set(normalizer, new Charsmap(table));
    return charsmaps.get(normalizer).normalize(grapheme);
  }
  const apart = Array.from(grapheme, (character) => normaliseOne(normalizer, character));
  if (BY_CHARACTER.has(type)) return apart;
  const whole = normalizer.normalize(grapheme);
  return whole === apart.join("") ? apart : [whole];
}

/** Han characters beyond U+FFFF, around which the library forgets the spaces that make each of them a word. */
const RARE_HAN = /^[\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]$/u;

function normaliseOne(normalizer, character) {
  const normal = normalizer.normalize(character);
  return normalizer.config.handle_chinese_chars && RARE_HAN.test(character) ? ` ${normal} ` : normal;
}

function replace({ pattern, config }, units) {
  if (pattern === null) return units;
  const result = { text: "", begins: [], ends: [] };
  const keep = (from, to) => {
    for (let i = from; i < to; i++) append(result, units.text[i], units.begins[i], units.ends[i]);
  };
  let at = 0;
  const matches = typeof pattern === "string" ? new RegExp(escapeRegExp(pattern), "gu") : pattern;
  for (const { 0: found, index } of units.text.matchAll(matches)) {
    keep(at, index);
    at = index + found.length;
    if (found) append(result, config.content ?? "", units.begins[at - 1], units.ends[at - 1]); // the last one's place
  }
  keep(at, units.text.length);
  return result;
}

function prepend(text, units) {
  const first = { text: "", begins: [], ends: [] };
  append(first, text, units.begins[0], units.ends[0]);
  return { text: first.text + units.text, begins: [...first.begins, ...units.begins], ends: [...first.ends, ...units.ends] };
}

// Cutting into words.

/** Those whose words stand in the text, one behind the other, with white space or nothing between them. */
const IN_ORDER = new Set(["BertPreTokenizer", "WhitespaceSplit", "Split", "Digits", "Punctuation"]);

/**
 * @param {object} preTokenizer the library's.
 * @param {object} config of the same step in tokenizer.json.
 * @param {object} units a part of the text, normalised.
 * @param {number} section its number: a text's first part may get a space before it that the others do not.
 */
function preTokenise(preTokenizer, config, units, section) {
  if (config.type === "Sequence") {
    return config.pretokenizers.reduce(
      (words, one, number) => words.flatMap((word) => preTokenise(preTokenizer.tokenizers[number], one, word, section)),
      [units],
    );
  }
  if (config.type === "WhitespaceSplit") {
    return cut(units, `[^${WHITE}]+`); // the library's own takes U+FEFF for a space
  }
  const words = preTokenizer.pre_tokenize(units.text, { section_index: section });
  if (config.type === "ByteLevel") return wordsOfBytes(words, units);
  if (config.type === "Metaspace") {
    const [text] = words;
    const prefixed = text.length > units.text.length ? prepend(text.slice(0, -units.text.length), units) : units;
    const joined = { ...prefixed, text };
    if (config.split === false) return [joined];
    // The library does not cut here: a word begins with the sign that stands for the space before it.
    return cut(joined, `${config.replacement}[^${config.replacement}]*|[^${config.replacement}]+`);
  }
  let at = 0;
  return words.map((word) => {
    const from = units.text.indexOf(word, at);
    if (from < 0) throw new Error(`the word "${word}" is not found in the text that it was cut from`);
    at = from + word.length;
    return part(units, from, at);
  });
}

/** Byte-level words have one unit for each byte of UTF-8, and perhaps a space before the first that the text lacks. */
function wordsOfBytes(words, units) {
  const bytes = { begins: [], ends: [] };
  let at = 0;
  for (const character of units.text) {
    const count = new TextEncoder().encode(character).length;
    for (let i = 0; i < count; i++) {
      bytes.begins.push(units.begins[at]);
      bytes.ends.push(units.ends[at]);
    }
    at += character.length;
  }
  const total = words.reduce((sum, word) => sum + word.length, 0);
  if (total === bytes.begins.length + 1) {
    bytes.begins.unshift(bytes.begins[0]);
    bytes.ends.unshift(bytes.ends[0]);
  }
  if (total !== bytes.begins.length) throw new Error("the bytes of the words are not those of the text");
  at = 0;
  return words.map((word) => {
    const from = at;
    at += word.length;
    return { text: word, begins: bytes.begins.slice(from, at), ends: bytes.ends.slice(from, at) };
  });
}

const KNOWN = {
  normalizer: new Set(["Sequence", "Replace", "Strip", "Prepend", ...BY_CHARACTER, ...BY_GRAPHEME]),
  pre_tokenizer: new Set(["Sequence", "ByteLevel", "Metaspace", ...IN_ORDER]),
};

function checkSteps(json, written) {
  for (const [name, known] of Object.entries(KNOWN)) {
    const steps = [json[name] ?? []].flat();
    while (steps.length) {
      const step = steps.pop();
      steps.push(...(step.normalizers ?? step.pretokenizers ?? []));
      if (!known.has(step.type)) {
        throw new Error(`tokenizer.json: the ${name} "${step.type}" is not known here, so no place in a text can be told`);
      }
    }
  }
  const loose = written.find((token) => token.lstrip || token.rstrip || token.single_word);
  if (loose) throw new Error(`tokenizer.json: the added token "${loose.content}" takes spaces in, which is not known here`);
}
