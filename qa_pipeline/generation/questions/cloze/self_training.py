"""Self-training: a reader learns from one fold of generated rows and judges the other; it never judges its own rows.

For every answerable row the reader's answer decides. The row stays when that answer equals the row's or lies within
it. Otherwise, when the reader is sure, its answer is adopted and a question for it is built anew; else the row goes.
Unanswerable rows are trained on and stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from qa_pipeline.data import Example
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.options import passage_rng
from qa_pipeline.generation.questions.cloze.rows import example_of
from qa_pipeline.generation.questions.cloze.words import normalized
from qa_pipeline.generation.types import Draft

FOLDS = 2
MOST_ROUNDS = 3
MOST_ADOPTED_WORDS = 30

Prediction = tuple[str, int | None, float]
"""Answer text ("" for none), its first character in the context, confidence 0 to 1."""
TrainAndPredict = Callable[[list[Example], list[Example]], Sequence[Prediction]]
Rebuild = Callable[[str, int, int], Draft | None]
"""(passage id, first character, last character exclusive) -> a draft with that answer."""


@dataclass
class RoundReport:
    """What became of the rows in one round.

    Attributes:
        counts: rows "kept", "adopted", "dropped", "unanswerable".
        trained_on: rows of each fold.
    """

    counts: Counter[str] = field(default_factory=Counter)
    trained_on: list[int] = field(default_factory=list)


def self_train(
    drafts: Sequence[Draft],
    train_and_predict: TrainAndPredict,
    rebuild: Rebuild,
    *,
    rounds: int = 1,
    min_confidence: float = 0.3,
    adopt: bool = True,
    seed: int = 0,
) -> tuple[list[Draft], list[RoundReport]]:
    """Filters and mends drafts with readers trained on the other fold.

    Args:
        drafts: with known answer positions.
        train_and_predict: trains a fresh reader on the first rows and answers the second, one prediction a row.
        rebuild: makes a draft for another answer.
        rounds: how often; each round divides the documents anew.
        min_confidence: from which another answer is adopted, in [0, 1].
        adopt: False drops where it would adopt.
        seed: of the division into folds.

    Returns:
        The drafts that are left, in a stable order, and a report of every round.

    Raises:
        ConfigError: an argument is out of range, or there are too few passages to divide.
        ValueError: `train_and_predict` gave another number of predictions than there were questions.
    """
    _check(rounds, min_confidence)
    reports = []
    for number in range(rounds):
        report = RoundReport()
        folds = divide(drafts, seed, number)
        if any(not any(draft.answer is not None for draft in fold) for fold in folds):
            raise ConfigError("self-training", "expected answerable rows of at least two passages; found fewer")
        kept: list[Draft] = []
        adopted: list[Draft] = []
        for fold in range(FOLDS):
            own = folds[fold]
            other = [draft for k in range(FOLDS) if k != fold for draft in folds[k]]
            report.trained_on.append(len(other))
            asked = [draft for draft in own if draft.answer is not None]
            predictions = train_and_predict([example_of(d) for d in other], [example_of(d) for d in asked])
            if len(predictions) != len(asked):
                raise ValueError(f"expected {len(asked)} predictions, found {len(predictions)}")
            kept += [draft for draft in own if draft.answer is None]
            report.counts["unanswerable"] += len(own) - len(asked)
            for draft, prediction in zip(asked, predictions, strict=True):
                verdict, new = judge(draft, prediction, rebuild, min_confidence, adopt)
                report.counts[verdict] += 1
                if new is not None:
                    (kept if verdict == "kept" else adopted).append(new)
        drafts = _without_repeats(kept, adopted)
        reports.append(report)
    return list(drafts), reports


def divide(drafts: Sequence[Draft], seed: int, number: int) -> list[list[Draft]]:
    """Folds of about equal size that share no document (no passage, where all are of one document)."""
    documents = {draft.passage.document for draft in drafts}
    by_document = len(documents) >= FOLDS
    groups: dict[str, list[Draft]] = {}
    for draft in drafts:
        groups.setdefault(draft.passage.document if by_document else draft.passage.id, []).append(draft)
    names = sorted(groups, key=lambda name: (passage_rng(seed, "fold", str(number), name).random(), name))
    folds: list[list[Draft]] = [[] for _ in range(FOLDS)]
    for name in names:
        min(folds, key=len).extend(groups[name])
    return folds


def judge(
    draft: Draft, prediction: Prediction, rebuild: Rebuild, min_confidence: float, adopt: bool
) -> tuple[str, Draft | None]:
    """("kept" | "adopted" | "dropped", the draft that goes on, or None)."""
    text, start, confidence = prediction
    assert draft.answer is not None and draft.start is not None  # only such drafts are asked
    if text and normalized(text) == normalized(draft.answer):
        return "kept", draft
    if text and start is not None and draft.start <= start and start + len(text) <= draft.start + len(draft.answer):
        return "kept", draft
    in_place = start is not None and draft.passage.text[start : start + len(text)] == text
    if not adopt or not text or not in_place or confidence < min_confidence or len(text.split()) > MOST_ADOPTED_WORDS:
        return "dropped", None
    assert start is not None
    new = rebuild(draft.passage.id, start, start + len(text))
    return ("adopted", new) if new is not None else ("dropped", None)


def _without_repeats(kept: Sequence[Draft], adopted: Sequence[Draft]) -> list[Draft]:
    """Each question of a passage once, and of adopted answers those that no other draft has; in a stable order."""
    seen: set[tuple[str, str]] = set()
    result = []
    for is_adopted, drafts in ((False, kept), (True, adopted)):
        for draft in sorted(drafts, key=_order):
            question = (draft.passage.id, "?" + normalized(draft.question))
            answer = (draft.passage.id, f"{draft.start}:{normalized(draft.answer or '')}")
            if question not in seen and not (is_adopted and answer in seen):
                seen |= {question, answer}
                result.append(draft)
    return sorted(result, key=_order)


def _order(draft: Draft) -> tuple[str, int, str, str]:
    return draft.passage.id, -1 if draft.start is None else draft.start, draft.answer or "", draft.question


def _check(rounds: int, min_confidence: float) -> None:
    problems = []
    if not 1 <= rounds <= MOST_ROUNDS:
        problems.append(f"rounds must be 1 to {MOST_ROUNDS}; found {rounds!r}")
    if not 0 <= min_confidence <= 1:
        problems.append(f"min_confidence must be between 0 and 1; found {min_confidence!r}")
    if problems:
        raise ConfigError("self-training", problems)
