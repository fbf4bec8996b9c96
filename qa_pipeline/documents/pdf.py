"""The text of PDF content, through pypdf, which is imported when needed. Raises DataError for whatever is wrong."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.page_furniture import without_furniture
from qa_pipeline.documents.pdf_headings import OutlineEntry, RunCollector, StyledLine, read_outline
from qa_pipeline.documents.table_rows import with_rows
from qa_pipeline.errors import DataError
from qa_pipeline.wording import error_in_short

logger = logging.getLogger(__name__)

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\0": " ", "\x7f": "•"}
)
_LEFTWARD = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_SHORT = 40
"""A line that may be a cell of a table."""
_MOST_FIELDS = 10_000

_BREAK = re.compile(r"([^\W\d_]{1,60})-\n([^\W\d_]{1,60})")
_WORD = re.compile(r"[^\W\d_]{1,60}(?:-[^\W\d_]{1,60})?")
_TENS = {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
_ONES = {
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
}
_PARTS = {
    *("self", "non", "well", "half", "cross", "ex", "all", "quasi", "high", "low", "long", "short", "full"),
    *("part", "mid", "ill", "so"),
}
"""First halves of compounds that are written with a hyphen."""


class PdfContent(NamedTuple):
    """What a PDF holds: the text of each page ("" for a page without), the title, and what tells its headings."""

    pages: list[str]
    title: str | None
    styled: list[list[StyledLine]]
    outline: list[OutlineEntry]


def read_pdf(content: bytes, name: str) -> PdfContent:
    """The text of each page, the title, and what `pdf_headings.pdf_blocks` finds headings by.

    Less headers and footers. Tables row by row; what is written in a form's fields and in notes on the page comes after
    the text of its page. A warning names the pages without text where others have some.
    """
    with library(name, "PDF", "pypdf"):
        import pypdf
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every small fault that it mends
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(f"{name}: is protected by a password; save it without one, for example with qpdf --decrypt")
        collectors = [RunCollector() for _ in reader.pages]
        pages = [_page_text(page, collector) for page, collector in zip(reader.pages, collectors, strict=True)]
        title = reader.metadata.title if reader.metadata else None
        written = [list(_written(page)) for page in reader.pages]
    except DataError:
        raise
    except pypdf.errors.DependencyError as error:
        raise DataError(
            f'{name}: is encrypted with AES, which needs one more package: pip install "pypdf[crypto]"'
        ) from error
    except Exception as error:  # a damaged file makes the library fail in any way: KeyError, TypeError, recursion ...
        raise DataError(
            f"{name}: not a readable PDF, it may be damaged or cut short ({error_in_short(error)})"
        ) from error
    pages = without_furniture(join_hyphenated(pages))
    pages = ["\n".join([page] * bool(page) + lines) for page, lines in zip(pages, written, strict=True)]
    empty = [number for number, page in enumerate(pages, 1) if not page.strip()]
    if empty and len(empty) < len(pages):
        one = len(empty) == 1
        logger.warning(
            "%s: page%s %s of %d hold%s no text; %s, make %s text with OCR, for example with ocrmypdf --skip-text",
            name,
            "" if one else "s",
            _ranges(empty),
            len(pages),
            "s" if one else "",
            "if it is a scan or a picture" if one else "if they are scans or pictures",
            "it" if one else "them",
        )
    return PdfContent(pages, own_title(title), [each.finish(_clean) for each in collectors], read_outline(reader))


def _page_text(page: Any, collector: RunCollector) -> str:
    """One page: ligatures as letters, tables row by row, no trailing space."""
    text = _clean(page.extract_text(visitor_text=collector))
    few = sum(len(line) < _SHORT for line in text.split("\n")) < 4
    if few or _LEFTWARD.search(text):  # nothing that may be a table, or a script that layout mode does not order
        return text
    try:
        shown = page.extract_text(extraction_mode="layout", layout_mode_space_vertically=False)
    except Exception:  # the text is read; only its layout is beyond the library
        return text
    # Ligatures only: cleaning would take the blanks between cells away.
    return with_rows(text, shown.translate(_LIGATURES).replace("\xad", ""))


def _clean(text: str) -> str:
    text = text.translate(_LIGATURES).encode("utf-8", "replace").decode("utf-8")
    text = "\n".join(line.rstrip(" \t\r") for line in text.replace("\xad\n", "").replace("\xad", "").split("\n"))
    return re.sub(r"[ \t]{1000,}", " ", text).strip()


def join_hyphenated(pages: list[str]) -> list[str]:
    """The pages with words that a line's end cuts in two joined, of small letters only: "EU-", "Law" stays as it is.

    The hyphen of a compound is kept ("thirty-five"). What the word is, the document's own other words say: as one word,
    with a hyphen, or each half a word of its own; then the usual compounds of English. A word that nothing is known of
    is taken to be hyphenated by the page.
    """
    if not any("-\n" in page for page in pages):
        return pages
    words = {word.lower() for page in pages for word in _WORD.findall(_BREAK.sub(" ", page))}
    broken = [match for page in pages for match in _BREAK.finditer(page)]
    cuts_words = any((match[1] + match[2]).lower() in words for match in broken)

    def joined(match: re.Match[str]) -> str:
        first, second = match.groups()
        if not (first[-1].islower() and second[0].islower()):
            return match[0]
        before, after = first.lower(), second.lower()
        if before in _TENS and after in _ONES or f"{before}-{after}" in words:
            return f"{first}-{second}"
        if before + after in words:
            return first + second
        # Where a page cuts words at all, two words in one ("some", "thing") are no sign of a compound.
        both = not cuts_words and before in words and after in words and min(len(before), len(after)) >= 4
        return f"{first}-{second}" if both or before in _PARTS and len(after) >= 4 else first + second

    return [_BREAK.sub(joined, page) for page in pages]


def _written(page: Any) -> Iterator[str]:
    """What somebody wrote on a page: values of a form's fields, and free text."""
    given = page.get("/Annots")
    notes = given.get_object() if given is not None else None
    seen: set[tuple[str, str]] = set()
    for entry in list(notes or ())[:_MOST_FIELDS]:
        note = entry.get_object()
        if not hasattr(note, "get"):
            continue
        if note.get("/Subtype") == "/FreeText":
            name, value = "", _text(note.get("/Contents"))
        elif note.get("/Subtype") == "/Widget":
            name, value = _field(note)
        else:
            continue
        if value and (name, value) not in seen:  # each circle of a choice has the name and value of all
            seen.add((name, value))
            yield f"{name}: {value}" if name else value


def _field(note: Any) -> tuple[str, str]:
    """The name and value of a field: its label for readers where it has one. ("", "") for none, and for a password."""
    found: dict[str, Any] = {}
    for _ in range(20):  # a field inherits from the one above it; a damaged file may go in a circle
        for key in ("/FT", "/V", "/TU", "/T", "/Ff"):
            if key in note and key not in found:
                found[key] = note[key].get_object() if hasattr(note[key], "get_object") else note[key]
        parent = note.get("/Parent")
        if parent is None:
            break
        note = parent.get_object()
    kind, value = found.get("/FT"), found.get("/V")
    flags = found["/Ff"] if isinstance(found.get("/Ff"), int) else 0
    name = " ".join((_text(found.get("/TU")) or _text(found.get("/T"))).split()).removesuffix(":")
    if kind == "/Sig" or (kind == "/Tx" and flags & 1 << 13):
        return "", ""
    if kind == "/Btn":
        chosen = _text(value).removeprefix("/")
        return (name, chosen) if chosen and chosen != "Off" and not flags & 1 << 16 else ("", "")
    values = value if isinstance(value, list) else [value]
    return name, ", ".join(filter(None, map(_text, values)))


def _text(value: Any) -> str:
    """A text of the file; a long one is a stream."""
    if hasattr(value, "get_object"):
        value = value.get_object()
    if hasattr(value, "get_data"):
        value = value.get_data()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return _clean(value.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(value, str) else ""


def _ranges(numbers: list[int]) -> str:
    """1, 2, 3, 7 as "1-3, 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)
