"""The record of an exported folder: written and read back, and refused where it is damaged."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import EXPORT_FILE, ExportRecord, is_export, read_export, sha256, write_export


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"weights")
    digest = sha256(tmp_path / "onnx" / "model.onnx")
    record = ExportRecord(
        format="onnx",
        precision="float32",
        model_file="onnx/model.onnx",
        inputs=("input_ids", "attention_mask"),
        outputs=("start_logits", "end_logits"),
        files={"onnx/model.onnx": digest},
        model_type="bert",
        num_parameters=7,
    )
    write_export(record, tmp_path)
    return tmp_path


def change(folder, **values):
    path = folder / EXPORT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_record_is_read_as_it_was_written(folder, tmp_path_factory):
    record = read_export(folder, verify=True)
    assert record is not None and is_export(folder)
    assert record.inputs == ("input_ids", "attention_mask") and record.num_parameters == 7
    other = tmp_path_factory.mktemp("other")
    assert read_export(other) is None and not is_export(other)
    change(folder, something_of_a_later_day=1)
    assert read_export(folder) == record


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format_version": 2}, "expected format_version 1 or lower, found 2; upgrade"),
        ({"format": "tflite"}, "format: expected openvino or onnx, found 'tflite'"),
        ({"precision": "int4"}, "precision: expected float32 or float16 or int8"),
        ({"inputs": "input_ids"}, "inputs: expected a list of names"),
        ({"files": []}, "files, model_file: expected names of files"),
        ({"model_file": "../x.onnx"}, "expected names inside the folder"),
        ({"model_file": "onnx/gone.onnx"}, "names onnx/gone.onnx, which is not there; export the model again"),
    ],
)
def test_a_damaged_record_says_what_is_wrong(folder, values, message):
    change(folder, **values)
    with pytest.raises(ModelError, match=message):
        read_export(folder)


def test_a_record_that_is_no_json_or_lacks_a_field_is_refused(folder):
    (folder / EXPORT_FILE).write_text('{"format_version": 1, "format": "onnx"}')
    with pytest.raises(ModelError, match="missing .* export the model again"):
        read_export(folder)
    (folder / EXPORT_FILE).write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        read_export(folder)
    (folder / EXPORT_FILE).write_text("[]")
    with pytest.raises(ModelError, match="expected an object, found list"):
        read_export(folder)


def test_weights_that_were_changed_are_found_where_all_is_read(folder):
    (folder / "onnx" / "model.onnx").write_bytes(b"others")
    assert read_export(folder) is not None
    with pytest.raises(ModelError, match="SHA-256 differs"):
        read_export(folder, verify=True)
