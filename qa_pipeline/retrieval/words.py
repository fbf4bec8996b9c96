"""BM25 over many texts, kept as a folder and mapped into memory. Counts what `ranking.terms` says of a text.

The scores are bm25s's, which are computed when the index is made: a search adds up a few columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline.retrieval.ranking import new_bm25, split_words, stem_function, terms

_NO_TERM = -1
_STEMS = "stems.json"


class WordIndex:
    """Texts by their words.

    Args:
        bm25: bm25s's index of them; None where no text has a term.
        count: how many texts there are.
        language: code of the language of texts and questions.
        stems: the term of each word of the texts; None for a stop word.

    Example:
        >>> words = WordIndex.build(["Fees of boats", "Leave of employees"], "en")
        >>> (words.scores("What is the fee for a boat?") > 0).tolist()
        [True, False]
    """

    def __init__(self, bm25: Any, count: int, language: str, stems: Mapping[str, str | None]):
        self.language = language
        self._bm25 = bm25
        self._count = count
        self._stems = stems

    @classmethod
    def build(cls, texts: Iterable[str], language: str, stems: Mapping[str, str | None] | None = None) -> WordIndex:
        """Counts the terms of texts; each text is looked at once, and each distinct word is stemmed once.

        Args:
            texts: what is indexed.
            language: code, for stems and stop words.
            stems: of an earlier index in the same language, see `read_stems`.
        """
        numbers = _TermNumbers(stem_function(language), stems or {})
        rows = [[number for number in map(numbers.__getitem__, split_words(text)) if number >= 0] for text in texts]
        if not numbers.of_term:
            return cls(None, len(rows), language, {})
        bm25 = new_bm25()
        bm25.index((rows, numbers.of_term), show_progress=False)
        terms_by_number = [*numbers.of_term, None]  # the last one is that of _NO_TERM
        return cls(bm25, len(rows), language, {word: terms_by_number[number] for word, number in numbers.items()})

    def scores(self, question: str) -> np.ndarray:
        """(num_texts,) float32 BM25 scores; 0 where a text has no term of the question."""
        known = self._known(question)
        if not known:
            return np.zeros(self._count, dtype=np.float32)
        return np.asarray(self._bm25.get_scores_from_ids(known))

    def save(self, folder: Path) -> None:
        """Writes it as a folder; where no text has a term, as an empty one."""
        folder.mkdir()
        if self._bm25 is not None:
            self._bm25.save(folder, show_progress=False)
            (folder / _STEMS).write_text(json.dumps(self._stems), encoding="ascii")

    @classmethod
    def open(cls, folder: Path, count: int, language: str) -> WordIndex:
        """Maps what `save` wrote into memory.

        Raises:
            OSError: the files are not there.
            ValueError: they are damaged.
        """
        if not any(folder.iterdir()):
            return cls(None, count, language, {})
        bm25 = type(new_bm25()).load(folder, mmap=True, show_progress=False)
        if bm25.scores["num_docs"] != count:
            raise ValueError(f"{folder.name} has {bm25.scores['num_docs']} texts, expected {count}")
        return cls(bm25, count, language, {})

    def _known(self, question: str) -> list[int]:
        if self._bm25 is None:
            return []
        vocabulary = self._bm25.vocab_dict
        return [vocabulary[term] for term in sorted(set(terms(question, self.language))) if term in vocabulary]


def read_stems(folder: Path) -> dict[str, str | None]:
    """The term of each word of the texts of an index that was saved; None for a stop word. Saves stemming them anew.

    Empty where the file is not there or damaged.
    """
    try:
        return dict(json.loads((folder / _STEMS).read_bytes()))
    except (OSError, ValueError):
        return {}


class _TermNumbers(dict[str, int]):
    """The number of each word's term, from 0 as they come; `_NO_TERM` of a stop word."""

    def __init__(self, stem: Callable[[str], str | None], known: Mapping[str, str | None]):
        super().__init__()
        self._stem = stem
        self._known = known
        self.of_term: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        term = self._known[word] if word in self._known else self._stem(word)
        number = _NO_TERM if term is None else self.of_term.setdefault(term, len(self.of_term))
        self[word] = number
        return number
