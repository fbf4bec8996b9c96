"""Passages made ready for asking: sentences, words in lower case, whom they speak to, and which are near each other."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.questions.cloze.sentences import Sentence, is_spoken, plain, sentences_of
from qa_pipeline.generation.questions.cloze.words import is_content, stem
from qa_pipeline.generation.types import Draft

GENERATOR = "cloze"


@dataclass(eq=False)
class ReadPassage:
    """A passage made ready for asking.

    Attributes:
        source: the passage as it was given.
        text: its text with marks (Markdown) as spaces; the same length, so that offsets are those of `source.text`.
        sentences: in order.
        lower_counts: how often words stand in lower case in all passages, see `lower_counts`.
        document: all passages of its document, itself included.
        spoken: whether its document speaks to its reader: a policy, a leaflet, a manual.
    """

    source: Passage
    text: str
    sentences: list[Sentence]
    lower_counts: Counter[str] = field(default_factory=Counter, repr=False)
    document: list[ReadPassage] = field(default_factory=list, repr=False)
    spoken: bool = False

    def draft(self, question: str, start: int, end: int, answer_type: str, template: str, **details: Any) -> Draft:
        """A question about the characters `start` to `end` (exclusive) of the passage.

        Args:
            question: with its question mark.
            start, end: of the answer.
            answer_type: one of `spans.TYPES`.
            template: names the wording, from the general to the particular: "recipes/amount".
            details: more for the row's metadata.
        """
        text = self.source.text
        sentence = next((s for s in self.sentences if s.start <= start and end <= s.end), None)
        evidence = text[sentence.start : sentence.end] if sentence is not None else None
        details = {"answer_type": answer_type, "template": template, **details}
        return Draft(self.source, question, text[start:end], evidence, start, GENERATOR, details)


class Collection:
    """All passages of one call, each once, in the order of their ids, whatever order they came in.

    Attributes:
        passages: in the order of their ids.
        number: id of a passage -> its place in `passages`.
    """

    def __init__(self, passages: Sequence[Passage]):
        ordered = sorted({passage.id: passage for passage in passages}.values(), key=lambda passage: passage.id)
        self.number = {passage.id: number for number, passage in enumerate(ordered)}
        self.passages = [ReadPassage(one, plain(one.text), sentences_of(one.text)) for one in ordered]
        counts = lower_counts([passage.sentences for passage in self.passages])
        documents: dict[str, list[ReadPassage]] = defaultdict(list)
        for passage in self.passages:
            documents[passage.source.document].append(passage)
        for document in documents.values():
            spoken = is_spoken([sentence for passage in document for sentence in passage.sentences])
            for passage in document:
                passage.lower_counts, passage.document, passage.spoken = counts, document, spoken

    @cached_property
    def index(self) -> SentenceIndex:
        """Over the sentences of all passages."""
        return SentenceIndex([passage.sentences for passage in self.passages])


def lower_counts(passages: Sequence[Sequence[Sentence]]) -> Counter[str]:
    """How often each word stands in lower case; and under its own spelling, with a capital inside a sentence."""
    return Counter(
        word.lower if word.text[0].islower() else word.text
        for sentences in passages
        for sentence in sentences
        for word in sentence.words
        if word.text[0].islower() or (word.kind == "cap" and sentence.askable)
    )


class SentenceIndex:
    """All askable sentences of a collection of passages, searchable by words (BM25).

    Args:
        passages: sentences of each passage, in a fixed order.
    """

    def __init__(self, passages: Sequence[Sequence[Sentence]]):
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG
        askable = [(p, sentence) for p, sentences in enumerate(passages) for sentence in sentences if sentence.askable]
        self._passages = [passage for passage, _ in askable]
        stems = [[stem(word.lower) for word in sentence.words if is_content(word)] for _, sentence in askable]
        self._vocabulary = {word: number for number, word in enumerate(sorted({word for row in stems for word in row}))}
        self._bm25 = bm25s.BM25(method="lucene", backend="numpy")
        if self._vocabulary:  # else numbers and words such as "the" alone: nothing to search by
            ids = [[self._vocabulary[word] for word in row] for row in stems]
            self._bm25.index((ids, self._vocabulary), show_progress=False)

    def neighbours(self, passage: int, words: set[str], count: int = 5) -> list[int]:
        """Numbers of the other passages whose sentences match the words best, best first."""
        scores = self.scores(words)
        found: list[int] = []
        for number in np.argsort(-scores, kind="stable")[: 20 * count]:
            other = self._passages[int(number)]
            if scores[number] > 0 and other != passage and other not in found:
                found.append(other)
        return found[:count]

    def scores(self, words: set[str]) -> np.ndarray:
        """(num_sentences,) BM25 score of every sentence for a set of stemmed words."""
        known = sorted(self._vocabulary[word] for word in words if word in self._vocabulary)
        if not known:
            return np.zeros(len(self._passages), dtype=np.float32)
        return np.asarray(self._bm25.get_scores_from_ids(known))
