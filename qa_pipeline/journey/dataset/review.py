"""A data set as a table that a person looks through and changes, and what became of it read back and verified.

Every question is a row of `review.csv`. A person may mend the question or the answer, empty the answer, say no to
keep, delete rows, and add rows. Passages are the words of the documents and stay as they are: a changed one is refused.
Rows that nobody touched come back as they were, whatever order or form the file was saved in.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.data import Aligned, Answers, Example, align_answer
from qa_pipeline.data.example import LooseAnswer, RawRow
from qa_pipeline.data.readers.csv_file import numbered_rows
from qa_pipeline.errors import DataError
from qa_pipeline.generation.dataset import SPLITS
from qa_pipeline.journey.dataset.cells import is_unchanged, protected, restored, shown
from qa_pipeline.journey.dataset.processing import ProcessedDataset, check_examples, recount
from qa_pipeline.journey.dataset.rows import LABELLED, Removals, SourcedRow
from qa_pipeline.journey.dataset.splitting import keep_apart
from qa_pipeline.text.words import normalised, sentence_around
from qa_pipeline.wording import counted, short

COLUMNS = ("id", "question", "answer", "passage", "source", "keep", "split", "evidence", "answer_start")
NEEDED = ("id", "question", "answer", "passage", "keep")
SOURCE = "review"
"""The source of rows that a person adds."""
_YES = frozenset({"yes", "y", "1", "true", "t", "keep", "ja", "j", "oui", "si", "s\u00ed", "wahr", "vrai", "ok"})
_NO = frozenset({"no", "n", "0", "false", "f", "x", "drop", "delete", "nein", "non", "falsch", "faux", "-"})
_WHOLE = re.compile(r"\d+(?:\.0+)?")
_MOST_FAULTS = 100
_FIRST = 5
_CHANGES = ("edited", "corrected", "emptied", "dropped", "added", "ambiguous")


def write_review(path: str | Path, dataset: ProcessedDataset) -> Path:
    """Writes `review.csv`: UTF-8 with a mark that Excel knows it by, one question a row, test questions first.

    Text that a spreadsheet would run or change (formulas, dates, numbers) has an apostrophe in front. Of several
    references the first is shown. A passage over 32,000 characters is cut.

    Raises:
        DataError: the file cannot be written.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for split in reversed(SPLITS):
        for example in dataset.splits[split]:
            answer, start = _first_answer(example)
            texts = {
                "id": example["id"],
                "question": example["question"],
                "answer": answer,
                "passage": shown(example["context"]),
                "source": example["metadata"]["source"],
                "keep": "yes",
                "split": split,
                "evidence": _marked(example),
            }
            place = "" if start is None else start
            writer.writerow([*(protected(texts[name]) for name in COLUMNS[:-1]), place])
    with artifacts.writing(path):
        return artifacts.write_bytes(path, table.getvalue().encode("utf-8-sig"))


def read_review(path: str | Path, dataset: ProcessedDataset) -> tuple[ProcessedDataset, dict[str, Any]]:
    """The data set with what a person changed in `review.csv`, and how much that was.

    Args:
        path: as `write_review` wrote it for this data set, and as a spreadsheet saved it since: with semicolons or
            tabs, in UTF-8, UTF-16 or Windows-1252, its rows and columns in any order.
        dataset: what the file was written from.

    Returns:
        The data set (the same rows, in the same order, where nothing was changed) with the counts as `review` in its
        report, and these counts: "edited" questions, "corrected" answers (of them "emptied" ones, which have no answer
        now), "dropped" and "added" rows, "ambiguous" answers (they stand in the passage more than once, and the first
        was taken), "removed" rows by reason (training rows that a change made repeat a held-out one), "first_ids".

    Raises:
        DataError: the file cannot be read, lacks a column, or has faults; all faults are named with their line.

    Example:
        >>> import tempfile
        >>> from qa_pipeline import load_examples
        >>> from qa_pipeline.journey.dataset.processing import Source, process_rows
        >>> made = process_rows([Source("labels.csv", "labelled", load_examples("docs/examples/labels.csv")[0])])
        >>> file = write_review(Path(tempfile.mkdtemp()) / "review.csv", made)
        >>> _ = file.write_text(file.read_text().replace(",yes,train", ",no,train", 1))
        >>> read_review(file, made)[1]["dropped"]
        1
    """
    sheet = _Sheet(dataset, str(path))
    for line in _lines(Path(path)):
        sheet.take(line)
    return sheet.result()


@dataclass(frozen=True)
class _Line:
    """A row of the file.

    Attributes:
        place: for messages: its number in the spreadsheet and in the file.
        cells: texts by column; a column that the file does not have is empty.
        fault: why it cannot be read, or None.
    """

    place: str
    cells: Mapping[str, str]
    fault: str | None = None

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def _lines(path: Path) -> Iterator[_Line]:
    for number, (line, row) in enumerate(numbered_rows(path), start=2):
        place = f"row {number} (line {line})"
        if not isinstance(row, RawRow):
            yield _Line(place, {}, f"{row.reason} ({row.detail})" if row.detail else row.reason)
            continue
        cells = {name.strip().casefold(): restored(cell) for name, cell in row.value.items()}
        missing = [name for name in NEEDED if name not in cells]
        if missing:
            raise DataError(
                f"{path}: the column {', '.join(missing)} is gone (found: {', '.join(cells)}); rows are known by their "
                "id and read by the names of the columns: put it back, or delete the file and run again for a new one"
            )
        if any(cell.strip() for cell in cells.values()):
            yield _Line(place, cells)


@dataclass
class _Changes:
    """What is made of one row: the example as it is now, and what was changed."""

    example: Example
    kinds: list[str] = field(default_factory=list)


class _Sheet:
    """The data set, and what the lines of a review say of it so far."""

    def __init__(self, dataset: ProcessedDataset, source: str):
        self.dataset, self.source = dataset, source
        self.known = {example["id"]: (split, example) for split in SPLITS for example in dataset.splits[split]}
        self.homes: dict[str, tuple[str, Example]] = {}
        for split, example in self.known.values():
            self.homes.setdefault(_same_text(example["context"]), (split, example))
        self.asked = {_asked(example): example["id"] for _, example in self.known.values()}
        self.seen: dict[str, str] = {}
        self.left: dict[str, _Changes] = {}
        self.added: list[tuple[str, _Changes]] = []
        self.faults: list[str] = []
        self.places: dict[str, str] = {}

    def take(self, line: _Line) -> None:
        """Reads one line; what is wrong with it is noted."""
        row_id = line["id"] if line["id"] in self.known else line["id"].strip()
        name = f"{line.place}, id {short(row_id, 40)}" if row_id else line.place
        try:
            if line.fault:
                raise DataError(line.fault)
            if row_id in self.seen:
                raise DataError(f"this id stands in {self.seen[row_id]} already; leave the id of a new row empty")
            if row_id:
                self.seen[row_id] = line.place
            if row_id in self.known:
                self._changed(row_id, line, name)
            else:
                self._new(row_id, line, name)
        except DataError as error:
            self.faults.append(f"{name}: {error}")

    def _changed(self, row_id: str, line: _Line, name: str) -> None:
        split, old = self.known[row_id]
        if not _keeps(line["keep"], None):
            return
        if not is_unchanged(line["passage"], shown(old["context"])):
            raise DataError(
                f"the passage was changed ({_difference(shown(old['context']), line['passage'])}); passages are the "
                "words of the documents: undo the change, or add a row without an id for another text"
            )
        if line["split"].strip() not in ("", split):
            raise DataError(f"the split was changed from {split} to {short(line['split'], 40)}; change it back")
        changes = _Changes(old)
        if not is_unchanged(line["question"], old["question"]):
            changes.example = {**changes.example, "question": _question(line)}
            changes.kinds.append("edited")
        answer, start = _first_answer(old)
        place = _place(line["answer_start"])
        if not is_unchanged(line["answer"], answer) or (place is not None and start is not None and place != start):
            answer = answer if is_unchanged(line["answer"], answer) else line["answer"]
            self._answer(changes, answer, start if place is None else place)
        if changes.kinds:
            metadata = {**changes.example["metadata"], "review": _review_of(changes.kinds)}
            quote, found = metadata.get("evidence"), _first_answer(changes.example)[0]
            if quote and (not found or found not in quote):
                del metadata["evidence"]
            changes.example = {**changes.example, "metadata": metadata}
            self.places[row_id] = name
        self.left[row_id] = changes

    def _new(self, row_id: str, line: _Line, name: str) -> None:
        if not _keeps(line["keep"], True):
            return
        text, question = line["passage"], _question(line)
        if not text.strip():
            raise DataError("the passage is empty; a new row needs the text that holds its answer")
        home, beside = self.homes.get(_same_text(text), (None, None))
        text = text if beside is None else beside["context"]
        first = self.asked.get((text, normalised(question)))
        if first is not None:
            raise DataError(f"the row with the id {first} asks this of the same passage; put its id back, or change it")
        split = _split(line, home)
        digits = hashlib.sha256(f"{text}\0{question}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
        row_id = row_id or f"review-{digits}"
        example: Example = {
            "id": row_id,
            "context": text,
            "question": question,
            "answers": {"text": [], "answer_start": []},
            "is_impossible": True,
            "metadata": {"source": SOURCE, "kind": LABELLED},
        }
        if beside is not None:
            example["metadata"] |= {k: v for k, v in beside["metadata"].items() if k in ("document", "licence")}
            if "title" in beside:
                example["title"] = beside["title"]
        changes = _Changes(example)
        if line["answer"].strip():
            self._answer(changes, line["answer"], _place(line["answer_start"]))
        changes.kinds = ["added", *(kind for kind in changes.kinds if kind == "ambiguous")]
        self.added.append((split, changes))
        self.places[row_id] = name

    def _answer(self, changes: _Changes, text: str, start: int | None) -> None:
        """Puts an answer into the example, at its place in the passage that is nearest to `start`."""
        example = changes.example
        if not text.strip():
            changes.example = {**example, "answers": {"text": [], "answer_start": []}, "is_impossible": True}
            changes.kinds += ["corrected", "emptied"]
            return
        found = align_answer(example["context"], LooseAnswer(text, start))
        if not isinstance(found, Aligned):
            raise DataError(
                f"the answer {short(text, 60)!r} does not stand in the passage as whole words; copy it from there word "
                "for word (a spreadsheet may have rewritten a date or a number: put an apostrophe in front of it)"
            )
        if (found.text, found.start) == _first_answer(example):
            return
        changes.kinds += ["corrected", *(["ambiguous"] if start is None and found.ambiguous else [])]
        answers: Answers = {"text": [found.text], "answer_start": [found.start]}
        changes.example = {**example, "answers": answers, "is_impossible": False}

    def result(self) -> tuple[ProcessedDataset, dict[str, Any]]:
        """The data set as it is now, with the counts. Raises DataError with all faults."""
        self._find_repeats()
        if self.faults:
            more = len(self.faults) - _MOST_FAULTS
            lines = [*self.faults[:_MOST_FAULTS], *([f"and {more:,} more"] if more > 0 else [])]
            raise DataError(
                f"{counted(len(self.faults), 'problem')} in {self.source}:\n"
                + "\n".join(f"  - {line}" for line in lines)
            )
        ids: dict[str, list[str]] = {kind: [] for kind in _CHANGES}
        ids["dropped"] = [row_id for row_id in self.known if row_id not in self.left]
        for changes in (*self.left.values(), *(changes for _, changes in self.added)):
            for kind in changes.kinds:
                ids[kind].append(changes.example["id"])
        splits, removals = self._splits()
        if not splits["train"]:
            raise DataError(
                f"{self.source}: no row is left for training; say yes to keep in some, or run again for a new file"
            )
        counts = {kind: len(found) for kind, found in ids.items()}
        review: dict[str, Any] = {
            **counts,
            "removed": dict(removals.by_reason.most_common()),
            "first_ids": {kind: found[:_FIRST] for kind, found in ids.items() if found},
        }
        made = self.dataset
        if any(counts.values()):
            check_examples(splits)
            made = ProcessedDataset(splits, recount(ProcessedDataset(splits, made.report)))
        return ProcessedDataset(made.splits, {**made.report, "review": review}), review

    def _find_repeats(self) -> None:
        """Rows that were changed or added, and now ask what another row asks of the same passage."""
        asked: dict[tuple[str, str], str] = {}
        rows = [*self.left.values(), *(changes for _, changes in self.added)]
        rows.sort(key=lambda changes: changes.example["id"] in self.places)
        for changes in rows:
            row_id = changes.example["id"]
            first = asked.setdefault(_asked(changes.example), row_id)
            if first != row_id and {"edited", "added"} & set(changes.kinds):
                self.faults.append(
                    f"{self.places[row_id]}: {first} asks the same of this passage; say no to keep in one"
                )

    def _splits(self) -> tuple[dict[str, list[Example]], Removals]:
        """The rows by split, without those that a change has put on both sides."""
        removals = Removals()
        sides: dict[str, list[SourcedRow]] = {}
        changed = set()
        for split in SPLITS:
            kept = [self.left[e["id"]] for e in self.dataset.splits[split] if e["id"] in self.left]
            kept += [changes for wanted, changes in self.added if wanted == split]
            sides[split] = [self._row(changes.example) for changes in kept]
            changed |= {row for row, changes in zip(sides[split], kept, strict=True) if changes.kinds}
        if changed:
            threshold = self.dataset.report["settings"]["near_duplicate_threshold"]
            sides = keep_apart(sides, changed, threshold, removals)
        return {split: [row.example for row in side] for split, side in sides.items()}, removals

    def _row(self, example: Example) -> SourcedRow:
        context, metadata = example["context"], example["metadata"]
        origin = "" if _same_text(context) in self.homes else SOURCE
        form = normalised(context) or context
        return SourcedRow(example, origin, metadata["source"], metadata["kind"], None, None, form)


def _review_of(kinds: list[str]) -> str:
    """What a person did to a row, for its metadata."""
    return " and ".join(kind for kind in ("edited", "corrected") if kind in kinds)


def _split(line: _Line, home: str | None) -> str:
    """The split of a new row: where its passage is, else where the line says, else training."""
    wanted = line["split"].strip() or home or "train"
    if home and wanted != home:
        raise DataError(f"the split must be {home}, where the passage is; found {short(wanted, 40)}")
    if wanted not in SPLITS:
        raise DataError(f"the split must be one of {', '.join(SPLITS)}; found {short(wanted, 40)}")
    return wanted


def _first_answer(example: Example) -> tuple[str, int | None]:
    answers = example["answers"]
    return (answers["text"][0], answers["answer_start"][0]) if answers["text"] else ("", None)


def _marked(example: Example) -> str:
    """The sentence of the answer with the answer in double brackets; it says which of several places is meant."""
    text, (answer, start) = example["context"], _first_answer(example)
    if start is None:
        return ""
    end = start + len(answer)
    low, high = sentence_around(text, start, end, lines=True)
    return f"{text[low:start]}[[{answer}]]{text[end:high]}"


def _keeps(cell: str, default: bool | None) -> bool:
    word = cell.strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    if not word and default is not None:
        return default
    raise DataError(f"keep must be yes or no; found {short(cell, 40)!r}")


def _question(line: _Line) -> str:
    if not line["question"].strip():
        raise DataError("the question is empty; to drop the row say no to keep")
    return line["question"].strip()


def _place(cell: str) -> int | None:
    text = cell.strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise DataError(f"answer_start must be a number of characters, or empty; found {short(text, 40)!r}")
    return int(text.split(".")[0])


def _same_text(text: str) -> str:
    return " ".join(shown(text).split())


def _asked(example: Example) -> tuple[str, str]:
    return example["context"], normalised(example["question"])


def _difference(old: str, new: str) -> str:
    """Where two texts part, in a few words."""
    place = next(
        (i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    begin = max(0, place - 10)
    return f"{short(old[begin:], 40)!r} became {short(new[begin:], 40)!r}"
