from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.generation.questions.cloze.clauses import clause_around
from qa_pipeline.generation.questions.cloze.frame_questions import WORDINGS, frame_question
from qa_pipeline.generation.questions.cloze.frames import BY_US, BY_YOU, framed_answers
from qa_pipeline.generation.questions.cloze.noise import NO_NOISE, Noise, add_noise
from qa_pipeline.generation.questions.cloze.questions import general_question
from qa_pipeline.generation.questions.cloze.sentences import sentences_of
from qa_pipeline.generation.questions.cloze.spans import TYPES
from qa_pipeline.generation.questions.cloze.voice import choose_voice
from qa_pipeline.generation.questions.cloze.words import base_form, cut
from tests.generation.questions.cloze.conftest import POLICY


def questions(sentence: str, answer: str, kind: str, seeds: int = 40) -> set[str]:
    start = sentence.index(answer)
    clause = clause_around(tuple(cut(sentence)), start, start + len(answer))
    return {general_question(clause, kind, np.random.default_rng(seed))[0] for seed in range(seeds)}


@pytest.mark.parametrize(
    ("sentence", "answer", "kind", "expected"),
    [
        ("Ada Lovelace wrote the first program.", "Ada Lovelace", "person", "Who wrote the first program?"),
        ("The school was founded in 1890.", "1890", "year", "When was the school founded?"),
        ("Tesla moved to Paris in 1882.", "Paris", "place", "Where did Tesla move in 1882?"),
        ("The zoo has 300 animals from Asia.", "300", "number", "How many animals does the zoo have from Asia?"),
        (
            "The king travelled to Rome to meet the pope.",
            "to meet the pope",
            "purpose",
            "Why did the king travel to Rome?",
        ),
        (
            "In 1910 , she built a small house near the lake.",
            "small house",
            "modified",
            "What did she build near the lake in 1910?",
        ),
        ("Our practice was opened by Dr. Helen Marsh.", "Dr. Helen Marsh", "person", "Who was our practice opened by?"),
        (
            "The mill was closed in 1990 and today looks after about 40 old cars.",
            "40",
            "number",
            "How many old cars does the mill today look after?",
        ),
        ("Please call 111 in an emergency.", "111", "phone", "What phone number should you call in an emergency?"),
        (
            "If you need longer, ask for a double appointment.",
            "If you need longer",
            "condition",
            "When should you ask for a double appointment?",
        ),
        ("Others pay an annual fee of £18.", "£18", "money", "What annual fee do others pay?"),
        (
            "The permits cost £65 a year for the first car and £90 for the second.",
            "£90",
            "money",
            "How much do the permits cost for the second?",
        ),
        (
            "The shop is open on Mondays from 8:00 am to 6:30 pm, and on Fridays from 9:00 am to 12:00 noon.",
            "9:00 am to 12:00 noon",
            "time",
            "When is the shop open on Fridays?",
        ),
        (
            "The dogs are admitted between 8:00 am and 11:00 am.",
            "8:00 am and 11:00 am",
            "time",
            "Between what times are the dogs admitted?",
        ),
        (
            "Letters should be sent to the practice manager, Mrs. Joan Petty.",
            "Mrs. Joan Petty",
            "person",
            "Who is the practice manager?",
        ),
    ],
)
def test_questions_have_the_order_of_english_ones(sentence, answer, kind, expected):
    assert expected in questions(sentence, answer, kind)


def test_only_a_text_that_speaks_to_its_reader_tells_him_what_to_do():
    text = "Delete old files of the pump with a soft brush."
    clause = clause_around(tuple(cut(text)), text.index("soft"), text.index("soft") + len("soft brush"))
    asked = [
        {general_question(clause, "modified", np.random.default_rng(seed), told=told)[1] for seed in range(9)}
        for told in (True, False)
    ]
    assert asked[0] == {"imperative"} and "imperative" not in asked[1]


@pytest.mark.parametrize(("answer", "wrong"), [("£120", "dollar"), ("€30", "dollar"), ("20 pence", "dollar")])
def test_money_is_not_asked_for_in_another_currency(answer, wrong):
    asked = questions(f"The private report costs {answer} at the desk.", answer, "money")
    assert asked and not any(wrong in question for question in asked)


def test_a_clause_is_short_but_long_enough_and_holds_the_answer():
    text = (
        "When the rain had stopped, the farmers went back to the wet fields, "
        "and the children played near the river until dark."
    )
    start = text.index("river")
    clause = clause_around(tuple(cut(text)), start, start + 5)
    words = [word.text for word in (*clause.before, *clause.answer, *clause.after)]
    assert words == ["the", "children", "played", "near", "the", "river", "until", "dark"] or len(words) >= 10
    assert "rain" not in words and [word.text for word in clause.answer] == ["river"]


@pytest.mark.parametrize(
    ("verb", "base", "auxiliary"),
    [
        ("wrote", "write", "did"),
        ("stopped", "stop", "did"),
        ("agreed", "agree", "did"),
        ("carries", "carry", "does"),
        ("live", "live", "do"),
    ],
)
def test_verbs_find_their_base(verb, base, auxiliary):
    assert base_form(cut(f"they {verb}")[1]) == (base, auxiliary)


@given(
    st.lists(st.sampled_from(["the", "old", "castle", "stands", "near", "a", "river", "of", "gold"]), max_size=20),
    st.integers(0, 99),
)
def test_noise_only_drops_blanks_and_moves_words(tokens, seed):
    noise = Noise(shuffle=2, drop=0.3, blank=0.3)
    noisy = add_noise(tokens, np.random.default_rng(seed), noise)
    assert len(noisy) <= len(tokens)
    assert set(noisy) <= {*tokens, "something"}
    assert add_noise(tokens, np.random.default_rng(seed), NO_NOISE) == tokens


def test_shuffling_moves_no_word_far():
    tokens = [f"w{i}" for i in range(50)]
    moved = add_noise(tokens, np.random.default_rng(0), Noise(shuffle=2, drop=0, blank=0))
    assert sorted(moved) == sorted(tokens) and moved != tokens
    assert max(abs(moved.index(token) - i) for i, token in enumerate(tokens)) <= 2


def test_shuffling_keeps_to_stretches_between_punctuation_and_keeps_phrases_together():
    tokens = ["its", "practice", "was", "founded", ",", "in", "the", "town", ",", "by", "a", "doctor"]
    for seed in range(50):
        moved = add_noise(tokens, np.random.default_rng(seed), Noise(shuffle=2, drop=0, blank=0))
        assert [i for i, token in enumerate(moved) if token == ","] == [4, 8]
        assert "its practice" in " ".join(moved) and "was founded" in " ".join(moved) and "a doctor" in " ".join(moved)


def test_auxiliaries_are_not_dropped_and_verbs_not_blanked():
    for seed in range(50):
        noisy = add_noise(["did", "we", "close"], np.random.default_rng(seed), Noise(shuffle=0, drop=0.9, blank=0.9))
        assert "did" in noisy and "something" not in noisy


def framed() -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for sentence in sentences_of(POLICY):
        for answer in framed_answers(POLICY, sentence):
            key = (answer.frame, answer.span.kind)
            found.setdefault(key, set()).add(POLICY[answer.span.start : answer.span.end])
    return found


@pytest.mark.parametrize(
    ("frame", "kind", "answer"),
    [
        ("share", "action", "We may share"),
        ("share", "information", "email address"),
        ("share", "recipient", "third parties"),
        ("share", "purpose", "in order to send you special offers"),
        ("collect", "information", "name and postal address"),
        ("collect", "condition", "when you register for an account"),
        ("keep", "duration", "as long as your account is open"),
        ("instruction", "manner", "click the link at the bottom of each message"),
        ("protect", "sentence", "All passwords are encrypted so that unauthorized persons cannot read them."),
    ],
)
def test_statements_of_a_service_are_taken_apart(frame, kind, answer):
    assert answer in framed().get((frame, kind), set()), framed()


def test_every_wording_can_be_filled_and_is_a_question():
    from dataclasses import replace

    one = next(framed_answers(POLICY, sentences_of(POLICY)[0]))
    for frame, kinds in WORDINGS.items():
        for kind in kinds:
            assert kind in TYPES
            asked = set()
            for seed in range(30):
                rng = np.random.default_rng(seed)
                made = frame_question(
                    replace(one, frame=frame, span=replace(one.span, kind=kind)), "gadgets", choose_voice(rng), rng
                )
                assert made is not None and made[1].startswith((f"{frame}/{kind}/", f"{frame}/action/"))
                asked.add(made[0])
            assert all(
                q.endswith("?") and q[0].isupper() and not set(q) & set("<>{}|") and "  " not in q for q in asked
            ), asked


def test_every_frame_with_verbs_has_wordings():
    assert {*BY_US, *BY_YOU} <= set(WORDINGS)


def test_the_reader_speaks_of_the_service_and_of_himself():
    voices = {
        choose_voice(np.random.default_rng(seed)).reworded("we may send you our offers to your address")
        for seed in range(60)
    }
    assert "you may send me your offers to my address" in voices
    assert "they may send me their offers to my address" in voices
    assert not any(" our " in text or text.startswith("we ") for text in voices)
