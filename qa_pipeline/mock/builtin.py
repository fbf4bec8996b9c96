"""The built-in domains by name, and which of them a prompt is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from qa_pipeline.mock.domain import Domain
from qa_pipeline.mock.domain_file import read_domain

_FOLDER = Path(__file__).parent / "domains"
# Where all domains are wanted, documents of each follow each other in this order: another order is other data.
_NAMES = ("clinic", "contracts", "product_manuals", "hr_policy", "astronomy", "transport")


class _Domains(Mapping[str, Domain]):
    """Reads a domain's file when the domain is first asked for."""

    def __getitem__(self, name: str) -> Domain:
        if name not in _NAMES:
            raise KeyError(name)
        return _read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


DOMAINS: Mapping[str, Domain] = _Domains()
"""Domain by name: one file each in `domains/`."""


@cache
def _read(name: str) -> Domain:
    return read_domain(_FOLDER / f"{name}.yaml")


def described_domains() -> str:
    """The built-in domains with their descriptions, for messages."""
    return "; ".join(f"{domain.name} ({domain.description})" for domain in DOMAINS.values())


def find_domain(text: str, domains: Mapping[str, Domain] = DOMAINS) -> str | None:
    """The domain that a text is clearly about, None without one.

    It is the one that shares most words with the text, singular or plural: at least two words, one of them a
    keyword or of its name; the others may be of its description. All the words of its name are enough. A tie is
    not clear.

    >>> find_domain("train times")
    'transport'
    """
    words = stems(text)
    scores: dict[str, int] = {}
    for name, domain in domains.items():
        called = stems(name.replace("_", " "))
        marks = (stems(" ".join(domain.keywords)) | called) & words
        described = {stem for stem in stems(domain.description) if len(stem) > 3} & words
        scores[name] = len(marks | described) + (called <= words) if marks else 0
    best = max(scores.values(), default=0)
    named = [name for name, score in scores.items() if score == best]
    return named[0] if best >= 2 and len(named) == 1 else None


def stems(text: str) -> set[str]:
    """The words of an English text in lower case and in the singular, so that their forms meet.

    Other endings stay: "training" is what the data is for, and no train.

    >>> sorted(stems("Ferries, times of a BUS"))
    ['a', 'bus', 'ferry', 'of', 'time']
    """
    return {_stem(word) for word in re.findall(r"[^\W_]+", text.lower())}


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ses") and len(word) > 4:  # buses, but leases are not leas
        return word[:-2] if word.endswith(("uses", "sses")) else word[:-1]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) and len(word) > 3 else word
