"""Marked passages and times on a journey's page, beside what all pages have (`compare.page_parts`). Sees no file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qa_pipeline.compare.drawing import COLOURS
from qa_pipeline.compare.page_parts import tag, words
from qa_pipeline.journey.results.evaluation import MADE_BY_TAGS

SHORT = 700
"""Characters; a longer passage is shown around what is marked in it."""
_AROUND = 240


def made_by_tag(made_by: str) -> str:
    """Who made the test questions, to stand beside a score."""
    return tag(MADE_BY_TAGS.get(made_by, made_by), "" if made_by == "people" else "loudly")


def seconds_words(seconds: float | None) -> str:
    """A time for people: 0.4 s, 12 s, 3 min 20 s, 1 h 5 min.

    >>> [seconds_words(s) for s in (0.04, 12.4, 200, 3900, None)]
    ['0.0 s', '12 s', '3 min 20 s', '1 h 5 min', 'not noted']
    """
    if seconds is None:
        return "not noted"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


@dataclass(frozen=True)
class PassageMark:
    """A span of a passage, end exclusive, and the classes that it is shown with.

    Attributes:
        title: what it is, in words.
    """

    start: int
    end: int
    style: str
    title: str


def gold_marks(answers: Any) -> list[PassageMark]:
    """The reference answers of a row: {"text": [...], "answer_start": [...]}, or a list of text and start."""
    if isinstance(answers, Mapping):
        pairs = list(zip(answers.get("text") or (), answers.get("answer_start") or (), strict=False))
    else:
        pairs = [(one["text"], one["start"]) for one in answers or ()]
    return [PassageMark(start, start + len(text), "gold", "reference answer") for text, start in dict.fromkeys(pairs)]


def said_mark(given: Mapping[str, Any] | None, place: int, label: str) -> list[PassageMark]:
    """The place of a model's answer; none where it gave no answer."""
    if not given or given.get("start") is None:
        return []
    return [PassageMark(given["start"], given["end"], f"said m{place % COLOURS}", f"answer of {label}")]


def passage(context: str, marks: Sequence[PassageMark]) -> str:
    """A passage with its marks, of a long one only what lies around them. Spans may overlap."""
    marks = [mark for mark in marks if 0 <= mark.start < mark.end <= len(context)]
    shown = []
    for begin, end in _ranges(context, marks):
        cuts = sorted({begin, end, *(p for m in marks for p in (m.start, m.end) if begin < p < end)})
        pieces = [_piece(context, a, b, marks) for a, b in zip(cuts, cuts[1:], strict=False)]
        before = '<span class="gap">\N{HORIZONTAL ELLIPSIS} </span>' if begin else ""
        shown.append(before + "".join(pieces))
        if end == len(context):
            return f'<p class="context" dir="auto">{"".join(shown)}</p>'
    return f'<p class="context" dir="auto">{"".join(shown)}<span class="gap"> \N{HORIZONTAL ELLIPSIS}</span></p>'


def _piece(context: str, begin: int, end: int, marks: Sequence[PassageMark]) -> str:
    text = words(context[begin:end])
    over = [mark for mark in marks if mark.start < end and mark.end > begin]
    if not over:
        return text
    # Underlines lie in each other, so that of two answers at one place both show.
    for mark in sorted(over, key=lambda mark: mark.style == "gold"):
        text = f'<mark class="{mark.style}" title="{words(mark.title)}">{text}</mark>'
    return text


def _ranges(context: str, marks: Sequence[PassageMark]) -> list[tuple[int, int]]:
    """Which parts of a passage are shown, cut at white space where there is some near by."""
    if len(context) <= SHORT:
        return [(0, len(context))]
    wanted = sorted((mark.start - _AROUND, mark.end + _AROUND) for mark in marks) or [(0, SHORT)]
    kept: list[list[int]] = []
    for begin, end in wanted:
        if kept and begin <= kept[-1][1] + 80:
            kept[-1][1] = max(kept[-1][1], end)
        else:
            kept.append([begin, end])
    return [
        (_at_space(context, max(0, begin), 1), _at_space(context, min(len(context), end), -1)) for begin, end in kept
    ]


def _at_space(context: str, place: int, step: int) -> int:
    if place in (0, len(context)):
        return place
    near = context[place : place + 40] if step > 0 else context[max(0, place - 40) : place][::-1]
    found = re.search(r"\s", near)
    if found is None:
        return place
    return place + found.end() if step > 0 else place - found.start() - 1
