"""What the sections of a journey's page are made of: escaped words, lists of facts, marked passages. Sees no file.

What comes from data, prompts or models goes through `words`, so that it is never taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from qa_pipeline.compare.drawing import COLOURS
from qa_pipeline.journey.results.evaluation import MADE_BY_TAGS
from qa_pipeline.wording import plain

SHORT = 700
"""Characters; a longer passage is shown around what is marked in it."""
_AROUND = 240


def words(value: Any) -> str:
    """A value of others as text of the page."""
    return escape(plain(str(value)))


def get(facts: Any, *path: str, default: Any = None) -> Any:
    """A fact at the end of a path; the default where a step of it is missing or nothing stands there."""
    for name in path:
        if not isinstance(facts, Mapping) or facts.get(name) is None:
            return default
        facts = facts[name]
    return facts


def rows_of(facts: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects of a list at the end of a path; empty where there is none."""
    found = get(facts, *path, default=())
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, Sequence) else []


def section(name: str, title: str, content: str, lead: str = "") -> str:
    """A section of the page; title, content and lead are markup."""
    lead = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section id="{name}" aria-labelledby="h-{name}"><h2 id="h-{name}">{title}</h2>{lead}{content}</section>'


def facts_list(facts: Mapping[str, Any]) -> str:
    """Names and values, those that are None or empty left out; values that are `Markup` go in as they are."""
    items = "".join(
        f"<dt>{words(name)}</dt><dd>{value.text if isinstance(value, Markup) else words(value)}</dd>"
        for name, value in facts.items()
        if value not in (None, "", [], {})
    )
    return f'<dl class="facts">{items}</dl>' if items else ""


@dataclass(frozen=True)
class Markup:
    """Text that is markup already."""

    text: str


def bullets(items: Iterable[Any]) -> str:
    """Sentences of others as a list."""
    shown = "".join(f"<li>{words(item)}</li>" for item in items)
    return f'<ul class="plain-list">{shown}</ul>' if shown else ""


def tag(text: str, kind: str = "") -> str:
    """A short remark in a frame; the text is ours or escaped here."""
    return f'<span class="tag {kind}">{words(text)}</span>'


def made_by_tag(made_by: str) -> str:
    """Who made the test questions, to stand beside a score."""
    return tag(MADE_BY_TAGS.get(made_by, made_by), "" if made_by == "people" else "loudly")


def opened(summary: str, content: str) -> str:
    """Content that opens on a click; nothing where there is none."""
    return f'<details class="more-of"><summary>{words(summary)}</summary>{content}</details>' if content else ""


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
