from __future__ import annotations

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.metrics import score_rows
from qa_pipeline.metrics.breakdown import breakdowns, question_word
from tests.metrics.test_metrics import example


def test_breakdowns_count_every_question_where_it_belongs() -> None:
    examples = [
        example("a", ["one"], "Who is it?"),
        example("b", ["one two three four"], "In which town, and why?"),
        example("c", [], "Is it so?"),
        example("d", ["the"], "Name it."),
    ]
    scores = score_rows({"a": "one", "b": "one two", "c": "", "d": ""}, examples)
    groups = breakdowns(scores, examples, num_windows={"a": 1, "b": 3, "c": 12, "d": 1})
    assert {name: {key: group["total"] for key, group in part.items()} for name, part in groups.items()} == {
        "answerable": {"HasAns": 3, "NoAns": 1},
        "answer_length": {"1": 1, "4-6": 1},
        "question_word": {"other": 1, "which": 1, "who": 1, "yes/no": 1},
        "num_windows": {"1": 2, "3-4": 1, "9+": 1},
    }
    assert groups["answer_length"]["4-6"] == pytest.approx({"exact_match": 0.0, "f1": 100 * 2 / 3, "total": 1})
    assert "num_windows" not in breakdowns(scores, examples)
    with pytest.raises(DataError, match="not of the same questions"):
        breakdowns(scores, examples[:2])


@pytest.mark.parametrize(
    ("question", "language", "word"),
    [
        ("How many people live there?", None, "how many"),
        ("To whom did he speak when he came?", "en", "who"),
        ("Does it say what happens?", "en", "yes/no"),
        ("Wie viele Menschen?", "de", "how many"),
        ("Was geschah?", "de-AT", "what"),
        ("Pourquoi pas ?", "fr", "why"),
        ("¿Cuándo fue?", "es", "when"),
        ("他什么时候来？", "zh", "when"),
        ("Miksi?", "fi", "other"),
    ],
)
def test_question_words(question: str, language: str | None, word: str) -> None:
    assert question_word(question, language) == word
