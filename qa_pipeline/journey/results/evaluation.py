"""Base against tuned on the test questions, as metrics.json: scores, intervals, breakdowns, speed, and what they mean.

Measuring is `compare`; this puts its figures under stable names, says who wrote the questions wherever a score stands,
and holds the result against schemas/metrics.json before it is written. Trains nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.compare import Comparison, compare, comparison_to_json, report_html, verdict
from qa_pipeline.compare.results import COLUMN, ModelResult, Question
from qa_pipeline.compare.verdict import named
from qa_pipeline.data.example import Example
from qa_pipeline.data.schema import check_against
from qa_pipeline.errors import ConfigError
from qa_pipeline.journey.results.execution import load
from qa_pipeline.metrics import bootstrap_interval, resampling_of
from qa_pipeline.predictor.files.question_lists import read_data

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

FORMAT_VERSION = 1
LABELS = ("base", "tuned")
COLUMNS = ("source", "kind")
"""What the journey writes beside every question: which data set it came from, and how that was made."""
MOST_EXAMPLES = 4
"""Of each kind: right and wrong."""

MADE_BY = {
    "people": "The test questions were written by people.",
    "generator": (
        "The test questions were made by the same generator as the training questions. This score says how well the "
        "model answers such made questions; it does not measure people's questions."
    ),
    "mixed": (
        "Some of the test questions were written by people and some were made by the generator of the training "
        "questions. A score over both is no measure of people's questions; those of people are scored alone as well."
    ),
    "none": "There are no test questions, so nothing was measured.",
}
"""Who made the test questions -> what that means for every score on them."""
MADE_BY_TAGS = {
    "people": "people's questions",
    "generator": "not people's questions",
    "mixed": "not only people's questions",
    "none": "not measured",
}
"""The same in a few words, to stand beside a score."""
SILENT = (
    "The tuned model says “no answer” to every test question: all that it gets right are questions whose text has none."
)
COMPARISON_PAGE, COMPARISON = "comparison.html", "comparison.json"


@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate` found.

    Attributes:
        metrics: fits schemas/metrics.json.
        comparison: all of it, question by question; None where nothing was measured.
        examples: some questions that the tuned model answers right and wrong, see `example_rows`.
    """

    metrics: dict[str, Any]
    comparison: Comparison | None = None
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """What the report reads."""
        return {"metrics": self.metrics, "examples": self.examples}


def evaluate(
    base: QAPredictor | str | Path,
    tuned: QAPredictor | str | Path,
    test_file: str | Path | None,
    *,
    made_by: str,
    why_not: str | None = None,
    ablation: Mapping[str, Any] | None = None,
    seed: int = 0,
    bootstrap_samples: int = 10_000,
    latency_questions: int = 50,
) -> EvaluationResult:
    """Asks both models all test questions and measures how they differ.

    Args:
        base: the model that training began from; a head that was never trained is said to be so.
        tuned: the trained model.
        test_file: labelled questions; None where there are none.
        made_by: who wrote them: "people", "generator", "mixed" or "none".
        why_not: with made_by "none": why there are no test questions.
        ablation: what `ablation.ablate` gave, to stand in the same file.
        seed: of the resampling.
        bootstrap_samples: resamples of every interval.
        latency_questions: how many questions are asked one by one for the speed of single answers.

    Raises:
        ConfigError: `made_by` is none of these.
        ModelError: a model cannot be loaded or asked.
        DataError: the questions cannot be read, or none has a reference answer.
    """
    if made_by not in MADE_BY:
        raise ConfigError("made_by", f"expected one of {', '.join(MADE_BY)}; found {made_by!r}")
    if test_file is None or made_by == "none":
        return EvaluationResult(checked(_not_measured(why_not or MADE_BY["none"], ablation)))
    examples = read_data(str(test_file), require_answers=True).examples
    comparison = compare(
        [load(base, allow_new_head=True), load(tuned)],
        examples,
        labels=LABELS,
        source=Path(test_file).name,
        by=columns_of(examples),
        seed=seed,
        bootstrap_samples=bootstrap_samples,
        latency_questions=latency_questions,
        progress=False,
    )
    metrics = metrics_of(comparison, made_by, ablation)
    return EvaluationResult(checked(metrics), comparison, example_rows(comparison))


def columns_of(examples: Sequence[Example]) -> list[str]:
    """Those of COLUMNS that the questions have."""
    return [name for name in COLUMNS if any(name in (example.get("metadata") or {}) for example in examples)]


def metrics_of(comparison: Comparison, made_by: str, ablation: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The figures of a comparison of base and tuned under the names of schemas/metrics.json.

    Args:
        comparison: of two models, the base first.
        made_by: a key of MADE_BY.
        ablation: as of `evaluate`.
    """
    words, pair = verdict(comparison), comparison.versus(1)
    tuned = comparison.models[1]
    return {
        "format_version": FORMAT_VERSION,
        "created": comparison.created,
        "measured": True,
        "why_not": None,
        "test": {
            "source": comparison.source,
            "questions": comparison.num_questions,
            "unanswerable": comparison.num_unanswerable,
            "contexts": len(comparison.contexts),
            "documents": comparison.num_documents,
            "fingerprint": comparison.fingerprint,
            "made_by": made_by,
            "made_by_words": MADE_BY[made_by],
        },
        "exact_match": asdict(tuned.exact_match),
        "f1": asdict(tuned.f1),
        "base": _model(comparison.models[0]),
        "tuned": _model(tuned),
        "people": _people(comparison) if made_by == "mixed" else None,
        "difference": {
            "exact_match": asdict(pair.exact_match),
            "f1": asdict(pair.f1),
            **{name: getattr(pair, name) for name in ("wins", "losses", "ties", "changed")},
        },
        "verdict": [_said(sentence) for sentence in (words.headline, *words.details)],
        "cautions": [
            *([] if tuned.answered else [SILENT]),
            *([] if made_by == "people" else [MADE_BY[made_by]]),
            *(_said(sentence) for sentence in words.cautions),
        ],
        "breakdowns": {
            name.removeprefix(COLUMN): {group: _group(row) for group, row in groups.items()}
            for name, groups in comparison.breakdowns.items()
        },
        "intervals": intervals_of(comparison),
        "ablation": None if ablation is None else dict(ablation),
    }


def _said(sentence: str) -> str:
    """A sentence of the verdict with the models named, beginning as a sentence does."""
    text = named(sentence, lambda place: f"the {LABELS[place]} model")
    return text[:1].upper() + text[1:]


def _model(found: ModelResult) -> dict[str, Any]:
    return {
        "name": found.name,
        "exact_match": asdict(found.exact_match),
        "f1": asdict(found.f1),
        "kinds": found.kinds,
        "answered": found.answered,
        "head_untrained": found.head_untrained,
        "calibration": {
            "temperature": found.temperature,
            "null_score_diff_threshold": found.null_score_diff_threshold,
            "fitted_here": found.fitted_here,
            "ece": found.ece,
            "aurc": found.aurc,
            "reliability": found.reliability,
        },
        "size": {"parameters": found.num_parameters, "megabytes": found.size_mb},
        "speed": {
            "device": found.device,
            "questions_per_second": found.questions_per_second,
            "latency_p50_ms": found.latency_p50_ms,
            "latency_p95_ms": found.latency_p95_ms,
        },
        "notes": found.notes,
    }


def _people(comparison: Comparison) -> dict[str, Any] | None:
    """The scores on the questions that no generator made, of both models; None where there are none."""
    rows = [row for row in comparison.questions if row.columns.get("kind") != "generated"]
    if not rows:
        return None
    resampling = resampling_of([{"context": comparison.contexts[row.context]} for row in rows])
    rng = np.random.default_rng(comparison.seed)

    def score(place: int, measure: str) -> dict[str, float]:
        values = np.array([100.0 * getattr(row.answers[place], measure) for row in rows])
        low, high = bootstrap_interval(values, rng, comparison.bootstrap_samples, clusters=resampling.clusters)
        return {"value": float(values.mean()), "low": low, "high": high}

    scores = {
        label: {"exact_match": score(place, "exact"), "f1": score(place, "f1")} for place, label in enumerate(LABELS)
    }
    return {"questions": len(rows), "resampled": resampling.unit, **scores}


def intervals_of(comparison: Comparison) -> dict[str, Any]:
    """How the intervals of a comparison were drawn, as metrics.json has it."""
    return {
        "level": 0.95,
        "resampled": comparison.resampled,
        "num_resampled": comparison.num_resampled,
        "bootstrap_samples": comparison.bootstrap_samples,
        "seed": comparison.seed,
        "normalization": comparison.normalization,
    }


def _group(row: Mapping[str, Any]) -> dict[str, Any]:
    scores = {
        label: {measure: row[measure][place] for measure in ("exact_match", "f1")} for place, label in enumerate(LABELS)
    }
    return {"questions": row["total"], **scores}


def _not_measured(why_not: str, ablation: Mapping[str, Any] | None) -> dict[str, Any]:
    nothing = ("exact_match", "f1", "base", "tuned", "people", "difference", "intervals")
    return {
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "measured": False,
        "why_not": why_not,
        "test": {
            **dict.fromkeys(("source", "fingerprint", "documents")),
            **dict.fromkeys(("questions", "unanswerable", "contexts"), 0),
            "made_by": "none",
            "made_by_words": MADE_BY["none"],
        },
        **dict.fromkeys(nothing),
        "verdict": [f"Not measured: {why_not}"],
        "cautions": [],
        "breakdowns": {},
        "ablation": None if ablation is None else dict(ablation),
    }


def example_rows(comparison: Comparison, most: int = MOST_EXAMPLES) -> list[dict[str, Any]]:
    """Questions to show: right ones, those first that the base gets wrong, then the surest mistakes.

    Of one context there is one question, as long as there are others.

    Returns:
        outcome ("right" or "wrong"), id, question, context, gold (text and start of each reference answer), base and
        tuned (text, start, end, confidence, exact, f1), and source where the data has it.
    """
    rows = comparison.questions
    right = [row for row in rows if row.answers[1].exact == 1.0]
    right.sort(key=lambda row: (row.answers[0].exact, not row.gold, -row.answers[1].confidence))
    wrong = [row for row in rows if row.answers[1].exact < 1.0]
    wrong.sort(key=lambda row: (row.answers[1].f1, -row.answers[1].confidence))
    chosen = [("right", row) for row in _spread(right, most)] + [("wrong", row) for row in _spread(wrong, most)]
    return [
        {
            "outcome": outcome,
            "id": row.id,
            "question": row.question,
            "context": comparison.contexts[row.context],
            "gold": [{"text": text, "start": start} for text, start in row.gold],
            **{label: asdict(given) for label, given in zip(LABELS, row.answers, strict=True)},
            "source": row.columns.get("source"),
        }
        for outcome, row in chosen
    ]


def _spread(rows: Sequence[Question], most: int) -> list[Question]:
    """The first rows, those that repeat a context after the others."""
    seen: set[int] = set()
    first: list[Question] = []
    later: list[Question] = []
    for row in rows:
        (later if row.context in seen else first).append(row)
        seen.add(row.context)
    return (first + later)[:most]


def write_comparison(folder: str | Path, found: EvaluationResult) -> dict[str, Path]:
    """Writes every test question with the answers of both models: a page to look through, and its data.

    Returns:
        Name -> file; nothing where nothing was measured.

    Raises:
        DataError: a file cannot be written.
    """
    if found.comparison is None:
        return {}
    whose = MADE_BY_TAGS[found.metrics["test"]["made_by"]]
    shown = replace(found.comparison, source=f"{found.comparison.source} ({whose})")
    with artifacts.writing(folder):
        return {
            "comparison_page": artifacts.write_text(Path(folder) / COMPARISON_PAGE, report_html(shown)),
            "comparison": artifacts.write_json(Path(folder) / COMPARISON, comparison_to_json(shown), indent=None),
        }


@cache
def metrics_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of metrics.json, with descriptions and units."""
    text = resources.files(__package__).joinpath("schemas", "metrics.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def checked(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics, as they are; raises DataError where they do not fit the schema."""
    check_against(metrics_schema(), metrics, "metrics", "metrics.json")
    return metrics


def write_metrics(path: str | Path, metrics: dict[str, Any]) -> Path:
    """Checks the metrics against the schema and writes them.

    Raises:
        DataError: they do not fit, or the file cannot be written.
    """
    checked(metrics)
    with artifacts.writing(path):
        return artifacts.write_json(path, metrics)
