"""Turns the tasks of annotation tools (Label Studio, Prodigy, Haystack) into raw rows with `question` and `answers`.

Works from the exports alone: Label Studio's labelling configuration is not in its export, so tags are told apart by
what they hold. Its character ends are exclusive. Tools that show HTML count offsets in the text between the tags, with
character references decoded and nothing put in for the tags ("global offsets").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import chain
from typing import Any

from qa_pipeline.data.example import BadRow, RawRow, id_text
from qa_pipeline.data.offsets import UTF16, Counting

MARKED_WRONG = "answer marked as wrong by the source"
_UTF16 = Counting(UTF16)
_LABELS = ("labels", "hypertextlabels", "paragraphlabels", "timeserieslabels", "choices")


def is_label_studio_task(item: dict[str, Any]) -> bool:
    """True for a task of Label Studio: the labelled `data` beside its `annotations` ("completions" in old exports)."""
    return isinstance(item.get("data"), dict) and bool({"annotations", "completions"} & item.keys())


def label_studio_rows(task: dict[str, Any], where: str) -> Iterator[RawRow | BadRow]:
    """Yields one row for the task's question, or one for each question that annotators typed beside a span.

    The spans of all annotators become references of the same question. An annotator who submitted no span says that
    there is no answer; a task without annotations is unlabelled.
    """
    annotations = task.get("annotations", task.get("completions"))
    base = {**task["data"], "data": task["data"]}
    if not any(name in base for name in ("id", "qid", "question_id")):
        base["id"] = task.get("id")
    if annotations is not None and not isinstance(annotations, list):
        detail = f"found {type(annotations).__name__}"
        yield BadRow(where, "annotations are not a list", detail, id_text(task.get("id")))
        return
    submitted = [annotation["result"] for annotation in annotations or [] if _is_submitted(annotation)]
    if not submitted:
        yield RawRow(base, where)
        return
    spans: list[dict[str, Any]] = []
    typed: dict[str, str] = {}
    for result in chain.from_iterable(submitted):
        _read_result(result, spans, typed)
    _show_html(base, spans)
    by_region = [span for span in spans if span["region"] in typed]
    if by_region and len(set(typed.values())) > 1:
        yield from _rows_of_questions(base, by_region, typed, where)
    else:
        yield RawRow(_row_of_one_question(base, spans, typed), where)


def _is_submitted(annotation: Any) -> bool:
    """True where an annotator gave a result and did not cancel or skip the task."""
    if not isinstance(annotation, dict) or annotation.get("was_cancelled") or annotation.get("skipped"):
        return False
    return isinstance(annotation.get("result"), list)


def _rows_of_questions(
    base: dict[str, Any], spans: list[dict[str, Any]], typed: dict[str, str], where: str
) -> Iterator[RawRow]:
    """A row for each span with the question that was typed beside it."""
    for number, span in enumerate(spans):
        identifier = f"{base['id']}-{number}" if base.get("id") is not None else None
        row = {**base, "id": identifier, "question": typed[span["region"]], "answers": [_answer_of(span)]}
        yield RawRow(row, f"{where}.{number}")


def _row_of_one_question(base: dict[str, Any], spans: list[dict[str, Any]], typed: dict[str, str]) -> dict[str, Any]:
    """The task's question, or the only one that was typed, with all spans as its references."""
    row = {**base, "answers": [_answer_of(span) for span in spans]}
    if not spans:
        row["is_impossible"] = True
    if typed and not any(isinstance(base.get(name), str) for name in ("question", "query")):
        row["question"] = next(iter(typed.values()))
    return row


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


def _answer_of(span: dict[str, Any]) -> dict[str, Any]:
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


def is_prodigy_task(item: dict[str, Any]) -> bool:
    """True for a task as Prodigy's db-out writes it."""
    return "_task_hash" in item and "_input_hash" in item


def prodigy_row(task: dict[str, Any], where: str) -> RawRow | BadRow:
    """A task of Prodigy's db-out: `spans` are the labels, `answer` is the annotator's verdict on the task."""
    verdict = task.get("answer")
    meta = task["meta"] if isinstance(task.get("meta"), dict) else {}
    row = {key: value for key, value in task.items() if key not in ("answer", "tokens", "spans", "meta")}
    row = {**meta, **{key: value for key, value in row.items() if not key.startswith("_")}}
    identifier = row.get("id", row.get("question_id"))
    if verdict not in ("accept", None):
        detail = f'the verdict is "{verdict}", not "accept"'
        return BadRow(where, "task not accepted by the annotator", detail, id_text(identifier))
    spans = task.get("spans")
    if verdict is None or not isinstance(spans, list):
        return RawRow(row, where)
    return RawRow({**row, "answers": spans, **({} if spans else {"is_impossible": True})}, where)


def is_haystack_label(item: dict[str, Any]) -> bool:
    """True for a Label of Haystack 1.x."""
    return "query" in item and isinstance(item.get("document"), dict) and bool({"answer", "no_answer"} & item.keys())


def haystack_row(label: dict[str, Any], where: str) -> RawRow | BadRow:
    """A Label of Haystack 1.x: query, document.content, answer.answer and answer.offsets_in_document."""
    if label.get("is_correct_answer") is False:
        return BadRow(where, MARKED_WRONG, "", id_text(label.get("id")))
    document, answer = label["document"], label.get("answer")
    row = {**label, "context": document.get("content", document.get("text")), "question": label["query"]}
    if label.get("no_answer") is True or (isinstance(answer, dict) and answer.get("answer") in ("", None)):
        return RawRow({**row, "answers": [], "is_impossible": True}, where)
    if isinstance(answer, dict):
        offsets = answer.get("offsets_in_document") or answer.get("document_offsets")
        span = offsets[0] if isinstance(offsets, list) and offsets and isinstance(offsets[0], dict) else {}
        answer = {"text": answer.get("answer"), "start": span.get("start"), "end": span.get("end")}
        row["answers"] = [answer]
    elif answer is not None:
        row["answers"] = answer if isinstance(answer, list) else [answer]
    return RawRow(row, where)


# The text of HTML

_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure",
     "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
     "section", "table", "td", "th", "tr", "ul")
)  # fmt: skip
_TAG = re.compile(r"<(?:!--|/?[a-zA-Z][^<>]*>)")


def has_tags(text: str) -> bool:
    """True where the text has tags of HTML."""
    return _TAG.search(text) is not None


def visible_text(html: str) -> tuple[str, str, list[int]]:
    r"""The text of an HTML page, with a line break for each block, and the place of each counted character in it.

    Returns:
        The text; the text that global offsets count in, which has no such line breaks; and for each of its characters,
        and for its end, the place in the first text.

    Example:
        >>> visible_text("<p>A &amp; B</p><p>C</p>")
        ('A & B\nC', 'A & BC', [0, 1, 2, 3, 4, 6, 7])
    """
    parser = _Text()
    parser.feed(html)
    parser.close()
    text = parser.text.rstrip("\n")
    return text, parser.counted, [*parser.places, len(text)]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = self.counted = ""
        self.places: list[int] = []

    def handle_data(self, data: str) -> None:
        self.places += range(len(self.text), len(self.text) + len(data))
        self.text += data
        self.counted += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS and self.text and not self.text.endswith("\n"):
            self.text += "\n"
