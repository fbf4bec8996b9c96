"""Verification: each kind of bad row ends as the policy says, and is counted under its reason."""

from __future__ import annotations

import pytest

from qa_pipeline.data.conventions import Conventions
from qa_pipeline.data.example import BadRow, LooseAnswer, LooseExample
from qa_pipeline.data.offsets import Counting, Evidence
from qa_pipeline.data.report import MEANINGS, DataReport
from qa_pipeline.data.verification import Verifier
from qa_pipeline.errors import DataError

CONTEXT = "Ada Lovelace was born in London in 1815 and died in 1852."


def row(**changes) -> LooseExample:
    values = {
        "where": "train.json, row 17",
        "id": "5733be28",
        "context": CONTEXT,
        "question": "Where was she born?",
        "answers": [LooseAnswer("London", 25)],
    }
    return LooseExample(**(values | changes))


def verify(*rows, policy="repair", require_answers=True):
    report = DataReport(source="train.json", on_bad_data=policy)
    verifier = Verifier(report, policy, require_answers)
    kept = [example for loose in rows if (example := verifier.verify(loose)) is not None]
    return kept, report


def test_a_good_row_passes_as_it_is():
    kept, report = verify(row(title="Ada", metadata={"page": 3}))
    assert kept == [
        {
            "id": "5733be28",
            "context": CONTEXT,
            "question": "Where was she born?",
            "answers": {"text": ["London"], "answer_start": [25]},
            "is_impossible": False,
            "title": "Ada",
            "metadata": {"page": 3},
        }
    ]
    assert (report.rows_read, report.rows_kept, report.answerable, report.answers_kept) == (1, 1, 1, 1)
    assert not report.repaired and not report.dropped and not report.noticed


@pytest.mark.parametrize(
    ("answer", "reason", "message"),
    [
        (LooseAnswer("1815", 40), "moved", r'answer "1815" is not at answer_start 40 \(found "and "\)'),
        (LooseAnswer("London ", 25), "trimmed", 'answer "London " has spaces around it'),
        (LooseAnswer(" London", 25), "trimmed", 'answer " London" is not at answer_start 25'),
        (LooseAnswer("london", 25), "tolerant", r'answer "london" is not at answer_start 25 \(found "London"\)'),
        (LooseAnswer("ada  lovelace"), "tolerant", 'answer "ada  lovelace" is not literally in the context'),
        (LooseAnswer(None, 24, 31), "trimmed", "the answer span has spaces around it"),
    ],
)
def test_an_answer_that_needs_repair_follows_the_policy(answer, reason, message):
    kept, report = verify(row(answers=[answer]))
    text, start = kept[0]["answers"]["text"][0], kept[0]["answers"]["answer_start"][0]
    assert CONTEXT[start : start + len(text)] == text
    assert report.repaired == {reason: 1} and report.rows_repaired == 1 and report.first_ids[reason] == ["5733be28"]

    kept, report = verify(row(answers=[answer]), policy="drop")
    assert not kept and report.dropped == {"needs_repair": 1}

    with pytest.raises(DataError, match=rf'train.json, row 17 \("5733be28"\): {message}.*on_bad_data=repair'):
        verify(row(answers=[answer]), policy="error")


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"context": ""}, "empty_context", "context has no text"),
        ({"context": " \n\u00a0"}, "empty_context", "context has no text"),
        ({"question": "\t"}, "empty_question", "question has no text"),
        ({"answers": [LooseAnswer("Paris", 25)]}, "answer_not_found", 'answer "Paris" is not in the context'),
        ({"answers": [LooseAnswer(None, 50, 99)]}, "span_outside_context", "50 to 99 is not within the context of 57"),
        ({"answers": [LooseAnswer(None, 3)]}, "answer_without_text_or_span", "neither a text nor a span"),
        ({"answers": [], "is_impossible": False}, "answerable_without_answer", "marked answerable but has no answer"),
        ({"answers": [LooseAnswer("")], "is_impossible": False}, "answerable_without_answer", "the answer is empty"),
        ({"answers": [], "answers_given": False}, "answers_missing", "no answer field"),
    ],
)
@pytest.mark.parametrize("policy", ["repair", "drop", "error"])
def test_a_row_that_cannot_be_mended_is_dropped_or_an_error(changes, reason, message, policy):
    if policy == "error":
        with pytest.raises(DataError, match=rf'train.json, row 17 \("5733be28"\): .*{message}'):
            verify(row(**changes), policy=policy)
    else:
        kept, report = verify(row(**changes), policy=policy)
        assert not kept and report.dropped == {reason: 1}
        assert reason in MEANINGS and report.first_ids[reason] == ["5733be28"]


def test_a_row_that_could_not_be_read_is_counted_under_its_own_reason():
    bad = BadRow("train.csv, row 3", "context is not text", "found int 7")
    kept, report = verify(bad, row())
    assert len(kept) == 1 and report.rows_read == 2 and report.dropped == {"context is not text": 1}
    assert report.first_ids["context is not text"] == ["train.csv, row 3"]
    with pytest.raises(DataError, match="train.csv, row 3: context is not text: found int 7"):
        verify(bad, policy="error")


def test_a_question_keeps_its_other_references():
    answers = [LooseAnswer("Paris", 3), LooseAnswer("1815", 36), LooseAnswer("", 0), LooseAnswer("London", 25)]
    kept, report = verify(row(answers=answers))
    assert kept[0]["answers"] == {"text": ["1815", "London"], "answer_start": [35, 25]}
    assert report.dropped_answers == {"answer_not_found": 1, "empty_answer": 1}
    assert report.repaired == {"moved": 1} and report.rows_dropped == 0

    kept, report = verify(row(answers=answers), policy="drop")
    assert kept[0]["answers"] == {"text": ["London"], "answer_start": [25]}
    assert report.dropped_answers == {"answer_not_found": 1, "needs_repair": 1, "empty_answer": 1}


def test_repeated_references_stay_for_the_most_frequent_to_be_found():
    kept, _ = verify(row(answers=[LooseAnswer("London", 25), LooseAnswer("London", 25)]))
    assert kept[0]["answers"]["text"] == ["London", "London"]


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": []},
        {"answers": [], "is_impossible": True},
        {"answers": [], "is_impossible": True, "answers_given": False},
        {"answers": [LooseAnswer("", -1)]},
        {"answers": [LooseAnswer("", 0), LooseAnswer(" ")]},
        {"answers": [LooseAnswer("", -1)], "is_impossible": True},
    ],
)
@pytest.mark.parametrize("policy", ["repair", "drop", "error"])
def test_marks_of_an_unanswerable_question(changes, policy):
    kept, report = verify(row(**changes), policy=policy)
    assert kept[0]["is_impossible"] is True and kept[0]["answers"] == {"text": [], "answer_start": []}
    assert report.unanswerable == 1 and not report.repaired and not report.noticed


def test_an_unplaced_answer_that_is_not_in_the_context_is_not_found():
    kept, report = verify(row(answers=[LooseAnswer("in Rome", -1)]))
    assert not kept and report.dropped == {"answer_not_found": 1}
    assert report.details["answer_not_found"] == [
        '5733be28: answer "in Rome" is not in the context; mend the answer or remove the row'
    ]
    kept, report = verify(row(answers=[LooseAnswer("London", -1)]))
    assert kept[0]["answers"]["answer_start"] == [25] and report.located == 1


def test_an_empty_place_beside_a_text_says_nothing_of_no_answer():
    for start, end in ((25, 25), (0, 0)):
        kept, report = verify(row(answers=[LooseAnswer("London", start, end)]))
        assert kept[0]["answers"] == {"text": ["London"], "answer_start": [25]}
    kept, report = verify(row(answers=[LooseAnswer("Paris", 0, 0)]))
    assert not kept and report.dropped == {"answer_not_found": 1}
    kept, report = verify(row(answers=[LooseAnswer(None, 25, 25)]))
    assert not kept and report.dropped == {"empty_span": 1}


def test_an_impossible_row_with_answers_is_mended_by_its_mark():
    kept, report = verify(row(is_impossible=True))
    assert kept[0]["is_impossible"] and kept[0]["answers"]["text"] == []
    assert report.repaired == {"impossible_with_answers": 1}
    assert verify(row(is_impossible=True), policy="drop")[1].dropped == {"impossible_with_answers": 1}
    with pytest.raises(DataError, match="marked impossible but has answers"):
        verify(row(is_impossible=True), policy="error")


def test_identical_rows_are_merged_without_being_bad():
    kept, report = verify(row(), row(), row())
    assert len(kept) == 1 and report.merged == {"same_answers": 2} and report.rows_merged == 2
    assert report.bad_fraction == 0 and report.rows_dropped == 0
    with pytest.raises(DataError, match="duplicate id: the same row was read before"):
        verify(row(), row(), policy="error")


def test_an_id_with_other_content_becomes_a_new_id():
    other, third = row(question="When?"), row(question="Why?")
    kept, report = verify(row(), other, third, other, row(id="5733be28-2", question="How?"))
    assert [example["id"] for example in kept] == ["5733be28", "5733be28-2", "5733be28-3", "5733be28-2-2"]
    assert report.repaired == {"new_id": 3} and report.merged == {"same_answers": 1}
    kept, report = verify(row(), other, policy="drop")
    assert len(kept) == 1 and report.dropped == {"duplicate_id": 1}
    with pytest.raises(DataError, match="duplicate id: another row has this id with other content"):
        verify(row(), other, policy="error")


def test_rows_without_ids_get_stable_ones():
    rows = [row(id=None), row(id="row-3", question="When?"), row(id="", question="Why?")]
    kept, report = verify(*rows)
    assert [example["id"] for example in kept] == ["row-1", "row-3", "row-3-2"]
    assert not report.repaired


def test_rows_with_the_same_question_and_context_are_one_question_with_several_references():
    kept, report = verify(
        row(),
        row(id="b"),
        row(id="c", question="  where was SHE  born?"),
        row(id="d", answers=[LooseAnswer("1815", 35)]),
        row(id="e", answers=[]),
        row(id="f", answers=[LooseAnswer("1815", 35), LooseAnswer("London", 25)]),
        row(id="g", context=CONTEXT + " She"),
    )
    assert [example["id"] for example in kept] == ["5733be28", "g"]
    assert kept[0]["answers"] == {"text": ["London", "1815"], "answer_start": [25, 35]}
    assert report.merged == {"same_answers": 3, "more_references": 1, "answerable_and_not": 1}
    assert kept[0]["merged_ids"] == ["b", "c", "d", "e", "f"] and "merged_ids" not in kept[1]
    assert report.noticed == {"contradictory_answers": 1}
    assert report.first_ids["same_answers"] == ["b", "c", "f"]
    assert report.first_ids["more_references"] == report.first_ids["contradictory_answers"] == ["d"]
    assert report.first_ids["answerable_and_not"] == ["e"]
    assert (report.rows_read, report.rows_kept, report.rows_merged, report.answers_kept) == (7, 2, 5, 3)


def test_an_answer_wins_over_an_unanswerable_row_of_the_same_question_whichever_comes_first():
    for rows in ((row(answers=[]), row(id="b")), (row(id="b"), row(answers=[]))):
        kept, report = verify(*rows)
        assert [example["is_impossible"] for example in kept] == [False]
        assert kept[0]["answers"] == {"text": ["London"], "answer_start": [25]}
        assert report.merged == {"answerable_and_not": 1}
        assert (report.answerable, report.unanswerable, report.answers_kept) == (1, 0, 1)


def test_rows_without_a_label_stay_apart_so_that_each_gets_its_prediction():
    kept, report = verify(
        row(answers=[], answers_given=False), row(id="b", answers=[], answers_given=False), require_answers=False
    )
    assert [example["id"] for example in kept] == ["5733be28", "b"] and not report.merged


@pytest.mark.parametrize(
    ("text", "is_html"),
    [
        ("<p>Ada was born in London</p>", True),
        ("London<br/>town", True),
        ("London &amp; Paris", True),
        ("London <!-- x", True),
        ('<a href="x">London</a>', True),
        ("London: 3 < 4 and 5 > 2, R&D; <unk>", False),
    ],
)
def test_html_remains_are_noticed(text, is_html):
    _, report = verify(row(context=text, answers=[LooseAnswer("London")]), row(id="q", question=text))
    assert report.noticed.get("html", 0) == (2 if is_html else 0)


def test_identical_contexts_become_one_object():
    contexts = ["".join(["one ", "context"]) for _ in range(3)]
    rows = [
        row(id=str(i), context=c, question=f"q{i}", answers=[LooseAnswer("one", 0)]) for i, c in enumerate(contexts)
    ]
    kept, _ = verify(*rows)
    assert contexts[0] is not contexts[1] and len({id(example["context"]) for example in kept}) == 1


def test_lone_surrogates_are_replaced_and_counted():
    broken = row(context="Ada \ud800 in London", question="Wh\udfffere?", answers=[LooseAnswer("London", 9)])
    kept, report = verify(broken, row(id="x\ud800"))
    assert kept[0]["context"] == "Ada \ufffd in London" and kept[0]["question"] == "Wh\ufffdere?"
    assert kept[0]["answers"] == {"text": ["London"], "answer_start": [9]} and kept[1]["id"] == "x\ufffd"
    assert report.repaired == {"invalid_characters": 2}
    assert verify(broken, policy="drop")[1].dropped == {"invalid_characters": 1}


def test_rows_for_prediction_are_kept_whatever_their_answers():
    kept, report = verify(
        row(answers=[], answers_given=False),
        row(id="b", answers=[LooseAnswer("Paris", 3)]),
        row(id="c"),
        row(id="d", answers=[], is_impossible=False),
        row(id="e", context=" "),
        require_answers=False,
    )
    assert [example["id"] for example in kept] == ["5733be28", "b", "c", "d"]
    assert not any(example["is_impossible"] for example in kept)
    assert (report.unlabelled, report.answerable, report.rows_dropped) == (3, 1, 1)
    assert report.dropped_answers == {"answer_not_found": 1}


def test_a_reference_that_another_unit_would_mend_does_not_take_the_others_with_it():
    report = DataReport(source="train.json", on_bad_data="drop")
    verifier = Verifier(report, "drop", conventions=Conventions(Evidence(Counting("utf16"))))
    answers = [LooseAnswer("London", 3), LooseAnswer("\N{PARTY POPPER}", 0)]
    example = verifier.verify(row(context="\N{PARTY POPPER} London", answers=answers))
    assert example is not None and example["answers"] == {"text": ["\N{PARTY POPPER}"], "answer_start": [0]}
    assert report.dropped_answers == {"needs_repair": 1}
    assert "answer offsets counted in UTF-16 units" in report.details["needs_repair"][0]
