"""Marks what of documents bears on a question: spans, sentences with scores, and the sentences worth handing on.

A sentence's score is made of what the model points at within it (the probability of all spans there, see
`postprocess.segments`) and of how near it is to the question in words and meaning, see `sentence_scores`. What is kept
of the text is chosen by score within a budget, and stays in the order in which it is read. Every piece knows its
characters in its document. Prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np

from qa_pipeline.arguments.limits import check_limits
from qa_pipeline.postprocess import LEAST_CONFIDENCE, SegmentEvidence, Span, answer_set
from qa_pipeline.predictor.answer import Answer
from qa_pipeline.predictor.excerpts import Budget, Excerpt, Highlight
from qa_pipeline.predictor.questions import STRETCH
from qa_pipeline.predictor.sources import NUM_PASSAGES, Reading, ReadingSources, sources_of
from qa_pipeline.retrieval.embeddings import embedder_at_hand
from qa_pipeline.retrieval.ranking import meaning_scores, word_scores
from qa_pipeline.text.languages import OTHER_SCRIPT, guess_language, language_of_script
from qa_pipeline.text.words import count_words, sentence_spans

if TYPE_CHECKING:
    from qa_pipeline.documents.passage import Passage
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor.documents import Documents

WORDS, MEANING, WORDS_ALONE = 3.0, 8.0, 4.0
"""How much the nearness of an unsure model's sentences counts; docs/highlighting.md has the measurement behind it."""
_NOTHING = 1e-6
"""Excerpt that every sentence has, so that one which the model passes over can still be found by its words."""
_BLOCK = re.compile(r"[^\n]+")
_WRAP = re.compile(r"((?m:^)(?![#|])[^\n]{39,}[^\s.!?:;|。！？])\n(?=[^\S\n]*[\w(\"'])(?![^\S\n]*(?:\d+|\w)[.)]\s)")
"""The break behind a long line that ends no sentence, before a line that begins no item, heading or table row."""


def highlight(
    predictor: Any,
    question: str,
    documents: Documents | Passage,
    *,
    max_words: int | None = None,
    keep: float | None = None,
    least_score: float | None = None,
    num_passages: int | None = NUM_PASSAGES,
    min_confidence: float | None = None,
    language: str | None = None,
    dense: bool = True,
    **overrides: Any,
) -> Highlight:
    """Marks what of documents bears on a question; see `QAPredictor.highlight`."""
    budget = Budget.checked(max_words, keep, least_score, min_confidence)
    stored = predictor.settings.all_answers_confidence
    least = (LEAST_CONFIDENCE if stored is None else stored) if min_confidence is None else float(min_confidence)
    check_limits(overrides)
    sources: ReadingSources = (
        _PassageAlone(documents)
        if _is_passage(documents)
        else sources_of(cast("Documents", documents), num_passages, predictor.embedder)
    )
    readings = sources.readings(question)
    texts = {reading.key: sources.document(reading) for reading in readings}
    code = language or _language_of([reading.text for reading in readings])
    parts = [part for reading in readings for part in _parts(reading, code)]
    if not parts:
        return Highlight(question, [], [], [], 1.0, 0, 0, {})
    answers, shares, silence = _read(predictor, question, parts, overrides)
    placing = _Placing(sources, texts)
    sentences, pointed = placing.sentences(parts, shares)
    told = [one.text for one in sentences]
    # The weights of the package were trained on English.
    embedder = embedder_at_hand(None, predictor.embedder) if dense and told and code == "en" else None
    meaning = meaning_scores(question, told, embedder) if embedder is not None else None
    scores = sentence_scores(pointed, word_scores(question, told, code), meaning)
    sentences = [replace(one, score=float(score)) for one, score in zip(sentences, scores, strict=True)]
    spans = placing.spans(parts, answers, least)
    order = placing.order(readings, sentences)
    sentences, scores = [sentences[i] for i in order], scores[order]
    counts = np.array([max(count_words(one.text), 1) for one in sentences], dtype=np.int64)
    kept = budget.chosen(scores, counts)
    pieces = placing.pieces(sentences, kept)
    if not pieces and sentences and budget.max_words is not None and scores.max() >= (budget.least_score or 0.0):
        pieces = [_cut(sentences[int(np.argmax(scores))], spans, budget.max_words)]
    return Highlight(
        question=question,
        spans=spans,
        sentences=sentences,
        pieces=pieces,
        no_answer_confidence=silence,
        words=int(counts.sum()),
        kept_words=sum(count_words(piece.text) for piece in pieces),
        sizes={reading.name: len(texts[reading.key].text.rstrip()) for reading in readings},
    )


def sentence_scores(evidence: np.ndarray, words: np.ndarray, meaning: np.ndarray | None = None) -> np.ndarray:
    """The scores of sentences, 0 to 1, adding up to 1.

    In proportion to the square root of what the model points at in a sentence, times e to the power of how near the
    sentence is to the question, times how unsure the model is: where it points at one sentence alone, nearness changes
    nothing, and where it says "no answer", it decides. Near is WORDS times the sentence's BM25 score and MEANING times
    its cosine, each as a share of the highest; where meaning takes no part, WORDS_ALONE times its BM25 score.

    Args:
        evidence: (num_sentences,) what the model points at in each, adding up to 1 at most.
        words: (num_sentences,) BM25 scores, 0 or more.
        meaning: (num_sentences,) cosines with the question, where embeddings take part.

    >>> sentence_scores(np.array([0.99, 0.0]), np.array([0.0, 7.5])).round(2).tolist()
    [1.0, 0.0]
    >>> sentence_scores(np.array([0.01, 0.01]), np.array([0.0, 7.5])).round(2).tolist()
    [0.02, 0.98]
    """
    if not len(evidence):
        return np.zeros(0)
    near = WORDS_ALONE * _of_highest(words)
    if meaning is not None:
        near = WORDS * _of_highest(words) + MEANING * _of_highest(np.maximum(meaning, 0.0))
    unsure = 1 - float(evidence.max())
    logs = np.log(evidence + _NOTHING) / 2 + unsure * near
    scores = np.exp(logs - logs.max())
    shares: np.ndarray = scores / scores.sum()
    return shares


def _of_highest(values: np.ndarray) -> np.ndarray:
    highest = float(values.max())
    shares: np.ndarray = values / highest if highest > 0 else np.zeros(len(values))
    return shares


def sentences_in(text: str, language: str = "en") -> list[tuple[int, int]]:
    r"""Sentences as (start, end) characters, end exclusive; a line break ends one too, unless it only wraps a line.

    >>> text = "Fees\nWe charge 25 euros. It is due at once."
    >>> [text[start:end] for start, end in sentences_in(text)]
    ['Fees', 'We charge 25 euros.', 'It is due at once.']
    """
    found = []
    for block in _BLOCK.finditer(_WRAP.sub(r"\1 ", text)):  # characters stay where they are
        if block[0].strip():
            found += [(block.start() + start, block.start() + end) for start, end in sentence_spans(block[0], language)]
    return found


@dataclass(frozen=True)
class _Part:
    """A stretch of a reading that is read at once, and its sentences in characters of the stretch."""

    reading: Reading
    begin: int
    text: str
    sentences: np.ndarray


def _parts(reading: Reading, language: str) -> list[_Part]:
    """A reading in one part, or in several where it is very long; cut between sentences."""
    spans = sentences_in(reading.text, language)
    parts: list[_Part] = []
    first = 0
    for last, (_, end) in enumerate(spans):
        if last + 1 == len(spans) or spans[last + 1][1] - spans[first][0] > STRETCH:
            begin = spans[first][0]
            places = np.array(spans[first : last + 1], dtype=np.int64) - begin
            parts.append(_Part(reading, begin, reading.text[begin:end], places))
            first = last + 1
    return parts


def _language_of(texts: Sequence[str]) -> str:
    """The language of texts, as far as it makes a difference to sentences and stems; English where it is not clear."""
    sample = " ".join(text[:2000] for text in texts)[:20_000]
    guessed = language_of_script(sample) or guess_language(sample)
    return "en" if guessed in (None, OTHER_SCRIPT) else guessed


def _read(
    predictor: Any, question: str, parts: Sequence[_Part], overrides: dict[str, Any]
) -> tuple[list[Answer], list[np.ndarray], float]:
    """The answers of all parts as one competition, (num_sentences,) evidence of each part, and that of "no answer"."""
    decoders: list[SegmentEvidence] = []

    def decoder(settings: Any) -> SegmentEvidence:
        decoders.append(SegmentEvidence(settings, {str(i): part.sentences for i, part in enumerate(parts)}))
        return decoders[-1]

    rows = [{"id": str(i), "question": question, "context": part.text} for i, part in enumerate(parts)]
    answered = predictor.answered_rows(rows, decoder=decoder, **overrides)
    answers = predictor.together([answer for _, answer in answered], **overrides)
    shares, silence = decoders[0].shares()
    return answers, [shares[str(i)] for i in range(len(parts))], silence


class _Placing:
    """Puts what was found in readings at its place in the documents.

    Args:
        sources: of the readings.
        texts: the document of each reading, by the reading's key.
    """

    def __init__(self, sources: ReadingSources, texts: dict[object, Document]):
        self.sources, self.texts = sources, texts
        self._keys: list[object] = []  # of the sentences

    def sentences(self, parts: Sequence[_Part], shares: Sequence[np.ndarray]) -> tuple[list[Excerpt], np.ndarray]:
        """All sentences of the documents, and (num_sentences,) what the model points at in each."""
        found, pointed = [], []
        for part, share in zip(parts, shares, strict=True):
            for (start, end), points in zip(part.sentences.tolist(), share.tolist(), strict=True):
                if (one := self._evidence(part, start, end, points)) is not None:
                    found.append(one)
                    pointed.append(points)
                    self._keys.append(part.reading.key)
        return found, np.array(pointed)

    def spans(self, parts: Sequence[_Part], answers: Sequence[Answer], least: float) -> list[Excerpt]:
        """What may be the answer, surest first."""
        found = [
            self._evidence(part, span.start, span.end, span.confidence)
            for part, answer in zip(parts, answers, strict=True)
            for span in (answer_set(answer.nbest, least) if answer.start is not None else [])
        ]
        return sorted((one for one in found if one is not None), key=lambda one: -one.score)

    def _evidence(self, part: _Part, start: int, end: int, score: float) -> Excerpt | None:
        """Characters of a part in its document; None where they are only shown beside the passage."""
        reading, text = part.reading, part.text[start:end]
        place = reading.place(Span(text, part.begin + start, part.begin + end, 0.0, score))
        if place is None:
            return None
        passage = self.sources.passage(reading, place[0])
        headings = passage.headings if passage is not None else ()
        return Excerpt(text, *place, score, reading.name, self.texts[reading.key].page_at(place[0]), headings)

    def order(self, readings: Sequence[Reading], sentences: Sequence[Excerpt]) -> list[int]:
        """Numbers of the sentences as they are read: documents by their nearest passage, each from its beginning."""
        rank = {reading.key: number for number, reading in reversed(list(enumerate(readings)))}
        order = sorted(range(len(sentences)), key=lambda i: (rank[self._keys[i]], sentences[i].start))
        self._keys = [self._keys[i] for i in order]
        return order

    def pieces(self, sentences: Sequence[Excerpt], kept: np.ndarray) -> list[Excerpt]:
        """The sentences that are kept; neighbours with nothing but white space between them are one."""
        pieces: list[Excerpt] = []
        key: object = None
        for number in np.flatnonzero(kept).tolist():
            one, text = sentences[number], self.texts[self._keys[number]].text
            if pieces and key == self._keys[number] and not text[pieces[-1].end : one.start].strip():
                last = pieces[-1]
                score = max(last.score, one.score)
                pieces[-1] = replace(last, text=text[last.start : one.end], end=one.end, score=score)
            else:
                pieces.append(one)
            key = self._keys[number]
        return pieces


def _cut(sentence: Excerpt, spans: Sequence[Excerpt], most: int) -> Excerpt:
    """Of a sentence that is too long the words around its surest span, else its first ones."""
    words = [match.span() for match in re.finditer(r"\S+", sentence.text)]
    inside = [one for one in spans if one.document == sentence.document and sentence.start <= one.start < sentence.end]
    first = 0
    if inside:
        at = next(i for i, (_, end) in enumerate(words) if sentence.start + end > inside[0].start)
        first = max(0, min(at - most // 4, len(words) - most))
    start, end = words[first][0], words[min(first + most, len(words)) - 1][1]
    return replace(sentence, text=sentence.text[start:end], start=sentence.start + start, end=sentence.start + end)


def _is_passage(documents: Documents | Passage) -> TypeGuard[Passage]:
    # Without loading the room of documents, which a text alone does not need.
    return hasattr(documents, "reading") and hasattr(documents, "place")


class _PassageAlone:
    """A passage without its document: its characters count from where it says that it stands.

    Args:
        passage: any.
    """

    def __init__(self, passage: Passage):
        from qa_pipeline.documents.reading import Document

        begin = passage.start or 0
        # Room before it, so that its characters are those of the document that is not at hand.
        self._document = Document(" " * begin + passage.text, passage.document)
        self._passage = replace(passage, start=begin, end=begin + len(passage.text))

    def readings(self, question: str) -> list[Reading]:
        """The passage."""
        from qa_pipeline.retrieval.hits import Hit

        return [Reading(self._passage.reading, self._passage.document, hit=Hit(self._passage, 1.0, 0.0))]

    def document(self, reading: Reading) -> Document:
        """What stands for its document."""
        return self._document

    def passage(self, reading: Reading, start: int) -> Passage | None:
        """The passage."""
        return self._passage
