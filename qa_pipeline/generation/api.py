"""Makes question-answering data: from Python what `qa-pipeline generate` and `merge` do.

source -> passages -> drafts (by rules, or by a language model) -> rows -> filters -> data set. `generate` is the way
from settings to files; `prepare` is its first half (what is asked about, and by what), `run.make_rows` the second.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from qa_pipeline.arguments.resolver import log_once
from qa_pipeline.data import Example, load_examples
from qa_pipeline.documents.files import refuse_missing
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import choose_shard, choose_subset, read_passages
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.argument_checks import unknown_types
from qa_pipeline.generation.arguments import Settings, settings_from
from qa_pipeline.generation.backends.budget import estimate
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.generation.engines import builtin_engine, cloze_engine, raise_questions
from qa_pipeline.generation.filters import make_reader
from qa_pipeline.generation.job import SHARDS, WORK, Job
from qa_pipeline.generation.journal import one_at_a_time
from qa_pipeline.generation.outputs import (
    GeneratedDataset,
    claim,
    leaving_no_empty_folder,
    save_specification,
    write_dataset,
)
from qa_pipeline.generation.questions.llm.generator import LLMGenerator
from qa_pipeline.generation.questions.llm.passages import passages_from_prompt, placeholder_passages, plan_requests
from qa_pipeline.generation.questions.llm.prompt_files import recipe_of_settings
from qa_pipeline.generation.questions.llm.setup import (
    PlanBackend,
    language_model_engine,
    make_backend,
    passages_needed,
    passages_wanted,
    prices_of,
    prompt_identity,
    unheeded,
)
from qa_pipeline.generation.run import make_rows
from qa_pipeline.generation.shards import Shard, find_shards, join, read_shard, write_shard
from qa_pipeline.generation.specification.languages import language_code
from qa_pipeline.generation.specification.reading import complete_specification
from qa_pipeline.generation.specification.specification import Specification, parse_prompt, read_specification
from qa_pipeline.wording import counted

logger = logging.getLogger(__name__)

CACHE = "completions.sqlite"
"""File in WORK where completions are kept; the processes of one launch share it and its account."""
DEFAULT_UNANSWERABLE = 0.33
"""Share of unanswerable rows where a prompt wants them and says no number."""


def generate(
    documents: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    output_dir: str | os.PathLike[str],
    prompt: str | None = None,
    backend: str = "cloze",
    **settings: Any,
) -> GeneratedDataset:
    """Makes a question-answering data set of documents, or of a prompt, and writes it.

    A run that was killed goes on where it was when the same call comes again.

    Args:
        documents: files or folders: .txt .md .rst .html .pdf .docx .pptx .xlsx .epub .eml, or .jsonl with a text on
            each line.
        output_dir: folder for the data, its report and its card.
        prompt: what the questions should be about, in words; with or without documents.
        backend: "cloze" makes questions by rules; "openai", "vllm" or "transformers" ask a language model (`model`).
        settings: all other settings of the command by their names (`qa-pipeline generate --help`), such as
            num_examples, unanswerable_fraction, answer_types, seed, contexts_from, round_trip_model.

    Returns:
        The data: its folder, its rows by split, and the report on it.

    Raises:
        ConfigError: with every fault of the settings; or output_dir holds something else, or was edited.
        DataError: a document cannot be read, no row is left, or a file cannot be written.
        BackendError: the language model cannot be asked; what is done is kept.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = generate(output_dir=folder, prompt="60 questions about a clinic's hours and fees")
        ...     row = made.splits["train"][0]
        >>> answer, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
        >>> row["context"][start : start + len(answer)] == answer
        True
    """
    given = {"documents": documents, "output_dir": output_dir, "prompt": prompt, "backend": backend}
    resolved = settings_from({**given, **settings}, "generate()")
    _refuse_parts(resolved)
    return generate_dataset(start(resolved))


def merge(
    shards: Sequence[str | os.PathLike[str]],
    output_dir: str | os.PathLike[str],
    num_examples: int | None = None,
) -> GeneratedDataset:
    """Joins all shards of one generation (made with `shard`) into one data set and writes it.

    Args:
        shards: their files, or folders that hold them.
        output_dir: folder for the data, its report and its card.
        num_examples: rows over all splits, if not as the shards say.

    Raises:
        ConfigError: output_dir holds something else, or was edited.
        DataError: a shard is missing, is there twice with different content, belongs to another run or is damaged.
    """
    folder = Path(output_dir)
    with leaving_no_empty_folder(folder):
        claim(folder)
        return merge_shards([read_shard(path) for path in find_shards(shards)], folder, num_examples)


def merge_shards(
    shards: Sequence[Shard], folder: Path, num_examples: int | None = None, anew: bool | None = None
) -> GeneratedDataset:
    """Joins shards and writes the data set; see `merge`."""
    whole = join(shards)
    whole.settings["output_dir"] = str(folder)
    if num_examples is not None:
        whole.settings["num_examples"] = num_examples
    return write_dataset(folder, whole, anew)


def generate_dataset(job: Job) -> GeneratedDataset:
    """Makes all rows of a job and writes the data set; raises as `generate` does."""
    return write_dataset(job.folder, make_rows(job), job.settings.generation.overwrite_output_dir)


def generate_shard(job: Job) -> Path:
    """Makes the job's part of the rows and writes it, for `merge`; raises as `generate` does."""
    first = os.environ.get("RANK", "0") == "0"  # the others of a launch are silent
    path = write_shard(job.folder / SHARDS, make_rows(job, logger.info if first else logger.debug))
    logger.info("shard written to %s", path)
    return path


def start(settings: Settings, backend: Backend | None = None) -> Job:
    """Claims the output folder, prepares the job and writes down what its prompt was read as.

    Args:
        settings: of the generation.
        backend: a language model that is set up already, in place of the one that the settings name.

    Raises:
        ConfigError, DataError, BackendError: something that the user can mend.
    """
    general = settings.generation
    folder = Path(str(general.output_dir))
    with leaving_no_empty_folder(folder):
        claim(folder, general.overwrite_output_dir)  # before anything is asked
        job = prepare(settings, backend)
        if job.specification is not None and os.environ.get("RANK", "0") == "0":
            save_specification(folder, job.specification, general.spec_file, general.overwrite_output_dir)
    return job


def prepare(settings: Settings, backend: Backend | None = None) -> Job:
    """Reads the sources and sets up what makes the drafts; asks no backend for a draft.

    Args:
        settings: of the generation.
        backend: see `start`.

    Raises:
        ConfigError, DataError, BackendError: something that the user can mend.
    """
    general = settings.generation
    specification = _specification(settings)
    refuse_missing(general.documents or ())  # before a model is asked to read the prompt
    backend = backend or _backend(settings)
    if specification is not None and backend is not None and not general.plan and not general.spec_file:
        specification = _read_once(specification, backend, Path(str(general.output_dir)))
    if specification is not None:
        _take_from_prompt(settings, specification)
    language = language_code(general.language or (specification.language if specification else None) or "en")
    fraction = _unanswerable_fraction(settings, specification)
    notes = list(specification.notes) if specification else []
    passages: list[Passage] = []
    facts: dict[str, float] = {}
    if general.documents or general.contexts_from:
        passages, facts, more = _read_passages(settings, language, only_language=backend is None)
        notes += more
    identity: dict[str, str] = {}
    if backend is not None:
        examples = _few_shot(settings, specification)
        recipe = recipe_of_settings(settings.backend.prompt_file, settings.backend.prompt_number)
        identity = prompt_identity(specification, examples, recipe)
        engine = language_model_engine(settings, backend, specification, examples, language, fraction, recipe)
        notes += unheeded(recipe, settings, specification, examples)
        if not passages and not general.plan:
            assert specification is not None  # the arguments were checked: there are documents or a prompt
            passages, more = passages_from_prompt(settings, backend, specification, language)
            notes += more
    else:
        if passages:
            more = _settle_cloze(settings, specification, passages)  # first: the engine takes what it raises
            engine = cloze_engine(settings, language, fraction)
        else:
            assert specification is not None  # the arguments were checked: there are documents or a prompt
            engine, passages, note = builtin_engine(settings, specification, language, fraction)
            more = [note]
        for note in more:
            log_once("%s", note)
        notes += more
    if not facts:
        facts = {"documents": len({passage.document for passage in passages}), "passages": len(passages)}
    reader = None
    if settings.filters.round_trip_model and not general.plan:
        reader = make_reader(settings.filters.round_trip_model)
    return Job(settings, passages, engine, language, fraction, facts, notes, reader, identity, specification)


def plan(job: Job) -> str:
    """What a job would ask and what it would cost, as lines for the terminal. Asks nothing.

    Args:
        job: prepared; without passages a model would write them first.
    """
    general, (number, of) = job.settings.generation, job.settings.shard
    passages = choose_shard(choose_subset(job.passages, general.subset, general.seed), number, of)
    generator = job.engine.generator
    without_passages = not job.passages
    if without_passages:
        passages = placeholder_passages(passages_wanted(job.settings))
        lines = [f"{'passages to be written':<24}{len(passages):>12,}   from the prompt, with their topics"]
    else:
        words = sum(len(passage.text.split()) for passage in passages)
        lines = [
            f"{'documents':<24}{len({passage.document for passage in passages}):>12,}",
            f"{'passages':<24}{len(passages):>12,}   of {len(job.passages):,}; {words:,} words",
        ]
    lines.append(f"{'most questions':<24}{len(passages) * general.questions_per_context:>12,}   before filters")
    if general.num_examples is not None:
        lines.append(f"{'rows wanted':<24}{general.num_examples:>12,}   num_examples; the run stops when it has them")
    if not isinstance(generator, LLMGenerator):
        return "\n".join([*lines, "no language model is asked"])
    asked = passages
    if general.num_examples is not None:
        # The run stops at the end of the block that gives enough; by what filters usually leave that is this one.
        block = job.engine.block_size
        asked = passages[: -(-(passages_needed(job.settings) or 1) // block) * block]
    task = job.specification.wish if job.specification else ""
    before = plan_requests(task, len(passages), job.language) if without_passages else ()
    prices = prices_of(job.settings.backend)
    found = estimate(chain(before, generator.plan_requests(asked)), prices)
    cost = (
        f"{found.likely_cost:,.4g} likely, {found.most_cost:,.4g} at most"
        if prices.known
        else "unknown: give both prices"
    )
    lines += [
        f"{'passages asked about':<24}{len(asked):>12,}",
        f"{'requests':<24}{found.requests:>12,}   without repairs and retries",
        f"{'prompt tokens':<24}{found.likely_prompt_tokens:>12,}   likely; {found.most_prompt_tokens:,} at most",
        f"{'completion tokens':<24}{found.most_completion_tokens:>12,}   at most",
        f"{'cost':<24}{cost}",
    ]
    return "\n".join(lines)


def _refuse_parts(settings: Settings) -> None:
    """What makes no data set is for the command."""
    general = settings.generation
    asked = [name for name in ("shard", "plan", "list_prompts") if getattr(general, name)]
    problems = [f"{name}: makes no data set; start the command: qa-pipeline generate" for name in asked]
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        problems.append(
            "generate() makes the whole data set, and this process is one of several of a launch; start the command "
            "with the launcher instead: each process makes a part"
        )
    if problems:
        raise ConfigError(settings.source, problems)


def _take_from_prompt(settings: Settings, specification: Specification) -> None:
    """Sets what the settings leave open and the prompt says."""
    general = settings.generation
    if specification.answer_types and not general.answer_types:
        general.answer_types = list(specification.answer_types)
    if general.num_examples is None:
        general.num_examples = specification.num_examples


def _settle_cloze(settings: Settings, specification: Specification | None, passages: Sequence[Passage]) -> list[str]:
    """Raises questions_per_context where num_examples needs it; notes on that, and on what a prompt does not do."""
    notes = []
    if raised := raise_questions(settings, len(passages)):
        notes.append(raised)
    if specification is not None:
        notes.append("the questions are about all documents: without a language model a prompt's topic narrows nothing")
    return notes


def _specification(settings: Settings) -> Specification | None:
    """What the prompt or the specification's file asks for, if there is one."""
    general = settings.generation
    specification = None
    if general.spec_file:
        specification = read_specification(general.spec_file)
        unknown = unknown_types(specification.answer_types) if settings.backend.backend == "cloze" else []
        if unknown and not general.answer_types:
            raise ConfigError(general.spec_file, [f"answer_types: {text}" for text in unknown])
    elif general.prompt is not None:
        specification = parse_prompt(general.prompt)
    if general.domain is not None:
        specification = replace(specification or Specification(), domain=general.domain)
    return specification


def _backend(settings: Settings) -> Backend | None:
    """What asks the language model; None for cloze."""
    if settings.backend.backend == "cloze":
        return None
    if settings.generation.plan:
        return PlanBackend(str(settings.backend.model))
    return make_backend(settings.backend, Path(str(settings.generation.output_dir)) / WORK / CACHE)


def _read_once(specification: Specification, backend: Backend, folder: Path) -> Specification:
    """Completes the specification, one process of a launch after the other: all but the first find it in the cache.

    Two that asked at once could be given different answers, and would not make parts of the same data.
    """
    with one_at_a_time(folder / WORK / "prompt.lock"):
        return complete_specification(specification, backend)


def _unanswerable_fraction(settings: Settings, specification: Specification | None) -> float:
    """As set, else as the prompt says."""
    if settings.generation.unanswerable_fraction is not None:
        return settings.generation.unanswerable_fraction
    if specification is None:
        return 0.0
    if specification.unanswerable_fraction is not None:
        return specification.unanswerable_fraction
    return DEFAULT_UNANSWERABLE if specification.unanswerable else 0.0


def _read_passages(
    settings: Settings, language: str, only_language: bool
) -> tuple[list[Passage], dict[str, float], list[str]]:
    """The passages of all sources, their counts, and notes on what was left out."""
    general = settings.generation
    passages, report = read_passages(
        general.documents or (),
        general.contexts_from or (),
        min_words=general.min_passage_words,
        max_words=general.max_passage_words,
        language=language,
        only_language=only_language,
        leave=general.output_dir,
        encoding=general.encoding,
    )
    for note in report.notes:
        log_once("%s", note)
    facts: dict[str, float] = {"documents": report.documents, "passages": report.passages}
    left_out = [f"{counted(count, 'passage')} left out: {reason}" for reason, count in report.left_out.items()]
    return passages, facts, [*left_out, *report.notes]


def _few_shot(settings: Settings, specification: Specification | None) -> list[Example]:
    """Examples for the model: those of the prompt, then those of the file."""
    examples = list(specification.examples) if specification else []
    if settings.generation.few_shot_file:
        examples += load_examples(settings.generation.few_shot_file)[0]
    return examples
