"""Small facts about text that passages, filters and duplicates share. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
# Scripts without spaces between words: Thai to Myanmar, kana, Han. Two characters count as one word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")

STOPWORDS = frozenset(
    _WORD.findall("""
    a about after all also am an and any are as at be been before being between both but by can could did do does
    doing for from had has have having he her here hers him his how i if in into is it its itself just may me might more
    most must my no nor not of off on once only or other our out over own same shall she should so some such than that
    the their them then there these they this those through to too under until up upon very was we were what when where
    which while who whom whose why will with would you your""")
)


def words(text: str) -> list[str]:
    """Words of a text as they are written."""
    return _WORD.findall(text)


def count_words(text: str) -> int:
    """Words; in scripts without spaces two characters count as one word."""
    unspaced = len(_UNSPACED.findall(text))
    return (unspaced + 1) // 2 + len(_WORD.findall(_UNSPACED.sub(" ", text))) if unspaced else len(_WORD.findall(text))


@lru_cache(maxsize=65536)
def normalised(text: str) -> str:
    """NFKC, lower case, words only, one space between them."""
    return " ".join(word.casefold() for word in words(unicodedata.normalize("NFKC", text)))


def contains_words(text: str, part: str) -> bool:
    """Whether the words of `part` follow each other in `text`, whatever their case and punctuation."""
    inner = normalised(part)
    return bool(inner) and f" {inner} " in f" {normalised(text)} "


@lru_cache(maxsize=1024)
def sentence_spans(text: str, language: str = "en") -> tuple[tuple[int, int], ...]:
    """Sentences as (start, end) characters, end exclusive, without the spaces around them; pysbd's rules.

    A language that pysbd does not know is cut by the rules for English.
    """
    import pysbd
    from pysbd.languages import LANGUAGE_CODES

    code = language.split("-")[0].lower()
    segmenter = pysbd.Segmenter(language=code if code in LANGUAGE_CODES else "en", clean=False, char_span=False)
    spans, position = [], 0
    for sentence in segmenter.segment(text):
        core = sentence.strip()
        start = text.find(core, position) if core else -1
        if start >= 0:
            spans.append((start, start + len(core)))
            position = start + len(core)
    return tuple(spans) or ((0, len(text)),)


def sentence_at(text: str, start: int, language: str = "en") -> str:
    """The sentence that holds the character `start`."""
    for begin, end in sentence_spans(text, language):
        if begin <= start < end:
            return text[begin:end]
    return text


_STOP = re.compile(r"[.?!](?=\s)|\n|[\u3002\uff01\uff1f\u0964]")


def stretch_around(text: str, start: int, end: int) -> str:
    """What stands between the stops before and after the characters `start` to `end`: a sentence, found fast.

    Unlike `sentence_at` it knows no abbreviations, and no language either.
    """
    begin = max((match.end() for match in _STOP.finditer(text, 0, start)), default=0)
    stop = _STOP.search(text, end)
    return text[begin : stop.end() if stop else len(text)].strip()
