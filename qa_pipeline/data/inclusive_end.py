"""Decides from rows whether a source counts an answer's end as its last character or as one past it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qa_pipeline.data.field_mapping import FieldMapping
from qa_pipeline.data.loose import LooseExample, RawRow
from qa_pipeline.data.mapping import apply


def ends_are_inclusive(mapping: FieldMapping, rows: Sequence[RawRow]) -> bool:
    """True where the rows fit inclusive ends and not exclusive ones.

    With texts, an end must give the text back. Without, an exclusive reading that cuts most words before their last
    letter is wrong.
    """
    if mapping.inclusive_end or not (mapping.answers or mapping.end or mapping.span):
        return mapping.inclusive_end
    exclusive = inclusive = 0
    for row in rows:
        example = apply(replace(mapping, inclusive_end=False), row)
        if not isinstance(example, LooseExample):
            continue
        context = example.context
        for answer in example.answers:
            start, end = answer.start, answer.end
            if start is None or end is None or not 0 <= start < end < len(context):
                continue
            if answer.text is not None:
                exclusive += context[start:end] == answer.text
                inclusive += context[start : end + 1] == answer.text
            else:
                exclusive += not (context[end - 1].isalnum() and context[end].isalnum())
                after = context[end + 1 : end + 2]
                inclusive += context[end].isalnum() and not after.isalnum()
    return inclusive > exclusive and inclusive >= 3
