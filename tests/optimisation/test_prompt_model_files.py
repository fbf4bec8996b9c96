from __future__ import annotations

import json

import pytest

from qa_pipeline import artifacts
from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.optimisation.prompt_model import PromptModel
from qa_pipeline.optimisation.prompt_model_files import PROMPT_MODEL
from tests.optimisation.ranked import WordCounts, domain, likes_answers, likes_short, quick_model, unit


@pytest.fixture
def model():
    model = quick_model(steps=3, extend_steps=3)
    model.fit([domain("rules", unit(0), likes_short)])
    return model


@pytest.fixture
def folder(model, tmp_path):
    return model.save(tmp_path / "prompt_model")


def load(folder):
    return PromptModel.load(folder, WordCounts())


def test_a_model_is_one_file_of_tensors_and_one_of_json(folder):
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]


def test_saving_again_replaces_the_old_weights(model, folder):
    (before,) = folder.glob("*.safetensors")
    model.extend([domain("soup", unit(1), likes_answers)])
    model.save(folder)
    (after,) = folder.glob("*.safetensors")
    assert before.name != after.name and load(folder).domains == ["rules", "soup"]


def test_a_kill_before_the_end_leaves_the_old_model_whole(model, folder, monkeypatch):
    model.extend([domain("soup", unit(1), likes_answers)])

    def killed(path, value):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            model.save(folder)
    assert load(folder).domains == ["rules"]
    model.save(folder)
    assert load(folder).domains == ["rules", "soup"] and len(list(folder.iterdir())) == 2


def test_a_folder_without_a_model_is_said_in_words(tmp_path):
    with pytest.raises(ModelError, match=r"holds no prompt model \(prompt_model.json is not there\)"):
        load(tmp_path)


def change(folder, **values):
    record = json.loads((folder / PROMPT_MODEL).read_text())
    (folder / PROMPT_MODEL).write_text(json.dumps({**record, **values}))


@pytest.mark.parametrize("name", ["format_version", "features_version"])
def test_another_version_is_refused_with_what_to_do(folder, name):
    change(folder, **{name: 99})
    with pytest.raises(ModelError, match=f"expected {name} 1 .*, found 99; train the prompt model anew"):
        load(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format_version": 1, "features_version": 1}'])
def test_a_damaged_record_is_said_in_words(folder, text):
    (folder / PROMPT_MODEL).write_text(text)
    with pytest.raises(ModelError, match=rf"{PROMPT_MODEL}.*train the prompt model anew"):
        load(folder)


@pytest.mark.parametrize("key", ["settings", "domains", "weights", "capacity", "trainings", "embedder", "sha256"])
@pytest.mark.parametrize("value", [None, 7, "x", [1], {"a": 1}])
def test_a_value_of_another_kind_is_no_traceback(folder, key, value):
    change(folder, **{key: value})
    try:
        load(folder)
    except ModelError as error:
        assert str(folder) in str(error)
    else:
        assert key in ("capacity", "trainings") and value == 7


def test_damaged_weights_are_found(folder):
    (path,) = folder.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged .its SHA-256 is not that of prompt_model.json"):
        load(folder)


def test_weights_that_are_gone_are_said_in_words(folder):
    for path in folder.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(ModelError, match="prompt_model.json: is damaged: FileNotFoundError"):
        load(folder)


def test_names_in_the_record_open_nothing_outside_the_folder(folder, tmp_path):
    (path,) = folder.glob("*.safetensors")
    outside = tmp_path / "outside.safetensors"
    path.rename(outside)
    change(folder, weights="../outside.safetensors")
    with pytest.raises(ModelError, match="FileNotFoundError"):
        load(folder)


def test_a_model_of_another_encoder_is_refused(folder):
    with pytest.raises(ModelError, match="was trained with word-counts, found other; give that encoder"):
        PromptModel.load(folder, WordCounts("other"))


def test_a_folder_that_cannot_be_written_is_said_in_words(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        model.save(tmp_path / "file" / "model")
