"""Compares prompts in the end: readers trained on what each made for the same tokens, on questions that chose nothing.

Every contender has the rows that its first passages gave for as many tokens as the thriftiest one used, and at most as
many rows as a reader of the search was trained on. Never searches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qa_pipeline.data import Example
from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.filters import check, make_filters
from qa_pipeline.generation.types import Draft, Row
from qa_pipeline.metrics import PairedDifference, bootstrap_interval, paired_bootstrap, resampling_of
from qa_pipeline.optimisation.evaluations import PromptCandidate, Synthesis
from qa_pipeline.optimisation.job import PromptJob
from qa_pipeline.optimisation.search import NOISES
from qa_pipeline.optimisation.trainings import SeedScores

BASELINE, REFINED, RANDOM, GEPA, CLOZE = "baseline", "refined", "random", "gepa", "cloze"
WHAT_THEY_ARE = {
    BASELINE: "the first prompt, as it was",
    REFINED: "the best prompt of the search",
    RANDOM: "the best of prompts by chance, with as many tokens",
    GEPA: "the best prompt of GEPA, with as many tokens",
    CLOZE: "questions by rules, without a language model",
}


@dataclass(frozen=True)
class Contender:
    """A way to make data.

    Attributes:
        name: a key of WHAT_THEY_ARE.
        rows: what it made, for `tokens`.
        tokens: of its requests.
        candidate: its prompt; None where no language model was asked.
    """

    name: str
    rows: tuple[Row, ...]
    tokens: int
    candidate: PromptCandidate | None = None


@dataclass(frozen=True)
class Standing:
    """How readers of one contender did on the test questions.

    Attributes:
        contender: see there.
        rows: that its readers were trained on.
        f1, em: means over seeds, 0 to 100.
        low, high: 95% interval of f1, questions resampled.
        noise: standard deviation of f1 over seeds.
        seeds: F1 and exact match of each seed, 0 to 100.
        difference: of f1 to the baseline, paired; None of the baseline itself.
        is_gain: the difference is above 0 beyond chance and at least NOISES times the noise, as of `search.Gain`.
    """

    contender: Contender
    rows: int
    f1: float
    em: float
    low: float
    high: float
    noise: float
    seeds: dict[int, tuple[float, float]] = field(default_factory=dict)
    difference: PairedDifference | None = None
    is_gain: bool = False


def at_equal_tokens(syntheses: Sequence[tuple[str, PromptCandidate, Synthesis]]) -> list[Contender]:
    """What each prompt made for as many tokens as the thriftiest used.

    Args:
        syntheses: name, prompt, and what it made of the same passages in the same order.

    Returns:
        Contenders, in that order; each with whole passages only.
    """
    if not syntheses:
        return []
    most = min(synthesis.tokens for _, _, synthesis in syntheses)
    found = []
    for name, candidate, synthesis in syntheses:
        used, asked = 0, set[str]()
        for passage, tokens in synthesis.passage_tokens.items():
            if used + tokens > most:
                break
            used += tokens
            asked.add(passage)
        rows = tuple(row for row in synthesis.rows if row.passage.id in asked)
        found.append(Contender(name, rows, used, candidate))
    return found


def cloze_contender(job: PromptJob, passages: Sequence[Passage]) -> Contender:
    """Questions by rules about the same passages."""
    from qa_pipeline.generation.dedup import drop_duplicates
    from qa_pipeline.generation.questions.cloze import ClozeGenerator

    general, settings = job.settings.general, job.settings.filters
    generator = ClozeGenerator(
        seed=general.seed, questions_per_context=general.questions_per_context, language=general.language
    )
    filters = make_filters(settings, general.language)
    drafts = [draft for draft in generator.drafts(passages) if isinstance(draft, Draft)]
    rows = [row for row in (check(draft, filters) for draft in drafts) if isinstance(row, Row)]
    kept, _ = drop_duplicates(rows, settings.near_duplicate_threshold, settings.near_duplicate_scope)
    return Contender(CLOZE, tuple(kept), 0)


def compare_on_test(
    job: PromptJob, contenders: Sequence[Contender], test: Sequence[Example], rng: np.random.Generator
) -> list[Standing]:
    """Trains readers on what each contender made, a seed at a time, and scores them on the test questions.

    Args:
        job: whose trainings are used.
        contenders: the baseline first.
        test: questions that chose nothing.
        rng: of the intervals.
    """
    rungs = job.rungs()
    clusters = resampling_of(list(test)).clusters
    found: list[Standing] = []
    first: np.ndarray | None = None
    for contender in contenders:
        examples = rungs.training_examples(contender.rows)
        scores = {seed: job.train(examples, test, seed) for seed in rungs.settings.seeds}
        by_question = 100 * np.mean([one.f1 for one in scores.values()], axis=0)
        low, high = bootstrap_interval(by_question, rng, clusters=clusters)
        by_seed = {seed: _means(one) for seed, one in scores.items()}
        noise = float(np.std([f1 for f1, _ in by_seed.values()], ddof=1)) if len(by_seed) > 1 else 0.0
        difference, is_gain = None, False
        if first is None:
            first = by_question
        else:
            difference = paired_bootstrap(first, by_question, rng, clusters=clusters)
            pooled = float(np.hypot(noise, found[0].noise) / np.sqrt(2))
            is_gain = difference.low > 0 and difference.difference >= NOISES * pooled
        found.append(
            Standing(
                contender=contender,
                rows=len(examples),
                f1=float(by_question.mean()),
                em=float(np.mean([em for _, em in by_seed.values()])),
                low=low,
                high=high,
                noise=noise,
                seeds=by_seed,
                difference=difference,
                is_gain=is_gain,
            )
        )
    return found


def comparison_rows(standings: Sequence[Standing], domain: str, questions: int) -> list[dict[str, Any]]:
    """The rows of `comparison_results`: one a seed, then one for the mean over them."""
    from qa_pipeline.optimisation.tables import lineage_of

    rows = []
    for one in standings:
        candidate = one.contender.candidate
        common: dict[str, Any] = {
            "name": one.contender.name,
            **(lineage_of(candidate) if candidate is not None else {"made_by": "rules"}),
            **{"domain": domain, "split": "test", "questions": questions},
            **{"tokens": one.contender.tokens, "rows": one.rows},
        }
        rows += [common | {"seed": seed, "f1": f1, "em": em} for seed, (f1, em) in one.seeds.items()]
        mean = common | {"seed": None, "f1": one.f1, "em": one.em, "low": one.low, "high": one.high}
        if one.difference is not None:
            found = one.difference
            mean |= {"difference": found.difference, "p_value": found.p_value}
            mean |= {"difference_low": found.low, "difference_high": found.high}
        rows.append(mean)
    return rows


def _means(scores: SeedScores) -> tuple[float, float]:
    return 100 * float(np.mean(scores.f1)), 100 * float(np.mean(scores.em))
