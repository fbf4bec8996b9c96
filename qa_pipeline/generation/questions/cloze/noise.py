"""Word noise: makes a question less of a copy of its sentence, so that a reader learns more than to match words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon

SWAPPED_SHARE = 0.4
"""How often two neighbouring phrases change places, where a question is shuffled."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What is done to the words of a question.

    Attributes:
        shuffle: no word moves further than this many places, and none across punctuation; 0 moves none.
        drop: share of words left out, in [0, 1).
        blank: share of content words replaced by a word that says nothing, in [0, 1).
    """

    shuffle: int = 2
    drop: float = 0.1
    blank: float = 0.1


NO_NOISE = Noise(0, 0.0, 0.0)


def add_noise(tokens: Sequence[str], rng: np.random.Generator, noise: Noise) -> list[str]:
    """Drops, blanks and moves words. Auxiliaries stay, and what begins a phrase (an article, a preposition) with it."""
    if not tokens or noise == NO_NOISE:
        return list(tokens)
    kept = [token for token in tokens if rng.random() >= noise.drop or token.lower() in lexicon.AUXILIARIES]
    kept = ["something" if rng.random() < noise.blank and _says_what(token) else token for token in kept]
    if not noise.shuffle:
        return kept
    units = _units(kept)
    i = 0
    while i + 1 < len(units):
        pair = units[i], units[i + 1]
        movable = all(len(unit) <= noise.shuffle and unit[-1][0].isalnum() for unit in pair)
        if movable and rng.random() < SWAPPED_SHARE:
            units[i], units[i + 1] = pair[1], pair[0]
            i += 1
        i += 1
    return [token for unit in units for token in unit]


def _says_what(token: str) -> bool:
    return token.islower() and token not in lexicon.STOPWORDS and token not in lexicon.VERB_FORMS


def _units(tokens: Sequence[str]) -> list[list[str]]:
    """Words with the function words in front of them; punctuation by itself."""
    units: list[list[str]] = []
    is_open = False
    for token in tokens:
        word = token[0].isalnum()
        if is_open and word:
            units[-1].append(token)
        else:
            units.append([token])
        is_open = word and token.lower() in lexicon.CLOSED
    return units
