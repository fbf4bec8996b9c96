from __future__ import annotations

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends.protocol import Failure
from qa_pipeline.generation.questions.llm.generator import LLMOptions
from qa_pipeline.optimisation.inspection import Inspection, Inspector, Refusal, typical_refusals
from tests.optimisation.made import BASELINE, InstantBackend, pairs, passages

TEXTS = ["The mill was built in 1820 by Anna Holm.", "The library opens at nine on Mondays.", "Nothing much is here."]
PASSAGES = passages(TEXTS)


def write(request):
    text = request.messages[-1].content
    if "mill" in text:
        return pairs(("Who built the mill?", "Anna Holm"), ("When was the mill of 1820 built?", "1820"))
    if "library" in text:
        return pairs(("When does it open according to the text?", "at nine"), ("When does the hall open?", "at ten"))
    return "I cannot."


def inspector(backend):
    return Inspector(backend, FilterArguments(), "en", LLMOptions(questions_per_passage=2))


def test_rows_and_refused_drafts_are_sorted_by_passage():
    mill, library, nothing = inspector(InstantBackend(write))(BASELINE, PASSAGES)
    assert [one.passage.text for one in (mill, library, nothing)] == TEXTS
    assert [row.question for row in mill.rows] == ["Who built the mill?"]
    assert mill.refusals == (Refusal("answer_in_question", "When was the mill of 1820 built?", "1820"),)
    assert {one.reason for one in library.refusals} == {"mentions_the_text", "answer_not_verbatim"}
    assert nothing.rows == () and nothing.refusals == (Refusal("not_json"),)


def test_a_passage_without_an_answer_ends_it_since_what_is_shown_would_hang_on_a_bad_day():
    backend = InstantBackend(lambda request: Failure(request.key, "timeout", "too slow", transient=True))
    with pytest.raises(BackendError, match=r"got no answer.*timeout \(too slow\).*start the same command"):
        inspector(backend)(BASELINE, PASSAGES[:1])


def test_typical_refusals_take_reasons_in_turn_the_commonest_first():
    passage = PASSAGES[0]
    many = [Refusal("overlap", f"q{i}", "a") for i in range(5)]
    few = [Refusal("not_json"), Refusal("empty_answer", "q", "")]
    found = typical_refusals([Inspection(passage, refusals=(*few, *many))], 4)
    assert [one.reason for one in found] == ["overlap", "empty_answer", "not_json", "overlap"]
    assert typical_refusals([Inspection(passage)], 4) == []


def test_refusals_with_a_question_are_shown_before_those_without_and_each_once():
    twice = Refusal("wrong_schema"), Refusal("wrong_schema"), Refusal("wrong_schema", "Who?", "Anna")
    found = typical_refusals([Inspection(PASSAGES[0], refusals=twice)], 9)
    assert found == [Refusal("wrong_schema", "Who?", "Anna"), Refusal("wrong_schema")]


def test_a_long_draft_is_cut_in_words():
    said = Refusal("overlap", "Who\nis it " * 60, "a").words
    assert len(said) < 300 and "\n" not in said and "too many words of the question" in said
