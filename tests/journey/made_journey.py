"""A whole journey's facts, as the stages would leave them, made of fake models and a few rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline.data import write_squad
from qa_pipeline.generation.specification.specification import parse_prompt
from qa_pipeline.journey.results.evaluation import EvaluationResult, evaluate
from tests.compare.fakes import FakeModel, Settings, make_examples, replies_of_skill

HOSTILE = "Ask about <script>window.hacked=1</script> & <img src=x onerror=window.hacked=2> {{title}} \u202e tides"
ROW = {
    "id": "1",
    "question": "How high is the <b>tide</b>?",
    "context": "The tide is </p><script>window.hacked=3</script> four metres high. " + "It falls again. " * 90,
    "answers": {"text": ["four metres"], "answer_start": [49]},
    "is_impossible": False,
    "metadata": {"kind": "generated", "source": "documents <i>of ours</i>"},
}


def test_rows(count: int = 60, kinds: tuple[str, ...] = ("generated",), **options: Any) -> list[Any]:
    """Questions with their source and kind in the metadata, as the process stage writes them."""
    rows = make_examples(count, np.random.default_rng(0), **options)
    for number, row in enumerate(rows):
        kind = kinds[number % len(kinds)]
        row["metadata"] = {"kind": kind, "source": {"labelled": "labels.csv", "retrieved": "SQuAD"}.get(kind, kind)}
    return rows


test_rows.__test__ = False  # type: ignore[attr-defined]  # not one for pytest


def evaluation(
    folder: Path, made_by: str = "generator", kinds: tuple[str, ...] = ("generated",), **options: Any
) -> EvaluationResult:
    """A real evaluation of two fake models on made questions."""
    rows = test_rows(kinds=kinds, unanswerable=0.2)
    file = write_squad(folder / "test.json", rows)
    rng = np.random.default_rng(1)
    settings = Settings(version_2_with_negative=True)
    base = FakeModel("a/base", replies_of_skill(rows, 0.1, rng), settings=settings, head_untrained=True)
    tuned = FakeModel("runs/tuned", replies_of_skill(rows, 0.7, rng, silent=True), settings=settings)
    quick = {"bootstrap_samples": 300, "latency_questions": 4}
    return evaluate(base, tuned, file, made_by=made_by, **{**quick, **options})


def ablation() -> dict[str, Any]:
    """What an ablation gives, one cell of which could not be made."""
    score = {"value": 40.0, "low": 30.0, "high": 50.0}
    nothing = dict.fromkeys(("rows", "exact_match", "f1", "seconds", "folder", "why_not"))
    measured = {"exact_match": score, "f1": score}
    return {
        "cells": [
            {"name": "base", "title": "no training", **nothing, **measured},
            {"name": "retrieved", "title": "retrieved rows only", **nothing, "why_not": "no <u>retrieved</u> rows"},
            {"name": "generated", "title": "generated rows only", **nothing, **measured, "rows": 50, "seconds": 9.0},
        ],
        "pairs": [],
        "sentences": ["What the filters add: +1.0 points of F1."],
        "settings": {},
        "intervals": None,
    }


def journey_record(folder: Path, prompt: str = HOSTILE, **options: Any) -> dict[str, Any]:
    """Facts of all stages; `options` go to `evaluation`."""
    found = evaluation(folder, ablation=ablation(), **options)
    split = {"rows": 40, "unanswerable": 8, "contexts": 20, "by_source": {"documents": 30, "SQuAD <2>": 10}}
    kinds = {"by_kind": {"generated": 30, "retrieved": 10}}
    made_by = found.metrics["test"]["made_by"]
    return {
        "parse": {"specification": json.loads(json.dumps(vars(parse_prompt(prompt))))},
        "retrieve_data": {
            "candidates": [
                {"id": "squad", "name": "SQuAD <2>", "num_rows": 87_599, "size_mb": 35.1, "licence": "cc-by-sa-4.0",
                 "languages": ["en"], "source": "catalogue", "usable": True, "reason": "About <em>everything</em>."},
                {"id": "x/script", "usable": False, "why_not": "it is loaded by a script", "licence": None},
                *({"id": f"more/{i}", "reason": "Further away."} for i in range(9)),
            ],
            "used": [{"id": "squad", "rows": 10, "weight": 2.0, "licence": "cc-by-sa-4.0", "reason": "fits"}],
            "refused": [{"id": "x/script", "reason": "it is loaded by a script"}],
            "rows": 10,
        },
        "generate": {
            "rows": 30,
            "backend": "openai",
            "report": {
                "settings": {"model": "some-model"},
                "drafts": 45,
                "accepted": 33,
                "rejected": {"overlap": 12},
                "left_out": {"near_duplicate": 3},
                "meanings": {"overlap": "too many words <of> the question"},
                "facts": {"documents": 4, "passages_asked": 13},
                "warnings": ["30 training questions are <few>"],
            },
            "usage": {"requests": 13, "prompt_tokens": 9_000, "completion_tokens": 2_500, "cost": 0.0123, "cached": 0},
        },
        "process": {
            "splits": {"train": {**split, **kinds}, "validation": {**split, **kinds}, "test": {**split, **kinds}},
            "test_made_by": made_by,
            "report": {"removed": {"near_duplicate": 2}, "licences": {"cc-by-sa-4.0": 10}, "split_by": "document"},
            "samples": [ROW, {**ROW, "id": "2", "metadata": {"kind": "retrieved", "source": "SQuAD"}}],
        },
        "retrieve_model": {
            "candidates": [
                {"id": "package:m", "name_or_path": "package:m", "reason": "At <hand>.", "fits": True, "at_hand": True,
                 "parameters_millions": 22.7, "size_mb": 90.9, "licence": "apache-2.0", "languages": ["en"]},
                {"id": "large", "fits": False, "why_not": "it takes 9 GB", "squad": {"v2": {"f1": 90.1}}},
            ],
            "chosen": "package:m",
            "reason": "At <hand>.",
        },
        "train": {
            "results": {
                "eval_f1": 50.0, "eval_exact_match": 40.0, "eval_f1_interval": [40.0, 60.0], "train_runtime": 75.0,
            },
            "history": [
                {"epoch": 0.5, "loss": 4.0}, {"epoch": 1.0, "loss": 3.0}, {"epoch": 2.0, "loss": 1.0},
                {"epoch": 1.0, "eval_f1": 30.0, "eval_loss": 3.1}, {"epoch": 2.0, "eval_f1": 50.0, "eval_loss": 2.2},
            ],
            "settings": {"learning_rate": 1e-3, "use_lora": True, "version_2_with_negative": True},
            "folder": "train",
        },
        "select": {
            "trials": [
                {"number": 0, "settings": {"learning_rate": 1e-3}, "f1": 50.0, "state": "complete",
                 "epochs": [30.0, 50.0]},
                {"number": 1, "settings": {"learning_rate": 2e-3}, "f1": 55.0, "state": "complete",
                 "epochs": [40.0, 55.0]},
                {"number": 2, "settings": {"learning_rate": 9e-3}, "f1": None, "state": "pruned",
                 "epochs": [9.0, 12.0]},
                {"number": 3, "settings": {"learning_rate": 9e-1}, "f1": None, "epochs": [], "state": "failed",
                 "error": "the loss is <not> a number"},
            ],
            "chosen": 1,
            "settings": {"learning_rate": 2e-3},
            "why": "Trial 1 has the highest F1.",
        },
        "execute": {"rows": 60, "calibration": {"fitted_on": "validation", "temperature": 1.4}, "seconds": 1.0},
        "evaluate": found.facts,
        "report": {},
    }  # fmt: skip


def journey_file(record: dict[str, Any], prompt: str = HOSTILE) -> dict[str, Any]:
    """What journey.json would hold."""
    stages = {
        name: {"status": "done", "seconds": 1.5 * place, "facts": facts, "why": None,
               "files": {"out": {"path": f"{name}/<out>.json", "sha256": "0"}}}
        for place, (name, facts) in enumerate(record.items())
    }  # fmt: skip
    return {"settings": {"prompt": prompt}, "stages": stages}
