"""The stages of an optimisation: `synthesize` searches, `train` learns, `infer` proposes, `evaluate` compares.

Each takes a job and gives what it found; each can run alone on what the ones before left in the folder. What is asked,
evaluated or trained is kept, so that a stage that runs again asks nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline.data import Example, load_examples
from qa_pipeline.errors import DataError
from qa_pipeline.generation.questions.llm.prompt_files import BEST_PROMPT
from qa_pipeline.generation.questions.llm.recipes import Recipe, write_recipe
from qa_pipeline.metrics import resampling_of
from qa_pipeline.optimisation import comparison
from qa_pipeline.optimisation.arguments import OptimizationSettings
from qa_pipeline.optimisation.budget import TokenBudget, TokenMeter
from qa_pipeline.optimisation.comparison import Contender, Standing
from qa_pipeline.optimisation.evaluating import KeptEvaluator, KeptProposer
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.job import RECORD, WORK, PromptJob, grid_sample, inferred, passages_of
from qa_pipeline.optimisation.neighbours import Mixture, Neighbours
from qa_pipeline.optimisation.record import SearchRecord
from qa_pipeline.optimisation.search import PLANNED_ROUNDS, Proposer, SearchResult, random_search, search
from qa_pipeline.optimisation.tables import data_rows, evaluation_rows, pair_rows, prompt_rows, write_table

if TYPE_CHECKING:
    from qa_pipeline.optimisation.learning import MeasuredDomain
    from qa_pipeline.optimisation.prompt_model import PromptModel, TrainingFacts

logger = logging.getLogger(__name__)

PROMPT_MODEL = "prompt_model"
INFERRED = "inferred_prompts"
FOUND = ("prompts", "evaluations", "pairs", "synthetic_data")
"""Tables that the search writes."""
COMPARISON = "comparison_results"
SEARCH = "search"
GEPA_SHARE = 0.4
"""Of the tokens that are left, what one call of GEPA may use; the others measure what it found."""
_SEARCH_SEED, POPULATION_SEED, _RANDOM_SEED, _GEPA_SEED, _COMPARISON_SEED = range(2, 7)


@dataclass
class Found:
    """What the searches of a job found.

    Attributes:
        result: of the own search.
        budget: of the own search, with what it used.
        others: the best prompt of each search that is a baseline, with its evaluation, by name.
        proposal_tokens: that making proposals took in the own search.
        notes: on baselines that found nothing.
    """

    result: SearchResult
    budget: TokenBudget
    others: dict[str, tuple[PromptCandidate, PromptEvaluation]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def winner(self) -> PromptCandidate:
        """The prompt with the highest score, whether or not its lead may be chance."""
        return next(one for one in self.result.candidates if one.hash == self.result.gain.winner)


def synthesize(job: PromptJob, model: PromptModel | None = None) -> Found:
    """Searches, and writes the best prompt and the tables of what was tried.

    Args:
        job: prepared.
        model: a prompt model that says what to try first.

    Raises:
        ConfigError: the folder is of other settings, or the budget does not hold the baseline.
        BackendError: the model cannot be asked; what is done is kept.
    """
    general = job.settings.general
    with SearchRecord(job.folder / WORK / RECORD, job.identity(), general.overwrite_output_dir) as record:
        found = _searches(job, record, model)
    _write_found(job, found)
    return found


def train(settings: OptimizationSettings) -> tuple[TrainingFacts, list[MeasuredDomain]]:
    """Trains the prompt model on the search in output_dir and on those of more_runs, and writes it.

    Raises:
        DataError: a table cannot be read, or no two prompts differ by more than noise.
        ModelError: prompt_model is none.
    """
    from qa_pipeline.optimisation.learning import learn

    folders = [settings.folder, *map(Path, settings.general.more_runs or ())]
    return learn(folders, settings.general.prompt_model, settings.folder / PROMPT_MODEL)


def infer(settings: OptimizationSettings) -> list[Recipe]:
    """Prompts for the documents by a trained prompt model, the most promising first, written as prompt files.

    Args:
        settings: prompt_model names the model; None: that of output_dir.

    Raises:
        ModelError: there is no prompt model.
        DataError: a document cannot be read.
    """
    from qa_pipeline.optimisation.prompt_model import PromptModel

    general = settings.general
    model = PromptModel.load(general.prompt_model or settings.folder / PROMPT_MODEL)
    rng = np.random.default_rng([general.seed, POPULATION_SEED])
    fixed = () if general.few_shot_file else ("few_shot",)
    order = inferred(model, passages_of(settings, []), grid_sample(rng, fixed))
    recipes = [candidate.recipe for candidate in order[: general.num_inferred]]
    for number, recipe in enumerate(recipes, 1):
        write_recipe(settings.folder / INFERRED / f"{number}.yaml", recipe)
    return recipes


def evaluate(job: PromptJob, found: Found) -> list[Standing]:
    """Compares the baseline, the refined prompt and the other baselines on the test questions, and writes the table.

    The test questions are read here and nowhere else.

    Returns:
        The baseline first; empty where there are no test questions: then the table has what the round trip said.

    Raises:
        DataError: test_file cannot be read.
        BackendError: rows are missing and cannot be asked for.
    """
    general = job.settings.general
    path = job.folder / f"{COMPARISON}.parquet"
    if not job.check:
        write_table(path, COMPARISON, _rows_by_round_trip(job, found))
        return []
    test = _test_questions(job)
    standings = comparison.compare_on_test(
        job, contenders_of(job, found), test, np.random.default_rng([general.seed, _COMPARISON_SEED])
    )
    write_table(path, COMPARISON, comparison.comparison_rows(standings, job.domain, len(test)))
    return standings


def contenders_of(job: PromptJob, found: Found) -> list[Contender]:
    """Who is compared in the end, the baseline first."""
    rungs = job.rungs()
    named = {comparison.BASELINE: found.result.candidates[0]}
    if found.winner.hash != found.result.candidates[0].hash:
        named[comparison.REFINED] = found.winner
    named |= {name: candidate for name, (candidate, _) in found.others.items()}
    contenders = comparison.at_equal_tokens(
        [(name, candidate, rungs.synthesis(candidate, rungs.last)) for name, candidate in named.items()]
    )
    if comparison.CLOZE in job.settings.general.baselines:
        contenders.append(comparison.cloze_contender(job, rungs.passages(rungs.last)))
    return contenders


def plan(job: PromptJob) -> str:
    """What the search would ask, as lines for the terminal. Asks nothing."""
    general, settings = job.settings.general, job.settings.search
    rungs = job.rungs()
    pool = job.population(np.random.default_rng([general.seed, POPULATION_SEED]))[: general.num_candidates]
    costs = [[rungs.forecast(one, rung) for rung in range(settings.top_rung + 1)] for one in pool]
    places = settings.places(len(pool))
    lines = [f"{'passages':<28}{len(job.passages):>12,}", f"{'prompts of a round':<28}{len(pool):>12,}"]
    likely, below = 0, 0.0
    for rung in range(settings.top_rung + 1):
        mean = float(np.mean([cost[rung] for cost in costs]))
        tokens = round((mean - below) * places[rung])
        likely, below = likely + tokens, mean
        what = f"{places[rung]} prompts, {len(rungs.passages(rung))} passages each"
        lines.append(f"{f'rung {rung}: tokens':<28}{tokens:>12,}   likely; {what}")
    lines.append(f"{'first round: tokens':<28}{likely:>12,}   likely, without repairs and retries")
    if general.rounds:
        lines.append(f"{f'all {general.rounds} rounds: tokens':<28}{likely * general.rounds:>12,}   likely")
    if job.settings.backend.max_tokens:
        of = f"; {job.settings.searches} searches share max_tokens" if job.settings.searches > 1 else ""
        lines.append(f"{'the search may plan with':<28}{job.settings.tokens_a_search:>12,}   of max_tokens{of}")
    return "\n".join(lines)


def _searches(job: PromptJob, record: SearchRecord, model: PromptModel | None) -> Found:
    """The own search, then those of baselines, each with a budget of its own."""
    general, settings = job.settings.general, job.settings.search
    rng = np.random.default_rng([general.seed, _SEARCH_SEED])
    population = job.population(np.random.default_rng([general.seed, POPULATION_SEED]), model)
    clusters = resampling_of(job.check).clusters if job.check else None
    evaluator = _evaluator(job, record, SEARCH)
    proposer = _proposer(job, evaluator, record, SEARCH, general.proposers)
    result = search(
        population,
        evaluator,
        proposer,
        budget=evaluator.budget,
        forecast=evaluator.forecast,
        settings=settings,
        rng=rng,
        clusters=clusters,
    )
    found = Found(result, evaluator.budget)
    if comparison.RANDOM in general.baselines:
        other = _evaluator(job, record, comparison.RANDOM)
        drawn = random_search(
            job.random_prompts(np.random.default_rng([general.seed, _RANDOM_SEED])),
            other,
            budget=other.budget,
            forecast=other.forecast,
            top_rung=settings.top_rung,
        )
        if drawn:
            found.others[comparison.RANDOM] = drawn[0]
        else:
            found.notes.append("search by chance: the tokens did not hold a single prompt")
    if comparison.GEPA in general.baselines:
        other = _evaluator(job, record, comparison.GEPA)
        by_gepa = search(
            [job.baseline],
            other,
            _proposer(job, other, record, comparison.GEPA, ["gepa"]),
            budget=other.budget,
            forecast=other.forecast,
            settings=replace(settings, rounds=max(2, settings.rounds or PLANNED_ROUNDS)),
            rng=np.random.default_rng([general.seed, _GEPA_SEED]),
            clusters=clusters,
        )
        best = next(one for one in by_gepa.candidates if one.hash == by_gepa.ranking[0])
        evaluation = next(one for one in by_gepa.history[::-1] if one.prompt_hash == best.hash)
        found.others[comparison.GEPA] = (best, evaluation)
    return found


def _evaluator(job: PromptJob, record: SearchRecord, part: str) -> KeptEvaluator:
    return KeptEvaluator(job.rungs(), record, part, TokenBudget(job.settings.tokens_a_search))


def _proposer(
    job: PromptJob, evaluator: KeptEvaluator, record: SearchRecord, part: str, names: list[str]
) -> Proposer | None:
    """The proposers of these names as one that takes turns, kept; None for no name."""
    meter = TokenMeter(job.backend)
    made: list[Proposer] = []
    for name in names:
        if name == "grid":
            made.append(Neighbours(job.fixed))
        elif name == "rewrite":
            made.append(_rewriter(job, evaluator, meter))
        else:
            made.append(_gepa(job, evaluator, meter))
    if not made:
        return None
    label = " ".join([*names, *job.fixed])
    return KeptProposer(Mixture(made) if len(made) > 1 else made[0], label, evaluator, record, part, meter)


def _rewriter(job: PromptJob, evaluator: KeptEvaluator, meter: TokenMeter) -> Proposer:
    from qa_pipeline.optimisation.inspection import Inspector
    from qa_pipeline.optimisation.proposers import Rewriter

    # What was asked already is looked at past the meter: it is paid for.
    inspector = Inspector(job.backend, job.settings.filters, job.settings.general.language, job.options)
    return Rewriter(meter, inspector, evaluator.passages(0), task=job.options.task)


def _gepa(job: PromptJob, evaluator: KeptEvaluator, meter: TokenMeter) -> Proposer:
    from qa_pipeline.optimisation.gepa_proposer import GepaProposer
    from qa_pipeline.optimisation.inspection import Inspector
    from qa_pipeline.optimisation.judging import PassageJudge

    general = job.settings.general
    inspector = Inspector(meter, job.settings.filters, general.language, job.options)
    judge = PassageJudge(inspector, general.questions_per_context, job.reader, language=general.language)
    return GepaProposer(meter, judge, evaluator.passages(0), lambda: int(evaluator.budget.left * GEPA_SHARE))


def _write_found(job: PromptJob, found: Found) -> None:
    """The best prompt, and the tables of what was tried."""
    result = found.result
    rungs = job.rungs()
    others = {candidate.hash: candidate for candidate, _ in found.others.values()}
    known = {candidate.hash for candidate in result.candidates}
    candidates = [*result.candidates, *(one for name, one in others.items() if name not in known)]
    highest = {one.prompt_hash: one.rung for one in sorted(result.history, key=lambda one: one.rung)}
    data = [
        row
        for candidate in result.candidates
        for row in data_rows(rungs.synthesis(candidate, highest[candidate.hash]), candidate, job.domain)
    ]
    rows = {
        "prompts": prompt_rows(candidates),
        "evaluations": evaluation_rows(result.history, result.candidates),
        "pairs": pair_rows(result.history, result.candidates),
        "synthetic_data": data,
    }
    for name in FOUND:
        write_table(job.folder / f"{name}.parquet", name, rows[name])
    write_recipe(job.folder / BEST_PROMPT, result.best.recipe)


def _test_questions(job: PromptJob) -> list[Example]:
    test = load_examples(job.settings.general.test_file)[0] if job.settings.general.test_file else job.kept
    if not test:
        raise DataError(f"{job.settings.general.test_file}: no usable question is left to compare on")
    seen = {(one["context"], one["question"]) for one in job.check}
    if twice := sum((one["context"], one["question"]) in seen for one in test):
        job.notes.append(
            f"{twice:,} of the {len(test):,} test questions stand in check_file too: they judged the search"
        )
    return test


def _rows_by_round_trip(job: PromptJob, found: Found) -> list[dict[str, object]]:
    """Baseline and winner by the highest rung that there is, where no questions of people are."""
    from qa_pipeline.optimisation.tables import lineage_of

    result, rows = found.result, []
    last = max(one.rung for one in result.history)
    scores = {one.prompt_hash: one for one in result.history if one.rung == last}
    for name, candidate in ((comparison.BASELINE, result.candidates[0]), (comparison.REFINED, found.winner)):
        one = scores[candidate.hash]
        row: dict[str, object] = {"name": name, **lineage_of(candidate), "domain": job.domain, "split": "round trip"}
        row |= {"tokens": sum(each.tokens for each in result.history if each.prompt_hash == candidate.hash)}
        row |= {"rows": one.rows, "low": one.low, "high": one.high}
        if name == comparison.REFINED:
            gain = result.gain
            row |= {"difference": gain.difference, "p_value": gain.p_value}
            row |= {"difference_low": gain.low, "difference_high": gain.high}
        rows.append(row)
    return rows
