"""A Hub that does not answer: one short try, then the local cache, then one message."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants

from qa_pipeline import QAPredictor
from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import StoredSettings, load_model, load_tokenizer, paths, stored_settings, write_settings
from qa_pipeline.modeling.paths import at_hand


@pytest.fixture
def hub(monkeypatch):
    """A Hub that is asked over no network: what it says to each try, and the tries that were made."""
    found = SimpleNamespace(answer=200, tries=[])

    def head(url, timeout):
        found.tries.append((url, timeout))
        if isinstance(found.answer, Exception):
            raise found.answer
        return SimpleNamespace(status_code=found.answer)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_session", lambda: SimpleNamespace(head=head))
    monkeypatch.setattr(paths, "_ANSWERED", set())
    return found


@pytest.fixture
def cache(tmp_path):
    """A cache as downloads leave it, with one model."""
    folder = tmp_path / "cache" / "models--some--model"
    snapshot = folder / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(snapshot.name)
    return snapshot


def test_a_hub_that_answers_is_asked_once_and_left_to_the_libraries(hub):
    assert [at_hand("some/model"), at_hand("other/model")] == ["some/model", "other/model"]
    assert hub.tries == [(constants.ENDPOINT, paths.SECONDS)] and paths.SECONDS <= 5


@pytest.mark.parametrize("answer", [ConnectionError("no route"), 503])
def test_a_silent_hub_is_tried_once_for_a_model_that_is_nowhere(hub, tmp_path, monkeypatch, answer):
    hub.answer = answer
    (tmp_path / "runs" / "quickstart").mkdir(parents=True)
    (tmp_path / "runs" / "quickstart" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r'Hub cannot be reached .* did you mean the folder "runs.quickstart"'):
        QAPredictor.from_pretrained("run/quickstart", device="cpu", cache_dir=str(tmp_path / "none"))
    assert len(hub.tries) == 1


def test_a_silent_hub_is_replaced_by_the_cache(hub, cache, caplog):
    hub.answer = ConnectionError()
    options = {"revision": "main", "cache_dir": str(cache.parents[2])}
    assert at_hand("some/model", **options) == str(cache)
    assert "copy in the local cache" in caplog.text
    with pytest.raises(ModelError, match="not in the local cache"):
        at_hand("some/model", **options | {"revision": "v2"})


def test_folders_and_offline_mode_need_no_try(hub, cache, monkeypatch):
    assert at_hand(str(cache)) == str(cache)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert at_hand("some/model", cache_dir=str(cache.parents[2])) == str(cache)
    assert hub.tries == []


def test_training_from_the_cache_records_the_name_on_the_hub_and_not_the_folder(hub, cache, tiny_bert):
    hub.answer = ConnectionError()
    shutil.copytree(tiny_bert, cache, dirs_exist_ok=True)
    arguments = ModelArguments(model_name_or_path="some/model", cache_dir=str(cache.parents[2]))
    model = load_model(arguments, LoRAArguments(use_lora=True))
    config = model.peft_config["default"]
    assert (config.base_model_name_or_path, config.revision) == ("some/model", "main")
    assert load_tokenizer(arguments).name_or_path == "some/model"


def test_settings_that_training_stored_are_found_by_the_name_on_the_hub(hub, cache):
    hub.answer = ConnectionError()
    arguments = ModelArguments(model_name_or_path="some/model", cache_dir=str(cache.parents[2]))
    assert stored_settings(arguments) is None
    write_settings(StoredSettings(max_answer_length=7), cache)
    assert stored_settings(arguments).max_answer_length == 7
