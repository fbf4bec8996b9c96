"""Finds what sources say that is nearest to a claim in other words. Never says whether the claim is true.

Without a model it is the sentence that shares most of the claim's words, a rare one weighing more. With one, the model
reads the stretches that share most, with the claim as its question, and the sentence around its best span is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.quotes.sources import QuoteSources
from qa_pipeline.quotes.tokens import tokens_of
from qa_pipeline.quotes.word_lists import free
from qa_pipeline.text.words import sentence_around

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

EVIDENCE = "evidence"
NO_EVIDENCE = "no_evidence"
BY_WORDS, BY_READER = "words", "reader"
_STRETCH = 60  # tokens; a stretch that is read has four times as many
_READ = 3


@dataclass(frozen=True)
class ClaimEvidence:
    """The sentence of the sources that is nearest to a claim.

    Attributes:
        claim: as given.
        status: EVIDENCE; NO_EVIDENCE where no word is shared. Neither says that the claim holds.
        by: what chose the sentence, BY_WORDS or BY_READER.
        found, document, page, start, end: the sentence and its place, as of `QuoteCheck`.
        words: share of the claim's words that the sentence has, a rare one weighing more, 0 to 1.
        score: the reader's confidence in its span, among all of what it read, 0 to 1; None without a reader.
        note: a source that is not there; or "".
    """

    claim: str
    status: str
    by: str = BY_WORDS
    found: str = ""
    document: str | None = None
    page: int | None = None
    start: int | None = None
    end: int | None = None
    words: float = 0.0
    score: float | None = None
    note: str = ""

    def as_row(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        row = vars(self) | {"words": round(self.words, 4)}
        row["score"] = None if self.score is None else round(self.score, 4)
        return row if self.note else {name: value for name, value in row.items() if name != "note"}


def find_evidence(
    claim: str, sources: QuoteSources, *, source: str | None = None, predictor: QAPredictor | None = None
) -> ClaimEvidence:
    """The evidence that is nearest to a claim.

    Args:
        claim: a sentence in anybody's words.
        sources: indexed documents.
        source: the document it is said to be from: no other is looked in where there is one of this name.
        predictor: a reader; None: words alone decide.

    Raises:
        ModelError: as `QAPredictor.predict`.
    """
    home = sources.named(source) if source else None
    note = f'no document is called "{source}"' if source and home is None else ""
    wanted = {text for text in tokens_of(claim).texts if text not in free()} or set(tokens_of(claim).texts)
    weights = {
        int(sources.vocabulary[text]): float(np.log(1 + len(sources.ids) / sources.count(sources.vocabulary[text])))
        for text in sorted(wanted)
        if text in sources.vocabulary
    }
    # What no source has weighs as much as what stands there once.
    total = sum(weights.values()) + (len(wanted) - len(weights)) * float(np.log(1 + len(sources.ids)))
    stretches = sources.windows(np.array(list(weights), dtype=np.int32), _STRETCH, home, most=_READ)
    if not stretches:
        return ClaimEvidence(claim, NO_EVIDENCE, note=note)
    if predictor is None:
        document, start, end = max(
            (sentence for stretch in stretches for sentence in _sentences(sources, stretch)),
            key=lambda sentence: _weight(sources, sentence, weights),
        )
        by, score = BY_WORDS, None
    else:
        document, start, end, score = _read(claim, sources, stretches, predictor)
        by = BY_READER
    held = _weight(sources, (document, start, end), weights)
    one = sources.documents[document]
    return ClaimEvidence(
        *(claim, EVIDENCE, by, one.text[start:end], one.source, one.page_at(start), start, end),
        words=held / total if total else 0.0,
        score=score,
        note=note,
    )


def _sentences(sources: QuoteSources, stretch: tuple[int, int]) -> list[tuple[int, int, int]]:
    """(document, start, end) of the sentences of a stretch, in characters."""
    document = sources.document_at(stretch[0])
    text = sources.documents[document].text
    found: list[tuple[int, int, int]] = []
    for place in range(*stretch):
        start, end = int(sources.starts[place]), int(sources.ends[place])
        if not found or start >= found[-1][2]:
            found.append((document, *sentence_around(text, start, end, most=1000)))
    return found


def _weight(sources: QuoteSources, sentence: tuple[int, int, int], weights: dict[int, float]) -> float:
    """Of the claim's words in a sentence, each once."""
    document, start, end = sentence
    low, high = sources.bounds(document)
    first, last = low + np.searchsorted(sources.starts[low:high], [start, end])
    return sum(weights.get(number, 0.0) for number in set(sources.ids[first:last].tolist()))


def _read(
    claim: str, sources: QuoteSources, stretches: list[tuple[int, int]], predictor: QAPredictor
) -> tuple[int, int, int, float]:
    """Document and characters of the sentence around the reader's best span, and its confidence."""
    places = [
        (sources.document_at(low), int(sources.starts[low]), int(sources.ends[high - 1])) for low, high in stretches
    ]
    rows = [{"question": claim, "context": sources.documents[one].text[start:end]} for one, start, end in places]
    answers = predictor.together(list(predictor.predict(rows)))
    spans = [(span.confidence, -n, span) for n, answer in enumerate(answers) for span in answer.nbest[:1]]
    if not spans:
        document, start, end = _sentences(sources, stretches[0])[0]
        return document, start, end, 0.0
    confidence, number, span = max(spans, key=lambda one: one[:2])
    document, begin, _ = places[-number]
    text = sources.documents[document].text
    return (document, *sentence_around(text, begin + span.start, begin + span.end, most=1000), confidence)
