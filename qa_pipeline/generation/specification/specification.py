"""From a prompt in plain words to a typed specification of the data, by rules; and to YAML and back.

What the rules do not find stays None and takes its default later. A specification can be shown, saved, edited and given
back; what comes back is verified like what was parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from qa_pipeline import artifacts
from qa_pipeline.arguments.config_files import nearest, read_config_file
from qa_pipeline.data import Example
from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer
from qa_pipeline.documents.passage import passage_id
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.specification.languages import find_language, language_code
from qa_pipeline.generation.specification.rules import (
    LABEL,
    find_answer_types,
    find_domain,
    find_numbers,
    find_unanswerable,
    other_task,
    split_prompt,
    without,
    without_numbers,
)
from qa_pipeline.generation.types import MOST_UNANSWERABLE
from qa_pipeline.mock import find_domain as matching_domain

TASK = "extractive question answering"
_HEADER = (
    "# What data to make. Edit it and give it back: qa-pipeline generate CONFIG --spec_file THIS_FILE\n"
    "# null means: not said, the default is taken.\n"
)


@dataclass(frozen=True)
class Specification:
    """What a prompt asks for.

    Attributes:
        prompt: as given.
        task: always `TASK`; anything else is refused.
        domain: what the questions are about, in words.
        language: code, or None.
        answer_types: names of groups or types of answers, or None for all.
        unanswerable: whether questions without answer are wanted, or None.
        unanswerable_fraction: their share, or None.
        num_examples: how many examples are wanted, or None.
        examples: canonical rows, offsets verified.
        sample_questions: questions given as examples without a context.
        notes: what was found in the prompt and could not be used.
    """

    prompt: str = ""
    task: str = TASK
    domain: str = ""
    language: str | None = None
    answer_types: list[str] | None = None
    unanswerable: bool | None = None
    unanswerable_fraction: float | None = None
    num_examples: int | None = None
    examples: list[Example] = field(default_factory=list)
    sample_questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def wish(self) -> str:
        """What a language model is told: the instruction without its examples and numbers, the subject, questions.

        How many questions there are, and how many of them have no answer, is said by each request for itself.
        """
        instruction = split_prompt(self.prompt)[0]
        text = without_numbers(instruction, find_numbers(instruction).spans, self.domain) or self.domain
        if self.domain and self.domain.casefold() not in text.casefold():  # edited by hand
            text += f" Subject: {self.domain}."
        if self.sample_questions:
            text += f" Questions such as: {' | '.join(self.sample_questions)}"
        return text.strip()

    def to_yaml(self) -> str:
        """The specification as a commented YAML file."""
        content = asdict(self)
        content["examples"] = [_as_written(example) for example in self.examples]
        return _HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)

    def save(self, path: str | Path) -> Path:
        """Writes it atomically."""
        return artifacts.write_text(path, self.to_yaml())


def parse_prompt(prompt: str) -> Specification:
    """Reads a prompt by rules.

    Raises:
        ConfigError: it is blank, or asks for another task.
    """
    if not prompt.strip():
        raise ConfigError("prompt", "is blank; say what the questions should be about")
    instruction, shown = split_prompt(prompt)
    other = other_task(instruction)
    if other and not re.search(r"\b(?:questions?|answers?|extract\w*)\b", instruction, re.IGNORECASE):
        raise ConfigError(
            "prompt",
            f'asks to "{other[0]}", but this makes data for {TASK}: questions that a text answers word for word',
        )
    numbers = find_numbers(instruction)
    notes = numbers.notes
    share = numbers.unanswerable_fraction
    examples, questions = labelled_examples(shown, notes)
    in_examples = any(example["is_impossible"] for example in examples)
    return Specification(
        prompt=prompt.strip(),
        domain=find_domain(instruction, numbers.spans),
        language=find_language(instruction),
        answer_types=find_answer_types(without(instruction, numbers.spans), notes) or None,
        unanswerable=find_unanswerable(instruction, in_examples) if share is None else share > 0,
        unanswerable_fraction=share,
        num_examples=numbers.num_examples,
        examples=examples,
        sample_questions=questions,
        notes=notes,
    )


def read_specification(path: str | Path) -> Specification:
    """Reads a specification that was saved, and perhaps edited.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    return specification_from(read_config_file(path), str(path))


def specification_from(content: Mapping[str, Any], where: str) -> Specification:
    """A specification from a mapping, verified; a backend that reads prompts gives such a mapping too.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    known = {f.name for f in fields(Specification)}
    problems = []
    for key in content.keys() - known:
        near = nearest(key, known)
        problems.append(f"{key}: unknown key" + (f'; nearest: "{near}"' if near else ""))
    values = {key: value for key, value in content.items() if key in known}
    problems += _take_out_mistyped(values)
    problems += _number_problems(values)
    if values.get("task", TASK) != TASK:
        problems.append(f'task: expected "{TASK}", found "{values["task"]}"')
    examples = []
    for number, row in enumerate(values.pop("examples", None) or (), 1):
        try:
            examples.append(example_from(row))
        except ValueError as error:
            problems.append(f"examples, number {number}: {error}")
    if problems:
        raise ConfigError(where, problems)
    for key in ("sample_questions", "notes"):
        values[key] = values.get(key) or []
    values["language"] = language_code(values.get("language") or "") or None
    return Specification(**{**values, "examples": examples})


def _take_out_mistyped(values: dict[str, Any]) -> list[str]:
    """Takes values of another type than their key's out of `values`, and says what they are."""
    problems = []
    for key, kinds in _KINDS.items():
        value = values.get(key)
        if key in values and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            problems.append(f"{key}: expected {_in_words(kinds)}, found {type(value).__name__}")
            del values[key]
    for key in ("answer_types", "sample_questions", "notes"):
        if not all(isinstance(text, str) for text in values.get(key) or ()):
            problems.append(f"{key}: expected a list of texts")
            del values[key]
    return problems


def builtin_domain(specification: Specification) -> str | None:
    """The built-in domain that the specification is about, None without a clear one.

    What the specification says of its `domain` decides. Where that says nothing, and is what the rules read in the
    prompt, all words of the prompt do.
    """
    instruction = split_prompt(specification.prompt)[0]
    as_read = specification.domain in ("", find_domain(instruction, find_numbers(instruction).spans))
    everything = f"{instruction} {' '.join(specification.sample_questions)}"
    return matching_domain(specification.domain) or (matching_domain(everything) if as_read else None)


_ROLE = {"c": "context", "passage": "context", "text": "context", "paragraph": "context", "document": "context",
         "q": "question", "a": "answer"}  # fmt: skip


def labelled_examples(shown: str, notes: list[str]) -> tuple[list[Example], list[str]]:
    """Labelled examples as canonical rows, and questions without a context."""
    marks = list(LABEL.finditer(shown))
    if not marks:
        texts = [text.strip(" \n\"'-*") for text in re.findall(r"[^.?!\n]+\?", shown)]
        return [], [text for text in texts if text]
    rows: list[dict[str, str]] = [{}]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        role = _ROLE.get(mark[1].lower(), mark[1].lower())
        value = _value(shown[mark.end() : following.start() if following else len(shown)])
        if role in rows[-1] or (role == "context" and "question" in rows[-1]):
            # A second question about the same context does not repeat it.
            rows.append({"context": rows[-1]["context"]} if role == "question" and "context" in rows[-1] else {})
        rows[-1][role] = value
    examples: list[Example] = []
    questions: list[str] = []
    for number, row in enumerate(rows, 1):
        if "question" not in row:
            notes.append(f"example {number} has no question; left out")
        elif "context" not in row:
            questions.append(row["question"])
            notes.append(f"example {number} has no context, so its answer has no place; kept as a sample question")
        else:
            try:
                examples.append(example_from(row))
            except ValueError as error:
                notes.append(f"example {number}: {error}; left out")
    return examples, questions


_SAYS_NONE = re.compile(
    r"(?:none|null|n/?a|unanswerable|no answer|not (?:answerable|in the text|given|stated)|-|\u2014)?\.?", re.I
)


def example_from(row: Any) -> Example:
    """A canonical row from a context, a question and an answer as texts.

    Raises:
        ValueError: what is wrong with it.
    """
    if not isinstance(row, Mapping):
        raise ValueError("expected a mapping")
    context, question, answer = row.get("context"), row.get("question"), row.get("answer")
    if not isinstance(context, str) or not context.strip():
        raise ValueError("context: expected a text")
    if not isinstance(question, str) or not question.strip():
        raise ValueError("question: expected a text")
    if answer is not None and not isinstance(answer, str):
        raise ValueError(f"answer: expected a text or null, found {type(answer).__name__}")
    identity = f"example-{passage_id(context, question)}"
    result: Example = {
        "id": identity,
        "context": context,
        "question": " ".join(question.split()),
        "answers": {"text": [], "answer_start": []},
        "is_impossible": True,
    }
    found = None
    for text in (answer or "", (answer or "").strip().rstrip(".;,")):  # a full stop may be the prompt's own
        if text.strip() and not isinstance(found, Aligned):
            found = align_answer(context, LooseAnswer(text=text))
    if isinstance(found, Aligned):
        result["answers"] = {"text": [found.text], "answer_start": [found.start]}
        result["is_impossible"] = False
    elif answer is not None and not _SAYS_NONE.fullmatch(answer.strip()):
        text = f'answer: "{answer}" is not in the context; quote it word for word, or write null for no answer'
        raise ValueError(text)
    return result


_NEXT_ITEM = re.compile(r"(?:\s*(?:^|\n)\s*(?:\d+[.)]|[-*#]+|example\s*\d*\s*[:.]?))+\s*$", re.IGNORECASE)
_NEXT_EXAMPLE = re.compile(r"\s*\bexamples?(?:\s*\d+)?\s*:\s*$", re.IGNORECASE)
_LONGEST_MARK = 100
"""Characters at the end in which the mark of a next item is looked for; of thousands of blanks each would be tried."""


def _value(text: str) -> str:
    """What a label holds: without list marks, separators and one pair of quotes around it."""
    core = text.rstrip()
    for pattern in (_NEXT_ITEM, _NEXT_EXAMPLE):
        found = pattern.search(core, max(0, len(core) - _LONGEST_MARK))
        core = core[: found.start()].rstrip() if found else core
    core = core.strip().strip("{}[]").strip(" \n\t,;|")
    for left, right in ('""', "''", "\u201c\u201d", "``"):
        if len(core) > 1 and core[0] == left and core[-1] == right:
            return core[1:-1].strip()
        if len(core) > 2 and core[0] == left and core[-2:] == right + ".":
            return core[1:-2].strip()
    return core


_KINDS: dict[str, tuple[type, ...]] = {
    "prompt": (str,),
    "task": (str,),
    "domain": (str,),
    "language": (str, type(None)),
    "answer_types": (list, type(None)),
    "unanswerable": (bool, type(None)),
    "unanswerable_fraction": (int, float, type(None)),
    "num_examples": (int, type(None)),
    "examples": (list, type(None)),
    "sample_questions": (list, type(None)),
    "notes": (list, type(None)),
}


def _number_problems(values: Mapping[str, Any]) -> list[str]:
    problems = []
    share, count = values.get("unanswerable_fraction"), values.get("num_examples")
    if share is not None and not 0 <= share <= MOST_UNANSWERABLE:
        problems.append(f"unanswerable_fraction: expected a share from 0 to {MOST_UNANSWERABLE}, found {share:g}")
    elif share is not None and values.get("unanswerable") is not None and values["unanswerable"] != (share > 0):
        shown = "true" if values["unanswerable"] else "false"
        problems.append(f"unanswerable_fraction: {share:g} does not go with unanswerable: {shown}; change one of them")
    if count is not None and count < 1:
        problems.append(f"num_examples: expected at least 1, found {count}")
    return problems


def _as_written(example: Example) -> dict[str, Any]:
    texts = example["answers"]["text"]
    return {"context": example["context"], "question": example["question"], "answer": texts[0] if texts else None}


def _in_words(kinds: tuple[type, ...]) -> str:
    names = {str: "a text", list: "a list", bool: "true or false", int: "a whole number", float: "a number"}
    names[type(None)] = "null"
    return " or ".join(names[kind] for kind in kinds if not (kind is int and float in kinds))
