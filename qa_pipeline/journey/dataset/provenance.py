"""What a data set is made of, in figures and words: `dataset_report.json` of processing. Counts rows, changes none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qa_pipeline.data import Example
from qa_pipeline.journey.dataset.rows import GENERATED, LABELLED, RETRIEVED, Conflicts, Removals, Source, SourcedRow
from qa_pipeline.wording import counted

FORMAT = 1
FEW = 30
"""Questions below which a score is little more than a guess."""
_PART = re.compile(r"[a-z]+")
_SHARE_ALIKE = {"sa", "gfdl", "odbl", "gpl", "agpl", "lgpl"}

MEANINGS = {
    "without_answer": "it has no answer, and nobody says that it has none",
    "exact_duplicate": "another source asks the same of the same text, with the same answer",
    "merged_references": "the same; its answer became a further reference of the first row",
    "near_duplicate": "another source asks nearly the same of the same text",
    "conflicting_answer": "another source gives another answer to the same question on the same text",
    "context_in_test": "its text is that of a test question",
    "document_in_test": "its document is that of a test question",
    "overlapping_text_in_test": "its text holds most of that of a test question, or the other way round",
    "question_in_test": "a test question asks nearly the same, and its answer, answering sentence or text is the same",
    "context_in_validation": "its text is that of a validation question",
    "document_in_validation": "its document is that of a validation question",
    "overlapping_text_in_validation": "its text holds most of that of a validation question, or the other way round",
    "question_in_validation": "a validation question asks nearly the same, with the same evidence",
    "over_unanswerable_share": "without an answer, and over the wanted share of such rows",
    "over_limit": "over the wanted number of rows",
}


def report_on(
    sources: Sequence[Source],
    splits: Mapping[str, Sequence[SourcedRow]],
    split_by: str,
    removals: Removals,
    conflicts: Conflicts,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """The report as JSON holds it. Rows that were given are those that are left and those that were removed."""
    examples = {name: [row.example for row in rows] for name, rows in splits.items()}
    removed = removals.by_reason
    given = [
        {
            "name": source.name,
            "kind": source.kind,
            "licence": source.licence,
            "weight": source.weight,
            "rows": sum(map(len, source.by_split().values())),
            "rows_kept": sum(row.origin == source.name for rows in splits.values() for row in rows),
        }
        for source in sorted(sources, key=lambda source: source.name)
    ]
    return {
        "format": FORMAT,
        "settings": dict(settings),
        "sources": given,
        "rows_given": sum(source["rows"] for source in given),
        "removed": dict(removed.most_common()),
        "removed_by_source": {name: dict(counts) for name, counts in sorted(removals.by_source.items())},
        "removed_first_ids": dict(sorted(removals.first_ids.items())),
        "meanings": {reason: MEANINGS[reason] for reason in sorted(removed)},
        "conflicts": {"count": conflicts.count, "first": conflicts.first},
        **describe_splits(examples, split_by),
        "warnings": warnings_about(examples, split_by, settings, conflicts.count),
    }


def describe_splits(splits: Mapping[str, Sequence[Example]], split_by: str) -> dict[str, Any]:
    """Counts by split and source, who made the held-out questions, and the licences."""
    return {
        "rows": sum(map(len, splits.values())),
        "split_by": split_by,
        "splits": {name: _describe(examples) for name, examples in splits.items()},
        "test_made_by": made_by(splits["test"]),
        "validation_made_by": made_by(splits["validation"]),
        "licences": dict(Counter(_licence(example) for rows in splits.values() for example in rows).most_common()),
    }


def made_by(examples: Iterable[Example]) -> str:
    """Who asked the questions: "people" (labelled, or of a data set that was found), "generator", "mixed", "none"."""
    kinds = {example["metadata"]["kind"] == GENERATED for example in examples}
    return "none" if not kinds else "mixed" if len(kinds) > 1 else "generator" if True in kinds else "people"


def _describe(examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "rows": len(examples),
        "unanswerable": sum(example["is_impossible"] for example in examples),
        "contexts": len({example["context"] for example in examples}),
        "documents": len({_document(example) for example in examples}),
        "by_source": dict(Counter(example["metadata"]["source"] for example in examples).most_common()),
        "by_kind": dict(Counter(example["metadata"]["kind"] for example in examples).most_common()),
    }


def _document(example: Example) -> str:
    return str(example["metadata"].get("document") or example.get("title") or example["context"])


def _licence(example: Example) -> str:
    return str(example["metadata"].get("licence") or "not stated")


def warnings_about(
    splits: Mapping[str, Sequence[Example]], split_by: str, settings: Mapping[str, Any], conflicts: int
) -> list[str]:
    """What somebody should know before training on it, in sentences without a full stop."""
    return [
        *_on_tests(splits),
        *_on_missing_splits(splits, settings),
        *_on_unanswerable(splits, settings),
        *(
            ["split by passage, not by document: documents are too few, or each is needed on both sides; texts of a "
             "held-out question are in no other split, but their documents are, so scores are those of known documents"]
            if split_by == "passage" and (splits["validation"] or splits["test"])
            else []
        ),
        *(
            [f"{counted(conflicts, 'question')} answered in two ways on the same text, see conflicts"]
            if conflicts
            else []
        ),
        *licence_warnings(splits["train"]),
    ]  # fmt: skip


def _on_tests(splits: Mapping[str, Sequence[Example]]) -> list[str]:
    tests, found = splits["test"], []
    kinds = {example["metadata"]["kind"] for example in tests}
    if GENERATED in kinds:
        which = "the test questions were" if kinds == {GENERATED} else "some of the test questions were"
        found.append(
            f"{which} made by the generator that made questions for training: a score on them does not measure "
            "people's questions"
        )
    if RETRIEVED in kinds and LABELLED not in kinds:
        found.append(
            "the test questions are people's, but of retrieved data sets and not about your documents: a score on them "
            "does not measure questions about yours"
        )
    people = sum(example["metadata"]["kind"] == LABELLED for example in tests)
    if 0 < people < FEW:
        found.append(
            f"{counted(people, 'test question')} made by people: the 95% interval of a score near 50 is about "
            f"{interval(people):.0f} points to each side, and wider where they come from few documents"
        )
    return found


def interval(count: int) -> float:
    """Half of the 95% interval of a share of 50% of `count` questions, in points (normal approximation).

    Example:
        >>> round(interval(25))
        20
    """
    return float(100 * 1.96 * 0.5 / max(1, count) ** 0.5)


def _on_missing_splits(splits: Mapping[str, Sequence[Example]], settings: Mapping[str, Any]) -> list[str]:
    missing = [name for name in ("validation", "test") if settings[f"{name}_fraction"] > 0 and not splits[name]]
    if not missing:
        return []
    contexts = len({example["context"] for rows in splits.values() for example in rows})
    return [f"no {' and no '.join(missing)} split: the questions are about {counted(contexts, 'text')}"]


def _on_unanswerable(splits: Mapping[str, Sequence[Example]], settings: Mapping[str, Any]) -> list[str]:
    asked, train = settings["unanswerable_fraction"], splits["train"]
    share = sum(example["is_impossible"] for example in train) / max(1, len(train))
    if not asked or share >= 0.5 * asked:
        return []
    return [
        f"{share:.0%} of the training questions have no answer, where {asked:.0%} were asked for: there are no more, "
        "and none are made up"
    ]


def licence_warnings(examples: Iterable[Example]) -> list[str]:
    """What the licences of training rows ask for, as far as their names say it."""
    names = Counter(_licence(example) for example in examples)
    parts = {name: set(_PART.findall(name.lower())) for name in names}
    alike = [name for name in sorted(names) if parts[name] & _SHARE_ALIKE]
    limited = [name for name in sorted(names) if parts[name] & {"nc", "noncommercial"}]
    found = []
    if alike and set(limited) - set(alike):
        found.append(
            f"licences that do not go together: {', '.join(alike)} (share alike) and {', '.join(limited)} (not "
            "commercial); what is made of both can hardly be passed on under either, so leave one out or ask a lawyer"
        )
    elif limited:
        found.append(f"some training data is not for commercial use ({', '.join(limited)})")
    elif alike:
        found.append(
            f"some training data is share-alike ({', '.join(alike)}): pass the data set on under the same licence"
        )
    unknown = names.get("not stated", 0)
    if unknown and len(names) > 1:
        found.append(f"{counted(unknown, 'training row')} without a stated licence")
    return found
