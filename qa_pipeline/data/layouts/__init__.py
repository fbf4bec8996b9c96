"""Turns one item of a layout into one raw row for each question.

A layout is recognised by its item, not by the file: SQuAD articles, paragraphs with questions (MRQA, CMRC, NewsQA),
questions and answers side by side (CoQA, QuAC), tasks of annotation tools (Label Studio, Prodigy, Haystack), pages
with places in them (Natural Questions, TyDi QA), and answers that are sets (MultiSpanQA, BioASQ); everything else is
flat and passes through. Values are not interpreted here: that is the work of the field mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qa_pipeline.data.example import BadRow, RawRow, id_text
from qa_pipeline.data.layouts.annotation import (
    MARKED_WRONG,
    haystack_row,
    is_haystack_label,
    is_label_studio_task,
    is_prodigy_task,
    label_studio_rows,
    prodigy_row,
)
from qa_pipeline.data.layouts.answer_sets import bioasq_rows, is_bioasq, is_tagged, tagged_row
from qa_pipeline.data.layouts.pages import is_natural_question, is_tydi, natural_question_row, tydi_row
from qa_pipeline.data.layouts.side_by_side import questions_of, side_by_side_rows
from qa_pipeline.data.mapping.fields import is_question_name
from qa_pipeline.data.marks import is_not_given
from qa_pipeline.wording import describe

Item = dict[str, Any]
Rows = Iterator[RawRow | BadRow]

FLAT = "flat"
_QUESTION_LISTS = ("qas", "qa", "questions", "qa_pairs")
_QUESTION_KEYS = ("question", "query", "q", "question_text")


def layout(item: Any) -> str:
    """Names the layout of one item.

    One of squad, mrqa, cmrc, newsqa, side_by_side, label_studio, prodigy, haystack, natural_questions, tydi,
    multispanqa, bioasq or flat.
    """
    if not isinstance(item, dict):
        return FLAT
    for name, fits, _ in _LAYOUTS:
        if fits(item):
            return name
    return _kind_of_paragraph(item) or FLAT


def flatten(item: Any, where: str) -> Rows:
    """Yields a raw row for each question of `item`, and a BadRow for each part that has not the expected shape."""
    if not isinstance(item, dict):
        yield BadRow(where, "row is not an object", f"found {describe(item)}")
        return
    for _, fits, rows in _LAYOUTS:
        if fits(item):
            yield from rows(item, where)
            return
    if _question_list(item) is not None:
        yield from _paragraph_rows(item, where, {})
    else:
        yield RawRow(item, where)


def is_header(item: Any) -> bool:
    """True for the first line of an MRQA file, which describes the file and holds no questions."""
    return isinstance(item, dict) and set(item) == {"header"}


def _article_rows(article: Item, where: str) -> Rows:
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


def _paragraph_rows(paragraph: Item, where: str, inherited: dict[str, Any]) -> Rows:
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


def _kind_of_paragraph(item: Item) -> str | None:
    """The layout of a paragraph with a list of questions; None where there is no such list."""
    name = _question_list(item)
    if name is None:
        return None
    if "context_text" in item:
        return "cmrc"
    first = [question for question in _listed(item[name])[:5] if isinstance(question, dict)]
    if "storyId" in item or any("consensus" in question for question in first):
        return "newsqa"
    return "mrqa" if any("detected_answers" in question for question in first) else "squad"


def _listed(questions: Any) -> list[Any]:
    """The questions of a paragraph; one that is alone may stand without its list."""
    return [questions] if isinstance(questions, dict) else questions


def _question_list(item: Item) -> str | None:
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
        return BadRow(where, MARKED_WRONG, "", id_text(row.get("id")))
    answers = row.get("answers")
    if isinstance(answers, list) and answers and all(_is_not_given(answer) for answer in answers):
        return RawRow({**row, "answers": [], "is_impossible": True}, where)
    return RawRow(row, where)


def _is_not_given(answer: Any) -> bool:
    category = answer.get("answer_category") if isinstance(answer, dict) else None
    return isinstance(category, str) and is_not_given(category)


def _alone(row: Callable[[Item, str], RawRow | BadRow]) -> Callable[[Item, str], Rows]:
    """The rows of an item that is one question."""
    return lambda item, where: iter((row(item, where),))


_LAYOUTS: tuple[tuple[str, Callable[[Item], bool], Callable[[Item, str], Rows]], ...] = (
    ("squad", lambda item: "paragraphs" in item, _article_rows),
    ("tydi", is_tydi, _alone(tydi_row)),
    ("prodigy", is_prodigy_task, _alone(prodigy_row)),
    ("multispanqa", is_tagged, _alone(tagged_row)),
    ("bioasq", is_bioasq, bioasq_rows),
    ("side_by_side", lambda item: questions_of(item) is not None, side_by_side_rows),
    ("label_studio", is_label_studio_task, label_studio_rows),
    ("natural_questions", is_natural_question, _alone(natural_question_row)),
    ("haystack", is_haystack_label, _alone(haystack_row)),
)
"""Name, how an item is recognised, and its rows; the first that fits counts. What fits none may be a paragraph."""
