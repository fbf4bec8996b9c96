"""The stages that make the data: what the prompt asks for, data sets that are found, generated rows, one data set.

Each hands its part of the settings to a public function of another room and writes what comes back. Trains nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.data import Example, load_examples
from qa_pipeline.data.loading import squad_bytes
from qa_pipeline.documents.passages import read_passages
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation import api
from qa_pipeline.generation.arguments import (
    BackendArguments,
    FilterArguments,
    GenerationArguments,
    Settings,
    settings_from,
)
from qa_pipeline.generation.job import SPECIFICATION
from qa_pipeline.generation.specification.reading import complete_specification
from qa_pipeline.generation.specification.specification import (
    Specification,
    builtin_domain,
    parse_prompt,
    read_specification,
)
from qa_pipeline.journey.edits import EditableFile, note_of
from qa_pipeline.journey.record import digest_of_value, hash_of
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.stage import Stage, StageResult, Work
from qa_pipeline.wording import counted, short

SPLITS = ("train", "validation", "test")
_ASKING = ("backend", "model")
"""Settings of the language model that every stage hangs on that asks it."""
_OF_SPEED = frozenset(
    {
        *("concurrency", "requests_per_minute", "tokens_per_minute", "timeout_s", "max_retries", "batch_size"),
        *("tensor_parallel_size", "data_parallel_size", "api_key_env", "base_url"),
        *("price_per_million_prompt_tokens", "price_per_million_completion_tokens"),
    }
)
"""Settings of a generation that change how fast it is and what it is said to cost, and no row."""
_NOT_OF_GENERATE = frozenset({"output_dir", "prompt", "spec_file", "domain", "overwrite_output_dir", "shard", "plan"})


class ParseStage(Stage):
    """Reads the prompt into a specification that can be shown, edited and given back: `parse/prompt_spec.yaml`."""

    name = "parse"
    settings = ("prompt", "spec_file", "domain", *_ASKING)
    sources = ("spec_file",)
    edits = (SPECIFICATION,)
    keeps = (note_of(Path(SPECIFICATION)).name,)

    def run(self, work: Work) -> StageResult:
        """By rules first; a language model fills in what they leave open, where one is configured."""
        settings = work.settings
        made_of = digest_of_value([settings.part(self.settings), hash_of(Path(str(settings["spec_file"])))])
        file = EditableFile(work.folder / SPECIFICATION, made_of)
        if file.edited():
            specification = read_specification(file.path)
            work.say(f"  taken as it was edited: {file.path}")
        else:
            specification = self._read(work)
            file.write(specification.to_yaml().encode())
        content = json.loads(json.dumps(_content(specification)))
        for line in _specification_lines(specification):
            work.say(f"  {line}")
        return StageResult({"specification": file.path}, {"specification": content})

    def _read(self, work: Work) -> Specification:
        settings = work.settings
        if settings["spec_file"]:
            specification = read_specification(settings["spec_file"])
        else:
            specification = parse_prompt(settings["prompt"])
            if (backend := work.ask()) is not None:
                specification = complete_specification(specification, backend)
        return replace(specification, domain=settings["domain"]) if settings["domain"] else specification


class RetrieveDataStage(Stage):
    """Ranks data sets that fit, and takes the rows of those that hold: `retrieve_data/retrieved.json`."""

    name = "retrieve_data"
    needs = ("parse",)
    sources = ("dataset_folders",)

    def hangs_on(self, settings: JourneySettings) -> Sequence[str]:
        """What the search and the mixing go by, and the language model where one re-ranks."""
        from qa_pipeline.discovery.arguments import DatasetSearchArguments

        names = [one.name for one in fields(DatasetSearchArguments)]
        return [*names, "offline", "seed", *(_ASKING if settings["rerank_datasets"] else ())]

    def run(self, work: Work) -> StageResult:
        """Everything is said of a data set before anything of it is downloaded."""
        from qa_pipeline.discovery.arguments import DatasetSearchArguments
        from qa_pipeline.discovery.datasets import choose_few_shots, find_datasets, retrieve_rows

        settings, specification = work.settings, specification_of(work)
        search = settings.make(DatasetSearchArguments)
        backend = work.ask() if settings["rerank_datasets"] else None
        notes: list[str] = []
        hub = hub_of(settings, search.hub_datasets)
        candidates = find_datasets(specification, search, hub=hub, backend=backend, notes=notes)
        found = retrieve_rows(candidates, search, seed=settings["seed"], offline=settings["offline"])
        files = {"candidates": work.folder / "candidates.json"}
        listed = [candidate.to_dict() for candidate in candidates]
        with artifacts.writing(work.folder, resumes=True):
            artifacts.write_json(files["candidates"], listed)
            if found.rows:
                files["rows"] = artifacts.write_bytes(work.folder / "retrieved.json", squad_bytes(found.rows))
                few_shots = choose_few_shots(found.rows, specification, FEW_SHOTS)
                if few_shots:
                    files["few_shots"] = artifacts.write_bytes(work.folder / "few_shots.json", squad_bytes(few_shots))
        facts: dict[str, Any] = {"candidates": listed, **found.to_dict(), "rows": len(found.rows), "notes": notes}
        names = ", ".join(one.id for one in found.used) or "none fits well enough"
        work.say(f"  {counted(len(listed), 'data set')} looked at, used: {names}; {counted(len(found.rows), 'row')}")
        return StageResult(files, facts)


FEW_SHOTS = 3
"""Retrieved rows that are shown to a language model as examples."""


class GenerateStage(Stage):
    """Makes questions about the documents, or of the prompt: `generate/train.json` and the other splits."""

    name = "generate"
    needs = ("parse", "retrieve_data")
    sources = ("documents", "contexts_from", "few_shot_file", "prompt_file")

    def hangs_on(self, settings: JourneySettings) -> Sequence[str]:
        """All settings of a generation but those of its speed."""
        groups = (GenerationArguments, BackendArguments, FilterArguments)
        names = [one.name for group in groups for one in fields(group)]
        names = [name for name in names if name not in _OF_SPEED | _NOT_OF_GENERATE and name != "load_in_4bit"]
        return [*names, "backend_load_in_4bit"]

    def run(self, work: Work) -> StageResult:
        """Goes on where a killed run was; what was asked is never asked again."""
        settings = self.generation(work)
        nothing = _why_nothing(work, settings)
        if nothing:
            work.say(f"  {nothing}")
            return StageResult({}, {"rows": 0, "backend": settings.backend.backend, "report": {}, "why": nothing})
        made = api.generate_dataset(api.start(settings, work.ask()))
        files = {name: work.folder / f"{name}.json" for name in SPLITS if made.splits[name]}
        files |= {"report": work.folder / "dataset_report.json", "card": work.folder / "README.md"}
        facts = made.report.get("facts", {})
        usage = {name: facts[name] for name in facts if "request" in name or "token" in name or "cost" in name}
        sizes = ", ".join(f"{len(made.splits[name]):,} {name}" for name in SPLITS)
        work.say(f"  {counted(made.report['rows'], 'question')} made ({sizes})")
        unanswered = facts.get("passages_unanswered")
        return StageResult(
            files,
            {"rows": made.report["rows"], "backend": settings.backend.backend, "report": made.report, "usage": usage},
            stopped=made.report.get("stopped_early") if unanswered else None,
        )

    def generation(self, work: Work) -> Settings:
        """The settings of the generation: the journey's, with the artifacts of the stages before."""
        settings = work.settings
        groups = (GenerationArguments, BackendArguments, FilterArguments)
        names = [one.name for group in groups for one in fields(group) if one.name not in _NOT_OF_GENERATE]
        values = settings.given_part(names) | {
            "output_dir": work.folder,
            "spec_file": work.file("parse", "specification"),
            "seed": settings["seed"],
            "load_in_4bit": settings["backend_load_in_4bit"],
        }
        if settings["backend"] != "cloze" and not settings["few_shot_file"]:
            values["few_shot_file"] = work.file("retrieve_data", "few_shots")
        generation = settings_from(values, "stage generate")
        if settings["backend"] == "cloze" and "questions_per_context" not in settings.given:
            generation.generation.questions_per_context = _questions_a_passage(generation)
        return generation


def _questions_a_passage(settings: Settings) -> int:
    """Rules may ask more often about few passages: more rows of the same texts, and no request that costs.

    On XQuAD-en 16 questions a passage trained as well as 8 (docs/measured.md); of a handful all that are found are few.
    """
    general = settings.generation
    if not (general.documents or general.contexts_from):
        return general.questions_per_context
    passages, _ = read_passages(
        general.documents or (),
        general.contexts_from or (),
        min_words=general.min_passage_words,
        max_words=general.max_passage_words,
        encoding=general.encoding,
    )
    return next(questions for most, questions in _ASKED_OF_FEW if len(passages) <= most)


_ASKED_OF_FEW = ((20, 40), (100, 16), (float("inf"), 8))
"""Up to so many passages, so many questions of rules about each."""


def _why_nothing(work: Work, settings: Settings) -> str | None:
    """Why no question is made, where none can be and the journey has rows without them; None: they are made.

    Raises:
        ConfigError: none can be made, and there are no other rows.
    """
    general = settings.generation
    if general.documents or general.contexts_from or settings.backend.backend != "cloze":
        return None
    specification = specification_of(work)
    language = general.language or specification.language or "en"
    if builtin_domain(specification) is not None and language == "en":
        return None
    if work.facts("retrieve_data").get("rows") or work.settings["examples"]:
        return (
            "no question is made: there are no documents and no language model, and no built-in domain is about "
            f'"{specification.domain}"; the rows that were found and given are used'
        )
    raise ConfigError(
        "documents",
        f"nothing to make data of: no documents, no language model, no data set that fits, no built-in domain about "
        f'"{short(specification.domain or specification.prompt)}". Give one of them: --documents FOLDER; --examples '
        "FILE with labelled questions; --dataset_folders FOLDER; or --backend openai --model NAME --base_url ADDRESS",
    )


class ProcessStage(Stage):
    """Joins all rows to one checked data set, split by document: `process/train.json`, and `process/review.csv`."""

    name = "process"
    needs = ("parse", "retrieve_data", "generate")
    settings = (
        *("validation_fraction", "test_fraction", "unanswerable_fraction", "near_duplicate_threshold", "seed"),
        *("examples", "field_mapping", "on_bad_data", "max_bad_fraction", "skip_filters", "max_rows"),
        "source_weights",
    )
    sources = ("examples",)
    edits = ("review.csv",)
    keeps = (note_of(Path("review.csv")).name,)

    def run(self, work: Work) -> StageResult:
        """What a person changed in review.csv is taken up, verified like any data, and counted."""
        from qa_pipeline.journey.dataset.processing import process_rows
        from qa_pipeline.journey.dataset.review import read_review, write_review

        dataset = process_rows(self._sources(work), self._choice(work))
        made_of = digest_of_value([dataset.splits[name] for name in SPLITS])
        review = EditableFile(work.folder / "review.csv", made_of)
        if review.edited():
            dataset, changes = read_review(review.path, dataset)
            counts = ", ".join(f"{changes[name]:,} {name}" for name in ("edited", "corrected", "dropped", "added"))
            work.say(f"  taken as it was edited: {review.path} ({counts})")
        else:
            fresh = work.folder / ".fresh_review.csv"
            write_review(fresh, dataset)
            review.write(fresh.read_bytes())
            fresh.unlink()
        files = {"review": review.path, "report": work.folder / "dataset_report.json"}
        with artifacts.writing(work.folder, resumes=True):
            for name in SPLITS:
                if dataset.splits[name]:
                    files[name] = artifacts.write_bytes(work.folder / f"{name}.json", squad_bytes(dataset.splits[name]))
                else:
                    (work.folder / f"{name}.json").unlink(missing_ok=True)
            artifacts.write_json(files["report"], dataset.report)
        if "train" not in files:
            raise DataError("no question is left to train on; see process/dataset_report.json for what was taken out")
        report = json.loads(json.dumps(dataset.report))
        facts = {
            "splits": report["splits"],
            "test_made_by": report["test_made_by"],
            "report": report,
            "samples": dataset.samples(),
            "held_out_question": _held_out_question(dataset.splits),
        }
        for line in _process_lines(facts):
            work.say(f"  {line}")
        return StageResult(files, facts)

    def _sources(self, work: Work) -> list[Any]:
        """The rows of people, generated and retrieved ones."""
        from qa_pipeline.journey.dataset.processing import Source

        settings, found = work.settings, []
        weights = settings["source_weights"] or {}
        if settings["examples"]:
            try:
                rows, _ = load_examples(
                    settings["examples"],
                    field_mapping=settings["field_mapping"],
                    on_bad_data=settings["on_bad_data"],
                    max_bad_fraction=settings["max_bad_fraction"],
                )
            except DataError as error:
                raise DataError(f"{error}\n{_EXAMPLES_HOLD}") from error
            found.append(Source(Path(settings["examples"]).name, "labelled", rows, weights.get("examples")))
        made = {name: _rows(work.file("generate", name)) for name in SPLITS}
        if any(made.values()):
            found.append(Source("generated", "generated", made, weights.get("generated")))
        if rows := _rows(work.file("retrieve_data", "rows")):
            found.append(Source("retrieved", "retrieved", rows, weights.get("retrieved")))
        if not found:
            raise DataError("there are no rows: none generated, none found, and no examples given")
        return found

    def _choice(self, work: Work) -> Any:
        from qa_pipeline.journey.dataset.processing import ProcessChoice

        settings = work.settings
        kept = "near_duplicate" in (settings["skip_filters"] or ())
        return ProcessChoice(
            validation_fraction=settings["validation_fraction"],
            test_fraction=settings["test_fraction"],
            unanswerable_fraction=settings["unanswerable_fraction"],
            max_rows=settings["max_rows"],
            near_duplicate_threshold=None if kept else settings["near_duplicate_threshold"],
            seed=settings["seed"],
        )


_EXAMPLES_HOLD = (
    "Each row of examples must hold the passage that it is about, in a column such as context; the name of a document "
    "is not enough"
)


def specification_of(work: Work) -> Specification:
    """The specification as it stands in its file now."""
    path = work.file("parse", "specification")
    if path is None:
        raise ConfigError("parse", "gave no file named specification, which this stage reads")
    return read_specification(path)


def hub_of(settings: JourneySettings, wanted: bool) -> Any:
    """What asks the Hub; None where it is not to be asked."""
    from huggingface_hub import is_offline_mode

    if settings["offline"] or not wanted or is_offline_mode():
        return None
    from qa_pipeline.discovery.hub import Hub

    return Hub(token=settings["token"])


def _rows(path: Path | None) -> list[Example]:
    return [] if path is None else load_examples(path, on_bad_data="error", merge_references=False)[0]


def _content(specification: Specification) -> dict[str, Any]:
    return {one.name: getattr(specification, one.name) for one in fields(Specification)}


def _specification_lines(specification: Specification) -> list[str]:
    types = ", ".join(specification.answer_types or ()) or "all kinds"
    lines = [
        f"about: {specification.domain or 'all of the documents'}; language: {specification.language or 'not said'}; "
        f"answers: {types}; unanswerable questions: {'yes' if specification.unanswerable else 'no'}"
    ]
    return lines + [f"note: {note}" for note in specification.notes]


def _held_out_question(splits: Mapping[str, Sequence[Example]]) -> str | None:
    """A short question that was not trained on, to try the model with."""
    rows = [*splits["test"], *splits["validation"]]
    return min((row["question"] for row in rows if not row["is_impossible"]), key=len, default=None)


def _process_lines(facts: dict[str, Any]) -> list[str]:
    sizes = ", ".join(f"{split['rows']:,} {name}" for name, split in facts["splits"].items())
    lines = [f"{sizes}; test questions made by: {facts['test_made_by']}"]
    taken_out = facts["report"].get("removed", {})
    if taken_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in taken_out.items())
        lines.append(
            f"{counted(sum(taken_out.values()), 'row')} taken out of what was made, found and given: {reasons}"
        )
    held_out = sum(count for reason, count in taken_out.items() if reason.endswith(("_in_test", "_in_validation")))
    if held_out > facts["splits"]["train"]["rows"]:
        lines.append(
            f"warning: {held_out:,} rows of training were about the texts of held-out questions, more than are left: "
            "give examples about some of the documents only; or train without examples, and measure the model on them "
            "with qa-pipeline compare"
        )
    lines += [f"warning: {text}" for text in facts["report"].get("warnings", ())]
    if not facts["splits"]["validation"]["rows"]:
        lines.append("warning: no validation question: no best epoch and no hyper-parameters can be chosen")
    return lines
