"""Passages made ready for asking: sentences, style, words in lower case, and the index over all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from qa_pipeline.generation.cloze.frames import Framed, framed_answers
from qa_pipeline.generation.cloze.options import ClozeOptions
from qa_pipeline.generation.cloze.other_sentence import SentenceIndex, lower_counts
from qa_pipeline.generation.cloze.sentences import Sentence, is_service_text, sentences_of
from qa_pipeline.generation.types import Passage


class Collection:
    """All passages of one call, each once, in the order of their ids, whatever order they came in.

    Attributes:
        passages: in the order of their ids.
        sentences: of each passage.
        service: whether each passage belongs to a document that speaks for a service to its reader.
        lower_counts: how often each word stands in lower case.
    """

    def __init__(self, passages: Sequence[Passage], options: ClozeOptions):
        self.passages = sorted({passage.id: passage for passage in passages}.values(), key=lambda passage: passage.id)
        self.number = {passage.id: number for number, passage in enumerate(self.passages)}
        self.sentences: list[list[Sentence]] = [sentences_of(passage.text) for passage in self.passages]
        self.lower_counts = lower_counts(self.sentences)
        self.service = self._styles(options.style)
        self._frames: dict[int, list[tuple[int, Framed]]] = {}

    @cached_property
    def index(self) -> SentenceIndex:
        """Over the sentences of all passages."""
        return SentenceIndex(self.sentences)

    def framed(self, number: int) -> list[tuple[int, Framed]]:
        """(sentence, answer) of what the passage states about a service."""
        if number not in self._frames:
            text = self.passages[number].text
            self._frames[number] = [
                (index, framed)
                for index, sentence in enumerate(self.sentences[number])
                if sentence.askable
                for framed in framed_answers(text, sentence)
            ]
        return self._frames[number]

    def _styles(self, style: str) -> list[bool]:
        if style != "auto":
            return [style == "service"] * len(self.passages)
        by_document: dict[str, list[Sentence]] = defaultdict(list)
        for passage, sentences in zip(self.passages, self.sentences, strict=True):
            by_document[passage.document].extend(sentences)
        decided = {document: is_service_text(sentences) for document, sentences in by_document.items()}
        return [decided[passage.document] for passage in self.passages]
