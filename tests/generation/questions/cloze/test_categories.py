from __future__ import annotations

import re

import numpy as np
import pytest

from qa_pipeline.generation.questions.cloze import ClozeGenerator, ClozeOptions, Collection
from qa_pipeline.generation.questions.cloze.categories import CATEGORIES, called, category_of_noun
from qa_pipeline.generation.questions.cloze.engine import MOST_WORDINGS, MOST_WORDINGS_OF_SENTENCE, SELDOM_ASKED
from qa_pipeline.generation.questions.cloze.frame_questions import BY_CATEGORY, WORDINGS, frame_question
from qa_pipeline.generation.questions.cloze.frames import HANDLING, Framed, framed_answers
from qa_pipeline.generation.questions.cloze.sentences import sentences_of
from qa_pipeline.generation.questions.cloze.spans import Span
from qa_pipeline.generation.questions.cloze.voice import choose_voice
from qa_pipeline.generation.types import Draft
from tests.generation.questions.cloze.conftest import passage

TRACKING = (
    "We collect your GPS coordinates and the type of your browser when you visit our website. "
    "We may share your IP address with advertising networks for market research. "
    "We also collect your zip code. We will disclose what we know to law enforcement. "
    "You may opt out of the use of cookies at any time by writing to our office in Dublin."
)


def names(kind: str, text: str) -> set[str]:
    return {name for seed in range(200) if (name := called(kind, text, np.random.default_rng(seed))) is not None}


@pytest.mark.parametrize(
    ("kind", "text", "expected", "never"),
    [
        ("information", "GPS coordinates", "{my} location", "{my} payment information"),
        ("information", "Social Security number", "{my} identity", "{my} location"),
        ("information", "zip code", "{my} location", "survey data"),
        ("purpose", "to measure the effectiveness of our campaigns", "for analytics", "for legal reasons"),
        ("purpose", "to process your order", "for basic services", "for marketing"),
        ("recipient", "its subsidiaries", "affiliates", "the government"),
        ("recipient", "courts", "the authorities", "advertisers"),
        ("condition", "when you register for an account", "when {i} have an account", "on {my} device"),
    ],
)
def test_an_answer_is_called_by_its_kind(kind, text, expected, never):
    found = names(kind, text)
    assert expected in found and never not in found


def test_what_belongs_to_no_kind_has_no_name():
    assert not names("information", "bread and butter")
    assert not names("action", "we share")


@pytest.mark.parametrize("kind", list(CATEGORIES))
def test_a_name_that_the_answer_holds_is_not_taken(kind):
    for category in CATEGORIES[kind]:
        for name in category.asked:
            bare = name.removeprefix("{my} ")
            assert name not in names(kind, f"all of {bare}, too")


def test_a_noun_alone_does_not_tell_what_every_statement_has():
    assert category_of_noun("purpose", "market research") is not None
    assert category_of_noun("purpose", "your request") is None
    assert names("purpose", "to answer your request")


def test_every_question_by_category_can_be_filled_for_every_name():
    for frame, kinds in BY_CATEGORY.items():
        assert set(HANDLING[frame]) <= set(kinds) <= set(WORDINGS[frame])
        for kind in kinds:
            asked = set()
            for seed in range(200):
                rng = np.random.default_rng(seed)
                category = CATEGORIES[kind][seed % len(CATEGORIES[kind])]
                text = next(w for w in WORDS[kind] if category.named.search(w))
                framed = Framed(Span(0, len(text), kind), frame, "us", "share", "", (kind, 0))
                made = frame_question(framed, text, choose_voice(rng), rng)
                assert made is not None and made[1].startswith(f"{frame}/category/{kind}/")
                asked.add(made[0])
            assert all(q.endswith("?") and not set(q) & set("<>{}|") and "  " not in q for q in asked), asked


WORDS = {
    "information": [
        "bank data",
        "insurance number",
        "e-mail",
        "GPS data",
        "birthday",
        "passport",
        "clicks",
        "device number",
        "pixels",
        "operating system",
        "friends",
        "comments",
        "profiles",
        "statistics",
    ],
    "purpose": [
        "ads",
        "sweepstakes",
        "measurement",
        "tailored pages",
        "fraud detection",
        "subpoenas",
        "acquisition",
        "enhancement",
        "delivery",
    ],
    "recipient": ["ad servers", "vendors", "subsidiaries", "police", "visitors", "businesses"],
    "condition": [
        "if you browse",
        "if you sign up",
        "if you submit a form",
        "if you buy",
        "if you use an app",
        "by way of Facebook",
    ],
}


def test_what_is_named_in_a_sentence_about_data_is_found_wherever_it_stands():
    named = {
        (TRACKING[one.span.start : one.span.end], one.frame, one.category[0])
        for sentence in sentences_of(TRACKING)
        for one in framed_answers(TRACKING, sentence)
        if one.category is not None
    }
    assert {
        ("GPS coordinates", "collect", "information"),
        ("IP address", "share", "information"),
        ("market research", "share", "purpose"),
        ("law enforcement", "share", "recipient"),
    } <= named
    assert not any(text == "office" or "Dublin" in text for text, *_ in named)


def test_sentences_that_handle_no_data_name_nothing():
    text = "You may contact the police or your bank. Advertisers should write to the office in Dublin."
    assert not any(one.category for sentence in sentences_of(text) for one in framed_answers(text, sentence))


def drafts(budget: int = 40, **options) -> list[Draft]:
    generator = ClozeGenerator(seed=0, style="service", questions_per_context=budget, **options)
    return [draft for draft in generator.drafts([passage(TRACKING, "tracking")]) if isinstance(draft, Draft)]


def test_a_question_calls_the_answer_by_another_name():
    asked = {(draft.question, draft.answer) for draft in drafts() if "/category/" in draft.details["template"]}
    answers = {answer for _, answer in asked}
    assert "GPS coordinates" in answers or "zip code" in answers
    assert any("location" in question for question, answer in asked if answer in ("GPS coordinates", "zip code"))


def test_a_passage_names_each_category_once():
    of_passage = Collection([passage(TRACKING, "tracking")], ClozeOptions(style="service"))
    categories = [framed.category for _, framed in of_passage.framed(0) if framed.category is not None]
    assert len(categories) == len(set(categories)) > 3
    of_sentences = [one.category for s in sentences_of(TRACKING) for one in framed_answers(TRACKING, s) if one.category]
    assert len(of_sentences) > len(set(of_sentences)) == len(categories)


def test_what_nobody_asks_for_beside_frames_is_left_out_unless_it_is_asked_for():
    assert not {draft.details["answer_type"] for draft in drafts()} & set(SELDOM_ASKED)
    types = ("phrase", "information", "action")
    assert "phrase" in {draft.details["answer_type"] for draft in drafts(answer_types=types)}


def test_statements_as_a_whole_are_asked_for_in_more_wordings_than_their_parts():
    of_answer: dict[tuple[int, str, str], list[str]] = {}
    for draft in drafts(80):
        if not draft.details["template"].startswith("general"):
            of_answer.setdefault((draft.start, draft.answer, draft.details["answer_type"]), []).append(draft.question)
    assert all(len(set(asked)) == len(asked) for asked in of_answer.values())
    whole, part = (
        max(len(asked) for (*_, kind), asked in of_answer.items() if (kind in ("choice", "sentence")) is is_whole)
        for is_whole in (True, False)
    )
    assert part <= MOST_WORDINGS < whole <= MOST_WORDINGS_OF_SENTENCE


def test_receivers_are_not_taken_for_what_is_shared_and_verbs_have_their_prepositions():
    [framed] = [
        one
        for sentence in sentences_of("We may share our third parties on the map.")
        for one in framed_answers("We may share our third parties on the map.", sentence)
        if one.span.kind == "action" and one.span.start == 0
    ]
    assert framed.topic == "third parties"
    asked = set()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        asked.add(frame_question(framed, "We may share", choose_voice(rng), rng)[0])
    assert not any("my third parties" in question or "the third parties" in question for question in asked)
    assert any(" with " in question for question in asked)
    for question in asked:
        assert not re.search(r"\b(?:share|shared)\b.* to |\b(?:give|disclose|sell|release|pass)\b.* with ", question), (
            question
        )
