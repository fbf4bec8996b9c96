"""Reads the data of a run: which source is train, validation or test, and what the report says of each.

What stands in the training data and in held-out data alike is found however white space and case are written: whoever
copies a text from a page changes its line ends and spaces, and most small encoders do not see case. To a reader these
are the same questions, and a score on them says nothing of others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qa_pipeline.arguments import Arguments
from qa_pipeline.arguments.settings import split_names
from qa_pipeline.data import DataReport, Example, is_labelled, load_examples, measure_lengths, split_by_document
from qa_pipeline.data.report import FIRST_IDS
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.run.answer_sets import note_on_sets
from qa_pipeline.text.folding import fold_case

logger = logging.getLogger(__name__)

FEWEST_TO_TRAIN = 200
"""With fewer training questions a reader rarely learns more than to point at the first name or number."""


@dataclass
class Split:
    """One data set of a run: where it came from, its rows and what reading it found.

    Attributes:
        added: what reading extra_train_files found, a report each.
        extra_ids: of the rows that came from there.
        warnings: what the user should know of it; logged at once, and repeated where the run ends.
    """

    source: str
    examples: list[Example]
    report: DataReport
    added: list[DataReport] = field(default_factory=list)
    extra_ids: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Logs a warning and keeps it."""
        self.warnings.append(text)
        logger.warning("%s", text)


def load_splits(arguments: Arguments) -> dict[str, Split]:
    """Reads what the run needs; validation is split off the training documents where that was asked for."""
    data = arguments.data
    splits = read_wanted(arguments)
    if data.validation_split_fraction and arguments.training.do_eval and "validation" not in splits:
        split_off_validation(splits, arguments)
    for source in split_names(data.extra_train_files or []):
        add_training_rows(splits, source, arguments)
    for name, split in splits.items():
        if not split.examples:
            raise DataError(f"{split.source}: no usable {name} question is left; see the report in the log")
        if name != "test":
            settle_unanswerable(name, split, data.version_2_with_negative)
        if name == "train":
            warn_of_few(split)
            if (said := note_on_sets(split.examples, data)) is not None:
                split.warn(said)
    warn_of_overlap(splits)
    warn_of_unlabelled(splits)
    return splits


def read_wanted(arguments: Arguments) -> dict[str, Split]:
    """The splits that have a source of their own, in the order train, validation, test."""
    args, data = arguments.training, arguments.data
    is_divided = bool(data.validation_split_fraction)  # the training rows are, after all of them were read
    splits: dict[str, Split] = {}
    wanted = {
        "train": (args.do_train, data.train_file, None if is_divided else data.max_train_samples),
        "validation": (args.do_eval, data.validation_file, data.max_eval_samples),
        "test": (args.do_predict, data.test_file, data.max_predict_samples),
    }
    for name, (needed, file, limit) in wanted.items():
        if not needed or (name == "validation" and file is None and is_divided):
            continue
        source = file or data.dataset_name
        if source is None:
            raise ConfigError(arguments.source, f"no data for {name}: give {name}_file or dataset_name")
        splits[name] = read_split(arguments, source, None if file else name, name != "test", limit)
    return splits


def settle_unanswerable(name: str, split: Split, version_2_with_negative: bool) -> None:
    """Warns where questions without an answer change what is learned or measured.

    Without version_2_with_negative they are taken out of the training data.

    Raises:
        DataError: that leaves nothing to train on.
    """
    impossible = sum(example["is_impossible"] for example in split.examples)
    if not impossible or version_2_with_negative:
        if impossible == len(split.examples):
            shown = "only silence can be learned from" if name == "train" else "only silence is measured on"
            split.warn(f"{split.source}: no question has an answer: {shown} this data. Are its answers left out?")
        return
    became = "they are left out" if name == "train" else "each counts as wrong unless the answer is empty"
    split.warn(
        f"{split.source}: {impossible} of {len(split.examples)} questions have no answer, and version_2_with_negative "
        f"is off: {became}. version_2_with_negative=true learns from them."
    )
    if name == "train":
        split.examples = [example for example in split.examples if not example["is_impossible"]]
        if not split.examples:
            raise DataError(
                f"{split.source}: no question has an answer, and version_2_with_negative is off, so that none is left "
                "to train on. Are its answers left out? version_2_with_negative=true learns silence"
            )


def warn_of_few(split: Split) -> None:
    """Warns of a training set that is too small to learn reading from."""
    if len(split.examples) < FEWEST_TO_TRAIN:
        split.warn(
            f"{split.source}: {len(split.examples)} questions are few to train on (fewer than {FEWEST_TO_TRAIN}): "
            "expect weak answers. Add labelled or generated questions (extra_train_files; qa-pipeline generate), or "
            "begin with a model that is already trained to answer questions (model_name_or_path: a run folder such as "
            "runs/quickstart, or such a model of the Hub)."
        )


def warn_of_unlabelled(splits: dict[str, Split]) -> None:
    """Says which test questions cannot be asked, and which cannot be scored where others can."""
    test = splits.get("test")
    lost = 0 if test is None else test.report.rows_dropped - len(test.report.without_context)
    if test is not None and lost:
        reasons = "; ".join(line.strip() for line in test.report.reason_lines(test.report.dropped))
        test.warn(
            f"{test.source}: {lost} of {test.report.rows_read} rows cannot be asked and have no prediction: {reasons}"
        )
    left_out = [] if test is None else [example["id"] for example in test.examples if not is_labelled(example)]
    if test is None or len(left_out) in (0, len(test.examples)):
        return
    shown = ", ".join(left_out[:FIRST_IDS]) + (", ..." if len(left_out) > FIRST_IDS else "")
    test.warn(
        f"{test.source}: {len(left_out)} of {len(test.examples)} test questions have no usable answer: they are "
        f"answered, and left out of the scores: {shown}"
    )


def warn_of_overlap(splits: dict[str, Split]) -> None:
    """Warns of questions that are trained on and scored: the scores on them flatter."""
    for name in ("validation", "test"):
        if "train" not in splits or name not in splits:
            continue
        both = asked_in_both(splits["train"].examples, splits[name].examples)
        if both:
            shown = ", ".join(example["id"] for example in both[:FIRST_IDS]) + (
                ", ..." if len(both) > FIRST_IDS else ""
            )
            splits[name].warn(
                f"{splits[name].source}: {len(both)} of {len(splits[name].examples)} {name} questions are asked of the "
                f"same context in the training data too (apart from white space and case), so that scores flatter: "
                f"{shown}. Take them out of one of the two."
            )


def add_training_rows(splits: dict[str, Split], source: str, arguments: Arguments) -> None:
    """Adds the rows of another file to the training data, but for those about contexts of validation or test."""
    train = splits["train"]
    extra = read_split(arguments, source, None, True, arguments.data.max_train_samples, mapped=False)
    held_out = Contexts(e for name in ("validation", "test") if name in splits for e in splits[name].examples)
    rows = [example for example in extra.examples if example["context"] not in held_out]
    if len(rows) < len(extra.examples):
        left_out = len(extra.examples) - len(rows)
        said = f"{source}: {left_out} rows are about contexts of the validation or test data and are left out"
        if rows:
            logger.info("%s", said)
        else:
            train.warn(f"{said}; none is left, so that this file adds nothing")
    ids = {example["id"] for example in train.examples}
    for number, example in enumerate(rows):
        while example["id"] in ids:
            example = {**example, "id": f"{example['id']}-extra"}
        ids.add(example["id"])
        rows[number] = example
    train.examples = train.examples + rows
    train.extra_ids.update(example["id"] for example in rows)
    train.source += f" + {source}"
    train.added.append(extra.report)


def read_split(
    arguments: Arguments,
    source: str,
    split: str | None,
    require_answers: bool,
    max_samples: int | None,
    mapped: bool = True,
) -> Split:
    """Reads one source with the data settings of the arguments; the field mapping belongs to `mapped` ones only."""
    data = arguments.data
    examples, report = load_examples(
        source,
        field_mapping=data.field_mapping if mapped else None,
        split=split,
        on_bad_data=data.on_bad_data,
        max_bad_fraction=data.max_bad_fraction,
        require_answers=require_answers,
        max_samples=max_samples,
        dataset_config_name=data.dataset_config_name,
        cache_dir=arguments.model.cache_dir,
        token=arguments.model.token,
        revision=data.dataset_revision,
    )
    return Split(str(source), examples, report)


def split_off_validation(splits: dict[str, Split], arguments: Arguments) -> None:
    """Divides the training rows by document; the same seed gives the same division."""
    data, train_split = arguments.data, splits.get("train")
    if train_split is None:
        source = data.train_file or str(data.dataset_name)
        train_split = read_split(arguments, source, None if data.train_file else "train", True, None)
    fraction = float(data.validation_split_fraction or 0)
    rng = np.random.default_rng(arguments.training.data_seed or arguments.training.seed)
    train_rows, validation_rows = split_by_document(train_split.examples, fraction, rng)
    if "train" in splits:
        splits["train"].examples = train_rows[: data.max_train_samples]
    splits["validation"] = Split(
        f"{train_split.source} ({fraction:g} of its documents)",
        validation_rows[: data.max_eval_samples],
        train_split.report,
    )


def report_data(splits: dict[str, Split], tokenizer: Any, arguments: Arguments) -> dict[str, Any]:
    """Measures lengths and logs a table for each split; returns data_report.json."""
    data = arguments.data
    reports: dict[str, Any] = {}
    shown: list[DataReport] = []
    for name, split in splits.items():
        for number, added in enumerate(split.added, start=1):
            logger.info("extra training data\n%s", added.table())
            reports[f"extra_{name}_file_{number}"] = added.to_dict()
        split.report.lengths = measure_lengths(
            split.examples, tokenizer, max_answer_length=data.max_answer_length, max_seq_length=data.max_seq_length
        )
        if arguments.training.process_index == 0 and not any(split.report is report for report in shown):
            logger.info("%s data\n%s", name, split.report.table())
        shown.append(split.report)
        reports[name] = split.report.to_dict()
    logger.info("Questions: %s", ", ".join(f"{len(split.examples):,} {name}" for name, split in splits.items()))
    return reports


class Contexts:
    """Contexts, compared folded; each is folded once, however many questions are asked about it."""

    def __init__(self, examples: Iterable[Example] = ()):
        self._folded: dict[str, str] = {}
        self._held = {self.folded(example["context"]) for example in examples}

    def folded(self, context: str) -> str:
        """The folded context."""
        if context not in self._folded:
            self._folded[context] = fold_case(context)
        return self._folded[context]

    def __contains__(self, context: str) -> bool:
        return self.folded(context) in self._held


def asked_in_both(train: Sequence[Example], held_out: Sequence[Example]) -> list[Example]:
    """The held-out rows whose question is asked of the same context in the training data too."""
    questions = [fold_case(example["question"]) for example in held_out]
    wanted = set(questions)
    contexts = Contexts()  # only those of questions that are asked on both sides are folded
    asked = {
        (question, contexts.folded(example["context"]))
        for example in train
        if (question := fold_case(example["question"])) in wanted
    }
    names = {question for question, _ in asked}
    return [
        example
        for question, example in zip(questions, held_out, strict=True)
        if question in names and (question, contexts.folded(example["context"])) in asked
    ]
