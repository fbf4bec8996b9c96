from __future__ import annotations

from qa_pipeline.serve.label.suggesting import Suggester, SuggestionSettings
from tests.serve.label.conftest import FEES, HOURS, SureOf, passage

GERMAN = (
    "Die Bibliothek in der Muehlenstrasse ist am Montag ab neun Uhr geoeffnet, und die Mahngebuehr betraegt fuer jeden "
    "Tag zwanzig Cent, die an der Theke zu bezahlen sind, sobald das Buch zurueckgegeben wird."
)


def test_the_rules_suggest_questions_with_their_answers():
    where = passage(FEES)
    made = Suggester([where]).make([where.id])[where.id]
    assert made
    for one in made:
        (only,) = one.proposals
        assert only.by == "rules" and only.confidence is None
        assert only.start is None or where.text[only.start : only.end].strip()


def test_the_same_is_suggested_again_whatever_the_order():
    fees, hours = passage(FEES), passage(HOURS, "hours.md")
    one = Suggester([fees, hours]).make([fees.id, hours.id])
    other = Suggester([fees, hours])
    assert {**other.make([hours.id]), **other.make([fees.id])} == one


def test_a_model_s_answer_comes_first_and_that_of_the_rules_beside_it():
    where = passage(FEES)
    made = Suggester([where], SureOf({"boat": 0.7})).make([where.id])[where.id]
    for one in made:
        assert (one.proposals[0].by, one.proposals[0].confidence, one.confidence) == ("sure", 0.7, 0.7)
        assert len({(proposal.start, proposal.end) for proposal in one.proposals}) == len(one.proposals)
    assert any(proposal.by == "rules" for one in made for proposal in one.proposals)


def test_the_passage_that_somebody_looks_at_comes_first():
    passages = [passage(f"{FEES} It has number {number}.", f"d{number}.md") for number in range(40)]
    suggester = Suggester(passages)
    assert suggester.hurry(passages[39].id) is None
    assert next(iter(suggester._waiting)) == passages[39].id
    suggester.start()
    assert suggester.hurry(passages[39].id, wait=60)
    suggester.stop()


def test_all_passages_get_suggestions_in_the_background():
    passages = [passage(f"{FEES} It has number {number}.", f"d{number}.md") for number in range(20)]
    suggester = Suggester(passages)
    suggester.start()
    suggester._thread.join(60)
    assert suggester.done == suggester.total == 20 and not suggester.fault
    assert all(suggester.of(one.id) for one in passages)


def test_other_languages_have_no_questions_by_rules():
    english, german = passage(FEES), passage(GERMAN, "german.md")
    made = Suggester([english, german]).make([english.id, german.id])
    assert made[english.id] and made[german.id] == []


def test_no_question_is_suggested_where_none_is_wanted():
    where = passage(FEES)
    assert Suggester([where], None, SuggestionSettings(questions=0)).make([where.id]) == {where.id: []}


def test_a_model_that_fails_ends_the_suggestions_and_not_the_page():
    where = passage(f"{FEES} A crash follows.")
    suggester = Suggester([where], SureOf({}))
    suggester.start()
    assert suggester.hurry(where.id, wait=60) is None
    assert suggester.fault == "a fault in the program: KeyError"


def test_questions_that_were_made_to_have_no_answer_come_last():
    where = [passage(FEES), passage(HOURS, "hours.md")]
    made = Suggester(where, SureOf({"boat": 0.9}), SuggestionSettings(unanswerable_fraction=0.5))
    kinds = [one.rank[0] for one in made.make([where[0].id])[where[0].id]]
    assert kinds == sorted(kinds) and kinds[-1] and not kinds[0]
