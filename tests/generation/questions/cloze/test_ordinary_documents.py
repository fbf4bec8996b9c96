"""Leaflets, terms and price lists: what is no policy and no encyclopedia."""

from __future__ import annotations

import re

import pytest

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.questions.cloze import ClozeGenerator, Collection
from qa_pipeline.generation.questions.cloze.asking import Candidate, is_balanced, question_fault
from qa_pipeline.generation.questions.cloze.services import Services
from qa_pipeline.generation.questions.cloze.spans import TYPES, TypedSpan
from qa_pipeline.generation.types import Draft, Rejected
from tests.generation.questions.cloze.conftest import MANUAL, POLICY, passage

LEAFLET = (
    "# Hill Practice - Leaflet\n\n"
    "Welcome to Hill Practice, 14 Mill Lane. Our practice was founded in 1987 by Dr. Helen Marsh\n"
    "and today looks after about 9,400 registered patients.\n\n"
    "We are open Monday to Friday from 8:00 am to 6:30 pm, and on Saturdays from 9:00 am to 12:00 noon.\n"
    "In an emergency outside these hours, call **111**. You can book a visit by phone on 01572 555 0142.\n"
    "Repeat prescriptions take **two working days** to process. Please cancel at least 24 hours before your visit.\n\n"
    "| Service | Fee |\n|---|---|\n| Blood test | £12 |\n| Private report | £120 |\n\n"
    "Complaints should be sent in writing to the practice manager, Mrs. Joan Petty. She replies within five days."
)


def leaflet() -> Passage:
    return Passage(passage_id("leaflet", LEAFLET), "leaflet", LEAFLET)


def made(seed: int) -> list[Draft]:
    generator = ClozeGenerator(seed=seed, questions_per_context=25)
    return [draft for draft in generator.drafts([leaflet()]) if isinstance(draft, Draft)]


@pytest.fixture(scope="module")
def drafts() -> list[Draft]:
    return [draft for seed in range(8) for draft in made(seed)]


def test_no_answer_holds_a_mark_and_every_answer_is_a_slice(drafts):
    assert len(drafts) >= 100
    for draft in drafts:
        assert LEAFLET[draft.start : draft.start + len(draft.answer)] == draft.answer
        assert not set("*#|") & set(draft.answer + draft.question), (draft.question, draft.answer)


def test_times_numbers_and_names_stay_whole(drafts):
    for draft in drafts:
        text = draft.question + " " + draft.answer
        assert not re.search(r"(?<!:)\b(?:00|30) (?:am|pm)|: \d|\bDr\b(?!\.)|dollar", text), text
        for part in ("01572", "555", "0142"):
            assert part not in text or "01572 555 0142" in text, text
    answers = {draft.answer for draft in drafts}
    assert {"01572 555 0142", "Dr. Helen Marsh", "8:00 am to 6:30 pm", "£120"} <= answers
    assert not answers & {"14", "00", "call", "Please", "Repeat"}


def test_headings_and_addresses_are_not_asked_about(drafts):
    assert not any("Mill Lane" in draft.question or "Leaflet" in draft.question + draft.answer for draft in drafts)


def test_a_leaflet_is_not_asked_as_a_policy_is(drafts):
    frames = {draft.details["template"].split("/")[0] for draft in drafts}
    assert frames <= {"general", "table", "instruction", "consequence"}
    asked = " ".join(draft.question for draft in drafts)
    assert not re.search(r"the (?:web)?site|the company|the provider|notify|my (?:data|information)", asked)
    assert not re.search(r"\b(?:our|us)\b", asked)


@pytest.mark.parametrize(("text", "service"), [(POLICY, True), (MANUAL, False), (LEAFLET, False)])
def test_a_text_is_about_a_service_where_it_speaks_of_the_handling_of_data(text, service):
    (read,) = Collection([passage(text, "one")]).passages
    assert read.spoken and Services(frozenset(TYPES)).applies(read) is service


def test_a_short_paragraph_of_a_policy_is_one_by_itself():
    text = (
        "We collect your name and e-mail address when you register for an account. We use this information to help you."
    )
    assert Services(frozenset(TYPES)).applies(Collection([passage(text, "one")]).passages[0])


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ("What Riverside Family Practice Leaflet?", "no_verb"),
        ("00 am to 6:30 pm, and on what is it?", "fragment"),
        ("And was opened in what year?", "fragment"),
        ("What is the (old town hall?", "fragment"),
        ("Who said the “old hall is closed?", "fragment"),
        ("What * * is called outside these hours?", "fragment"),
        ("When is the practice open on Saturdays?", None),
        ("If it rains, where do they play?", None),
    ],
)
def test_what_is_no_sentence_is_refused_with_its_reason(question, fault):
    assert question_fault(question, Candidate(TypedSpan(0, 3, "phrase"), "answer", 0)) == fault


def test_brackets_and_quotes_are_balanced_or_not():
    assert is_balanced('the (old) "hall" [1] and “so”') and not is_balanced("a ) b (") and not is_balanced('the "hall')


def test_refusals_are_counted():
    items = [item for seed in range(6) for item in ClozeGenerator(seed=seed).drafts([passage(LEAFLET, "one")])]
    reasons = {item.reason for item in items if isinstance(item, Rejected)}
    assert reasons <= {"no_verb", "fragment", "question_too_short", "answer_in_question", "same_question", "no_wording"}
