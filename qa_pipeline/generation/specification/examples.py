"""Examples in a prompt or a specification, as texts, to canonical rows with verified offsets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qa_pipeline.data import Example
from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer
from qa_pipeline.documents.passage import passage_id
from qa_pipeline.generation.specification.rules import LABEL

_ROLE = {"c": "context", "passage": "context", "text": "context", "paragraph": "context", "document": "context",
         "q": "question", "a": "answer"}  # fmt: skip


def labelled_examples(shown: str, notes: list[str]) -> tuple[list[Example], list[str]]:
    """Labelled examples as canonical rows, and questions without a context."""
    marks = list(LABEL.finditer(shown))
    if not marks:
        texts = [text.strip(" \n\"'-*") for text in re.findall(r"[^.?!\n]+\?", shown)]
        return [], [text for text in texts if text]
    rows: list[dict[str, str]] = [{}]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        role = _ROLE.get(mark[1].lower(), mark[1].lower())
        value = _value(shown[mark.end() : following.start() if following else len(shown)])
        if role in rows[-1] or (role == "context" and "question" in rows[-1]):
            # A second question about the same context does not repeat it.
            rows.append({"context": rows[-1]["context"]} if role == "question" and "context" in rows[-1] else {})
        rows[-1][role] = value
    examples: list[Example] = []
    questions: list[str] = []
    for number, row in enumerate(rows, 1):
        if "question" not in row:
            notes.append(f"example {number} has no question; left out")
        elif "context" not in row:
            questions.append(row["question"])
            notes.append(f"example {number} has no context, so its answer has no place; kept as a sample question")
        else:
            found = example_from(row)
            if isinstance(found, str):
                notes.append(f"example {number}: {found}; left out")
            else:
                examples.append(found)
    return examples, questions


_SAYS_NONE = re.compile(
    r"(?:none|null|n/?a|unanswerable|no answer|not (?:answerable|in the text|given|stated)|-|\u2014)?\.?", re.I
)


def example_from(row: Mapping[str, Any]) -> Example | str:
    """A canonical row from a context, a question and an answer as texts, or what is wrong with it."""
    context, question, answer = row.get("context"), row.get("question"), row.get("answer")
    if not isinstance(context, str) or not context.strip():
        return "context: expected a text"
    if not isinstance(question, str) or not question.strip():
        return "question: expected a text"
    if answer is not None and not isinstance(answer, str):
        return f"answer: expected a text or null, found {type(answer).__name__}"
    identity = f"example-{passage_id(context, question)}"
    result: Example = {
        "id": identity,
        "context": context,
        "question": " ".join(question.split()),
        "answers": {"text": [], "answer_start": []},
        "is_impossible": True,
    }
    found = None
    for text in (answer or "", (answer or "").strip().rstrip(".;,")):  # a full stop may be the prompt's own
        if text.strip() and not isinstance(found, Aligned):
            found = align_answer(context, LooseAnswer(text=text))
    if isinstance(found, Aligned):
        result["answers"] = {"text": [found.text], "answer_start": [found.start]}
        result["is_impossible"] = False
    elif answer is not None and not _SAYS_NONE.fullmatch(answer.strip()):
        return f'answer: "{answer}" is not in the context; quote it word for word, or write null for no answer'
    return result


_NEXT_ITEM = re.compile(r"(?:\s*(?:^|\n)\s*(?:\d+[.)]|[-*#]+|example\s*\d*\s*[:.]?))+\s*$", re.IGNORECASE)
_NEXT_EXAMPLE = re.compile(r"\s*\bexamples?(?:\s*\d+)?\s*:\s*$", re.IGNORECASE)
_LONGEST_MARK = 100
"""Characters at the end in which the mark of a next item is looked for; of thousands of blanks each would be tried."""


def _value(text: str) -> str:
    """What a label holds: without list marks, separators and one pair of quotes around it."""
    core = text.rstrip()
    for pattern in (_NEXT_ITEM, _NEXT_EXAMPLE):
        found = pattern.search(core, max(0, len(core) - _LONGEST_MARK))
        core = core[: found.start()].rstrip() if found else core
    core = core.strip().strip("{}[]").strip(" \n\t,;|")
    for left, right in ('""', "''", "\u201c\u201d", "``"):
        if len(core) > 1 and core[0] == left and core[-1] == right:
            return core[1:-1].strip()
        if len(core) > 2 and core[0] == left and core[-2:] == right + ".":
            return core[1:-2].strip()
    return core
