"""What is quick in comparing rows gives the same as looking at every pair."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.dedup import _Sketch, repeats, without_repeats_of
from qa_pipeline.generation.types import Row

members = st.frozensets(st.text("abcdefghij", min_size=3, max_size=3), max_size=60)


@given(left=members, right=members, shared=members, threshold=st.floats(0.05, 1))
@settings(max_examples=500, deadline=None)
def test_a_sketch_never_parts_sets_that_are_alike(left, right, shared, threshold):
    a, b = left | shared, right | shared
    jaccard = len(a & b) / len(a | b) if a | b else 0.0
    if jaccard >= threshold:
        assert not _Sketch.of("a", a).is_unlike(_Sketch.of("b", b), threshold)


def test_a_sketch_parts_texts_that_have_nothing_in_common():
    a, b = frozenset(map(str, range(100))), frozenset(map(str, range(200, 300)))
    assert _Sketch.of("a", a).is_unlike(_Sketch.of("b", b), 0.7)


SENTENCES = (
    *("The fee is 25 euros.", "The fee is 25 euros now.", "Dogs stay outside.", "In May the harbour festival begins."),
    *("We may share your data with partners.", "We may share your data with our partners.", "Bring a coat."),
)
QUESTIONS = ("What is the fee?", "What is the fee", "When is the Harbour festival?", "Who gets it?", "Is it allowed?")


@st.composite
def rows(draw):
    made = []
    for number in range(draw(st.integers(0, 8))):
        parts = draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3))
        text, quoted = "\n".join(parts), draw(st.sampled_from(parts))
        answer = draw(st.sampled_from([None, quoted.split()[-1].strip("."), quoted.split()[0]]))
        start = None if answer is None else text.index(quoted) + quoted.index(answer)
        made.append(Row(Passage(str(number), "d", text), draw(st.sampled_from(QUESTIONS)), answer, start, "cloze"))
    return made


@given(some=rows(), others=rows())
@settings(max_examples=200, deadline=None)
def test_rows_without_repeats_are_those_that_repeat_no_other_row(some, others):
    kept = without_repeats_of(some, others, 0.7)
    assert kept == [row for row in some if not any(repeats(row, other, 0.7) for other in others)]
