"""Numbered, versioned prompt templates, one YAML file each, and what goes into their slots. Never asks a model.

A file's `version` goes up with every change of its text, since it is written into every row that comes from it.
Templates are `string.Template`s: values are put in as they are, whatever signs they hold.
"""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.backends.protocol import Message
from qa_pipeline.generation.types import Draft
from qa_pipeline.text.words import sentence_around

_TEXT = {"type": "string"}


def _object(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _list(name: str, item: dict[str, Any]) -> dict[str, Any]:
    return _object(**{name: {"type": "array", "items": item}})


SCHEMAS: dict[str, dict[str, Any]] = {
    "pairs": _list("questions", _object(question=_TEXT, evidence=_TEXT, answer=_TEXT)),
    "answers": _list("answers", _object(evidence=_TEXT, answer=_TEXT, type=_TEXT)),
    "numbered_questions": _list("questions", _object(number={"type": "integer"}, question=_TEXT)),
    "unanswerable": _list("questions", _object(tempting=_TEXT, question=_TEXT, missing=_TEXT)),
    "topics": _list("topics", _TEXT),
    "passage": _object(title=_TEXT, passage=_TEXT),
    "proposals": _list("proposals", _object(why=_TEXT, instructions=_TEXT)),
}
"""JSON Schemas of what the prompts ask for, in the strict form that servers take: all fields required, no others.

The order of fields is the order in which constrained decoding writes them: the sentence is quoted before the answer is
taken from it, and the tempting phrase is found before the question about it is made up.
"""

GENERATING = ("questions", "answers")
"""Kinds of prompt that --prompt_number may name: those that a run begins with."""
_KINDS_AT_ONCE = 3  # of answers; more than that a model forgets
_MOST_FED_BACK = 30  # earlier questions


@dataclass(frozen=True)
class Prompt:
    """One template.

    Args:
        number, name, version: what rows and the user call it.
        kind: what it asks for.
        help: one line for --list_prompts.
        system, user: templates of the two turns; an empty system turn is left out.
        schema: JSON Schema of the answer; None: none is wanted.
        next: number of the prompt that goes on with its answers.
        step: what the keys of requests call it, on which their seeds hang; "": its name.
    """

    number: int
    name: str
    version: int
    kind: str
    help: str
    system: str
    user: str
    schema: dict[str, Any] | None
    next: int | None = None
    step: str = ""

    def messages(self, **values: str) -> tuple[Message, ...]:
        """Puts values into the slots.

        Raises:
            KeyError: a slot has no value.
        """
        turns = (("system", self.system), ("user", self.user))
        return tuple(
            Message(role, string.Template(text).substitute(values).strip()) for role, text in turns if text.strip()
        )

    @property
    def slots(self) -> set[str]:
        """Names of the values that `messages` needs."""
        return {name for text in (self.system, self.user) for name in string.Template(text).get_identifiers()}


@functools.cache
def load_prompts() -> Mapping[int, Prompt]:
    """All templates of the package by number."""
    import yaml

    prompts = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            fields = yaml.safe_load(file.read_text(encoding="utf-8"))
            schema = fields.pop("schema", None)
            prompt = Prompt(**fields, schema=SCHEMAS[schema] if schema else None)
            assert prompt.number not in prompts, f"two prompts are number {prompt.number}"
            prompts[prompt.number] = prompt
    return prompts


def get_prompt(number: int) -> Prompt:
    """The template that a run begins with.

    Raises:
        ConfigError: no such template begins a run.
    """
    prompt = load_prompts().get(number)
    if prompt is None or prompt.kind not in GENERATING:
        known = ", ".join(f"{p.number} ({p.name})" for p in load_prompts().values() if p.kind in GENERATING)
        found = "there is none" if prompt is None else f"{prompt.name} is a later step"
        raise ConfigError("prompt_number", f"expected one of {known}, found {number} ({found})")
    return prompt


def prompt_of_kind(kind: str) -> Prompt:
    """The template of a step of which there is only one."""
    return next(prompt for prompt in load_prompts().values() if prompt.kind == kind)


def prompts_table() -> str:
    """What --list_prompts prints: number, version, name and what it is for; * marks those to choose from."""
    lines = ["   no  version  name"]
    for prompt in load_prompts().values():
        mark = "*" if prompt.kind in GENERATING else " "
        lines.append(f" {mark} {prompt.number:>2}  {prompt.version:>7}  {prompt.name:<22}{prompt.help}")
    lines.append("* can be given as --prompt_number; the others are steps that follow by themselves")
    return "\n".join(lines)


def prompts_text() -> str:
    """What --list_prompts prints: the templates and the short names of models."""
    from qa_pipeline.generation.backends.models import models_table

    return f"{prompts_table()}\n\nShort names for --model:\n{models_table()}"


class Slots:
    """Fills the slots.

    Args:
        answer_types: kinds of answer to prefer, in words.
        language: English name.
        task: in the user's words, or blank.
        examples: canonical rows, with an answer and without.
        examples_per_request: most that one request shows.
    """

    def __init__(
        self,
        answer_types: Sequence[str],
        language: str,
        task: str,
        examples: Sequence[Mapping[str, Any]],
        examples_per_request: int,
    ):
        self.language = language
        self._answer_types = list(answer_types)
        self._task = f"The questions are for this task: {task.strip()}\n" if task.strip() else ""
        self._answered = [example for example in examples if example["answers"]["text"]]
        self._unanswered = [example for example in examples if not example["answers"]["text"]]
        self._most = examples_per_request

    def choices(self, rng: np.random.Generator) -> dict[str, str]:
        """What differs from passage to passage: the kinds of answer and the examples shown."""
        types = ""
        if self._answer_types:
            order = rng.permutation(len(self._answer_types))[:_KINDS_AT_ONCE]
            types = f"\n- Prefer answers of these kinds: {'; '.join(self._answer_types[i] for i in order)}."
        answered = [self._answered[i] for i in sorted(rng.permutation(len(self._answered))[: self._most])]
        unanswered = [self._unanswered[i] for i in sorted(rng.permutation(len(self._unanswered))[: self._most])]
        return {
            "answer_types": types,
            "examples": examples_text(answered),
            "plain_examples": "".join(f"Example question: {example['question']}\n" for example in answered),
            "unanswerable_examples": unanswerable_examples_text(unanswered),
        }

    def values(
        self,
        passage: Passage,
        number: int,
        earlier: Sequence[Draft],
        chosen: Mapping[str, str],
        answers: bool = False,
    ) -> dict[str, str]:
        """The slots that most templates have.

        Args:
            number: of questions or answers that are wanted.
            earlier: drafts that should not come again.
            chosen: as `choices` gives them, or none of them.
            answers: say the earlier drafts' answers, not their questions.
        """
        asked = ""
        if earlier:
            texts = [draft.answer or "" if answers else draft.question for draft in earlier[-_MOST_FED_BACK:]]
            asked = f"\n- These are there already; do not repeat them: {' | '.join(texts)}"
        return {
            "task": self._task,
            "title": f' from "{passage.title}"' if passage.title else "",
            "passage": passage.text,
            "number": str(number),
            "language": self.language,
            "asked": asked,
            "answer_types": chosen.get("answer_types", ""),
            "examples": chosen.get("examples", ""),
        }


def examples_text(examples: Sequence[Mapping[str, Any]]) -> str:
    """The few-shot slot: canonical rows as the model should write them; empty for none.

    Args:
        examples: rows with context, question and answers; rows without an answer are left out.
    """
    blocks = []
    for example in examples:
        texts = example["answers"]["text"]
        if not texts:
            continue
        context, start = example["context"], example["answers"]["answer_start"][0]
        low, high = sentence_around(context, start, start + len(texts[0]), most=len(context), lines=True)
        pair = {"question": example["question"], "evidence": context[low:high], "answer": texts[0]}
        answer = json.dumps({"questions": [pair]}, ensure_ascii=False)
        blocks.append(f'Example passage:\n"""\n{example["context"]}\n"""\nExample reply: {answer}\n')
    return "\n" + "\n".join(blocks) if blocks else ""


def unanswerable_examples_text(examples: Sequence[Mapping[str, Any]]) -> str:
    """Contexts with questions that they do not answer, for the few-shot slot; empty for none."""
    return "".join(
        f'\nExample passage:\n"""\n{example["context"]}\n"""\nA question that it does not answer: '
        f"{example['question']}\n"
        for example in examples
    )
