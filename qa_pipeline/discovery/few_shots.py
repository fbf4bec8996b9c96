"""Chooses rows that show a language model what good questions look like: short, plain, varied, near the subject."""

from __future__ import annotations

from collections.abc import Sequence

from qa_pipeline.data import Example
from qa_pipeline.discovery.languages import wanted_language
from qa_pipeline.discovery.topic import topic_of
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.retrieval import Embedder, rank_texts
from qa_pipeline.text.words import count_words, normalised

_MOST_CONTEXT_WORDS = 160
_MOST_ANSWER_WORDS = 12
_QUESTION_WORDS = range(4, 26)
_ALIKE = 75.0
"""Similarity of two questions, of 100, from which one is enough."""
_MOST_COMPARED = 200  # by meaning


def choose_few_shots(
    rows: Sequence[Example], specification: Specification, count: int, embedder: Embedder | None = None
) -> list[Example]:
    """Rows to show as examples, the nearest to the subject first.

    Each is of another context, with a short context and answer; no two questions are alike, and questions do not all
    begin with the same word while there are others.

    Args:
        rows: canonical examples.
        specification: what is wanted.
        count: most rows; fewer where there are fewer good ones.
        embedder: compares meanings too; None: words alone.

    Example:
        >>> from qa_pipeline import load_examples
        >>> rows, _ = load_examples("docs/examples/labels.csv")
        >>> [row["question"] for row in choose_few_shots(rows, Specification(domain="library fees"), 1)]
        ['How high is the fee?']
    """
    good = [row for row in rows if _is_good(row)]
    subject = " ".join([topic_of(specification), *specification.sample_questions])
    language = wanted_language(specification)
    texts = [f"{row['question']} {row['context']}" for row in good]
    order = [ranked.place for ranked in rank_texts(subject, texts, language)][:_MOST_COMPARED]
    if embedder is not None:
        near = rank_texts(subject, [texts[place] for place in order], language, embedder)
        order = [order[ranked.place] for ranked in near]
    ranked_rows = [good[place] for place in order]
    chosen = _varied(ranked_rows, count, most_of_a_kind=max(1, -(-count // 2)))
    return chosen + _varied(ranked_rows, count - len(chosen), count, chosen)


def _is_good(row: Example) -> bool:
    texts = row["answers"]["text"]
    return (
        bool(texts)
        and count_words(row["context"]) <= _MOST_CONTEXT_WORDS
        and count_words(texts[0]) <= _MOST_ANSWER_WORDS
        and count_words(row["question"]) in _QUESTION_WORDS
    )


def _varied(rows: Sequence[Example], count: int, most_of_a_kind: int, before: Sequence[Example] = ()) -> list[Example]:
    """The first rows that are unlike the ones before them."""
    from rapidfuzz import fuzz

    chosen: list[Example] = []
    for row in rows:
        if len(chosen) >= count:
            break
        others = [*before, *chosen]
        kinds = [_kind(other) for other in others]
        alike = any(
            other["context"] == row["context"]
            or fuzz.token_sort_ratio(normalised(other["question"]), normalised(row["question"])) > _ALIKE
            for other in others
        )
        if not alike and kinds.count(_kind(row)) < most_of_a_kind:
            chosen.append(row)
    return chosen


def _kind(row: Example) -> str:
    """The first word of the question, in which its kind mostly shows."""
    return normalised(row["question"]).partition(" ")[0]
