"""Finds the column that holds the answers by what stands in it, where no name tells.

An answer is a part of its row's context: a column whose texts are, in most rows, may hold the answers.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.field_mapping import PATH_KEYS, FieldMapping
from qa_pipeline.data.fields import Fields, all_texts, any_text, listed, read_cell, says_what_it_is
from qa_pipeline.data.loose import LooseAnswer, RawRow
from qa_pipeline.data.marks import is_missing, is_yes_or_no
from qa_pipeline.data.paths import MISSING, find

_FEWEST = 2  # a single row's text stands in its context too easily
_MOST = 0.5


def answer_columns(fields: Fields, context: str, question: str, taken: Collection[Any]) -> list[str]:
    """The columns that may hold the answers, in order of appearance.

    Their texts stand in the context of most rows that have one, as whole words, and are not the same for all questions
    about a context (as a title or a topic is).

    Args:
        fields: of the first rows.
        context, question: paths of the two.
        taken: paths that have another role.
    """
    columns = [path for path in fields.values if "." not in path and path not in taken and not says_what_it_is(path)]
    columns = [path for path in columns if not any(isinstance(v, (int, float)) for v in fields.values[path])]
    return [path for path in columns if path not in (context, question) and holds_answers(fields.rows, path, context)]


def how_to_map_answers(mapping: FieldMapping, rows: Sequence[RawRow]) -> str:
    """What to do where no column was taken for the answers: the unused columns, and the mapping to paste."""
    fields = Fields(rows)
    used = {path.split(".")[0] for attribute in PATH_KEYS.values() for path in getattr(mapping, attribute)}
    unused = [path for path in fields.values if "." not in path and path not in used]
    if not unused:
        return ""
    likely = answer_columns(fields, mapping.context[0], mapping.question[0], used)
    if not likely:
        return (
            f"no column was taken for the answers: none of the unused columns, {listed(unused)}, has texts that stand "
            "in the contexts (an answer is a part of its context, not yes or no, a category or words of its own); "
        )
    paste = {**mapping.to_dict(), "answers.text": likely[0]}
    both = ""
    if len(likely) > 1:
        more = {**paste, "more_answers": likely[1:] if len(likely) > 2 else likely[1]}
        both = f"; if all of {listed(likely)} do: --field_mapping '{json.dumps(more, ensure_ascii=False)}'"
    return (
        f"no column was taken for the answers. Unused columns: {listed(unused)}; if one of them holds the answers: "
        f"--field_mapping '{json.dumps(paste, ensure_ascii=False)}'{both}; "
    )


def holds_answers(rows: Sequence[RawRow], path: str, context: str, least: int = _FEWEST) -> bool:
    """Whether the texts of a column stand in the contexts of most rows that have one, and differ within a context."""
    known = _known(rows, path, context)
    inside = sum(_is_part(answer, text) for text, answer in known)
    if len(known) < least or inside < _MOST * len(known):
        return False
    by_context: dict[str, list[str]] = defaultdict(list)
    for text, answer in known:
        by_context[text].append(answer)
    several = [answers for answers in by_context.values() if len(answers) > 1]
    return not several or any(len(set(answers)) > 1 for answers in several)


def may_hold_answers(rows: Sequence[RawRow], path: str, context: str) -> bool:
    """Whether a column whose name says so may hold answers, if only bad ones.

    Not one of yes and no, of objects without texts, or of a few categories none of which is in any text.
    """
    known = _known(rows, path, context)
    cells = [cell for row in rows if isinstance(cell := read_cell(find(row.value, path)), dict)]
    if not known and cells and not any(map(all_texts, cells)):
        return False
    if known and all(is_yes_or_no(answer) for _, answer in known):
        return False
    if len(known) < _FEWEST or any(_is_part(answer, text) for text, answer in known):
        return True
    words = [answer for _, answer in known if not any(mark.isspace() for mark in answer)]
    return len(words) * 2 <= len(known) or len(set(words)) * 2 > len(words)


def are_references(rows: Sequence[RawRow], group: Sequence[str], context: str) -> bool:
    """Whether numbered columns hold several references of each question."""
    known = all(may_hold_answers(rows, path, context) for path in group)
    return known and group[-1][-1].isdigit() and any(holds_answers(rows, path, context) for path in group)


def are_choices(rows: Sequence[RawRow], path: str) -> bool:
    """Whether a column says by a letter or a number which of several others is the answer."""
    cells = [find(row.value, path) for row in rows]
    written = [str(cell).strip() for cell in cells if cell is not None and cell is not MISSING]
    return bool(written) and all(len(text) <= 2 for text in written)


def _known(rows: Sequence[RawRow], path: str, context: str) -> list[tuple[str, str]]:
    """(context, answer) of the rows that have both."""
    pairs = [(find(row.value, context), find(row.value, path)) for row in rows]
    found = [(text, str(cell) if isinstance(cell, (bool, int, float)) else any_text(cell)) for text, cell in pairs]
    return [(text, answer) for text, answer in found if isinstance(text, str) and answer and not is_missing(answer)]


def _is_part(answer: str, context: str) -> bool:
    return len(answer) < len(context) and isinstance(align_answer(context, LooseAnswer(answer)), Aligned)
