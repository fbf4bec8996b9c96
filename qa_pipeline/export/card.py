"""Writes README.md of an exported folder: what it is, how it is loaded, what int8 cost, the source model's own card.

Pure: a record and a text in, a text out. No path of the machine it was made on is told.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from qa_pipeline.modeling.exported import ExportRecord

_RUNTIMES = {"openvino": "OpenVINO", "onnx": "ONNX Runtime"}
KEPT = ("license", "license_name", "license_link", "language", "base_model", "datasets")
"""What of the header of the source model's card is true of the export too."""


def export_card(record: ExportRecord, source_card: str, *, size_mb: float, name: str, most_lost_f1: float) -> str:
    """Renders the card.

    Args:
        record: what export.json will say.
        source_card: README.md of the model that was exported; "" where it has none.
        size_mb: of the graph with its weights.
        name: of the folder, the card's title.
        most_lost_f1: how many points of F1 int8 was allowed to cost.
    """
    header, body = split_card(source_card)
    runtime = _RUNTIMES[record.format]
    parts = [
        "---\n" + yaml.safe_dump(_header(record, header), sort_keys=False, allow_unicode=True) + "---",
        f"# {name}",
        f"Answers questions with exact spans of a given text: the model `{record.source}` exported to {runtime}, "
        f"in {record.precision}. It answers without torch.",
        *_warnings(record, most_lost_f1),
        "## Use",
        _use(record),
        "## What it is",
        _facts(record, size_mb),
        "## What int8 costs" if record.precision == "int8" else "",
        _cost(record) if record.precision == "int8" else "",
        "## The model that was exported" if body else "",
        _demoted(body),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def split_card(card: str) -> tuple[dict[str, Any], str]:
    r"""The header of a model card (an empty one where it has none that can be read) and the text below it.

    >>> split_card("---\nlicense: mit\n---\n# Title")
    ({'license': 'mit'}, '# Title')
    """
    found = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", card, re.DOTALL)
    if found is None:
        return {}, card.strip()
    try:
        header = yaml.safe_load(found[1])
    except yaml.YAMLError:
        header = None
    return header if isinstance(header, dict) else {}, card[found.end() :].strip()


def _header(record: ExportRecord, source: dict[str, Any]) -> dict[str, Any]:
    header: dict[str, Any] = {
        "library_name": "openvino" if record.format == "openvino" else "transformers.js",
        "pipeline_tag": "question-answering",
        "tags": [
            "question-answering",
            "extractive-qa",
            record.format,
            *([record.precision] * (record.precision == "int8")),
        ],
    }
    return header | {name: source[name] for name in KEPT if name in source}


def _warnings(record: ExportRecord, most_lost_f1: float) -> list[str]:
    said = []
    if record.head_untrained:
        said.append("**The question-answering head was never trained: the answers are noise.**")
    if record.precision != "int8":
        return said
    if record.scores is None:
        said.append("**Nobody measured what int8 costs: the export was forced without questions to measure it on.**")
    elif record.scores["lost_f1"] > most_lost_f1:
        said.append(
            f"**int8 costs {record.scores['lost_f1']:.2f} points of F1, more than the {most_lost_f1:g} that are "
            "usually allowed: the export was forced.**"
        )
    return said


def _use(record: ExportRecord) -> str:
    package = "openvino" if record.format == "openvino" else "onnxruntime"
    names = ", ".join(f'"{name}"' for name in record.inputs)
    plain = (
        'graph = openvino.Core().compile_model("FOLDER/openvino_model.xml", "CPU")'
        if record.format == "openvino"
        else f'graph = onnxruntime.InferenceSession("FOLDER/{record.model_file}")'
    )
    longest = "" if record.longest_window is None else f", of up to {record.longest_window:,} tokens"
    return f"""\
`FOLDER` is where this folder lies. With qa-pipeline, which cuts long texts into windows and decodes as in training:

```python
from qa_pipeline import QAPredictor, pipeline

answer = QAPredictor.from_pretrained("FOLDER").ask("How high is the fee?", "A lost card costs 25 euros.")
print(answer.text, answer.start, answer.end, answer.confidence)
pipeline("question-answering", model="FOLDER")(question="How high is the fee?", context="A lost card costs 25 euros.")
```

```bash
qa-pipeline ask --model FOLDER --context "A lost card costs 25 euros." "How high is the fee?"
```

The graph alone, with {package} and tokenizers:

```python
import {package}
import tokenizers

{plain}
tokenizer = tokenizers.Tokenizer.from_file("FOLDER/tokenizer.json")
```

Its inputs are {names}: int64, (batch, tokens){longest}. Its outputs are
"start_logits" and "end_logits": float32, (batch, tokens). `qa_config.json` has lengths, threshold and temperature."""


def _facts(record: ExportRecord, size_mb: float) -> str:
    rows = [
        ("model", f"`{record.source}` ({record.model_type}), fingerprint {record.source_fingerprint}"),
        ("parameters", f"{record.num_parameters:,}"),
        ("graph", f"`{record.model_file}`, {record.precision}, {size_mb:.1f} MB"),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
    ]
    if record.calibration is not None:
        how = dict(record.calibration)
        words = str(how.pop("method"))
        if how:
            words += f"; {how['windows']:,} windows of {how['source']} (fingerprint {how['fingerprint']})"
        rows.insert(3, ("calibration", words))
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _cost(record: ExportRecord) -> str:
    scores = record.scores
    if scores is None:
        return "It was not measured."
    low, high = scores["lost_f1_interval"]
    rows = [
        "| | exact match | F1 |",
        "|---|---|---|",
        *(
            f"| {title} | {scores[key]['exact_match']:.2f} | {scores[key]['f1']:.2f} |"
            for key, title in (("before", "float32, torch"), ("after", f"int8, {_RUNTIMES[record.format]}"))
        ),
    ]
    few = " These are few: the difference is mostly chance." if scores["questions"] < 100 else ""
    return (
        "\n".join(rows) + f"\n\nThe same {scores['questions']:,} questions of {scores['source']} "
        f"(fingerprint {scores['fingerprint']}). "
        f"Lost: {scores['lost_f1']:.2f} points of F1 (95%: {low:.2f} to {high:.2f}, paired, over "
        f"{scores['interval_over']}s); negative is gained. {scores['same_answers']:.1%} of the answers have the same "
        f"text.{few}"
    )


def _demoted(body: str) -> str:
    """A text of Markdown with its headings two levels lower; code in fences stays as it is."""
    lines, fenced = [], False
    for line in body.splitlines():
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        lines.append(f"##{line}" if not fenced and re.match(r"#{1,4} ", line) else line)
    return "\n".join(lines)
