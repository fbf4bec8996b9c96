"""Turns passages into drafts by asking a language model. Never aligns, filters or writes anything.

The steps of one passage follow each other (questions, further questions, questions without an answer, other words);
the passages go side by side. All that is random comes from the seed and the passage's id, so that neither the order of
passages nor that of answers changes a draft.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator as Steps
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.backends.budget import Estimate, Prices, estimate
from qa_pipeline.generation.backends.protocol import Backend, Completion, Request
from qa_pipeline.generation.questions.llm.evidence import with_sentences
from qa_pipeline.generation.questions.llm.parsing import ParseError
from qa_pipeline.generation.questions.llm.prompts import Prompt, Slots, prompt_of_kind
from qa_pipeline.generation.questions.llm.recipes import Recipe, recipe_of_number
from qa_pipeline.generation.questions.llm.requests import (
    NoAnswerError,
    Requests,
    Result,
    read_result,
    stable_number,
    typical_text,
)
from qa_pipeline.generation.types import MOST_UNANSWERABLE, Draft, Rejected
from qa_pipeline.text.languages import language_name

_About = Steps[Request, Result, list[Draft | Rejected]]
"""The steps of one passage."""


@dataclass(frozen=True)
class LLMOptions:
    """What is asked of a language model, and how.

    Attributes:
        questions_per_passage: wanted of each passage, those without an answer included.
        unanswerable_fraction: share of them that the passage does not answer, 0 to MOST_UNANSWERABLE.
        answer_types: kinds of answer to prefer, in words ("a date", "a reason"); every passage gets three of them.
        language: code or English name.
        task: what the questions are for, in the user's words.
        examples: canonical rows as few-shot examples.
        examples_per_request: how many of them one request shows; drawn anew for every passage.
        prompt_number: template to begin with (`prompts.prompts_table` lists them).
        rephrase: ask for other words in a second pass.
        temperature, seed: of sampling.
        questions_per_request: at most so many questions in one request; further ones see the earlier.
        max_tokens: of one completion; None: enough for the questions asked.
        recipe: how it is asked; in place of prompt_number, rephrase, temperature and examples_per_request.
    """

    questions_per_passage: int = 5
    unanswerable_fraction: float = 0.0
    answer_types: Sequence[str] = ()
    language: str = "en"
    task: str = ""
    examples: Sequence[Mapping[str, Any]] = ()
    examples_per_request: int = 2
    prompt_number: int = 1
    rephrase: bool = False
    temperature: float = 0.7
    seed: int = 0
    questions_per_request: int = 5
    max_tokens: int | None = None
    recipe: Recipe | None = None

    def problems(self) -> list[str]:
        """One line for each option that cannot be meant."""
        found = [
            f"{name}: expected 1 or more, found {getattr(self, name)}"
            for name in ("questions_per_passage", "questions_per_request")
            if getattr(self, name) < 1
        ]
        if not 0 <= self.unanswerable_fraction <= MOST_UNANSWERABLE:
            expected = f"expected 0 to {MOST_UNANSWERABLE}, found {self.unanswerable_fraction}"
            found.append(f"unanswerable_fraction: {expected}")
        if self.temperature < 0:
            found.append(f"temperature: expected 0 or more, found {self.temperature}")
        if self.recipe is not None:
            found += [f"recipe {self.recipe.name}: {text}" for text in self.recipe.problems()]
        return found

    def resolved_recipe(self) -> Recipe:
        """The recipe, or what the options say in its place.

        Raises:
            ConfigError: prompt_number begins no run.
        """
        if self.recipe is not None:
            return self.recipe
        numbered = recipe_of_number(self.prompt_number)
        few_shot = self.examples_per_request
        return replace(numbered, rephrase=self.rephrase, few_shot=few_shot, temperature=self.temperature)


class LLMGenerator:
    """Asks a backend for questions, answers and evidence; see `generation.types.Generator`.

    Raises:
        ConfigError: options that cannot be meant.
    """

    name = "llm"

    def __init__(self, backend: Backend, options: LLMOptions | None = None):
        options = options or LLMOptions()
        if problems := options.problems():
            raise ConfigError("generator", problems)
        self.backend = backend
        self.recipe = options.resolved_recipe()
        self.prompt = self.recipe.prompt()
        self._hash = self.recipe.hash
        self._options = options
        self._slots = Slots(
            options.answer_types,
            language_name(options.language),
            options.task,
            options.examples,
            self.recipe.few_shot,
        )
        self._requests = Requests(self.recipe.temperature, options.seed, options.max_tokens)

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        """Asks about passages; those of one passage come together, as soon as they are there.

        Raises:
            BackendError: going on is pointless; what came before has been yielded.
        """
        waiting = iter({passage.id: passage for passage in passages}.values())  # one given twice is asked once
        under_way: dict[str, _About] = {}
        ready: deque[tuple[Request, _About]] = deque()

        def requests() -> Iterator[Request]:
            """All that can be asked now; a backend that reads it as it has room is never short of work."""
            while True:
                if not ready:
                    passage = next(waiting, None)
                    if passage is None:
                        return
                    about = self._about(passage)
                    ready.append((next(about), about))
                request, about = ready.popleft()  # a passage that was begun goes before a new one
                under_way[request.key] = about
                yield request

        while True:
            for result in self.backend.complete(requests()):
                about = under_way.pop(result.key)
                try:
                    ready.append((about.send(result), about))
                except StopIteration as finished:
                    yield from finished.value
            if not ready:
                return

    def plan(self, passages: Sequence[Passage], prices: Prices | None = None) -> Estimate:
        """What `drafts` would ask for and what it would cost, without repairs and retries. Asks nothing."""
        return estimate(self.plan_requests(passages), prices or Prices())

    def plan_requests(self, passages: Sequence[Passage]) -> Iterator[Request]:
        """The requests of a run in which every answer is as wanted."""
        for passage in passages:
            about = self._about(passage)
            try:
                request = next(about)
                while True:
                    yield request
                    text = typical_text(request.schema or {}, self._options.questions_per_request)
                    request = about.send(Completion(request.key, text, "stop", 0, 0, False))
            except StopIteration:
                continue

    def _about(self, passage: Passage) -> _About:
        """All steps of one passage: yields requests, is sent their results, returns the drafts.

        A request that got no answer, but may at another time, ends it; what is missing is asked then.
        """
        drafts: list[Draft] = []
        rejected: list[Rejected] = []
        try:
            yield from self._steps(passage, drafts, rejected)
        except NoAnswerError as error:
            rejected.append(Rejected(error.failure.reason, passage.id, outage=error.failure.detail))
        return [*drafts, *rejected]

    def _steps(self, passage: Passage, drafts: list[Draft], rejected: list[Rejected]) -> Steps[Request, Result, None]:
        """Fills `drafts` and `rejected` step by step."""
        rng = np.random.default_rng(stable_number(self._options.seed, passage.id, "plan"))
        unanswerable = int(self._options.questions_per_passage * self._options.unanswerable_fraction + rng.random())
        answerable = self._options.questions_per_passage - unanswerable
        chosen = self._slots.choices(rng)
        prompt = self._prompt_for(passage)
        sample = 0
        while answerable > 0:
            number = min(answerable, self._options.questions_per_request)
            step = self._answers_first if self.prompt.kind == "answers" else self._questions
            new, bad = yield from step(passage, prompt, number, sample, drafts, chosen)
            drafts += new[:number]
            rejected += bad
            answerable -= number
            sample += 1
        if self.recipe.rephrase and drafts:
            drafts[:] = yield from self._rephrase(passage, drafts)
        while unanswerable > 0:
            number = min(unanswerable, self._options.questions_per_request)
            new, bad = yield from self._without_answer(passage, number, sample, drafts, chosen)
            drafts += new[:number]
            rejected += bad
            unanswerable -= number
            sample += 1

    def _prompt_for(self, passage: Passage) -> Prompt:
        """The template of the first request, its evidence one of the passage's sentences where the recipe says so."""
        if self.recipe.evidence == "free":
            return self.prompt
        assert self.prompt.schema is not None
        return replace(self.prompt, schema=with_sentences(self.prompt.schema, passage.text, self._options.language))

    def _questions(
        self,
        passage: Passage,
        prompt: Prompt,
        number: int,
        sample: int,
        earlier: Sequence[Draft],
        chosen: dict[str, str],
    ) -> Steps[Request, Result, tuple[list[Draft], list[Rejected]]]:
        """Questions with their answers in one request."""
        values = self._slots.values(passage, number, earlier, chosen)
        items, rejected, details = yield from self._ask(passage, prompt, values, sample, number)
        drafts = [
            self._draft(passage, item["question"], item["answer"], item["evidence"] or None, details) for item in items
        ]
        return drafts, rejected

    def _answers_first(
        self,
        passage: Passage,
        prompt: Prompt,
        number: int,
        sample: int,
        earlier: Sequence[Draft],
        chosen: dict[str, str],
    ) -> Steps[Request, Result, tuple[list[Draft], list[Rejected]]]:
        """Answers in one request, questions to them in the next."""
        values = self._slots.values(passage, number, earlier, chosen, answers=True)
        answers, rejected, details = yield from self._ask(passage, prompt, values, sample, number)
        answers = answers[:number]
        if not answers:
            return [], rejected
        following = self.recipe.following
        assert following is not None
        listed = "\n".join(f'{i}. "{item["answer"]}" (in: {item["evidence"]})' for i, item in enumerate(answers, 1))
        values = {
            **self._slots.values(passage, number, (), chosen),
            "answers": listed,
            "examples": chosen["plain_examples"],
        }
        items, bad, more = yield from self._ask(passage, following, values, sample, len(answers))
        details = {**details, "repaired": details["repaired"] or more["repaired"]}
        drafts = []
        for i, answer in enumerate(answers, 1):
            question = next((item["question"] for item in items if item["number"] == i), None)
            if question is None:
                if not bad:
                    rejected.append(Rejected("no_question", passage.id))
                continue
            given = {**details, **({"answer_type": answer["type"]} if answer["type"] else {})}
            drafts.append(self._draft(passage, question, answer["answer"], answer["evidence"] or None, given))
        return drafts, rejected + bad

    def _without_answer(
        self, passage: Passage, number: int, sample: int, earlier: Sequence[Draft], chosen: dict[str, str]
    ) -> Steps[Request, Result, tuple[list[Draft], list[Rejected]]]:
        """Questions that the passage does not answer."""
        prompt = prompt_of_kind("unanswerable")
        values = {**self._slots.values(passage, number, earlier, {}), "examples": chosen["unanswerable_examples"]}
        items, rejected, details = yield from self._ask(passage, prompt, values, sample, number)
        drafts = []
        for item in items:
            given = details | {name: item[name] for name in ("tempting", "missing") if item[name]}
            drafts.append(self._draft(passage, item["question"], None, None, given))
        return drafts, rejected

    def _rephrase(self, passage: Passage, drafts: list[Draft]) -> Steps[Request, Result, list[Draft]]:
        """The drafts in other words; a question that comes back unreadable or not at all stays, and says why."""
        prompt = prompt_of_kind("rephrase")
        done: list[Draft] = []
        for start in range(0, len(drafts), self._options.questions_per_request):
            part = drafts[start : start + self._options.questions_per_request]
            listed = "\n".join(f"{i}. {draft.question} (answer: {draft.answer})" for i, draft in enumerate(part, 1))
            values = {"questions": listed, "language": self._slots.language}
            items, bad, _ = yield from self._ask(
                passage, prompt, values, start // self._options.questions_per_request, len(part)
            )
            for i, draft in enumerate(part, 1):
                question = next((item["question"] for item in items if item["number"] == i), None)
                changed = question is not None and question != draft.question
                details = {**draft.details, "rephrased": changed}
                if changed:
                    details |= {"original_question": draft.question, "rephrase_version": prompt.version}
                else:
                    details["not_rephrased"] = "same_words" if question else bad[0].reason if bad else "no_question"
                question = question or draft.question
                done.append(
                    Draft(passage, question, draft.answer, draft.evidence, draft.start, draft.generator, details)
                )
        return done

    def _ask(
        self, passage: Passage, prompt: Prompt, values: dict[str, str], sample: int, number: int
    ) -> Steps[Request, Result, tuple[list[dict[str, Any]], list[Rejected], dict[str, Any]]]:
        """One request, and one more where the answer cannot be read.

        Returns:
            Records, what was rejected, and the details that go into rows.

        Raises:
            NoAnswerError: see there.
        """
        assert prompt.schema is not None
        request = self._requests.make(f"{passage.id}/{prompt.step or prompt.name}/{sample}", prompt, values, number)
        details = {
            "model": self.backend.model,
            "prompt": prompt.name,
            **({"prompt_number": prompt.number, "prompt_version": prompt.version} if prompt.number else {}),
            "prompt_hash": self._hash,
            "sample": sample,
            "repaired": False,
        }
        result = yield request
        try:
            items, bad = read_result(result, prompt.schema)
        except ParseError as error:
            if error.reason not in ("not_json", "wrong_schema") or not isinstance(result, Completion):
                return [], [Rejected(error.reason, passage.id)], details
            result = yield self._requests.repair(request, result.text, error.problem)
            details["repaired"] = True
            try:
                items, bad = read_result(result, prompt.schema)
            except ParseError as still:
                return [], [Rejected(still.reason, passage.id)], details
        return items, [Rejected("wrong_schema", passage.id)] * bad, details

    def _draft(
        self, passage: Passage, question: str, answer: str | None, evidence: str | None, details: dict[str, Any]
    ) -> Draft:
        return Draft(passage, " ".join(question.split()), answer, evidence, None, self.name, dict(details))
