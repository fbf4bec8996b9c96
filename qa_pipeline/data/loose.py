"""The rows between a file and the canonical example: read and mapped, but not yet verified.

A reader gives `RawRow` (a dict as the file has it) or `BadRow`; a field mapping turns a `RawRow` into a `LooseExample`
or a `BadRow`. Nothing here has been checked against the context: that is the work of alignment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class RawRow:
    """One question as its source has it.

    Attributes:
        value: the source's own fields.
        where: the place for messages, such as "train.csv, row 17".
    """

    value: dict[str, Any]
    where: str


@dataclass(slots=True)
class BadRow:
    """A row that cannot become an example. It is counted in the report, never silently lost.

    Attributes:
        where: the place for messages, such as "train.jsonl, line 17".
        reason: a short stable phrase to count by, such as "context is not text".
        detail: what was found, for the first few messages; may be empty.
        id: the row's id where it could be read.
    """

    where: str
    reason: str
    detail: str = ""
    id: str | None = None


Label = tuple[str, str]
"""What names a marked span: the tool's control tag, "" where there is none, and the label."""


@dataclass(slots=True)
class LooseAnswer:
    """One answer as the source claims it.

    Attributes:
        text: the answer, or None where the source gives only a span.
        start: first character in the context, None where the source gives only the text, -1 where it says "nowhere".
        end: one past the last character (lengths, and ends that are known to be inclusive, are already converted), or
            None.
        label: what the annotation tool calls it, or None.
    """

    text: str | None
    start: int | None = None
    end: int | None = None
    label: Label | None = None


@dataclass(slots=True)
class LooseExample:
    """One question with its canonical fields, unverified.

    Attributes:
        where: the place for messages.
        id: the source's id as text, or None where it has none.
        context: text, possibly empty.
        question: text, possibly empty.
        answers: claimed answers; sentinels such as ANSWERNOTFOUND, and empty texts with answer_start -1, are gone.
        is_impossible: what the source says, or None where it says nothing.
        answers_given: False where the row has no answer field at all, as in files meant for prediction.
        title: document name, or None.
        metadata: the fields that the mapping asks to keep, or the row's own `metadata` object, or None.
        mended: what reading had to mend, as reasons of the report.
        noticed: what reading did that deserves a look, as reasons of the report.
    """

    where: str
    id: str | None
    context: str
    question: str
    answers: list[LooseAnswer] = field(default_factory=list)
    is_impossible: bool | None = None
    answers_given: bool = True
    title: str | None = None
    metadata: dict[str, Any] | None = None
    mended: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()
