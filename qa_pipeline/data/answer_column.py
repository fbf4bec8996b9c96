"""Finds the column that holds the answers by what stands in it, where no name tells.

An answer is a part of its row's context: a column whose texts are, in most rows, may hold the answers.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from qa_pipeline.data.field_mapping import PATH_KEYS, FieldMapping
from qa_pipeline.data.fields import Fields, any_text, listed, says_what_it_is
from qa_pipeline.data.loose import RawRow
from qa_pipeline.data.paths import find

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
    return [path for path in columns if path not in (context, question) and _holds_answers(fields.rows, path, context)]


def how_to_map_answers(mapping: FieldMapping, rows: Sequence[RawRow]) -> str:
    """What to do where no column was taken for the answers: the unused columns, and the mapping to paste."""
    fields = Fields(rows)
    used = {path.split(".")[0] for attribute in PATH_KEYS.values() for path in getattr(mapping, attribute)}
    unused = [path for path in fields.values if "." not in path and path not in used]
    if not unused:
        return ""
    likely = answer_columns(fields, mapping.context[0], mapping.question[0], used)
    paste = {**mapping.to_dict(), "answers.text": (likely or ["PATH"])[0]}
    return (
        f"no column was taken for the answers. Unused columns: {listed(unused)}; if one of them holds the answers: "
        f"--field_mapping '{json.dumps(paste, ensure_ascii=False)}'; "
    )


def _holds_answers(rows: Sequence[RawRow], path: str, context: str) -> bool:
    pairs = [(find(row.value, context), any_text(find(row.value, path))) for row in rows]
    known = [(text, answer) for text, answer in pairs if isinstance(text, str) and answer]
    inside = sum(_is_part(answer, text) for text, answer in known)
    if len(known) < _FEWEST or inside < _MOST * len(known):
        return False
    by_context: dict[str, list[str]] = defaultdict(list)
    for text, answer in known:
        by_context[text].append(answer)
    several = [answers for answers in by_context.values() if len(answers) > 1]
    return not several or any(len(set(answers)) > 1 for answers in several)


def _is_part(answer: str, context: str) -> bool:
    if len(answer) >= len(context):
        return False
    begin, end = (r"\b" if edge.isalnum() and edge.isascii() else "" for edge in (answer[0], answer[-1]))
    return re.search(begin + re.escape(answer) + end, context, re.IGNORECASE) is not None
