"""`qa-pipeline verify`: what it prints and writes, and how it ends."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.cli.verify import main
from qa_pipeline.errors import ConfigError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fees.md").write_text("The fee of 25 euros is due in May.\n")
    (tmp_path / "docs" / "hours.md").write_text("We open at nine.\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder, rows, *words) -> int:
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return main(["answers.jsonl", "--documents", "docs", *words])


def test_all_found_is_0_and_the_checks_are_written(folder, capsys):
    rows = [{"id": "a", "quote": "25 euros", "source": "fees.md"}, {"id": "b", "quote": "we Open", "source": "fees.md"}]
    assert run(folder, rows, "--output", "checks.jsonl") == 0
    checks = [json.loads(line) for line in (folder / "checks.jsonl").read_text().splitlines()]
    assert [(check["id"], check["status"], check["document"], check["start"]) for check in checks] == [
        ("a", "verbatim", "fees.md", 11),
        ("b", "repaired", "hours.md", 0),
    ]
    assert checks[1]["repair"] == ["case"] and checks[1]["misattributed"] is True
    printed = capsys.readouterr().out
    assert "2 quotations against 2 documents: 1 verbatim, 1 repaired, 0 not found" in printed
    assert "b: said to be from fees.md, stands in hours.md, characters 0 to 7" in printed


def test_a_quotation_that_is_not_found_is_1_and_its_nearest_place_is_shown(folder, capsys):
    assert run(folder, [{"id": "a", "quote": "The fee of 35 euros is due"}]) == 1
    printed = capsys.readouterr().out
    assert 'a: not found: "The fee of 35 euros is due"' in printed
    assert 'nearest, fees.md, characters 0 to 26: "The fee of 25 euros is due"' in printed
    assert '"35" for "25" (number)' in printed


def test_a_bad_row_is_2_and_is_in_the_output(folder, capsys):
    assert run(folder, [{"id": "a", "quote": ""}, {"quote": "nowhere at all"}], "--json") == 2
    out, err = capsys.readouterr()
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["bad_row", "not_found"]
    assert "1 row could not be used" in err and "a: line 1:" in err


@pytest.mark.parametrize(("fail_on", "code"), [("not_found", 0), ("misattributed", 1), ("repaired", 1)])
def test_what_fails_can_be_chosen(folder, fail_on, code):
    assert (
        run(folder, [{"quote": "25 euros", "source": "hours.md"}, {"quote": "We OPEN"}], "--fail_on", fail_on) == code
    )


def test_a_claim_fails_nothing_and_is_said_not_to_be_judged(folder, capsys):
    assert run(folder, [{"claim": "Fees are due in May"}]) == 0
    assert "1 claim: the nearest sentence by words only" in capsys.readouterr().out


def test_all_faults_are_said_at_once(folder):
    with pytest.raises(ConfigError) as caught:
        main(["missing.jsonl", "--documents", "dosc", "--output", "docs", "--min_similarity", "2"])
    for part in (
        "no such file: missing.jsonl",
        "no such file: dosc",
        'did you mean "docs"',
        "docs is a folder",
        "min_similarity",
    ):
        assert part in str(caught.value)


def test_the_output_is_not_what_is_read(folder):
    with pytest.raises(ConfigError, match="answers.jsonl is read by this command"):
        run(folder, [{"quote": "x"}], "--output", "answers.jsonl")
