from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import DataError
from qa_pipeline.predictor import questions
from qa_pipeline.predictor.questions import QuestionError, Stretch, checked_row, chunks, rounds, stretches


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("who?", r"row 4: expected a mapping .* found str"),
        (None, "row 4: expected a mapping .* found NoneType"),
        ({"context": "c"}, r"""row 4: has no "question" \(found 'context'\)"""),
        ({}, "row 4: has no .question. .found no keys"),
        ({"id": "q7", "question": "q"}, r'row 4 \(id "q7"\): has no "context"'),
        ({"question": None, "context": "c"}, "row 4: question must be a string, found NoneType"),
        ({"question": "q", "context": b"c"}, "context must be a string, found bytes; decode it first"),
        ({"question": ["q"], "context": "c"}, "question must be a string, found list"),
        ({"question": "", "context": "c"}, "row 4: question is empty"),
        ({"question": "q", "context": " \n\u3000"}, "row 4: context is blank"),
        ({"question": "q", "context": "a\ud83d"}, "context is not valid Unicode .a lone surrogate at character 1"),
    ],
)
def test_a_row_that_cannot_be_asked_is_named_with_what_is_wrong(row, message):
    with pytest.raises(QuestionError, match=message) as error:
        checked_row(row, 4)
    assert isinstance(error.value, DataError)
    assert isinstance(error.value, ValueError)


def test_a_row_keeps_its_id_and_gets_its_number_without_one():
    assert checked_row({"id": 5, "question": "q", "context": "c", "answers": []}, 2)["id"] == "5"
    assert checked_row({"id": None, "question": "q", "context": "c"}, 2) == {"id": "2", "question": "q", "context": "c"}


def test_chunks_start_small_and_grow_and_hold_every_row_once_in_order():
    rows = [{"question": "q", "context": f"c{i}"} for i in range(10_000)]
    sizes, seen = [], []
    for chunk in chunks(iter(rows)):
        sizes.append(len(chunk))
        seen += [row["context"] for row in chunk]
    assert seen == [row["context"] for row in rows]
    assert sizes[:4] == [16, 32, 64, 128]
    assert max(sizes) == questions.MOST_QUESTIONS


def test_no_more_rows_are_taken_than_the_next_chunk_needs():
    taken = []

    def source():
        for i in range(100):
            taken.append(i)
            yield {"question": "q", "context": "c"}

    reader = chunks(source())
    assert taken == []
    next(reader)
    assert len(taken) == questions.FIRST_QUESTIONS


def test_long_contexts_end_a_chunk_early():
    rows = [{"question": "q", "context": "x" * 70_000}] * 3
    assert [len(chunk) for chunk in chunks(rows)] == [1, 2]


def test_rows_before_a_bad_one_are_handed_out_first():
    reader = chunks([{"question": "q", "context": "c"}, {"question": "", "context": "c"}])
    assert [row["id"] for row in next(reader)] == ["0"]
    with pytest.raises(QuestionError, match="row 1: question is empty"):
        next(reader)


def test_a_short_context_is_one_stretch_and_not_copied():
    context = "some text " * 10
    (only,) = stretches(3, context, overlap=10)
    assert only == Stretch(3, 0, context)
    assert only.text is context


texts = st.text(alphabet=st.sampled_from("ab \n\u00e9"), min_size=1, max_size=400).filter(lambda t: not t.isspace())


@settings(deadline=None)
@given(context=texts, longest=st.integers(20, 120), data=st.data())
def test_stretches_cover_the_visible_text_overlap_and_are_never_blank_or_too_long(context, longest, data):
    overlap = data.draw(st.integers(0, longest // 4))
    found = list(stretches(0, context, overlap, longest))
    covered = set()
    for _, begin, text in found:
        assert context[begin : begin + len(text)] == text
        assert 0 < len(text) <= longest
        assert not text.isspace()
        covered.update(range(begin, begin + len(text)))
    assert {i for i, c in enumerate(context) if not c.isspace()} <= covered
    # What is no longer than the overlap is whole in one of them.
    for begin in range(len(context) - overlap):
        piece = context[begin : begin + overlap]
        if piece.strip() == piece and piece:
            assert any(b <= begin and begin + overlap <= b + len(text) for _, b, text in found)


def test_stretches_are_cut_at_white_space_where_there_is_some():
    context = "word " * 100
    for _, begin, text in list(stretches(0, context, 10, 60))[:-1]:
        assert begin == 0 or text[0] == " "
        assert text.endswith("word")


def test_rounds_hold_stretches_up_to_their_size():
    parts = [Stretch(0, 0, "x" * size) for size in (5, 5, 5, 20, 1)]
    assert [[len(p.text) for p in lot] for lot in rounds(parts, 10)] == [[5, 5], [5], [20], [1]]
