"""What a service gives, as dicts that JSON can hold. Plain data; never asks a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypedDict

from qa_pipeline.serve.asking import Finding, ModelFinding, model_finding

if TYPE_CHECKING:
    from qa_pipeline.predictor import Excerpt, Highlight


class ServedReply(ModelFinding):
    """What `Service.ask` gives. Where `found` is False there is no answer ("", None), and `runner_ups` are guesses."""

    question: str


class ServedSpan(TypedDict):
    """One answer of `Service.answer`, as the question-answering pipeline of transformers gave it."""

    score: float
    start: int
    end: int
    answer: str


class ServedExcerpt(TypedDict):
    """A part of a text, and how much it bears on the question: `text of the document[start:end] == text`."""

    text: str
    start: int
    end: int
    score: float
    document: str | None
    page: int | None
    headings: list[str]


class ServedHighlight(TypedDict):
    """What `Service.highlight` gives: what may be the answer, what is kept of the text, and how much that is."""

    question: str
    context: str
    spans: list[ServedExcerpt]
    pieces: list[ServedExcerpt]
    no_answer_confidence: float
    words: int
    kept_words: int


class ServiceHealth(TypedDict):
    """Whether a service can be asked, and what it is."""

    ready: bool
    model: str
    device: str
    documents: int
    waiting: int


def served_reply(finding: Finding) -> ServedReply:
    """What a model finds for a question, as JSON; confidences have six decimals."""
    return {**model_finding(finding), "question": finding.reply.question}


def served_highlight(found: Highlight) -> ServedHighlight:
    """A highlight as JSON, without the sentences that are not kept; shares have six decimals."""
    return {
        "question": found.question,
        "context": found.context,
        "spans": [_excerpt(one) for one in found.spans],
        "pieces": [_excerpt(one) for one in found.pieces],
        "no_answer_confidence": round(found.no_answer_confidence, 6),
        "words": found.words,
        "kept_words": found.kept_words,
    }


def _excerpt(one: Excerpt) -> ServedExcerpt:
    row: Any = asdict(one) | {
        "score": round(one.score, 6),
        "document": one.document or None,
        "headings": list(one.headings),
    }
    served: ServedExcerpt = row
    return served


def has_words(reply: Any) -> bool:
    """Whether a reply of the question-answering pipeline, one answer or a list of them, has words of the text."""
    best = reply[0] if isinstance(reply, list) and reply else reply
    return bool(best) and bool(best["answer"])
