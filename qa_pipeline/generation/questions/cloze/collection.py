"""Passages made ready for asking: sentences, style, words in lower case, and the index over all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.questions.cloze.frames import Framed, framed_answers
from qa_pipeline.generation.questions.cloze.markup import lines, plain
from qa_pipeline.generation.questions.cloze.options import ClozeOptions
from qa_pipeline.generation.questions.cloze.other_sentence import SentenceIndex, lower_counts
from qa_pipeline.generation.questions.cloze.sentences import Sentence, is_spoken, sentences_of
from qa_pipeline.generation.questions.cloze.service import GENERAL_FRAMES, is_about_data
from qa_pipeline.generation.questions.cloze.tables import Cell, table_cells


class Collection:
    """All passages of one call, each once, in the order of their ids, whatever order they came in.

    Attributes:
        passages: in the order of their ids.
        plain: text of each passage without marks, offsets unchanged.
        sentences: of each passage.
        spoken: whether each passage belongs to a document that speaks to its reader.
        service: whether it does so of what a service does with people's data, accounts and messages.
        lower_counts: how often each word stands in lower case, see `other_sentence.lower_counts`.
    """

    def __init__(self, passages: Sequence[Passage], options: ClozeOptions):
        self.passages = sorted({passage.id: passage for passage in passages}.values(), key=lambda passage: passage.id)
        self.number = {passage.id: number for number, passage in enumerate(self.passages)}
        self.sentences: list[list[Sentence]] = [sentences_of(passage.text) for passage in self.passages]
        self.plain = [plain(passage.text) for passage in self.passages]
        self.lower_counts = lower_counts(self.sentences)
        self._frames: dict[int, list[tuple[int, Framed]]] = {}
        self.spoken, self.service = self._styles(options.style)

    @cached_property
    def index(self) -> SentenceIndex:
        """Over the sentences of all passages."""
        return SentenceIndex(self.sentences)

    def framed(self, number: int) -> list[tuple[int, Framed]]:
        """(sentence, answer) of what the passage states about a service; of other texts what they tell one to do."""
        if not self.spoken[number]:
            return []
        framed = _each_category_once(self._all_framed(number))
        return framed if self.service[number] else [pair for pair in framed if pair[1].frame in GENERAL_FRAMES]

    def cells(self, number: int) -> list[tuple[int, Cell]]:
        """(sentence, cell) of the tables of a passage."""
        found = lines(self.passages[number].text)
        of_line: dict[int, int] = {}
        position = 0
        for index, sentence in enumerate(self.sentences[number]):
            while position < len(found) and found[position].end <= sentence.start:
                position += 1
            if position < len(found):
                of_line.setdefault(position, index)
        return [
            (of_line[c.line], c) for c in table_cells(self.plain[number], found, self.lower_counts) if c.line in of_line
        ]

    def _all_framed(self, number: int) -> list[tuple[int, Framed]]:
        if number not in self._frames:
            text = self.plain[number]
            self._frames[number] = [
                (index, framed)
                for index, sentence in enumerate(self.sentences[number])
                if sentence.askable
                for framed in framed_answers(text, sentence)
            ]
        return self._frames[number]

    def _styles(self, style: str) -> tuple[list[bool], list[bool]]:
        """Whether each passage is spoken, and about a service; decided by document."""
        if style != "auto":
            return [style == "service"] * len(self.passages), [style == "service"] * len(self.passages)
        of_document: dict[str, list[int]] = defaultdict(list)
        for number, passage in enumerate(self.passages):
            of_document[passage.document].append(number)
        spoken, service = [False] * len(self.passages), [False] * len(self.passages)
        for numbers in of_document.values():
            if not is_spoken([sentence for number in numbers for sentence in self.sentences[number]]):
                continue
            found = [
                (self.plain[number][self.sentences[number][index].start : self.sentences[number][index].end], framed)
                for number in numbers
                for index, framed in self._all_framed(number)
            ]
            askable = sum(sentence.askable for number in numbers for sentence in self.sentences[number])
            about_data = is_about_data(found, askable)
            for number in numbers:
                spoken[number], service[number] = True, about_data
        return spoken, service


def _each_category_once(framed: Sequence[tuple[int, Framed]]) -> list[tuple[int, Framed]]:
    """The pairs without those whose category was named before."""
    first: dict[tuple[str, int] | None, int] = {}
    for position, (_, one) in enumerate(framed):
        first.setdefault(one.category, position)
    return [pair for i, pair in enumerate(framed) if pair[1].category is None or first[pair[1].category] == i]
