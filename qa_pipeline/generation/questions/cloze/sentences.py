"""Cuts a passage into lines and sentences, with offsets, and says whether a text speaks to its reader.

`plain` gives a text of the same length in which marks (Markdown) are spaces and lines that were only wrapped are
joined, so that offsets in it are offsets in the passage. `lines` cuts it into headings, rows of tables and text;
`sentences_of` cuts the text into sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.words import Word, cut
from qa_pipeline.text.words import sentence_spans

FEWEST_WORDS, MOST_WORDS = 4, 80
"""Shorter sentences say too little to ask about; longer ones are lists and tables."""
_ADDRESS = re.compile(r"\w+://|www\.|\S+@\S+\.\S+|(?<!\w)[A-Za-z]:\\|(?<![\w/])(?:\.{0,2}/)[\w.-]+/[\w./-]+")
_FIRST_OR_SECOND_PERSON = lexicon.word_set("we our us you your yours yourself")
SPOKEN_SHARE = 0.025
"""Share of "we", "you" and the like from which a document speaks to its reader: a policy, terms, a manual."""
LONG_LINE = 50
"""Characters from which a line without a stop may have been wrapped where it ends."""
LONGEST_ROW = 300
"""Characters to which a line with " | " in it, but none in front, is a row of a table; a longer one is text."""
_INLINE = re.compile(
    r"!\[[^\]\n]{0,1000}\]\([^()\s]*\)"  # a picture
    r"|(?P<link>\[)[^\[\]\n]+(?P<target>\]\([^()\s]*(?:\s\"[^\"\n]*\")?\))"
    r"|(?P<single>(?<![\w*_])(?P<mark>[*_])(?=[^\s*_])[^*_\n]+?(?<=\S)(?P=mark)(?![\w*]))"
    r"|\*\*+|(?<!\w)__|__(?!\w)|~~|`+|<br\s*/?>"
)
_LINE_START = re.compile(r"\s*(?:>\s?)*(?:#{1,6}\s+|(?:[-*+•▪◦‣·]|\d{1,3}[.)]|\(?[a-z]\))\s+(?:\[[ xX]\]\s+)?)?")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_RULE = re.compile(r"\s*(?:[-=*_]\s*){3,}$")
_SEPARATOR = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_ROW = re.compile(r"\s*\|.*\|\s*$|.*\S \| ?\S?.*")
_ABBREVIATED = re.compile(r"\b(?:Dr|Mrs?|Ms|Prof|St|Rev|No|approx)\.$")
_FENCE = re.compile(r"\s*(?:```|~~~)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        start, end: characters of the passage, end exclusive, no white space around.
        words: its words, with offsets into the passage.
        askable: of a length and form that a question can be made from; the others (headings, rows of tables, code,
            what has no verb or holds an address of the web) are only kept as context.
    """

    start: int
    end: int
    words: tuple[Word, ...]
    askable: bool


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a passage in order. A line break ends one, unless the line was only wrapped there."""
    clean = plain(text)
    found = []
    for line in lines(text):
        written = clean[line.start : line.end]
        for first, end in sentence_spans(written) if line.kind == "text" else [(0, len(written))]:
            piece = written[first:end].strip()
            if not piece:
                continue  # nothing but marks
            start = line.start + written.index(piece, first)
            words = tuple(cut(piece, start))
            number = sum(word.kind != "punct" for word in words)
            askable = (
                line.kind == "text"
                and FEWEST_WORDS <= number <= MOST_WORDS
                and any(word.kind in ("aux", "verb") for word in words)
                and not _ADDRESS.search(piece)
            )
            found.append(Sentence(start, start + len(piece), words, askable))
    return found


def is_spoken(sentences: list[Sentence]) -> bool:
    """Whether the text speaks for "us" to "you", as policies, terms of service, leaflets and manuals do."""
    words = [word.lower for sentence in sentences for word in sentence.words if word.kind != "punct"]
    persons = sum(word in _FIRST_OR_SECOND_PERSON for word in words)
    return bool(words) and persons / len(words) >= SPOKEN_SHARE


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of a passage that no sentence crosses.

    Attributes:
        start, end: characters, end exclusive.
        kind: "text", "heading", "row" of a table, "separator" below a table's header, or "code".
    """

    start: int
    end: int
    kind: str


def plain(text: str) -> str:
    """The text with marks as spaces and wrapped lines joined; the same length, other characters unchanged."""
    characters = ["\n" if c == "\n" else " " if c.isspace() else c for c in text]
    for line in _raw_lines(text):
        if line.kind == "code":
            continue
        opening = _LINE_START.match(text, line.start, line.end)
        if opening is not None:
            _blank(characters, line.start, opening.end())
        if line.kind == "heading":
            _blank(characters, line.start + len(text[line.start : line.end].rstrip("# ")), line.end)
        for match in _INLINE.finditer(text, line.start, line.end):
            if match["link"]:
                _blank(characters, match.start("link"), match.end("link"))
                _blank(characters, *match.span("target"))
            elif match["single"]:
                _blank(characters, match.start(), match.start() + 1)
                _blank(characters, match.end() - 1, match.end())
            else:
                _blank(characters, *match.span())
    for before, after in _wrapped(text):
        _blank(characters, before.end, after.start)
    return "".join(characters)


def lines(text: str) -> list[Line]:
    """The lines of a passage in order, wrapped ones as one; blank ones are left out."""
    joined: list[Line] = []
    wrapped = {after.start for _, after in _wrapped(text)}
    for line in _raw_lines(text):
        if line.start in wrapped:
            joined[-1] = Line(joined[-1].start, line.end, joined[-1].kind)
        else:
            joined.append(line)
    return joined


def _raw_lines(text: str) -> list[Line]:
    found: list[Line] = []
    code = False
    for match in re.finditer(r"[^\n]+", text):
        written = match.group()
        if not written.strip():
            continue
        kind = "text"
        if _FENCE.match(written):
            code, kind = not code, "code"
        elif code:
            kind = "code"
        elif "|" in written and _SEPARATOR.match(" ".join(written.split())):  # long blanks would take quadratic time
            kind = "separator"
        elif _HEADING.match(written) or _RULE.match(written):
            kind = "heading"
        elif (written.lstrip().startswith("|") or len(written) <= LONGEST_ROW) and _ROW.match(written):
            kind = "row"
        found.append(Line(match.start(), match.end(), kind))
    return found


def _wrapped(text: str) -> list[tuple[Line, Line]]:
    """Pairs of lines of which the second goes on where the first had to end."""
    found = []
    rows = _raw_lines(text)
    for before, after in zip(rows, rows[1:], strict=False):
        if before.kind != "text" or after.kind != "text" or text.count("\n", before.end, after.start) != 1:
            continue
        opening = _LINE_START.match(text, after.start, after.end)
        if opening is not None and opening.group().strip():
            continue  # an item of a list
        first, last = text[after.start : after.end].lstrip()[0], text[before.start : before.end].rstrip()
        goes_on = last[-1] not in ".!?:;" and (first.islower() or len(last) >= LONG_LINE)
        if goes_on or _ABBREVIATED.search(last):
            found.append((before, after))
    return found


def _blank(characters: list[str], start: int, end: int) -> None:
    characters[start:end] = " " * (end - start)
