"""JSON Schemas of what the prompts ask for, in the strict form that servers take: all fields required, no others.

The order of fields is the order in which constrained decoding writes them: the sentence is quoted before the answer is
taken from it, and the tempting phrase is found before the question about it is made up.
"""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}


def _object(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _list(name: str, item: dict[str, Any]) -> dict[str, Any]:
    return _object(**{name: {"type": "array", "items": item}})


SCHEMAS: dict[str, dict[str, Any]] = {
    "pairs": _list("questions", _object(question=_TEXT, evidence=_TEXT, answer=_TEXT)),
    "answers": _list("answers", _object(evidence=_TEXT, answer=_TEXT, type=_TEXT)),
    "numbered_questions": _list("questions", _object(number={"type": "integer"}, question=_TEXT)),
    "unanswerable": _list("questions", _object(tempting=_TEXT, question=_TEXT, missing=_TEXT)),
    "topics": _list("topics", _TEXT),
    "passage": _object(title=_TEXT, passage=_TEXT),
}
