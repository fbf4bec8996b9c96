"""Cuts text into words and sentences, and compares texts by their words. Pure functions."""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import cache, lru_cache
from typing import Any

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
    spans, position = [], 0
    for sentence in _segmenter(language.split("-")[0].lower()).segment(text):
        core = sentence.strip()
        start = text.find(core, position) if core else -1
        if start >= 0:  # the segmenter may put characters of its own into odd text
            spans.append((start, start + len(core)))
            position = start + len(core)
    return tuple(spans) or ((0, len(text)),)


@cache
def _segmenter(code: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its regular expressions warn when they are compiled
        import pysbd
        from pysbd.languages import LANGUAGE_CODES

        return pysbd.Segmenter(language=code if code in LANGUAGE_CODES else "en", clean=False)


def sentence_at(text: str, start: int, language: str = "en") -> str:
    """The sentence that holds the character `start`."""
    for begin, end in sentence_spans(text, language):
        if begin <= start < end:
            return text[begin:end]
    return text


# Ends of sentences: a mark, closing quotes and white space before a capital, a digit or a script without capitals; a
# blank line; the marks of scripts that put no space between sentences.
_END = re.compile(r"""[.!?…؟۔।][)\]"'”’»]*\s+(?=[^\s\w]*[^\W_a-zà-öø-ÿ])|\n[^\S\n]*\n\s*|[。！？]["'”’」』)]*\s*""")
# A full stop after one letter ("J. Smith", "e.g.") or one of these words ends no sentence.
_WORDS = "mr|mrs|ms|dr|prof|st|no|nos|art|arts|sec|para|par|vs|cf|al|fig|inc|ltd|co|etc|approx|ca|bzw|nr|abs"
_ABBREVIATION = re.compile(rf"(?:^|[\s(.])(?:[^\W\d]|{_WORDS})\.$", re.IGNORECASE)
_END_OR_LINE = re.compile(rf"{_END.pattern}|\n\s*")


def sentence_around(text: str, start: int, end: int, most: int = 240, lines: bool = False) -> tuple[int, int]:
    """The characters of the sentence, or sentences, that hold `text[start:end]`; end exclusive, no space around.

    Looks around this one place alone, so it is fast, and works without a model of the language.

    Args:
        text: any text.
        start, end: of the answer, in characters.
        most: characters on each side that are looked at; what is further is cut off, at white space if there is any.
        lines: whether every line break ends a sentence; else only a blank line does.

    Example:
        >>> "Wait. Ask Dr. Smith. Pay."[slice(*sentence_around("Wait. Ask Dr. Smith. Pay.", 10, 13))]
        'Ask Dr. Smith.'
    """
    ends = _END_OR_LINE if lines else _END
    low, high = max(0, start - most), min(len(text), end + most)
    begin = low if low == 0 else _after_space(text, low, start)
    for match in ends.finditer(text, low, start + 4):  # what follows a mark decides whether it ends a sentence
        if match.end() <= start and not _goes_on(text, match):
            begin = match.end()
    finish = high if high == len(text) else _before_space(text, high, end)
    # An answer that has the sentence's own mark is its end, so the search begins one character before.
    for match in ends.finditer(text, max(start, end - 1), high):
        if match.start() + 1 >= end and not _goes_on(text, match):
            finish = match.end()
            break
    begin += len(text[begin:start]) - len(text[begin:start].lstrip())
    return begin, max(end, len(text[:finish].rstrip()))


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether the full stop belongs to an abbreviation."""
    return match[0][0] == "." and bool(_ABBREVIATION.search(text[max(0, match.start() - 12) : match.start() + 1]))


def _after_space(text: str, low: int, start: int) -> int:
    match = re.compile(r"\s+").search(text, low, start)
    return match.end() if match else low


def _before_space(text: str, high: int, end: int) -> int:
    place = high
    while place > end and not text[place].isspace():
        place -= 1
    return place if place > end else high
