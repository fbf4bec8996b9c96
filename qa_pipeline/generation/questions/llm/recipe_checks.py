"""Says what is wrong with the texts of a recipe: slots that are missing or not known, texts too long. Asks nobody."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator

from qa_pipeline.arguments.config_files import nearest_hint

MOST_CHARACTERS = 20_000
"""Of one text. The templates of the package have about 1,500; what is longer costs more than the passage itself."""

_COMMON = frozenset({"task", "title", "passage", "number", "language", "asked", "answer_types"})
SLOTS = {
    "questions": _COMMON | {"examples"},
    "answers": _COMMON,
    "following": _COMMON | {"examples", "answers"},
}
"""The slots of each request that have a value: of the first one by its kind, and of the second one."""
REQUIRED = {
    "questions": frozenset({"passage", "number"}),
    "answers": frozenset({"passage", "number"}),
    "following": frozenset({"answers"}),
}
"""Those without which a request asks for nothing that can be used."""


def text_problems(name: str, text: str) -> Iterator[str]:
    """What is wrong with one text, whatever its slots: its length, and dollar signs that begin no slot."""
    if len(text) > MOST_CHARACTERS:
        yield f"{name}: expected at most {MOST_CHARACTERS:,} characters, found {len(text):,}"
    bare = next((found for found in string.Template.pattern.finditer(text) if found["invalid"] is not None), None)
    if bare is not None:
        line = text.count("\n", 0, bare.start()) + 1
        yield f'{name}, line {line}: "$" begins no slot there; write $$ for a dollar sign, or $passage, $number, ...'


def slot_problems(request: str, system: str, user: str) -> Iterator[str]:
    """What is wrong with the slots of one request.

    Args:
        request: "questions", "answers" or "following".
        system, user: its two texts.
    """
    prefix = "following_" if request == "following" else ""
    found = set()
    for name, text in ((f"{prefix}system", system), (f"{prefix}user", user)):
        slots = slots_of(text)
        found |= slots
        for slot in sorted(slots - SLOTS[request]):
            yield f"{name}: ${slot} is no slot of this request{nearest_hint(slot, SLOTS[request])}; {_known(request)}"
    for slot in sorted(REQUIRED[request] - found):
        yield f"{prefix}user: the slot ${slot} is missing; {_known(request)}"


def slots_of(text: str) -> set[str]:
    """The names of a text's slots."""
    return set(string.Template(text).get_identifiers())


def _known(request: str) -> str:
    return f"slots: {_listed(REQUIRED[request])} (required), {_listed(SLOTS[request] - REQUIRED[request])}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"${name}" for name in sorted(names))
