"""Narrows the evidence of a schema down to the sentences of a passage, so that it cannot be misquoted. Asks nobody."""

from __future__ import annotations

from typing import Any

from qa_pipeline.text.words import sentence_spans

MOST_SENTENCES = 60
MOST_CHARACTERS = 20_000
"""Of all sentences together. Servers bound what a schema may list, and larger ones take them long to compile."""


def with_sentences(schema: dict[str, Any], text: str, language: str = "en") -> dict[str, Any]:
    """The schema with `evidence` as a choice among the sentences of a text; as it was where they are too many.

    Sentences that stand there more than once are no choice, since nobody would know which one was meant.

    Args:
        schema: an object with one list of records that have the field `evidence`.
        text: the passage's.
        language: code; decides where sentences end.

    Example:
        >>> from qa_pipeline.generation.questions.llm.prompts import SCHEMAS
        >>> made = with_sentences(SCHEMAS["pairs"], "It is open. It closes at six.")
        >>> made["properties"]["questions"]["items"]["properties"]["evidence"]["enum"]
        ['It is open.', 'It closes at six.']
    """
    found = [text[start:end] for start, end in sentence_spans(text, language)]
    sentences = [sentence for sentence in found if sentence and text.count(sentence) == 1]
    if not 0 < len(sentences) <= MOST_SENTENCES or sum(map(len, sentences)) > MOST_CHARACTERS:
        return schema
    (name, listed), *_ = schema["properties"].items()
    item = listed["items"]
    fields = {**item["properties"], "evidence": {**item["properties"]["evidence"], "enum": sentences}}
    return {**schema, "properties": {name: {**listed, "items": {**item, "properties": fields}}}}
