"""Finds questions to try in the data that a model was tested on, and chooses a few. Never sees a model."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.data import Example, load_examples
from qa_pipeline.errors import QAError
from qa_pipeline.modeling.paths import JOURNEY_MODEL
from qa_pipeline.serve.asking import MOST_QUESTION, MOST_TEXT
from qa_pipeline.wording import first_line

logger = logging.getLogger(__name__)

MOST_EXAMPLES = 8
JOURNEY_TEST = Path("process", "test.json")
"""The test split in an output folder of `qa-pipeline prompt2model`."""


@dataclass(frozen=True)
class QuestionsToTry:
    """Questions to try, and what they are."""

    rows: list[Example]
    source: str
    split: str

    @property
    def title(self) -> str:
        """What stands above them."""
        return f"Questions of {self.split} ({self.source})"


def find_questions(name: str, examples: str | None = None) -> QuestionsToTry | None:
    """Questions to try with a model.

    Args:
        name: the model's folder; other names have none of their own.
        examples: a file of labelled questions to take them from instead.

    Returns:
        A few of the file's, else of the test split that the model's run or journey had, else of its validation split;
        None where there is none that can be read.

    Raises:
        DataError: the file that was named cannot be read.
    """
    if examples is not None:
        return QuestionsToTry(_chosen(examples, None), Path(examples).name, "your examples")
    for path, split, mapping in _splits(Path(name).expanduser()):
        try:
            return QuestionsToTry(_chosen(path, mapping), path.name, split)
        except QAError as error:
            logger.warning("no questions to try are shown of %s: %s", path, first_line(error))
    return None


def _chosen(path: str | Path, mapping: Any) -> list[Example]:
    rows, _ = load_examples(path, field_mapping=mapping, require_answers=False)
    return choose_questions(rows)


def choose_questions(rows: Sequence[Example], most: int = MOST_EXAMPLES) -> list[Example]:
    """A few questions of as many texts as possible, spread over the data; some that have no answer, where it has such.

    Args:
        rows: of one split, in its order.
        most: how many are chosen at the most; up to a quarter of them have no answer.

    Returns:
        In their order; always the same of the same data. What is too long for the page is left out.
    """
    fitting = [row for row in rows if len(row["question"]) <= MOST_QUESTION and len(row["context"]) <= MOST_TEXT]
    answered = [row for row in fitting if not row["is_impossible"]]
    unanswered = [row for row in fitting if row["is_impossible"]]
    few = min(len(unanswered), max(most // 4, most - len(answered)))
    ids = {row["id"] for row in (*_spread(answered, most - few), *_spread(unanswered, few))}
    return [row for row in fitting if row["id"] in ids]


def _spread(rows: Sequence[Example], count: int) -> list[Example]:
    """So many rows, as evenly over their texts as can be: a second question of a text only when all texts had one."""
    seen: dict[str, int] = {}
    rounds: list[list[Example]] = []
    for row in rows:
        turn = seen[row["context"]] = seen.get(row["context"], -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(row)
    chosen: list[Example] = []
    for turn_rows in rounds:
        left = count - len(chosen)
        if left >= len(turn_rows):
            chosen += turn_rows
        else:
            chosen += [turn_rows[place * len(turn_rows) // left] for place in range(left)]
    return chosen


def _splits(folder: Path) -> list[tuple[Path, str, Any]]:
    """Files of questions that belong to a model's folder, the best first: path, name of the split, field mapping."""
    if not folder.is_dir():
        return []
    found = []
    record = _record(folder)
    mapping = record.get("config", {}).get("field_mapping")
    for split, words in (("test", "the test split"), ("validation", "the validation split")):
        source = record.get("data", {}).get(split, {}).get("source")
        found += [(path, words, mapping) for path in _places(folder, source)]
    if folder.name == JOURNEY_MODEL:
        found.append((folder.parent / JOURNEY_TEST, "the test split", None))
    found.sort(key=lambda one: one[1] != "the test split")
    return [one for one in found if one[0].is_file()]


def _record(folder: Path) -> dict[str, Any]:
    """What run.json says; nothing where there is none that can be read."""
    try:
        record = json.loads((folder / artifacts.RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _places(folder: Path, source: Any) -> list[Path]:
    """Where a file may be that a run named relative to the folder in which it was started."""
    if not isinstance(source, str) or not source:
        return []
    return [Path(source), *(above / source for above in folder.absolute().parents)]
