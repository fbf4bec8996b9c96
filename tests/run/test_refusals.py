"""A run that is refused, and one with other data: nothing that is there is lost, nothing that is old is shown."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from qa_pipeline.errors import ConfigError, DataError, ModelError, QAError
from qa_pipeline.process import checkpoints
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings


def listing(folder: Path) -> dict[str, tuple]:
    """Every file and folder with its time of change, and a hash of what is in it."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def short(data: Path, model: Path, out: Path, **changes) -> dict:
    few = {"max_train_samples": 8, "max_eval_samples": 4, "num_train_epochs": 1, "save_steps": 100}
    return settings(data, model, out, **few | {"merge_adapter": True, "eval_on_start": True} | changes)


@pytest.fixture(scope="module")
def run(data, tiny_bert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_qa(parsed(folder, short(data, tiny_bert, folder / "out")))
    return folder / "out"


@pytest.fixture
def copy(run, tmp_path) -> Path:
    shutil.copytree(run, tmp_path / "out")
    return tmp_path / "out"


def without_checkpoints(folder: Path) -> Path:
    checkpoints.remove_all(folder)
    return folder


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> dict[str, str]:
    """Training files that cannot be used."""
    folder = tmp_path_factory.mktemp("bad")
    contents = {
        "half": '{"data": [',
        "nowhere": json.dumps([{"id": "a", "context": "x", "question": "y", "answer": "z"}]),
        "empty": "",
        "impossible": json.dumps([{"id": "a", "context": "x", "question": "y", "answers": {"text": []}}]),
    }
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(content)
    return {name: str(folder / f"{name}.json") for name in contents}


REFUSED = [
    ({"train_file": "half"}, DataError),
    ({"train_file": "nowhere"}, DataError),
    ({"train_file": "empty"}, DataError),
    ({"train_file": "impossible", "version_2_with_negative": False}, DataError),
    ({"validation_file": "half"}, DataError),
    ({"extra_train_files": ["half"]}, DataError),
    ({"model_name_or_path": "./nowhere"}, ModelError),
    ({"max_seq_length": 4096}, QAError),
    ({"lora_target_modules": ["nowhere"]}, QAError),
    ({"field_mapping": {"context": "nowhere", "question": "question"}}, QAError),
]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(("change", "error"), REFUSED)
def test_a_refused_run_has_changed_no_file(change, error, overwrite, copy, bad, data, tiny_bert, tmp_path):
    change = {
        key: [bad[name] for name in value] if key == "extra_train_files" else bad.get(value, value)
        if isinstance(value, str)
        else value
        for key, value in change.items()
    }  # fmt: skip
    before = listing(copy)
    with pytest.raises(error):
        run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, overwrite_output_dir=overwrite, **change)))
    assert listing(copy) == before


def test_a_refused_run_makes_no_folder(bad, data, tiny_bert, tmp_path):
    with pytest.raises(DataError):
        run_qa(parsed(tmp_path / "config", short(data, tiny_bert, tmp_path / "new" / "out", train_file=bad["half"])))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("checkpoints_left", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_train_samples": 7}, r"data\.train was '\w+' and is now '\w+'"),
        ({"seed": 7}, "seed was 42 and is now 7"),
        ({"doc_stride": 16}, r"windows\.doc_stride was 32 and is now 16"),
    ],
)
def test_another_run_is_refused_whether_or_not_checkpoints_are_left(
    change, message, checkpoints_left, copy, data, tiny_bert, tmp_path
):
    if not checkpoints_left:
        without_checkpoints(copy)
    before = listing(copy)
    with pytest.raises(ConfigError, match=f"holds another run: {message}; give another output_dir, or overwrite"):
        run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, **change)))
    assert listing(copy) == before


def test_predicting_into_the_folder_of_a_training_is_refused(copy, data, tmp_path):
    config = {"model_name_or_path": str(copy), "output_dir": str(copy), "do_predict": True, "use_cpu": True}
    before = listing(without_checkpoints(copy))
    with pytest.raises(ConfigError, match="holds another run: .*model.name was"):
        run_qa(parsed(tmp_path / "config", config | {"test_file": str(data / "test.json")}))
    assert listing(copy) == before


def test_more_epochs_without_a_checkpoint_change_nothing(copy, data, tiny_bert, tmp_path):
    before = listing(without_checkpoints(copy))
    with pytest.raises(ConfigError, match="no checkpoint is left from which num_train_epochs 3 could go on"):
        run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, num_train_epochs=3)))
    assert listing(copy) == before


def test_overwriting_removes_the_merged_model_and_keeps_what_no_run_wrote(copy, data, tiny_bert, tmp_path):
    (copy / "notes.txt").write_text("mine")
    assert (copy / "merged" / "model.safetensors").exists()
    config = short(data, tiny_bert, copy, overwrite_output_dir=True, merge_adapter=False, max_train_samples=7)
    run_qa(parsed(tmp_path / "config", config))
    assert not (copy / "merged").exists() and (copy / "notes.txt").read_text() == "mine"
    assert read_json(copy / "run.json")["data"]["train"]["questions"] == 7


def test_overwriting_a_folder_of_somebody_else_keeps_a_folder_called_merged(data, tiny_bert, tmp_path):
    (tmp_path / "out" / "merged").mkdir(parents=True)
    (tmp_path / "out" / "merged" / "thesis.txt").write_text("years of work")
    config = short(data, tiny_bert, tmp_path / "out", overwrite_output_dir=True, merge_adapter=False)
    run_qa(parsed(tmp_path / "config", config))
    assert (tmp_path / "out" / "merged" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("part", ["merged", "checkpoint-6"])
def test_overwriting_what_the_run_begins_with_is_refused(part, copy, data, tmp_path):
    config = short(data, copy / part, copy, overwrite_output_dir=True)
    with pytest.raises(ConfigError, match="overwrite_output_dir: would remove .*which model_name_or_path asks for"):
        run_qa(parsed(tmp_path / "config", config))


def test_a_merged_model_of_an_earlier_training_is_named(copy, data, tiny_bert, tmp_path):
    config = short(data, tiny_bert, copy, merge_adapter=False)
    assert not [text for text in run_qa(parsed(tmp_path / "config", config))["warnings"] if "merged" in text]
    longer = run_qa(parsed(tmp_path / "config", config | {"num_train_epochs": 2}))
    assert [text for text in longer["warnings"] if "merged holds the model of before" in text]


def base_of(folder: Path) -> dict:
    return {name: value for name, value in read_json(folder / "all_results.json").items() if name.startswith("base_")}


def test_another_validation_file_never_shows_the_old_base_score(copy, data, tiny_bert, tmp_path):
    first = base_of(copy)
    assert first == read_json(copy / "base_results.json")
    other = {"validation_file": str(data / "test.json"), "max_eval_samples": 9}
    run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, **other)))
    second = base_of(copy)
    assert second == read_json(copy / "base_results.json") and second["base_total"] == 9 != first["base_total"]
    again = run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, **other)))
    assert again["base_runtime"] == second["base_runtime"]  # not measured again
    results = run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, eval_on_start=False)))
    assert base_of(copy) == {} and "base_f1" not in results and not (copy / "base_results.json").exists()
    assert "base" not in read_json(copy / "run.json")["stages"]
    assert "before training" not in (copy / "README.md").read_text()


def test_a_base_score_that_was_counted_otherwise_is_measured_again(copy, data, tiny_bert, tmp_path):
    run_qa(parsed(tmp_path / "config", short(data, tiny_bert, copy, max_answer_length=2)))
    assert read_json(copy / "run.json")["stages"]["base"]["measured_on"]["max_answer_length"] == 2


def test_results_of_a_file_without_answers_do_not_stand_beside_old_scores(copy, data, tiny_bert, tmp_path):
    config = short(data, tiny_bert, copy, do_predict=True, test_file=str(data / "test.json"))
    assert "predict_f1" in run_qa(parsed(tmp_path / "config", config))
    rows = [{"id": "a", "context": "Parking costs 4 euros.", "question": "What does parking cost?"}]
    (tmp_path / "ask.json").write_text(json.dumps(rows))
    run_qa(parsed(tmp_path / "config", config | {"test_file": str(tmp_path / "ask.json")}))
    results = read_json(copy / "all_results.json")
    assert "predict_f1" not in results and results["predict_samples"] == 1 and "eval_f1" in results
