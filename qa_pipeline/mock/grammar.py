"""Turns a pattern into text: `[a|b]` picks an alternative, `{pool}` a name, `{kind:arguments}` a value.

Slots that it does not know (`{e}`, `{v}` ...) are left for the caller. All chance comes from the given rng.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from qa_pipeline.mock.names import SHARED_POOLS, names_of_split, pool

ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)(?::([^{}]*))?\}")

WORDS = pool("""
    zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen,
    sixteen, seventeen, eighteen, nineteen, twenty
""")
MONTHS = pool("January, February, March, April, May, June, July, August, September, October, November, December")
WEEKDAYS = pool("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")


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
        self.kinds: dict[str, Callable[[str], str]] = {
            "int": self._int,
            "words": self._words,
            "decimal": self._decimal,
            "money": self._money,
            "date": self._date,
            "day": self._day,
            "clock": self._clock,
        }

    def expand(self, pattern: str) -> str:
        """The pattern with alternatives chosen, innermost first, and known slots filled; spaces are tidied."""
        while "[" in pattern:
            pattern = ALTERNATIVES.sub(lambda match: self.rng.choice(match[1].split("|")), pattern)
        return " ".join(SLOT.sub(self._fill, pattern).split())

    def choose(self, patterns: tuple[str, ...]) -> str:
        """One of several patterns, expanded."""
        return self.expand(self.rng.choice(patterns))

    def _fill(self, match: re.Match[str]) -> str:
        name, arguments = match[1], match[2]
        if arguments is not None:
            return self.kinds[name](arguments)
        if name in self.pools:
            return self.expand(self.rng.choice(self.pools[name]))
        return match[0]

    def _int(self, arguments: str) -> str:
        """`{int:LOW-HIGH}` or `{int:LOW-HIGH:STEP}`."""
        bounds, _, step = arguments.partition(":")
        low, high = (int(bound) for bound in bounds.split("-"))
        value = self.rng.randrange(low, high + 1, int(step or 1))
        return f"{value:,}"

    def _words(self, arguments: str) -> str:
        """`{words:2-12}`: a number from zero to twenty, in words."""
        low, high = (int(bound) for bound in arguments.split("-"))
        return WORDS[self.rng.randint(low, high)]

    def _decimal(self, arguments: str) -> str:
        """`{decimal:1-9}`: one digit after the point, never zero."""
        low, high = (int(bound) for bound in arguments.split("-"))
        return f"{self.rng.randint(low, high - 1)}.{self.rng.randint(1, 9)}"

    def _money(self, arguments: str) -> str:
        """`{money:LOW-HIGH:STEP}` in the document's currency."""
        return self.currency + self._int(arguments)

    def _date(self, arguments: str) -> str:
        """`{date:FIRST_YEAR-LAST_YEAR}`: a full date."""
        first, last = (int(year) for year in arguments.split("-"))
        start = date(first, 1, 1)
        day = start + timedelta(days=self.rng.randrange((date(last, 12, 31) - start).days + 1))
        return self._day_and_month(day) + (f", {day.year}" if self.month_first else f" {day.year}")

    def _day(self, arguments: str) -> str:
        """`{day:any}`, a day of the year such as "3 May"; `{day:week}`, a day of the week."""
        if arguments == "week":
            return self.rng.choice(WEEKDAYS)
        return self._day_and_month(date(2023, 1, 1) + timedelta(days=self.rng.randrange(365)))

    def _day_and_month(self, day: date) -> str:
        month = MONTHS[day.month - 1]
        return f"{month} {day.day}" if self.month_first else f"{day.day} {month}"

    def _clock(self, arguments: str) -> str:
        """`{clock:7-19}`: a time of day between two hours, in steps of five minutes."""
        low, high = (int(hour) for hour in arguments.split("-"))
        hour, minute = self.rng.randint(low, high - 1), self.rng.randrange(0, 60, 5)
        if self.half_days:
            return f"{(hour - 1) % 12 + 1}:{minute:02d} {'am' if hour < 12 else 'pm'}"
        return f"{hour}:{minute:02d}"
