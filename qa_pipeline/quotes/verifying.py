"""Verifies quotations: finds where they stand in sources, or says what differs. Needs no model.

Looked for in this order, in the source that is named and then in all: the same tokens (the exact characters, or another
spelling of them), then the stretches that hold most of its words, each laid over and judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, overload

import numpy as np
from rapidfuzz.distance import Indel

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.quotes import check
from qa_pipeline.quotes.aligning import align
from qa_pipeline.quotes.check import NearestPlace, QuoteCheck, QuoteDifference
from qa_pipeline.quotes.sense import MOST_LEFT_OUT, Place, changes_case, differences, has_sign
from qa_pipeline.quotes.sources import QuoteSources, Sources
from qa_pipeline.quotes.spelling import spelling_repairs
from qa_pipeline.quotes.tokens import Tokens, tokens_of
from qa_pipeline.quotes.writing import BRACKET, GAP, WORD, items_of, plain_quote, without_marks_around
from qa_pipeline.text.folding import fold
from qa_pipeline.wording import describe

MIN_SIMILARITY = 0.9
"""A quotation with small edits must be this similar to the words of its source."""
_NEAR = 0.5
"""What is less similar is no nearest place."""
_MOST_WORDS = 2000  # a longer quotation is found with another spelling, not with edits
_MOST_PLACES = 1000  # of one phrase that are looked at
_SHORTEST_STRETCH = 32


@overload
def verify(  # type: ignore[overload-overlap]  # a text is an iterable of texts too, and is taken as one quotation
    quote: str, sources: Sources | QuoteSources, *, source: str | None = None, min_similarity: float = MIN_SIMILARITY
) -> QuoteCheck: ...


@overload
def verify(
    quote: Iterable[str],
    sources: Sources | QuoteSources,
    *,
    source: str | None = None,
    min_similarity: float = MIN_SIMILARITY,
) -> list[QuoteCheck]: ...


def verify(
    quote: str | Iterable[str],
    sources: Sources | QuoteSources,
    *,
    source: str | None = None,
    min_similarity: float = MIN_SIMILARITY,
) -> QuoteCheck | list[QuoteCheck]:
    r"""Says whether quoted words stand in sources: verbatim, after repair, or not.

    A repair looks past spelling (Unicode forms, quotes, dashes, white space, hyphens at line ends, case, punctuation),
    words that dots leave out, words in brackets, and small edits. It never looks past another number, date, negation,
    name or unit, a word like "only" or "must", or another word: such a quotation is not found, and `nearest` says
    where it comes nearest and what differs.

    Args:
        quote: the quotation; or several, for a list of checks.
        sources: a text, a Document, a `Path` of a file or folder, several of these, or `QuoteSources` that were indexed
            before.
        source: the name of the document that it is said to be from. It is looked for there first.
        min_similarity: at least this similar (see `QuoteCheck.similarity`), 0 to 1; 1 allows no small edits.

    Raises:
        ConfigError: min_similarity is no share.
        DataError: a quotation is no text or blank, or the sources cannot be read.

    Example:
        >>> text = "The tenant shall not keep dogs. The fee of 25 euros is due\nin May."
        >>> check = verify("the fee ... is due in May", text)
        >>> check.status, check.repair, check.found
        ('repaired', ('white_space', 'case', 'ellipsis'), 'The fee of 25 euros is due\nin May')
        >>> check = verify("The fee of 35 euros is due", text)
        >>> check.status, str(check.nearest.differs[0])
        ('not_found', '"35" for "25" (number)')
    """
    if isinstance(min_similarity, bool) or not isinstance(min_similarity, int | float) or not 0 <= min_similarity <= 1:
        raise ConfigError("verify", f"min_similarity: expected a number from 0 to 1, found {describe(min_similarity)}")
    if not isinstance(quote, str | Iterable) or isinstance(quote, bytes):
        raise DataError(f"quote: expected a text or several, found {describe(quote)}")
    quotes = [quote] if isinstance(quote, str) else list(quote)
    for number, one in enumerate(quotes):
        if not isinstance(one, str) or not one.strip():
            place = "quote" if isinstance(quote, str) else f"quote {number}"
            raise DataError(f"{place}: expected the words that are quoted, found {describe(one)}")
    indexed = sources if isinstance(sources, QuoteSources) else QuoteSources.of(sources)
    checks = [_verified(one, indexed, source, float(min_similarity)) for one in quotes]
    return checks[0] if isinstance(quote, str) else checks


_tokens = lru_cache(maxsize=64)(tokens_of)  # one quotation is looked for in several ways


@dataclass(frozen=True)
class _Found:
    """A place, with what differs there.

    Attributes:
        start, end: characters of the document.
        exact: the characters are the quotation's own.
    """

    document: int
    start: int
    end: int
    similarity: float
    occurrences: int = 1
    exact: bool = False
    repair: tuple[str, ...] = ()
    differs: tuple[QuoteDifference, ...] = ()

    def holds(self, least: float) -> bool:
        """Whether it is the quotation's place, and not only near."""
        return self.similarity >= least and all(one.leaves_sense for one in self.differs)


def _verified(quote: str, sources: QuoteSources, source: str | None, least: float) -> QuoteCheck:
    home = sources.named(source) if source else None
    note = f'no document is called "{source}"' if source and home is None else ""
    nearest: _Found | None = None
    for document in (None,) if home is None else (home, None):
        found = _look(quote, sources, document, least)
        if found is not None and found.holds(least):
            return _as_check(quote, sources, found, note, bool(source) and found.document != home)
        if found is not None and (nearest is None or found.similarity > nearest.similarity):
            nearest = found
    if len(_tokens(plain_quote(quote))) > _MOST_WORDS:
        note = f"{note}; " * bool(note) + f"more than {_MOST_WORDS:,} words: looked for without small edits"
    place = _as_nearest(sources, nearest, least) if nearest is not None and nearest.similarity >= _NEAR else None
    return QuoteCheck(
        quote, check.NOT_FOUND, similarity=nearest.similarity if nearest and place else 0.0, nearest=place, note=note
    )


def _as_check(quote: str, sources: QuoteSources, found: _Found, note: str, elsewhere: bool) -> QuoteCheck:
    document = sources.documents[found.document]
    return QuoteCheck(
        quote,
        check.VERBATIM if found.exact else check.REPAIRED,
        repair=tuple(kind for kind in check.REPAIRS if kind in found.repair),
        edits=tuple(one for one in found.differs if one.is_edit),
        found=document.text[found.start : found.end],
        document=document.source,
        page=document.page_at(found.start),
        start=found.start,
        end=found.end,
        similarity=found.similarity,
        occurrences=found.occurrences,
        misattributed=elsewhere,
        note=note,
    )


def _as_nearest(sources: QuoteSources, found: _Found, least: float) -> NearestPlace:
    document = sources.documents[found.document]
    differs = sorted(found.differs, key=lambda one: one.leaves_sense)
    return NearestPlace(
        document.text[found.start : found.end],
        document.source,
        document.page_at(found.start),
        found.start,
        found.end,
        found.similarity,
        tuple(differs),
    )


def _look(quote: str, sources: QuoteSources, document: int | None, least: float) -> _Found | None:
    """The best place in one document, or in all: one that holds the quotation, or else the nearest."""
    text = plain_quote(quote)
    if not _tokens(text):
        return _signs_only(quote.strip(), sources, document)
    bare = without_marks_around(text)
    found = _same_words(quote.strip(), text, sources, document)
    if bare is not None and not (found and found.exact):
        inner = _same_words(bare, bare, sources, document)
        found = inner and replace(inner, exact=False, repair=(check.QUOTATION_MARKS, *inner.repair))
    if found is not None and found.holds(least):
        return found
    nearest = _laid_over(bare or text, sources, document)
    if nearest is not None and bare is not None and nearest.holds(least):
        nearest = replace(nearest, repair=(check.QUOTATION_MARKS, *nearest.repair))
    return nearest or found


def _signs_only(quote: str, sources: QuoteSources, document: int | None) -> _Found | None:
    """The place of a quotation without a word, number or sign that counts: its characters as they are."""
    for number, one in enumerate(sources.documents):
        start = one.text.find(quote) if document in (None, number) else -1
        if start >= 0:
            return _Found(number, start, start + len(quote), 1.0, one.text.count(quote), exact=True)
    return None


def _same_words(quote: str, text: str, sources: QuoteSources, document: int | None) -> _Found | None:
    """The place that has the same tokens: the exact characters where there are any, else the first.

    Args:
        quote: as given.
        text: the same with HTML's character references as characters.
    """
    tokens = _tokens(text)
    places = sources.phrase(sources.numbers(tokens.texts), document)[:_MOST_PLACES]
    usable = [int(place) for place in places if _means_the_same(text, tokens, sources, int(place))]
    if not usable:
        return None
    spans = {place: _span(quote, text, tokens, sources, place) for place in usable}
    best = min(usable, key=lambda place: (not spans[place][2], place))
    start, end, exact = spans[best]
    number = sources.document_at(best)
    occurrences = sum(sources.document_at(place) == number and spans[place][2] == exact for place in usable)
    found = sources.documents[number].text[start:end]
    return _Found(number, start, end, 1.0, occurrences, exact, () if exact else tuple(spelling_repairs(quote, found)))


def _means_the_same(text: str, tokens: Tokens, sources: QuoteSources, place: int) -> bool:
    """Whether no number loses its sign and no abbreviation becomes a word."""
    if has_sign(sources, place):
        return False
    source = sources.documents[sources.document_at(place)].text
    for n, (start, end) in enumerate(zip(tokens.starts, tokens.ends, strict=True), place):
        if end - start <= 4:
            written = source[sources.starts[n] : sources.ends[n]]
            if written != text[start:end] and changes_case(text[start:end], written, text):
                return False
    return True


def _span(quote: str, text: str, tokens: Tokens, sources: QuoteSources, place: int) -> tuple[int, int, bool]:
    """The characters of a place, with the marks around it that the quotation has too; and whether all are equal."""
    source = sources.documents[sources.document_at(place)].text
    start, end = int(sources.starts[place]), int(sources.ends[place + len(tokens) - 1])
    before, after = text[: tokens.starts[0]], text[tokens.ends[-1] :]
    if start >= len(before) and source.startswith(quote, start - len(before)):
        return start - len(before), start - len(before) + len(quote), True
    return (*_with_punctuation(source, start, end, before, after), False)


def _with_punctuation(source: str, start: int, end: int, before: str, after: str) -> tuple[int, int]:
    """Widens a place by the marks at both ends of a quotation that the source has as well."""
    for character in "".join(after.split()):
        place = end + len(source[end : end + 20]) - len(source[end : end + 20].lstrip())
        if place >= len(source) or fold(source[place]).text != fold(character).text:
            break
        end = place + 1
    for character in reversed("".join(before.split())):
        place = start - (len(source[max(0, start - 20) : start]) - len(source[max(0, start - 20) : start].rstrip())) - 1
        if place < 0 or fold(source[place]).text != fold(character).text:
            break
        start = place
    return start, end


def _laid_over(text: str, sources: QuoteSources, document: int | None) -> _Found | None:
    """The best of the stretches that hold most of the quotation's words."""
    items = items_of(text)
    if not items or not any(item.kind == WORD for item in items) or len(items) > _MOST_WORDS:
        return None
    numbers = np.array(
        [sources.vocabulary.get(item.text, -2) if item.kind == WORD else -2 for item in items], dtype=np.int32
    )
    gaps, brackets = (sum(item.kind == kind for item in items) for kind in (GAP, BRACKET))
    length = max(_SHORTEST_STRETCH, len(items) + gaps * MOST_LEFT_OUT + brackets * 8)
    best: _Found | None = None
    best_edits = math.inf
    known = numbers[numbers >= 0]
    for low, high in sources.windows(known, length, document):
        edits, steps = align([item.kind for item in items], numbers, sources.ids[low:high])
        if best is not None and edits > best_edits + 2:
            continue
        found = _judged(Place(sources, low, text, items, steps))
        if found is None:
            continue
        if best is None or _rank(found) > _rank(best):
            best, best_edits = found, edits
    return best


def _rank(found: _Found) -> tuple[bool, float]:
    return found.holds(0.0), found.similarity


def _judged(place: Place) -> _Found | None:
    """What a stretch is to the quotation."""
    around = place.first_and_last()
    if around is None or not any(step.is_match for step in place.steps):
        return None
    sources, first, last = place.sources, place.low + around[0], place.low + around[1]
    number = sources.document_at(first)
    differs = tuple(differences(place))
    start, end = int(sources.starts[first]), int(sources.ends[last - 1])
    words = [item for item in place.items if item.kind == WORD]
    before = place.quote[: words[0].start] if place.items[0].kind == WORD else ""
    after = place.quote[words[-1].end :] if place.items[-1].kind == WORD else ""
    start, end = _with_punctuation(sources.documents[number].text, start, end, before, after)
    repair = set(_spelling_of_pieces(place))
    kinds = {item.kind for item in place.items}
    repair |= {check.ELLIPSIS} if GAP in kinds else set()
    repair |= {check.BRACKETS} if BRACKET in kinds or "[" in place.quote else set()
    repair |= {check.SMALL_EDITS} if any(one.is_edit for one in differs) else set()
    repair |= {check.WHITE_SPACE} if any(one.kind == "spacing" for one in differs) else set()
    repair |= {check.PUNCTUATION} if any(one.kind == "mark" for one in differs) else set()
    if place.quote.lstrip().startswith(("...", "\u2026", "[...", "[\u2026")) or place.quote.rstrip()[-3:] in (
        "...",
        "..]",
    ):
        repair.add(check.ELLIPSIS)
    occurrences = len(sources.phrase(sources.ids[first:last], number))
    return _Found(
        number,
        start,
        end,
        _similarity(place),
        max(1, occurrences),
        repair=tuple(repair or {check.PUNCTUATION}),
        differs=differs,
    )


def _similarity(place: Place) -> float:
    """Of the words of both sides, less what dots leave out, brackets hold and footnotes mark."""
    ours: list[str] = []
    theirs: list[str] = []
    for step in place.steps:
        if step.kind not in (GAP, BRACKET):
            ours += [place.items[n].text for n in range(*step.items)]
            theirs += [place.word(n) for n in range(*step.places)]
    return float(Indel.normalized_similarity(" ".join(ours), " ".join(theirs)))


def _spelling_of_pieces(place: Place) -> list[str]:
    """Repairs of spelling in the runs of words that both sides have."""
    named: list[str] = []
    steps: Sequence[Any] = place.steps
    begin = 0
    while begin < len(steps):
        end = begin
        while end < len(steps) and steps[end].is_match:
            end += 1
        if end > begin:
            quoted = place.said(steps[begin].items[0], steps[end - 1].items[1])
            quoted = re.sub(r"[\[\]]", "", quoted) if "[" in place.quote else quoted  # of [T]he
            named += spelling_repairs(quoted, place.written(steps[begin].places[0], steps[end - 1].places[1]))
        begin = end + 1
    return named
