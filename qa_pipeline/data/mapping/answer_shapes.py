"""Reads answers from the shapes that datasets give them in: texts, spans, lists of either, objects, and cells of text.

Gives `LooseAnswer`s whose ends are exclusive. Verifies nothing against the context.
"""

from __future__ import annotations

import math
import re
from typing import Any

from qa_pipeline.data.example import Extent, LooseAnswer
from qa_pipeline.data.mapping.values import looks_structured, parse_structure
from qa_pipeline.data.marks import is_missing
from qa_pipeline.wording import describe

TEXT_KEYS = ("text", "texts", "answer_text", "answer_texts", "answer", "span_text", "value", "ans")
START_KEYS = (
    *("answer_start", "answer_starts", "start", "starts", "start_char", "char_start", "begin", "offset"),
    *("start_offset", "start_index", "span_start", "offset_start", "s"),
)
END_KEYS = (
    *("answer_end", "answer_ends", "end", "ends", "end_char", "char_end", "stop"),
    *("end_offset", "end_index", "span_end", "offset_end", "e"),
)
LENGTH_KEYS = ("length", "answer_length", "len")
_LABEL_KEYS = ("label", "labels", "entity", "entity_group")
SPAN_KEYS = ("span", "char_spans", "char_span", "spans", "indices", "offsets")

_SPAN_TEXT = re.compile(r"\s*[\[(]?\s*(-?\d+)\s*[,:;\s-]\s*(\d+)\s*[\])]?\s*")
_RANGES_TEXT = re.compile(r"(\d+:\d+|None|\?)([|,](\d+:\d+|None|\?))*", re.IGNORECASE)

_FARTHEST = 2**53


MISSING_PART: Any = object()
"""A part of an answer that the mapping does not name."""


class ShapeError(ValueError):
    """A value has no shape that answers come in; the message says what was found."""


def answers_from_container(value: Any, inclusive_end: bool, context: str) -> list[LooseAnswer]:
    """Answers from one field that holds all of them, in any shape.

    Shapes: a text; a list of texts; a list of [start, end] or [start, end, label]; an object with text and start (each
    one or a list, as `datasets` has them); a list of such objects; any of these written as text. Labels are kept for
    `conventions.py` to tell which of them are answers.

    Raises:
        ShapeError: the value has none of these shapes.
    """
    value = _unwrap(value, context)
    if value is None:
        return []
    if isinstance(value, dict):
        return _answers_from_object(value, inclusive_end, context)
    if isinstance(value, list):
        if _is_span(value):
            return answers_from_parts(
                MISSING_PART, value, MISSING_PART, MISSING_PART, MISSING_PART, inclusive_end, context
            )
        answers: list[LooseAnswer] = []
        for element in value:
            if isinstance(element, dict):
                try:
                    answers += _labelled(_answers_from_object(element, inclusive_end, context), element)
                except ShapeError:
                    # A question keeps its other references; alignment rejects and counts this one.
                    answers.append(LooseAnswer(None))
            elif isinstance(element, (list, tuple)) and (_is_span(element) or _is_labelled_span(element)):
                answers += _labelled([_answer(None, _span(element, inclusive_end))], element)
            elif isinstance(element, (list, tuple)):
                answers += answers_from_container(list(element), inclusive_end, context)
            elif element is not None:
                answers.append(_text_answer(element))
        return answers
    return [_text_answer(value)]


def answers_from_parts(
    texts: Any, spans: Any, starts: Any, ends: Any, lengths: Any, inclusive_end: bool, context: str
) -> list[LooseAnswer]:
    """Answers from parallel fields, each a single value or a list; a part that is not given is MISSING_PART.

    Raises:
        ShapeError: the lists differ in length, or a value is neither a text nor a position.
    """
    text_list = None if texts is MISSING_PART else _as_texts(texts, context)
    positions: list[list[Extent]] | None = None
    if spans is not MISSING_PART:
        positions = _as_spans(spans, inclusive_end, None if text_list is None else len(text_list))
    elif starts is not MISSING_PART:
        start_list = _as_numbers(starts)
        end_list = None if ends is MISSING_PART else _as_numbers(ends)
        length_list = None if lengths is MISSING_PART else _as_numbers(lengths)
        for other in (end_list, length_list):
            if other is not None and len(other) != len(start_list):
                raise ShapeError(f"{len(start_list)} starts and {len(other)} ends or lengths")
        positions = []
        for index, start in enumerate(start_list):
            end = None
            if end_list is not None:
                end = end_list[index]
                end = None if end is None else end + inclusive_end
            elif length_list is not None and start is not None:
                length = length_list[index]
                end = None if length is None else start + length
            positions.append([] if start is None else [(start, -1 if end is None else end)])
    if text_list is None:
        return [_answer(None, span) for group in positions or [] for span in group]
    if positions is None:
        return [LooseAnswer(text) for text in text_list]
    if len(positions) != len(text_list):
        if len(text_list) == 1 and not positions:
            positions = [[]]
        elif len(text_list) == 1:
            text_list = text_list * len(positions)
        else:
            raise ShapeError(f"{len(text_list)} answer texts and {len(positions)} positions")
    answers = []
    for text, group in zip(text_list, positions, strict=True):
        answers += [_answer(text, span) for span in group] if group else [LooseAnswer(text)]
    return answers


def is_plain(value: Any) -> bool:
    """True for a text or a number that is no written list or object."""
    if isinstance(value, str):
        return parse_structure(value) is None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: Any) -> int | None:
    """A position from an int, a whole float or their text; None for null, and for what tables write for it.

    Raises:
        ShapeError: it is none of these.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and (not value.strip() or is_missing(value)):
        return None
    if isinstance(value, str) and len(value) < 30:
        try:
            value = float(value) if "." in value or "e" in value.lower() else int(value)
        except ValueError:
            raise ShapeError(f"expected a position, found {describe(value)}") from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _FARTHEST:
        return value
    raise ShapeError(f"expected a position, found {describe(value)}")


def _answers_from_object(value: dict[str, Any], inclusive_end: bool, context: str) -> list[LooseAnswer]:
    texts = _first(value, TEXT_KEYS)
    starts, ends = _first(value, START_KEYS), _first(value, END_KEYS)
    lengths, spans = _first(value, LENGTH_KEYS), _first(value, SPAN_KEYS)
    if isinstance(spans, list) and spans and all(isinstance(span, str) for span in spans):
        texts, spans = spans, MISSING_PART  # texts by another name
    elif value.keys() >= {"number", "date", "spans"}:
        raise ShapeError("the answer is a number or a date that is computed, not a part of the text")
    if texts is MISSING_PART and spans is MISSING_PART and starts is MISSING_PART:
        if value.keys() & {"noAnswer", "no_answer"} or not value:
            return []
        raise ShapeError(f"an answer object without text or start; it has {', '.join(map(str, value))}")
    if isinstance(texts, dict):
        raise ShapeError(f"expected an answer text, found {describe(texts)}")
    # MRQA's name for its spans carries its convention.
    inclusive = inclusive_end or ("char_spans" in value and spans is value["char_spans"])
    if spans is MISSING_PART and starts is MISSING_PART:
        return [_text_answer(text) for text in _as_texts(texts, context)]
    return answers_from_parts(texts, spans, starts, ends, lengths, inclusive, context)


def _first(value: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if name in value), MISSING_PART)


def _unwrap(value: Any, context: str) -> Any:
    """A cell that holds a written list or object becomes it; tuples become lists; NaN is null."""
    if isinstance(value, str):
        if looks_structured(value) and value in context:
            return value
        parsed = parse_structure(value)
        # Text in brackets may be the answer itself: only shapes that answers come in count.
        if isinstance(parsed, dict) and parsed.keys() & {*TEXT_KEYS, *START_KEYS, *SPAN_KEYS}:
            return parsed
        if isinstance(parsed, list) and (not parsed or _is_answer_list(parsed)):
            return parsed
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def _is_answer_list(value: list[Any]) -> bool:
    return all(isinstance(v, (str, dict)) for v in value) or _is_span(value) or all(
        isinstance(v, (list, tuple)) and (_is_span(v) or _is_labelled_span(v)) for v in value
    )  # fmt: skip


def _text_answer(value: Any) -> LooseAnswer:
    try:
        return LooseAnswer(_as_text(value))
    except ShapeError:
        return LooseAnswer(None)


def _answer(text: str | None, span: Extent) -> LooseAnswer:
    start, end = span
    return LooseAnswer(text, start, None if end < 0 else end)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    # A year or an amount that lost its quotes on the way is still the answer's text; True is found to be a mark later.
    if isinstance(value, (int, float)):
        return str(value)
    raise ShapeError(f"expected an answer text, found {describe(value)}")


def _as_texts(value: Any, context: str) -> list[str | None]:
    value = _unwrap(value, context)
    if not isinstance(value, list):
        return [_as_text(value)]
    flat: list[str | None] = []
    for element in value:
        if isinstance(element, (list, tuple)):
            flat += [_as_text(part) for part in element]
        else:
            flat.append(_as_text(element))
    return flat


def _as_numbers(value: Any) -> list[int | None]:
    if isinstance(value, str):
        parsed = parse_structure(value)
        value = value if parsed is None else parsed
    if isinstance(value, (list, tuple)):
        flat: list[int | None] = []
        for element in value:
            flat += [number(part) for part in element] if isinstance(element, (list, tuple)) else [number(element)]
        return flat
    return [number(value)]


def _as_spans(value: Any, inclusive_end: bool, texts: int | None) -> list[list[Extent]]:
    """A list of spans for each answer."""
    if isinstance(value, str):
        parsed = parse_structure(value)
        if parsed is not None:
            value = parsed
        elif match := _SPAN_TEXT.fullmatch(value):
            value = [number(match[1]), number(match[2])]
        elif _RANGES_TEXT.fullmatch(value.strip()):
            value = [[number(a), number(b)] for a, b in dict.fromkeys(re.findall(r"(\d+):(\d+)", value))]
    if value is None or value == "":
        return []
    if isinstance(value, dict):
        start, end, length = _first(value, START_KEYS), _first(value, END_KEYS), _first(value, LENGTH_KEYS)
        one = answers_from_parts(MISSING_PART, MISSING_PART, start, end, length, inclusive_end, "")
        return [[(a.start, -1 if a.end is None else a.end)] for a in one if a.start is not None]
    if not isinstance(value, (list, tuple)):
        raise ShapeError(f"expected a span such as [3, 8], found {describe(value)}")
    if _is_span(value):
        return [[_span(value, inclusive_end)]]
    groups = []
    for element in value:
        if isinstance(element, (list, tuple)) and _is_span(element):
            groups.append([_span(element, inclusive_end)])
        elif element is None:
            groups.append([])
        else:
            groups.append([span for group in _as_spans(element, inclusive_end, None) for span in group])
    # One text with several spans: all are places of that text.
    if texts == 1 and len(groups) > 1:
        return [[span for group in groups for span in group]]
    return groups


def _labelled(answers: list[LooseAnswer], element: Any) -> list[LooseAnswer]:
    """The answers of one element with its label: of [start, end, label], or of an object."""
    if isinstance(element, dict):
        label = next((element[name] for name in _LABEL_KEYS if name in element), None)
    else:
        label = element[2] if len(element) == 3 else None
    if isinstance(label, (list, tuple)):
        label = " ".join(map(str, label))
    if isinstance(label, str) and label.strip():
        control = element.get("control") if isinstance(element, dict) else None
        for answer in answers:
            answer.label = (control if isinstance(control, str) else "", label.strip())
    return answers


def _is_labelled_span(value: Any) -> bool:
    """[start, end, label], as doccano writes it."""
    return len(value) == 3 and _is_span(value[:2]) and (value[2] is None or isinstance(value[2], str))


def _is_span(value: Any) -> bool:
    return len(value) == 2 and all(
        (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer()) for v in value
    )


def _span(value: Any, inclusive_end: bool) -> Extent:
    start, end = number(value[0]), number(value[1])
    assert start is not None and end is not None
    return start, end + inclusive_end
