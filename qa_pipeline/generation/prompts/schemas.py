"""JSON Schemas of what the prompts ask for, in the strict form that servers take: all fields required, no others."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}


def _object(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _list(name: str, item: dict[str, Any]) -> dict[str, Any]:
    return _object(**{name: {"type": "array", "items": item}})


SCHEMAS: dict[str, dict[str, Any]] = {
    "pairs": _list("questions", _object(question=_TEXT, answer=_TEXT, evidence=_TEXT)),
    "answers": _list("answers", _object(answer=_TEXT, evidence=_TEXT, type=_TEXT)),
    "numbered_questions": _list("questions", _object(number={"type": "integer"}, question=_TEXT)),
    "unanswerable": _list("questions", _object(question=_TEXT, tempting=_TEXT)),
    "topics": _list("topics", _TEXT),
    "passage": _object(title=_TEXT, passage=_TEXT),
}
