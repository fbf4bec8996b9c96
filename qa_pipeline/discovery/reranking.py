"""Asks a language model for a description of the data that would fit a wish, and for an order of what was found.

The description is compared with real ones in place of the short wish (HyDE, Gao et al. 2022,
https://arxiv.org/abs/2212.10496). Whatever the model answers, no candidate is lost and none is made up; where it does
not answer, the caller keeps its first ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qa_pipeline.discovery.dataset_candidate import DatasetCandidate
from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.protocol import Backend, Completion, Message, Request
from qa_pipeline.generation.questions.llm.parsing import json_values
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.wording import short

MOST_ORDERED = 10
"""Candidates that the model is shown."""
_LONGEST = 400  # characters of a candidate
_LONGEST_DESCRIPTION = 800  # characters
_DESCRIPTION: dict[str, Any] = {
    "type": "object",
    "properties": {"description": {"type": "string"}},
    "required": ["description"],
    "additionalProperties": False,
}
_DESCRIBE = (
    "A model for extractive question answering is wanted. Write in English, in two or three sentences, how the card of "
    "a data set that fits it best would describe its texts and its questions: subject, kind of documents, who asks. Do "
    'not name a data set. Answer as JSON: {{"description": "..."}}\n\nThe wish: {wish}'
)
_ORDER = (
    "A model for extractive question answering is wanted. Which of these data sets are about its subject, and which is "
    'nearest? Answer as JSON: {{"order": [numbers of all data sets, the nearest first], "fitting": [numbers of those '
    "that are about the subject of the wish; none if none is]}}\n\nThe wish: {wish}\n\n{listed}"
)


def hypothetical_description(specification: Specification, backend: Backend) -> str:
    """How a data set that fits would be described; one request.

    Raises:
        BackendError: the model gave no description.
    """
    found = _ask("datasets/description", _DESCRIBE.format(wish=specification.wish), 300, _DESCRIPTION, backend)
    text = found.get("description")
    if not isinstance(text, str) or not text.strip():
        raise BackendError("the model's description of the wanted data could not be read")
    return short(" ".join(text.split()), _LONGEST_DESCRIPTION)


def model_order(
    specification: Specification, candidates: Sequence[DatasetCandidate], backend: Backend
) -> tuple[list[int], set[int]]:
    """The model's order of candidates; one request.

    Args:
        specification: the wish.
        candidates: at most `MOST_ORDERED` are shown; the others stay behind them.
        backend: answers.

    Returns:
        Places of all candidates, the nearest first, and the places of those that are about the subject.

    Raises:
        BackendError: the model gave no order.
    """
    shown = candidates[:MOST_ORDERED]
    listed = "\n".join(f"{place}. {short(one.text, _LONGEST)}" for place, one in enumerate(shown, 1))
    numbers = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": len(shown)}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"order": numbers, "fitting": numbers},
        "required": ["order", "fitting"],
        "additionalProperties": False,
    }
    found = _ask("datasets/order", _ORDER.format(wish=specification.wish, listed=listed), 200, schema, backend)
    order = _places(found.get("order"), len(shown))
    if not order:
        raise BackendError("the model's order of the data sets could not be read")
    rest = [place for place in range(len(candidates)) if place not in order]
    return order + rest, set(_places(found.get("fitting"), len(shown)))


def _places(numbers: Any, count: int) -> list[int]:
    """Numbers from 1 that the model wrote, as places from 0, each once; others are left out."""
    given = numbers if isinstance(numbers, list) else []
    whole = [number for number in given if isinstance(number, int) and not isinstance(number, bool)]
    return list(dict.fromkeys(number - 1 for number in whole if 1 <= number <= count))


def _ask(key: str, text: str, max_tokens: int, schema: dict[str, Any], backend: Backend) -> dict[str, Any]:
    """The JSON object that the model answers with.

    Raises:
        BackendError: there is none.
    """
    request = Request(key, (Message("user", text),), max_tokens, 0.0, 0, schema)
    for result in backend.complete([request]):
        if not isinstance(result, Completion):
            raise BackendError(f"the model gave no answer ({result.reason}: {short(result.detail, 120)})")
        found = next((value for value in json_values(result.text) if isinstance(value, dict)), None)
        if found is not None:
            return found
    raise BackendError("the model's answer holds no JSON object")
