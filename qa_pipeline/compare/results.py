"""What a comparison found, as pure data: words, table, report and JSON are made from it alone.

Scores are percent, confidences 0 to 1, positions characters of the context (end exclusive).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COLUMN = "column "
"""Begins the name of a breakdown by a column of the data, so that no other has its name."""


@dataclass(frozen=True)
class Score:
    """A mean over questions in percent, with its 95% bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """One model's score less another's on the same questions: points, 95% paired bootstrap interval, two-sided p."""

    difference: float
    low: float
    high: float
    p_value: float

    @property
    def direction(self) -> int:
        """1 or -1 where interval and p-value both speak against chance; 0 where a difference cannot be told from it."""
        return (int(self.low > 0) - int(self.high < 0)) if self.p_value < 0.05 else 0


@dataclass(frozen=True)
class Versus:
    """Two models question by question.

    Attributes:
        model, against: places in `Comparison.models`; differences are model less against.
        wins, losses, ties: questions on which `model` has the higher, the lower, the same F1.
        changed: questions that the two answer with different text.
        right_document: of questions on a folder: "1" and "3" -> the difference in right document@1 and @3.
    """

    model: int
    against: int
    exact_match: Difference
    f1: Difference
    wins: int
    losses: int
    ties: int
    changed: int
    right_document: dict[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelResult:
    """What one model scored, how sure it was, and what it costs.

    Attributes:
        label: short and distinct; how the model is called in table and report.
        name: as it was loaded.
        exact_match, f1: over all questions.
        kinds: "HasAns" and "NoAns", where there are both -> exact_match, f1 (percent) and total.
        answered: questions that got an answer other than "no answer".
        temperature, null_score_diff_threshold: what it was decoded with; the threshold is None for a model that always
            answers.
        fitted_here: temperature and threshold had been fitted on these questions, so that they were not used.
        ece: expected calibration error, 0 to 1: of the confidence that the answer is an exact match.
        reliability: bins of equal mass: low, high, count, and mean confidence and accuracy (0 to 1).
        aurc: area under the risk-coverage curve, 0 to 1; the smaller, the better confidence ranks the answers.
        coverage, risk: parallel: share of questions answered, surest first, and share of those not exactly right.
        num_parameters, size_mb: as loaded; megabytes of weights in memory.
        questions_per_second: of all questions in batches; tokenising and decoding included.
        latency_p50_ms, latency_p95_ms: of single questions asked one by one; None where none was timed.
        notes: sentences that a reader must know to judge the numbers.
        head_untrained: the question-answering head was never trained.
        right_document: of questions on a folder: "1" and "3" -> right document@1 and @3, see `metrics.documents`.
    """

    label: str
    name: str
    exact_match: Score
    f1: Score
    kinds: dict[str, dict[str, float]]
    answered: int
    temperature: float
    null_score_diff_threshold: float | None
    fitted_here: bool
    ece: float
    reliability: list[dict[str, float]]
    aurc: float
    coverage: list[float]
    risk: list[float]
    num_parameters: int
    size_mb: float
    device: str
    questions_per_second: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    notes: list[str] = field(default_factory=list)
    head_untrained: bool = False
    right_document: dict[str, Score] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """One model's answer to one question: text ("" for no answer), place (None for no answer), confidence and scores.

    Attributes:
        exact, f1: 0 to 1.
        context: of questions on a folder: place in `Comparison.contexts` of what the answer stands in; None for no
            answer, and where all answers stand in the context of the question.
        document: of questions on a folder: the name of the answer's document.
        page: the page on which the answer begins, where there are pages.
        document_place: the place, from 1, of the right document among those of the model's answers; None where none is
            right or that is not known.
    """

    text: str
    start: int | None
    end: int | None
    confidence: float
    exact: float
    f1: float
    context: int | None = None
    document: str | None = None
    page: int | None = None
    document_place: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its reference answers and what each model gave, in the order of the models.

    Attributes:
        context: place in `Comparison.contexts`.
        gold: distinct reference answers as (text, start); empty where the text has no answer. Of questions on a folder
            the start is None where the context does not show the answer.
        merged_ids: of rows that ask the same and gave this question further references.
        columns: what else the data says of the question: its column -> text, number, truth or None.
        documents: of questions on a folder: the names of the right documents.
    """

    id: str
    question: str
    context: int
    gold: list[tuple[str, int | None]]
    answers: list[Given]
    merged_ids: list[str] = field(default_factory=list)
    columns: dict[str, str | float | bool | None] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContextPlace:
    """Where a context stands in a document: from which character on, on which page, under which headings."""

    document: str
    start: int
    page: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    """The documents that all models were asked on, and how what they read of them was found.

    Attributes:
        documents: how many.
        passages: how many they were cut into; None where documents were read whole.
        num_passages: how many were read for a question; None where all were.
        dense: they were found by meaning beside words; None where nothing was searched, or it is not known.
        scored_on: questions with an answer whose right document is known.
        search: "1" and "3" -> right document@1 and @3 of the search alone, before any model read.
        unread: questions of `scored_on` of whose right document nothing was read; no model can answer them rightly.
        faults: right answers that their document does not have: id, answer, documents and reason.
    """

    documents: int
    passages: int | None
    num_passages: int | None
    dense: bool | None
    scored_on: int
    search: dict[str, Score] = field(default_factory=dict)
    unread: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """Any number of models on the same questions; the first is what the others are held against.

    Attributes:
        source: what the data is called.
        fingerprint: of the questions, see `qa_pipeline.data.example`.
        created: when, ISO 8601.
        bootstrap_samples, seed: how the intervals were drawn.
        normalization: how answers are compared, see `qa_pipeline.metrics.normalize_answer`.
        latency_questions: how many questions were asked one by one.
        models: in the order given.
        pairs: every two models; those against the first come first.
        breakdowns: name -> group -> total, and exact_match and f1 of each model (percent).
        contexts: every context once.
        resampled: what the bootstrap drew: "document", "context" or "question".
        num_documents: titles, where the data has them, else contexts; None for a comparison that did not count them.
        folder: what the models were asked on, where the questions are not about a context each.
        places: where each of the contexts stands in a document of the folder.
    """

    source: str
    fingerprint: str
    created: str
    seed: int
    bootstrap_samples: int
    normalization: str
    latency_questions: int
    models: list[ModelResult]
    pairs: list[Versus]
    breakdowns: dict[str, dict[str, dict[str, Any]]]
    questions: list[Question]
    contexts: list[str]
    resampled: str = "question"
    num_documents: int | None = None
    folder: Folder | None = None
    places: list[ContextPlace] = field(default_factory=list)

    @property
    def num_resampled(self) -> int:
        """How many units each resample draws."""
        counts = {"document": self.num_documents or 0, "context": len(self.contexts)}
        return counts.get(self.resampled, self.num_questions)

    @property
    def num_questions(self) -> int:
        """How many questions each model was asked."""
        return len(self.questions)

    @property
    def num_unanswerable(self) -> int:
        """How many of them have no answer in their text."""
        return sum(not question.gold for question in self.questions)

    def versus(self, model: int, against: int = 0) -> Versus:
        """The pair; raises KeyError where it was not compared in this direction."""
        for pair in self.pairs:
            if (pair.model, pair.against) == (model, against):
                return pair
        raise KeyError((model, against))
