"""Checks what a caller gives a service, before anything is queued. Never asks a model.

Each function gives the value back as it is used, or raises a QuestionError, DataError or ConfigError in words for the
caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qa_pipeline.arguments.limits import checked_bounds
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor.questions import QuestionError, check_rows, read_call
from qa_pipeline.serve.asking import MOST_QUESTION
from qa_pipeline.serve.service.batching import LINGER, MOST_WAITING
from qa_pipeline.wording import describe, in_short

READER_OPTIONS = (
    *("top_k", "handle_impossible_answer", "align_to_words", "all_answers", "min_confidence"),
    *("max_answer_len", "max_seq_len", "max_question_len", "doc_stride"),
)
"""Options of the question-answering pipeline that a request may set."""
HIGHLIGHT_OPTIONS = ("max_words", "keep", "least_score", "min_confidence", "language", "dense")
"""Options of `QAPredictor.highlight` that a request may set."""


@dataclass(frozen=True)
class ServiceLimits:
    """What a service takes at once, and how long it takes at most.

    Attributes:
        question: characters of a question.
        context: characters of all texts of a request together.
        questions: in one request; also quotations.
        answers: most answers to a question.
        passages: most passages that are read for a question.
        waiting: requests in the queue.
        seconds: until a request is given up.
        batch_tokens: most tokens of requests that are computed together, as estimated; None: those of a batch of the
            model.
        linger: seconds that a batch waits for more, see `batching.LINGER`.
    """

    question: int = MOST_QUESTION
    context: int = 200_000
    questions: int = 100
    answers: int = 20
    passages: int = 50
    waiting: int = MOST_WAITING
    seconds: float = 30.0
    batch_tokens: int | None = None
    linger: float = LINGER


def checked_question(question: Any, limits: ServiceLimits) -> str:
    """The question without the white space around it."""
    return checked_text("question", question, limits.question).strip()


def checked_context(context: Any, limits: ServiceLimits) -> str | None:
    """The text as it is, so that characters of it are those of the caller's; None for none."""
    return None if context is None else checked_text("context", context, limits.context)


def checked_rows(question: Any, context: Any, limits: ServiceLimits) -> tuple[list[dict[str, str]], bool]:
    """Questions with their contexts as rows, and whether several were asked for (a list may hold one).

    Args:
        question, context: one of each, many of each, one question for many contexts, or many for one.
        limits: of the service.
    """
    read, shape = read_call((), {"question": question, "context": context})
    rows = list(read)
    if not 0 < len(rows) <= limits.questions:
        raise DataError(f"question: expected 1 to {limits.questions} in a request, found {len(rows)}")
    check_rows(rows)
    for number, row in enumerate(rows):
        checked_text(f"question {number}" if len(rows) > 1 else "question", row["question"], limits.question)
    _check_length("context", sum(len(row["context"]) for row in rows), limits.context)
    return rows, shape == "list"


def checked_quotes(quotes: Any, limits: ServiceLimits) -> tuple[dict[str, Any], ...]:
    """Quotations and claims as rows with "quote" or "claim", "source" (or None), and "id"."""
    if isinstance(quotes, str | bytes | Mapping) or not isinstance(quotes, Sequence):
        raise DataError(f"quotes: expected a list of quotations, found {describe(quotes)}")
    if not 0 < len(quotes) <= limits.questions:
        raise DataError(f"quotes: expected 1 to {limits.questions} in a request, found {len(quotes)}")
    rows = tuple(_checked_quote(one, number, limits) for number, one in enumerate(quotes))
    _check_length("quotes", sum(len(row.get("quote") or row["claim"]) for row in rows), limits.context)
    return rows


def _checked_quote(one: Any, number: int, limits: ServiceLimits) -> dict[str, Any]:
    row = {"quote": one} if isinstance(one, str) else one
    if not isinstance(row, Mapping):
        raise DataError(f'quote {number}: expected a text, or {{"quote": ...}}, found {describe(one)}')
    given = [key for key in ("quote", "claim") if row.get(key) is not None]
    if len(given) != 1:
        raise DataError(f'quote {number}: expected "quote" or "claim", found {" and ".join(given) or "neither"}')
    text = checked_text(f"quote {number}", row[given[0]], limits.context)
    source, identity = row.get("source"), row.get("id")
    if source is not None and not isinstance(source, str):
        raise DataError(f"quote {number}: source must be the name of a document, found {describe(source)}")
    return {given[0]: text, "source": source, "id": str(number if identity is None else identity)}


def checked_options(where: str, options: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Those of the options that are given; None counts as not given."""
    if unknown := [name for name in options if name not in known]:
        raise ConfigError(f"options of {where}", f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    return {name: value for name, value in options.items() if value is not None}


def checked_count(name: str, value: Any, most: int) -> int:
    """A whole number from 1 to `most`."""
    count = checked_bounds(**{name: value})[name] or 1
    if count > most:
        raise ConfigError("options", f"{name}: expected at most {most}, found {in_short(value)}")
    return count


def checked_share(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError("options", f"{name}: expected a number from 0 to 1, found {in_short(value)}")
    return float(value)


def checked_text(name: str, text: Any, most: int) -> str:
    """A text that can be asked: not blank, valid Unicode, of at most so many characters."""
    if not isinstance(text, str):
        raise QuestionError(f"{name}: expected a text, found {describe(text)}")
    if not text.strip():
        raise QuestionError(f"{name}: is {'blank' if text else 'empty'}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise QuestionError(f"{name}: is not valid Unicode (a lone surrogate at character {error.start})") from None
    _check_length(name, len(text), most)
    return text


def _check_length(name: str, length: int, most: int) -> None:
    if length > most:
        raise DataError(f"{name}: has {length:,} characters; {most:,} are the most of a request")
