"""Takes headers and footers off the pages of a document. Sees lines of text only."""

from __future__ import annotations

import re
from collections import Counter

_PRINTED = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}:\d{2}(?: ?[AP]M)?(?: .*)?"  # when a browser printed it, and the title
    r"|(?:file|https?)://\S* \d+ ?/ ?\d+"
    r"|(?:page |p\. ?)\d{1,4}(?: ?(?:/|of) ?\d{1,4})?|[-–—] ?\d{1,4} ?[-–—]|\d{1,4} ?(?:/|of) ?\d{1,4}",
    re.IGNORECASE,
)
"""A line that is no more than a print date, an address or a page number."""
EDGE_LINES = 3
"""Lines at the top and at the bottom of a page that may be its header and footer."""


def without_furniture(pages: list[str]) -> list[str]:
    """The pages without headers and footers.

    Those are lines at an edge of a page that a browser printed, that number it, or that stand, but for numbers, at the
    same edge of half of the pages and of two at least. A page that has nothing else is left as it is.
    """
    lines = [page.split("\n") for page in pages]
    counts: Counter[tuple[int, str]] = Counter()
    for page in lines:
        counts.update({(edge, key) for edge in (0, 1) for key in map(_common, _edge(page, edge))})
    least = max(2, -(-len(pages) // 2))
    kept = []
    for page in lines:
        rest = list(page)
        for edge in (0, 1):  # rest[-edge] is the first line, then the last
            while rest:
                line = rest[-edge].strip()
                repeated = line and counts[edge, _common(line)] >= least and line in _edge(page, edge)
                if line and not repeated and not _PRINTED.fullmatch(line):
                    break
                rest.pop(-edge)
        kept.append("\n".join(rest if rest else page))
    return kept


def _edge(page: list[str], edge: int) -> list[str]:
    """The first (0) or last (1) written lines of a page."""
    written = [line.strip() for line in page if line.strip()]
    return written[-EDGE_LINES:] if edge else written[:EDGE_LINES]


def _common(line: str) -> str:
    return re.sub(r"\d+", "#", line)
