"""Splitting: no document on both sides, a share near the one asked for, the same seed the same split. Fingerprints."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.data import split_by_document
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError, DataError


def make(*documents: tuple[str | None, str]) -> list:
    """One example for each (title, context)."""
    examples = []
    for number, (title, context) in enumerate(documents):
        example = {
            "id": str(number),
            "context": context,
            "question": "q",
            "answers": {"text": [], "answer_start": []},
            "is_impossible": True,
        }
        examples.append(example if title is None else {**example, "title": title})
    return examples


def ids(examples):
    return [int(example["id"]) for example in examples]


rows = st.lists(
    st.tuples(st.sampled_from([None, "", "A", "B", "C"]), st.sampled_from("uvwxyz")), min_size=2, max_size=30
)


@given(rows=rows, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_no_document_is_on_both_sides_and_nothing_is_lost(rows, fraction, seed):
    examples = make(*rows)
    try:
        train, validation = split_by_document(examples, fraction, random.Random(seed))
    except DataError:
        return
    assert train and validation
    assert sorted(ids(train) + ids(validation)) == list(range(len(rows)))
    assert ids(train) == sorted(ids(train)) and ids(validation) == sorted(ids(validation))
    assert not {e["context"] for e in train} & {e["context"] for e in validation}
    if len({title for title, _ in rows if title}) > 1:
        titles = [{e["title"] for e in side if e.get("title")} for side in (train, validation)]
        assert not titles[0] & titles[1]


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=40), fraction=st.floats(0.05, 0.95))
@settings(max_examples=200, deadline=None)
def test_the_share_misses_by_at_most_half_of_the_smallest_document_left(sizes, fraction):
    examples = make(*[(None, f"context {i}") for i, size in enumerate(sizes) for _ in range(size)])
    train, validation = split_by_document(examples, fraction, np.random.default_rng(0))
    counts = [sum(e["context"] == c for e in train) for c in {e["context"] for e in train}]
    miss = fraction * len(examples) - len(validation)
    forced = len(validation) == min(sizes) or len(counts) == 1  # each side must have a document
    assert forced or abs(miss) <= max(min(counts), min(sizes)) / 2 + 1e-9


def test_rows_without_titles_go_by_context_and_one_title_is_no_document():
    examples = make(*[("Only", f"c{i // 2}") for i in range(20)])
    _, validation = split_by_document(examples, 0.2, random.Random(0))
    assert len(validation) == 4 and len({e["context"] for e in validation}) == 2


def test_titles_that_share_a_context_stay_together():
    examples = make(("A", "same"), ("B", "same"), ("A", "x"), ("C", "y"))
    for seed in range(5):
        train, validation = split_by_document(examples, 0.5, random.Random(seed))
        assert sorted([ids(train), ids(validation)]) == [[0, 1, 2], [3]]


def test_the_seed_decides():
    examples = make(*[(None, str(i)) for i in range(50)])
    first, again, other = (ids(split_by_document(examples, 0.3, random.Random(s))[1]) for s in (1, 1, 2))
    assert first == again != other and len(first) == 15


def test_one_document_cannot_be_split():
    with pytest.raises(DataError, match="the 3 examples come from one document.*give a validation file"):
        split_by_document(make((None, "c"), (None, "c"), (None, "c")), 0.1, random.Random(0))
    with pytest.raises(DataError, match="the 0 examples"):
        split_by_document([], 0.1, random.Random(0))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_the_fraction_must_be_a_share(fraction):
    with pytest.raises(ConfigError, match="fraction must be above 0 and below 1"):
        split_by_document(make((None, "a"), (None, "b")), fraction, random.Random(0))


def row(**changes):
    plain = {"id": "1", "context": "a b", "question": "q", "is_impossible": False}
    return plain | {"answers": {"text": ["a"], "answer_start": [0]}} | changes


def test_the_fingerprint_follows_every_field_and_the_order():
    base = [row(), row(id="2")]
    variants = [
        [row(id="3"), row(id="2")],
        [row(context="a c"), row(id="2")],
        [row(question="r"), row(id="2")],
        [row(answers={"text": ["b"], "answer_start": [2]}), row(id="2")],
        base[::-1],
    ]
    prints = {fingerprint(rows) for rows in [base, *variants]}
    assert len(prints) == 6
    assert fingerprint(base) == fingerprint([dict(each) for each in base])
