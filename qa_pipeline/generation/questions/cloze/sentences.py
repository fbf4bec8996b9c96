"""Finds the sentences of a passage, with offsets, and whether a text speaks to its reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.markup import Line, lines, plain
from qa_pipeline.generation.questions.cloze.words import Word, cut

FEWEST_WORDS, MOST_WORDS = 4, 80
"""Shorter sentences say too little to ask about; longer ones are lists and tables."""
_ADDRESS = re.compile(r"\w+://|www\.|\S+@\S+\.\S+|(?<!\w)[A-Za-z]:\\|(?<![\w/])(?:\.{0,2}/)[\w.-]+/[\w./-]+")
_FIRST_OR_SECOND_PERSON = lexicon.word_set("we our us you your yours yourself")
SPOKEN_SHARE = 0.025
"""Share of "we", "you" and the like from which a document speaks to its reader: a policy, terms, a manual."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        start, end: characters of the passage, end exclusive, no white space around.
        words: its words, with offsets into the passage.
        askable: of a length and form that a question can be made from; the others (headings, rows of tables, code,
            what has no verb or holds an address of the web) are only kept as context.
    """

    start: int
    end: int
    words: tuple[Word, ...]
    askable: bool


@lru_cache(maxsize=1)
def _segmenter() -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its regular expressions warn when they are compiled
        import pysbd

        return pysbd.Segmenter(language="en", clean=False)


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a passage in order. A line break ends one, unless the line was only wrapped there."""
    clean = plain(text)
    found = []
    for line in lines(text):
        for piece, start in _pieces(clean, line):
            words = tuple(cut(piece, start))
            number = sum(word.kind != "punct" for word in words)
            askable = (
                line.kind == "text"
                and FEWEST_WORDS <= number <= MOST_WORDS
                and any(word.kind in ("aux", "verb") for word in words)
                and not _ADDRESS.search(piece)
            )
            found.append(Sentence(start, start + len(piece), words, askable))
    return found


def _pieces(text: str, line: Line) -> Iterator[tuple[str, int]]:
    """(sentence, first character) of a line; what is no running text is one."""
    written, position = text[line.start : line.end], line.start
    for piece in _segmenter().segment(written) if line.kind == "text" else [written]:
        piece = piece.strip()
        start = text.find(piece, position, line.end) if piece else -1
        if start >= 0:  # the segmenter may put characters of its own into odd text
            position = start + len(piece)
            yield piece, start


def is_spoken(sentences: list[Sentence]) -> bool:
    """Whether the text speaks for "us" to "you", as policies, terms of service, leaflets and manuals do."""
    words = [word.lower for sentence in sentences for word in sentence.words if word.kind != "punct"]
    persons = sum(word in _FIRST_OR_SECOND_PERSON for word in words)
    return bool(words) and persons / len(words) >= SPOKEN_SHARE
