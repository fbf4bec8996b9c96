"""Where a mark may begin and end: the words of a text, in characters. Pure functions; never sees a page."""

from __future__ import annotations

import regex

from qa_pipeline.errors import DataError
from qa_pipeline.wording import in_short

MOST_QUESTION = 1_000
"""Characters of a question."""

# Scripts that write no spaces between words are taken grapheme by grapheme; so are symbols and emoji.
_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}"
_LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}_]--[{_SPACELESS}]]"
_TOKEN = regex.compile(
    rf"(?V1)(?:(?!\p{{M}}){_LETTER}+(?:(?:(?<=\p{{N}})[.,:](?=\p{{N}})|['\u2019\u2010\u2011-]){_LETTER}+)*)|\X"
)
_NO_WORD = regex.compile(r"[\p{P}\p{Z}\p{C}\s]+\Z|\s")


def word_spans(text: str) -> list[tuple[int, int]]:
    r"""The words of a text as (start, end) characters, end exclusive, in its order.

    A word is a run of letters, accents and digits, with hyphens and apostrophes inside, and points inside numbers. Each
    character of a script without spaces is one, and so is each symbol and emoji. White space and punctuation are none.

    Example:
        >>> text = "It's \N{POUND SIGN}12,700.50 (well-known), e\u0301te\u0301."
        >>> [text[start:end] for start, end in word_spans(text)]
        ["It's", '\xa3', '12,700.50', 'well-known', 'e\u0301te\u0301']
    """
    return [match.span() for match in _TOKEN.finditer(text) if not _NO_WORD.match(match.group())]


def checked_question(value: object) -> str:
    """The question on one line, without white space around it.

    Raises:
        DataError: it is blank, too long, or no text; in words for the person at the page.
    """
    if not isinstance(value, str):
        raise DataError(f"The question must be a text, found {in_short(value)}.")
    question = " ".join(value.split())
    if not question:
        raise DataError("There is no question yet. Type one first.")
    if len(question) > MOST_QUESTION:
        raise DataError(f"The question has {len(question):,} characters; {MOST_QUESTION:,} are the most.")
    return question


def checked_span(text: str, start: object, end: object) -> tuple[int, int] | None:
    """Characters of a passage's text that can be an answer; None where both are None.

    Raises:
        DataError: they lie outside of the text, or hold white space alone; in words for the person at the page.
    """
    if start is None and end is None:
        return None
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise DataError(
            f"The answer must be characters of the passage, from 0 to {len(text):,}, the end behind the start; found "
            f"{in_short(start)} to {in_short(end)}."
        )
    if not text[start:end].strip():
        raise DataError("The answer is blank. Mark some words of the passage.")
    return start, end
