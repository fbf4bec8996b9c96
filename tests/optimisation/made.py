"""A language model that needs no server, candidates, and passages, for the tests of the search."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends.protocol import Completion, Failure, Request, UsageTotals
from qa_pipeline.generation.questions.llm.generator import LLMOptions
from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe, recipe_of, recipe_of_number
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.optimisation.synthesis import Synthesizer
from tests.generation.server import like_a_model

BASELINE = PromptCandidate(recipe_of_number(1), Factors(), 0)


def candidate(**factors: Any) -> PromptCandidate:
    chosen = Factors(**factors)
    return PromptCandidate(recipe_of(chosen), chosen, 0)


def rewrite(text: str, **changes: Any) -> PromptCandidate:
    """The baseline with a line more, as a model would propose it."""
    start = recipe_of_number(1)
    recipe = dataclasses.replace(
        start, user=f"{text}\n{start.user}", name="rewritten", made_by="rewrite", parent=start.hash, **changes
    )
    return PromptCandidate(recipe, None, 1)


def passages(texts: Sequence[str], document: str = "doc") -> list[Passage]:
    return [Passage(passage_id(document, text), document, text, document) for text in texts]


class InstantBackend:
    """Completes at once, in a random order: `write(request)` is the text; tokens are words. Keeps what it was asked."""

    model = "instant"

    def __init__(self, write: Callable[[Request], str | Failure] | None = None):
        self._write = write or (lambda request: like_a_model(body_of(request)))
        self._shuffle = random.Random()
        self.asked: list[Request] = []
        self.tokens = 0

    @property
    def usage(self) -> UsageTotals:
        return UsageTotals()

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        listed = list(requests)
        self._shuffle.shuffle(listed)
        for request in listed:
            self.asked.append(request)
            text = self._write(request)
            if isinstance(text, Failure):
                yield dataclasses.replace(text, key=request.key)
                continue
            prompt = sum(len(message.content.split()) for message in request.messages)
            self.tokens += prompt + len(text.split())
            yield Completion(request.key, text, "stop", prompt, len(text.split()), cached=False)


def body_of(request: Request) -> dict[str, Any]:
    """The request as the scripted server would get it."""
    return {"messages": [{"role": m.role, "content": m.content} for m in request.messages], "seed": request.seed}


def pairs(*items: tuple[str, str]) -> str:
    """What a model replies: questions and answers; the answer is its own evidence."""
    return json.dumps({"questions": [{"question": q, "evidence": "", "answer": a} for q, a in items]})


def synthesizer(backend: Any, questions: int = 3, **filters: Any) -> Synthesizer:
    return Synthesizer(backend, FilterArguments(**filters), "en", LLMOptions(questions_per_passage=questions))


def recipe(**changes: Any) -> Recipe:
    return dataclasses.replace(recipe_of_number(1), **changes)
