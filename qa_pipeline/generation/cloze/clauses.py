"""Takes from a sentence the shortest clause that holds an answer and is still long enough to ask about."""

from __future__ import annotations

from dataclasses import dataclass

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.words import Word

ENOUGH_WORDS, MOST_WORDS = 10, 25
_MARKS = frozenset(",;:—–()-.")
_OPENERS = lexicon.word_set(
    "and but which who while because although though when where after before whereas since so if unless"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """The words around an answer: `before` it, `answer` and `after` it, all of one sentence."""

    before: tuple[Word, ...]
    answer: tuple[Word, ...]
    after: tuple[Word, ...]


def clause_around(words: tuple[Word, ...], start: int, end: int, enough: int = ENOUGH_WORDS) -> Clause:
    """The clause of an answer.

    Args:
        words: of the sentence.
        start, end: characters of the answer in the same counting, end exclusive.
        enough: words a clause should have; it grows over its neighbours until then, to the left first, where the
            subject is, and up to MOST_WORDS while it has no verb.
    """
    first = next((i for i, word in enumerate(words) if word.end > start), len(words))
    last = next((i for i, word in enumerate(words) if word.start >= end), len(words))
    cuts = _boundaries(words, first, last)
    left = max(cut for cut in cuts if cut <= first)
    right = min(cut for cut in cuts if cut >= last)
    while right - left < enough or (right - left < MOST_WORDS and not _has_verb(words[left:first] + words[last:right])):
        lower = [cut for cut in cuts if cut < left]
        higher = [cut for cut in cuts if cut > right]
        if lower:
            left = lower[-1]
        elif higher:
            right = higher[0]
        else:
            break
    return Clause(_trim(words[left:first], "left"), words[first:last], _trim(words[last:right], "right"))


def _has_verb(words: tuple[Word, ...]) -> bool:
    return any(word.kind in ("aux", "verb") for word in words)


def _boundaries(words: tuple[Word, ...], first: int, last: int) -> list[int]:
    cuts = [0]
    for i, word in enumerate(words):
        if first < i < last:
            continue
        if word.text in _MARKS:
            cuts.append(i + 1 if i + 1 <= first or i >= last else i)
        elif word.lower in _OPENERS and word.kind != "cap":
            cuts.append(i)
    return sorted({*cuts, len(words)})


def _trim(words: tuple[Word, ...], side: str) -> tuple[Word, ...]:
    """Takes punctuation and joining words off the outer end."""
    kept = list(words)
    while side == "left" and kept and (kept[0].kind == "punct" or kept[0].lower in ("and", "but", "so", "or")):
        kept.pop(0)
    while side == "right" and kept and (kept[-1].kind in ("punct", "conj", "det") or kept[-1].lower in _OPENERS):
        kept.pop()
    return tuple(kept)
