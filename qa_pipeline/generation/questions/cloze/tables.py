"""Questions about the cells of a table, from its header: "What is the fee for the blood test?"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.answers import pattern_spans
from qa_pipeline.generation.questions.cloze.sentences import Line
from qa_pipeline.generation.questions.cloze.spans import TypedSpan

MOST_HEADER_WORDS, MOST_SUBJECT_WORDS, MOST_VALUE_WORDS = 4, 8, 15
_CELL = re.compile(r"[^|]+")
_PROPERTY_OF = lexicon.word_set(
    "duration length size weight height width age name colour color capacity population area depth date purpose "
    "address location speed distance"
)
"""Heads of headers that a thing has: "the duration of"; the others are "for" it."""
_ASKING = lexicon.word_set("what how when where who why which")
_TIMES = {**dict.fromkeys(lexicon.WEEKDAYS, "on"), **dict.fromkeys(lexicon.MONTHS, "in")}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that can be asked for.

    Attributes:
        span: its characters in the passage, and type.
        line: number of its line in the passage.
        subject: what its row is about: the text of the row's first cell.
        header: of its column.
        key_header: of the first column.
        asks_subject: the answer is the row's first cell, asked for by `value`.
        value: text of the cell that `header` names.
        is_name: what the row is about keeps its capital and has no article.
    """

    span: TypedSpan
    line: int
    subject: str
    header: str
    key_header: str
    asks_subject: bool
    value: str
    is_name: bool = False


def table_cells(text: str, lines: Sequence[Line], counts: Counter[str] | None = None) -> Iterator[Cell]:
    """The cells of all tables that have a header and rows of as many cells.

    Args:
        text: the passage without marks (`markup.plain`).
        lines: of the passage (`markup.lines`).
        counts: how often words stand in lower case, and with a capital inside a sentence, in all passages; None: not
            known.
    """
    i = 0
    while i < len(lines):
        end = i
        while end < len(lines) and lines[end].kind in ("row", "separator"):
            end += 1
        if end - i >= 2:
            yield from _table(text, lines, range(i, end), counts or Counter())
        i = max(end, i + 1)


def cell_question(cell: Cell, rng: np.random.Generator) -> tuple[str, str]:
    """A question that the cell answers, and the name of its wording."""
    header = _lowered(cell.header)
    if cell.asks_subject:
        return f"Which {_lowered(cell.key_header)} has {_article(header)} {header} of {cell.value}?", "table/key"
    subject = cell.subject if cell.is_name else _definite(cell.subject)
    place = _place(cell.subject, subject, header)
    verb = "are" if _is_plural(header) else "is"
    wordings = [f"What {verb} the {header} {place}?"]
    if cell.span.kind == "money" and not place.startswith("on "):
        wordings.append(f"How much is {subject}{_per(header)}?")
    if cell.span.kind == "quantity" and header == "duration":
        wordings.append(f"How long does {subject} take?")
    number = int(rng.integers(len(wordings)))
    return wordings[number], f"table/value/{number}"


def _table(text: str, lines: Sequence[Line], numbers: range, counts: Counter[str]) -> Iterator[Cell]:
    marked = any(lines[n].kind == "separator" for n in numbers[1:2])
    rows = [(n, _cells(text, lines[n])) for n in numbers if lines[n].kind == "row"]
    names = [text[a:b] for a, b in rows[0][1]] if rows else []
    width = len(names)
    if width < 2 or not all(name and len(name.split()) <= MOST_HEADER_WORDS for name in names):
        return
    body = [(n, cells) for n, cells in rows[1:] if len(cells) == width]
    digits = any(c.isdigit() for _, cells in body for a, b in cells for c in text[a:b])
    if not body or any(c.isdigit() for name in names for c in name) or not (marked or digits):
        return
    subjects = Counter(text[cells[0][0] : cells[0][1]].lower() for _, cells in body)
    for column in range(1, width):
        if names[column].split()[0].lower() in _ASKING:
            continue  # "What to do": no name of what stands in the cell
        values = Counter(text[cells[column][0] : cells[column][1]].lower() for _, cells in body)
        for n, cells in body:
            (left, right), (first, last) = cells[0], cells[column]
            subject, value = text[left:right], text[first:last]
            usable = any(c.isalpha() for c in subject) and len(subject.split()) <= MOST_SUBJECT_WORDS
            if not usable or subjects[subject.lower()] > 1 or not any(c.isalnum() for c in value):
                continue
            if len(value.split()) > MOST_VALUE_WORDS:
                continue
            kind = next((s.kind for s in pattern_spans(text, first, last) if s.start == first), "phrase")
            is_name = _is_name(subject, (text[c[0][0] : c[0][1]] for _, c in body), counts)
            yield Cell(TypedSpan(first, last, kind), n, subject, names[column], names[0], False, value, is_name)
            if kind == "money" and values[value.lower()] == 1 and not _is_plural(names[0].lower()):
                yield Cell(TypedSpan(left, right, "subject"), n, subject, names[column], names[0], True, value)


def _cells(text: str, line: Line) -> list[tuple[int, int]]:
    """(start, end) of each cell without the spaces around it."""
    inner_start, inner_end = line.start, line.end
    if text[line.start : line.end].lstrip().startswith("|"):
        inner_start = text.index("|", line.start) + 1
    if text[line.start : line.end].rstrip().endswith("|"):
        inner_end = text.rindex("|", line.start, line.end)
    found = []
    for match in _CELL.finditer(text, inner_start, inner_end):
        core = match.group().strip()
        start = match.start() + match.group().index(core) if core else match.start()
        found.append((start, start + len(core)))
    return found


def _is_name(subject: str, others: Iterable[str], counts: Counter[str]) -> bool:
    """Whether one word with a capital is a name: it has one elsewhere too, or stands beside such as PostgreSQL."""
    if not subject.isalpha() or not subject[0].isupper() or counts[subject.lower()]:
        return False
    return counts[subject] > 0 or any(re.search(r"[a-z][A-Z]", other) for other in others)


def _lowered(phrase: str) -> str:
    """Without the capital of a first word that is no abbreviation and not part of a name."""
    words = phrase.split()
    name = words[0][1:] != words[0][1:].lower() or any(word[:1].isupper() for word in words[1:])
    return phrase if name or words[0].lower() in _TIMES else phrase[:1].lower() + phrase[1:]


def _definite(subject: str) -> str:
    lowered = _lowered(subject)
    return lowered if lowered[0].isupper() or lowered[0].isdigit() or _is_plural(lowered) else f"the {lowered}"


def _place(subject: str, named: str, header: str) -> str:
    first = re.split(r"\W", subject.lower())[0].removesuffix("s")
    if first in _TIMES:
        return f"{_TIMES[first]} {subject}"
    preposition = "of" if header.split()[-1] in _PROPERTY_OF else "for"
    return f"{preposition} {named}"


def _per(header: str) -> str:
    match = re.search(r"\bper .+", header)
    return f" {match.group()}" if match else ""


def _is_plural(phrase: str) -> bool:
    head = re.split(r" (?:per|of|for|in) ", phrase)[0].split()[-1].lower()
    return head.endswith("s") and not head.endswith("ss")


def _article(header: str) -> str:
    return "an" if header[0].lower() in "aeiou" else "a"
