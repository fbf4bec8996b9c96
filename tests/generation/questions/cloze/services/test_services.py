from __future__ import annotations

import re

import numpy as np
import pytest

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.questions.cloze import ClozeGenerator, Collection
from qa_pipeline.generation.questions.cloze.asking import MOST_WORDINGS, MOST_WORDINGS_OF_SENTENCE
from qa_pipeline.generation.questions.cloze.sentences import sentences_of
from qa_pipeline.generation.questions.cloze.services import SELDOM_ASKED, Services, _each_category_once
from qa_pipeline.generation.questions.cloze.services.categories import CATEGORIES, category_name, category_of_noun
from qa_pipeline.generation.questions.cloze.services.frames import BY_US, BY_YOU, HANDLING, StatedAnswer, stated_answers
from qa_pipeline.generation.questions.cloze.services.wordings import BY_CATEGORY, WORDINGS, frame_question
from qa_pipeline.generation.questions.cloze.spans import TYPES, TypedSpan
from qa_pipeline.generation.questions.cloze.voice import choose_voice
from qa_pipeline.generation.types import Draft
from tests.generation.questions.cloze.conftest import MANUAL, POLICY, passage

TRACKING = (
    "We collect your GPS coordinates and the type of your browser when you visit our website. "
    "We may share your IP address with advertising networks for market research. "
    "We also collect your zip code. We will disclose what we know to law enforcement. "
    "You may opt out of the use of cookies at any time by writing to our office in Dublin."
)


def names(kind: str, text: str) -> set[str]:
    return {name for seed in range(200) if (name := category_name(kind, text, np.random.default_rng(seed))) is not None}


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
                stated = StatedAnswer(TypedSpan(0, len(text), kind), frame, "us", "share", "", (kind, 0))
                made = frame_question(stated, text, choose_voice(rng), rng)
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
        for one in stated_answers(TRACKING, sentence)
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
    assert not any(one.category for sentence in sentences_of(text) for one in stated_answers(text, sentence))


def drafts(budget: int = 40, **options) -> list[Draft]:
    generator = ClozeGenerator(seed=0, questions_per_context=budget, **options)
    return [draft for draft in generator.drafts([passage(TRACKING, "tracking")]) if isinstance(draft, Draft)]


def test_a_question_calls_the_answer_by_another_name():
    asked = {(draft.question, draft.answer) for draft in drafts() if "/category/" in draft.details["template"]}
    answers = {answer for _, answer in asked}
    assert "GPS coordinates" in answers or "zip code" in answers
    assert any("location" in question for question, answer in asked if answer in ("GPS coordinates", "zip code"))


def test_a_passage_names_each_category_once():
    (read,) = Collection([passage(TRACKING, "tracking")]).passages
    named = _each_category_once(Services(frozenset(TYPES))._stated_answers(read))
    categories = [stated.category for _, stated in named if stated.category is not None]
    assert len(categories) == len(set(categories)) > 3
    of_sentences = [one.category for s in sentences_of(TRACKING) for one in stated_answers(TRACKING, s) if one.category]
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
    [stated] = [
        one
        for sentence in sentences_of("We may share our third parties on the map.")
        for one in stated_answers("We may share our third parties on the map.", sentence)
        if one.span.kind == "action" and one.span.start == 0
    ]
    assert stated.topic == "third parties"
    asked = set()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        asked.add(frame_question(stated, "We may share", choose_voice(rng), rng)[0])
    assert not any("my third parties" in question or "the third parties" in question for question in asked)
    assert any(" with " in question for question in asked)
    for question in asked:
        assert not re.search(r"\b(?:share|shared)\b.* to |\b(?:give|disclose|sell|release|pass)\b.* with ", question), (
            question
        )


def stated() -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for sentence in sentences_of(POLICY):
        for answer in stated_answers(POLICY, sentence):
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
    assert answer in stated().get((frame, kind), set()), stated()


def test_every_wording_can_be_filled_and_is_a_question():
    from dataclasses import replace

    one = next(stated_answers(POLICY, sentences_of(POLICY)[0]))
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


def applies(text: str) -> bool:
    return Services(frozenset(TYPES)).applies(Collection([passage(text, "one")]).passages[0])


CLINIC = {
    "fees": (
        "A private medical report costs £120, and a travel vaccination costs £45. You pay at the front desk by card or "
        "in cash. We send you a bill for reports that take more than two hours, and you have 30 days to pay it."
    ),
    "privacy": (
        "We keep your medical records confidential and share your information with the hospital only. "
        "You may ask to see your personal data at any time."
    ),
    "hours": (
        "We are open from Monday to Friday between 8:00 am and 6:30 pm. Please call us before 10:00 am if you need a "
        "visit at your home. Our practice looks after about 9,400 patients."
    ),
}


def clinic(one_passage: bool) -> list[Passage]:
    texts = ["\n\n".join(CLINIC.values())] if one_passage else list(CLINIC.values())
    return [passage(text, "leaflet") for text in texts]


def is_of_plugin(draft: Draft) -> bool:
    return draft.details["template"].split("/")[0] in {*BY_US, *BY_YOU, "child", "cookie"}


@pytest.mark.parametrize("seed", range(5))
def test_two_sentences_on_privacy_do_not_make_a_leaflet_a_policy(seed):
    made = [d for d in ClozeGenerator(seed=seed).drafts(clinic(one_passage=True)) if isinstance(d, Draft)]
    assert len(made) == 5 and not any(map(is_of_plugin, made))


def test_the_passages_of_a_leaflet_are_asked_about_as_what_they_are():
    made = [
        d
        for seed in range(5)
        for d in ClozeGenerator(seed=seed).drafts(clinic(one_passage=False))
        if isinstance(d, Draft)
    ]
    of_plugin = {draft.passage.text for draft in made if is_of_plugin(draft)}
    assert of_plugin == {CLINIC["privacy"]}
    on_fees = {draft.answer for draft in made if draft.passage.text == CLINIC["fees"]}
    assert on_fees & {"£120", "£45"}


def test_a_passage_of_a_policy_may_say_little_of_data_itself():
    own = "We write to you when these terms change. This policy is then sent by post. You can read it at home."
    alone, of_policy = (
        Collection([passage(text, "policy") for text in texts]).passages for texts in ([own], [own, POLICY, TRACKING])
    )
    plugin = Services(frozenset(TYPES))
    assert not any(map(plugin.applies, alone))
    assert all(map(plugin.applies, of_policy))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (POLICY, True),
        (TRACKING, True),
        (MANUAL, False),
        ("For more information, please visit our web site. You can call us on Mondays.", False),
        ("The data of all users were collected by the town. Cookies were shared with third parties.", False),
    ],
)
def test_it_applies_where_a_text_tells_its_reader_how_data_are_handled(text, expected):
    assert applies(text) is expected


def test_it_can_be_switched_off():
    policy = [passage(POLICY, "policy")]
    on, off = (
        [d for d in ClozeGenerator(plugins=names, questions_per_context=10).drafts(policy) if isinstance(d, Draft)]
        for names in (("services",), ("none",))
    )
    assert any(map(is_of_plugin, on)) and off and not any(map(is_of_plugin, off))


def test_what_a_leaflet_states_of_data_is_no_unanswerable_question_about_it():
    read = Collection(clinic(one_passage=True)).passages[0]
    plugin = Services(frozenset(TYPES))
    assert not plugin.applies(read) and {"share", "keep"} <= plugin.topics(read)
