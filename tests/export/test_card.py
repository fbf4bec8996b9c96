"""What a card says, of a record alone."""

from __future__ import annotations

from typing import Any

import yaml

from qa_pipeline.export.card import export_card, split_card
from qa_pipeline.modeling.exported import OUTPUTS, ExportRecord

SCORES: dict[str, Any] = {
    "questions": 60,
    "source": "validation.json",
    "fingerprint": "00ff",
    "before": {"exact_match": 40.0, "f1": 60.0},
    "after": {"exact_match": 39.0, "f1": 58.5},
    "same_answers": 0.9,
    "lost_f1": 1.5,
    "lost_f1_interval": [-0.5, 3.0],
    "interval_over": "context",
}


def record(**changes: Any) -> ExportRecord:
    values: dict[str, Any] = {
        "format": "onnx",
        "precision": "int8",
        "model_file": "onnx/model_quantized.onnx",
        "inputs": ("input_ids", "attention_mask"),
        "outputs": OUTPUTS,
        "files": {},
        "model_type": "roberta",
        "num_parameters": 1_000,
        "longest_window": None,
        "source": "runs/x",
        "calibration": {"method": "dynamic"},
    }
    return ExportRecord(**{**values, **changes})


def card(source: str = "", **changes: Any) -> str:
    return export_card(record(**changes), source, size_mb=1.25, name="fees", most_lost_f1=0.5)


def test_a_forced_export_says_so_before_anything_else():
    text = card(scores=SCORES)
    assert text.index("**int8 costs 1.50 points of F1, more than the 0.5") < text.index("## Use")
    assert "| int8, ONNX Runtime | 39.00 | 58.50 |" in text and "95%: -0.50 to 3.00, paired, over contexts" in text
    assert "These are few: the difference is mostly chance." in text
    assert "**" not in card(scores=SCORES | {"lost_f1": 0.4, "questions": 1000})


def test_what_was_not_measured_or_trained_is_said():
    assert "**Nobody measured what int8 costs" in card()
    assert "answers are noise" in card(head_untrained=True)
    assert "int8 costs" not in card(precision="float32", model_file="onnx/model.onnx", calibration=None)


def test_the_header_keeps_what_is_true_of_the_export_too():
    header_text = "---\nlicense: mit\nlibrary_name: peft\nbase_model: a/b\nmodel-index: []\n---\n"
    source = header_text + "\n# Fees\n\n```bash\n# a comment\n```\n"
    header, body = split_card(card(source))
    assert header["license"] == "mit" and header["base_model"] == "a/b" and "model-index" not in header
    assert header["library_name"] == "transformers.js" and "int8" in header["tags"]
    assert "\n### Fees\n" in body and "\n# a comment\n" in body


def test_a_header_that_is_no_yaml_is_left_out():
    assert split_card("---\na: [\n---\ntext") == ({}, "text")
    assert split_card("no header") == ({}, "no header")
    assert yaml.safe_load(card("---\na: [\n---\n").split("---")[1])["pipeline_tag"] == "question-answering"
