"""What makes a question read as people ask: each sentence is of a kind that help pages, contracts and minutes have."""

from __future__ import annotations

import re

import numpy as np
import pytest

from qa_pipeline.generation.questions.cloze import ClozeGenerator, lexicon
from qa_pipeline.generation.questions.cloze.answers import find_answers, pattern_spans
from qa_pipeline.generation.questions.cloze.asking import Candidate, question_fault
from qa_pipeline.generation.questions.cloze.clauses import clause_around
from qa_pipeline.generation.questions.cloze.passages import Collection
from qa_pipeline.generation.questions.cloze.questions import general_question
from qa_pipeline.generation.questions.cloze.sentences import sentences_of
from qa_pipeline.generation.questions.cloze.services import Services
from qa_pipeline.generation.questions.cloze.spans import TYPES, TypedSpan
from qa_pipeline.generation.questions.cloze.unanswerable import Case, near_miss
from qa_pipeline.generation.questions.cloze.voice import Voice
from qa_pipeline.generation.questions.cloze.words import base_form, cut, join
from qa_pipeline.generation.types import Draft
from tests.generation.questions.cloze.conftest import passage


def questions(sentence: str, answer: str, kind: str, spoken: bool = False) -> set[str]:
    start = sentence.index(answer)
    clause = clause_around(tuple(cut(sentence)), start, start + len(answer))
    return {general_question(clause, kind, np.random.default_rng(seed), spoken=spoken)[0] for seed in range(40)}


@pytest.mark.parametrize(
    ("sentence", "answer", "kind", "expected"),
    [
        # a limit of time keeps its preposition
        (
            "Aisle B is closed for repairs until 15 August.",
            "15 August",
            "date",
            "Until when is Aisle B closed for repairs?",
        ),
        ("Tickets are sold at the gate from 9 am.", "9 am", "time", "From what time are Tickets sold at the gate?"),
        (
            "We reply to all letters within five days.",
            "five days",
            "quantity",
            "Within how long do we reply to all letters?",
        ),
        ("The new map refreshes every 15 seconds.", "15 seconds", "quantity", "How often does the new map refresh?"),
        ("The old tower is 330 metres tall.", "330 metres", "quantity", "How tall is the old tower?"),
        # what a clause with "who" or "which" says, it says of the name before it
        (
            "The director is Anna Berg, who studied law in Graz for five years.",
            "five years",
            "quantity",
            "How long did Anna Berg study law in Graz?",
        ),
        (
            "You need the serial number, which is printed on the base.",
            "base",
            "phrase",
            "What is the serial number printed on?",
        ),
        (
            "The problem was found by Nordfracht AS, a customer in Bergen.",
            "Nordfracht AS",
            "name",
            "What was the problem found by?",
        ),
        # one statement at a time
        (
            "The old contract cost EUR 218,000 and the new contract costs CHF 45,500 per year.",
            "CHF 45,500",
            "money",
            "How much does the new contract cost per year?",
        ),
        (
            "Students and seniors pay $35 and need to show a valid card.",
            "$35",
            "money",
            "How much do Students and seniors pay?",
        ),
        (
            "Employees in Hull work in shifts, and the night shift starts at 10:00 pm.",
            "10:00 pm",
            "time",
            "Employees in Hull work in shifts, and the night shift starts at what time?",
        ),
        ("We may collect and store the address of a device.", "address of a device", "phrase", "What may we store?"),
        # a participle in the subject is not what happens
        (
            "Orders placed before noon are shipped from the warehouse in Venlo.",
            "warehouse in Venlo",
            "phrase",
            "What are Orders placed before noon shipped from?",
        ),
        (
            "Orders placed before 2 pm are shipped the same day.",
            "2 pm",
            "time",
            "Orders placed before when are shipped the same day?",
        ),
        # whoever is told to do it
        (
            "Print the label from your account and bring the parcel to a shop.",
            "parcel",
            "phrase",
            "What should you bring to a shop?",
        ),
        (
            "To return a device, customers need the receipt.",
            "device",
            "phrase",
            "What do customers need the receipt to return?",
        ),
        (
            "It takes an hour for a database of 10 million rows.",
            "10 million",
            "number",
            "How many rows does it take an hour for a database of?",
        ),
        (
            "Personal training is offered by four coaches and costs $60 per hour.",
            "$60",
            "money",
            "How much does Personal training cost per hour?",
        ),
        (
            "The batteries stay here for longer than eight hours.",
            "eight hours",
            "quantity",
            "How long do the batteries stay here?",
        ),
        ("Members earn one point for every euro they spend.", "euro", "phrase", "What do Members earn one point for?"),
        (
            "The town of Lorne has 9,599 inhabitants, and its museum shows old tools.",
            "town of Lorne",
            "subject",
            "What has 9,599 inhabitants?",
        ),
        # nouns stay with the name that says which
        (
            "Customers can enter a VAT number in their account.",
            "VAT",
            "name",
            "What number can Customers enter in their account?",
        ),
        (
            "Express delivery costs 9.95 euros in summer.",
            "9.95 euros",
            "money",
            "How much does Express delivery cost in summer?",
        ),
        ("All lockers need a padlock of brass.", "lockers", "subject", "What needs a padlock of brass?"),
        ("A lot of people agreed to the plan in May.", "plan", "phrase", "What did a lot of people agree to in May?"),
    ],
)
def test_questions_as_people_ask(sentence, answer, kind, expected):
    assert expected in questions(sentence, answer, kind)


def test_a_clause_that_ends_with_a_comma_behind_the_answer():
    assert questions("By using this site,", "site", "phrase", spoken=True) == {"By using what?"}


def test_a_subordinate_clause_is_not_turned_into_a_question():
    asked = questions("When you register with Yahoo and sign in, we know you.", "Yahoo", "name")
    assert not any(re.search(r"\b(?:do|does|did) when\b", question) for question in asked), asked


@pytest.mark.parametrize(
    ("sentence", "answer", "kind"),
    [
        ("Users can choose between an authenticator app and text messages.", "text messages", "modified"),
        ("Users can choose between an authenticator app and text messages.", "authenticator app", "modified"),
        ("Invoices issued between 10 January and 31 January may be wrong.", "31 January", "date"),
        ("Invoices that were issued in January may be wrong.", "Invoices", "subject"),
        ("Students and seniors pay 35 euros.", "Students", "phrase"),
        ("Students and seniors pay 35 euros.", "seniors", "phrase"),
        ("Delivery to Germany takes three days.", "Delivery", "phrase"),
    ],
)
def test_half_an_answer_is_not_asked_for(sentence, answer, kind):
    assert questions(sentence, answer, kind) == {""}


def test_a_question_never_begins_with_the_verb_of_a_statement_without_subject():
    fault = question_fault("Was founded by Sofie De Smet when?", Candidate(TypedSpan(0, 4, "year"), "1987", 0))
    assert fault == "fragment"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It cost EUR 218,000 and 199 USD.", {("EUR 218,000", "money"), ("199 USD", "money")}),
        ("It takes one to two days.", {("one to two days", "quantity")}),
        ("The manual in room 12 of building 4 covers version 5.", set()),
        ("The app needs Android 10 or later.", set()),
        ("In Leeds 40 players trained.", {("40", "number")}),
        ("About 40 people came.", {("40", "number")}),
        ("We have a 25-metre pool.", set()),
        ("The limit is 10 km/h.", {("10 km/h", "quantity")}),
        ("First the crew left.", set()),
        ("The first crew left.", {("first", "ordinal")}),
    ],
)
def test_amounts_are_whole_and_labels_are_none(text, expected):
    assert {(text[s.start : s.end], s.kind) for s in pattern_spans(text, 0, len(text))} == expected


@pytest.mark.parametrize(
    ("text", "unasked"),
    [
        ("A replacement is sent at no charge by the shop.", "charge"),
        ("The licence costs 199 euros per month.", "month"),
        ("The fire drill takes place twice a year.", "year"),
        ("The meeting takes place in the main hall.", "place"),
        ("The gift card is valid for three summers.", "valid"),
        ("The old water mill was rebuilt in 1990.", "rebuilt"),
        ("The printed manual is stored in room 12.", "room"),
        ("Users should read the guide or contact support.", "contact support"),
    ],
)
def test_words_that_are_no_answer_by_themselves(text, unasked):
    collection = Collection([passage(text, "one")])
    found = find_answers(text, sentences_of(text), collection.passages[0].lower_counts, frozenset(TYPES))
    assert found and unasked not in {answer.text for answer in found}


def test_names_of_files_and_companies_stay_whole():
    text = "Run cleanup.py with Node.js and C++ for AT&T at 10 km/h and 38 °C, and/or ask U.S. law."
    assert join([word.text for word in cut(text)]) == text
    assert [word.text for word in cut("He left.The next")][1:3] == ["left", "."]


def test_verbs_are_known_in_all_forms():
    forms = {"agreed": "agree", "opted": "opt", "transmitted": "transmit", "showed": "show", "dropped": "drop"}
    assert {form: lexicon.VERB_FORMS[form][0] for form in forms} == forms
    assert base_form(cut("they ennobled")[1])[0] == "ennoble"


def test_one_who_acts_has_verbs_for_one():
    voice = Voice("the site", "the site", "its", "does", "my", "me", "I")
    assert voice.reword_text("What do we send to you?") == "What does the site send to me?"
    assert voice.reword_text("We also send a code to the user") == "the site also sends a code to the user"
    assert voice.reword_text("How may we help you?") == "How may the site help me?"
    assert (
        voice.reword_text("What do we tell you about purchases you make?")
        == "What does the site tell me about purchases I make?"
    )
    assert voice.reword_text("rules that protect data about you") == "rules that protect data about me"


@pytest.mark.parametrize(
    ("text", "question", "other"),
    [
        (
            "Growers may ship up to 50 plants for free.",
            "Who may ship up to 50 plants for free?",
            "Growers sold 14 plants.",
        ),
        ("The plan needs 10 seats or more.", "What needs 10 seats or more?", "It has 16 seats in all."),
        ("The visit takes two weeks in May.", "What takes two weeks in May?", "It took fourteen days in all."),
        ("It has 300 rooms in the north.", "What has 300 rooms in the north?", "It has 5 million rooms."),
        ("It lasts 10 days in the north.", "What lasts 10 days in the north?", "It is 12 km away."),
        ("Support ends with the contract.", "What does support end with?", "Nothing."),
        ("The gym has more than 80 members.", "What has more than 80 members?", "Nothing else."),
    ],
)
def test_what_the_passage_still_answers_is_not_called_unanswerable(text, question, other):
    one, two = passage(text, "a"), passage(other, "b")
    collection = Collection([one, two])
    number = collection.number[one.id]
    draft = Draft(one, question, "x", text, 0, "cloze", {})
    for seed in range(20):
        made = near_miss(Case(collection, number, [draft], lambda _: []), np.random.default_rng(seed))
        assert made is None, made.question


def test_an_amount_is_swapped_for_one_of_its_unit():
    one, two = (
        passage("The lease of the hall lasts 10 days.", "a"),
        passage("The lease of the barn lasts 14 days.", "b"),
    )
    collection = Collection([one, two])
    draft = Draft(one, "What lasts 10 days?", "lease", one.text, 4, "cloze", {})
    made = [
        near_miss(Case(collection, collection.number[one.id], [draft], lambda _: []), np.random.default_rng(seed))
        for seed in range(20)
    ]
    assert {miss.question for miss in made if miss is not None} == {"What lasts 14 days?"}


def test_a_help_page_is_no_policy():
    text = (
        "To reset your password, open the sign-in page and choose the link below the form. "
        "We send a message to your e-mail address within five minutes. If no message arrives, check the spam folder."
    )
    (read,) = Collection([passage(text, "help")]).passages
    assert read.spoken and not Services(frozenset(TYPES)).applies(read)
    drafts = [d for seed in range(6) for d in ClozeGenerator(seed=seed).drafts([passage(text, "help")])]
    asked = " ".join(d.question for d in drafts if isinstance(d, Draft))
    assert asked and "secure" not in asked and "personal data" not in asked
