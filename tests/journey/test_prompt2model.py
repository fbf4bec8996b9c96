"""Whole journeys of a tiny model: what comes out, what edits and changed settings do, and stages of one's own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import BackendError, ConfigError, DataError
from qa_pipeline.journey.prompt2model import Prompt2Model
from qa_pipeline.journey.stage import STAGES, Stage, StageResult
from tests.generation.server import ScriptedServer, Status
from tests.journey.journeys import ROOT, asking, content, save_model, small, write_documents, write_labels


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return save_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, model):
    """A journey from start to end, and its settings."""
    folder = tmp_path_factory.mktemp("whole")
    settings = small(folder, model, offline=True, output_dir=str(folder / "out"), skip=None)
    said: list[str] = []
    return settings, Prompt2Model(settings, say=said.append).run(), said


def ran(settings, **changes) -> list[str]:
    """The stages that a journey makes (again)."""
    said: list[str] = []
    Prompt2Model({**settings, **changes}, say=said.append).run()
    return [line.split()[1] for line in said if line.startswith("[")]


def test_a_journey_ends_in_a_model_that_loads_anywhere(whole):
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from qa_pipeline import QAPredictor

    _, result, said = whole
    assert [line.split()[1] for line in said if line.startswith("[")] == list(STAGES)
    text = "Ada Lovelace wrote the first program in 1843."
    assert QAPredictor.from_pretrained(result.model).ask("When?", text).text in text
    plain = AutoModelForQuestionAnswering.from_pretrained(result.model)
    assert (
        plain(**AutoTokenizer.from_pretrained(result.model)("When?", text, return_tensors="pt")).start_logits.ndim == 2
    )


def test_it_says_who_made_the_test_questions_wherever_a_score_stands(whole):
    _, result, said = whole
    assert result.metrics["test"]["made_by"] == "generator"
    assert any("does not measure people's questions" in line for line in said)
    for name in ("report/report", "report/card", "report/model_card"):
        assert "does not measure people" in result.files[name].read_text()


def test_all_files_that_it_names_are_there(whole):
    _, result, _ = whole
    assert all(path.exists() for path in result.files.values())
    assert json.loads(result.files["evaluate/metrics"].read_text())["measured"]
    commands = list(result.next_steps(["docs"]).values())
    assert commands[0].startswith("qa-pipeline ask --model ") and commands[1].startswith("qa-pipeline demo ")


def test_the_train_stage_is_trial_0_and_is_not_trained_twice(whole):
    _, result, _ = whole
    trials = result.stages["select"].facts["trials"]
    assert [trial["number"] for trial in trials] == [0, 1]
    assert trials[0]["f1"] == result.stages["train"].facts["results"]["eval_f1"]
    assert not (result.folder / "select" / "study" / "trials" / "0").exists()


def test_the_course_of_the_training_is_kept_and_the_optimizer_is_not(whole):
    _, result, _ = whole
    scores = [line["eval_f1"] for line in result.stages["train"].facts["history"] if "eval_f1" in line]
    assert len(scores) == 2
    assert not [*(result.folder / "train").rglob("optimizer.*")]


def test_a_second_run_does_nothing(whole):
    settings, result, _ = whole
    before = content(result.folder)
    assert ran(settings) == []
    assert content(result.folder) == before


def test_what_would_run_again_is_what_hangs_on_the_change(whole):
    settings, result, _ = whole
    journey = Prompt2Model({**settings, "learning_rate": 5e-4})
    from qa_pipeline.journey.looks import status

    lines = status(journey).splitlines()
    again = [line.split()[0] for line in lines if "would run again" in line]
    assert again == ["train", "select", "execute", "evaluate", "report"]
    assert "learning_rate: was 0.001, is 0.0005" in "\n".join(lines)


def test_edited_questions_are_taken_up_and_counted(tmp_path, model):
    settings = small(tmp_path, model, offline=True, output_dir=str(tmp_path / "out"), until="process")
    path = Prompt2Model(settings).run().files["process/review"]
    text = path.read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    edited = text.replace(rows[0]["question"], "Which question did a person write?", 1)
    path.write_text(edited, encoding="utf-8-sig")
    assert ran(settings) == ["process"]
    data = "".join(
        (tmp_path / "out" / "process" / f"{name}.json").read_text() for name in ("train", "validation", "test")
    )
    assert "Which question did a person write?" in data
    assert path.read_text(encoding="utf-8-sig") == edited
    report = json.loads((tmp_path / "out" / "process" / "dataset_report.json").read_text())
    assert report["review"]["edited"] == 1
    assert ran(settings) == []
    with pytest.raises(ConfigError, match=r"review\.csv: was edited by hand, and what it was made of has changed"):
        ran(settings, questions_per_context=2)
    assert path.read_text(encoding="utf-8-sig") == edited


def test_an_edited_specification_is_taken_up_and_not_overwritten(tmp_path, model):
    settings = small(tmp_path, model, offline=True, output_dir=str(tmp_path / "out"), until="generate")
    path = Prompt2Model(settings).run().files["parse/specification"]
    path.write_text(path.read_text().replace("num_examples: null", "num_examples: 4"))
    assert ran(settings) == ["parse", "generate"]
    assert "num_examples: 4" in path.read_text()
    with pytest.raises(ConfigError, match=r"prompt_spec\.yaml: was edited by hand"):
        ran(settings, prompt="Answer questions about ships")


def test_people_s_questions_are_the_test_questions(tmp_path, model):
    labels = write_labels(tmp_path / "labels", 40) / "towns.jsonl"
    settings = small(tmp_path, model, offline=True, output_dir=str(tmp_path / "out"), examples=str(labels))
    result = Prompt2Model({**settings, "until": "process"}).run()
    assert result.stages["process"].facts["test_made_by"] == "people"


def test_without_held_out_questions_it_trains_and_says_what_it_cannot_do(tmp_path, model):
    changes = {"validation_fraction": 0, "test_fraction": 0, "num_train_epochs": 1}
    settings = small(tmp_path, model, offline=True, output_dir=str(tmp_path / "out"), **changes)
    said: list[str] = []
    result = Prompt2Model(settings, say=said.append).run()
    text = "\n".join(said)
    assert "no validation question: no best epoch and no hyper-parameters can be chosen" in text
    assert "there are no validation questions to choose by" in text
    assert "not measured: the data set has no test questions" in text
    assert result.model.is_dir() and not result.metrics["measured"]
    assert "not measured" in result.files["report/card"].read_text()


def test_a_stage_of_ones_own_takes_the_place_of_the_builtin_one(tmp_path, model):
    class OwnModel(Stage):
        name, needs, settings = "retrieve_model", ("process",), ("seed",)

        def run(self, work):
            rows = work.facts("process")["splits"]["train"]["rows"]
            return StageResult(facts={"candidates": [], "chosen": model, "reason": f"ours, for {rows} rows"})

    settings = small(tmp_path, "unused", offline=True, output_dir=str(tmp_path / "out"), until="retrieve_model")
    result = Prompt2Model(settings, stages={"retrieve_model": OwnModel()}).run()
    assert result.stages["retrieve_model"].facts["reason"].startswith("ours, for ")


def test_stages_that_are_none_are_refused():
    class Odd(Stage):
        name = "train"

    settings = {"prompt": "Ask", "output_dir": "never/made"}
    with pytest.raises(ConfigError, match='unknown stage "traim"'):
        Prompt2Model(settings, stages={"traim": Odd()})
    with pytest.raises(ConfigError, match="select: its name is train"):
        Prompt2Model(settings, stages={"select": Odd()})
    with pytest.raises(ConfigError, match="select: is left out by skip, and a stage for it is given"):
        Prompt2Model({**settings, "skip": "select"}, stages={"select": Odd()})


def test_a_stage_that_is_left_out_has_something_in_its_place(tmp_path, model):
    out = tmp_path / "out"
    left_out = "retrieve_data,retrieve_model,select,execute,evaluate,report"
    settings = small(tmp_path, model, offline=True, output_dir=str(out), skip=left_out, num_train_epochs=1)
    result = Prompt2Model(settings).run()
    assert (result.model / "model.safetensors").exists()
    assert not (out / "report.html").exists() and not (out / "metrics.json").exists()
    assert ran(settings, skip="retrieve_data,retrieve_model,select,execute,evaluate") == ["report"]


def test_nothing_to_make_data_of_says_what_to_give(tmp_path, model):
    settings = small(tmp_path, model, offline=True, output_dir=str(tmp_path / "out"), documents=None)
    settings["prompt"] = "Answer questions about glaciology"
    with pytest.raises(ConfigError, match=r"(?s)stage generate: .*no documents, no language model.*--documents FOLDER"):
        Prompt2Model(settings).run()


def test_a_language_model_that_fails_for_a_while_ends_the_run_and_nothing_is_lost(tmp_path, model, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    out = tmp_path / "out"
    with ScriptedServer(lambda number, body: Status(500)) as server:
        settings = small(tmp_path, model, output_dir=str(out), until="process", spec_file=None, max_retries=0)
        with pytest.raises(BackendError, match=r"(?s)stage parse: .*What is done is kept in .*the same call goes on"):
            Prompt2Model({**settings, **asking(server)}).run()
    with ScriptedServer() as server:
        assert Prompt2Model({**settings, **asking(server)}).run().stages["process"].facts["splits"]["train"]["rows"] > 0


def test_too_few_rows_to_train_on_are_an_error_in_words(tmp_path, model):
    docs = tmp_path / "one"
    docs.mkdir()
    (docs / "a.txt").write_text("Nothing here is long enough to ask about.")
    settings = small(tmp_path, model, offline=True, output_dir=str(tmp_path / "out"), documents=[str(docs)])
    with pytest.raises(DataError, match="stage generate: "):
        Prompt2Model(settings).run()


BLOCKED = """
import socket, sys
class NoSocket(socket.socket):
    def __init__(self, *arguments, **options):
        raise AssertionError("a socket was opened")
socket.socket = NoSocket
socket.create_connection = socket.getaddrinfo = lambda *a, **k: (_ for _ in ()).throw(AssertionError("the network"))
sys.stdin.close()
from qa_pipeline.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_offline_it_opens_no_socket_and_reads_no_stdin(tmp_path, model):
    docs = write_documents(tmp_path / "docs")
    words = ["prompt2model", "--offline", "--prompt", '"Answer questions about towns"', "--documents", str(docs)]
    words += ["--output_dir", str(tmp_path / "out"), "--num_trials", "0", "--max_train_samples", "16"]
    words += [
        "--max_seq_length",
        "128",
        "--doc_stride",
        "32",
        "--max_question_length",
        "32",
        "--num_train_epochs",
        "1",
        "--warm_start",
        "off",
    ]
    words += ["--model_name_or_path", model, "--disable_tqdm"]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ask the model:\n  qa-pipeline ask --model" in done.stdout
    assert "about: towns" in done.stdout and (tmp_path / "out" / "report.html").exists()


def test_a_preview_shows_rows_and_trains_nothing(tmp_path, model, capsys):
    docs = write_documents(tmp_path / "docs")
    words = ["prompt2model", "--offline", "--prompt=Answer questions about towns", f"--documents={docs}", "--preview"]
    assert main([*words, f"--output_dir={tmp_path / 'out'}"]) == 0
    shown = capsys.readouterr().out
    assert "rows made:\n  " in shown and "would be trained: " in shown
    assert not (tmp_path / "out" / "train").exists()
    assert main([*words[:-1], f"--output_dir={tmp_path / 'out'}", "--until=generate"]) == 0  # the folder is a journey's


def test_a_plan_says_what_each_stage_would_take_and_writes_nothing(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    docs = write_documents(tmp_path / "docs")
    prices = ["--price_per_million_prompt_tokens=3", "--price_per_million_completion_tokens=15"]
    words = [
        "prompt2model",
        "--prompt=Answer questions about towns",
        f"--documents={docs}",
        f"--output_dir={tmp_path}/o",
    ]
    with ScriptedServer() as server:
        asked = ["--backend=openai", "--model=m", f"--base_url={server.url}", f"--model_name_or_path={model}", *prices]
        assert (
            main([*words, *asked, "--plan", "--max_seq_length=128", "--doc_stride=32", "--max_question_length=32"]) == 0
        )
        assert not server.log
    shown = capsys.readouterr().out
    for stage in STAGES:
        assert f"\n{stage} " in f"\n{shown}"
    assert "at most" in shown and "measured on this machine" in shown and "GB in" in shown
    assert not (tmp_path / "o").exists()
