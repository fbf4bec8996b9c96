"""Turns a pattern into text: `[a|b]` picks an alternative, `{pool}` a name, `{kind:arguments}` a value.

Slots that it does not know (`{e}`, `{v}` ...) are left for the caller. All chance comes from the given rng.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from qa_pipeline.arguments.config_files import nearest
from qa_pipeline.errors import ConfigError
from qa_pipeline.mock.names import SHARED_POOLS, names_of_split, pool

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_LONGEST = 2000
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})(?::(\d{1,9}))?")

_WORDS = pool("""
    zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen,
    sixteen, seventeen, eighteen, nineteen, twenty
""")
_MONTHS = pool("January, February, March, April, May, June, July, August, September, October, November, December")
_WEEKDAYS = pool("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")


@dataclass(frozen=True)
class _Range:
    """What LOW-HIGH, or LOW-HIGH:STEP, may be for one kind of value.

    Args:
        example: a slot of this kind.
        least, most: bounds of LOW and HIGH.
        apart: least difference of the two.
        steps: whether a STEP may follow.
    """

    example: str
    least: int = 0
    most: int = 10**9 - 1
    apart: int = 0
    steps: bool = False


_KINDS = {
    "int": _Range("{int:5-60} or {int:100-900:50}", steps=True),  # 1,200
    "words": _Range("{words:2-12}", most=len(_WORDS) - 1),  # seven
    "decimal": _Range("{decimal:1-9}", apart=1),  # 4.7: one digit after the point, never zero
    "money": _Range("{money:5-60} or {money:100-900:50}", steps=True),  # in the document's currency
    "date": _Range("{date:1990-2023}", least=1, most=9999),  # a full date
    "clock": _Range("{clock:7-19}", most=24, apart=1),  # between two hours, in steps of five minutes
}
_DAYS = ("any", "week")  # a day of the year such as "3 May", a day of the week


class Grammar:
    """Expands patterns for one document, which keeps one currency and one way of writing dates and times.

    Args:
        rng: source of every choice.
        split: which part of each pool of names may be used.
        pools: the domain's own pools; they come before the shared ones.
    """

    def __init__(self, rng: random.Random, split: str, pools: Mapping[str, tuple[str, ...]]):
        self.rng = rng
        self.pools = {name: names_of_split(names, split) for name, names in {**SHARED_POOLS, **pools}.items()}
        self.currency = rng.choice(["£", "$", "€"])
        self.month_first = rng.random() < 0.3
        self.half_days = rng.random() < 0.5

    def expand(self, pattern: str) -> str:
        """The pattern with alternatives chosen, innermost first, and known slots filled; spaces are tidied."""
        return " ".join(_SLOT.sub(self._fill, _choose(pattern, self.rng.choice)).split())

    def choose(self, patterns: tuple[str, ...]) -> str:
        """One of several patterns, expanded."""
        return self.expand(self.rng.choice(patterns))

    def distinct(self, patterns: tuple[str, ...], count: int) -> list[str]:
        """Expansions of which none contains another.

        Raises:
            ConfigError: the patterns do not give so many.
        """
        found: list[str] = []
        misses = 0
        for _ in range(2000):
            text = self.choose(patterns)
            if any(text in other or other in text for other in found):
                misses += 1
            else:
                found.append(text)
                misses = 0
            if len(found) == count:
                return found
            if misses == 200:  # "red and blue", drawn first, leaves no room for "red" and "blue"
                found, misses = [], 0
        shown = ", ".join(json.dumps(pattern, ensure_ascii=False) for pattern in patterns)
        raise ConfigError("mock dataset", f"expected {count} texts of which none holds another, from {shown}")

    def _fill(self, match: re.Match[str]) -> str:
        kind, arguments = match[1], match[2]
        if arguments is None:
            return self.rng.choice(self.pools[kind]) if kind in self.pools else match[0]
        if kind == "day":
            return self._day(arguments)
        low, high, step = _bounds(arguments)
        if kind == "words":
            return _WORDS[self.rng.randint(low, high)]
        if kind == "decimal":
            return f"{self.rng.randint(low, high - 1)}.{self.rng.randint(1, 9)}"
        if kind == "date":
            return self._date(low, high)
        if kind == "clock":
            return self._clock(low, high)
        number = f"{self.rng.randrange(low, high + 1, step):,}"
        return self.currency + number if kind == "money" else number

    def _date(self, first: int, last: int) -> str:
        start = date(first, 1, 1)
        day = start + timedelta(days=self.rng.randrange((date(last, 12, 31) - start).days + 1))
        return self._day_and_month(day) + (f", {day.year}" if self.month_first else f" {day.year}")

    def _day(self, arguments: str) -> str:
        if arguments == "week":
            return self.rng.choice(_WEEKDAYS)
        return self._day_and_month(date(2023, 1, 1) + timedelta(days=self.rng.randrange(365)))

    def _day_and_month(self, day: date) -> str:
        month = _MONTHS[day.month - 1]
        return f"{month} {day.day}" if self.month_first else f"{day.day} {month}"

    def _clock(self, low: int, high: int) -> str:
        hour, minute = self.rng.randint(low, high - 1), self.rng.randrange(0, 60, 5)
        if self.half_days:
            return f"{(hour - 1) % 12 + 1}:{minute:02d} {'am' if hour < 12 else 'pm'}"
        return f"{hour}:{minute:02d}"


def pattern_fault(pattern: str, slots: Collection[str], pools: Collection[str]) -> str | None:
    """What is wrong with a pattern, None where nothing is.

    Args:
        pattern: of the author of a domain.
        slots: what the caller fills; each must be there, whatever alternatives are chosen.
        pools: names of the pools.
    """
    if len(pattern) > _LONGEST:
        return f"expected at most {_LONGEST:,} characters, found {len(pattern):,}"
    if re.search(r"[\[\]|]", _choose(pattern, lambda _: "")):
        return "expected alternatives in pairs of square brackets, as in [first|second]"
    if re.search(r"[{}]", _SLOT.sub("", pattern)):
        return "expected placeholders in pairs of braces, as in {town} or {int:5-60}"
    for match in _SLOT.finditer(pattern):
        if fault := _slot_fault(match[1], match[2], slots, pools):
            return f"{match[0]}: {fault}"
    missing = [f"{{{slot}}}" for slot in slots if slot not in certain_slots(pattern)]
    return f"expected {' and '.join(missing)} in it, whatever alternatives are chosen" if missing else None


def certain_slots(pattern: str) -> set[str]:
    """The slots without arguments that are in a pattern whatever alternatives are chosen.

    >>> sorted(certain_slots("{e} [costs {v}|is sold for {v} in {town}]"))
    ['e', 'v']
    """

    def shared(alternatives: list[str]) -> str:
        return "".join(sorted(set.intersection(*({slot[0] for slot in _SLOT.finditer(one)} for one in alternatives))))

    return {match[1] for match in _SLOT.finditer(_choose(pattern, shared)) if match[2] is None}


def _choose(pattern: str, choose: Callable[[list[str]], str]) -> str:
    """The pattern with one text in place of each group of alternatives, innermost first."""
    while (chosen := _ALTERNATIVES.sub(lambda match: choose(match[1].split("|")), pattern)) != pattern:
        pattern = chosen
    return pattern


def _slot_fault(name: str, arguments: str | None, slots: Collection[str], pools: Collection[str]) -> str | None:
    if arguments is None and (name in slots or name in pools):
        return None
    if name == "day":
        return None if arguments in _DAYS else "expected {day:any} or {day:week}"
    if name not in _KINDS:
        near = nearest(name, [*slots, *pools, *_KINDS, "day"], cutoff=0.6)
        own = "".join(f"{{{slot}}}, " for slot in slots)
        known = f"known here: {own}the pools {', '.join(sorted(pools))}, and values such as {{int:5-60}}"
        return f"unknown placeholder; {f'did you mean {near}? ' if near else ''}{known}"
    kind = _KINDS[name]
    match = _RANGE.fullmatch(arguments or "")
    if not match or (match[3] and not kind.steps) or match[3] == "0":
        return f"expected a range such as {kind.example}"
    low, high, _ = _bounds(match[0])
    if not kind.least <= low <= high - kind.apart <= kind.most - kind.apart:
        above = "below" if kind.apart else "at most"
        return f"expected a range from {kind.least} to {kind.most}, its first number {above} its second"
    return None


def _bounds(arguments: str) -> tuple[int, int, int]:
    """The numbers of LOW-HIGH or LOW-HIGH:STEP; the step is 1 where none is given."""
    low, high, step = _RANGE.fullmatch(arguments).groups()  # type: ignore[union-attr]  # checked when it was read
    return int(low), int(high), int(step or 1)
