"""Turns one item of a nested layout into one raw row for each question.

A layout is recognised by its item, not by the file: SQuAD articles, paragraphs with questions (MRQA, CMRC, NewsQA),
questions and answers side by side (CoQA, QuAC), Label Studio tasks, Prodigy's tasks, Haystack labels, Natural Questions
and TyDi QA; everything else is flat and passes through. Values are not interpreted here: that is the work of the field
mapping.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qa_pipeline.data.fields import is_question_name
from qa_pipeline.data.label_studio import is_task, task_rows
from qa_pipeline.data.loose import BadRow, RawRow
from qa_pipeline.data.marks import is_not_given
from qa_pipeline.data.natural_questions import is_natural_question, natural_question_row
from qa_pipeline.data.side_by_side import questions_of, side_by_side_rows
from qa_pipeline.data.tydi import is_tydi, tydi_row

Rows = Iterator[RawRow | BadRow]

_QUESTION_LISTS = ("qas", "qa", "questions", "qa_pairs")
_QUESTION_KEYS = ("question", "query", "q", "question_text")
_MARKED_WRONG = "answer marked as wrong by the source"
FLAT = "flat"


def layout(item: Any) -> str:
    """Names the layout of one item.

    One of squad, mrqa, cmrc, newsqa, side_by_side, label_studio, prodigy, haystack, natural_questions, tydi or flat.
    """
    if not isinstance(item, dict):
        return FLAT
    if "paragraphs" in item:
        return "squad"
    if is_tydi(item):
        return "tydi"
    if "_task_hash" in item and "_input_hash" in item:
        return "prodigy"
    if questions_of(item) is not None:
        return "side_by_side"
    if is_task(item):
        return "label_studio"
    if is_natural_question(item):
        return "natural_questions"
    if _is_haystack_label(item):
        return "haystack"
    name = _question_list(item)
    if name is None:
        return FLAT
    if "context_text" in item:
        return "cmrc"
    first = [question for question in _listed(item[name])[:5] if isinstance(question, dict)]
    if "storyId" in item or any("consensus" in question for question in first):
        return "newsqa"
    return "mrqa" if any("detected_answers" in question for question in first) else "squad"


def _listed(questions: Any) -> list[Any]:
    """The questions of a paragraph; one that is alone may stand without its list."""
    return [questions] if isinstance(questions, dict) else questions


def is_header(item: Any) -> bool:
    """True for the first line of an MRQA file, which describes the file and holds no questions."""
    return isinstance(item, dict) and set(item) == {"header"}


def flatten(item: Any, where: str) -> Rows:
    """Yields a raw row for each question of `item`, and a BadRow for each part that has not the expected shape."""
    if not isinstance(item, dict):
        yield BadRow(where, "row is not an object", f"found {describe(item)}")
        return
    kind = layout(item)
    if kind == FLAT:
        yield RawRow(item, where)
    elif "paragraphs" in item:
        yield from _article_rows(item, where)
    elif kind == "side_by_side":
        yield from side_by_side_rows(item, where)
    elif kind == "tydi":
        yield tydi_row(item, where)
    elif kind == "prodigy":
        yield _prodigy_row(item, where)
    elif kind == "label_studio":
        yield from task_rows(item, where)
    elif kind == "natural_questions":
        yield natural_question_row(item, where)
    elif kind == "haystack":
        yield _haystack_row(item, where)
    else:
        yield from _paragraph_rows(item, where, {})


def describe(value: Any) -> str:
    """What a value is, briefly, for messages: `int 17`, `list of 3`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, (list, tuple, dict)):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _article_rows(article: dict[str, Any], where: str) -> Rows:
    paragraphs = article["paragraphs"]
    if not isinstance(paragraphs, list):
        yield BadRow(f"{where}.paragraphs", "paragraphs are not a list", f"found {describe(paragraphs)}")
        return
    title = article.get("title")
    inherited = {"title": title} if title is not None else {}
    for index, paragraph in enumerate(paragraphs):
        place = f"{where}.paragraphs[{index}]"
        if isinstance(paragraph, dict):
            yield from _paragraph_rows(paragraph, place, inherited)
        else:
            yield BadRow(place, "paragraph is not an object", f"found {describe(paragraph)}")


def _paragraph_rows(paragraph: dict[str, Any], where: str, inherited: dict[str, Any]) -> Rows:
    name = _question_list(paragraph)
    if name is None:
        found = describe(paragraph["qas"]) if "qas" in paragraph else f"the keys {', '.join(map(str, paragraph))}"
        yield BadRow(where, "paragraph has no list of questions", f"found {found}")
        return
    # The paragraph's own id is no question's id.
    shared = {**inherited, **{key: value for key, value in paragraph.items() if key not in (name, "id")}}
    for index, question in enumerate(_listed(paragraph[name])):
        place = f"{where}.{name}[{index}]"
        if isinstance(question, dict):
            yield _question_row({**shared, **question}, place)
        else:
            yield BadRow(place, "question is not an object", f"found {describe(question)}")


def _question_list(item: dict[str, Any]) -> str | None:
    """The key of a list of question objects; a column of strings called "questions" is none."""
    for name in _QUESTION_LISTS:
        value = item.get(name)
        if name == "qas" and (isinstance(value, list) or (isinstance(value, dict) and "question" in value)):
            return name
        if isinstance(value, list) and "question" not in item and any(isinstance(q, dict) for q in value):
            return name
    if not any(is_question_name(name) for name in item):
        for name, value in item.items():
            if isinstance(value, list) and value and all(map(_asks, value)):
                return name
    return None


def _asks(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(key), str) for key in _QUESTION_KEYS)


def _question_row(row: dict[str, Any], where: str) -> RawRow | BadRow:
    """A question with what its paragraph says, as Haystack's annotation tool and its users' feedback mark it."""
    if row.get("is_correct_answer") is False:
        return BadRow(where, _MARKED_WRONG, "", None if row.get("id") is None else str(row["id"]))
    answers = row.get("answers")
    if isinstance(answers, list) and answers and all(_is_not_given(answer) for answer in answers):
        return RawRow({**row, "answers": [], "is_impossible": True}, where)
    return RawRow(row, where)


def _is_not_given(answer: Any) -> bool:
    category = answer.get("answer_category") if isinstance(answer, dict) else None
    return isinstance(category, str) and is_not_given(category)


def _prodigy_row(task: dict[str, Any], where: str) -> RawRow | BadRow:
    """A task of Prodigy's db-out: `spans` are the labels, `answer` is the annotator's verdict on the task."""
    verdict = task.get("answer")
    meta = task["meta"] if isinstance(task.get("meta"), dict) else {}
    row = {key: value for key, value in task.items() if key not in ("answer", "tokens", "spans", "meta")}
    row = {**meta, **{key: value for key, value in row.items() if not key.startswith("_")}}
    identifier = row.get("id", row.get("question_id"))
    if verdict not in ("accept", None):
        detail = f'the verdict is "{verdict}", not "accept"'
        return BadRow(
            where, "task not accepted by the annotator", detail, None if identifier is None else str(identifier)
        )
    spans = task.get("spans")
    if verdict is None or not isinstance(spans, list):
        return RawRow(row, where)
    return RawRow({**row, "answers": spans, **({} if spans else {"is_impossible": True})}, where)


def _is_haystack_label(item: dict[str, Any]) -> bool:
    return "query" in item and isinstance(item.get("document"), dict) and bool({"answer", "no_answer"} & item.keys())


def _haystack_row(label: dict[str, Any], where: str) -> RawRow | BadRow:
    """A Label of Haystack 1.x: query, document.content, answer.answer and answer.offsets_in_document."""
    identifier = label.get("id")
    if label.get("is_correct_answer") is False:
        return BadRow(where, _MARKED_WRONG, "", str(identifier) if identifier is not None else None)
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
