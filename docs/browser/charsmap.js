/**
 * Normalises a text by the table that a sentencepiece model carries (`precompiled_charsmap` in tokenizer.json), which
 * says of a character, or of a few in a row, what stands for them. Never sees a token.
 *
 * The JavaScript library does not read the table. It takes NFKC instead, which is nearly the same: but a joiner, as
 * Persian words and families of emoji have it, becomes a space.
 *
 * The table is a trie over the bytes of UTF-8, a double array (as of the darts-clone library), and behind it the
 * replacements, each ended by a zero byte.
 */
export class Charsmap {
  /** @param {string} base64 four bytes with the length of the trie, the trie, the replacements. */
  constructor(base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const size = view.getUint32(0, true);
    this.trie = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.replacements = bytes.subarray(4 + size);
  }

  /**
   * What stands for a grapheme: its own replacement where it has one, else each of its characters' or the character.
   *
   * @param {string} grapheme what a reader sees as one character.
   * @returns {string[]} of the grapheme as a whole, one text; of its characters, one text for each.
   */
  normalize(grapheme) {
    const short = new TextEncoder().encode(grapheme).length < 6; // longer ones are never looked up
    const whole = short ? this.replacement(grapheme) : null;
    return whole === null ? Array.from(grapheme, (one) => this.replacement(one) ?? one) : [whole];
  }

  /** The replacement of the shortest beginning of a text that has one; null without any. */
  replacement(text) {
    const { trie } = this;
    let place = next(0, trie[0]);
    for (const byte of new TextEncoder().encode(text)) {
      if (byte === 0) return null;
      place ^= byte;
      const unit = trie[place];
      if ((unit & 0x800000ff) >>> 0 !== byte) return null;
      place = next(place, unit);
      if (unit & 0x100) return this.textAt(trie[place] & 0x7fffffff);
    }
    return null;
  }

  textAt(begin) {
    return new TextDecoder().decode(this.replacements.subarray(begin, this.replacements.indexOf(0, begin)));
  }
}

/** Where the children of a node of the double array lie. */
const next = (place, unit) => (place ^ ((unit >>> 10) << ((unit & 0x200) >>> 6))) >>> 0;
