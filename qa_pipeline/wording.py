"""Words that outputs of several rooms share."""

from __future__ import annotations


def counted(number: float, noun: str) -> str:
    """A count with its noun: 1 document, 2 documents."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"
