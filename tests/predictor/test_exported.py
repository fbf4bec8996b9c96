"""Exported models: asked as the models that they were made from, without torch, in threads, pickles and forks."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from qa_pipeline import QAPredictor, pipeline
from qa_pipeline.arguments import QASettings
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import load_trained
from qa_pipeline.modeling.exported import EXPORT_FILE
from qa_pipeline.modeling.plain_tokenizer import PlainTokenizer, save_tokenizer
from qa_pipeline.preprocess import Preprocess
from tests import tokenizers
from tests.tiny_exports import save_export

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = "The clinic opens at eight in the morning; please bring your insurance card, Dr. Müller-Nowak said 🙂. " * 4
QUESTIONS = ["When does the clinic open?", "What must I bring?", "Who said it?"]
ROWS = [{"question": question, "context": CONTEXT[10 * i :]} for i, question in enumerate(QUESTIONS)]


@pytest.fixture(scope="session")
def exported(tiny_predictor, tmp_path_factory):
    """Gives the folder of a tiny model that is exported in a format."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = save_export(tiny_predictor(), tmp_path_factory.mktemp("exported") / kind, kind)
        return made[kind]

    return folder


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_an_exported_model_answers_as_the_model_it_was_made_from(exported, tiny_predictor, kind):
    own, model = tiny_predictor(), QAPredictor.from_pretrained(exported(kind), dtype="float32")
    assert model.settings.max_seq_length == own.settings.max_seq_length == 64
    assert (model.num_parameters, str(model.device), model.has_stored_settings) == (own.num_parameters, "cpu", True)
    assert model.size_mb > 0.9 * own.size_mb
    for expected, found in zip(own.predict(ROWS), model.predict(ROWS), strict=True):
        assert (found.text, found.start, found.end) == (expected.text, expected.start, expected.end)
        assert found.confidence == pytest.approx(expected.confidence, abs=1e-4)
        assert found.num_windows == expected.num_windows > 1
    for question in QUESTIONS:
        ours, theirs = (one.highlight(question, CONTEXT, dense=False) for one in (own, model))
        assert [piece.text for piece in theirs.pieces] == [piece.text for piece in ours.pieces]
    assert model.fingerprint() == QAPredictor.from_pretrained(exported(kind), dtype="float32").fingerprint()
    assert model.fingerprint() != QAPredictor.from_pretrained(exported(kind)).fingerprint() or kind == "onnx"


def test_the_pipeline_opens_it_and_gives_the_old_shape(exported):
    qa = pipeline("question-answering", model=str(exported("onnx")), device=-1, backend="onnx")
    found = qa(question=QUESTIONS[0], context=CONTEXT)
    assert CONTEXT[found["start"] : found["end"]] == found["answer"]
    with pytest.raises(ModelError, match="exported model is copied as it is"):
        qa.save_pretrained("anywhere")
    with pytest.raises(ModelError, match="attn_implementation 'eager': an exported model has its own"):
        pipeline(model=str(exported("onnx")), model_kwargs={"attn_implementation": "eager"})


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_threads_and_pickles_get_the_same_answers(exported, kind):
    model = QAPredictor.from_pretrained(exported(kind), dtype="float32")
    expected = [answer.text for answer in model.predict(ROWS)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [answer.text for answer in model.predict(ROWS)], range(24)))
    assert found == [expected] * 24
    again = pickle.loads(pickle.dumps(model))
    assert [answer.text for answer in again.predict(ROWS)] == expected


def test_windows_of_any_length_and_number_have_the_logits_that_each_has_alone(exported, monkeypatch):
    """They are padded to rounded lengths, and a batch is computed in parts."""
    runtime = QAPredictor.from_pretrained(exported("openvino"), dtype="float32").reader.model
    assert runtime.record.longest_window is not None
    monkeypatch.setattr(runtime._infer, "_most_parts", lambda: 3)  # as on a processor of more cores
    runtime._infer._parallel = runtime._infer._compiled("THROUGHPUT")
    rng = np.random.default_rng(0)
    for windows, length in [(1, 1), (2, 15), (7, 16), (5, 17), (4, runtime.record.longest_window)]:
        ids = rng.integers(5, 60, (windows, length))
        batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        together = runtime.run(batch)
        for row in range(windows):
            alone = runtime.run({name: array[row : row + 1] for name, array in batch.items()})
            for whole, part in zip(together, alone, strict=True):
                assert whole.shape == (windows, length) and whole.dtype == np.float32
                np.testing.assert_allclose(whole[row], part[0], atol=1e-4)


_FORKED = {}


def _ask_in_fork(number: int) -> list[str]:
    return [answer.text for answer in _FORKED["model"].predict(ROWS)]


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_process_that_was_forked_opens_it_anew(exported, kind):
    code = f"""
import multiprocessing, os, sys
from tests.predictor import test_exported as t
t._FORKED["model"] = model = t.QAPredictor.from_pretrained({str(exported(kind))!r}, dtype="float32")
expected = [answer.text for answer in model.predict(t.ROWS)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(t._ask_in_fork, range(2)).get(60) == [expected] * 2
if {kind == "onnx"}:
    sys.exit()  # a forked process with ONNX Runtime does not end by itself; a pool ends its own
if os.fork():
    assert os.wait()[1] == 0
else:
    assert t._ask_in_fork(0) == expected
"""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    # Texts are encoded on all cores where this is set, which no fork survives.
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=240, env=environment)


_BLOCKED = """
import importlib.abc, json, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "peft", "datasets", "accelerate"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
from qa_pipeline import QAPredictor
model = QAPredictor.from_pretrained(sys.argv[1])
row = json.loads(sys.argv[2])
answer = model.ask(row["question"], row["context"])
found = model.highlight(row["question"], row["context"], dense=False)
folder = model.ask(row["question"], __import__("pathlib").Path(sys.argv[3]))
print(json.dumps({
    "text": answer.text, "pieces": len(found.pieces), "document": folder.answers[0].document.source,
    "heavy": [name for name in ("torch", "transformers", "datasets", "pyarrow") if name in sys.modules],
}))
"""


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_neither_torch_nor_transformers_is_needed(exported, tmp_path, kind):
    (tmp_path / "clinic.txt").write_text(CONTEXT, encoding="utf-8")
    (tmp_path / "other.txt").write_text("Nothing of interest stands here.", encoding="utf-8")
    words = [str(exported(kind)), json.dumps(ROWS[0]), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, *words], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["text"] in CONTEXT and found["pieces"] and found["heavy"] == []
    assert found["document"].endswith(("clinic.txt", "other.txt"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "torch"}, "was exported for onnx, not for torch; give the model that it was made from"),
        ({"backend": "openvino"}, "was exported for onnx, not for openvino; export it with --format openvino"),
        ({"backend": "tensorrt"}, "backend 'tensorrt': expected one of auto, torch, openvino, onnx"),
        ({"device": "cuda:0"}, "device 'cuda:0': an exported model computes on the CPU"),
        ({"dtype": "float16"}, "dtype 'float16': an exported model computes in one of auto, float32, bfloat16"),
        ({"dtype": "bfloat16"}, "dtype bfloat16: ONNX Runtime computes this model in float32"),
        ({"tokenizer": "other"}, "has its own tokenizer; leave tokenizer out"),
        ({"max_seq_length": 4096}, "max_seq_length .*4096"),
    ],
)
def test_what_an_exported_model_cannot_do_is_refused_with_words(exported, options, message):
    with pytest.raises(ModelError if "max" not in message else Exception, match=message):
        QAPredictor.from_pretrained(exported("onnx"), **options)


def test_what_needs_the_model_itself_says_so(exported, tiny_bert, tmp_path):
    with pytest.raises(ModelError, match="is an exported model, which only answers; give the model that it was made"):
        load_trained(str(exported("onnx")))
    with pytest.raises(ModelError, match="is no exported model, which backend onnx needs; run: qa-pipeline export"):
        QAPredictor.from_pretrained(str(tiny_bert), backend="onnx")
    broken = shutil.copytree(exported("onnx"), tmp_path / "broken")
    (broken / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="model.onnx cannot be opened: .*; export the model again"):
        QAPredictor.from_pretrained(broken)
    (broken / EXPORT_FILE).write_text("{}")
    with pytest.raises(ModelError, match="export.json: expected format_version 1"):
        QAPredictor.from_pretrained(broken)


@pytest.mark.parametrize("family", sorted(tokenizers.FAMILIES))
def test_windows_of_the_plain_tokenizer_are_those_of_transformers(family, tmp_path):
    tokenizer = copy.deepcopy(tokenizers.tokenizer(family))
    save_tokenizer(tokenizer, tmp_path)
    # Scores of pieces lose their last digit in the file, which decides ties of these tiny vocabularies.
    tokenizer._tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    names = [name for name in tokenizer.model_input_names if name != "overflow_to_sample_mapping"]
    plain = PlainTokenizer(tmp_path, names)
    for name in ("cls_token_id", "bos_token_id", "unk_token_id", "pad_token_id", "padding_side", "truncation_side"):
        if name != "pad_token_id" or tokenizer.pad_token_id is not None:
            assert getattr(plain, name) == getattr(tokenizer, name), name
    assert sorted(plain.all_special_ids) == sorted({*tokenizer.all_special_ids, plain.pad_token_id})
    texts = [*tokenizers.TEXTS, "a [SEP] b </s> c <s> <pad> [CLS] d"]
    rows = [{"id": str(i), "question": texts[-i], "context": text * 3} for i, text in enumerate(texts)]
    limits = QASettings(max_seq_length=96, doc_stride=16, max_question_length=32)
    ours, theirs = (Preprocess(one, limits) for one in (plain, tokenizer))
    assert ours.compositional == theirs.compositional
    found, expected = ours.windows(rows), theirs.windows(rows)
    for name, values in vars(expected).items():
        if isinstance(values, np.ndarray):
            assert np.array_equal(getattr(found, name), values), name
        elif values is None:
            assert getattr(found, name) is None, name
