"""Finds the sentences of a passage, with offsets, and the style of a document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.words import Word, cut

FEWEST_WORDS, MOST_WORDS = 4, 80
"""Shorter sentences say too little to ask about; longer ones are lists and tables."""
_URL = re.compile(r"https?://|www\.|\S+@\S+\.\S+")
_FIRST_OR_SECOND_PERSON = lexicon.word_set("we our us you your yours yourself")
SERVICE_SHARE = 0.025
"""Share of "we", "you" and the like from which a document speaks to its reader: a policy, terms, a manual."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        start, end: characters of the passage, end exclusive, no white space around.
        words: its words, with offsets into the passage.
        askable: of a length and form that a question can be made from; the others are only kept as context.
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
    """The sentences of a passage in order. A line break ends one."""
    found = []
    for line in re.finditer(r"[^\n]+", text):
        position = line.start()
        for piece in _segmenter().segment(line.group()):
            piece = piece.strip()
            start = text.find(piece, position, line.end()) if piece else -1
            if start < 0:  # the segmenter may put characters of its own into odd text
                continue
            position = start + len(piece)
            words = tuple(cut(piece, start))
            number = sum(word.kind != "punct" for word in words)
            askable = FEWEST_WORDS <= number <= MOST_WORDS and not _URL.search(piece)
            found.append(Sentence(start, position, words, askable))
    return found


def is_service_text(sentences: list[Sentence]) -> bool:
    """Whether the text speaks for "us" to "you", as policies, terms of service and manuals do."""
    words = [word.lower for sentence in sentences for word in sentence.words if word.kind != "punct"]
    persons = sum(word in _FIRST_OR_SECOND_PERSON for word in words)
    return bool(words) and persons / len(words) >= SERVICE_SHARE
