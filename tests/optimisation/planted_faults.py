"""The hidden function: what a prompt's features do to the chances of each fault in what the played model writes.

`features_of` reads a request as a model would follow it. `CHANCES` turns features, alone and in pairs, into log odds
of faults; each domain shifts what every feature does by weights of its own. Writes no reply.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.optimisation.planted_domains import KINDS
from tests.optimisation.planted_world import stable_random

# Words by which an instruction is recognised, whatever else stands around them; the first that fits is meant.
SPAN_WORDS = (("clause", r"whole clause"), ("phrase", r"one complete phrase"))
QUOTA_WORDS = (
    ("reasons", r"at least two of|for a condition when"),
    ("varied", r"no two questions begin|begin each with another|each of another kind"),
)
HABIT_WORDS = {
    "check": r"character by character|check each quote|compare .{0,40}with the passage",
    "once": r"stands there only once|appears only once|occurs only once",
    "own_words": r"in words of your own|never reuse",
    "open": r"cannot be answered with yes|no yes or no",
    "match": r"answers exactly what the question",
    "creative": r"creative|imaginative|surprising",
    "hurry": r"quickly|do not think",
    "summary": r"sum up|summari[sz]e",
}
"""What free rewrites may add: the first five help, the others harm."""

_QUOTED = re.compile(r'"""\n.*?\n"""', re.S)
_EXAMPLES = re.compile(r"^Example .*$|^- Prefer answers .*$", re.M)  # what is shown is no rule

FAULTS = ("not_verbatim", "ambiguous", "wrong", "yes_no", "copied", "unreadable")
CHANCES: dict[str, tuple[float, dict[str, float]]] = {
    "not_verbatim": (
        -0.9,
        {
            "order=answer_first": -0.5,
            "order=short": 0.5,
            "span=clause": 0.5,
            "few_shot=0": 0.8,
            "few_shot=1": 0.3,
            "few_shot=4": -0.1,
            "evidence=sentence": -0.7,
            "temperature=1.0": 0.5,
            "temperature=0.3": -0.2,
            "check": -0.9,
            "creative": 0.8,
            "summary": 1.2,
            "hurry": 0.4,
            "span=clause & evidence=sentence": -0.9,  # the whole sentence before its eyes, it cuts clauses cleanly
            "order=answer_first & few_shot=0": -0.5,
        },
    ),
    "ambiguous": (
        -2.0,
        {"span=shortest": 0.4, "span=clause": -0.8, "order=answer_first": -0.4, "once": -1.2, "hurry": 0.5},
    ),
    "wrong": (
        -1.2,
        {
            "order=answer_first": -0.7,
            "order=short": 0.3,
            "quota=reasons": 0.3,
            "quota=varied": 0.1,
            "few_shot=0": 0.4,
            "few_shot=4": -0.2,
            "temperature=1.0": 0.4,
            "temperature=0.3": -0.3,
            "match": -0.7,
            "creative": 0.6,
            "hurry": 0.6,
            "quota=reasons & span=clause": -0.9,  # a whole clause answers a why
            "quota=reasons & order=answer_first": -0.3,
            "span=clause & quota=none": 0.6,  # a clause as the answer to a when
        },
    ),
    "yes_no": (-2.6, {"quota=varied": -0.5, "quota=reasons": -0.7, "order=answer_first": -0.5, "open": -1.5}),
    "copied": (
        0.9,
        {
            "order=answer_first": 0.3,
            "quota=varied": -0.3,
            "few_shot=4": 0.5,  # it imitates the examples
            "temperature=1.0": -0.5,
            "temperature=0.3": 0.4,
            "own_words": -1.2,
            "creative": -0.6,
        },
    ),
    "unreadable": (-4.0, {"temperature=1.0": 1.0, "order=short": -0.5, "few_shot=0": 0.5, "summary": 1.0}),
}
"""For each fault the log odds of the baseline, and what a feature, or two together, add to them."""
DOMAIN_SPREAD, REQUEST_SPREAD = 0.35, 0.3
OBEYS = 0.85
"""How often an answer has the length that is asked for."""
QUOTAS: dict[str, Mapping[str, float]] = {
    "none": dict(zip(KINDS, (0.3, 0.3, 0.28, 0.06, 0.06), strict=True)),
    "varied": dict(zip(KINDS, (0.2,) * 5, strict=True)),
    "reasons": dict(zip(KINDS, (0.1, 0.1, 0.1, 0.35, 0.35), strict=True)),
}
"""How often each kind of question is written."""


@dataclass(frozen=True)
class Features:
    """What a request asks of a model, as it is understood."""

    order: str
    span: str
    quota: str
    few_shot: int
    evidence: str
    temperature: float
    habits: frozenset[str] = frozenset()

    def names(self) -> frozenset[str]:
        """As CHANCES names them."""
        plain = {f"{name}={getattr(self, name)}" for name in ("order", "span", "quota", "few_shot", "evidence")}
        heat = min((0.3, 0.7, 1.0), key=lambda one: abs(one - self.temperature))
        return frozenset(plain | {f"temperature={heat}"} | self.habits)


def features_of(body: Mapping[str, Any]) -> Features:
    """Reads a request.

    Args:
        body: as it reached the server.
    """
    text = "\n".join(message["content"] for message in body["messages"] if message["role"] in ("system", "user"))
    shots = len(re.findall(r"^Example (?:passage|question):", text, re.M))
    rules = _EXAMPLES.sub("", _QUOTED.sub("", text))
    fields = json.dumps(schema_of(body))
    order = "answer_first" if '"answers"' in fields or '"number"' in fields else "question_first"
    if order == "question_first" and "Write" in rules and len(rules.split()) < 110:
        order = "short"
    return Features(
        order=order,
        span=_first(SPAN_WORDS, rules, "shortest"),
        quota=_first(QUOTA_WORDS, rules, "none"),
        few_shot=shots,
        evidence="sentence" if '"enum"' in fields else "free",
        temperature=float(body.get("temperature", 1.0)),
        habits=frozenset(name for name, words in HABIT_WORDS.items() if re.search(words, rules, re.I)),
    )


def schema_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema that a request wants followed; empty: none."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return dict(schema)


def _first(words: Iterable[tuple[str, str]], text: str, default: str) -> str:
    return next((name for name, pattern in words if re.search(pattern, text, re.I)), default)


def chance(fault: str, features: Features, domain: str, luck: float = 0.0) -> float:
    """How likely a fault is, from 0 to 1.

    Args:
        fault: one of FAULTS.
        features: of the request.
        domain: its name; shifts what each feature does.
        luck: of the request, in log odds.
    """
    base, shifts = CHANCES[fault]
    names = features.names()
    odds = base + luck
    for name, shift in shifts.items():
        if set(name.split(" & ")) <= names:
            odds += shift + _of_domain(domain, fault, name)
    return 1.0 / (1.0 + math.exp(-odds))


@functools.cache
def _of_domain(domain: str, fault: str, feature: str) -> float:
    """What a feature adds to the log odds of a fault in this domain alone."""
    return stable_random("weight", domain, fault, feature).gauss(0.0, DOMAIN_SPREAD)
