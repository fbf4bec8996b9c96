"""What a language model reads out of a prompt is checked before it is believed."""

from __future__ import annotations

import json

import pytest
import yaml

from qa_pipeline.cli.main import main
from qa_pipeline.errors import DataError
from qa_pipeline.generation.specification.reading import LONGEST_DOMAIN, check_reading
from tests.generation.fakes import document
from tests.generation.server import Reply, ScriptedServer, like_a_model

NAMES = ("domain", "language", "answer_types", "unanswerable")


@pytest.mark.parametrize(
    ("written", "code"),
    [("de", "de"), ("DE", "de"), ("German", "de"), ("deutsch", "de"), ("pt-BR", "pt-BR"), ("Bulgarian", "bg")],
)
def test_a_language_is_a_code_or_a_name(written, code):
    assert check_reading({"language": written}, NAMES) == ({"language": code}, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("language", value) for value in ("Fragen", "und", "xx", "the same as the text", 3, ["de"])],
        *[("answer_types", [value]) for value in ("und", "Beantworte Fragen zu", "one two three four", "12", 3)],
        *[("domain", value) for value in ("x" * (LONGEST_DOMAIN + 1), "...", 3, {"a": 1})],
        *[("unanswerable", value) for value in ("maybe", 1)],
    ],
)
def test_what_cannot_be_meant_is_dropped_with_a_note(name, value):
    values, (note,) = check_reading({name: value}, NAMES)
    assert not values and name in note and "expected" in note


def test_what_can_be_meant_is_kept_beside_what_cannot():
    found = {"domain": " town\nrecords ", "answer_types": ["a date", "und", "yes or no", "who"], "unanswerable": False}
    values, notes = check_reading({**found, "language": None, "more": 1}, NAMES)
    assert values == {
        "domain": "town records", "answer_types": ["a date", "yes or no", "who"], "unanswerable": False
    }  # fmt: skip
    assert len(notes) == 1


def test_a_confused_model_does_not_decide_the_language_of_a_run(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(document(number) for number in range(3)))
    reading = {"domain": "towns", "language": "Fragen", "answer_types": ["und", "Beantworte Fragen zu"]}

    def script(number, body):
        if "Say what the user wants" in body["messages"][-1]["content"]:
            return Reply(json.dumps(reading))
        return Reply(like_a_model(body))

    out = tmp_path / "out"
    with ScriptedServer(script) as server:
        words = ["generate", "--backend=openai", "--model=m", f"--base_url={server.url}", f"--output_dir={out}"]
        assert main([*words, f"--documents={tmp_path / 'a.txt'}", "--prompt=Ask about towns and their bridges"]) == 0
        asked = [entry.body["messages"][-1]["content"] for entry in server.log]
    assert not any("in Fragen" in text or "Beantworte" in text for text in asked)
    spec = yaml.safe_load((out / "prompt_spec.yaml").read_text())
    assert spec["domain"] == "towns" and spec["language"] is None and spec["answer_types"] is None
    assert len(spec["notes"]) == 3
    report = json.loads((out / "dataset_report.json").read_text())
    assert report["settings"]["language"] == "en" and len([n for n in report["notes"] if "dropped" in n]) == 3


def test_a_document_that_is_not_there_costs_no_request(tmp_path):
    with ScriptedServer() as server:
        words = ["generate", "--backend=openai", "--model=m", f"--base_url={server.url}", f"--output_dir={tmp_path}/o"]
        with pytest.raises(DataError, match="nowhere.txt"):
            main([*words, f"--documents={tmp_path / 'nowhere.txt'}", "--prompt=Ask about towns and their bridges"])
        assert not server.log
