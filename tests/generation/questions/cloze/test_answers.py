from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.answers import find_answers, unit_question
from qa_pipeline.generation.questions.cloze.passages import lower_counts
from qa_pipeline.generation.questions.cloze.sentences import is_spoken, sentences_of
from qa_pipeline.generation.questions.cloze.spans import GROUPS, TYPES, resolve_types
from tests.generation.questions.cloze.conftest import EIFFEL, MANUAL, POLICY, TOWER


def answers(text: str, *names: str) -> dict[str, set[str]]:
    sentences = sentences_of(text)
    found: dict[str, set[str]] = {}
    for answer in find_answers(text, sentences, lower_counts([sentences]), resolve_types(names or None)):
        found.setdefault(answer.span.kind, set()).add(answer.text)
    return found


@pytest.mark.parametrize(
    ("sentence", "kind", "answer"),
    [
        ("The treaty was signed on 12 May 1705 in the old town hall.", "date", "12 May 1705"),
        ("The treaty was signed in the autumn of 1705 by both kings.", "year", "1705"),
        ("The offices of the town hall open at 9:30 a.m. on all weekdays.", "time", "9:30 a.m."),
        ("The town grew quickly during the late 19th century because of coal.", "century", "late 19th century"),
        ("About 43.8% of all voters stayed at home on that day.", "percent", "43.8%"),
        ("The new bridge has cost $1.5 million so far, they say.", "money", "$1.5 million"),
        ("The private report costs £120 at the front desk.", "money", "£120"),
        ("The fine is 20 pence for each day, they say.", "money", "20 pence"),
        ("The doors open from 8:00 am to 6:30 pm on all weekdays.", "time", "8:00 am to 6:30 pm"),
        ("The doors are open between 9:30 and 17:00 on Mondays.", "time", "9:30 and 17:00"),
        ("You can book a visit by phone on 01572 555 0142 at noon.", "phone", "01572 555 0142"),
        ("They answer on +44 20 7946 0958 until the evening.", "phone", "+44 20 7946 0958"),
        ("Please call (555) 123-4567 before you visit the house.", "phone", "(555) 123-4567"),
        ("The practice was founded by Dr. Helen Marsh in the town.", "person", "Dr. Helen Marsh"),
        ("The wall is about 120 kilometres long and very old.", "quantity", "120 kilometres"),
        ("There were 1,200 students at the school in those days.", "number", "1,200"),
        ("There were twenty-five students at the school in those days.", "number", "twenty-five"),
        ("The house was sold by Robert Miller to his cousin.", "person", "Robert Miller"),
        ("She studied at the University of Chicago for three years.", "organization", "University of Chicago"),
        ("The whole family moved to Lisbon when the war began.", "place", "Lisbon"),
        ("He is best known for the song “Blue in Green” of that year.", "title", "Blue in Green"),
        ("The pump is switched off in order to save electric power.", "purpose", "in order to save electric power"),
        ("The text is made safe by using a secret key of the owner.", "manner", "by using a secret key of the owner"),
        ("The road was closed because the river had flooded the bridge.", "reason", "the river had flooded the bridge"),
        ("The shop sells fruit such as apples, pears and cherries.", "examples", "apples, pears and cherries"),
    ],
)
def test_answers_are_found_and_typed(sentence, kind, answer):
    assert answer in answers(sentence).get(kind, set()), answers(sentence)


def test_a_word_that_usually_is_in_lower_case_is_no_name():
    text = "Rivers are long. Many rivers flow into the sea. Some Rivers are deep."
    assert "Rivers" not in {name for kind in GROUPS["name"] for name in answers(text).get(kind, set())}


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("The doors open from 8:00 am to 6:30 pm on all days.", "number", "00"),
        ("You can book a visit by phone on 01572 555 0142 at noon.", "number", "555"),
        ("The practice is at 14 Mill Lane and has 3 rooms.", "number", "14"),
        ("They reigned from 1914-1918 and then again from 1939.", "phone", "1914-1918"),
        ("Please cancel your visit a day before it is due.", "name", "Please"),
        ("Collect the parcel from the shop next door.", "name", "Collect"),
        ("It costs £65 a year for every car in town.", "phrase", "year"),
    ],
)
def test_no_part_of_a_time_phone_number_or_address_is_an_answer(text, kind, part):
    assert part not in answers(text).get(kind, set())


def test_a_thousands_separator_belongs_to_the_number():
    assert answers("The park covers 1,160,000 square miles of land.")["quantity"] == {"1,160,000 square miles"}


@pytest.mark.parametrize(
    ("value", "wh"), [("17 seconds", "how long"), ("120 km", "how far"), ("3 tonnes", "how heavy")]
)
def test_a_unit_decides_the_question(value, wh):
    assert unit_question(value) == wh


def test_texts_that_speak_to_a_reader_are_told_from_those_that_do_not():
    assert is_spoken(sentences_of(POLICY)) and is_spoken(sentences_of(MANUAL))
    assert not is_spoken(sentences_of(TOWER)) and not is_spoken(sentences_of(EIFFEL))


def test_types_can_be_limited_to_groups_and_single_types():
    assert set(answers(TOWER, "date", "person")) <= {*GROUPS["date"], "person"}
    assert resolve_types(None) == set(TYPES)


def test_an_unknown_type_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"groups date, number.*found 'dates'"):
        resolve_types(["dates"])


def test_sentences_and_words_keep_their_offsets():
    for text in (TOWER, POLICY, "One line here\n\nAnother line, with 7-day words e.g. this. And more of it!"):
        sentences = sentences_of(text)
        assert sentences == sorted(sentences, key=lambda s: s.start)
        for sentence in sentences:
            assert text[sentence.start : sentence.end].strip() == text[sentence.start : sentence.end] != ""
            assert all(text[word.start : word.end] == word.text for word in sentence.words)


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=200)
    | st.text("We yu may share 12.% A,(“”\n1990s", max_size=120)
)
def test_any_text_gives_answers_that_lie_in_it(text):
    sentences = sentences_of(text)
    for answer in find_answers(text, sentences, Counter(), frozenset(TYPES)):
        assert text[answer.span.start : answer.span.end] == answer.text != ""
        sentence = sentences[answer.sentence]
        assert sentence.start <= answer.span.start < answer.span.end <= sentence.end
