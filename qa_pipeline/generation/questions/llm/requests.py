"""Makes requests from templates and reads their results. Knows no passage and no draft; never asks.

A request's seed comes from the run's seed and the request's key, so that neither the order of requests nor that of
answers changes what a request says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.protocol import Completion, Failure, Message, Request
from qa_pipeline.generation.questions.llm.parsing import ParseError, read_items
from qa_pipeline.generation.questions.llm.prompts import Prompt, prompt_of_kind

Result = Completion | Failure
_LONGEST_QUOTED_ANSWER = 4_000  # characters of an unreadable answer that are sent back


@dataclass(frozen=True)
class Requests:
    """Makes the requests of one run.

    Attributes:
        temperature, seed: of sampling.
        max_tokens: of one completion; None: enough for what is asked.
    """

    temperature: float = 0.7
    seed: int = 0
    max_tokens: int | None = None

    def make(self, key: str, prompt: Prompt, values: Mapping[str, str], number: int) -> Request:
        """A request for `number` records.

        Args:
            key: stable name; its hash with the seed is the request's seed.
            prompt: template.
            values: its slots.
            number: sizes max_tokens where it was not given.
        """
        return Request(
            key=key,
            messages=prompt.messages(**values),
            max_tokens=self.max_tokens or 128 + 160 * number,
            temperature=self.temperature,
            seed=self._seed_of(key),
            schema=prompt.schema,
        )

    def repair(self, request: Request, text: str, problem: str) -> Request:
        """Asks once more for what could not be read.

        Args:
            request: the first attempt.
            text: what came back.
            problem: what is wrong with it.
        """
        key = f"{request.key}/repair"
        form = json.dumps(_form(request.schema or {}))
        turns = (
            Message("assistant", text[:_LONGEST_QUOTED_ANSWER] or "(nothing)"),
            *prompt_of_kind("repair").messages(problem=problem, form=form),
        )
        seed = self._seed_of(key)
        return Request(key, request.messages + turns, request.max_tokens, request.temperature, seed, request.schema)

    def _seed_of(self, key: str) -> int:
        return stable_number(self.seed, key, "sample") & 0x7FFFFFFF


class NoAnswerError(Exception):
    """A request failed in a way that passes: what depends on its answer is not done.

    Args:
        failure: the last one.
    """

    def __init__(self, failure: Failure):
        super().__init__(failure.detail)
        self.failure = failure


def no_answer_error(failures: Sequence[Failure]) -> BackendError:
    """What ends a run that cannot do without the answers to these requests."""
    last = failures[-1]
    return BackendError(
        f"{len(failures):,} requests got no answer, retries included; the last: {last.reason} ({last.detail}). What "
        "is done is kept; start the same command to go on"
    )


def read_result(result: Result, schema: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """The records of a result, and how many others it held.

    Raises:
        ParseError: it holds none; `reason` says why ("length" for a completion that was cut off).
        NoAnswerError: there is no completion, and asking again at another time may give one.
    """
    if isinstance(result, Failure):
        if result.transient:
            raise NoAnswerError(result)
        raise ParseError(result.reason, result.detail)
    if result.finish_reason == "length":
        raise ParseError("length", "the completion was cut off")
    if result.finish_reason in ("content_filter", "refusal"):
        raise ParseError("refused", "the model refused")
    return read_items(result.text, schema)


def typical_text(schema: Mapping[str, Any], number: int) -> str:
    """A completion of `number` records of the length to be expected; what plans are made with."""
    (name, field), *_ = schema["properties"].items()
    sizes = {"evidence": 25, "answer": 4, "question": 11, "missing": 10}  # words
    record = {key: "word " * sizes.get(key, 3) for key in field["items"]["properties"]}
    return json.dumps({name: [{**record, **({"number": i + 1} if "number" in record else {})} for i in range(number)]})


def stable_number(*parts: object) -> int:
    """A number from a hash: the same in every process."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big")


def _form(schema: Mapping[str, Any]) -> Any:
    """A schema as an example of it."""
    if schema.get("type") == "object":
        return {name: _form(field) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_form(schema["items"])]
    return 1 if schema.get("type") == "integer" else "..."
