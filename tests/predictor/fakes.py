"""A model that finds words without learning: the answer is wherever the question's last word stands in the context."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.settings import StoredSettings
from qa_pipeline.postprocess import Span
from qa_pipeline.predictor import Answer, QAPredictor

CONTEXT = "Ada Lovelace lived in London. She wrote about engines. London was large."


class WordFinder(QAPredictor):
    """Gives every place of a question's last word, or no answer; longer contexts make it less sure.

    Args:
        name: of the model.
        sure: the confidence where a word is there once, in a context of no length.
        speaks: False says "no answer" everywhere.
    """

    device = "cpu"
    embedder = None
    num_parameters = 3
    size_mb = 0.1

    def __init__(self, name: str = "finder", sure: float = 0.9, speaks: bool = True, **settings: Any):
        self.name, self.sure, self.speaks = name, sure, speaks
        self.settings = StoredSettings(version_2_with_negative=True, **settings)
        self.decoded_with: list[dict[str, Any]] = []

    def predict(
        self, examples: Iterable[Mapping[str, Any]], *, progress: Any = None, skip: int = 0, **decoding: Any
    ) -> Iterator[Answer]:
        self.decoded_with.append(decoding)
        for number, row in islice(enumerate(examples), skip, None):
            if "crash" in row["question"]:
                raise ModelError("cannot compute this")
            word = re.findall(r"\w+", row["question"])[-1]
            places = list(re.finditer(rf"\b{word}\b", row["context"]))
            sure = self.sure / (1 + len(row["context"]) / 1000)
            spans = [Span(m[0], m.start(), m.end(), 5.0 - i, sure / 2**i) for i, m in enumerate(places)]
            spans = spans[: decoding.get("n_best_size", self.settings.n_best_size)]
            best = spans[0] if spans and self.speaks else Span("", 0, 0, 0.0, 1 - sure)
            yield Answer(
                id=str(row.get("id", number)),
                question=row["question"],
                text=best.text,
                start=best.start if best.text else None,
                end=best.end if best.text else None,
                confidence=best.confidence,
                no_answer_confidence=1 - sure,
                null_odds=-best.score,
                score=best.score,
                num_windows=1,
                nbest=spans,
            )

    def fingerprint(self) -> str:
        return f"{self.name} {self.sure} {self.speaks} {self.settings}"

    def together(self, answers: list[Answer], **decoding: Any) -> list[Answer]:
        """Confidences as they are given: they say how often a word is there and how long its text is."""
        nothing = min(answer.no_answer_confidence for answer in answers)
        silent = [replace(answer, no_answer_confidence=nothing) for answer in answers]
        return [replace(a, confidence=nothing) if a.start is None else a for a in silent]


def data_file(folder: Path, answered: bool = True, count: int = 4) -> Path:
    rows = []
    for i in range(count):
        row = {"id": f"q{i}", "context": CONTEXT, "question": f"{i}: what about {'engines' if i % 2 else 'London'}?"}
        if answered:
            row["answers"] = {"text": ["London"], "answer_start": [22]}
        rows.append(row)
    path = folder / "questions.json"
    path.write_text(json.dumps(rows))
    return path
