"""The part of a prompt that may be rewritten, and what is wrong with a rewrite. Never asks a model.

A prompt is a frame (the task, the passage, the form of the reply) around instructions. Only these are given to others
to rewrite: a frame that comes back broken would make a prompt of nothing but refusals.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, replace

from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.wording import plain, short

FIRST, SECOND = "user", "following_user"
"""The requests of a recipe, by the field that holds their instructions."""
MOST_GROWTH = 1.5
"""A rewrite is at most so many times as long as its parent: optimisers bloat prompts, and each of their words is paid
for with every passage."""
_LOOSE = ("answer_types", "asked")
"""Slots at the end of a rule, blank or a rule of their own; they are put back at the end of what was rewritten."""
_LOOSE_SLOT = re.compile(r"\$(?:{(?P<braced>answer_types|asked)}|(?P<bare>answer_types|asked)(?![a-z0-9_]))")
_FORM = re.compile(r"\bJSON\b")


@dataclass(frozen=True)
class Instructions:
    """What one request says about the questions, between what comes before and after it.

    Attributes:
        part: FIRST or SECOND.
        before, after: the frame.
        text: the instructions, without the slots that are put back by themselves.
        loose: those slots, in order, as they are written.
    """

    part: str
    before: str
    text: str
    after: str
    loose: str = ""

    def filled(self, text: str) -> str:
        """The whole text of the request with other instructions."""
        loose = "".join(slot.group() for slot in _LOOSE_SLOT.finditer(self.loose) if _name(slot) not in _slots(text))
        return f"{self.before}{text.strip()}{loose}{self.after}"


def instructions_of(recipe: Recipe, part: str = FIRST) -> Instructions:
    r"""The instructions of a request: what stands between the passage and the form of the reply.

    Where nothing stands there, or the request has another order, all of it counts as instructions.

    Args:
        recipe: whose request.
        part: FIRST, or SECOND of a recipe that asks for answers first.

    Example:
        >>> recipe = Recipe("r", "", "Text: $passage\nAsk $number things.$asked\nReply with JSON.", "questions")
        >>> found = instructions_of(recipe)
        >>> found.text, found.loose, found.filled("Ask $number hard things.")
        ('Ask $number things.', '$asked', 'Text: $passage\nAsk $number hard things.$asked\nReply with JSON.')
    """
    following = recipe.following
    whole = following.user if part == SECOND and following is not None else recipe.user
    lines = whole.splitlines(keepends=True)
    begin = _line_behind_passage(lines)
    end = next((i for i in range(begin, len(lines)) if _FORM.search(lines[i])), len(lines))
    middle = "".join(lines[begin:end])
    if not middle.strip():
        begin, end, middle = 0, len(lines), whole
    text = _LOOSE_SLOT.sub("", middle)
    head, tail = len(text) - len(text.lstrip()), len(text.rstrip())
    return Instructions(
        part=part,
        before="".join(lines[:begin]) + text[:head],
        text=text.strip(),
        after=text[tail:] + "".join(lines[end:]),
        loose="".join(slot.group() for slot in _LOOSE_SLOT.finditer(middle)),
    )


def with_instructions(recipe: Recipe, part: str, text: str, *, name: str, made_by: str) -> Recipe:
    """The recipe with other instructions in one of its requests, and its lineage.

    Args:
        recipe: the parent.
        part: FIRST or SECOND.
        text: the new instructions.
        name, made_by: of the new recipe; the name is cut to a line.
    """
    user = instructions_of(recipe, part).filled(text)
    following = recipe.following
    if part == SECOND and following is not None:
        changed = replace(recipe, following_system=following.system, following_user=user)
    else:
        changed = replace(recipe, user=user)
    return replace(changed, name=name_of(name), parent=recipe.hash, made_by=made_by)


def name_of(text: str) -> str:
    r"""A name for a recipe, of the words of a model: one line of at most 100 characters, no control characters.

    >>> name_of("rewrite: asks for\n whole clauses")
    'rewrite: asks for whole clauses'
    """
    return short(" ".join(plain(text).split()), 100)


def rewrite_fault(text: str, child: Recipe, parent: Recipe, part: str) -> str | None:
    """Why a rewrite cannot be tried, as a word that is counted; None where it can.

    Args:
        text: the new instructions.
        child: the recipe with them.
        parent: that they were made of.
        part: FIRST or SECOND.

    Returns:
        A key of FAULTS, or None.
    """
    if not text.strip():
        return "blank"
    old = instructions_of(parent, part)
    if child.hash == parent.hash or text.strip() == old.text:
        return "same"
    if not _slots(old.text) <= _slots(text):
        return "slot_lost"
    if _slots(text) - _slots(old.text) - set(_LOOSE):
        return "slot_added"
    if child.problems():
        return "cannot_be_asked"
    if len(text.strip()) > MOST_GROWTH * len(old.text):
        return "too_long"
    return None


FAULTS = {
    "unreadable": "the reply could not be read, asked for twice",
    "blank": "it says nothing",
    "same": "it asks the same as its parent",
    "slot_lost": "a slot of its parent is missing, so that a value would be lost",
    "slot_added": "it has a slot that its parent has at another place, or that there is none of",
    "cannot_be_asked": "a dollar sign begins no slot, or it is too long for a prompt",
    "too_long": f"it is more than {MOST_GROWTH:g} times as long as its parent",
    "known": "the same prompt was there already",
}
"""Why proposals are refused, in words."""


def slots_to_keep(instructions: Instructions) -> list[str]:
    r"""The slots that new instructions must have, as they are written in a template.

    >>> recipe = Recipe("r", "", "$passage\nAsk $number things in $language.", "questions")
    >>> slots_to_keep(instructions_of(recipe))
    ['$language', '$number']
    """
    return [f"${name}" for name in sorted(_slots(instructions.text))]


def distinct(candidates: list[PromptCandidate]) -> list[PromptCandidate]:
    """The first of each hash."""
    return list({one.hash: one for one in reversed(candidates)}.values())[::-1]


def _line_behind_passage(lines: list[str]) -> int:
    """The number of the first line behind the passage and its closing quotes; 0 where there is no passage."""
    place = 0
    for number, line in enumerate(lines):
        if "passage" in _slots(line) or "answers" in _slots(line):
            place = number + 1
    if 0 < place < len(lines) and not lines[place].strip('"\n '):
        place += 1
    return place


def _slots(text: str) -> set[str]:
    return set(string.Template(text).get_identifiers())


def _name(match: re.Match[str]) -> str:
    return match["braced"] or match["bare"]
