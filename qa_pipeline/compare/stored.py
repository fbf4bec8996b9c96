"""A comparison as JSON, with its verdict in words, and back. Sees no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from qa_pipeline.compare.results import Comparison, Difference, Given, ModelResult, Question, Score, Versus
from qa_pipeline.compare.verdict import verdict
from qa_pipeline.errors import DataError

FORMAT_VERSION = 1


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """A JSON value that fits `data/schemas/comparison.schema.json`; `comparison_from_json` reads it back."""
    words = verdict(comparison)
    value = asdict(replace(comparison, questions=[]))
    value["questions"] = [_question_to_json(row) for row in comparison.questions]
    head = {"format_version": FORMAT_VERSION, "verdict": [words.plain(s, comparison) for s in words.sentences]}
    counts = {"num_questions": comparison.num_questions, "num_unanswerable": comparison.num_unanswerable}
    return head | counts | value


def comparison_from_json(value: Mapping[str, Any], source: str = "comparison.json") -> Comparison:
    """Reads what `comparison_to_json` gave.

    Raises:
        DataError: the value is of a newer format, or something is missing or of the wrong kind.
    """
    version = value.get("format_version") if isinstance(value, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(f"{source}: expected format_version {FORMAT_VERSION} of a comparison, found {version!r}")
    try:
        models = [
            ModelResult(**{**m, "exact_match": Score(**m["exact_match"]), "f1": Score(**m["f1"])})
            for m in value["models"]
        ]
        pairs = [
            Versus(**{**p, "exact_match": Difference(**p["exact_match"]), "f1": Difference(**p["f1"])})
            for p in value["pairs"]
        ]
        questions = [_question_from_json(row) for row in value["questions"]]
        plain = (
            *("source", "fingerprint", "created", "seed", "bootstrap_samples", "normalization"),
            *("latency_questions", "breakdowns", "contexts"),
        )
        later = {name: value[name] for name in ("resampled", "num_documents") if name in value}
        return Comparison(
            models=models, pairs=pairs, questions=questions, **{name: value[name] for name in plain}, **later
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: not a whole comparison: {type(error).__name__} {error}") from error


def _question_to_json(row: Question) -> dict[str, Any]:
    return {
        **{"id": row.id, "question": row.question, "context": row.context},
        "gold": [{"text": text, "start": start} for text, start in row.gold],
        "answers": [{name: getattr(given, name) for name in Given.__slots__} for given in row.answers],
        **({"merged_ids": row.merged_ids} if row.merged_ids else {}),
        **({"columns": row.columns} if row.columns else {}),
    }


def _question_from_json(row: Mapping[str, Any]) -> Question:
    return Question(
        row["id"],
        row["question"],
        row["context"],
        [(gold["text"], gold["start"]) for gold in row["gold"]],
        [Given(**given) for given in row["answers"]],
        row.get("merged_ids", []),
        row.get("columns", {}),
    )
