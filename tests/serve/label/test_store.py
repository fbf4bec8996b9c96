from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline import artifacts
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.serve.label import LabelStore
from tests.serve.label.conftest import FEES, HOURS, decision, passage, rows_of

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from qa_pipeline.serve.label import LabelStore
from tests.serve.label.conftest import FEES, decision, passage
store, where = LabelStore(sys.argv[1]), passage(FEES)
for number in range(int(sys.argv[3])):
    question = f"{sys.argv[2]} asks number {number}"
    store.decide(decision(question, where, person=sys.argv[2], question=question), where)
    print(number, flush=True)
"""


def writer(path, name, count):
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.json"


def test_a_label_is_a_verified_row_that_says_where_it_comes_from(path):
    where = passage(FEES, start=100)
    assert LabelStore(path).decide(decision("1", where), where)
    (row,), report = load_examples(path)
    assert row["answers"] == {"text": ["40 euros"], "answer_start": [21]}
    assert row["context"][21:29] == "40 euros" and not row["is_impossible"] and report.rows_dropped == 0
    assert row["metadata"]["document"] == "fees.md" and row["metadata"]["passage"] == where.id
    assert (row["metadata"]["document_start"], row["metadata"]["document_end"]) == (121, 129)
    assert (row["metadata"]["label"], row["metadata"]["labelled_by"]) == ("own", "Ada")


def test_unanswerable_is_a_row_without_answers_and_a_rejected_question_is_none(path):
    where, store = passage(FEES), LabelStore(path)
    store.decide(decision("1", where, start=None, end=None), where)
    store.decide(decision("2", where, question="Which colour?", start=None, end=None, verdict="rejected"), where)
    (row,), _ = load_examples(path, require_answers=False)
    assert row["is_impossible"] and row["answers"] == {"text": [], "answer_start": []}
    assert row["question"] == "How much is the boat?"


def test_what_was_decided_is_there_after_a_new_start(path):
    where = passage(FEES)
    LabelStore(path).decide(decision("1", where), where)
    again = LabelStore(path)
    assert [state.current.person for state in again.states.values()] == ["Ada"]
    assert again.decisions == 1 and len(rows_of(path)) == 1


def test_a_kill_between_journal_and_file_costs_nothing(path, monkeypatch):
    where, store = passage(FEES), LabelStore(path)

    def full(path, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "write_bytes", full)
        with pytest.raises(DataError, match="labels.json: cannot be written: No space left on device"):
            store.decide(decision("1", where), where)
    assert rows_of(path) == {}
    LabelStore(path)
    assert len(rows_of(path)) == 1


def test_a_file_that_could_not_be_written_is_written_when_the_press_is_sent_again(path, monkeypatch):
    where, store = passage(FEES), LabelStore(path)
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "write_bytes", lambda path, content: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.decide(decision("1", where), where)
    assert store.decide(decision("1", where), where) and store.decisions == 1
    assert len(rows_of(path)) == 1


def test_nothing_is_written_before_the_first_decision(path):
    LabelStore(path)
    assert not path.exists() and LabelStore(path).decisions == 0


def test_a_line_that_a_kill_cut_short_is_written_over(path):
    where = passage(FEES)
    LabelStore(path).decide(decision("1", where), where)
    journal = path.with_name("labels.json.journal")
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"kind": "decision", "action": "2", "it')
    store = LabelStore(path)
    assert store.decisions == 1
    store.decide(decision("3", where, question="When was it sold?", start=99, end=103), where)
    assert LabelStore(path).decisions == 2
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())


def test_a_damaged_line_is_named(path):
    where = passage(FEES)
    LabelStore(path).decide(decision("1", where), where)
    journal = path.with_name("labels.json.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b"{nonsense}\n", *lines[1:]]))
    with pytest.raises(DataError, match=r"labels\.json\.journal, line 2: is damaged"):
        LabelStore(path)


def test_a_file_of_another_program_is_not_written_over(path):
    path.write_text('{"version": "v2.0", "data": []}')
    with pytest.raises(ConfigError, match="is there and was not written by this page; give another --output"):
        LabelStore(path)
    assert path.read_text() == '{"version": "v2.0", "data": []}'


def test_a_file_that_was_edited_since_is_not_written_over(path):
    where = passage(FEES)
    LabelStore(path).decide(decision("1", where), where)
    edited = path.read_text().replace("How much is the boat?", "How dear is the boat?")
    path.write_text(edited)
    with pytest.raises(ConfigError, match="was changed by another program"):
        LabelStore(path)
    assert path.read_text() == edited


def test_labels_whose_journal_is_gone_are_not_lost_in_silence(path):
    where = passage(FEES)
    LabelStore(path).decide(decision("1", where), where)
    path.with_name("labels.json.journal").unlink()
    with pytest.raises(ConfigError, match="holds more decisions than its journal"):
        LabelStore(path)
    assert len(rows_of(path)) == 1


def test_a_journal_that_became_shorter_under_way_stops_the_page(path):
    where, store = passage(FEES), LabelStore(path)
    store.decide(decision("1", where), where)
    path.with_name("labels.json.journal").write_bytes(b"")
    with pytest.raises(DataError, match="is shorter than it was"):
        store.decide(decision("2", where, question="When?"), where)


def test_two_who_decide_differently_at_once_are_both_kept_until_somebody_settles_it(path):
    where, ada, ben = passage(FEES), LabelStore(path), LabelStore(path)
    assert ada.decide(decision("1", where), where)
    assert not ben.decide(decision("2", where, start=4, end=8, person="Ben"), where)
    (row,) = rows_of(path).values()
    assert row["answers"][0]["text"] == "40 euros"
    assert row["metadata"]["disputed"] == [{"labelled_by": "Ben", "label": "own", "answer": "boat"}]
    ada.refresh()
    (state,) = ada.states.values()
    assert [rival.person for rival in state.rivals] == ["Ben"] and state.revision == 2
    assert ada.decide(decision("3", where, seen=2, start=4, end=8), where)
    (row,) = rows_of(path).values()
    assert row["answers"][0]["text"] == "boat" and "disputed" not in row["metadata"]


def test_two_who_decide_the_same_agree(path):
    where, ada, ben = passage(FEES), LabelStore(path), LabelStore(path)
    assert ada.decide(decision("1", where), where) and ben.decide(decision("2", where, person="Ben"), where)
    (row,) = rows_of(path).values()
    assert row["metadata"]["labelled_by"] == "Ada" and "disputed" not in row["metadata"]


def test_a_press_of_a_key_that_is_sent_twice_counts_once(path):
    where, store = passage(FEES), LabelStore(path)
    assert store.decide(decision("1", where), where) and store.decide(decision("1", where), where)
    assert store.decisions == 1 and LabelStore(path).decisions == 1


def test_several_processes_lose_nothing(path):
    writers = [writer(path, name, 25) for name in ("Ada", "Ben", "Cleo")]
    assert [one.wait(120) for one in writers] == [0, 0, 0]
    store = LabelStore(path)
    assert store.decisions == len(rows_of(path)) == 75
    assert {state.current.person for state in store.states.values()} == {"Ada", "Ben", "Cleo"}


def test_what_a_killed_process_said_it_kept_is_kept(path):
    one = writer(path, "Ada", 10_000)
    told = [int(one.stdout.readline()) for _ in range(12)]
    os.kill(one.pid, signal.SIGKILL)
    told += [int(line) for line in one.stdout.read().split()]
    one.wait(60)
    store = LabelStore(path)
    assert len(told) <= store.decisions <= len(told) + 1
    assert len(rows_of(path)) == store.decisions
    where = passage(FEES)
    assert store.decide(decision("after", where, question="And after?"), where)


def test_a_passage_is_leased_to_one_window_until_it_goes(path):
    store, other = LabelStore(path), LabelStore(path)
    fees, hours = passage(FEES).id, passage(HOURS, "hours.md").id
    assert store.lease(iter([fees, hours]), "window 1", "Ada") == (fees, {})
    chosen, others = other.lease(iter([fees, hours]), "window 2", "Ben")
    assert chosen == hours and [one.person for one in others.values()] == ["Ada"]
    assert other.lease(iter([fees]), "window 2", "Ben")[0] is None
    store.release("window 1")
    assert other.lease(iter([fees]), "window 2", "Ben")[0] == fees


def test_a_lease_runs_out(path):
    store = LabelStore(path, lease_seconds=0.0)
    assert store.lease(iter(["p"]), "window 1", "Ada")[0] == "p"
    assert store.lease(iter(["p"]), "window 2", "Ben") == ("p", {})


def test_damaged_leases_hold_nobody_up(path):
    store = LabelStore(path)
    path.with_name("labels.json.leases").write_text('{"p": [1]}')
    assert store.lease(iter(["p"]), "window 1", "Ada")[0] == "p"


def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        LabelStore(tmp_path / "file" / "labels.json")
