"""What the tools of an assistant give: as typed data, and as text that it can cite. Never asks a model.

Imports pydantic, so that it is imported only where the tools are built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from qa_pipeline.wording import counted, plain

MOST_SHOWN = 5
"""Candidates, and differences of a quotation, that the text names; the data has all."""


class CitedSpan(BaseModel):
    """Words of a document, and where they stand in it."""

    answer: str = Field(description="The words, exactly as the document has them.")
    confidence: float = Field(description="0 to 1, among all that was read.")
    document: str | None = Field(None, description="Name of the document; null for a text that was given itself.")
    page: int | None = Field(None, description="Page on which they begin, from 1; null where there are no pages.")
    headings: list[str] = Field(default_factory=list, description="Headings they stand under, the outermost first.")
    start: int = Field(description="Character of the document's text at which they begin, from 0.")
    end: int = Field(description="Character behind the last one.")
    sentence: str | None = Field(None, description="The sentence or table row around them.")


class ToolAnswer(BaseModel):
    """What the documents say to a question."""

    question: str
    found: bool = Field(description="Whether the first answer is more than a guess. Where false, there is no answer.")
    answers: list[CitedSpan] = Field(description="Best first; where found is false they are guesses.")
    no_answer_confidence: float = Field(description="How sure it is that the documents have no answer, 0 to 1.")


class CitedPiece(BaseModel):
    """Sentences of a document that bear on a question."""

    text: str = Field(description="The sentences, exactly as the document has them.")
    document: str | None = Field(None, description="Name of the document; null for a text that was given itself.")
    page: int | None = Field(None, description="Page on which they begin, from 1; null where there are no pages.")
    headings: list[str] = Field(default_factory=list, description="Headings they stand under, the outermost first.")
    start: int = Field(description="Character of the document's text at which they begin, from 0.")
    end: int = Field(description="Character behind the last one.")
    score: float = Field(description="0 to 1: share of all that bears on the question.")


class ToolEvidence(BaseModel):
    """The parts of documents that bear on a question."""

    question: str
    pieces: list[CitedPiece] = Field(description="In the order in which they are read; neighbours are one piece.")
    no_answer_confidence: float = Field(description="How sure it is that nothing answers the question, 0 to 1.")
    words: int = Field(description="Words that were read.")
    kept_words: int = Field(description="Words of the pieces.")


class NearestInText(BaseModel):
    """Where a quotation that was not found comes nearest to a document."""

    text: str
    document: str | None = None
    page: int | None = None
    start: int
    end: int
    similarity: float = Field(description="0 to 1.")
    differs: list[str] = Field(default_factory=list, description="What differs, in words.")


class QuoteCheckResult(BaseModel):
    """What became of one quotation."""

    quote: str
    status: str = Field(
        description="verbatim: the exact characters; repaired: the same words in the same sense, see repair; "
        "not_found: do not use it as a quotation."
    )
    found: str = Field("", description="The document's own words; empty where it was not found.")
    document: str | None = Field(None, description="Name of the document that has it.")
    page: int | None = None
    start: int | None = None
    end: int | None = None
    repair: list[str] = Field(default_factory=list, description="All that had to be looked past.")
    misattributed: bool = Field(False, description="It stands in another document than was said.")
    nearest: NearestInText | None = Field(None, description="Where one that was not found comes nearest.")
    note: str = ""


class ToolChecks(BaseModel):
    """What became of quotations."""

    checks: list[QuoteCheckResult] = Field(description="One for each quotation, in their order.")
    verbatim: int
    repaired: int
    not_found: int


def verify_result(rows: Sequence[Mapping[str, Any]]) -> ToolChecks:
    """Rows of `QuoteCheck.as_row` as a result."""
    checks = []
    for row in rows:
        nearest = row.get("nearest")
        if nearest:
            row = {**row, "nearest": {**nearest, "differs": [_difference(one) for one in nearest.get("differs", ())]}}
        checks.append(QuoteCheckResult.model_validate({**row, "found": row.get("found") or ""}))
    counts = {status: sum(check.status == status for check in checks) for status in ("verbatim", "repaired")}
    return ToolChecks(checks=checks, not_found=len(checks) - sum(counts.values()), **counts)


def _difference(difference: Mapping[str, str] | str) -> str:
    from qa_pipeline.quotes.check import QuoteDifference

    return difference if isinstance(difference, str) else str(QuoteDifference(**difference))


# As text


def ask_text(result: ToolAnswer) -> str:
    """The answer with its place, or that there is none.

    >>> span = CitedSpan(answer="25 euros", confidence=0.93, document="fees.md", start=40, end=48, headings=["Fees"])
    >>> print(ask_text(ToolAnswer(question="How high?", found=True, answers=[span], no_answer_confidence=0.01)))
    Answer: 25 euros
    Source: fees.md, "Fees", characters 40 to 48 (confidence 0.93)
    """
    if not result.found:
        sure = f" (confidence {result.no_answer_confidence:.2f})" if result.no_answer_confidence > 0.5 else ""
        lines = [
            f"Not found: the documents do not answer this question, as far as the model can tell{sure}. Do not answer "
            "it from them."
        ]
        return plain("\n".join([*lines, *_candidates("Guesses, which are likely wrong:", result.answers)]))
    best = result.answers[0]
    lines = [f"Answer: {_line(best.answer)}", f"Source: {_place(best)} (confidence {best.confidence:.2f})"]
    if best.sentence and best.sentence.strip() != best.answer.strip():
        lines.append(f'In its sentence: "{_line(best.sentence)}"')
    return plain("\n".join([*lines, *_candidates("Other candidates:", result.answers[1:])]))


def _candidates(title: str, spans: Sequence[CitedSpan]) -> list[str]:
    if not spans:
        return []
    return [title] + [
        f"- {_line(one.answer)}: {_place(one)} (confidence {one.confidence:.2f})" for one in spans[:MOST_SHOWN]
    ]


def highlight_text(result: ToolEvidence) -> str:
    """The pieces, each under its place."""
    if not result.pieces:
        return "Nothing in the documents bears on this question."
    parts = [f"{_place(piece)}:\n{piece.text}" for piece in result.pieces]
    return plain("\n\n".join([*parts, f"({result.kept_words:,} of {counted(result.words, 'word')} that were read)"]))


def verify_text(result: ToolChecks) -> str:
    """A line for each quotation, more where it was not found."""
    lines: list[str] = []
    for check in result.checks:
        quote = f'"{_line(check.quote)}"'
        if check.status == "not_found":
            lines.append(f"NOT FOUND: {quote}")
            if check.nearest is not None:
                lines.append(f'  nearest: "{_line(check.nearest.text)}" ({_place(check.nearest)})')
                lines += [f"  differs: {one}" for one in check.nearest.differs[:MOST_SHOWN]]
        else:
            how = "" if check.status == "verbatim" else f", after repair of {', '.join(check.repair)}"
            lines.append(f"{check.status.upper()}: {quote}: {_place(check)}{how}")
            if check.status == "repaired":
                lines.append(f'  the document says: "{_line(check.found)}"')
        if check.misattributed:
            lines.append("  it stands in another document than was said")
        if check.note:
            lines.append(f"  {check.note}")
    return plain("\n".join(lines))


def _place(one: CitedSpan | CitedPiece | QuoteCheckResult | NearestInText) -> str:
    parts = [one.document or "the given text"]
    if one.page is not None:
        parts.append(f"page {one.page}")
    if isinstance(one, CitedSpan | CitedPiece) and one.headings:
        parts.append(f'"{" > ".join(one.headings)}"')
    if one.start is not None and one.end is not None:
        parts.append(f"characters {one.start:,} to {one.end:,}")
    return ", ".join(parts)


def _line(text: str) -> str:
    """Words of a document on one line."""
    return " ".join(text.split())
