"""Turns raw rows into loose examples by a field mapping: where in a row the canonical fields are.

`apply` is the main path; `inference` finds the mapping, `answer_shapes` reads the answers. Nothing is verified against
the context here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from qa_pipeline.data.example import ALL_ANSWERS, BadRow, LooseAnswer, LooseExample, RawRow
from qa_pipeline.data.mapping.answer_shapes import (
    MISSING_PART,
    ShapeError,
    answers_from_container,
    answers_from_parts,
    is_plain,
)
from qa_pipeline.data.mapping.field_mapping import PATH_KEYS, FieldMapping, Paths
from qa_pipeline.data.mapping.values import MISSING, find
from qa_pipeline.data.marks import is_missing, is_not_given
from qa_pipeline.text.folding import whole_characters
from qa_pipeline.wording import describe

LONGEST_COLUMN = 200
"""Characters of a value that is kept beside a question; longer ones are texts, not what questions are sorted by."""

_OPPOSITES = frozenset({"answerable", "possible", "unanswerable", "impossible"})
_SENTINEL = re.compile(r"[A-Z][A-Z_]{7,}")


def apply(mapping: FieldMapping, raw: RawRow | BadRow) -> LooseExample | BadRow:
    """Reads one row by the mapping. Never raises for what a row holds: a row that cannot be used is a BadRow."""
    if isinstance(raw, BadRow):
        return raw
    row, where = raw.value, raw.where
    identifier, is_odd = _identifier(row, mapping)
    if mapping.drop_if and _flag(_first(row, mapping.drop_if)) is True:
        return BadRow(where, "row marked as bad by the source", "", identifier)
    texts: dict[str, str] = {}
    has_halves = False
    for name, paths in (("context", mapping.context), ("question", mapping.question)):
        value = _first(row, paths)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            problem = "missing" if value is None or value is MISSING else "not text"
            found = f"no field {' or '.join(paths)}" if value is MISSING else f"{paths[0]}: found {describe(value)}"
            return BadRow(where, f"{name} is {problem}", found, identifier)
        if is_missing(value):
            return BadRow(where, f"{name} is missing", f"{paths[0]}: found {value.strip()!r}", identifier)
        texts[name] = whole_characters(value)
        has_halves = has_halves or texts[name] != value
    try:
        answers, given = _answers(row, mapping, texts["context"])
        impossible = _impossible(row, mapping)
        metadata = _metadata(row, mapping)
    except (ShapeError, RecursionError) as error:
        return BadRow(where, "answers are not readable", str(error), identifier)
    has_halves = has_halves or any(answer.text and whole_characters(answer.text) != answer.text for answer in answers)
    answers, marked = _without_markers(answers, mapping, texts["context"])
    if impossible is None and marked and not answers:
        impossible = True
    title = _first(row, mapping.title)
    return LooseExample(
        where=where,
        id=identifier,
        context=_without_sentinel(texts["context"], mapping),
        question=texts["question"],
        answers=answers,
        is_impossible=impossible,
        answers_given=given or marked or impossible is not None,
        title=whole_characters(str(title)) if isinstance(title, (str, int)) and str(title).strip() else None,
        metadata=metadata,
        mended=("invalid_characters",) if has_halves else (),
        noticed=("structured_id",) if is_odd else (),
    )


def _first(row: dict[str, Any], paths: Paths) -> Any:
    """The first of the paths that holds something; else null where a field is there, else MISSING."""
    result = MISSING
    for path in paths:
        value = find(row, path)
        if _is_null(value):
            result = None
        elif value is not MISSING:
            return value
    return result


def _is_null(value: Any) -> bool:
    """True for null and for what pandas writes instead, a number that is none."""
    return value is None or (isinstance(value, float) and value != value)


def _part(row: dict[str, Any], paths: Paths) -> Any:
    value = _first(row, paths)
    return MISSING_PART if value is MISSING or value is None else value


def _holds_null(row: dict[str, Any], path: str) -> bool:
    """True where the field is there and holds null, or the object that it would be in is null."""
    return _is_null(find(row, path)) or ("." in path and _is_null(find(row, path.rpartition(".")[0])))


def _answers(row: dict[str, Any], mapping: FieldMapping, context: str) -> tuple[list[LooseAnswer], bool]:
    """(answers, whether the row has an answer field at all). An answer field that holds null is like an empty one."""
    inclusive = bool(mapping.inclusive_end)
    more = [
        answer
        for path in mapping.more_answers
        if not _is_null(value := find(row, path)) and value is not MISSING
        for answer in answers_from_container(value, inclusive, context)
    ]
    value = _first(row, mapping.answers) if mapping.answers else None
    is_given = value is not MISSING and value is not None
    if is_given and (not is_plain(value) or _part(row, mapping.start) is MISSING_PART):
        return answers_from_container(value, inclusive, context) + more, True
    parts = [_part(row, paths) for paths in (mapping.text, mapping.span, mapping.start, mapping.end, mapping.length)]
    texts, spans, starts, ends, lengths = parts
    if is_given:
        texts = value  # its place stands beside it
    elif all(part is MISSING_PART for part in parts[:3]):
        fields = (*mapping.answers, *mapping.text, *mapping.span, *mapping.start, *mapping.more_answers)
        return more, bool(more) or any(_holds_null(row, path) for path in fields)
    if texts is MISSING_PART and any(_holds_null(row, path) for path in mapping.text):
        texts = ""  # the position beside it says what an empty cell's does
    return answers_from_parts(texts, spans, starts, ends, lengths, inclusive, context) + more, True


def _without_markers(answers: list[LooseAnswer], mapping: FieldMapping, context: str) -> tuple[list[LooseAnswer], bool]:
    """Takes out what stands for "no answer": sentinels, empty texts, and spans that begin at -1."""
    kept: list[LooseAnswer] = []
    marked = False
    for answer in answers:
        text, start, end = answer.text, answer.start, answer.end
        if text is not None:
            text = whole_characters(text)
            stripped = text.strip()
            if stripped in mapping.no_answer_values:
                marked = True
                continue
            if not stripped:
                if start is None or start < 0 or end is None or end <= start:
                    marked = True
                    continue
                text = None
        if start is not None and start < 0:
            if text is None:
                marked = True
                continue
            start, end = -1, None  # kept: a text that is nowhere then means "no answer"
        is_span = text is None and start is not None and end is not None
        if is_span and mapping.no_answer_values and context[start:end].strip() in mapping.no_answer_values:
            marked = True
            continue
        kept.append(LooseAnswer(text, start, end, answer.label))
    return kept, marked


def _impossible(row: dict[str, Any], mapping: FieldMapping) -> bool | None:
    if mapping.is_impossible:
        flag = _flag(_first(row, mapping.is_impossible))
        if flag is not None:
            return flag
    if mapping.answerable:
        value = _first(row, mapping.answerable)
        if isinstance(value, str) and value.strip().lower() in _OPPOSITES:
            return _flag(value)  # the word says it, whatever the field is called
        flag = _flag(value)
        if flag is not None:
            return not flag
    category = _first(row, mapping.answer_category) if mapping.answer_category else None
    return True if isinstance(category, str) and is_not_given(category) else None


def _flag(value: Any) -> bool | None:
    """True or False from the ways that flags are written; None for null and for what is no flag."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return None if value != value else value != 0
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "yes", "y", "t", "1", "1.0", "impossible") or is_not_given(word):
            return True
        if word in ("false", "no", "n", "f", "0", "0.0", "answerable", "possible"):
            return False
    return None


def _identifier(row: dict[str, Any], mapping: FieldMapping) -> tuple[str | None, bool]:
    """(the id as text, whether it is a list or an object, which is then written as JSON)."""
    value = _first(row, mapping.id)
    if isinstance(value, dict) and set(value) == {"$oid"}:  # MongoDB
        value = value["$oid"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (list, tuple, dict)) and value:
        return whole_characters(json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)), True
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None, False
    return whole_characters(str(value)).strip() or None, False


def _metadata(row: dict[str, Any], mapping: FieldMapping) -> dict[str, Any] | None:
    kept = {name: find(row, path) for name, path in mapping.metadata.items()}
    kept = {name: value for name, value in kept.items() if value is not MISSING}
    own = row.get("metadata")
    if isinstance(own, dict):
        kept = {**{str(key): value for key, value in own.items()}, **kept}
    said = mapping.all_answers
    if said is True or (said and _flag(_first(row, said)) is True):
        kept[ALL_ANSWERS] = True
    return {name: _plain(value) for name, value in kept.items()} or None


def other_columns(row: Mapping[str, Any], mapping: FieldMapping) -> dict[str, Any]:
    """What a row has beside the fields that the mapping reads, as far as it is one short value."""
    paths = (path for name in PATH_KEYS.values() for path in getattr(mapping, name))
    read = {"metadata", *(part for path in paths for part in (path, re.split(r"[.\[]", path, maxsplit=1)[0]))}
    values = {str(name): _plain(value) for name, value in row.items() if name not in read}
    return {
        name: value
        for name, value in values.items()
        if value is None or isinstance(value, int | float) or isinstance(value, str) and len(value) <= LONGEST_COLUMN
    }


def _plain(value: Any) -> Any:
    """A value that JSON can hold: dates, bytes and decimals from Parquet become text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {str(key): _plain(element) for key, element in value.items()}
    return str(value)


def _without_sentinel(context: str, mapping: FieldMapping) -> str:
    """Cuts a sentinel that annotation appended to every context, as SubjQA's " ANSWERNOTFOUND"; earlier offsets hold.

    Only a sentinel in capitals: a context may well end in a word such as "no".
    """
    for value in mapping.no_answer_values:
        if context.endswith(value) and _SENTINEL.fullmatch(value):
            return context[: -len(value)].rstrip()
    return context
