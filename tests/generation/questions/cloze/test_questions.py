from __future__ import annotations

import numpy as np
import pytest

from qa_pipeline.generation.questions.cloze.clauses import clause_around
from qa_pipeline.generation.questions.cloze.questions import general_question
from qa_pipeline.generation.questions.cloze.voice import choose_voice
from qa_pipeline.generation.questions.cloze.words import base_form, cut


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


@pytest.mark.parametrize(
    ("sentence", "answer", "kind", "expected"),
    [
        (
            "When you hand the key in late, the office charges £12 a day.",
            "office",
            "phrase",
            "What charges £12 a day when you hand the key in late?",
        ),
        (
            "If the battery is empty, the lamp blinks three times.",
            "three",
            "number",
            "How many times does the lamp blink if the battery is empty?",
        ),
        (
            "Unless you tell us by 1 May, your place goes to a new student.",
            "new student",
            "modified",
            "What does your place go to unless you tell us by 1 May?",
        ),
        (
            "Although the museum is small, it holds 4,000 paintings.",
            "4,000",
            "number",
            "How many paintings does it hold although the museum is small?",
        ),
        (
            "Once we have the parcel, we send the money to Graz.",
            "Graz",
            "place",
            "Where do we send the money once we have the parcel?",
        ),
    ],
)
def test_a_clause_in_front_goes_behind_the_main_clause_that_is_asked_about(sentence, answer, kind, expected):
    assert expected in questions(sentence, answer, kind)


@pytest.mark.parametrize(
    ("sentence", "answer", "kind", "expected"),
    [
        # What was taken for a noun is a verb: no question, and not "What a visit without notice, we charge £25?".
        ("If you miss a visit without notice, we charge £25.", "miss", "phrase", ""),
        ("When you hand the key in late, the office charges £12 a day.", "hand", "phrase", ""),
        ("While the pump runs, the green light is on.", "pump runs", "phrase", ""),
        (
            "If you miss a visit without notice, we charge £25.",
            "visit",
            "phrase",
            "If you miss what without notice, we charge £25?",
        ),
        (
            "If the battery is empty, the red lamp blinks three times.",
            "battery",
            "subject",
            "If what is empty, the red lamp blinks three times?",
        ),
        (
            "Although the museum is small, it holds 4,000 paintings.",
            "museum",
            "subject",
            "Although what is small, it holds 4,000 paintings?",
        ),
        (
            "Because the river floods the road in spring, the bus stops at Mill Lane.",
            "road",
            "phrase",
            "Because the river floods what in spring, the bus stops at Mill Lane?",
        ),
        ("If you lose your card, call the office.", "card", "phrase", "If you lose what, call the office?"),
    ],
)
def test_an_answer_in_a_clause_in_front_is_asked_for_in_its_place_or_not_at_all(sentence, answer, kind, expected):
    assert questions(sentence, answer, kind) == {expected}


def test_only_a_text_that_speaks_to_its_reader_tells_him_what_to_do():
    text = "Delete old files of the pump with a soft brush."
    clause = clause_around(tuple(cut(text)), text.index("soft"), text.index("soft") + len("soft brush"))
    asked = [
        {general_question(clause, "modified", np.random.default_rng(seed), spoken=spoken)[1] for seed in range(9)}
        for spoken in (True, False)
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


def test_the_reader_speaks_of_the_service_and_of_himself():
    voices = {
        choose_voice(np.random.default_rng(seed)).reword_text("we may send you our offers to your address")
        for seed in range(60)
    }
    assert "you may send me your offers to my address" in voices
    assert "they may send me their offers to my address" in voices
    assert not any(" our " in text or text.startswith("we ") for text in voices)
