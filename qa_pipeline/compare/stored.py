"""A comparison as JSON, with its verdict in words, and back. Sees no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

from qa_pipeline.compare.results import (
    Comparison,
    ContextPlace,
    Difference,
    Folder,
    Given,
    ModelResult,
    Question,
    Score,
    Versus,
)
from qa_pipeline.compare.verdict import verdict
from qa_pipeline.errors import DataError

FORMAT_VERSION = 1

Mean = TypeVar("Mean", Score, Difference)


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """A JSON value that fits `data/schemas/comparison.schema.json`; `comparison_from_json` reads it back."""
    words = verdict(comparison)
    value = asdict(replace(comparison, questions=[]))
    of_folder = comparison.folder is not None
    if not of_folder:  # such a file is as it was before there were comparisons on a folder
        for part in (*value["models"], *value["pairs"]):
            del part["right_document"]
        del value["folder"], value["places"]
    value["questions"] = [_question_to_json(row, of_folder) for row in comparison.questions]
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
        models = [ModelResult(**{**m, **_means(m, Score)}) for m in value["models"]]
        pairs = [Versus(**{**p, **_means(p, Difference)}) for p in value["pairs"]]
        questions = [_question_from_json(row) for row in value["questions"]]
        plain = (
            *("source", "fingerprint", "created", "seed", "bootstrap_samples", "normalization"),
            *("latency_questions", "breakdowns", "contexts"),
        )
        later = {name: value[name] for name in ("resampled", "num_documents") if name in value}
        if value.get("folder") is not None:
            later["folder"] = Folder(**{**value["folder"], "search": _by_place(value["folder"]["search"], Score)})
            later["places"] = [ContextPlace(**{**p, "headings": tuple(p["headings"])}) for p in value["places"]]
        return Comparison(
            models=models, pairs=pairs, questions=questions, **{name: value[name] for name in plain}, **later
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: not a whole comparison: {type(error).__name__} {error}") from error


def _means(value: Mapping[str, Any], kind: type[Mean]) -> dict[str, Any]:
    """The scores or differences of a model or a pair."""
    plain = {name: kind(**value[name]) for name in ("exact_match", "f1")}
    return {**plain, "right_document": _by_place(value.get("right_document", {}), kind)}


def _by_place(value: Mapping[str, Any], kind: type[Mean]) -> dict[str, Mean]:
    return {place: kind(**one) for place, one in value.items()}


_OF_FOLDER = ("context", "document", "page", "document_place")
"""What answers from a folder have beside those to questions with a context each."""


def _question_to_json(row: Question, of_folder: bool) -> dict[str, Any]:
    names = [name for name in Given.__slots__ if of_folder or name not in _OF_FOLDER]
    return {
        **{"id": row.id, "question": row.question, "context": row.context},
        "gold": [{"text": text, "start": start} for text, start in row.gold],
        "answers": [{name: getattr(given, name) for name in names} for given in row.answers],
        **({"merged_ids": row.merged_ids} if row.merged_ids else {}),
        **({"columns": row.columns} if row.columns else {}),
        **({"documents": row.documents} if of_folder else {}),
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
        row.get("documents", []),
    )
