"""Compares models on questions that are asked on documents: the same documents, the same search, other readers.

Beside what every comparison measures: whether the right document was found, by the answers and by the search alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.compare.comparison import (
    agreed,
    ask_in_turns,
    breakdowns_of,
    check_columns,
    check_models,
    labels_of,
)
from qa_pipeline.compare.measuring import Asked, difference_of, latencies, measure, score_of, versus
from qa_pipeline.compare.places import ShownTexts
from qa_pipeline.compare.results import Comparison, Difference, Folder, Given, Question, Score
from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer, fingerprint
from qa_pipeline.data.mapping import LONGEST_COLUMN
from qa_pipeline.errors import DataError
from qa_pipeline.metrics import resampling_of, score_rows
from qa_pipeline.metrics.documents import PLACES, within
from qa_pipeline.predictor.files.answering import ANSWERS_KEPT, ScoredAnswers
from qa_pipeline.predictor.files.gold import Gold, GoldTable, contents_of, gold_of, library_of, no_gold
from qa_pipeline.predictor.files.reply_rows import reply_row
from qa_pipeline.predictor.sources import NUM_PASSAGES

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor.documents import DocumentAnswer, Reply
    from qa_pipeline.predictor.files.question_lists import QuestionList
    from qa_pipeline.predictor.predictor import QAPredictor
    from qa_pipeline.retrieval.hits import PassageIndex

_Drawing = tuple[np.random.Generator, int, np.ndarray | None]


def compare_on_documents(
    models: Sequence[QAPredictor],
    questions: QuestionList,
    documents: PassageIndex | Sequence[Document],
    *,
    gold: GoldTable | None = None,
    num_passages: int | None = NUM_PASSAGES,
    labels: Sequence[str] | None = None,
    source: str = "",
    by: Sequence[str] = (),
    normalization: str | None = None,
    language: str | None = None,
    seed: int = 0,
    bootstrap_samples: int = 10_000,
    resample: str = "auto",
    latency_questions: int = 50,
) -> Comparison:
    """Asks every model every question on the same documents, and measures all that a comparison says.

    Args:
        models, labels, source, normalization, language, seed, bootstrap_samples, resample, latency_questions: as of
            `compare`.
        questions: of `read_questions`, with what is right for each.
        documents: an index, which all models search alike; or documents, few enough to be read whole.
        gold: what `gold_of` made of the questions; None: it is made out here.
        num_passages: how many passages are read for a question; None: everything is.
        by: columns of the questions by which scores are broken down as well.

    Raises:
        ConfigError: as `compare`.
        DataError: no question says what is right, or documents are named that there are not.
        ModelError: a model did not answer every question once.
    """
    models = list(models)
    check_models(models)
    library = library_of(documents)
    gold = gold_of(questions, library) if gold is None else gold
    if not gold.rows:
        raise DataError(no_gold(questions))
    examples: list[Any] = [one.example() for one in gold.rows]
    columns = [_columns_of(questions)[one.id] for one in gold.rows]
    check_columns(by, columns)
    names = labels_of(models, labels)
    normalization = normalization or agreed(models, "answer_normalization", "squad")
    language = language or agreed(models, "answer_language", None)
    resampling = resampling_of(examples, resample)
    drawing: _Drawing = (np.random.default_rng(seed), bootstrap_samples, resampling.clusters)

    asking: dict[str, Any] = {"num_passages": num_passages}
    rows = [{"id": one.id, "question": one.question} for one in gold.rows]

    def ask_one(place: int, row: int) -> Any:
        return models[place].ask(rows[row]["question"], documents, **asking)

    milliseconds = latencies(ask_one, len(models), len(rows), latency_questions)

    def ask(place: int, begin: int, end: int) -> list[Any]:
        return list(models[place].ask_many(rows[begin:end], documents, top_k=ANSWERS_KEPT, **asking))

    replies, seconds = ask_in_turns(names, [one.id for one in gold.rows], ask)
    content = contents_of(library)
    scored = [_scored(found, gold.rows, content) for found in replies]
    asked = [
        Asked(
            model,
            names[place],
            replies[place],
            score_rows(scored[place].texts, examples, normalization, language=language),
            seconds[place],
            milliseconds[place],
            fitted_here=False,  # what a model was fitted on are questions with a context each
        )
        for place, model in enumerate(models)
    ]
    found = RightDocuments(gold, scored, drawing)
    shown = ShownTexts(library)
    return Comparison(
        source=source or questions.source,
        fingerprint=fingerprint(examples),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        bootstrap_samples=bootstrap_samples,
        normalization=normalization,
        latency_questions=len(milliseconds[0]),
        models=[replace(measure(one, *drawing), right_document=found.scores(place)) for place, one in enumerate(asked)],
        pairs=[
            replace(versus(asked, later, earlier, *drawing), right_document=found.differences(later, earlier))
            for earlier, later in combinations(range(len(models)), 2)
        ],
        breakdowns=breakdowns_of(
            [one.scores for one in asked], examples, normalization, language, columns, by, by_context=False
        ),
        questions=[
            _question(row, one, asked, scored, _shown_of(questions, columns[row]), shown)
            for row, one in enumerate(gold.rows)
        ],
        contexts=shown.texts,
        resampled=resampling.unit,
        num_documents=resampling.num_documents,
        folder=_folder(documents, num_passages, replies[0], gold, found),
        places=shown.places,
    )


def _columns_of(questions: QuestionList) -> dict[str, dict[str, Any]]:
    """Row -> what else the data says of it, as far as it is one value; its right answers are shown elsewhere."""
    answers = {path.split(".")[0] for path in questions.gold.answers} if questions.gold is not None else set()
    others = questions.others or [{}] * len(questions.rows)
    return {
        row["id"]: {
            str(name): value
            for name, value in own.items()
            if name not in answers and (value is None or isinstance(value, str | int | float)) and _is_short(value)
        }
        for row, own in zip(questions.rows, others, strict=True)
    }


def _shown_of(questions: QuestionList, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Without the name of the document, which stands beside the right answer."""
    document = questions.gold.document if questions.gold is not None else None
    return {name: value for name, value in columns.items() if name != document}


def _is_short(value: Any) -> bool:
    """Whether questions may be sorted by it; longer values are texts."""
    return len(str(value)) <= LONGEST_COLUMN


def _scored(replies: Sequence[Reply], gold: Sequence[Gold], content: Callable[[str], object]) -> ScoredAnswers:
    scored = ScoredAnswers()
    deque(scored.collect_replies(map(reply_row, replies), gold, content), maxlen=0)
    return scored


class RightDocuments:
    """Whether the right document was found, by each model and by the search.

    Args:
        gold: the questions.
        scored: the answers of each model.
        drawing: random source and number of resamples; whole documents are drawn where there are enough of them.
    """

    def __init__(self, gold: GoldTable, scored: Sequence[ScoredAnswers], drawing: _Drawing):
        self.rows = gold.with_document
        self._drawing = drawing[:2]
        self._clusters = resampling_of([one.example() for one in self.rows]).clusters if self.rows else None
        self._answers = [[one.places.get(row.id) for row in self.rows] for one in scored]
        read = scored[0].places_read
        self._search = [read.get(row.id) for row in self.rows] if read else []

    def scores(self, model: int) -> dict[str, Score]:
        """Right document@1 and @3 of a model."""
        return self._shares(self._answers[model]) if self.rows else {}

    def search(self) -> dict[str, Score]:
        """The same of the search alone; nothing where everything was read."""
        return self._shares(self._search) if self._search else {}

    def unread(self) -> int:
        """How many questions there are of whose right document nothing was read."""
        return sum(place is None for place in self._search)

    def differences(self, model: int, against: int) -> dict[str, Difference]:
        """How two models differ in right document@1 and @3."""
        if not self.rows:
            return {}
        new, old = self._answers[model], self._answers[against]
        return {
            str(most): difference_of(within(old, most), within(new, most), *self._drawing, self._clusters)
            for most in PLACES
        }

    def _shares(self, places: Sequence[int | None]) -> dict[str, Score]:
        return {str(most): score_of(within(places, most), *self._drawing, self._clusters) for most in PLACES}


def _folder(
    documents: PassageIndex | Sequence[Document],
    num_passages: int | None,
    replies: Sequence[Reply],
    gold: GoldTable,
    found: RightDocuments,
) -> Folder:
    searched = any(reply.hits for reply in replies)
    return Folder(
        documents=len(documents) if isinstance(documents, Sequence) else len(documents.names()),
        passages=None if isinstance(documents, Sequence) else len(documents),
        num_passages=num_passages if searched else None,
        dense=getattr(documents, "embedded", None) if searched else None,
        scored_on=len(found.rows),
        search=found.search(),
        unread=found.unread(),
        faults=[
            {"id": one.id, "answer": one.answer, "documents": list(one.documents), "reason": one.reason}
            for one in gold.faults
        ],
    )


# What is shown of each question


def _question(
    row: int,
    gold: Gold,
    asked: Sequence[Asked],
    scored: Sequence[ScoredAnswers],
    columns: Mapping[str, Any],
    shown: ShownTexts,
) -> Question:
    given = [_given(row, gold, one, places, shown) for one, places in zip(asked, scored, strict=True)]
    context, answers = _gold_shown(gold, given, shown)
    return Question(
        id=gold.id,
        question=gold.question,
        context=context,
        gold=answers,
        answers=given,
        columns=dict(columns),
        documents=list(gold.documents),
    )


def _given(row: int, gold: Gold, one: Asked, scored: ScoredAnswers, shown: ShownTexts) -> Given:
    reply = one.answers[row]
    best: DocumentAnswer | None = reply.answers[0] if reply.answers else None
    place = scored.places.get(gold.id)
    confidence, exact, overlap = float(reply.confidence), float(one.scores.exact[row]), float(one.scores.f1[row])
    if best is None or best.start is None or best.end is None:
        return Given("", None, None, confidence, exact, overlap, document_place=place)
    context, start = shown.add_answer(best)
    return Given(
        best.text,
        start,
        start + len(best.text),
        confidence,
        exact,
        overlap,
        context,
        best.document.source if best.document is not None else None,
        best.page,
        place,
    )


def _gold_shown(gold: Gold, given: Sequence[Given], shown: ShownTexts) -> tuple[int, list[tuple[str, int | None]]]:
    """The text in which a right answer is shown, and the right answers with their places in it.

    That is a text in which a model's answer stands, where it is of a right document and has a right answer; else the
    lines around a right answer in its document. Where none is found, it is what the first model answered from.
    """
    contexts = [one.context for one in given if one.context is not None]
    of_right = [place for place in contexts if shown.places[place].document in gold.documents]
    for place in dict.fromkeys(of_right):
        if found := _found_in(shown.texts[place], gold.answers):
            return place, found
    for name in gold.documents:
        for answer in gold.answers:
            if (place_of := shown.add_passage_around(name, answer)) is not None:
                return place_of, _found_in(shown.texts[place_of], gold.answers) or [(a, None) for a in gold.answers]
    return contexts[0] if contexts else shown.nothing(), [(answer, None) for answer in gold.answers]


def _found_in(text: str, answers: Sequence[str]) -> list[tuple[str, int | None]]:
    """The answers with their places in a text, at least one of which is known; else nothing."""
    found: list[tuple[str, int | None]] = []
    for answer in answers:
        place = align_answer(text, LooseAnswer(answer))
        found.append((place.text, place.start) if isinstance(place, Aligned) else (answer, None))
    return found if any(start is not None for _, start in found) else []
