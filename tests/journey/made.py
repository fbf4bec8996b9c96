"""Rows for the tests of the journey: made-up documents, each with texts and questions of its own."""

from __future__ import annotations

import random
from typing import Any

from qa_pipeline.data import Example

THINGS = (
    *("anchor", "basket", "candle", "dagger", "easel", "flute", "goblet", "hammer", "inkwell", "jug", "kettle", "lamp"),
    *("mirror", "needle", "organ", "pistol", "quilt", "rake", "saddle", "teapot", "urn", "violin", "wheel", "yoke"),
)


def text_of(document: int, part: int) -> str:
    """A text that shares its phrases with no other."""
    found = random.Random(f"{document}-{part}").choices(THINGS, k=24)
    tools, use = " ".join(found[4:12]), " ".join(found[12:20])
    year, giver = 1500 + 10 * document + part, document * 31 + part
    return (
        f"Room {document}-{part} has {' and '.join(found[:4])} of {year} by smith number {part}. "
        f"The {tools} came from family {giver}. After {part + 3} years of {use} it stands beside {found[20]}."
    )


def example(row_id: str, context: str, question: str, answer: str | None, title: str = "", **metadata: Any) -> Example:
    made: Example = {
        "id": row_id,
        "context": context,
        "question": question,
        "answers": {"text": [], "answer_start": []} if answer is None else spans(context, answer),
        "is_impossible": answer is None,
    }
    if title:
        made["title"] = title
    if metadata:
        made["metadata"] = metadata
    return made


def spans(context: str, *answers: str) -> Any:
    return {"text": list(answers), "answer_start": [context.index(answer) for answer in answers]}


def rows_of(documents: range, parts: int = 3, name: str = "doc", impossible: bool = True) -> list[Example]:
    """Two answered questions, and one without an answer, on each text of each document."""
    rows = []
    for document in documents:
        for part in range(parts):
            text, key = text_of(document, part), f"{document}-{part}"
            title = f"{name}{document}"
            year = str(1500 + 10 * document + part)
            rows.append(example(f"{name}-{key}-a", text, f"When was the piece of room {key} made?", year, title))
            giver = f"family {document * 31 + part}"
            rows.append(example(f"{name}-{key}-b", text, f"Who gave the thing in room {key} away?", giver, title))
            if impossible:
                rows.append(example(f"{name}-{key}-c", text, f"What did {key} cost?", None, title))
    return rows
