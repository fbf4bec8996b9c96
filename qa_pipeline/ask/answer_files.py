"""Writes the answers to a file of questions, in the format that the file's name ends in."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor import Answer

ENDINGS = (".json", ".jsonl", ".csv", ".tsv")
COLUMNS = ("id", "question", "answer", "confidence", "no_answer_confidence", "start", "end")
"""Of a table; source and page follow where documents were asked."""

_BESIDE = ("nbest", "null_odds", "errors")
_STILL_WRITING = 60.0
"""Seconds since its last byte after which a temporary file is that of a killed run."""


def write_answers(
    path: str,
    answers: Sequence[Answer],
    with_null: bool,
    documents: Sequence[Document | None] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> list[Path]:
    """Writes the answers of a file.

    JSON lines hold each answer whole; tables (CSV, TSV) have COLUMNS. JSON is what the SQuAD scripts read, id to text,
    with NAME_nbest.json beside it (spans with their characters and confidences) and, for models that may say that there
    is no answer, that among the spans (start and end null) and NAME_null_odds.json. Text in a table that a spreadsheet
    would take for a formula has an apostrophe before it.

    Args:
        path: ends in one of ENDINGS.
        answers: in the order of the questions.
        with_null: whether the model may say that there is no answer.
        documents: where each answer was found, if documents were asked.
        left_out: by id, why a row was not answered. Such rows stand last, with that as their "error"; in JSON their
            text is "", and NAME_errors.json has the reasons.

    Returns:
        The files. While several are written, PATH.incomplete lies beside them: after a kill it says that they do not
        belong together.

    Raises:
        DataError: a file cannot be written.
    """
    target = Path(path)
    places = [
        {} if documents is None else _place(answer, document)
        for answer, document in zip(answers, documents or [None] * len(answers), strict=True)
    ]
    errors = dict(left_out or {})
    if target.suffix.lower() == ".jsonl":
        rows = [dataclasses.asdict(answer) | place for answer, place in zip(answers, places, strict=True)]
        rows += [{"id": name, "text": None, "error": reason} for name, reason in errors.items()]
        contents = {target: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)}
    elif target.suffix.lower() != ".json":
        contents = {target: _table(answers, places, "\t" if _is_tsv(target) else ",", errors)}
    else:
        beside: dict[str, Any] = {"nbest": {answer.id: _nbest(answer, with_null) for answer in answers}}
        if with_null:
            beside["null_odds"] = {answer.id: answer.null_odds for answer in answers}
        if errors:
            beside["errors"] = errors
        values = {target: {answer.id: answer.text for answer in answers} | dict.fromkeys(errors, "")}
        values |= {_side_file(target, name): value for name, value in beside.items()}
        contents = {file: json.dumps(value, ensure_ascii=False, indent=2) + "\n" for file, value in values.items()}
    with artifacts.writing(path):
        if len(contents) == 1:
            artifacts.write_text(target, contents[target])
        else:
            _write_together(target, contents)
    return list(contents)


def _write_together(target: Path, contents: Mapping[Path, str]) -> None:
    mark = _mark(target)
    artifacts.write_text(
        mark,
        f"{', '.join(file.name for file in contents)}: a run ended while it wrote these files, or still writes them; "
        "they do not belong together. The same command writes them anew.\n",
    )
    for file, text in contents.items():
        artifacts.write_text(file, text)
    for name in _BESIDE:  # of an earlier run that wrote more files
        if _side_file(target, name) not in contents:
            _side_file(target, name).unlink(missing_ok=True)
    mark.unlink()


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


def _table(
    answers: Sequence[Answer], places: Sequence[dict[str, Any]], delimiter: str, errors: Mapping[str, str]
) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    columns = [*COLUMNS, *(places[0] if places else ())]
    writer.writerow([*columns, *(["error"] if errors else [])])
    for answer, place in zip(answers, places, strict=True):
        sure = [round(number, 6) for number in (answer.confidence, answer.no_answer_confidence)]
        row = [answer.id, answer.question, answer.text, *sure, answer.start, answer.end, *place.values()]
        writer.writerow(["" if value is None else _cell(value) for value in row] + [""] * bool(errors))
    for name, reason in errors.items():
        writer.writerow([_cell(name), *[""] * (len(columns) - 1), _cell(reason)])
    return out.getvalue()


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


def _place(answer: Answer, document: Document | None) -> dict[str, Any]:
    page = document.page_at(answer.start) if document is not None and answer.start is not None else None
    return {"source": document.source if document is not None else None, "page": page}


def _side_file(target: Path, name: str) -> Path:
    return target.with_name(f"{target.stem}_{name}.json")


def _mark(target: Path) -> Path:
    return target.with_name(f"{target.name}.incomplete")


def _is_tsv(target: Path) -> bool:
    return target.suffix.lower() == ".tsv"
