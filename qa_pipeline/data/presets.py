"""The field mappings of well-known datasets and exports, by name.

A preset maps the rows that the readers give: nested layouts are already one row a question.
"""

from __future__ import annotations

from typing import Any

_SQUAD: dict[str, Any] = {
    "id": "id",
    "title": "title",
    "context": "context",
    "question": "question",
    "answers": ["answers", "answer"],
    "answers.text": "answer_text",
    "answers.start": ["answer_start", "offset_start_in_doc"],
    "answers.end": "answer_end",
    "is_impossible": "is_impossible",
}

PRESETS: dict[str, dict[str, Any]] = {
    "squad": _SQUAD,
    "mrqa": {
        "id": ["qid", "id"],
        "context": "context",
        "question": "question",
        "answers.text": "detected_answers.text",
        "answers.span": "detected_answers.char_spans",
        "is_impossible": "is_impossible",
        "inclusive_end": True,
    },
    "subjqa": {
        "id": ["q_review_id", "id"],
        "title": ["item_id", "title"],
        "context": ["review", "context"],
        "question": "question",
        "answers": "answers",
        "answers.text": "human_ans_spans",
        "answers.span": "human_ans_indices",
        "no_answer_value": "ANSWERNOTFOUND",
    },
    "label_studio": {
        "id": ["id", "qid", "question_id"],
        "title": "title",
        "context": ["context", "text", "passage", "paragraph", "document", "content", "body", "html"],
        "question": ["question", "query"],
        "answers": ["answers", "answer", "label"],
        "is_impossible": "is_impossible",
    },
    "haystack": {
        **_SQUAD,
        "title": ["title", "document.meta.name", "document.id", "document_id"],
        "context": ["context", "document.content"],
        "question": ["question", "query"],
    },
    "natural_questions": {
        "id": ["id", "example_id", "qid"],
        "title": ["title", "document_title"],
        "context": "context",
        "question": ["question", "question_text"],
        "answers": ["detected_answers", "answers"],
        "is_impossible": "is_impossible",
    },
    "cmrc": {
        "id": ["query_id", "id"],
        "title": "title",
        "context": ["context_text", "context"],
        "question": ["query_text", "question"],
        "answers": "answers",
    },
    "newsqa": {
        "title": ["storyId", "story_id"],
        "context": ["text", "story_text", "context"],
        "question": ["q", "question"],
        "answers": ["validatedAnswers", "answers_text"],
        "answers.start": "consensus.s",
        "answers.end": "consensus.e",
        "answers.span": "answer_char_ranges",
        "is_impossible": "consensus.noAnswer",
        "drop_if": "consensus.badQuestion",
    },
    "quac": {**_SQUAD, "no_answer_value": "CANNOTANSWER"},
}

ALIASES = {
    name: "squad"
    for name in (
        "squad_v1", "squad_v2", "squad1", "squad2", "xquad", "mlqa", "drcd", "korquad", "germanquad", "fquad", "piaf",
        "tydiqa", "adversarial_qa", "cuad", "covid_qa", "policyqa", "dureader_robust", "huggingface",
    )
}  # fmt: skip
ALIASES |= {"nq": "natural_questions", "cmrc2018": "cmrc", "labelstudio": "label_studio"}


def preset_name(text: str) -> str | None:
    """The preset that a name means, whatever its case and hyphens; None where there is none."""
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    name = ALIASES.get(name, name)
    return name if name in PRESETS else None
