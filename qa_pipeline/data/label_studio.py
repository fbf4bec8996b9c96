"""Turns one task of a Label Studio JSON export into raw rows with `question` and `answers`.

Works from the export alone: the labelling configuration is not in it, so tags are told apart by what they hold.
Label Studio's character ends are exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qa_pipeline.data.loose import BadRow, RawRow
from qa_pipeline.data.offsets import UTF16, Counting
from qa_pipeline.data.visible_text import has_tags, visible_text


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
    _show_html(base, spans)
    by_region = [span for span in spans if span["region"] in typed]
    if by_region and len(set(typed.values())) > 1:
        for number, span in enumerate(by_region):
            identifier = f"{base['id']}-{number}" if base.get("id") is not None else None
            yield RawRow(
                {**base, "id": identifier, "question": typed[span["region"]], "answers": [_answer(span)]},
                f"{where}.{number}",
            )
        return
    row = {**base, "answers": [_answer(span) for span in spans]}
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
        names: list[Any] = next((value[name] for name in _LABELS if isinstance(value.get(name), list)), [])
        span = {"text": value.get("text"), "start": offsets.get("start"), "end": offsets.get("end"), "labels": names}
        control = str(result.get("from_name") or "")
        spans.append({**span, "control": control, "region": region, "is_global": offsets is not value})


def _answer(span: dict[str, Any]) -> dict[str, Any]:
    return {key: span[key] for key in ("text", "start", "end", "labels", "control") if span[key] is not None}


def _show_html(base: dict[str, Any], spans: list[dict[str, Any]]) -> None:
    """Replaces a text of HTML by what a reader sees of it, and the global offsets of its spans by offsets in that.

    Both count UTF-16 units, as Label Studio does everywhere.
    """
    pages = [key for key, value in base.items() if isinstance(value, str) and has_tags(value)]
    if not pages or not spans or not all(span["is_global"] for span in spans):
        return
    key = max(pages, key=lambda key: len(base[key]))
    text, counted, places = visible_text(base[key])
    found = [[_UTF16.start(counted, span[side]) for side in ("start", "end")] for span in spans if _has_place(span)]
    if len(found) < len(spans) or any(start is None or not end for start, end in found):
        return
    base[key] = text
    for span, (start, end) in zip(spans, found, strict=True):
        assert start is not None and end is not None
        span["start"], span["end"] = _units(text[: places[start]]), _units(text[: places[end - 1] + 1])


def _has_place(span: dict[str, Any]) -> bool:
    return isinstance(span["start"], int) and isinstance(span["end"], int)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


_UTF16 = Counting(UTF16)
_LABELS = ("labels", "hypertextlabels", "paragraphlabels", "timeserieslabels", "choices")


def _text_id(task: dict[str, Any]) -> str | None:
    identifier = task.get("id")
    return str(identifier) if isinstance(identifier, (str, int)) else None
