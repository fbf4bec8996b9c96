"""Numbered, versioned prompt templates, one YAML file each. Turns values into messages; never asks a model.

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

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.llm.prompts.schemas import SCHEMAS
from qa_pipeline.generation.types import Message
from qa_pipeline.text.words import sentence_around

GENERATING = ("questions", "answers")
"""Kinds of prompt that --prompt_number may name: those that a run begins with."""


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
