"""Finds questions that say the same in nearly the same words: MinHash proposes, exact Jaccard decides.

Two questions are duplicates when their character trigrams overlap by the threshold and neither names something that
the other does not (numbers, capitalised words, negations): "opened in 1990" and "opened in 1991" are two questions.
Rows with and without answer are compared only with their own kind, except that the same question about the same
passage cannot be both.

Between splits another rule holds. That a question is asked about two documents is no leak where each answers it in its
own words ("do they share my data?" is asked of every policy): the model must find the answer anew. A row leaks into
another split when its question is a near-duplicate of one there and the model has seen the rest as well: the sentence
that answers it, the whole context, or (for a question that names something, so that there is one fact behind it) the
answer itself. See `repeats`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from qa_pipeline.generation.types import Row
from qa_pipeline.text.words import normalised, sentence_around, words

NUM_PERM = 64
_LSH_SLACK = 0.2  # MinHash guesses; below the threshold by this much it still proposes
_BITS = 2048
_LEADING = re.compile(
    r"^(?:please\s+|can you tell me\s+|could you tell me\s+|tell me\s+|do you know\s+)", re.IGNORECASE
)
_NEGATIONS = frozenset({"no", "not", "never", "without", "none", "cannot", "neither", "nor"})


class NearDuplicates:
    """A growing set of questions that can say whether a new one is near to one of them.

    Args:
        threshold: Jaccard of character trigrams from which two questions are the same, in (0, 1].
    """

    def __init__(self, threshold: float = 0.7):
        from datasketch import MinHashLSH

        self.threshold = threshold
        self._lsh: Any = MinHashLSH(num_perm=NUM_PERM, params=_bands(max(0.1, threshold - _LSH_SLACK)))
        self._questions: list[str] = []
        self._exact: dict[str, int] = {}

    def find(self, question: str) -> str | None:
        """A question of the set that this one repeats, or None."""
        form = normalised(question)
        return self._questions[self._exact[form]] if form in self._exact else next(self.find_all(question), None)

    def find_all(self, question: str) -> Iterator[str]:
        """Every question of the set that this one repeats, in the order in which they were added."""
        form = normalised(question)
        candidates = set(self._lsh.query(_signature(form))) if form else set()
        for number in sorted(candidates | ({self._exact[form]} if form in self._exact else set())):
            if self._exact.get(form) == number or same_question(question, self._questions[number], self.threshold):
                yield self._questions[number]

    def add(self, question: str) -> None:
        """Takes a question into the set."""
        form = normalised(question)
        if form in self._exact:
            return
        self._exact[form] = len(self._questions)
        if form:
            self._lsh.insert(len(self._questions), _signature(form))
        self._questions.append(question)


def same_question(left: str, right: str, threshold: float) -> bool:
    """Whether two questions are near-duplicates, see the module."""
    if not _names_same(left, right):
        return False
    a, b = trigrams(normalised(left)), trigrams(normalised(right))
    return _overlap(a, b) >= threshold if a and b else normalised(left) == normalised(right)


@lru_cache(maxsize=65536)
def trigrams(form: str) -> frozenset[str]:
    """Character trigrams of a normalised text, with a space before and after it."""
    text = f" {_LEADING.sub('', form)} " if form else ""
    return frozenset(text[i : i + 3] for i in range(len(text) - 2))


def drop_duplicates(rows: Sequence[Row], threshold: float, scope: str = "document") -> tuple[list[Row], dict[str, int]]:
    """Keeps the first of rows that ask the same.

    Args:
        rows: in the order in which they have precedence.
        threshold: see `NearDuplicates`.
        scope: "passage", "document" or "all": where a question may not be asked twice.

    Returns:
        The rows that stay, in order, and counts of "exact_duplicate", "near_duplicate" and "contradiction" (the same
        question about the same passage with an answer and without one).
    """
    counts: dict[str, int] = {}
    kept: list[Row] = []
    sets: dict[tuple[str, bool], NearDuplicates] = {}
    forms: dict[tuple[str, str], bool] = {}
    for row in rows:
        form = (row.passage.text, normalised(row.question))
        home = {"passage": row.passage.id, "document": row.passage.document, "all": ""}[scope]
        known = sets.setdefault((home, row.is_impossible), NearDuplicates(threshold))
        if form in forms:
            reason: str | None = "exact_duplicate" if forms[form] == row.is_impossible else "contradiction"
        else:
            reason = "near_duplicate" if known.find(row.question) is not None else None
        if reason:
            counts[reason] = counts.get(reason, 0) + 1
            continue
        forms[form] = row.is_impossible
        known.add(row.question)
        kept.append(row)
    return kept, counts


def without_repeats_of(rows: Iterable[Row], others: Iterable[Row], threshold: float) -> list[Row]:
    """The rows that repeat none of `others`, answerable or not; see `repeats`."""
    known = NearDuplicates(threshold)
    asking: dict[str, list[_Evidence]] = {}
    sketches: dict[str, _Sketch] = {}
    for other in others:
        known.add(other.question)
        asking.setdefault(normalised(other.question), []).append(_evidence(other, sketches))
    near: dict[str, list[_Evidence]] = {}
    kept = []
    for row in rows:
        if row.question not in near:
            forms = dict.fromkeys(normalised(question) for question in known.find_all(row.question))
            near[row.question] = [evidence for form in forms for evidence in asking[form]]
        candidates = near[row.question]
        own = _evidence(row, sketches) if candidates else None
        if own is None or not any(_share_more(own, other, threshold) for other in candidates):
            kept.append(row)
    return kept


def repeats(row: Row, other: Row, threshold: float) -> bool:
    """Whether a model that has seen one of two rows has seen what answers the other.

    Their questions are near-duplicates, and so are their contexts (word 3-shingles) or the sentences of their answers
    (character trigrams), by the same threshold; or the questions name something and the answers are the same.
    """
    same = normalised(row.question) == normalised(other.question)
    near = same or same_question(row.question, other.question, threshold)
    return near and _share_more(_evidence(row, {}), _evidence(other, {}), threshold)


@dataclass(slots=True)
class _Sketch:
    """What tells without looking at them that two sets have little in common.

    Attributes:
        text: what the members are made of.
        size: number of members.
        bits: one bit of `_BITS` for each member, chosen by its hash.
    """

    text: str
    size: int
    bits: int

    @classmethod
    def of(cls, text: str, members: frozenset[str]) -> _Sketch:
        """The sketch of a set."""
        bits = 0
        for place in {hash(member) % _BITS for member in members}:
            bits |= 1 << place
        return cls(text, len(members), bits)

    def is_unlike(self, other: _Sketch, threshold: float) -> bool:
        """Whether the Jaccard of the sets is surely below the threshold: too many bits are set on one side only.

        Sets of Jaccard J differ in (1 - J) / (1 + J) of their sizes' sum, and bits never differ in more places.
        """
        most = (1 - threshold) / (1 + threshold) * (self.size + other.size)
        return (self.bits ^ other.bits).bit_count() > most + 1e-6


@dataclass(slots=True)
class _Evidence:
    """What a row is compared by beyond its question: its answer, the answer's sentence, and the context."""

    answer: str | None
    has_names: bool
    sentence: _Sketch
    context: _Sketch


def _evidence(row: Row, sketches: dict[str, _Sketch]) -> _Evidence:
    """The evidence of a row; sketches of contexts are taken from `sketches`, or put there."""
    text = row.passage.text
    if text not in sketches:
        sketches[text] = _Sketch.of(text, _shingles(text))
    form = normalised(_sentence(row))
    answer = None if row.answer is None else normalised(row.answer)
    return _Evidence(answer, bool(_names(row.question)), _Sketch.of(form, trigrams(form)), sketches[text])


def _share_more(row: _Evidence, other: _Evidence, threshold: float) -> bool:
    """What `repeats` asks for beyond the question."""
    if row.answer is not None and other.answer is not None:
        if row.answer == other.answer and (row.has_names or other.has_names):
            return True
        left, right = row.sentence, other.sentence
        if not left.is_unlike(right, threshold) and _overlap(trigrams(left.text), trigrams(right.text)) >= threshold:
            return True
    left, right = row.context, other.context
    return left.text == right.text or (
        not left.is_unlike(right, threshold) and _overlap(_shingles(left.text), _shingles(right.text)) >= threshold
    )


def _sentence(row: Row) -> str:
    """What was quoted as evidence, else the sentence of the answer."""
    if row.evidence is not None or row.answer is None or row.start is None:
        return row.evidence or ""
    text = row.passage.text
    low, high = sentence_around(text, row.start, row.start + len(row.answer), most=len(text), lines=True)
    return text[low:high]


@lru_cache(maxsize=8192)
def _shingles(text: str) -> frozenset[str]:
    """Runs of three words (Broder 1997); of a shorter text all of it."""
    found = normalised(text).split()
    return frozenset(" ".join(found[i : i + 3]) for i in range(max(1, len(found) - 2)))


def _overlap(left: frozenset[str], right: frozenset[str]) -> float:
    """Jaccard; 0 for empty sets."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared) if shared else 0.0


def _names_same(left: str, right: str) -> bool:
    """Whether neither question names something that the other does not have, in whatever case."""
    a, b = _marks(left), _marks(right)
    return a == b or (a <= _word_set(right) and b <= _word_set(left))


@lru_cache(maxsize=65536)
def _word_set(question: str) -> frozenset[str]:
    return frozenset(normalised(question).split())


@lru_cache(maxsize=65536)
def _marks(question: str) -> frozenset[str]:
    """What a question is about beyond its wording, casefolded: what it names, and whether it says no."""
    found = words(question)
    negations = {word for word in found if word.casefold() in _NEGATIONS or word.endswith(("n't", "n\u2019t"))}
    return _names(question) | {part for word in negations for part in normalised(word).split()}


@lru_cache(maxsize=65536)
def _names(question: str) -> frozenset[str]:
    """Names (words in capitals, but the first) and numbers, casefolded."""
    found = words(question)
    names = set() if question.isupper() else {word for word in found[1:] if word[0].isupper() and word != "I"}
    numbers = {word for word in found if any(character.isdigit() for character in word)}
    return frozenset(part for word in names | numbers for part in normalised(word).split())


@lru_cache(maxsize=64)
def _bands(threshold: float) -> tuple[int, int]:
    """Bands and rows of a band; finding them takes more time than using them."""
    from datasketch import MinHashLSH

    made = MinHashLSH(threshold=threshold, num_perm=NUM_PERM)
    return made.b, made.r


@lru_cache(maxsize=65536)
def _signature(form: str) -> Any:
    made = _empty_signature().copy()
    made.update_batch([gram.encode("utf-8", "surrogatepass") for gram in sorted(trigrams(form))])
    return made


@cache
def _empty_signature() -> Any:
    """Made once: its permutations take four times as long as hashing a question."""
    from datasketch import MinHash

    return MinHash(num_perm=NUM_PERM, seed=1, hashfunc=zlib.crc32)
