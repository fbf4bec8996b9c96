"""Takes headers and footers off the pages of a document. Sees lines of text only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

_NUMBERED = (
    r"(?:pages?|p\.|pg\.?|seiten?|s\.|páginas?|pág\.?|paginas?|pag\.?|sida|side|sivu|strona|str\.?|strana|oldal|sayfa|"
    r"страница|стр\.?) ?\d{1,4}(?: ?(?:/|of|von|de|di|van|av|af|z|ze|из|od|sur) ?\d{1,4})?"
)
_PAGE = re.compile(
    rf"{_NUMBERED}|[-–—] ?\d{{1,4}} ?[-–—]|\d{{1,4}} ?(?:/|of) ?\d{{1,4}}|第? ?\d{{1,4}} ?[页頁ページ]+", re.IGNORECASE
)
"""A line that is no more than a page number."""
_COUNTS_CONTENT = re.compile(
    r"(?:chapter|section|article|part|annex|appendix|schedule|step|question|exercise|lesson|unit|module|week|day|room|"
    r"table|figure|invoice|kapitel|abschnitt|artikel|teil|anhang|schritt|frage|woche|tag|raum|chapitre|étape|leçon|"
    r"capítulo|sección|artículo|parte|paso|semana|día)s?\.? ?(?:no\.?|nr\.?|#)? ?$",
    re.IGNORECASE,
)
"""What stands before a number that counts parts of the text, and not its pages."""
_ADDRESS = re.compile(r"(?:file|https?)://\S* \d+ ?/ ?\d+", re.IGNORECASE)
_PRINTED = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}:\d{2}(?: ?[AP]M)?(?: .*)?", re.IGNORECASE)
"""When a browser printed it, and the title; only in a file that has an address with a page number as well."""
_NUMBER = re.compile(r"(?<![\d.,:/-])\d{1,4}(?![\d.,:/-]*\d)")
EDGE_LINES = 3
"""Lines at the top and at the bottom of a page that may be its header and footer."""
_LEAST_OF_FORM = 4
"""Lines that a page has in common with others before it is one of several forms."""
_LONGEST = 300
"""A longer line is no header."""


def without_furniture(pages: list[str]) -> list[str]:
    """The pages with each header and footer once.

    Those are lines at an edge of a page that a browser printed, that number it, or that stand at the same edge of
    nearly every page, or of nearly every left or right one, as in books: the title of a section that stands on half of
    the slides is text. Such lines may differ in a number only where it counts the pages: rents, years and prices that
    differ are text, and so are "Chapter 2" and "Step 3". A header is kept on the first page that has it and a footer on
    the last, so nothing that the pages say is lost: left out are numbers of pages, what a browser printed, and what is
    there once already. Pages that have most of their lines in common are letters or slips of one form, not pages with
    long headers: each keeps its own. A page that has nothing else is left as it is.
    """
    lines = [page.split("\n") for page in pages]
    edges = [(_edge(page, 0), _edge(page, 1)) for page in lines]
    counts: Counter[tuple[object, ...]] = Counter()  # on how many right (1) and left (0) pages something stands
    for number, both in enumerate(edges, 1):
        for edge, written in enumerate(both):
            counts.update({(number % 2, edge, *key) for line in written for key in _keys(line, number, len(pages))})
    browser = any(_ADDRESS.fullmatch(line) for both in edges for written in both for line in written)
    forms = _are_forms(lines)
    left_out: list[set[int]] = [set() for _ in pages]
    for edge in (0, 1):
        seen: set[tuple[object, ...]] = set()
        # Headers stay on the first page that has them, footers on the last, where they cut no sentence in two.
        for place in range(len(pages)) if edge == 0 else reversed(range(len(pages))):

            def repeated(line: str, place: int = place, edge: int = edge) -> list[tuple[object, ...]]:
                known = _keys(line, place + 1, len(pages)) if line in edges[place][edge] and not forms else ()
                return [key for key in known if _repeats(key, counts[1, edge, *key], counts[0, edge, *key], len(pages))]

            left_out[place].update(_furniture(lines[place], edge, browser, repeated, seen))
    kept = [[line for i, line in enumerate(page) if i not in out] for page, out in zip(lines, left_out, strict=True)]
    return ["\n".join(rest if rest else page) for rest, page in zip(kept, lines, strict=True)]


def _furniture(
    page: Sequence[str],
    edge: int,
    browser: bool,
    repeated: Callable[[str], list[tuple[object, ...]]],
    seen: set[tuple[object, ...]],
) -> Iterator[int]:
    """The places of the lines at one edge of a page that are left out.

    Args:
        page: its lines.
        edge: 0 for the top, 1 for the bottom.
        browser: whether a browser printed the document.
        repeated: what a line has in common with other pages.
        seen: what was kept already; takes what is kept here.
    """
    kept = False
    for place in range(len(page)) if edge == 0 else reversed(range(len(page))):
        line = page[place].strip()
        if not line:
            if not kept:
                yield place
        elif _PAGE.fullmatch(line) or browser and _of_browser(line):
            yield place
        else:
            known = repeated(line)
            if not known:
                return
            if seen.isdisjoint(known):
                kept = True
            else:
                yield place
            seen.update(known)


def _are_forms(pages: Sequence[Sequence[str]]) -> bool:
    """Whether most pages are filled-in copies of one form."""
    written = [[line.strip() for line in page if line.strip() and not is_page_number(line)] for page in pages]
    counts = Counter(line for page in written for line in set(page))
    alike = [sum(counts[line] > 1 for line in page) >= max(_LEAST_OF_FORM, 0.6 * len(page)) for page in written]
    return sum(alike) * 2 > len(pages)


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
        counts_pages = abs(ahead) <= max(20, pages) and not match[0].startswith("0")
        if counts_pages and not _COUNTS_CONTENT.search(line[: match.start()]):
            yield line[: match.start()], line[match.end() :], ahead
