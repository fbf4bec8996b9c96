from __future__ import annotations

from types import SimpleNamespace

import huggingface_hub
import pytest
import yaml

from qa_pipeline.errors import ModelError
from qa_pipeline.run.hub import push_run
from qa_pipeline.run.model_card import model_card


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

    def upload_folder(self, **options):
        self.calls.append(("upload", options))


def arguments(**changes):
    values = {"hub_model_id": None, "hub_token": "hf_x", "hub_private_repo": True, "hub_revision": None}
    return SimpleNamespace(**values | changes)


@pytest.fixture
def hub(monkeypatch):
    Hub.calls, Hub.fails = [], False
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return Hub


def test_the_folder_goes_up_in_one_commit_without_checkpoints_and_predictions(hub, tmp_path):
    address = push_run(tmp_path / "clinic", arguments(hub_revision="v2"))
    assert address == "https://huggingface.co/me/clinic"
    kinds = [call[0] for call in hub.calls]
    assert kinds == ["token", "create", "branch", "upload"]
    options = hub.calls[-1][1]
    ignored = options["ignore_patterns"]
    kept = list(
        huggingface_hub.utils.filter_repo_objects(
            ["model.safetensors", "README.md", "checkpoint-3/model.safetensors", "eval_predictions.json"],
            ignore_patterns=ignored,
        )
    )
    assert kept == ["model.safetensors", "README.md"]
    assert options["revision"] == "v2"


def test_a_refusal_is_one_message_that_says_the_folder_is_complete(hub, tmp_path):
    hub.fails = True
    with pytest.raises(ModelError, match=r"Connection refused.*folder is complete.*hf upload") as caught:
        push_run(tmp_path, arguments())
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
    calibrated = {"eval_ece": 0.314, "eval_ece_calibrated": 0.052, "eval_temperature": 2.154}
    card = model_card(results | {"base_exact_match": 1.0} | calibrated, RECORD, "clinic")
    assert "is 0.314 as the model says it and 0.052 with a temperature" in card and "model is 2.154." in card


def test_a_run_without_measurement_says_so():
    card = model_card({}, RECORD, "clinic")
    assert "Nothing was measured" in card and "model-index" not in card
