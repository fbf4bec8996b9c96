"""What an exported folder holds, that it answers as its model does, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.export import checking, export
from qa_pipeline.modeling.exported import read_export
from tests.export.conftest import CONTEXTS, save_reader

QUESTIONS = [{"question": "What does a lost card cost?", "context": context} for context in CONTEXTS]
QUESTIONS += [{"question": "Who pays?", "context": " ".join(CONTEXTS)}]  # of several windows


def answers(name, **options) -> list[tuple]:
    predictor = QAPredictor.from_pretrained(name, device="cpu", dtype="float32", **options)
    return [(one.text, one.start, round(one.confidence, 4)) for one in predictor.predict(QUESTIONS, progress=False)]


@pytest.mark.parametrize("form", ["openvino", "onnx"])
def test_an_export_answers_as_its_model_does(exported, reader, form):
    report = exported(form)
    assert report.logits_difference < 1e-4
    assert answers(report.folder) == answers(reader())


@pytest.mark.parametrize(
    ("form", "int8", "model_file"),
    [
        ("openvino", False, "openvino_model.xml"),
        ("onnx", False, "onnx/model.onnx"),
        ("openvino", True, "openvino_model.xml"),
        ("onnx", True, "onnx/model_quantized.onnx"),
    ],
)
def test_the_record_says_what_is_in_the_folder(exported, reader, form, int8, model_file):
    report = exported(form, int8)
    record = read_export(report.folder, verify=True)
    assert record == report.record
    assert (record.format, record.precision, record.model_file) == (form, "int8" if int8 else "float32", model_file)
    assert record.inputs == ("input_ids", "attention_mask", "token_type_ids")
    assert record.source == "reader" and record.model_type == "bert" and record.longest_window == 160
    predictor = QAPredictor.from_pretrained(reader(), dtype="float32", device="cpu")
    assert record.source_fingerprint == predictor.fingerprint()
    beside = {"README.md", "config.json", "export.json", "qa_config.json", "tokenizer.json", "tokenizer_config.json"}
    found = {path.relative_to(report.folder).as_posix() for path in report.folder.rglob("*") if path.is_file()}
    assert found >= beside | {model_file} and not {name for name in found if name.startswith(".")}
    assert found - beside - {"special_tokens_map.json", "vocab.txt"} == set(record.files)


def test_int8_is_smaller_and_its_cost_is_in_the_record(exported, labelled):
    for form in ("openvino", "onnx"):
        report = exported(form, True)
        assert report.size_mb < exported(form).size_mb
        scores = report.record.scores
        assert scores["questions"] == 16 and scores["source"] == labelled.name
        assert scores["lost_f1"] == pytest.approx(scores["before"]["f1"] - scores["after"]["f1"])
        low, high = scores["lost_f1_interval"]
        assert low <= scores["lost_f1"] <= high
        assert len(answers(report.folder)) == len(QUESTIONS)
    assert exported("openvino", True).record.calibration["windows"] == 16
    assert exported("onnx", True).record.calibration["method"].endswith("per channel, head in float")


def test_the_head_stays_in_float(exported):
    import onnx

    folder = exported("onnx", True).folder
    nodes = onnx.load(str(folder / "onnx" / "model_quantized.onnx")).graph.node
    products = [node.op_type for node in nodes if node.op_type in ("MatMul", "Gemm", "MatMulInteger")]
    assert "MatMulInteger" in products and products[-1] != "MatMulInteger"


@pytest.mark.parametrize("form", ["openvino", "onnx"])
def test_where_int8_costs_too_much_the_products_that_rounding_harms_most_stay_in_float(
    tmp_path, exported, reader, labelled, monkeypatch, form
):
    from qa_pipeline.export import gate

    smallest, largest = exported(form, True).size_mb, exported(form).size_mb
    true_cost, costs = gate.cost_of, iter([0.51, 0.5])
    monkeypatch.setattr(gate, "cost_of", lambda *given: dataclasses.replace(true_cost(*given), lost_f1=next(costs)))
    report = export(
        reader(),
        tmp_path / "export",
        form,
        int8=True,
        validation_data=labelled,
        calibration_data=labelled if form == "openvino" else None,
    )
    assert report.cost.lost_f1 == 0.5 and next(costs, None) is None
    assert "second feed-forward products in float" in report.record.calibration["method"]
    assert smallest < report.size_mb < largest
    assert not list(report.folder.rglob("exact.*"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["openvino", "onnx"])
@pytest.mark.parametrize(
    "family", ["distilbert", "roberta", "xlm_roberta", "electra", "deberta_v2", "albert", "modernbert", "gpt2", "llama"]
)
def test_models_of_these_families_answer_the_same_when_exported(tmp_path, reader, family, form):
    report = export(reader(family), tmp_path / "export", form)
    assert answers(report.folder) == answers(reader(family))


@pytest.mark.parametrize(
    ("family", "form"),
    [
        ("longformer", "onnx"),
        pytest.param("t5", "openvino", marks=pytest.mark.slow),
        pytest.param("xlnet", "onnx", marks=pytest.mark.slow),
    ],
)
def test_a_model_that_cannot_be_exported_is_refused_with_those_that_can(tmp_path, reader, family, form):
    with pytest.raises(
        ModelError, match=f"of type '{family}' cannot be exported to {form} .* a type that can be: bert"
    ):
        export(reader(family), tmp_path / "export", form)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_is_merged_and_its_card_goes_along(tmp_path, reader):
    from qa_pipeline.arguments import LoRAArguments, ModelArguments
    from qa_pipeline.modeling import StoredSettings, load_model, load_tokenizer, save_model
    from tests.modeling.made import take_steps

    arguments = ModelArguments(model_name_or_path=reader())
    model = load_model(arguments, LoRAArguments(use_lora=True), device="cpu")
    take_steps(model)
    settings = StoredSettings(max_seq_length=48, doc_stride=16, max_question_length=16)
    adapter = save_model(model, load_tokenizer(arguments), settings, tmp_path / "adapter", reader())
    (adapter / "README.md").write_text("---\nlicense: mit\nlanguage: de\n---\n# Fees\n\nMeasured: F1 50.\n")
    report = export(adapter, tmp_path / "export")
    assert answers(report.folder) == answers(adapter) != answers(reader())
    card = (report.folder / "README.md").read_text()
    assert "license: mit" in card and "language: de" in card and "### Fees\n\nMeasured: F1 50." in card


def test_another_graph_than_the_model_is_refused_and_nothing_is_left(tmp_path, reader, monkeypatch):
    def other(model, batch):
        return np.stack([np.full(batch["input_ids"].shape, 9.0, dtype=np.float32)] * 2)

    monkeypatch.setattr(checking, "_stacked", other)
    with pytest.raises(
        ModelError, match=r"exported to openvino, the model is not the same: its logits differ by up to"
    ):
        export(reader(), tmp_path / "new" / "export")
    assert list((tmp_path / "new").iterdir()) == []


def test_too_much_f1_lost_is_an_error_and_nothing_is_left(tmp_path, reader, labelled, monkeypatch):
    from qa_pipeline.export import gate

    right = {str(row): f"{20 + row // 2} euros" for row in range(16)}
    wrong = dict.fromkeys(right, "by post")
    texts = iter([right, wrong, right, wrong])  # made twice
    monkeypatch.setattr(gate, "_answers", lambda predictor, questions: next(texts))
    options = {"int8": True, "validation_data": labelled}
    with pytest.raises(ModelError, match=r"int8 costs 100\.00 points of F1, more than the 0\.5 that are allowed"):
        export(reader(), tmp_path / "export", "onnx", **options)
    assert list(tmp_path.iterdir()) == []


def test_int8_without_questions_to_measure_on_is_refused_unless_forced(tmp_path, reader):
    with pytest.raises(ModelError, match=r"there are no questions to measure int8 on.*Give validation_data"):
        export(reader(), tmp_path / "export", "onnx", int8=True)
    report = export(reader(), tmp_path / "export", "onnx", int8=True, force=True)
    assert report.record.scores is None
    assert "**Nobody measured what int8 costs" in (report.folder / "README.md").read_text()


def test_int8_of_openvino_without_questions_to_calibrate_on_is_refused(tmp_path, reader, labelled):
    with pytest.raises(ModelError, match=r"no questions to calibrate int8 on.*Give calibration_data"):
        export(reader(), tmp_path / "export", int8=True, validation_data=labelled)


def test_questions_of_the_models_own_run_are_found(tmp_path, labelled, monkeypatch):
    from qa_pipeline.export import gate

    said: list[str] = []
    monkeypatch.setattr(gate.logger, "warning", lambda text, *values: said.append(text % values))
    run = Path(save_reader("bert", tmp_path / "run"))
    shutil.copy(labelled, tmp_path / "fees.jsonl")
    config = {"train_file": "fees.jsonl", "validation_file": str(tmp_path / "fees.jsonl"), "field_mapping": None}
    (run / "run.json").write_text(json.dumps({"config": config}))
    report = export(run, tmp_path / "export", int8=True, most_lost_f1=100.0, max_eval_samples=5)
    assert report.record.calibration["source"] == "fees.jsonl" and report.cost.questions == 5
    assert any("5 questions are few to measure int8 on" in text for text in said)


def test_an_earlier_export_is_replaced_and_anything_else_is_kept(tmp_path, reader):
    first = export(reader(), tmp_path / "export", "onnx")
    second = export(reader(), tmp_path / "export", "openvino")
    assert not (second.folder / first.record.model_file).exists() and answers(second.folder) == answers(reader())
    (second.folder / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds what no export wrote \(found notes.txt\)"):
        export(reader(), tmp_path / "export")
    with pytest.raises(ConfigError, match="holds what no export wrote"):
        export(reader(), reader())
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file; give a folder"):
        export(reader(), tmp_path / "file")


def test_an_export_is_no_model_to_export(exported, tmp_path):
    with pytest.raises(
        ModelError, match="is an exported model already; export the model that it was made from: reader"
    ):
        export(exported("onnx").folder, tmp_path / "export")


def test_arguments_that_contradict_each_other_come_at_once(tmp_path, labelled):
    with pytest.raises(ConfigError) as caught:
        export("m", tmp_path, "tflite", validation_data=labelled, calibration_windows=0, most_lost_f1=-1)
    faults = [problem.split(":")[0] for problem in caught.value.problems]
    assert faults == ["format", "validation_data", "calibration_windows", "most_lost_f1"]
    with pytest.raises(ConfigError, match="int8 of onnx takes its ranges anew"):
        export("m", tmp_path, "onnx", int8=True, calibration_data=labelled)


def test_a_data_file_that_is_not_there_is_said_before_anything_is_written(tmp_path, reader):
    with pytest.raises(DataError, match=r"missing\.json"):
        export(reader(), tmp_path / "export", "onnx", int8=True, validation_data=tmp_path / "missing.json")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch):
    from qa_pipeline.export import graph

    monkeypatch.setattr(graph.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="needs openvino and nncf, .* run: pip install openvino nncf"):
        export("m", tmp_path / "export", int8=True)


def test_a_folder_that_cannot_be_written_is_one_message(reader):
    with pytest.raises(DataError, match="cannot be written"):
        export(reader(), "/proc/export")


def test_the_exported_folder_is_as_readable_as_any(exported):
    folder = exported("openvino").folder
    mask = os.umask(0)
    os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask
    assert all(path.stat().st_mode & 0o777 == 0o666 & ~mask for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("form", ["openvino", "onnx"])
def test_the_graph_alone_runs_as_the_card_says(exported, form):
    folder = exported(form).folder
    card = (folder / "README.md").read_text().replace("FOLDER", str(folder))
    code = card.split("```python\n")[2].split("```")[0]
    code += (
        "ids = tokenizer.encode('Who?', 'Ada did.')\nimport numpy as np\n"
        "arrays = {'input_ids': ids.ids, 'attention_mask': ids.attention_mask, 'token_type_ids': ids.type_ids}\n"
        "arrays = {name: np.array([value], dtype=np.int64) for name, value in arrays.items()}\n"
    )
    run = "graph(arrays)['start_logits']" if form == "openvino" else "graph.run(['start_logits'], arrays)[0]"
    code += f"print({run}.shape == (1, len(ids.ids)))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
