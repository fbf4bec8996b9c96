from __future__ import annotations

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.serve.label import LabelProject, LabelStore
from qa_pipeline.serve.label.overview import list_labels, list_passages, progress
from qa_pipeline.serve.label.suggesting import Suggester
from tests.serve.label.conftest import FEES, HOURS, SureOf, passage, rows_of

WHO = {"client": "window 1", "person": "Ada"}
THIRD = "Carl Holm was born in Norby in 1870 and died in the library of Mill Street in 1949, on a Monday in May."


def say(project, work, press, number=0, *, who=WHO, **change):
    item = work["items"][number]
    shown = item["proposals"][0]
    said = {"item": item["id"], "seen": item["revision"], "question": item["question"], "action": press}
    return project.decide(
        {**who, "passage": work["passage"]["id"], **said, "start": shown["start"], "end": shown["end"]} | change
    )


def test_what_the_model_doubts_most_comes_first(make_project):
    project = make_project((FEES, HOURS, THIRD), SureOf({"boat": 0.9, "Mill Street opens": 0.2, "born": 0.5}))
    work = project.next_passage(**WHO)
    assert work["passage"]["text"] == HOURS
    assert project.next_passage(**WHO, order="document")["passage"]["text"] == FEES
    left = project.next_passage(**WHO, leave=work["passage"]["id"])
    assert left["passage"]["text"] == THIRD


def test_a_passage_that_was_left_comes_again_after_all_others(make_project):
    project = make_project()
    first = project.next_passage(**WHO)["passage"]["id"]
    second = project.next_passage(**WHO, leave=first)["passage"]["id"]
    assert second != first
    assert project.next_passage(**WHO, leave=second)["passage"]["id"] == first


def test_two_people_are_given_different_passages_and_are_told_when_no_other_is_left(make_project):
    project = make_project()
    ada = project.next_passage(**WHO)["passage"]
    ben = project.next_passage("window 2", "Ben")["passage"]
    assert ada["id"] != ben["id"]
    none = project.next_passage("window 3", "Cleo")
    assert none["passage"] is None and none["busy"] == ["Ada", "Ben"]
    opened = project.open_passage("window 3", "Cleo", ada["id"])
    assert opened["other"] == "Ada"
    project.release("window 1")
    assert project.next_passage("window 3", "Cleo")["passage"]["id"] == ada["id"]


def test_accepted_corrected_rejected_and_unanswerable_are_told_apart(make_project, tmp_path):
    project = make_project((FEES,), questions=6, unanswerable_fraction=0.0)
    work = project.next_passage(**WHO)
    assert len(work["items"]) >= 4
    said = [
        say(project, work, "1", 0),
        say(project, work, "2", 1, start=4, end=8),
        say(project, work, "3", 2, start=None, end=None),
        say(project, work, "4", 3, start=None, end=None, reject=True),
    ]
    assert [one["item"]["decision"]["verdict"] for one in said] == ["accepted", "corrected", "corrected", "rejected"]
    rows = rows_of(tmp_path / "labels.json")
    assert len(rows) == 3 and [row["is_impossible"] for row in rows.values()] == [False, False, True]
    second = rows[work["items"][1]["id"]]
    assert second["answers"] == [{"text": "boat", "answer_start": 4}]
    assert second["metadata"]["suggested"]["answer"] != "boat"
    counts = progress(project)["counts"]
    assert (counts["labels"], counts["unanswerable"], counts["rejected"]) == (3, 1, 1)


def test_a_reworded_question_is_a_correction_and_keeps_what_was_suggested(make_project, tmp_path):
    project = make_project((FEES,), SureOf({"boat": 0.4}))
    work = project.next_passage(**WHO)
    say(project, work, "1", question="Who is it about?")
    (row,) = rows_of(tmp_path / "labels.json").values()
    assert row["question"] == "Who is it about?" and row["metadata"]["label"] == "corrected"
    suggested = row["metadata"]["suggested"]
    assert suggested["question"] == work["items"][0]["question"]
    assert (suggested["answered_by"], suggested["confidence"], suggested["answer"]) == ("sure", 0.4, "The")


def test_an_own_question_with_the_words_of_a_suggested_one_is_that_one(make_project):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    item = work["items"][0]
    kept = say(project, work, "1", item=None, question=item["question"].upper())
    assert kept["item"]["id"] == item["id"]


def test_a_label_can_be_changed_later(make_project, tmp_path):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    say(project, work, "1")
    again = project.open_passage(**WHO, passage=work["passage"]["id"])
    place = next(n for n, item in enumerate(again["items"]) if item["decision"])
    assert say(project, again, "2", place, start=4, end=8)["holds"]
    (row,) = rows_of(tmp_path / "labels.json").values()
    assert row["answers"][0]["text"] == "boat"


def test_undo_goes_back_step_by_step(make_project, tmp_path):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    say(project, work, "1")
    say(project, work, "2", seen=1, start=4, end=8)
    say(project, work, "3", 1)
    path = tmp_path / "labels.json"
    assert len(rows_of(path)) == 2
    assert project.undo({**WHO, "action": "4"})["item"]["decision"] is None
    back = project.undo({**WHO, "action": "5"})["item"]
    assert back["decision"]["start"] == work["items"][0]["proposals"][0]["start"]
    assert len(rows_of(path)) == 1
    assert project.undo({**WHO, "action": "6"})["item"]["open"]
    assert rows_of(path) == {} and project.undo({**WHO, "action": "7"})["item"] is None


def test_undo_works_after_a_new_start(make_project, tmp_path):
    project = make_project((FEES,))
    say(project, project.next_passage(**WHO), "1")
    again = make_project((FEES,))
    assert again.undo({**WHO, "action": "2"})["item"]["open"] and rows_of(tmp_path / "labels.json") == {}


def test_an_undo_that_is_sent_twice_takes_one_decision_back(make_project, tmp_path):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    say(project, work, "1")
    say(project, work, "2", 1)
    project.undo({**WHO, "action": "3"})
    project.undo({**WHO, "action": "3"})
    assert len(rows_of(tmp_path / "labels.json")) == 1


def test_nobody_takes_back_what_another_has_changed_since(make_project, tmp_path):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    say(project, work, "1")
    say(project, work, "2", who={"client": "window 2", "person": "Ben"}, seen=1, start=4, end=8)
    with pytest.raises(DataError, match="Ben has changed that label since"):
        project.undo({**WHO, "action": "3"})
    (row,) = rows_of(tmp_path / "labels.json").values()
    assert row["answers"][0]["text"] == "boat" and row["metadata"]["labelled_by"] == "Ben"


def test_a_decision_that_has_not_seen_another_s_is_kept_beside_it(make_project):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    say(project, work, "1")
    late = say(project, work, "2", who={"client": "window 2", "person": "Ben"}, start=4, end=8)
    assert not late["holds"] and late["item"]["open"]
    assert [rival["person"] for rival in late["item"]["rivals"]] == ["Ben"]
    assert progress(project)["counts"]["disputed"] == 1
    assert list_labels(project, kind="disputed")["rows"][0]["person"] == "Ada"


def test_labels_of_passages_that_are_gone_stay_and_can_be_changed(make_project, tmp_path):
    project = make_project((FEES, HOURS))
    say(project, project.open_passage(**WHO, passage=list(project.passages)[0]), "1")
    later = [passage(HOURS, "document1.md")]
    again = LabelProject(later, LabelStore(tmp_path / "labels.json"), Suggester(later))
    assert progress(again)["counts"]["gone"] == 1 and len(rows_of(tmp_path / "labels.json")) == 1
    (row,) = list_labels(again)["rows"]
    assert row["gone"] and [one["gone"] for one in list_passages(again)["rows"]] == [False, True]
    opened = again.open_passage(**WHO, passage=row["passage"])
    assert opened["passage"]["gone"] and opened["passage"]["text"] == FEES
    item = opened["items"][0]
    said = {"item": item["id"], "seen": 1, "question": item["question"], "start": 4, "end": 8, "action": "2"}
    kept = again.decide({**WHO, "passage": row["passage"], **said})
    assert kept["item"]["decision"]["verdict"] == "corrected"


def test_lists_come_in_pages_and_can_be_searched(make_project):
    texts = [f"{FEES} It has number {number}." for number in range(120)]
    project = make_project(texts, suggest=False)
    page = list_passages(project, page=3)
    assert (page["total"], page["page"], page["pages"], len(page["rows"])) == (120, 3, 3, 20)
    assert [row["document"] for row in list_passages(project, query="NUMBER 77.")["rows"]] == ["document77.md"]
    assert list_passages(project, page=99)["page"] == 3
    assert len(list_passages(project, document="document5.md")["rows"]) == 1


def test_offsets_are_characters_whatever_the_text(make_project, tmp_path):
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    text = f"\U0001f6a4 Boote: cafe\u0301 kostet\r\n\u05e9\u05dc\u05d5\u05dd {family} 40 euros."
    project = make_project((text,), questions=0)
    work = project.next_passage(**WHO)
    start = text.index("40")
    said = {"item": None, "seen": 0, "question": "How much?", "start": start, "end": start + 8, "action": "1"}
    project.decide({**WHO, "passage": work["passage"]["id"], **said})
    (row,) = rows_of(tmp_path / "labels.json").values()
    assert row["answers"] == [{"text": "40 euros", "answer_start": start}]
    assert row["context"] == text and row["context"][start : start + 8] == "40 euros"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"passage": "nowhere"}, "There is no passage"),
        ({"item": "label-0"}, "There is no such question any more"),
        ({"seen": -1}, "seen: expected a number of decisions, found -1"),
        ({"action": ""}, "action: expected a text"),
        ({"question": " "}, "There is no question yet"),
        ({"start": 0, "end": 10_000}, "must be characters of the passage"),
        ({"person": "x" * 61}, "name: expected up to 60 characters"),
        ({"client": None}, "client: expected a text"),
    ],
)
def test_what_cannot_be_kept_is_said_in_words_and_nothing_is_kept(make_project, tmp_path, change, said):
    project = make_project((FEES,))
    work = project.next_passage(**WHO)
    with pytest.raises(DataError, match=said):
        say(project, work, "1", **change)
    assert project.store.decisions == 0 and rows_of(tmp_path / "labels.json") == {}


def test_a_page_that_was_open_before_a_new_start_loses_no_decision(make_project, tmp_path):
    work = make_project((FEES,), SureOf({"boat": 0.4})).next_passage(**WHO)
    again = make_project((FEES,), suggest=False)
    item = work["items"][0]
    shown = {name: item[name] for name in ("question", "by", "proposals")}
    assert say(again, work, "1", shown=shown)["item"]["decision"]["verdict"] == "accepted"
    (row,) = rows_of(tmp_path / "labels.json").values()
    assert row["metadata"]["suggested"]["confidence"] == 0.4
    for broken in (None, 7, {}, {**shown, "proposals": []}, {**shown, "proposals": [{"start": 0}]}):
        with pytest.raises(DataError, match="no such question any more"):
            say(again, work, "2", 1, shown=broken)
