"""Questions of the built-in domains, beside few rows: a new model learns from them what an answer is. Trains nothing.

A base model that has never answered a question needs some thousand of them before it points at answers at all, and a
handful of documents gives a hundred. Practice rows are trained on only, and never test or validate.
"""

from __future__ import annotations

import json
from pathlib import Path

from qa_pipeline import artifacts
from qa_pipeline.mock.dataset import make_dataset
from qa_pipeline.wording import counted

ENOUGH_ROWS = 1_500
"""Training rows from which a base model learns what an answer is from them alone."""
PRACTICE_ROWS = 1_600
PRACTICE_EPOCHS = 1.0
"""Passes over them, however many there are over the other rows; see docs/experiments.md."""


def wanted_practice(asked: int | None, rows: int, language: str, answers_questions: bool) -> int:
    """How many practice rows to train on beside the others.

    Args:
        asked: what the user asked for; None: as many as help.
        rows: training rows that are there.
        language: code of the rows; the built-in domains are English.
        answers_questions: whether the base model was trained on questions before.

    >>> wanted_practice(None, 120, "en", False), wanted_practice(None, 4000, "en", False)
    (1600, 0)
    """
    if asked is not None:
        return asked
    return PRACTICE_ROWS if rows < ENOUGH_ROWS and language.startswith("en") and not answers_questions else 0


def answers_questions(model: str) -> bool:
    """Whether a model that was named, not searched for, was trained on questions before; so where nobody can tell.

    Args:
        model: an id of the Hub, a folder, or `package:MODULE/FOLDER`.
    """
    from qa_pipeline.discovery.catalogue import known_models
    from qa_pipeline.discovery.model_candidate import has_trained_head

    for known in known_models():
        if known.id == model:
            return known.answers_questions
    try:
        config = json.loads((Path(model).expanduser() / "config.json").read_text(encoding="utf-8"))
        return has_trained_head(config.get("architectures") or ())
    except (OSError, ValueError, AttributeError):
        return True


def write_practice(path: Path, rows: int, unanswerable_fraction: float, seed: int) -> Path:
    """Writes practice rows as SQuAD 2.0 JSON; the same arguments give the same bytes."""
    made = make_dataset(None, max(rows, 3), unanswerable_fraction, seed, validation_fraction=0.0, test_fraction=0.0)
    return artifacts.write_json(path, made["train"], indent=None)


def practice_words(rows: int) -> str:
    """What was done, for people."""
    return (
        f"beside the rows {counted(rows, 'question')} of built-in domains were trained on (practice_rows): the model "
        "had never answered a question, and the rows are few"
    )
