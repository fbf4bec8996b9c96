"""Turns one task of a Label Studio JSON export into raw rows with `question` and `answers`.

Works from the export alone: the labelling configuration is not in it, so tags are told apart by what they hold.
Label Studio's character ends are exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qa_pipeline.data.loose import BadRow, RawRow


def is_task(item: dict[str, Any]) -> bool:
    """True for a task: the labelled `data` beside its `annotations` ("completions" in old exports)."""
    return isinstance(item.get("data"), dict) and bool({"annotations", "completions"} & item.keys())


def task_rows(task: dict[str, Any], where: str) -> Iterator[RawRow | BadRow]:
    """Yields one row for the task's question, or one for each question that annotators typed beside a span.

    The spans of all annotators become references of the same question. An annotator who submitted no span says that
    there is no answer; a task without annotations is unlabelled.
    """
    annotations = task.get("annotations", task.get("completions"))
    base = {**task["data"], "data": task["data"]}
    if not any(name in base for name in ("id", "qid", "question_id")):
        base["id"] = task.get("id")
    if annotations is None:
        annotations = []
    if not isinstance(annotations, list):
        yield BadRow(where, "annotations are not a list", f"found {type(annotations).__name__}", _text_id(task))
        return
    spans: list[dict[str, Any]] = []
    typed: dict[str, str] = {}
    done = False
    for annotation in annotations:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled") or annotation.get("skipped"):
            continue
        results = annotation.get("result")
        if not isinstance(results, list):
            continue
        done = True
        for result in results:
            _read_result(result, spans, typed)
    if not done:
        yield RawRow(base, where)
        return
    by_region = [span for span in spans if span["region"] in typed]
    if by_region and len(set(typed.values())) > 1:
        for number, span in enumerate(by_region):
            identifier = f"{base['id']}-{number}" if base.get("id") is not None else None
            yield RawRow(
                {**base, "id": identifier, "question": typed[span["region"]], "answers": [span]}, f"{where}.{number}"
            )
        return
    row = {**base, "answers": spans}
    if not spans:
        row["is_impossible"] = True
    if typed and not any(isinstance(base.get(name), str) for name in ("question", "query")):
        row["question"] = next(iter(typed.values()))
    yield RawRow(row, where)


def _read_result(result: Any, spans: list[dict[str, Any]], typed: dict[str, str]) -> None:
    if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
        return
    value, region = result["value"], str(result.get("id"))
    if result.get("type") == "textarea":
        text = value.get("text")
        if isinstance(text, list):
            text = next((part for part in text if isinstance(part, str)), None)
        if isinstance(text, str):
            typed[region] = text
        return
    # Rich text counts inside HTML elements; its own counts from the start of the text are the global offsets.
    offsets = value.get("globalOffsets")
    if not isinstance(offsets, dict):
        offsets = value
    if "start" in offsets or (isinstance(value.get("text"), str) and "end" in value):
        spans.append(
            {"text": value.get("text"), "start": offsets.get("start"), "end": offsets.get("end"), "region": region}
        )


def _text_id(task: dict[str, Any]) -> str | None:
    identifier = task.get("id")
    return str(identifier) if isinstance(identifier, (str, int)) else None
