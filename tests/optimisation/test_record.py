"""What a search keeps on disk: given back without being made again, refused where it is of other work."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.optimisation.record import SearchRecord, candidate_from_json, candidate_to_json
from tests.optimisation.landscapes import Landscape
from tests.optimisation.made import candidate, rewrite


def never():
    raise AssertionError("it was made again")


def test_an_evaluation_is_made_once_in_the_life_of_the_file(tmp_path):
    one = candidate(few_shot=4)
    found = Landscape(0).evaluate(one, 1)
    with SearchRecord(tmp_path / "work" / "r.jsonl", {"model": "m"}) as record:
        assert record.evaluation("search", one.hash, 1, lambda: found) == found
        assert record.evaluation("search", one.hash, 1, never) == found
    with SearchRecord(tmp_path / "work" / "r.jsonl", {"model": "m"}) as record:
        assert record.evaluation("search", one.hash, 1, never) == found
        with pytest.raises(AssertionError, match="made again"):
            record.evaluation("random", one.hash, 1, never)  # another search pays for its own


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    path = tmp_path / "work" / "r.jsonl"
    with SearchRecord(path, {}) as record:
        record.value("a", lambda: 1)
        record.value("b", lambda: 2)
    path.write_bytes(path.read_bytes()[:-3])
    with SearchRecord(path, {}) as record:
        assert record.value("a", never) == 1
        assert record.value("b", lambda: 3) == 3
    assert [json.loads(line) for line in path.read_text().splitlines()][1:] == [
        {"name": "a", "value": 1},
        {"name": "b", "value": 3},
    ]


def test_other_settings_are_refused_and_named_unless_it_is_begun_anew(tmp_path):
    path = tmp_path / "work" / "r.jsonl"
    with SearchRecord(path, {"model": "m", "seed": 0}) as record:
        record.value("a", lambda: 1)
    with pytest.raises(ConfigError, match='(?s)belongs to other settings.*model: was "m", is "n"'):
        SearchRecord(path, {"model": "n", "seed": 0})
    with SearchRecord(path, {"model": "n", "seed": 0}, anew=True) as record:
        assert len(record) == 0


def test_a_damaged_file_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "work" / "r.jsonl"
    with SearchRecord(path, {}):
        pass
    path.write_bytes(path.read_bytes() + b"{no json\n")
    with pytest.raises(DataError, match="line 2: damaged.*overwrite_output_dir begins anew"):
        SearchRecord(path, {})


def test_two_processes_do_not_write_the_same_file(tmp_path):
    with (
        SearchRecord(tmp_path / "work" / "r.jsonl", {}),
        pytest.raises(ConfigError, match="another process is at work"),
    ):
        SearchRecord(tmp_path / "work" / "r.jsonl", {})


@pytest.mark.parametrize("one", [candidate(order="answer_first", temperature=1.0), rewrite("Be brief.")])
def test_a_candidate_is_itself_again(one):
    assert candidate_from_json(json.loads(json.dumps(candidate_to_json(one)))) == one
