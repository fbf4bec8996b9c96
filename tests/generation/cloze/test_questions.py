from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.generation.cloze.clauses import clause_around
from qa_pipeline.generation.cloze.frame_questions import WORDINGS, frame_question
from qa_pipeline.generation.cloze.frames import BY_US, BY_YOU, framed_answers
from qa_pipeline.generation.cloze.questions import NO_NOISE, Noise, add_noise, general_question
from qa_pipeline.generation.cloze.sentences import sentences_of
from qa_pipeline.generation.cloze.spans import TYPES
from qa_pipeline.generation.cloze.voice import choose_voice
from qa_pipeline.generation.cloze.words import base_form, cut
from tests.generation.cloze.conftest import POLICY


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
    ],
)
def test_questions_have_the_order_of_english_ones(sentence, answer, kind, expected):
    assert expected in questions(sentence, answer, kind)


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
    noise = Noise(shuffle=3, drop=0.3, blank=0.3)
    noisy = add_noise(tokens, np.random.default_rng(seed), noise)
    assert len(noisy) <= len(tokens)
    assert set(noisy) <= {*tokens, "something"}
    assert add_noise(tokens, np.random.default_rng(seed), NO_NOISE) == tokens


def test_shuffling_moves_no_word_far():
    tokens = [f"w{i}" for i in range(50)]
    moved = add_noise(tokens, np.random.default_rng(0), Noise(shuffle=3, drop=0, blank=0))
    assert sorted(moved) == sorted(tokens) and moved != tokens
    assert max(abs(moved.index(token) - i) for i, token in enumerate(tokens)) <= 3


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
                    replace(one, frame=frame, span=replace(one.span, kind=kind)), choose_voice(rng), rng
                )
                assert made is not None and made[1].startswith(f"{frame}/{kind}/")
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
