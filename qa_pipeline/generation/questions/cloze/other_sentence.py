"""Finds, for an answer, a sentence of another passage with the same answer: its words ask, this passage answers.

A question made from the answer's own sentence can be answered by looking for the same words; one made from another
sentence cannot. Candidates come from an index of words, BM25 chooses among them.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from qa_pipeline.generation.questions.cloze.sentences import Sentence
from qa_pipeline.generation.questions.cloze.words import Word, is_content, stem

LEAST_SHARED = 2
"""Entities that two sentences share where they speak of the same thing: one alone is mostly chance."""
RARE_SHARE = 0.05
"""A shared word counts as an entity when it is a name or at most this share of the sentences has it."""


class SentenceIndex:
    """All askable sentences of a collection of passages, searchable by words.

    Args:
        passages: sentences of each passage, in a fixed order.
    """

    def __init__(self, passages: Sequence[Sequence[Sentence]]):
        self.entries = [(p, s) for p, sentences in enumerate(passages) for s, x in enumerate(sentences) if x.askable]
        self._sentences = [passages[p][s] for p, s in self.entries]
        self._postings: dict[str, list[int]] = defaultdict(list)
        for number, sentence in enumerate(self._sentences):
            for lower in {word.lower for word in sentence.words if word.kind != "punct"}:
                self._postings[lower].append(number)
        self._entry_of = {entry: number for number, entry in enumerate(self.entries)}
        self._bm25: Any = None
        self._vocabulary: dict[str, int] = {}

    def other_sentence(self, passage: int, sentence: int, answer: Sequence[Word]) -> tuple[int, int, int, int] | None:
        """The best sentence of another passage that holds the same answer and shares entities with its sentence.

        Args:
            passage, sentence: where the answer stands.
            answer: its words.

        Returns:
            Passage and sentence numbers of the other one, and there the first and last (exclusive) word of the answer;
            None where there is none.
        """
        wanted = [word.lower for word in answer]
        if not wanted or any(lower not in self._postings for lower in wanted if lower[0].isalnum()):
            return None
        rarest = min(
            (lower for lower in wanted if lower[0].isalnum()),
            key=lambda lower: len(self._postings[lower]),
            default=None,
        )
        if rarest is None:
            return None
        places = {}
        for number in self._postings[rarest]:
            if self.entries[number][0] != passage:
                first = _find(self._sentences[number].words, wanted)
                if first is not None:
                    places[number] = first
        if not places:
            return None
        own = self._sentences[self._entry_of[(passage, sentence)]]
        query = {stem(word.lower) for word in own.words if is_content(word)} - {stem(lower) for lower in wanted}
        shared = [number for number in places if self._shares_entities(number, own, set(wanted))]
        if not shared:
            return None
        scores = self.scores(query)
        best = max(shared, key=lambda number: (scores[number], -number))
        first = places[best]
        return (*self.entries[best], first, first + len(wanted))

    def neighbours(self, passage: int, words: set[str], count: int = 5) -> list[int]:
        """Numbers of the other passages whose sentences match the words best, best first."""
        scores = self.scores(words)
        found: list[int] = []
        for number in np.argsort(-scores, kind="stable")[: 20 * count]:
            other = self.entries[int(number)][0]
            if scores[number] > 0 and other != passage and other not in found:
                found.append(other)
        return found[:count]

    def scores(self, words: set[str]) -> np.ndarray:
        """(num_sentences,) BM25 score of every sentence for a set of stemmed words."""
        if self._bm25 is None:
            self._build()
        known = sorted(self._vocabulary[word] for word in words if word in self._vocabulary)
        if not known:
            return np.zeros(len(self.entries), dtype=np.float32)
        return np.asarray(self._bm25.get_scores_from_ids(known))

    def _build(self) -> None:
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG
        stems = [[stem(word.lower) for word in sentence.words if is_content(word)] for sentence in self._sentences]
        self._vocabulary = {word: number for number, word in enumerate(sorted({word for row in stems for word in row}))}
        ids = [[self._vocabulary[word] for word in row] for row in stems]
        self._bm25 = bm25s.BM25(method="lucene", backend="numpy")
        if not self._vocabulary:  # numbers and words such as "the" alone: nothing to search by
            return
        self._bm25.index((ids, self._vocabulary), show_progress=False)

    def _shares_entities(self, number: int, own: Sentence, answer: set[str]) -> bool:
        others = {word.lower for word in self._sentences[number].words} - answer
        limit = max(3.0, RARE_SHARE * len(self.entries))
        shared = [
            is_content(word)
            and word.lower in others
            and (word.kind in ("cap", "num") or len(self._postings[word.lower]) <= limit)
            for word in own.words
        ]
        # Neighbours are one entity: "United States", "Supreme Court".
        entities = {
            " ".join(word.lower for word, _ in run)
            for is_shared, run in groupby(zip(own.words, shared, strict=True), key=lambda pair: pair[1])
            if is_shared
        }
        return len(entities) >= LEAST_SHARED


def _find(words: Sequence[Word], wanted: Sequence[str]) -> int | None:
    for i in range(len(words) - len(wanted) + 1):
        if all(words[i + k].lower == lower for k, lower in enumerate(wanted)):
            return i
    return None


def lower_counts(passages: Sequence[Sequence[Sentence]]) -> Counter[str]:
    """How often each word stands in lower case; and under its own spelling, with a capital inside a sentence."""
    return Counter(
        word.lower if word.text[0].islower() else word.text
        for sentences in passages
        for sentence in sentences
        for word in sentence.words
        if word.text[0].islower() or (word.kind == "cap" and sentence.askable)
    )
