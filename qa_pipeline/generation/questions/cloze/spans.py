"""The typed span: what answer finders give, and the names of all types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qa_pipeline.errors import ConfigError

GROUPS: dict[str, tuple[str, ...]] = {
    "date": ("date", "year", "time", "century"),
    "number": ("number", "percent", "money", "quantity", "ordinal", "phone"),
    "name": ("person", "organization", "place", "name"),
    "title": ("title",),
    "phrase": ("phrase", "subject", "modified"),
    "clause": ("purpose", "manner", "condition", "reason", "duration", "examples"),
    "statement": ("action", "predicate", "sentence", "recipient", "information", "choice"),
}
"""Group -> answer types in it. A user may ask for groups and for single types."""
TYPES: tuple[str, ...] = tuple(kind for kinds in GROUPS.values() for kind in kinds)
AMOUNTS = frozenset(("number", "percent", "money", "quantity"))
NAMED = frozenset(("person", "organization", "place", "name", "title"))
"""Types whose answer may stand behind what it is: "the company Intel"."""
THINGS = NAMED | {"phrase", "modified"}
"""Types whose answers stand in lists: "the bed and the food"."""
WH: dict[str, str] = {
    **dict.fromkeys(GROUPS["date"], "when"),
    **dict.fromkeys(("number", "percent", "money", "quantity", "duration"), "how much"),
    **dict.fromkeys(("person", "recipient"), "who"),
    "place": "where", "purpose": "why", "reason": "why", "manner": "how", "condition": "when if", "action": "yes or no",
    "predicate": "what does", "sentence": "how", "choice": "can",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypedSpan:
    """A possible answer: characters `start` to `end` (exclusive) of the passage, and its type, one of TYPES."""

    start: int
    end: int
    kind: str

    @property
    def wh(self) -> str:
        """The kind of question it answers; questions of a passage are balanced over these."""
        return WH.get(self.kind, "what")


def resolve_types(answer_types: Iterable[str] | None) -> frozenset[str]:
    """The single types that groups and types stand for; None stands for all.

    Raises:
        ConfigError: an unknown name, with the ones that exist.
    """
    if answer_types is None:
        return frozenset(TYPES)
    kinds: set[str] = set()
    unknown = []
    for name in answer_types:
        if name in GROUPS:
            kinds.update(GROUPS[name])
        elif name in TYPES:
            kinds.add(name)
        else:
            unknown.append(name)
    if unknown or not kinds:
        found = ", ".join(repr(name) for name in unknown) or "none"
        known = f"groups {', '.join(GROUPS)} and types {', '.join(TYPES)}"
        raise ConfigError("answer_types", f"expected names out of {known}; found {found}")
    return frozenset(kinds)
