"""What one optimisation is: its passages, questions, backend, rungs and first prompts. Decides and writes nothing.

`prepare` goes from settings to a `PromptJob`; it asks no model. The test questions are not read here.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from qa_pipeline.data import Example, load_examples, split_by_document
from qa_pipeline.data.example import fingerprint
from qa_pipeline.documents.files import refuse_missing
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import read_passages
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.backends.endpoint import known_keys, redact
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.generation.filters import FoundText, Reader, make_reader
from qa_pipeline.generation.questions.llm.generator import LLMOptions
from qa_pipeline.generation.questions.llm.prompt_files import BEST, recipe_of_settings
from qa_pipeline.generation.questions.llm.prompts import GENERATING, load_prompts
from qa_pipeline.generation.questions.llm.recipes import (
    FACTOR_VALUES,
    Factors,
    Recipe,
    factor_grid,
    recipe_of,
    recipe_of_number,
)
from qa_pipeline.generation.questions.llm.setup import ANSWER_KINDS, PlanBackend, make_backend
from qa_pipeline.generation.specification.specification import parse_prompt
from qa_pipeline.generation.types import Row
from qa_pipeline.optimisation.arguments import OptimizationSettings
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.optimisation.rungs import Rungs, RungSettings
from qa_pipeline.optimisation.synthesis import Synthesizer
from qa_pipeline.optimisation.trainings import WARM_READER, KeptTrainings, ReaderTraining, TrainReader
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.optimisation.prompt_model import PromptModel

logger = logging.getLogger(__name__)

WORK = "work"
"""Folder in output_dir for completions, evaluations and trainings; what a killed run goes on from."""
CACHE = "completions.sqlite"
RECORD = "evaluations.jsonl"
TRAININGS = "trainings.jsonl"
GRID_SAMPLE = 200
"""Prompts of the grid, drawn by chance, from which a prompt model chooses; all of them would take minutes to embed."""
TEST_SHARE = 0.5
"""Of the questions of check_file, whole documents at a time, where there is no test_file."""
DEFAULT_DOMAIN = "documents"


@dataclass
class PromptJob:
    """One optimisation.

    Attributes:
        settings: resolved.
        passages: of all sources.
        backend: asks the language model.
        check: questions of people that judge; empty: the round trip judges.
        kept: the other half of check_file, for the end; empty where test_file is given, or nothing judges.
        shown: few-shot examples.
        baseline: the first prompt.
        domain: what the passages are about.
        reader: the frozen reader of the round trip.
        train: trains a small reader, and keeps what it found.
        notes: for the report.
    """

    settings: OptimizationSettings
    passages: list[Passage]
    backend: Backend
    check: list[Example]
    kept: list[Example]
    shown: list[Example]
    baseline: PromptCandidate
    domain: str
    reader: Reader
    train: TrainReader
    notes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.settings.folder

    @property
    def fixed(self) -> tuple[str, ...]:
        """Factors that change nothing here: without examples it does not matter how many a request may show."""
        return () if self.shown else ("few_shot",)

    def rungs(self) -> Rungs:
        """New rungs: they know of no evaluation yet, so that each search pays for its own."""
        general = self.settings.general
        settings = RungSettings(
            passages=(general.validity_passages, general.round_trip_passages, general.training_passages),
            train_rows=general.train_rows,
            seeds=tuple(range(general.train_seeds)),
            language=general.language,
            seed=general.seed,
        )
        return Rungs(
            Synthesizer(self.backend, self.settings.filters, general.language, self.options),
            self.passages,
            settings,
            reader=self.reader,
            train=self.train if self.check else None,
            check=self.check,
            domain=self.domain,
        )

    @property
    def options(self) -> LLMOptions:
        """What is asked whatever the prompt."""
        general = self.settings.general
        return LLMOptions(
            questions_per_passage=general.questions_per_context,
            answer_types=general.answer_types or ANSWER_KINDS,
            language=general.language,
            task=parse_prompt(general.prompt).wish if general.prompt else "",
            examples=self.shown,
            seed=general.seed,
            max_tokens=self.settings.backend.max_completion_tokens,
        )

    def identity(self) -> dict[str, Any]:
        """What evaluations hang on beside the prompt; how many prompts are tried, and with how many tokens, is none."""
        general, backend = self.settings.general, self.settings.backend
        digest = hashlib.sha256("".join(passage.id for passage in self.passages).encode()).hexdigest()[:16]
        names = (
            *("seed", "language", "questions_per_context", "answer_types", "prompt", "reader", "train_rows"),
            *("train_seeds", "train_model", "train_epochs", "train_learning_rate"),
            *("validity_passages", "round_trip_passages", "training_passages"),
        )
        found = {name: getattr(general, name) for name in names}
        found |= {name: getattr(backend, name) for name in ("backend", "model", "max_completion_tokens", "extra_body")}
        found |= {name: value for name, value in vars(self.settings.filters).items() if "round_trip" not in name}
        found |= {
            "passages": f"{len(self.passages)} passages, {digest}",
            "check": f"{len(self.check)}, {fingerprint(self.check)[:16]}" if self.check else None,
            "examples": f"{len(self.shown)}, {fingerprint(self.shown)[:16]}" if self.shown else None,
            "prompt_versions": " ".join(f"{number}.{one.version}" for number, one in load_prompts().items()),
        }
        keys = known_keys(backend.base_url or "", backend.api_key_env, backend.extra_body)
        return cast(dict[str, Any], redact(json.loads(json.dumps(found)), keys))

    def population(self, rng: np.random.Generator, model: PromptModel | None = None) -> list[PromptCandidate]:
        """The baseline, the other numbered templates, and prompts of the grid; with a prompt model in its order.

        Args:
            rng: draws prompts of the grid.
            model: a trained prompt model; its own best prompts are among what it chooses from.
        """
        templates = [
            candidate_of(recipe_of_number(number))
            for number, prompt in load_prompts().items()
            if prompt.kind in GENERATING
        ]
        grid = self.random_prompts(rng)
        if model is None:
            return [self.baseline, *templates, *grid]
        return [self.baseline, *inferred(model, self.passages, [*templates, *grid])]

    def random_prompts(self, rng: np.random.Generator) -> list[PromptCandidate]:
        """Prompts of the grid by chance; see `grid_sample`."""
        return grid_sample(rng, self.fixed)


class LazyReader:
    """A reader that is loaded when it is first asked.

    Args:
        make: loads it.
    """

    def __init__(self, make: Callable[[], Reader]):
        self._make = make
        self._reader: Reader | None = None

    def __call__(self, rows: Sequence[Row]) -> Sequence[FoundText]:
        """Its answers; see `generation.filters.Reader`."""
        if self._reader is None:
            self._reader = self._make()
        return self._reader(rows)


def prepare(
    settings: OptimizationSettings,
    *,
    backend: Backend | None = None,
    reader: Reader | None = None,
    train: TrainReader | None = None,
) -> PromptJob:
    """Reads the sources and sets up what asks and judges.

    Args:
        settings: resolved.
        backend, reader, train: stand-ins for what the settings name.

    Raises:
        ConfigError, DataError, BackendError: something that the user can mend.
    """
    general = settings.general
    refuse_missing([name for name in (general.check_file, general.test_file, general.few_shot_file) if name])
    refuse_missing(general.documents or ())
    notes: list[str] = []
    passages = passages_of(settings, notes)
    check, kept = _questions(settings, notes)
    shown = load_examples(general.few_shot_file)[0] if general.few_shot_file else []
    shown = _not_asked(shown, [*check, *kept], notes)
    _warn_of_sizes(settings, passages, check, notes)
    if backend is None:
        cache = settings.folder / WORK / CACHE
        backend = PlanBackend(str(settings.backend.model)) if general.plan else make_backend(settings.backend, cache)
    training = ReaderTraining(
        model=general.train_model or WARM_READER,
        epochs=general.train_epochs,
        learning_rate=general.train_learning_rate,
        language=general.language,
    )
    path = None if general.plan else settings.folder / WORK / TRAININGS
    kept_trainings = KeptTrainings(train or training, path, training.identity())
    name = general.reader or WARM_READER
    return PromptJob(
        settings=settings,
        passages=passages,
        backend=backend,
        check=check,
        kept=kept,
        shown=shown,
        baseline=baseline_of(settings),
        domain=general.domain or _name_of(settings),
        reader=reader or LazyReader(lambda: make_reader(name)),
        train=kept_trainings,
        notes=notes,
    )


def passages_of(settings: OptimizationSettings, notes: list[str]) -> list[Passage]:
    """The passages of all sources; what was left out is noted.

    Raises:
        DataError: a source cannot be read, or no passage is left.
    """
    general = settings.general
    passages, report = read_passages(
        general.documents or (),
        general.contexts_from or (),
        min_words=general.min_passage_words,
        max_words=general.max_passage_words,
        language=general.language,
        leave=general.output_dir,
        encoding=general.encoding,
    )
    notes += [f"{counted(count, 'passage')} left out: {reason}" for reason, count in report.left_out.items()]
    notes += report.notes
    return passages


def baseline_of(settings: OptimizationSettings) -> PromptCandidate:
    """The prompt that the settings name for `generate`: a file, or a numbered template.

    Raises:
        ConfigError: there is no such prompt, or it cannot be asked.
    """
    backend = settings.backend
    recipe = recipe_of_settings(backend.prompt_file, backend.prompt_number)
    if recipe is None:
        assert backend.prompt_number != BEST  # that is a file
        recipe = recipe_of_number(int(backend.prompt_number))
        recipe = replace(recipe, rephrase=backend.rephrase, temperature=backend.temperature)
    return candidate_of(replace(recipe, made_by="baseline"))


def grid_sample(rng: np.random.Generator, fixed: Collection[str] = ()) -> list[PromptCandidate]:
    """GRID_SAMPLE prompts of the grid in random order.

    Args:
        rng: draws them.
        fixed: factors that stay as they are in the baseline.
    """
    choices = [
        factors for factors in factor_grid() if all(getattr(factors, name) == FACTOR_VALUES[name][0] for name in fixed)
    ]
    order = rng.permutation(len(choices))[:GRID_SAMPLE]
    return [PromptCandidate(recipe_of(choices[place]), choices[place]) for place in order]


def candidate_of(recipe: Recipe, round: int = 0) -> PromptCandidate:
    """The prompt, with its factors where it is one of the grid."""
    known = {name: getattr(recipe, name) for name in ("few_shot", "rephrase", "evidence", "temperature")}
    if all(value in FACTOR_VALUES[name] for name, value in known.items()):
        for order in FACTOR_VALUES["order"]:
            for span_rule in FACTOR_VALUES["span_rule"]:
                for wh_quota in FACTOR_VALUES["wh_quota"]:
                    factors = Factors(order=order, span_rule=span_rule, wh_quota=wh_quota, **known)
                    if recipe_of(factors).hash == recipe.hash:
                        return PromptCandidate(recipe, factors, round)
    return PromptCandidate(recipe, None, round)


def inferred(
    model: PromptModel, passages: Sequence[Passage], candidates: Sequence[PromptCandidate]
) -> list[PromptCandidate]:
    """Prompts in the order in which a prompt model would try them, with those that it knows from other domains.

    Raises:
        ModelError: the model was never trained.
    """
    known = {candidate.hash: candidate for candidate in candidates}
    for recipe in model.known_recipes():
        known.setdefault(recipe.hash, candidate_of(recipe))
    vector = model.domain_vector([passage.text for passage in passages])
    order = model.propose(vector, [candidate.recipe for candidate in known.values()], len(known))
    return [known[recipe.hash] for recipe in order]


def _questions(settings: OptimizationSettings, notes: list[str]) -> tuple[list[Example], list[Example]]:
    """What judges, and what of the same file is kept for the end."""
    general = settings.general
    if not general.check_file:
        notes.append(
            "no questions of people judge (check_file): the round trip of a frozen reader does, which cannot say "
            "whether the data trains a better reader"
        )
        return [], []
    examples = load_examples(general.check_file)[0]
    if general.test_file:
        return examples, []
    try:
        check, kept = split_by_document(examples, TEST_SHARE, np.random.default_rng([general.seed, 1]))
    except DataError as error:
        raise ConfigError("test_file", f"is required here: {error.args[0].split(';')[0]}") from None
    notes.append(
        f"no test_file: {counted(len(kept), 'question')} of {general.check_file} are kept for the end, "
        f"{len(check):,} judge the search, divided by document"
    )
    return check, kept


def _not_asked(shown: list[Example], asked: list[Example], notes: list[str]) -> list[Example]:
    """Few-shot examples whose text is none of the questions that measure."""
    contexts = {one["context"] for one in asked}
    left = [one for one in shown if one["context"] not in contexts]
    if len(left) < len(shown):
        notes.append(
            f"{counted(len(shown) - len(left), 'few-shot example')} left out: a question of check_file is about the "
            "same text"
        )
    return left


FEW_QUESTIONS = 50


def _warn_of_sizes(
    settings: OptimizationSettings, passages: Sequence[Passage], check: Sequence[Example], notes: list[str]
) -> None:
    wanted = settings.general.training_passages if check else settings.general.round_trip_passages
    if len(passages) < wanted:
        notes.append(f"{counted(len(passages), 'passage')}, fewer than a rung may ask about ({wanted}): all are used")
    if check and len(check) < FEW_QUESTIONS:
        notes.append(f"{counted(len(check), 'question')} judge: only large differences can show")
    shared = {one["context"] for one in check} & {passage.text for passage in passages}
    if shared:
        notes.append(f"{counted(len(shared), 'text')} that check_file asks about are among the passages")


def _name_of(settings: OptimizationSettings) -> str:
    """The name of the first source, without its ending."""
    general = settings.general
    sources = [*(general.documents or ()), *(general.contexts_from or ())]
    return Path(sources[0]).resolve().stem if sources else DEFAULT_DOMAIN
