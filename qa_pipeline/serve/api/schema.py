"""What the API takes and gives, as models with descriptions, bounds and examples: its OpenAPI page is made of them.

Bounds that a server is started with (length of a question and the like) are checked by the service. Imports pydantic,
so that it is imported only where the app is built.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.serve.asking import LEAST, MOST_ANSWERS


class _Body(BaseModel):
    """What a caller sends; a field that is unknown is refused, since a wrong name would be lost in silence."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class _Result(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


Confidence = Annotated[float, Field(ge=0, le=1)]

# Errors


class FieldProblem(_Result):
    """What is wrong with one field of a request."""

    field: str = Field(description="The field, with dots before those inside others.", examples=["top_k"])
    message: str = Field(description="What was expected, and what was found.")


class RequestProblem(_Result):
    """Why a request was not answered."""

    detail: str = Field(
        description="Where, what was expected, what was found and how to mend it.",
        examples=["question: is blank"],
    )
    errors: list[FieldProblem] | None = Field(None, description="Each field's fault, where fields are wrong.")


# Questions


class AskBody(_Body):
    """A question to the documents."""

    question: str = Field(description="Anything but blank.", examples=["How long is personal data kept?"])
    top_k: int = Field(MOST_ANSWERS, ge=1, description="Most answers: the best one and its runners-up.")
    num_passages: int = Field(
        NUM_PASSAGES, ge=1, description="Most passages that are read, those nearest to the question; more take longer."
    )
    min_confidence: Confidence = Field(LEAST, description="Of runners-up and guesses.")


class AnswerPlace(_Result):
    """Words of a document, and where they stand: characters `start` to `end` (exclusive) of its text."""

    answer: str = Field(description="The words.", examples=["30 days"])
    confidence: Confidence = Field(description="Probability among all answers, and no answer.", examples=[0.91])
    start: int = Field(description="First character in the document's text, from 0.", examples=[1204])
    end: int = Field(description="Behind the last character.", examples=[1211])
    document: str | None = Field(description="The document's name.", examples=["privacy.pdf"])
    page: int | None = Field(description="On which the answer begins, from 1; null where there are no pages.")
    headings: list[str] = Field(description="That the answer stands under, the outermost first.")
    sentence: str = Field(description="The sentence around the answer.")


class AskResult(_Result):
    """The best answer, and its runners-up. Where `found` is false there is no answer, and `runner_ups` are guesses."""

    question: str = Field(description="As it was asked.")
    model: str = Field(description="The model's name.")
    found: bool = Field(description="Whether the documents hold an answer.")
    answer: str = Field(description='The words of the best answer; "" where none is found.', examples=["30 days"])
    confidence: Confidence = Field(description="Of the answer; where none is found, of there being none.")
    start: int | None = Field(description="First character in the document's text, from 0; null for no answer.")
    end: int | None = Field(description="Behind the last character.")
    document: str | None = Field(description="The document's name.", examples=["privacy.pdf"])
    page: int | None = Field(description="On which the answer begins, from 1; null where there are no pages.")
    headings: list[str] = Field(description="That the answer stands under, the outermost first.")
    sentence: str | None = Field(description="The sentence around the answer.")
    no_answer_confidence: Confidence = Field(description="Of there being no answer; 0 for a model that always answers.")
    runner_ups: list[AnswerPlace] = Field(description="Other answers, best first, none of the same words.")


class AnswerBody(_Body):
    """A question on a text, or several: as `pipeline("question-answering")` of transformers was called."""

    question: str | list[str] = Field(
        description="One question, or a list; one question may be asked of a list of texts.",
        examples=["How high is the fee?"],
    )
    context: str | list[str] = Field(
        description="The text that holds the answer, or a list; a list of questions may be asked of one text.",
        examples=["We charge a fee of 25 euros."],
    )
    top_k: int = Field(1, ge=1, description="Most answers to a question; above 1 the result is a list of them.")
    handle_impossible_answer: bool | None = Field(
        None, description='Whether "no answer" is an answer: {"answer": "", "start": 0, "end": 0}.'
    )
    align_to_words: bool | None = Field(None, description="Widen answers to whole words; so it is by default.")
    all_answers: bool | None = Field(None, description="Every distinct answer of at least min_confidence.")
    min_confidence: Confidence | None = Field(None, description="Of all_answers; 0.05 by default.")
    max_answer_len: int | None = Field(None, ge=1, description="Longest answer in tokens; null: as the model has it.")
    max_seq_len: int | None = Field(None, ge=1, description="Longest window in tokens; null: as the model has it.")
    max_question_len: int | None = Field(None, ge=1, description="Longest question in tokens; longer ones are cut.")
    doc_stride: int | None = Field(None, ge=0, description="Tokens that neighbouring windows share.")


class AnswerSpan(_Result):
    """One answer: `context[start:end] == answer`."""

    score: Confidence = Field(description="Probability among all answers of the text.", examples=[0.97])
    start: int = Field(description="First character in the context, from 0.", examples=[19])
    end: int = Field(description="Behind the last character.", examples=[27])
    answer: str = Field(description='The words; "" for no answer.', examples=["25 euros"])


# Evidence and quotations


class HighlightBody(_Body):
    """A question whose evidence is wanted."""

    question: str = Field(description="Anything but blank.", examples=["How high is the fee?"])
    context: str | None = Field(None, description="The text to look through; null: the documents.")
    max_words: int | None = Field(None, ge=1, description="Keep at most so many words.")
    keep: Confidence | None = Field(None, description="Keep at most this share of the words; 0.3 without a budget.")
    least_score: Confidence | None = Field(None, description="Keep only sentences of at least this score.")
    min_confidence: Confidence | None = Field(None, description="Of spans; null: as was fitted, else 0.05.")
    num_passages: int = Field(NUM_PASSAGES, ge=1, description="Most passages of the documents that are read.")
    language: str | None = Field(None, description="Code of the text's language; null: found out.", examples=["en"])
    dense: bool | None = Field(None, description="false scores sentences without their meaning.")


class EvidencePart(_Result):
    """A part of a text, and how much it bears on the question."""

    text: str = Field(description="Characters `start` to `end` of the document's text.")
    start: int = Field(description="First character, from 0.")
    end: int = Field(description="Behind the last character.")
    score: Confidence = Field(description="Of a span its confidence, of a piece its best sentence's score.")
    document: str | None = Field(description="The document's name; null for a text that was given.")
    page: int | None = Field(description="On which it begins, from 1; null where there are no pages.")
    headings: list[str] = Field(description="That it stands under, the outermost first.")


class HighlightResult(_Result):
    """What bears on a question, and how much of the text that is."""

    question: str = Field(description="As it was asked.")
    context: str = Field(description="The pieces as one text, with [...] where something is left out.")
    spans: list[EvidencePart] = Field(description="What may be the answer, surest first.")
    pieces: list[EvidencePart] = Field(description="Sentences worth handing on, in the order of the text.")
    no_answer_confidence: Confidence = Field(description="Of there being no answer.")
    words: int = Field(description="Of all that was read.")
    kept_words: int = Field(description="Of the pieces.")


class QuoteToVerify(_Body):
    """A quotation, or a claim."""

    quote: str | None = Field(None, description="Words that are said to stand in a document.", examples=["a fee of 25"])
    claim: str | None = Field(None, description="Instead of a quotation: a sentence whose nearest evidence is wanted.")
    source: str | None = Field(None, description="The document that it is said to be from.", examples=["fees.md"])
    id: str | int | None = Field(None, description="Is given back; null: the number in the list, from 0.")


class VerifyBody(_Body):
    """Quotations to verify."""

    quotes: list[QuoteToVerify | str] = Field(description="Texts, or objects.", examples=[["a fee of 25 euros"]])
    context: str | None = Field(None, description="The text that they are said to be from; null: the documents.")
    min_similarity: Confidence | None = Field(None, description="What small edits must leave alike; 0.9 by default.")


class Differing(_Result):
    """Words of a quotation, and what the document has in their place."""

    kind: str = Field(description="number, negation, name, unit, limit, words, typo, form ...", examples=["number"])
    quote: str = Field(description='Of the quotation; "" where it has nothing there.', examples=["35"])
    source: str = Field(description='Of the document; "" where it has nothing there.', examples=["25"])


class NearestWords(_Result):
    """Where a quotation that was not found comes nearest."""

    text: str = Field(description="The document's own words there.")
    document: str = Field(description="The document's name.")
    page: int | None = Field(description="On which they begin.")
    start: int = Field(description="First character, from 0.")
    end: int = Field(description="Behind the last character.")
    similarity: float = Field(description="0 to 1.")
    differs: list[Differing] = Field(description="What differs.")


class VerifiedQuote(_Result):
    """What became of a quotation, or the evidence nearest to a claim. Whether a claim holds is not judged."""

    id: str = Field(description="As it was given, or the number in the list.")
    status: Literal["verbatim", "repaired", "not_found", "evidence", "no_evidence"] = Field(
        description="Of a quotation verbatim, repaired or not_found; of a claim evidence or no_evidence."
    )
    quote: str | None = Field(None, description="As it was given.")
    claim: str | None = Field(None, description="As it was given.")
    source: str | None = Field(None, description="As it was given.")
    found: str = Field("", description='The document\'s own words; "" where nothing is found.')
    document: str | None = Field(None, description="That has them.")
    page: int | None = Field(None, description="On which they begin, from 1.")
    start: int | None = Field(None, description="First character, from 0.")
    end: int | None = Field(None, description="Behind the last character.")
    similarity: float | None = Field(None, description="Of a quotation: how alike it is to what was found, 0 to 1.")
    occurrences: int | None = Field(None, description="Of a quotation: how often it stands in the document.")
    repair: list[str] = Field([], description="What had to be looked past: case, punctuation, ellipsis ...")
    edits: list[Differing] = Field([], description="Small edits that leave the sense.")
    misattributed: bool = Field(False, description="It stands in another document than was said.")
    nearest: NearestWords | None = Field(None, description="Where one that was not found comes nearest.")
    by: str | None = Field(None, description="Of a claim: whether words or the reader chose the evidence.")
    words: float | None = Field(None, description="Of a claim: share of its words that the evidence has.")
    score: float | None = Field(None, description="Of a claim: the reader's confidence.")
    note: str = Field("", description="What else is to be known.")


class VerifyResult(_Result):
    """The checks, in the order of the quotations, and how many there are of each status."""

    checks: list[VerifiedQuote]
    counts: dict[str, int] = Field(description="Status to number.", examples=[{"verbatim": 3, "not_found": 1}])


# Documents and the server


class TextToAdd(_Body):
    """A text to add as a document."""

    name: str = Field(description="Of a file; its ending says what it is (.md, .txt ...).", examples=["leave.md"])
    text: str = Field(description="Anything but blank.", examples=["Every employee has 28 days of leave a year."])
    replace: bool = Field(False, description="Take the place of one that was added under this name.")


class ListedDocument(_Result):
    """One document."""

    name: str = Field(description="As answers name it.", examples=["privacy.pdf"])
    characters: int = Field(description="Of its text.")
    pages: int | None = Field(description="null where it has none.")
    added: bool = Field(description="Whether it was added over this API, and can be removed over it.")


class DocumentList(_Result):
    """Some of the documents, and how many there are."""

    documents: list[ListedDocument]
    total: int = Field(description="Of all documents, whatever was asked for.")


class Health(_Result):
    """Whether the server can be asked, and what it is."""

    ready: bool
    model: str = Field(description="The model's name.")
    device: str = Field(description="On which it computes.", examples=["cpu"])
    documents: int = Field(description="How many there are.")
    waiting: int = Field(description="Requests in the queue.")
    version: str = Field(description="Of the package.")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": RequestProblem, "description": words}
    for status, words in {
        400: "The body is no JSON.",
        401: "The key is missing or wrong.",
        403: "Not allowed: by host, by site, or for this document.",
        413: "The request is too large.",
        422: "The request cannot be answered as it is.",
        429: "Too much waits; ask again after the seconds of Retry-After.",
        500: "The model failed, or the program has a fault.",
        503: "The server is being stopped.",
        504: "There was no answer in time.",
    }.items()
}
"""What every endpoint may answer instead."""
