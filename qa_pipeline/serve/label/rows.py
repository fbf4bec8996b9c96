"""Decisions to rows of a SQuAD 2.0 file that says where each comes from, and whether a file is still such a one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from qa_pipeline.data import Example, to_squad
from qa_pipeline.documents.passage import Passage
from qa_pipeline.serve.label.decision import Decision, LabelState

MARK = "labelled_with"
"""The key of a file of labels, beside "data", that tells one of this page from others."""


def example_of(state: LabelState, passage: Passage) -> Example | None:
    """The row of a question; None where what holds makes none.

    Its metadata: document, passage, page (the one that the passage begins on), headings, document_start and
    document_end (characters of the answer in the document's own text, end exclusive), label (accepted, corrected, own),
    labelled_by, labelled_at, suggested (what was suggested, by what, how sure), and disputed where people disagree.
    What is not known is left out.
    """
    decision = state.current
    if decision is None or not decision.is_label:
        return None
    answered = decision.start is not None
    return {
        "id": decision.item,
        "title": passage.title or passage.document,
        "context": passage.text,
        "question": decision.question,
        "answers": {
            "text": [passage.text[decision.start : decision.end]] if answered else [],
            "answer_start": [decision.start] if decision.start is not None else [],
        },
        "is_impossible": not answered,
        "metadata": _metadata(state, decision, passage),
    }


def _metadata(state: LabelState, decision: Decision, passage: Passage) -> dict[str, Any]:
    metadata: dict[str, Any] = {"document": passage.document, "passage": passage.id}
    if passage.page is not None:
        metadata["page"] = passage.page
    if passage.headings:
        metadata["headings"] = list(passage.headings)
    if passage.start is not None and decision.start is not None and decision.end is not None:
        metadata["document_start"] = passage.start + decision.start
        metadata["document_end"] = passage.start + decision.end
    metadata |= {"label": decision.verdict, "labelled_by": decision.author, "labelled_at": decision.time}
    if decision.suggested:
        metadata["suggested"] = {name: value for name, value in decision.suggested.items() if value is not None}
    if state.rivals:
        metadata["disputed"] = [
            {
                "labelled_by": rival.author,
                "label": rival.verdict,
                "answer": None if rival.start is None else passage.text[rival.start : rival.end],
            }
            for rival in state.rivals
        ]
    return metadata


def labels_bytes(examples: Iterable[Example], journal: str, decisions: int) -> bytes:
    """The whole file: SQuAD 2.0 with a mark that says what it was written from."""
    squad = to_squad(examples)
    mark = {"journal": journal, "decisions": decisions, "sha256": _digest(squad["data"])}
    value = {"version": squad["version"], MARK: mark, "data": squad["data"]}
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def is_untouched(value: Any) -> bool:
    """Whether a file, as JSON, was written here and nobody has changed it since."""
    if not isinstance(value, Mapping) or not isinstance(value.get(MARK), Mapping):
        return False
    return bool(value[MARK].get("sha256") == _digest(value.get("data")))


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, ensure_ascii=True).encode("ascii")).hexdigest()
