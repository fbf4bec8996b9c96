"""Takes headers and footers off the pages of a document. Sees lines of text only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

_PAGE = re.compile(
    r"(?:page |p\. ?)\d{1,4}(?: ?(?:/|of) ?\d{1,4})?|[-–—] ?\d{1,4} ?[-–—]|\d{1,4} ?(?:/|of) ?\d{1,4}", re.IGNORECASE
)
"""A line that is no more than a page number."""
_ADDRESS = re.compile(r"(?:file|https?)://\S* \d+ ?/ ?\d+", re.IGNORECASE)
_PRINTED = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}:\d{2}(?: ?[AP]M)?(?: .*)?", re.IGNORECASE)
"""When a browser printed it, and the title; only in a file that has an address with a page number as well."""
_NUMBER = re.compile(r"(?<![\d.,:/-])\d{1,4}(?![\d.,:/-]*\d)")
EDGE_LINES = 3
"""Lines at the top and at the bottom of a page that may be its header and footer."""
_LONGEST = 300
"""A longer line is no header."""


def without_furniture(pages: list[str]) -> list[str]:
    """The pages without headers and footers.

    Those are lines at an edge of a page that a browser printed, that number it, or that stand at the same edge of
    nearly every page, or of nearly every left or right one, as in books: the title of a section that stands on half of
    the slides is text. Such lines may differ in a number only where it counts the pages: rents, years and prices that
    differ are text. A line with a figure in it, always the same, is kept on the first page that has it. A page that has
    nothing else is left as it is.
    """
    lines = [page.split("\n") for page in pages]
    edges = [(_edge(page, 0), _edge(page, 1)) for page in lines]
    counts: Counter[tuple[object, ...]] = Counter()  # on how many right (1) and left (0) pages something stands
    for number, both in enumerate(edges, 1):
        for edge, written in enumerate(both):
            counts.update({(number % 2, edge, *key) for line in written for key in _keys(line, number, len(pages))})
    browser = any(_ADDRESS.fullmatch(line) for both in edges for written in both for line in written)
    seen: set[str] = set()
    kept = []
    for number, (page, both) in enumerate(zip(lines, edges, strict=True), 1):
        rest = list(page)
        for edge, written in enumerate(both):  # rest[-edge] is the first line, then the last
            while rest:
                line = rest[-edge].strip()
                if line and not (_PAGE.fullmatch(line) or browser and _of_browser(line)):
                    known = [
                        key
                        for key in _keys(line, number, len(pages))
                        if _repeats(key, counts[1, edge, *key], counts[0, edge, *key], len(pages))
                    ]
                    if not known or line not in written:
                        break
                    states_figure = known == [(line,)] and any(map(str.isdigit, line))
                    if states_figure and line not in seen:
                        seen.add(line)
                        break
                rest.pop(-edge)
        kept.append("\n".join(rest if rest else page))
    return kept


def is_page_number(line: str) -> bool:
    """Whether a line is no more than the number of a page."""
    return bool(_PAGE.fullmatch(line.strip()))


def _repeats(key: tuple[object, ...], right: int, left: int, pages: int) -> bool:
    """Whether a line that stands on so many right and left pages is their header or footer.

    A quarter of the pages may lack it: a cover, pictures, the beginnings of chapters. Two lines that count from another
    page than the first may be a chance.
    """
    least = 3 if len(key) == 3 and key[2] else 2

    def nearly_all(count: int, of: int, least: int) -> bool:
        return count >= max(least, of - of // 4)

    return (
        nearly_all(right + left, pages, least)
        or nearly_all(right, (pages + 1) // 2, 3)
        or nearly_all(left, pages // 2, 3)
    )


def _of_browser(line: str) -> bool:
    return bool(_ADDRESS.fullmatch(line) or _PRINTED.fullmatch(line))


def _edge(page: list[str], edge: int) -> list[str]:
    """The first (0) or last (1) written lines of a page."""
    order = reversed(page) if edge else page
    written: list[str] = []
    for line in order:
        if stripped := line.strip():
            written.append(stripped)
            if len(written) == EDGE_LINES:
                break
    return written


def _keys(line: str, page: int, pages: int) -> Iterator[tuple[object, ...]]:
    """What a line has in common with the same line of other pages: its text, or its text around the page's number."""
    if len(line) > _LONGEST:
        return
    yield (line,)
    for match in _NUMBER.finditer(line):
        # Numbering may begin before or after the file does; a year or a price is not near the number of the page.
        ahead = int(match[0]) - page
        if abs(ahead) <= max(20, pages) and not match[0].startswith("0"):
            yield line[: match.start()], line[match.end() :], ahead
