"""Small datasets in many formats, and the shortest way to read them, for tests of reading and mapping."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from qa_pipeline.data.example import BadRow, LooseExample, RawRow
from qa_pipeline.data.mapping import apply
from qa_pipeline.data.mapping.field_mapping import mapping_from_dict
from qa_pipeline.data.mapping.inference import resolve_mapping
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import QAError

CONTEXT = "The clinic opens at nine. Dr Adeyemi sees children on Mondays."
BASE = {"context": CONTEXT, "question": "When does it open?"}
NAMES = {"context": "context", "question": "question"}
SQUAD: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Clinic",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "a",
                            "question": "When does it open?",
                            "answers": [{"text": "nine", "answer_start": 20}],
                            "is_impossible": False,
                        },
                        {"id": "b", "question": "Who owns it?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}
FLAT = [
    {
        "id": "a",
        "context": CONTEXT,
        "question": "When does it open?",
        "answers": {"text": ["nine"], "answer_start": [20]},
    },
    {"id": "b", "context": CONTEXT, "question": "Who owns it?", "answers": {"text": [], "answer_start": []}},
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def jsonl(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def examples(source: Path | str, mapping: Any = None, **options: Any) -> list[LooseExample | BadRow]:
    stream = read_rows(source, **options)
    chosen = resolve_mapping(mapping, stream)
    return [apply(chosen, row) for row in stream.rows]


def good(source: Path | str, mapping: Any = None, **options: Any) -> list[LooseExample]:
    rows = examples(source, mapping, **options)
    assert all(isinstance(row, LooseExample) for row in rows), rows
    return [row for row in rows if isinstance(row, LooseExample)]


def check_two(rows: list[LooseExample]) -> None:
    """The two questions of the clinic, whatever they were read from."""
    assert [row.id for row in rows] == ["a", "b"]
    assert [row.question for row in rows] == ["When does it open?", "Who owns it?"]
    assert rows[0].context == rows[1].context == CONTEXT
    assert [(a.text, a.start) for a in rows[0].answers] == [("nine", 20)]
    assert rows[1].answers == []


def mrqa_lines() -> list[dict[str, Any]]:
    return [
        {"header": {"dataset": "Clinic", "split": "train"}},
        {
            "context": CONTEXT,
            "context_tokens": [["The", 0]],
            "qas": [
                {
                    "qid": "a",
                    "id": "other",
                    "question": "When does it open?",
                    "answers": ["nine"],
                    "detected_answers": [{"text": "nine", "char_spans": [[20, 23]], "token_spans": [[4, 4]]}],
                },
                {
                    "qid": "b",
                    "question": "Which day?",
                    "detected_answers": [{"text": "e", "char_spans": [[2, 2], [8, 8]]}],
                },
            ],
        },
    ]


def label_studio_task(**changes: Any) -> dict[str, Any]:
    def annotation(start: int, end: int, **more: Any) -> dict[str, Any]:
        value = {"start": start, "end": end, "text": CONTEXT[start:end], "labels": ["Answer"]}
        return {"result": [{"id": "r", "type": "labels", "value": value, "to_name": "text"}], **more}

    task = {
        "id": 7,
        "data": {"text": CONTEXT, "question": "When does it open?"},
        "annotations": [annotation(20, 24), annotation(17, 24), annotation(0, 3, was_cancelled=True)],
    }
    return {**task, **changes}


CSV_ROWS = [
    ["id", "context", "question", "answer", "answer_start"],
    ["a", CONTEXT, "When does it open?", "nine", "20"],
    ["b", CONTEXT, "Who owns it?", "", "-1"],
]


def csv_text(delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(CSV_ROWS)
    return out.getvalue()


def read_all(path: Path, mapping: Any = None) -> None:
    """Reads everything; a QAError is the only way to fail, and its message names the file."""
    try:
        for row in examples(path, mapping):
            assert isinstance(row, LooseExample | BadRow)
            row_is_sound(row)
    except QAError as error:
        assert str(path) in str(error), error


def row_is_sound(row: LooseExample | BadRow) -> None:
    if isinstance(row, BadRow):
        assert row.reason and row.where
        return
    assert isinstance(row.context, str) and isinstance(row.question, str)
    row.context.encode(), row.question.encode()
    for answer in row.answers:
        assert answer.text is None or answer.text.strip()
        assert answer.start is None or (type(answer.start) is int and answer.start >= -1)
        assert answer.end is None or type(answer.end) is int


def read_row(spec: dict[str, Any], row: dict[str, Any]) -> LooseExample:
    result = apply(mapping_from_dict({**NAMES, **spec}, "field_mapping"), RawRow({**BASE, **row}, "x.json, row 1"))
    assert isinstance(result, LooseExample), result
    return result


def bad_row(spec: dict[str, Any], row: dict[str, Any]) -> BadRow:
    result = apply(mapping_from_dict({**NAMES, **spec}, "field_mapping"), RawRow({**BASE, **row}, "x.json, row 1"))
    assert isinstance(result, BadRow), result
    return result


def found(example: LooseExample) -> list[tuple[str | None, int | None, int | None]]:
    return [(a.text, a.start, a.end) for a in example.answers]


def rows_of(*values: dict[str, Any]) -> list[RawRow]:
    return [RawRow(value, f"x.csv, row {number}") for number, value in enumerate(values, 1)]
