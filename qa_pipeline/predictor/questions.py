"""Takes the caller's rows in: checks them, gathers them into chunks, cuts very long contexts into stretches.

Sees texts only, never a tokenizer or a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from qa_pipeline.errors import DataError
from qa_pipeline.predictor.limits import as_python

FIRST_QUESTIONS, FIRST_CHARACTERS = 16, 64_000
"""Size of the first chunk: small, so that somebody who waits sees answers. Each chunk after it is twice as large ..."""

MOST_QUESTIONS, MOST_CHARACTERS = 2048, 2_000_000
"""... up to this. Characters of contexts count for every question that is asked about them: so do their windows."""

STRETCH = 500_000
"""Longest part of a context, in characters, that is tokenised at once."""


class QuestionError(DataError, ValueError):
    """A row that cannot be asked; also a ValueError, which the pipeline of transformers raised."""


class Stretch(NamedTuple):
    """A part of a context: which row of the chunk it is of, where it begins (characters), and its text."""

    row: int
    begin: int
    text: str


def checked_row(row: Any, number: int) -> dict[str, str]:
    """A caller's row as {"id", "question", "context"}, or an error that names it.

    Args:
        row: a mapping; other keys are left alone. Without an "id", or with one that is None, it gets its number.
        number: counted from 0.

    Raises:
        QuestionError: it is no mapping, a text is missing, not a string, blank or not valid Unicode.
    """
    if not isinstance(row, Mapping):
        raise QuestionError(
            f'row {number}: expected a mapping with "question" and "context", found {type(row).__name__}'
        )
    given = as_python(row.get("id"))
    name = str(number) if given is None else str(given)
    where = f"row {number}" if given is None else f'row {number} (id "{name}")'
    for key in ("question", "context"):
        if key not in row:
            found = ", ".join(map(repr, list(row)[:6])) or "no keys"
            raise QuestionError(f'{where}: has no "{key}" (found {found}); give it, or map your field to that name')
        text = as_python(row[key])
        if not isinstance(text, str):
            hint = "; decode it first" if isinstance(text, bytes) else ""
            raise QuestionError(f"{where}: {key} must be a string, found {type(text).__name__}{hint}")
        if not text or text.isspace():
            raise QuestionError(f"{where}: {key} is {'blank' if text else 'empty'}; leave such rows out")
        if not text.isascii():
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise QuestionError(
                    f"{where}: {key} is not valid Unicode (a lone surrogate at character {error.start}); read the file "
                    'as UTF-8, or mend the text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")'
                ) from error
    return {"id": name, "question": str(as_python(row["question"])), "context": str(as_python(row["context"]))}


def check_rows(rows: Iterable[Any]) -> None:
    """Makes sure that every row can be asked.

    Raises:
        QuestionError: some cannot; the first five are named.
    """
    problems = []
    for number, row in enumerate(rows):
        try:
            checked_row(row, number)
        except QuestionError as error:
            problems.append(str(error))
    if problems:
        more = f"; and {len(problems) - 5:,} more rows" if len(problems) > 5 else ""
        raise QuestionError("; ".join(problems[:5]) + more)


def chunks(rows: Iterable[Any]) -> Iterator[list[dict[str, str]]]:
    """Gathers rows into chunks that are answered together; takes no more from `rows` than the next chunk needs.

    Raises:
        QuestionError: as `checked_row`; the rows before the bad one were all handed out.
    """
    chunk: list[dict[str, str]] = []
    questions, characters = FIRST_QUESTIONS, FIRST_CHARACTERS
    size = 0
    number = 0
    source = iter(rows)
    while True:
        try:
            row = checked_row(next(source), number)
        except StopIteration:
            break
        except QuestionError:
            if chunk:
                yield chunk
            raise
        number += 1
        chunk.append(row)
        size += len(row["context"])
        if len(chunk) >= questions or size >= characters:
            yield chunk
            chunk, size = [], 0
            questions, characters = min(2 * questions, MOST_QUESTIONS), min(2 * characters, MOST_CHARACTERS)
    if chunk:
        yield chunk


def stretches(row: int, context: str, overlap: int, longest: int = STRETCH) -> Iterator[Stretch]:
    """The context, or stretches of a very long one.

    A stretch ends at white space where there is any in its last tenth, and begins at white space (which it includes, so
    that tokenizers that mark a space before a word see one). Neighbours share `overlap` characters or a little more,
    and none is blank.

    Args:
        row: handed through.
        context: not blank.
        overlap: characters, less than half of `longest`.
        longest: characters.
    """
    if len(context) <= longest:
        yield Stretch(row, 0, context)
        return
    begin = 0
    while True:
        end = begin + longest
        if end < len(context):
            end = _space_before(context, end, end - longest // 10)
        text = context[begin:end]
        if not text.isspace():
            yield Stretch(row, begin, text)
        if end >= len(context):
            return
        begin = _space_before(context, end - overlap, end - 2 * overlap)


def rounds(parts: Iterable[Stretch], characters: int = MOST_CHARACTERS) -> Iterator[list[Stretch]]:
    """Gathers stretches so that the windows of one round are held in memory together, and no others."""
    held: list[Stretch] = []
    size = 0
    for part in parts:
        if held and size + len(part.text) > characters:
            yield held
            held, size = [], 0
        held.append(part)
        size += len(part.text)
    if held:
        yield held


def _space_before(text: str, position: int, lowest: int) -> int:
    """The last white space at or before `position`, not below `lowest`; `position` where there is none."""
    for place in range(position, lowest, -1):
        if text[place].isspace():
            return place
    return position
