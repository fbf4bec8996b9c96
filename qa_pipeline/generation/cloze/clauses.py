"""Takes from a sentence the shortest clause that holds an answer and is still long enough to ask about."""

from __future__ import annotations

from dataclasses import dataclass

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.words import Word

ENOUGH_WORDS, MOST_WORDS = 10, 25
MOST_SUBJECT_WORDS = 8
_OF_SUBJECT = frozenset(("det", "word", "cap", "num", "pron", "prep"))
_MARKS = frozenset(",;:—–()-.")
_PARTING = frozenset(";:")
"""Between statements that stand for themselves."""
_LINKS = lexicon.word_set("and but so or otherwise however therefore thus moreover furthermore also then")
_RELATIVE = frozenset(("which", "who", "whose"))
_OPENERS = lexicon.word_set(
    "and but which who while because although though when where after before whereas since so if unless"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """The words around an answer: `before` it, `answer` and `after` it, all of one sentence; whether they open it."""

    before: tuple[Word, ...]
    answer: tuple[Word, ...]
    after: tuple[Word, ...]
    opens: bool = False


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
    subject = _shared_subject(words, left, first)
    while not subject:
        complete = _has_verb(words[left:first] + words[last:right])
        if right - left >= (enough if complete else MOST_WORDS):
            break
        lower = [cut for cut in cuts if cut < left and not (complete and words[left - 1].text in _PARTING)]
        higher = [cut for cut in cuts if cut > right and not (complete and words[right].text in _PARTING)]
        if lower:
            left = lower[-1]
        elif higher:
            right = higher[0]
        else:
            break
        if subject := _shared_subject(words, left, first):
            break
    before = (*subject, *_trim(words[left:first], "left"))
    return Clause(before, words[first:last], _trim(words[last:right], "right"), left == 0)


def _shared_subject(words: tuple[Word, ...], left: int, first: int) -> tuple[Word, ...]:
    """The sentence's subject, where the clause from `left` says a second thing of it: "The tower rose and fell"."""
    joins = left > 0 and words[left].lower in ("and", "but") and words[left - 1].kind != "punct"
    i = left + 1
    while i < first and words[i].kind == "adv":
        i += 1
    if not joins or i >= first or words[i].kind not in ("verb", "aux"):
        return ()
    verb = next((k for k, word in enumerate(words[:left]) if word.kind in ("verb", "aux")), 0)
    subject = words[:verb]
    plain = 0 < len(subject) <= MOST_SUBJECT_WORDS and all(word.kind in _OF_SUBJECT for word in subject)
    # "was built and opened": the second verb is a participle too.
    participle = words[verb].kind == "aux" and words[i].kind == "verb" and words[i].lower.endswith("ed")
    if not plain or subject[0].kind == "prep":
        return ()
    return (*subject, words[verb]) if participle else subject


def _has_verb(words: tuple[Word, ...]) -> bool:
    return any(word.kind in ("aux", "verb") for word in words)


def _boundaries(words: tuple[Word, ...], first: int, last: int) -> list[int]:
    cuts = [0]
    for i, word in enumerate(words):
        behind = words[i + 1].lower if i + 1 < len(words) else ""
        if first < i < last or (i < first and {word.lower, behind} & _RELATIVE):
            continue  # "which ..." needs what it speaks of
        if word.text in _MARKS and (word.text != "." or i + 1 == len(words)):  # others belong to abbreviations
            cuts.append(i + 1 if i + 1 <= first or i >= last else i)
        elif word.lower in _OPENERS and word.kind != "cap":
            cuts.append(i)
    return sorted({*cuts, len(words)})


def _trim(words: tuple[Word, ...], side: str) -> tuple[Word, ...]:
    """Takes punctuation and joining words off the outer end."""
    kept = list(words)
    while side == "left" and kept and (kept[0].kind == "punct" or kept[0].lower in _LINKS):
        kept.pop(0)
    opens = side == "left" and len(kept) > 1 and kept[0].lower in ("where", "that")
    if opens and kept[1].kind in _OF_SUBJECT - {"prep"}:
        kept.pop(0)
    while side == "right" and kept and (kept[-1].kind in ("punct", "conj", "det") or kept[-1].lower in _OPENERS):
        kept.pop()
    return tuple(kept)
