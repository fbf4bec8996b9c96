"""`qa-pipeline export`: what a command line must say, and what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qa_pipeline.export
from qa_pipeline.cli.export import parse
from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError
from qa_pipeline.export.exporting import ExportReport
from qa_pipeline.export.gate import Cost
from tests.export.test_card import record


def test_all_faults_of_a_command_line_come_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse(
            [
                "--format",
                "tflite",
                "--int8",
                "--validation_data",
                str(tmp_path / "no.json"),
                "--calibration_windows",
                "0",
            ]
        )
    said = str(caught.value)
    for fault in (
        "--model: is required",
        "--output_dir: is required",
        "expected one of openvino, onnx",
        "no such file",
    ):
        assert fault in said
    assert "calibration_windows: expected at least 1, found 0" in said


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--most_lost_f1", "2"], "most_lost_f1: only has a meaning with int8"),
        (["--int8", "--format", "onnx", "--calibration_data", "user/data"], "int8 of onnx takes its ranges anew"),
        (["--quantize"], "--quantize: unknown key"),
    ],
)
def test_settings_that_mean_nothing_are_refused(words, fault):
    with pytest.raises(ConfigError, match=fault):
        parse(["runs/m", "--output_dir", "out", *words])


def test_the_model_may_stand_first_and_settings_reach_the_export(monkeypatch, capsys, tmp_path):
    given: dict[str, Any] = {}
    scores = {"exact_match": 40.0, "f1": 60.0}
    cost = Cost(200, "v.json", "00ff", scores, scores | {"f1": 59.75}, 0.93, 0.25, 0.0, (-0.1, 0.6), "context")

    def export(model, output_dir, form, **options):
        given.update(options, model=model, output_dir=output_dir, form=form)
        return ExportReport(Path(output_dir), record(), 23.25, 2e-6, cost)

    monkeypatch.setattr(qa_pipeline.export, "export", export, raising=False)
    words = ["export", "user/model", "--output_dir", "my out", "--format", "onnx", "--int8", "--most_lost_f1", "1"]
    assert main([*words, "--model_revision", "v2"]) == 0
    assert (given["model"], given["output_dir"], given["form"]) == ("user/model", "my out", "onnx")
    assert given["int8"] and given["most_lost_f1"] == 1 and given["revision"] == "v2" and not given["force"]
    printed = capsys.readouterr().out
    assert "23.2 MB" in printed or "23.3 MB" in printed
    assert "F1 60.00 became 59.75 on 200 questions of v.json (-0.25; 95%: -0.60 to +0.10)" in printed
    assert "qa-pipeline ask --model 'my out' --documents DIR" in printed
