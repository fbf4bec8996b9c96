"""What must hold for any text, whatever is asked and however it is batched."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.predictor.made import answer_to, lookup

slow_enough = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

PIECES = [
    *("the clinic", "opens", "contract", "1895", "Müller-Nowak", "don't", "$3.50!", "a", "Ada", "documents_and"),
    *("\r\n", "\t", "  ", "\u00a0", "\u3000", "\u200b", "\x00", "\ufeff", "\u2028"),
    *("🙂", "👩‍👩‍👧", "🇫🇷", "\U0001d518", "ﬁn", "½", "İ", "e\u0301\u0323", "n\u0303a", "한국", "각"),
    *("كتاب جديد", "\u202bשלום\u202c", "हिन्दी", "東京は日本", "กรุงเทพ", "[SEP]", "<s>", "##a"),
]
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map(" ".join)
glued = st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map("".join)
anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)
contexts = st.one_of(texts, glued, anything).filter(lambda text: text.strip())
rows_of = st.lists(
    st.fixed_dictionaries({"question": st.sampled_from(["who?", "when did it open?", "東京"]), "context": contexts}),
    min_size=1,
    max_size=8,
)


def same_answer(a, b) -> bool:
    """Equal, or so nearly as good as each other that rounding decides."""
    return abs(a.score - b.score) < 1e-4 and (
        (a.text, a.start, a.end) == (b.text, b.start, b.end)
        or any((s.start, s.end) == (b.start, b.end) and abs(s.score - a.score) < 1e-4 for s in a.nbest)
    )


@slow_enough
@given(rows=rows_of, data=st.data())
def test_order_and_batch_size_never_change_an_answer(rows, data, tiny_predictor):
    predictor = tiny_predictor("bert", version_2_with_negative=True, null_score_diff_threshold=0.3)
    rows = [{"id": str(i), **row} for i, row in enumerate(rows)]
    expected = {row["id"]: answer_to(predictor, row["question"], row["context"]) for row in rows}
    shuffled = data.draw(st.permutations(rows))
    size, tokens = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 100, 1000]))
    answers = list(predictor.predict(shuffled, batch_size=size, batch_tokens=tokens))
    assert [answer.id for answer in answers] == [row["id"] for row in shuffled]
    for answer in answers:
        assert same_answer(expected[answer.id], answer)
        assert answer.confidence == pytest.approx(expected[answer.id].confidence, abs=1e-4)
        assert answer.null_odds == pytest.approx(expected[answer.id].null_odds, abs=1e-3)


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm_roberta", "deberta_v2", "xlnet", "llama"])
@slow_enough
@given(context=contexts)
def test_offsets_are_right_for_any_text_and_confidences_are_a_distribution(family, context, tiny_predictor):
    predictor = tiny_predictor(family, version_2_with_negative=True)
    answer = answer_to(predictor, "who?", context)
    if answer.start is None:
        assert (answer.text, answer.end) == ("", None)
    else:
        assert context[answer.start : answer.end] == answer.text == answer.text.strip() != ""
    for span in answer.nbest:
        assert 0 <= span.start < span.end <= len(context)
        assert context[span.start : span.end] == span.text
        assert 0 <= span.confidence <= 1
    assert len({(span.start, span.end) for span in answer.nbest}) == len(answer.nbest)
    assert 0 <= answer.no_answer_confidence <= 1
    assert sum(span.confidence for span in answer.nbest) + answer.no_answer_confidence <= 1 + 1e-6


WORDS = {"contract": 9.0}
irrelevant = st.lists(
    st.sampled_from(["please bring your card", "early in the morning", "the old clinic"]), min_size=12
)


@slow_enough
@given(before=irrelevant, after=irrelevant, holds=st.booleans(), threshold=st.sampled_from([-5.0, 0.0, 5.0]))
def test_a_window_that_holds_nothing_of_interest_does_not_change_the_decision(before, after, holds, threshold):
    predictor = lookup(WORDS, version_2_with_negative=True, null_score_diff_threshold=threshold)
    passage = "who signed the contract?" if holds else "who signed it?"
    short = answer_to(predictor, "what was signed?", passage)
    long = answer_to(predictor, "what was signed?", ". ".join([*before, passage, *after]))
    assert long.num_windows > short.num_windows
    assert (long.text == "") == (short.text == "") == (not holds)
    assert long.text == short.text


@slow_enough
@given(
    before=st.lists(st.sampled_from([p for p in PIECES if "contract" not in p]), max_size=60).map(" ".join),
    after=st.lists(st.sampled_from([p for p in PIECES if "contract" not in p]), max_size=60).map(" ".join),
    border=st.sampled_from([" ", "\r\n", "\t", "\u00a0", " 🙂 ", " e\u0301 ", " שלום "]),
)
def test_a_word_is_found_between_any_others(before, after, border):
    context = before + border + "contract" + border + after
    answer = answer_to(lookup(WORDS), "what?", context)
    assert answer.start == context.index("contract")
    assert answer.text == "contract"
