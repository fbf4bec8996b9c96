"""From a draft whose answer position is known to a canonical example."""

from __future__ import annotations

import hashlib

from qa_pipeline.data import Example
from qa_pipeline.errors import DataError
from qa_pipeline.generation.types import Draft


def example_of(draft: Draft) -> Example:
    """The canonical row of a draft of the cloze engine; its id depends on passage, question and answer alone.

    Raises:
        DataError: the answer does not stand where the draft says.
    """
    passage, answer, start = draft.passage, draft.answer, draft.start
    if answer is not None and (start is None or passage.text[start : start + len(answer)] != answer):
        raise DataError(f"passage {passage.id}: expected the answer {answer!r} at character {start}, it is not there")
    name = hashlib.sha256(f"{passage.id}\0{draft.question}\0{start}\0{answer}".encode("utf-8", "surrogatepass"))
    row = Example(
        id=f"{passage.id}-{name.hexdigest()[:8]}",
        context=passage.text,
        question=draft.question,
        answers={"text": [answer], "answer_start": [start]}
        if answer is not None and start is not None
        else {"text": [], "answer_start": []},
        is_impossible=answer is None,
        metadata={"document": passage.document, "generator": draft.generator, **draft.details},
    )
    if passage.title:
        row["title"] = passage.title
    return row
