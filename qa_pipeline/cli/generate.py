"""`qa-pipeline generate` and `merge`: parses, gathers what the generation needs, runs it and prints.

What needs a trained reader (the round trip) is built here from the room that predicts, and handed down as a plain
function.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.arguments.help import help_text
from qa_pipeline.arguments.resolver import log_once
from qa_pipeline.data import Example, load_examples
from qa_pipeline.documents.files import refuse_missing
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import read_passages
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.argument_checks import unknown_types
from qa_pipeline.generation.arguments import GROUPS, Settings, parse_generation_arguments
from qa_pipeline.generation.engines import builtin_engine, cloze_engine, raise_questions
from qa_pipeline.generation.filters import Reader, ReaderAnswer
from qa_pipeline.generation.job import SHARDS, WORK, Job, choice_of
from qa_pipeline.generation.launches import launched, one_at_a_time, wait_for_shards, written_shards
from qa_pipeline.generation.outputs import claim, leaving_no_empty_folder, save_specification
from qa_pipeline.generation.questions.llm.setup import (
    Unasked,
    cache_file,
    completed,
    invented,
    language_model_engine,
    make_backend,
    prompts_text,
    told,
)
from qa_pipeline.generation.report import table
from qa_pipeline.generation.rows import Row
from qa_pipeline.generation.run import finish, generate
from qa_pipeline.generation.shards import Shard, find_shards, join, read_shard
from qa_pipeline.generation.specification.rules import language_code
from qa_pipeline.generation.specification.specification import Specification, parse_prompt, read_specification
from qa_pipeline.generation.types import Backend
from qa_pipeline.wording import counted, plain

logger = logging.getLogger(__name__)

DEFAULT_UNANSWERABLE = 0.33
"""Share of unanswerable rows where a prompt wants them and says no number."""
USAGE = "qa-pipeline generate [CONFIG.yaml] [--key value ...]"


def generate_command(argv: list[str]) -> int:
    """`generate [CONFIG.yaml] [--key value ...]`.

    Raises:
        QAError: something that the user can mend.
    """
    if "-h" in argv or "--help" in argv:
        print(help_text(GROUPS, usage=USAGE, description="Makes SQuAD data from documents or from a prompt."), end="")
        return 0
    settings = parse_generation_arguments(argv)
    if settings.generation.list_prompts:
        print(prompts_text())
        return 0
    folder = Path(str(settings.generation.output_dir))
    with leaving_no_empty_folder(folder):
        return _generate(settings, folder)


def _generate(settings: Settings, folder: Path) -> int:
    rank, processes = launched(settings)
    before = written_shards(folder / SHARDS, processes)
    if not settings.generation.plan:
        claim(folder, settings.generation.overwrite_output_dir)  # before anything is asked
    job, specification = prepare(settings)
    if specification is not None and rank == 0:
        print(specification.to_yaml(), end="")
    if settings.generation.plan:
        from qa_pipeline.generation.plans import plan

        print(plain(plan(job, specification)))
        return 0
    if specification is not None and rank == 0:
        given, anew = settings.generation.spec_file, settings.generation.overwrite_output_dir
        save_specification(folder, specification, given, anew)
    result = generate(job, logger.info if rank == 0 else logger.debug)
    if isinstance(result, Path):
        logger.info("shard written to %s", result)
        if processes == 1:
            print(f"{result}\njoin all shards with: qa-pipeline merge SHARDS... --output_dir FOLDER")
            return 0
        if rank != 0:
            return 0
        shards = wait_for_shards(folder / SHARDS, processes, job, before)
        result = _merge(shards, folder, anew=settings.generation.overwrite_output_dir)
    print(plain(table(result)))
    print(f"written to {folder}")
    return 0


def merge_command(argv: list[str]) -> int:
    """`merge SHARDS... --output_dir FOLDER`: joins all shards of a generation into one data set.

    Raises:
        QAError: something that the user can mend.
    """
    parser = argparse.ArgumentParser(prog="qa-pipeline merge", description="Joins all shards of one generation.")
    parser.add_argument("shards", nargs="+", metavar="SHARDS", help="shard files, or folders that hold them")
    parser.add_argument("--output_dir", required=True, help="folder for the data, its report and its card")
    parser.add_argument("--num_examples", type=int, help="rows over all splits, if not as the shards say")
    arguments = parser.parse_args(argv)
    if arguments.num_examples is not None and arguments.num_examples < 1:
        raise ConfigError("command line", f"--num_examples: expected at least 1, found {arguments.num_examples}")
    folder = Path(arguments.output_dir)
    with leaving_no_empty_folder(folder):
        claim(folder)
        shards = [read_shard(path) for path in find_shards(arguments.shards)]
        print(plain(table(_merge(shards, folder, arguments.num_examples))))
    print(f"written to {folder}")
    return 0


def prepare(settings: Settings) -> tuple[Job, Specification | None]:
    """Reads the sources and sets up what makes the drafts; asks no backend for a draft.

    Raises:
        ConfigError, DataError, BackendError: something that the user can mend.
    """
    general = settings.generation
    specification = _specification(settings)
    folder = Path(general.output_dir) if general.output_dir else None
    backend: Backend | None = None
    refuse_missing(general.documents or ())  # before a model is asked to read the prompt
    if settings.backend.backend != "cloze":
        if general.plan or folder is None:
            backend = Unasked(str(settings.backend.model))
        else:
            backend = make_backend(settings.backend, cache_file(folder))
            if specification is not None and not general.spec_file:
                specification = _read_once(specification, backend, folder)
    language = language_code(general.language or (specification.language if specification else None) or "en")
    fraction = general.unanswerable_fraction
    if fraction is None and specification:
        fraction = specification.unanswerable_fraction
    if fraction is None:
        fraction = DEFAULT_UNANSWERABLE if specification and specification.unanswerable else 0.0
    if specification and specification.answer_types and not general.answer_types:
        general.answer_types = list(specification.answer_types)
    if specification and general.num_examples is None:
        general.num_examples = specification.num_examples
    notes = list(specification.notes) if specification else []
    passages: list[Passage] = []
    facts: dict[str, float] = {}
    if general.documents or general.contexts_from:
        passages, report = read_passages(
            general.documents or (),
            general.contexts_from or (),
            min_words=general.min_passage_words,
            max_words=general.max_passage_words,
            language=language,
            only_language=backend is None,
            leave=general.output_dir,
            encoding=general.encoding,
        )
        for note in report.notes:
            log_once("%s", note)
        facts = {"documents": report.documents, "passages": report.passages}
        notes += [f"{counted(count, 'passage')} left out: {reason}" for reason, count in report.left_out.items()]
        notes += report.notes
    known: dict[str, str] = {}
    if backend is not None:
        examples = _few_shot(settings, specification)
        known = told(specification, examples)
        engine = language_model_engine(settings, backend, specification, examples, language, fraction)
        if not passages and not general.plan:
            assert specification is not None  # the arguments were checked: there are documents or a prompt
            passages, more = invented(settings, backend, specification, language)
            notes += more
    elif passages:
        if raised := raise_questions(settings, len(passages)):
            log_once("%s", raised)
            notes.append(raised)
        engine = cloze_engine(settings, language, fraction)
        if specification is not None:
            unread = "the questions are about all documents: without a language model a prompt's topic narrows nothing"
            log_once("%s", unread)
            notes.append(unread)
    else:
        assert specification is not None  # the arguments were checked: there are documents or a prompt
        engine, passages, made = builtin_engine(settings, specification, language, fraction)
        log_once("%s", made)
        notes.append(made)
    if not facts:
        facts = {"documents": len({passage.document for passage in passages}), "passages": len(passages)}
    reader = None
    if settings.filters.round_trip_model and not general.plan:
        reader = make_reader(settings.filters.round_trip_model)
    return Job(settings, passages, engine, language, fraction, dict(facts), notes, reader, known), specification


def make_reader(name: str) -> Reader:
    """A trained model as a function from rows to its answers. Raises ModelError where it cannot be loaded."""
    from qa_pipeline.predictor import QAPredictor

    predictor = QAPredictor.from_pretrained(name)

    def read(rows: Sequence[Row]) -> list[ReaderAnswer]:
        asked = [{"id": row.key, "question": row.question, "context": row.passage.text} for row in rows]
        return [
            ReaderAnswer(answer.text, answer.start, answer.confidence)
            for answer in predictor.predict(asked, progress=False)
        ]

    return read


def _specification(settings: Settings) -> Specification | None:
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
        specification = dataclasses.replace(specification or Specification(), domain=general.domain)
    return specification


def _read_once(specification: Specification, backend: Backend, folder: Path) -> Specification:
    """`completed`, by one process of a launch after the other: all but the first find the answer in the cache.

    Two that asked at once could be told different things, and would not make parts of the same data.
    """
    with one_at_a_time(folder / WORK / "prompt.lock"):
        return completed(specification, backend)


def _few_shot(settings: Settings, specification: Specification | None) -> list[Example]:
    examples = list(specification.examples) if specification else []
    if settings.generation.few_shot_file:
        examples += load_examples(settings.generation.few_shot_file)[0]
    return examples


def _merge(
    shards: Sequence[Shard], folder: Path, num_examples: int | None = None, anew: bool | None = None
) -> dict[str, Any]:
    """Joins shards and writes the data set."""
    whole = join(shards)
    settings = {**whole.settings, "output_dir": str(folder)}
    if num_examples is not None:
        settings["num_examples"] = num_examples
    choice = choice_of(settings, settings["unanswerable_fraction"])
    facts, rejected, language = whole.facts, whole.rejected, settings["language"]
    return finish(folder, whole.rows, choice, settings, facts, rejected, language, notes=whole.notes, anew=anew)
