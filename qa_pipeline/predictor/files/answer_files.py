"""Writes the answers to a file of questions, in the format that the file's name ends in."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from qa_pipeline.predictor.answer import Answer

ENDINGS = (".json", ".jsonl", ".csv", ".tsv")
COLUMNS = ("id", "question", "answer", "confidence", "no_answer_confidence", "start", "end")
"""Of a table of questions with a context each."""

_BESIDE = ("nbest", "null_odds", "errors")
_STILL_WRITING = 60.0
"""Seconds since its last byte after which a temporary file is that of a killed run."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer as it is written, in every format.

    Attributes:
        id: of the question.
        text: the answer; "" for no answer.
        null_odds: see `Answer`.
        no_answer_confidence: of there being no answer.
        nbest: the best spans as objects, the best first, each with its "confidence"; no answer is not among them.
        line: of JSON lines.
        cells: of a table.
    """

    id: str
    text: str
    null_odds: float
    no_answer_confidence: float
    nbest: Sequence[Mapping[str, Any]]
    line: Mapping[str, Any]
    cells: Sequence[Any]

    @classmethod
    def of(cls, answer: Answer) -> AnswerRow:
        """Of an answer to a question that has a context of its own."""
        sure = [round(number, 6) for number in (answer.confidence, answer.no_answer_confidence)]
        return cls(
            id=answer.id,
            text=answer.text,
            null_odds=answer.null_odds,
            no_answer_confidence=answer.no_answer_confidence,
            nbest=[asdict(span) for span in answer.nbest],
            line=asdict(answer),
            cells=[answer.id, answer.question, answer.text, *sure, answer.start, answer.end],
        )


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A row that was not answered, as it is written.

    Attributes:
        id: its own, or its number.
        reason: why it was not.
        cells: of a table, before the column of errors.
    """

    id: str
    reason: str
    cells: Sequence[Any] = field(default_factory=list)


def write_answers(
    path: str,
    answers: Iterable[AnswerRow],
    with_null: bool,
    columns: Sequence[str] = COLUMNS,
    left_out: Sequence[Unanswered] = (),
) -> list[Path]:
    """Writes the answers of a file, one after the other.

    JSON lines hold each answer whole; tables (CSV, TSV) have the columns. JSON is what the SQuAD scripts read, id to
    text, with NAME_nbest.json beside it (spans with their characters and confidences) and, for models that may say that
    there is no answer, that among the spans (start and end null) and NAME_null_odds.json. Text in a table that a
    spreadsheet would take for a formula has an apostrophe before it.

    Args:
        path: ends in one of ENDINGS.
        answers: in the order of the questions.
        with_null: whether the model may say that there is no answer.
        columns: names of the cells of a table.
        left_out: rows that were not answered. They stand last, with the reason as their "error"; in JSON their text is
            "", and NAME_errors.json has the reasons.

    Returns:
        The files. While several take their places, PATH.incomplete lies beside them: after a kill it says that they do
        not belong together.

    Raises:
        DataError: a file cannot be written.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending == ".json":
        return _write_objects(target, answers, with_null, left_out)
    if ending == ".jsonl":
        lines = _lines(answers, left_out)
    else:
        lines = _table(answers, "\t" if ending == ".tsv" else ",", columns, left_out)
    with artifacts.writing(path, resumes=True):
        artifacts.write_bytes(target, (line.encode("utf-8") for line in lines))
    return [target]


def _write_objects(
    target: Path, answers: Iterable[AnswerRow], with_null: bool, left_out: Sequence[Unanswered]
) -> list[Path]:
    nbest, null_odds, reasons = (_side_file(target, name) for name in _BESIDE)
    files = [target, nbest, *[null_odds] * with_null, *[reasons] * bool(left_out)]

    def members() -> Iterator[tuple[str, dict[Path, Any]]]:
        for answer in answers:
            yield answer.id, {target: answer.text, nbest: _nbest(answer, with_null), null_odds: answer.null_odds}
        for row in left_out:
            yield row.id, {target: "", reasons: row.reason}

    mark = _mark(target)
    with artifacts.writing(target, resumes=True):
        artifacts.write_text(
            mark,
            f"{', '.join(file.name for file in files)}: a run ended while it wrote these files, or still writes them; "
            "they do not belong together. The same command writes them anew.\n",
        )
        artifacts.write_objects(files, members())
        for name in _BESIDE:  # of an earlier run that wrote more files
            if _side_file(target, name) not in files:
                _side_file(target, name).unlink(missing_ok=True)
        mark.unlink()
    return files


def check_target(path: str | None) -> None:
    """Makes the folder of an output and makes sure, before hours of work, that writing it spoils nothing.

    Raises:
        ConfigError: files of another run lie where those beside the output would go.
        DataError: the file could not be written.
    """
    if path is None:
        return
    target = Path(path)
    with artifacts.writing(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK):
            raise OSError("the folder may not be written to")
    for name in (target.name, *(_side_file(target, name).name for name in _BESIDE)):
        artifacts.sweep(target.parent, name, older_than=_STILL_WRITING)
    if _mark(target).exists():  # then the files beside it are of this output
        return
    if target.suffix.lower() == ".json" and not target.exists():
        others = [str(side) for side in (_side_file(target, name) for name in _BESIDE) if side.exists()]
        if others:
            raise ConfigError(
                "command line",
                f"--output: {', '.join(others)} would be overwritten, which another run wrote ({path} is not there); "
                "give another name, or move what is there",
            )


def _lines(answers: Iterable[AnswerRow], left_out: Sequence[Unanswered]) -> Iterator[str]:
    for answer in answers:
        yield json.dumps(answer.line, ensure_ascii=False, default=str) + "\n"
    for row in left_out:
        yield json.dumps({"id": row.id, "text": None, "error": row.reason}, ensure_ascii=False) + "\n"


def _table(
    answers: Iterable[AnswerRow], delimiter: str, columns: Sequence[str], left_out: Sequence[Unanswered]
) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    errors = bool(left_out)

    def line(cells: Sequence[object]) -> str:
        out.seek(0)
        out.truncate()
        writer.writerow(["" if value is None else _cell(value) for value in cells])
        return out.getvalue()

    yield line([*columns, *["error"] * errors])
    for answer in answers:
        yield line([*answer.cells, *[""] * errors])
    for row in left_out:
        cells = row.cells or [row.id]
        yield line([*cells, *[""] * (len(columns) - len(cells)), row.reason])


def _cell(value: object) -> object:
    """A cell that no spreadsheet computes: text that begins as formulas do gets an apostrophe before it.

    Such text can come from any document, and `=HYPERLINK(...)` would send the table to somebody. Numbers stay.
    """
    if isinstance(value, str) and value[:1] in _FORMULA and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are wide forms, which count in East Asia
_NUMBER = re.compile(r"[+-]?\d[\d.,\u00a0\u202f ]*%?")


def _nbest(answer: AnswerRow, with_null: bool) -> list[Mapping[str, Any]]:
    """The spans, and no answer among them, by confidence."""
    if not with_null:
        return [*answer.nbest]
    nothing = {"text": "", "start": None, "end": None, "score": 0.0, "confidence": answer.no_answer_confidence}
    return sorted([*answer.nbest, nothing], key=lambda span: -span["confidence"])


def _side_file(target: Path, name: str) -> Path:
    return target.with_name(f"{target.stem}_{name}.json")


def _mark(target: Path) -> Path:
    return target.with_name(f"{target.name}.incomplete")
