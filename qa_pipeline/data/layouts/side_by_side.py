"""Turns one item whose questions and answers stand in lists side by side into one raw row for each question.

So does CoQA (questions and answers joined by turn_id), QuAC and CoQA as `datasets` gives them (one row a dialogue, a
dict of lists beside the list of questions), and what forms and language models write: questions: [...], answers: [...].
Never gives all answers to each question: what cannot be paired is a bad row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qa_pipeline.data.example import BadRow, RawRow
from qa_pipeline.text.edges import is_whole

_QUESTION_LISTS = ("questions", "question", "queries", "query", "question_list", "question_texts", "prompts")
_QUESTION_TEXTS = ("question", "input_text", "question_text", "query", "text", "q")
_PAIRED_BY = ("turn_id", "question_id", "qid", "id")
_OWN_ANSWERS = ("answers", "answer", "answer_text", "detected_answers", "answer_start", "a", "validatedAnswers")


def questions_of(item: dict[str, Any]) -> str | None:
    """The key of a list of questions whose answers, if any, stand in lists beside it; None where there is none."""
    for name in _QUESTION_LISTS:
        value = item.get(name)
        if not isinstance(value, list) or not value or not _beside(item, name):
            continue
        if len(value) == 1 and name in ("question", "query"):
            continue  # one question, in a list of its own
        if all(isinstance(question, str) for question in value):
            return name
        if all(isinstance(question, dict) and _text_key(question) for question in value) and not any(
            key in question for question in value for key in _OWN_ANSWERS
        ):
            return name
    return None


def side_by_side_rows(item: dict[str, Any], where: str) -> Iterator[RawRow | BadRow]:
    """Yields one row for each question, paired by an id that both sides have, else by its place in the list."""
    name = questions_of(item)
    assert name is not None
    questions: list[Any] = item[name]
    count = len(questions)
    beside = _beside(item, name)
    for key, lists in beside.items():
        lengths = {len(values) for values in lists.values()} if isinstance(lists, dict) else {len(lists)}
        paired = isinstance(lists, list) and _pairing(questions, lists) is not None
        if count == 1 and isinstance(lists, list) and all(isinstance(value, str) for value in lists):
            continue  # the references of the one question
        if "answer" in key.lower() and lengths != {count} and not paired:
            detail = f"{count} questions, {' and '.join(map(str, sorted(lengths)))} {key}"
            for index in range(count):
                yield BadRow(f"{where}.{name}[{index}]", "questions and answers cannot be paired", detail)
            return
    # The ids of the item and of its lists: a dialogue's own id is no question's id.
    shared = {key: value for key, value in item.items() if key not in (name, "id", *beside)}
    columns = {key: _column(value, questions) for key, value in beside.items()}
    more = _more_answers(item.get("additional_answers"), questions)
    for index, question in enumerate(questions):
        row = {**shared, **{_singular(key): column[index] for key, column in columns.items() if column is not None}}
        if isinstance(question, dict):
            text = _text_key(question)
            row |= {key: value for key, value in question.items() if key != text}
            row["question"] = question[text] if text else None
        else:
            row["question"] = question
        if more and "answers" in row:
            row["answers"] = [row["answers"], *more[index]]
        row.pop("additional_answers", None)
        if "answers" in row:
            row["answers"] = _conversational(row["answers"])
        yield RawRow(row, f"{where}.{name}[{index}]")


def _beside(item: dict[str, Any], name: str) -> dict[str, list[Any] | dict[str, list[Any]]]:
    """The lists, and dicts of lists, of an item that may be answers to its questions or belong to them."""
    count = len(item[name])
    found: dict[str, list[Any] | dict[str, list[Any]]] = {}
    for key, value in item.items():
        if key == name:
            continue
        is_answer = "answer" in key.lower() and key != "additional_answers"
        if isinstance(value, list) and (len(value) == count or is_answer):
            found[key] = value
        elif isinstance(value, dict) and value and all(isinstance(values, list) for values in value.values()):
            lists = {inner: values for inner, values in value.items() if len(values) == count or is_answer}
            if len(lists) == len(value) and key != "additional_answers":
                found[key] = lists
    return found if any("answer" in key.lower() for key in found) else {}


def _text_key(question: dict[str, Any]) -> str | None:
    return next((key for key in _QUESTION_TEXTS if isinstance(question.get(key), str)), None)


def _column(value: list[Any] | dict[str, list[Any]], questions: list[Any]) -> list[Any] | None:
    """The value for each question, or None where the lengths differ."""
    if isinstance(value, dict):
        if any(len(values) != len(questions) for values in value.values()):
            return None
        return [{key: values[index] for key, values in value.items()} for index in range(len(questions))]
    order = _pairing(questions, value)
    if order is not None:
        return [value[place] if place is not None else [] for place in order]
    if len(questions) == 1 and len(value) > 1:
        return [value]
    return value if len(value) == len(questions) else None


def _pairing(questions: list[Any], answers: list[Any]) -> list[int | None] | None:
    """For each question the index of its answer by a common id, where both sides have one; None where they have not."""
    if not all(isinstance(element, dict) for element in (*questions, *answers)) or not answers:
        return None
    for theirs in _PAIRED_BY:
        keys = [answer.get(theirs) for answer in answers]
        for ours in _PAIRED_BY:
            wanted = [question.get(ours) for question in questions]
            if None in keys or None in wanted or len(set(map(str, keys))) < len(keys):
                continue
            places = {str(key): index for index, key in enumerate(keys)}
            if set(places) <= set(map(str, wanted)):
                return [places.get(str(key)) for key in wanted]
    return None


def _more_answers(value: Any, questions: list[Any]) -> list[list[Any]] | None:
    """CoQA's further annotators: an object of lists of answers, for each question those of its turn."""
    if not isinstance(value, dict):
        return None
    columns = [_column(answers, questions) for answers in value.values() if isinstance(answers, list)]
    return [[column[index] for column in columns if column is not None] for index in range(len(questions))]


def _conversational(answers: Any) -> Any:
    """CoQA gives a free answer and the words that show it: the free one where those words hold it, else the words."""
    if isinstance(answers, list):
        return [_conversational(answer) for answer in answers]
    if not isinstance(answers, dict) or not isinstance(answers.get("input_text"), str):
        return answers
    free, shown = answers["input_text"].strip(), answers.get("span_text")
    if not isinstance(shown, str):
        return {"text": free, **{key: value for key, value in answers.items() if key != "input_text"}}
    place = shown.find(free) if free else -1
    start = answers.get("span_start")
    if place > 0 and isinstance(start, int) and start >= 0 and is_whole(shown, place, place + len(free)):
        return {"text": free, "start": start + place}
    return {key: value for key, value in answers.items() if key != "input_text"}


def _singular(key: str) -> str:
    """`turn_ids` is a question's `turn_id`; `answers` stays, as one question may have several."""
    return key if "answer" in key.lower() or not key.endswith("s") or len(key) < 4 else key[:-1]
