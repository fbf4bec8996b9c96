"""What the pages of the house are made of: a template with slots, panels, tables, cautions. Sees words, no model.

What is given as a text is escaped here; what is given as markup, the docstrings say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from qa_pipeline.compare.results import COLUMN
from qa_pipeline.compare.table import KINDS
from qa_pipeline.wording import plain

_SLOT = re.compile(r"\{\{(\w+)\}\}")


def filled(template: str, slots: Mapping[str, str]) -> str:
    """A template with its slots, such as {{title}}, filled; what stands in a slot is not looked at again."""
    return _SLOT.sub(lambda match: slots[match[1]], template)


def asset(name: str) -> str:
    """A file of `assets`: report.css is the style sheet of all pages, pages.css goes on top of it in other rooms."""
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def cautions(sentences: Sequence[str]) -> str:
    """What a reader must know before relying on the page, a sentence of markup each; nothing where there is none."""
    if not sentences:
        return ""
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences)
    title = "Before you rely on this"
    return f'<aside class="cautions" aria-label="{title}"><h2>{title}</h2><ul>{items}</ul></aside>'


def panel(title: str, chart: str, note: str = "") -> str:
    """A chart in its frame, with a title and a note above it; all three are markup."""
    note = f"<p>{note}</p>" if note else ""
    return f'<figure class="panel"><figcaption><h3>{title}</h3>{note}</figcaption>{chart}</figure>'


def panels(charts: Sequence[str]) -> str:
    """Panels side by side, as many as fit."""
    by = "twos" if len(charts) % 3 == 1 else "threes"  # no panel alone in the last row
    return f'<div class="panels {by}">{"".join(charts)}</div>'


def folded(tables: str) -> str:
    """Tables that open on a click."""
    return f'<details class="numbers"><summary>The numbers</summary>{tables}</details>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts that scrolls by itself where it is too wide."""
    head = "".join(f'<th scope="col">{breakable(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{breakable(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def breakable(label: str) -> str:
    """A label that a narrow table may cut after a stroke, a dot or a hyphen, and nowhere else."""
    return re.sub(r"([/_.-])(?=\w)", r"\1<wbr>", escape(label))


def group_words(breakdown: str, group: str) -> str:
    """A group in words; a value of a column as it is, without what turns words around."""
    if breakdown.startswith(COLUMN):
        return plain(group)
    return KINDS.get(group, group).replace("-", "\N{EN DASH}")
