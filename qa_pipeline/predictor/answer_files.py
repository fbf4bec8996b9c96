"""Writes the answers to a file of questions, in the format that the file's name ends in."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from qa_pipeline.predictor.answer import Answer
    from qa_pipeline.predictor.documents import Reply

ENDINGS = (".json", ".jsonl", ".csv", ".tsv")
COLUMNS = ("id", "question", "answer", "confidence", "no_answer_confidence", "start", "end")
"""Of a table."""
PLACE = ("source", "page")
"""Of a table where documents were asked, after COLUMNS."""

_BESIDE = ("nbest", "null_odds", "errors")
_STILL_WRITING = 60.0
"""Seconds since its last byte after which a temporary file is that of a killed run."""


Place = dict[str, Any]
"""Where an answer was found: {"source": ..., "page": ...}; {} where no documents were asked."""


def write_answers(
    path: str,
    answers: Iterable[tuple[Answer, Place]],
    with_null: bool,
    left_out: Mapping[str, str] | None = None,
    of_documents: bool = False,
) -> list[Path]:
    """Writes the answers of a file, one after the other.

    JSON lines hold each answer whole; tables (CSV, TSV) have COLUMNS. JSON is what the SQuAD scripts read, id to text,
    with NAME_nbest.json beside it (spans with their characters and confidences) and, for models that may say that there
    is no answer, that among the spans (start and end null) and NAME_null_odds.json. Text in a table that a spreadsheet
    would take for a formula has an apostrophe before it.

    Args:
        path: ends in one of ENDINGS.
        answers: in the order of the questions, each with its place.
        with_null: whether the model may say that there is no answer.
        left_out: by id, why a row was not answered. Such rows stand last, with that as their "error"; in JSON their
            text is "", and NAME_errors.json has the reasons.
        of_documents: the answers have places, for which a table has columns.

    Returns:
        The files. While several take their places, PATH.incomplete lies beside them: after a kill it says that they do
        not belong together.

    Raises:
        DataError: a file cannot be written.
    """
    target, errors = Path(path), dict(left_out or {})
    ending = target.suffix.lower()
    if ending == ".json":
        return _write_objects(target, answers, with_null, errors)
    if ending == ".jsonl":
        lines = _lines(answers, errors)
    else:
        lines = _table(answers, "\t" if ending == ".tsv" else ",", errors, (*COLUMNS, *PLACE * of_documents))
    with artifacts.writing(path, resumes=True):
        artifacts.write_bytes(target, (line.encode("utf-8") for line in lines))
    return [target]


def _write_objects(
    target: Path, answers: Iterable[tuple[Answer, Place]], with_null: bool, errors: Mapping[str, str]
) -> list[Path]:
    nbest, null_odds, reasons = (_side_file(target, name) for name in _BESIDE)
    files = [target, nbest, *[null_odds] * with_null, *[reasons] * bool(errors)]

    def members() -> Iterator[tuple[str, dict[Path, Any]]]:
        for answer, _ in answers:
            yield answer.id, {target: answer.text, nbest: _nbest(answer, with_null), null_odds: answer.null_odds}
        for name, reason in errors.items():
            yield name, {target: "", reasons: reason}

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


def _lines(answers: Iterable[tuple[Answer, Place]], errors: Mapping[str, str]) -> Iterator[str]:
    for answer, place in answers:
        yield json.dumps(dataclasses.asdict(answer) | place, ensure_ascii=False) + "\n"
    for name, reason in errors.items():
        yield json.dumps({"id": name, "text": None, "error": reason}, ensure_ascii=False) + "\n"


def _table(
    answers: Iterable[tuple[Answer, Place]], delimiter: str, errors: Mapping[str, str], columns: Sequence[str]
) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")

    def line(*cells: object) -> str:
        out.seek(0)
        out.truncate()
        writer.writerow(cells)
        return out.getvalue()

    yield line(*columns, *["error"] * bool(errors))
    for answer, place in answers:
        sure = [round(number, 6) for number in (answer.confidence, answer.no_answer_confidence)]
        row = [answer.id, answer.question, answer.text, *sure, answer.start, answer.end, *place.values()]
        yield line(*("" if value is None else _cell(value) for value in row), *[""] * bool(errors))
    for name, reason in errors.items():
        yield line(_cell(name), *[""] * (len(columns) - 1), _cell(reason))


def _cell(value: object) -> object:
    """A cell that no spreadsheet computes: text that begins as formulas do gets an apostrophe before it.

    Such text can come from any document, and `=HYPERLINK(...)` would send the table to somebody. Numbers stay.
    """
    if isinstance(value, str) and value[:1] in _FORMULA and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are wide forms, which count in East Asia
_NUMBER = re.compile(r"[+-]?\d[\d.,\u00a0\u202f ]*%?")


def _nbest(answer: Answer, with_null: bool) -> list[dict[str, Any]]:
    """The spans, and no answer among them, by confidence."""
    spans = [dataclasses.asdict(span) for span in answer.nbest]
    if with_null:
        nothing = {"text": "", "start": None, "end": None, "score": 0.0, "confidence": answer.no_answer_confidence}
        spans = sorted([*spans, nothing], key=lambda span: -span["confidence"])
    return spans


def place_of(reply: Reply) -> Place:
    """The document of the best answer, None for no answer in any of several, and the page where it has pages."""
    best = reply.answers[0] if reply.answers else None
    document = best.document if best is not None else None
    return {"source": document.source if document is not None else None, "page": best.page if best else None}


def _side_file(target: Path, name: str) -> Path:
    return target.with_name(f"{target.stem}_{name}.json")


def _mark(target: Path) -> Path:
    return target.with_name(f"{target.name}.incomplete")
