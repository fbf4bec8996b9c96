"""Whether the right document was found, counted by hand and against a slow way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.metrics.documents import place_of_right, within

DOCUMENTS = st.sampled_from(["a", "b", "c", "d", None])


def test_a_document_counts_once_however_many_answers_it_has():
    assert place_of_right(["a", "a", "a", "b"], {"b"}) == 2
    assert place_of_right(["a", "b", "c"], {"c", "b"}) == 2
    assert place_of_right([], {"a"}) is None


def test_silence_takes_a_place():
    assert place_of_right([None, "a"], {"a"}) == 2
    assert within([place_of_right([None, "a"], {"a"})], 1).tolist() == [0.0]


@given(st.lists(st.lists(DOCUMENTS)), st.sets(st.sampled_from(["a", "b", "c"]), min_size=1), st.integers(1, 4))
def test_right_document_at_k_is_whether_one_is_among_the_first_k_distinct(found, right, most):
    shares = within([place_of_right(one, right) for one in found], most)
    for one, share in zip(found, shares, strict=True):
        first = []
        for document in one:
            if document not in first:
                first.append(document)
        assert share == float(bool(right & set(first[:most])))
