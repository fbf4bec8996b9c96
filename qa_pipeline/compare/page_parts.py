"""What the sections of pages are made of: escaped words, lists of facts, remarks in frames. Sees no file.

What comes from data, prompts or models goes through `words`, so that it is never taken for markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from qa_pipeline.wording import plain


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


@dataclass(frozen=True)
class Markup:
    """Text that is markup already."""

    text: str


def facts_list(facts: Mapping[str, Any]) -> str:
    """Names and values, those that are None or empty left out; values that are `Markup` go in as they are."""
    items = "".join(
        f"<dt>{words(name)}</dt><dd>{value.text if isinstance(value, Markup) else words(value)}</dd>"
        for name, value in facts.items()
        if value not in (None, "", [], {})
    )
    return f'<dl class="facts">{items}</dl>' if items else ""


def bullets(items: Iterable[Any]) -> str:
    """Sentences of others as a list."""
    shown = "".join(f"<li>{words(item)}</li>" for item in items)
    return f'<ul class="plain-list">{shown}</ul>' if shown else ""


def tag(text: str, kind: str = "") -> str:
    """A short remark in a frame; the text is ours or escaped here."""
    return f'<span class="tag {kind}">{words(text)}</span>'


def opened(summary: str, content: str) -> str:
    """Content that opens on a click; nothing where there is none."""
    return f'<details class="more-of"><summary>{words(summary)}</summary>{content}</details>' if content else ""
