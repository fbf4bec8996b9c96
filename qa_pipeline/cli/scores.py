"""Prints what the answers to a file score: against the texts that each question has, or against a folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline.cli.ask_arguments import PredictArguments
from qa_pipeline.console import sets_line
from qa_pipeline.data import Example
from qa_pipeline.data.example import fingerprint
from qa_pipeline.metrics import (
    Resampling,
    Scores,
    bootstrap_interval,
    calibration_error,
    multi_span_scores,
    resampling_of,
    score_rows,
)
from qa_pipeline.metrics.documents import PLACES, within
from qa_pipeline.predictor.files.answering import AnsweredFile, ScoredAnswers
from qa_pipeline.predictor.files.gold import GoldTable
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

_WIDTH = 18
_MOST_FAULTS = 20
"""Right answers that no model can give are listed up to here; all are counted."""


def print_scores(
    predictor: QAPredictor,
    labelled: Sequence[Example],
    everything: Sequence[Example],
    scored: ScoredAnswers,
    arguments: PredictArguments,
) -> None:
    """Prints the metrics, and says so where they flatter."""
    settings = predictor.settings
    normalization = arguments.answer_normalization or settings.answer_normalization
    language = arguments.answer_language or settings.answer_language
    scores = score_rows(scored.texts, labelled, normalization, language=language)
    ece = float(calibration_error(np.array(scored.confidence), scores.exact).ece) if len(labelled) >= 20 else None
    print(metrics_table(scores, resampling_of(labelled), np.random.default_rng(arguments.seed), ece))
    if scored.sets:
        required = [example for example in labelled if example["id"] in scored.sets]
        print(sets_line(multi_span_scores(scored.sets, required, normalization, language=language).summary()))
    if settings.tuned_on is not None and settings.tuned_on == fingerprint(everything):
        print(
            "note: the model's temperature and no-answer threshold were fitted on this very data, which flatters the "
            "scores; --temperature 1 --null_score_diff_threshold 0 leaves them out"
        )


def metrics_table(
    scores: Scores, drawn: Resampling, rng: np.random.Generator, ece: float | None, width: int = 14
) -> str:
    """Exact match and F1 in percent with 95% bootstrap intervals, and by kind where both kinds are there."""
    lines = [_mean("exact match", scores.exact, drawn, rng, width), _mean("F1", scores.f1, drawn, rng, width)]
    summary = scores.summary()
    if 0 < summary.get("NoAns_total", 0) < len(scores):
        for kind, words in (("HasAns", "with an answer"), ("NoAns", "without")):
            lines.append(
                f"{'':<{width}}{summary[f'{kind}_total']:>7,} {words}: exact match {summary[f'{kind}_exact']:.2f}, "
                f"F1 {summary[f'{kind}_f1']:.2f}"
            )
    if ece is not None:
        lines.append(f"{'ECE':<{width}}{ece:>7.3f}   of the confidences, as probabilities of an exact match")
    return "\n".join(lines)


def _mean(title: str, values: np.ndarray, drawn: Resampling, rng: np.random.Generator, width: int) -> str:
    low, high = bootstrap_interval(100 * values, rng, clusters=drawn.clusters)
    share = 100 * values.mean()
    return f"{title:<{width}}{share:>7.2f}   95% interval {low:.1f} to {high:.1f}, over {drawn.unit}s"


def print_gold_scores(predictor: QAPredictor, done: AnsweredFile, arguments: PredictArguments) -> None:
    """Prints what answers from documents score, whether the right documents were found, and what flaws the gold has."""
    gold, settings = done.gold, predictor.settings
    rows = [one.example() for one in gold.rows]
    scores = score_rows(
        done.scored.texts,
        rows,
        arguments.answer_normalization or settings.answer_normalization,
        language=arguments.answer_language or settings.answer_language,
    )
    rng = np.random.default_rng(arguments.seed)
    ece = float(calibration_error(np.array(done.scored.confidence), scores.exact).ece) if len(rows) >= 20 else None
    print(f"scored: {counted(len(rows), 'question')} with a right answer, or known to have none")
    print(metrics_table(scores, resampling_of(rows), rng, ece, _WIDTH))
    for line in documents_table(gold, done.scored, rng):
        print(line)
    print_faults(gold, scores)


def documents_table(gold: GoldTable, scored: ScoredAnswers, rng: np.random.Generator) -> list[str]:
    """How often the right document was found, by the answers and by the search alone; nothing where none is known."""
    rows = gold.with_document
    if not rows:
        return []
    drawn = resampling_of([one.example() for one in rows])
    by: list[tuple[str, Mapping[str, int | None]]] = [("right document", scored.places)]
    if scored.places_read:
        by.append(("by the search", scored.places_read))
    return [
        _mean(f"{title}@{most}", within([places.get(one.id) for one in rows], most), drawn, rng, _WIDTH)
        for title, places in by
        for most in PLACES
    ]


def print_faults(gold: GoldTable, scores: Scores) -> None:
    """Names right answers that their documents do not have, and says what the scores are without them."""
    if not gold.faults:
        return
    bad = {fault.id for fault in gold.faults}
    kept = np.array([one not in bad for one in scores.ids])
    words = "is" if len(bad) == 1 else "are"
    print(
        f"{len(bad):,} of {len(scores):,} right answers {words} not in the document that the row names: no model can "
        "give them"
    )
    if kept.any():
        exact, overlap = 100 * scores.exact[kept].mean(), 100 * scores.f1[kept].mean()
        print(f"{'without them':<{_WIDTH}}        exact match {exact:.2f}, F1 {overlap:.2f}")
    for fault in gold.faults[:_MOST_FAULTS]:
        print(plain(f"  {fault}"), file=sys.stderr)
    if len(gold.faults) > _MOST_FAULTS:
        print(f"  and {len(gold.faults) - _MOST_FAULTS:,} more", file=sys.stderr)
