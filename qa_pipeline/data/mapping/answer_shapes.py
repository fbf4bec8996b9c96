"""Reads answers from the shapes that datasets give them in: texts, spans, lists of either, objects, and cells of text.

Gives `LooseAnswer`s whose ends are exclusive. Verifies nothing against the context.
"""

from __future__ import annotations

import math
import re
from itertools import chain
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
    if not isinstance(value, list):
        return [_text_answer(value)]
    if _is_span(value):
        return [_answer(None, _span(value, inclusive_end))]
    return [answer for element in value for answer in _answers_from_element(element, inclusive_end, context)]


def _answers_from_element(element: Any, inclusive_end: bool, context: str) -> list[LooseAnswer]:
    """Answers from one element of a list: an object, a span with or without its label, a list of these, or a text."""
    if element is None:
        return []
    if isinstance(element, dict):
        try:
            return _labelled(_answers_from_object(element, inclusive_end, context), element)
        except ShapeError:
            # A question keeps its other references; alignment rejects and counts this one.
            return [LooseAnswer(None)]
    if not isinstance(element, (list, tuple)):
        return [_text_answer(element)]
    if _is_span(element) or _is_labelled_span(element):
        return _labelled([_answer(None, _span(element, inclusive_end))], element)
    return answers_from_container(list(element), inclusive_end, context)


def answers_from_parts(
    texts: Any, spans: Any, starts: Any, ends: Any, lengths: Any, inclusive_end: bool, context: str
) -> list[LooseAnswer]:
    """Answers from parallel fields, each a single value or a list; a part that is not given is MISSING_PART.

    Raises:
        ShapeError: the lists differ in length, or a value is neither a text nor a position.
    """
    text_list = None if texts is MISSING_PART else _as_texts(texts, context)
    places: list[list[Extent]] | None = None
    if spans is not MISSING_PART:
        places = _as_spans(spans, inclusive_end, None if text_list is None else len(text_list))
    elif starts is not MISSING_PART:
        places = _spans_from_starts(starts, ends, lengths, inclusive_end)
    if text_list is None:
        return [_answer(None, span) for group in places or [] for span in group]
    if places is None:
        return [LooseAnswer(text) for text in text_list]
    return _texts_at(text_list, places)


def _spans_from_starts(starts: Any, ends: Any, lengths: Any, inclusive_end: bool) -> list[list[Extent]]:
    """A list of one span, or of none, for each start; its end is from `ends`, else from `lengths`, else unknown."""
    start_list = _as_numbers(starts)
    end_list = None if ends is MISSING_PART else _as_numbers(ends)
    length_list = None if lengths is MISSING_PART else _as_numbers(lengths)
    for other in (end_list, length_list):
        if other is not None and len(other) != len(start_list):
            raise ShapeError(f"{len(start_list)} starts and {len(other)} ends or lengths")
    if end_list is not None:
        end_list = [None if end is None else end + inclusive_end for end in end_list]
    elif length_list is not None:
        pairs = zip(start_list, length_list, strict=True)
        end_list = [None if start is None or length is None else start + length for start, length in pairs]
    else:
        end_list = [None] * len(start_list)
    return [
        [] if start is None else [(start, -1 if end is None else end)]
        for start, end in zip(start_list, end_list, strict=True)
    ]


def _texts_at(texts: list[str | None], places: list[list[Extent]]) -> list[LooseAnswer]:
    """Each text at each of its places; one text is at all of them."""
    if len(texts) == 1 and len(places) != 1:
        texts = texts * max(1, len(places))
        places = places or [[]]
    if len(places) != len(texts):
        raise ShapeError(f"{len(texts)} answer texts and {len(places)} positions")
    answers = []
    for text, group in zip(texts, places, strict=True):
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
        value = _written_spans(value)
    if value is None or value == "":
        return []
    if isinstance(value, dict):
        return _spans_from_object(value, inclusive_end)
    if not isinstance(value, (list, tuple)):
        raise ShapeError(f"expected a span such as [3, 8], found {describe(value)}")
    if _is_span(value):
        return [[_span(value, inclusive_end)]]
    groups = [list(chain.from_iterable(_as_spans(element, inclusive_end, None))) for element in value]
    # One text with several spans: all are places of that text.
    return [list(chain.from_iterable(groups))] if texts == 1 and len(groups) > 1 else groups


def _written_spans(text: str) -> Any:
    """A span or spans that are written as text ("[3, 8]", "3-8", "3:8|10:12"); any other text as it is."""
    parsed = parse_structure(text)
    if parsed is not None:
        return parsed
    if match := _SPAN_TEXT.fullmatch(text):
        return [number(match[1]), number(match[2])]
    if _RANGES_TEXT.fullmatch(text.strip()):
        return [[number(a), number(b)] for a, b in dict.fromkeys(re.findall(r"(\d+):(\d+)", text))]
    return text


def _spans_from_object(value: dict[str, Any], inclusive_end: bool) -> list[list[Extent]]:
    """The spans of an object with a start and an end or a length, or with lists of them."""
    start, end, length = _first(value, START_KEYS), _first(value, END_KEYS), _first(value, LENGTH_KEYS)
    if start is MISSING_PART:
        return []
    return [spans for spans in _spans_from_starts(start, end, length, inclusive_end) if spans]


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
