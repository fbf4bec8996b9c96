"""A model that looks up what a question asks for by name, and texts to ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qa_pipeline.errors import ModelError
from qa_pipeline.postprocess import Span
from qa_pipeline.predictor import Answer
from tests.predictor.fakes import WordFinder

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> ${window.hacked=1} {{value}} & \' `'
LEAVE = "Every employee has 28 days of leave a year. The notice period is 14 days, and 28 days after ten years."


class PhraseFinder(WordFinder):
    """Answers "Which: 28 days | a year" with these words, the first with the highest confidence; else with nothing.

    A word "crash" ends in a ModelError, "fault" in an error of a program.

    Args:
        name: of the model.
        sure: confidence of the first phrase; each that follows has half of the one before.
        none: how likely it says that there is no answer, where it finds one.
        seconds: that an answer takes.
    """

    head_untrained = False

    def __init__(self, name: str = "finder", sure: float = 0.6, none: float = 0.1, seconds: float = 0.0):
        super().__init__(name, sure)
        self.none, self.seconds = none, seconds
        self.at_once = self.most_at_once = self.asked = 0
        self._count = threading.Lock()

    def predict(self, examples: Iterable[Mapping[str, Any]], **decoding: Any) -> Iterator[Answer]:
        with self._count:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.seconds)
            for number, row in enumerate(examples):
                yield self._answer(str(number), row["question"], row["context"])
        finally:
            with self._count:
                self.at_once -= 1

    def _answer(self, number: str, question: str, context: str) -> Answer:
        if "crash" in question:
            raise ModelError("the model gives NaN")
        if "fault" in question:
            raise KeyError("no such key")
        phrases = [phrase.strip() for phrase in question.partition(":")[2].split("|")]
        places = [(phrase, place) for phrase in phrases for place in _places(context, phrase)]
        spans = [
            Span(phrase, place, place + len(phrase), 5.0 - rank, self.sure / 2**rank)
            for rank, (phrase, place) in enumerate(places)
        ]
        if not spans:
            return Answer(number, question, "", None, None, 0.8, 0.8, 1.0, 0.0, 1)
        best = spans[0]
        found = best.text, best.start, best.end, best.confidence
        return Answer(number, question, *found, self.none, -best.score, best.score, 1, spans)


def _places(context: str, phrase: str) -> list[int]:
    places, place = [], context.find(phrase)
    while phrase and place >= 0:
        places.append(place)
        place = context.find(phrase, place + 1)
    return places
