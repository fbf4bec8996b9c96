"""Widens an answer to whole words, as `align_to_words` of the transformers pipeline did.

A word is what the tokenizer's first step (its pre-tokenizer) makes of the text between two white spaces: for BERT a run
of letters or one punctuation mark, for sentencepiece everything up to the next space.
"""

from __future__ import annotations

import re
from typing import Any

from qa_pipeline.preprocess import text_encoder
from qa_pipeline.text.edges import whole_graphemes

FARTHEST = 64
"""Characters to the next white space beyond which there is no word to be had."""

_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3000-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff00-\uffef\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Chinese and Japanese put no spaces between words, and Korean none between a noun and its
particles: what stands between two spaces is no word, and the old pipeline widened answers to whole sentences."""

_MOST_CACHED = 100_000


class WordFinder:
    """Finds the word that a character belongs to; remembers the words it has seen.

    Args:
        tokenizer: a fast tokenizer, neither truncating nor padding.
    """

    def __init__(self, tokenizer: Any):
        self._encoder = text_encoder(tokenizer)
        self._seen: dict[str, list[tuple[int, int]]] = {}

    def widen(self, context: str, start: int, end: int) -> tuple[int, int]:
        """The smallest run of whole words around the characters `start` to `end` (exclusive), never less than these."""
        begin, stop = self._word(context, start)[0], self._word(context, end - 1)[1]
        return whole_graphemes(context, min(begin, start), max(stop, end))

    def _word(self, context: str, place: int) -> tuple[int, int]:
        if _WITHOUT_SPACES.match(context, place):
            return place, place + 1
        left = place
        while left > 0 and not _ends_words(context[left - 1]):
            left -= 1
            if place - left > FARTHEST:
                return place, place + 1
        right = place + 1
        while right < len(context) and not _ends_words(context[right]):
            right += 1
            if right - place > FARTHEST:
                return place, place + 1
        for begin, end in self._words(context[left:right]):
            if begin <= place - left < end:
                return left + begin, left + end
        return place, place + 1

    def _words(self, text: str) -> list[tuple[int, int]]:
        """The words in a text without spaces, as characters of it, end exclusive."""
        if text in self._seen:
            return self._seen[text]
        encoding = self._encoder.encode(text, add_special_tokens=False)
        words: dict[int, tuple[int, int]] = {}
        for word, (begin, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            if word is not None and end > begin:
                known = words.get(word, (begin, end))
                words[word] = (min(known[0], begin), max(known[1], end))
        if len(self._seen) >= _MOST_CACHED:
            self._seen.clear()
        return self._seen.setdefault(text, list(words.values()))


def _ends_words(character: str) -> bool:
    return character.isspace() or bool(_WITHOUT_SPACES.match(character))
