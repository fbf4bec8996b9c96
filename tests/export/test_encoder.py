"""The exported encoder of the search: the vectors of torch without torch, in any index of the same model."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.export import encoder, export
from qa_pipeline.export.encoder import write_encoder
from qa_pipeline.export.exporting import check_output
from qa_pipeline.modeling.exported import read_export
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.retrieval import Embedder, Index, embeddings
from qa_pipeline.retrieval.embeddings import SEARCH_ENCODER, exported_embedder
from tests.tiny_models import save_tiny

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["a", "holidays of employees " * 9, "", "side effects", "library " * 2000]
DOCUMENTS = {
    "boats.md": "# Boats\n\nA berth in the harbour costs 40 EUR a year. Fees are due in March.\n",
    "leave.txt": "Employees have 30 days of annual leave. Sick days do not count as leave.\n",
    "library.md": "# Library\n\n## Opening hours\n\nThe library opens at nine and closes at six.\n",
}


@pytest.fixture(autouse=True)
def no_search_encoder():
    """Here it is what is tested."""


@pytest.fixture(scope="session")
def of_package(tmp_path_factory) -> Path:
    """The weights of the package."""
    folder = tmp_path_factory.mktemp("reader") / SEARCH_ENCODER
    write_encoder(folder, "openvino")
    return folder


@pytest.fixture
def documents(tmp_path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("family", "form"), [("bert", "onnx"), ("roberta", "openvino"), ("distilbert", "onnx")])
def test_vectors_are_those_of_torch(tmp_path, family, form):
    name = save_tiny(family, tmp_path / "source", seed=3)
    record = write_encoder(tmp_path / "exported", form, name)
    assert (record.kind, record.source, record.outputs) == ("encoder", "source", ("last_hidden_state",))
    assert read_export(tmp_path / "exported", verify=True) == record
    theirs, ours = Embedder(name).embed(TEXTS), Embedder(str(tmp_path / "exported"))
    assert (ours.embed(TEXTS) * theirs).sum(axis=1).min() > 0.999
    assert ours.embed(TEXTS).dtype == np.float32 and ours.embed([]).shape == (0, theirs.shape[1])
    assert Embedder(str(tmp_path / "exported")).embed(TEXTS[::-1])[::-1] == pytest.approx(ours.embed(TEXTS), abs=0.01)


def test_the_weights_of_the_package_can_be_compared_with_those_of_torch(of_package):
    ours, theirs = Embedder(str(of_package)), Embedder()
    assert (ours.name, ours.needs_torch, theirs.needs_torch) == (EMBEDDED_MODEL, False, True)
    assert (ours.embed_many(TEXTS) * theirs.embed_many(TEXTS)).sum(axis=1).min() > 0.999
    assert exported_embedder(of_package.parent) is not None and exported_embedder(of_package) is None


def test_an_index_of_either_is_searched_with_the_other(of_package, documents, tmp_path):
    exported = Embedder(str(of_package))
    with_torch = Index.build(documents, tmp_path / "torch")
    without = Index.build(documents, tmp_path / "exported", model=exported)
    assert with_torch.fingerprint == without.fingerprint and without.settings.model is None
    question = "How long may staff be on holiday?"
    mixed = [
        with_torch.search(question, embedder=exported),
        Index.open(tmp_path / "torch", exported).search(question),
        without.search(question),
        Index.open(tmp_path / "exported").search(question),
    ]
    for hits in mixed:
        assert hits[0].passage.document == "leave.txt"
        assert [hit.meaning for hit in hits] == pytest.approx([hit.meaning for hit in mixed[0]], abs=0.01)
    (documents / "more.txt").write_text("A new text.", encoding="utf-8")
    assert Index.build(documents, tmp_path / "torch", model=exported).report.embedded == 1


def test_an_encoder_of_another_model_is_not_taken(tmp_path, documents):
    other = tmp_path / "exported"
    write_encoder(other, "openvino", save_tiny("bert", tmp_path / "other", seed=3))
    index = Index.build(documents, tmp_path / "index")
    found = index.search("annual leave", embedder=Embedder(str(other)))
    assert [hit.meaning for hit in found] == [hit.meaning for hit in index.search("annual leave")]
    own = Index.build(documents, tmp_path / "own", model=str(other))
    assert own.settings.model == "other" and own.embedded


_BLOCKED = """
import importlib.abc, json, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "peft", "datasets", "accelerate"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
from qa_pipeline.retrieval import Embedder, Index
documents, encoder, folder = sys.argv[1:]
given = Embedder(encoder) if encoder else None
index = Index.build(documents, folder, model=given)
hits = index.search("How long may staff be on holiday?")
again = Index.open(folder, given).search("How long may staff be on holiday?")
print(json.dumps({
    "document": hits[0].passage.document if hits else None, "meanings": [hit.meaning for hit in hits],
    "again": [hit.meaning for hit in again], "embedded": index.report.embedded,
    "heavy": [name for name in ("torch", "transformers", "datasets", "pyarrow") if name in sys.modules],
}))
"""


def run_blocked(*words: str) -> tuple[dict, str]:
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, *words], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_documents_are_indexed_and_searched_by_meaning_without_torch(of_package, documents, tmp_path):
    found, said = run_blocked(str(documents), str(of_package), str(tmp_path / "index"))
    assert found["document"] == "leave.txt" and found["embedded"] == 3 and found["heavy"] == []
    assert None not in found["meanings"] and found["again"] == found["meanings"] and said == ""


def test_without_torch_and_encoder_words_decide_and_embeddings_come_later(of_package, documents, tmp_path):
    folder = tmp_path / "index"
    found, said = run_blocked(str(documents), "", str(folder))
    assert found["embedded"] is None and set(found["meanings"]) <= {None}
    assert said.count("texts are compared by their words alone") == 1
    now = Index.build(documents, folder, model=str(of_package))
    assert now.report.embedded == 3 and now.search("holiday")[0].meaning is not None
    found, said = run_blocked(str(documents), "", str(folder))
    assert set(found["meanings"]) <= {None} and said.count("by their words alone") == 1
    assert Index.open(folder).embedded


def test_a_reader_takes_its_encoder_along_and_asks_an_index_with_it(
    of_package, reader, documents, tmp_path, monkeypatch
):
    tiny = save_tiny("bert", tmp_path / "search", seed=4)
    report = export(reader(), tmp_path / "reader", "openvino", search_encoder=tiny)
    predictor = QAPredictor.from_pretrained(report.folder)
    assert predictor.embedder is not None and predictor.embedder.name == "search"
    index = Index.build(documents, tmp_path / "index", model=predictor.embedder)
    monkeypatch.setattr(embeddings, "TorchEncoder", lambda name: pytest.fail("torch is not asked"))
    monkeypatch.setattr(index, "_embedder", None)
    reply = predictor.ask("How long is annual leave?", index, num_passages=1)
    assert reply.hits[0].meaning is not None
    assert not any(name.startswith(SEARCH_ENCODER) for name in report.record.files)
    check_output(report.folder)
    (report.folder / SEARCH_ENCODER / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds what no export wrote \(found search_encoder/notes.txt\)"):
        check_output(report.folder)


def test_an_encoder_whose_vectors_are_others_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "LEAST_COSINE", 1.1)
    with pytest.raises(
        ModelError, match=r"the encoder is not the same: a vector has a cosine of 1\.0000 .*--no_search_enc"
    ):
        write_encoder(tmp_path / "exported", "openvino", save_tiny("bert", tmp_path / "tiny"))


def test_an_encoder_that_is_not_there_is_an_error_but_for_that_of_the_package(tmp_path, monkeypatch, caplog):
    with pytest.raises(ModelError, match="does not exist"):
        encoder.encoder_at_hand(str(tmp_path / "none"))
    assert encoder.encoder_at_hand(None) is None and encoder.encoder_at_hand(EMBEDDED_MODEL) == EMBEDDED_MODEL

    def missing(name):
        raise ModelError(f"{name}: no Python package is installed")

    monkeypatch.setattr(encoder, "resolve_model_path", missing)
    with caplog.at_level(logging.WARNING):
        assert encoder.encoder_at_hand(EMBEDDED_MODEL) is None
    assert "without an encoder for the search by meaning: package:" in caplog.text


def test_an_exported_reader_without_encoder_is_no_model_for_texts(reader, tmp_path):
    report = export(reader(), tmp_path / "reader", "openvino", search_encoder=None)
    with pytest.raises(ModelError, match="is an exported model that answers, without an encoder for the search"):
        Embedder(str(report.folder)).embed(["a"])
    assert QAPredictor.from_pretrained(report.folder).embedder is None
