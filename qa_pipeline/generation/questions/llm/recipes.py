"""Recipes: all that decides what a language model is asked about a passage, as a value, in a file, and by factors.

A numbered template is a recipe, a prompt file holds one, and a choice of factors (answer first or question first, what
an answer may be, which questions are wanted, ...) gives one. Two recipes with the same hash ask the same. Never asks.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from qa_pipeline import artifacts
from qa_pipeline.arguments.config_files import found as shown
from qa_pipeline.arguments.config_files import nearest_hint, read_config_file
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.llm.prompts import (
    GENERATING,
    SCHEMAS,
    Prompt,
    get_prompt,
    load_prompts,
    prompt_of_kind,
)
from qa_pipeline.generation.questions.llm.recipe_checks import slot_problems, slots_of, text_problems

HASH_DIGITS = 16
MOST_EXAMPLES = 16
"""Few-shot examples that one request may show."""
_LONGEST_NAME = 120  # characters
_HASH = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}")
_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")  # ends of lines for YAML, which gives them back as another one
_HEADER = (
    "# A prompt for questions. Edit it and give it back: qa-pipeline generate CONFIG --prompt_file THIS_FILE\n"
    "# The words that begin with $ are slots; $$ is a dollar sign.\n"
)


@dataclass(frozen=True)
class Recipe:
    """All that decides what a language model is asked about a passage; a prompt file holds one.

    Attributes:
        name: short, for rows and reports.
        system, user: templates (`string.Template`) of the two turns of the first request; an empty system is left out.
        kind: "questions": questions with their answers in one request; "answers": answers first, then questions.
        following_system, following_user: of the second request where the kind is "answers"; "": as template 3 has it.
        rephrase: ask for other words in a further request.
        few_shot: most examples that one request shows, of those that a run has.
        evidence: "sentence": a completion quotes one of the passage's sentences, as far as the server holds to schemas.
        temperature: of sampling.
        parent: hash of the recipe that it was made from.
        made_by: what made it: "baseline", "grid", "rewrite", "gepa".

    Example:
        >>> terse = Recipe("terse", "", "Ask $number questions about: $passage Reply with JSON.", "questions")
        >>> terse.problems(), len(terse.hash)
        ([], 16)
    """

    name: str
    system: str
    user: str
    kind: Literal["questions", "answers"]
    following_system: str = ""
    following_user: str = ""
    rephrase: bool = False
    few_shot: int = 2
    evidence: Literal["free", "sentence"] = "free"
    temperature: float = 0.7
    parent: str | None = None
    made_by: str = ""

    @functools.cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that name what is asked; name and lineage change nothing in it."""
        following = self.following
        content = {
            "kind": self.kind,
            "texts": [text.strip() for text in (self.system, self.user)],
            "following": [text.strip() for text in (following.system, following.user)] if following else None,
            "rephrase": bool(self.rephrase),
            "few_shot": int(self.few_shot),
            "evidence": self.evidence,
            "temperature": float(self.temperature),
        }
        text = json.dumps(content, ensure_ascii=True, sort_keys=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:HASH_DIGITS]

    @property
    def following(self) -> Prompt | None:
        """The template of the second request; None where there is only one."""
        if self.kind != "answers":
            return None
        usual = prompt_of_kind("questions_for_answers")
        if not self.following_system.strip() and not self.following_user.strip():
            return usual
        return replace(
            usual,
            number=0,
            version=0,
            system=self.following_system if self.following_system.strip() else usual.system,
            user=self.following_user if self.following_user.strip() else usual.user,
        )

    @property
    def slots(self) -> set[str]:
        """Names of the slots that its requests have."""
        following = self.following
        return slots_of(self.system) | slots_of(self.user) | (following.slots if following else set())

    def problems(self) -> list[str]:
        """One line for each thing that cannot be meant; empty: it can be asked."""
        return [*_problems_of_values(self), *_problems_of_texts(self)]

    def prompt(self) -> Prompt:
        """The template of the first request. Its number is that of the template that says the same, else 0."""
        same = _same_template(self)
        usual = same or load_prompts()[1 if self.kind == "questions" else 2]
        return replace(
            usual,
            number=same.number if same else 0,
            version=same.version if same else 0,
            name=self.name,
            step=usual.name,
            help="",
            system=self.system,
            user=self.user,
            schema=SCHEMAS["pairs" if self.kind == "questions" else "answers"],
        )


def _same_template(recipe: Recipe) -> Prompt | None:
    """The numbered template with the same texts."""
    wanted = (recipe.kind, recipe.system.strip(), recipe.user.strip())
    for prompt in load_prompts().values():
        if prompt.kind in GENERATING and (prompt.kind, prompt.system.strip(), prompt.user.strip()) == wanted:
            return prompt
    return None


def _problems_of_values(recipe: Recipe) -> Iterator[str]:
    """What is wrong with all but the texts."""
    if not recipe.name.strip() or "\n" in recipe.name or len(recipe.name) > _LONGEST_NAME:
        yield f"name: expected one line of 1 to {_LONGEST_NAME} characters, found {shown(recipe.name)}"
    if recipe.kind not in GENERATING:
        yield f"kind: expected questions or answers, found {shown(recipe.kind)}{nearest_hint(recipe.kind, GENERATING)}"
    if recipe.evidence not in FACTOR_VALUES["evidence"]:
        yield f"evidence: expected free or sentence, found {shown(recipe.evidence)}"
    if not 0 <= recipe.few_shot <= MOST_EXAMPLES:
        yield f"few_shot: expected 0 to {MOST_EXAMPLES}, found {recipe.few_shot}"
    if not (math.isfinite(recipe.temperature) and recipe.temperature >= 0):
        yield f"temperature: expected 0 or more, found {recipe.temperature}"
    if recipe.parent is not None and not _HASH.fullmatch(recipe.parent):
        yield f"parent: expected {HASH_DIGITS} hexadecimal digits, found {shown(recipe.parent)}"
    if "\n" in recipe.made_by or len(recipe.made_by) > _LONGEST_NAME:
        yield f"made_by: expected at most {_LONGEST_NAME} characters on one line, found {shown(recipe.made_by)}"


def _problems_of_texts(recipe: Recipe) -> Iterator[str]:
    """What is wrong with the texts."""
    for name in _TEXTS:
        yield from text_problems(name, getattr(recipe, name))
    if not recipe.user.strip():
        yield "user: is blank; it says what is asked, with the slots $passage and $number"
    elif recipe.kind in GENERATING:
        yield from slot_problems(recipe.kind, recipe.system, recipe.user)
    following = recipe.following
    if following is not None:
        yield from slot_problems("following", following.system, following.user)
    elif recipe.kind == "questions":
        for name in ("following_system", "following_user"):
            if getattr(recipe, name).strip():
                yield f"{name}: a prompt of kind questions has no second request; leave it out, or write kind: answers"


_TEXTS = ("system", "user", "following_system", "following_user")


def recipe_of_number(number: int, made_by: str = "baseline") -> Recipe:
    """A numbered template as a recipe.

    Raises:
        ConfigError: no such template begins a run.
    """
    prompt = get_prompt(number)
    kind = cast(Literal["questions", "answers"], prompt.kind)
    return Recipe(prompt.name, prompt.system, prompt.user, kind, made_by=made_by)


@dataclass(frozen=True)
class Factors:
    """A recipe as a choice on each of seven questions; the defaults are template 1.

    Attributes:
        order: "question_first" and "short" (in few words) ask for questions with their answers in one request,
            "answer_first" for answers and then for questions to them.
        span_rule: an answer is the "shortest" piece that will do, a complete "phrase", or, where why or how is asked,
            the whole "clause".
        wh_quota: "varied": the questions begin with different words; "reasons": two of five ask why, how or under what
            condition; "none": as the template says.
        few_shot: examples that one request shows.
        rephrase, evidence, temperature: see `Recipe`.
    """

    order: Literal["question_first", "answer_first", "short"] = "question_first"
    span_rule: Literal["shortest", "phrase", "clause"] = "shortest"
    wh_quota: Literal["none", "varied", "reasons"] = "none"
    few_shot: int = 2
    rephrase: bool = False
    evidence: Literal["free", "sentence"] = "free"
    temperature: float = 0.7


FACTOR_VALUES: dict[str, tuple[Any, ...]] = {
    "order": ("question_first", "answer_first", "short"),
    "span_rule": ("shortest", "phrase", "clause"),
    "wh_quota": ("none", "varied", "reasons"),
    "few_shot": (2, 0, 1, 4),
    "rephrase": (False, True),
    "evidence": ("free", "sentence"),
    "temperature": (0.7, 0.3, 1.0),
}
"""The values of each factor, that of the baseline first."""


def factor_grid() -> Iterator[Factors]:
    """All choices of factors, the baseline first."""
    for values in itertools.product(*FACTOR_VALUES.values()):
        yield Factors(**dict(zip(FACTOR_VALUES, values, strict=True)))


def recipe_of(factors: Factors, made_by: str = "grid") -> Recipe:
    """The recipe of a choice of factors.

    Raises:
        ConfigError: a factor has none of its values.

    Example:
        >>> recipe_of(Factors()).hash == recipe_of_number(1).hash
        True
        >>> recipe_of(Factors(order="answer_first", wh_quota="reasons", few_shot=0)).name
        'answer-first, wh_quota reasons, few_shot 0'
    """
    chosen = asdict(factors)
    problems = [
        f"{name}: expected one of {', '.join(map(str, FACTOR_VALUES[name]))}, found {shown(value)}"
        for name, value in chosen.items()
        if value not in FACTOR_VALUES[name]
    ]
    if problems:
        raise ConfigError("factors", problems)
    start = recipe_of_number(_changes_of_texts()[factors.order]["template"], made_by)
    others = [
        f"{name} {str(value).lower() if isinstance(value, bool) else value}"
        for name, value in chosen.items()
        if name != "order" and value != FACTOR_VALUES[name][0]
    ]
    return replace(
        start,
        name=", ".join([start.name, *others]),
        rephrase=factors.rephrase,
        few_shot=factors.few_shot,
        evidence=factors.evidence,
        temperature=factors.temperature,
        **_texts_of(factors, start),
    )


def _texts_of(factors: Factors, start: Recipe) -> dict[str, Any]:
    """The texts that are not as the template has them."""
    changes = _changes_of_texts()[factors.order]
    following = prompt_of_kind("questions_for_answers")
    usual = {"system": start.system, "user": start.user}
    usual |= {"following_system": following.system, "following_user": following.user}
    texts = dict(usual)
    for name in ("span_rule", "wh_quota"):
        for change in changes[name].get(getattr(factors, name), ()):
            text = texts[change["text"]]
            assert text.count(change["of"]) == 1, f"factors.yaml, {factors.order}, {name}: {change['of']}"
            texts[change["text"]] = text.replace(change["of"], change["to"])
    return {name: text for name, text in texts.items() if text != usual[name]}


@functools.cache
def _changes_of_texts() -> dict[str, Any]:
    """What factors change in the templates, by order: `factors.yaml`."""
    import yaml

    package = __name__.rpartition(".")[0]
    content: dict[str, Any] = yaml.safe_load(resources.files(package).joinpath("factors.yaml").read_text("utf-8"))
    return content


def read_recipe(path: str | Path) -> Recipe:
    """Reads a prompt file.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    content = read_config_file(path)
    problems = [
        f"{key}: unknown key{nearest_hint(key, _KINDS)}; known: {', '.join(_KINDS)}"
        for key in content
        if key not in _KINDS
    ]
    values: dict[str, Any] = {"system": ""}
    for key, kinds in _KINDS.items():
        value = content.get(key)
        if value is None:
            if key in _NEEDED:
                problems.append(f"{key}: is required")
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            problems.append(f"{key}: expected {_IN_WORDS[kinds]}, found {shown(value)}")
        else:
            values[key] = value
    if all(key in values for key in _NEEDED):
        problems += Recipe(**values).problems()
    if problems:
        raise ConfigError(str(path), problems)
    return Recipe(**values)


def write_recipe(path: str | Path, recipe: Recipe) -> Path:
    """Writes a prompt file atomically: YAML that people can read and edit, texts as blocks.

    Raises:
        DataError: it cannot be written.
    """
    with artifacts.writing(path):
        return artifacts.write_text(path, recipe_text(recipe))


def recipe_text(recipe: Recipe) -> str:
    """A recipe as a prompt file has it."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Texts of several lines as blocks, all others in quotes: no reader takes a hash for a number."""

    def text_node(dumper: Any, text: str) -> Any:
        block = "\n" in text and not _OTHER_BREAKS.search(text)
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else '"')

    Dumper.add_representer(str, text_node)
    nothing = {one.name: one.default for one in fields(Recipe) if one.default in ("", None)}
    values = {key: value for key, value in asdict(recipe).items() if key not in nothing or value != nothing[key]}
    lines = [
        yaml.dump({key: value}, Dumper=Dumper, allow_unicode=True, width=math.inf) for key, value in values.items()
    ]
    # Keys need no quotes; only they stand at the beginning of a line of a mapping of one.
    return _HEADER + "".join(re.sub(r'\A"(\w+)":', r"\1:", line) for line in lines)


_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "kind"), (str,)),
    **dict.fromkeys(_TEXTS, (str,)),
    "rephrase": (bool,),
    "few_shot": (int,),
    "evidence": (str,),
    "temperature": (int, float),
    **dict.fromkeys(("parent", "made_by"), (str,)),
}
_NEEDED = ("name", "user", "kind")
_IN_WORDS = {(str,): "a text", (bool,): "true or false", (int,): "a whole number", (int, float): "a number"}
