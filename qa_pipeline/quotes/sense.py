"""Judges what differs between a quotation and a place of a source: may the sense be another?

Where that cannot be told, it is said that it may. Never looks for a place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from qa_pipeline.quotes import word_lists
from qa_pipeline.quotes.aligning import Step
from qa_pipeline.quotes.check import QuoteDifference
from qa_pipeline.quotes.sources import QuoteSources
from qa_pipeline.quotes.tokens import tokens_of
from qa_pipeline.quotes.writing import BRACKET, GAP, WORD, Item
from qa_pipeline.text.words import sentence_around
from qa_pipeline.wording import short

MOST_LEFT_OUT = 80
"""Words between two pieces of a quotation; of scripts without spaces twice as many characters."""
WORDS_OF_A_PIECE = 3
"""Dots may stand for what is left out where this many words are quoted for each piece, on average."""
WORDS_OF_AN_EDIT = 6
"""A quotation may have one small edit, and one more for each so many words."""
_LONGEST_BLOCK = 12
_MOST_DROPPED = 2
_ABBREVIATIONS = frozenset(["us", "it", "who", "aids", "un", "id", "am", "pm", "mad", "sat", "pin"])
"""Those that are another word in small letters."""
_SENTENCE = 2000  # characters on each side that are looked at for the ends of a sentence
# What a capital may follow without being that of a name.
_OPENING = re.compile(
    r"""(?:^|[.!?:;\u2026\u3002\n\r\u2022*#|>]|[-\u2013\u2014]\s)[\s"'(\[\u201c\u201e\u2018\u00ab\u00bb]*$"""
)
_UMLAUT = "\u0308"


@dataclass(frozen=True)
class Place:
    """A place that a quotation is held against.

    Attributes:
        sources: all texts.
        low: the first token of the stretch that steps count from.
        quote: the quotation that items count the characters of.
        items: its words, dots and brackets.
        steps: the alignment of both.
    """

    sources: QuoteSources
    low: int
    quote: str
    items: Sequence[Item]
    steps: Sequence[Step]

    @property
    def text(self) -> str:
        """Of the document."""
        return self.sources.documents[self.sources.document_at(self.low)].text

    def written(self, begin: int, end: int) -> str:
        """The source's words of a step."""
        return self.sources.written(self.low + begin, self.low + end)

    def said(self, begin: int, end: int) -> str:
        """The quotation's words of a step."""
        return self.quote[self.items[begin].start : self.items[end - 1].end] if end > begin else ""

    def word(self, place: int) -> str:
        """The folded word of a source."""
        return self.sources.word(self.low + place)

    def first_and_last(self) -> tuple[int, int] | None:
        """The places from the first to the last word that both have, or differ in; end exclusive."""
        held = [
            step.places for step in self.steps if step.kind not in (GAP, BRACKET) and step.places[1] > step.places[0]
        ]
        if not held:
            return None
        last = held[-1][1]
        if not self.steps[-1].is_match and last - held[-1][0] > 1 and _is_mark(self, last - 1):
            last -= 1  # a footnote's mark behind the last word
        return held[0][0], last


def differences(place: Place) -> list[QuoteDifference]:
    """All that differs, in the order of the quotation; empty where only the spelling does."""
    found = list(_edges(place))
    for step in place.steps:
        if step.kind == GAP:
            found += _left_out(place, step)
        elif step.kind == BRACKET:
            found += _in_brackets(place, step)
        elif step.is_match:
            found += _other_case(place, step)
        else:
            found += _block(place, step)
    words = sum(item.kind == WORD for item in place.items)
    gaps = sum(item.kind == GAP for item in place.items)
    if gaps and words < WORDS_OF_A_PIECE * (gaps + 1):
        found.append(QuoteDifference("pieces", place.quote, ""))
    if sum(one.is_edit for one in found) > max(1, words // WORDS_OF_AN_EDIT):
        found.append(QuoteDifference("length", place.quote, ""))
    return found


def _edges(place: Place) -> Iterator[QuoteDifference]:
    """A number without its sign, and a character that is quoted by half."""
    around = place.first_and_last()
    if around is None:
        return
    sources, first, last = place.sources, place.low + around[0], place.low + around[1]
    if has_sign(sources, first):
        yield QuoteDifference("number", place.said(0, 1), sources.written(first - 1, first + 1))
    if sources.is_cut(first) or sources.is_cut(last):
        yield QuoteDifference("words", place.said(0, len(place.items)), sources.written(first, last))


def has_sign(sources: QuoteSources, place: int) -> bool:
    """Whether a number has a sign right before it, which belongs to it."""
    if place == 0 or sources.document_at(place) != sources.document_at(place - 1):
        return False
    touches = sources.ends[place - 1] == sources.starts[place]
    if not touches or sources.word(place - 1) != "-" or not sources.word(place)[0].isdigit():
        return False
    start = int(sources.starts[place - 1])
    return not sources.documents[sources.document_at(place)].text[start - 1 : start].isdigit()


def changes_case(quoted: str, written: str, quote: str) -> bool:
    """Whether an abbreviation became a word or a word one: "US" is not "us", where the quotation has both cases."""
    if written.casefold() not in _ABBREVIATIONS or quoted.casefold() != written.casefold():
        return False
    if written.isupper() and quoted.islower():
        return quote != quote.lower()
    return quoted.isupper() and written.islower() and quote != quote.upper()


def _other_case(place: Place, step: Step) -> Iterator[QuoteDifference]:
    quoted, written = place.said(*step.items), place.written(*step.places)
    if quoted != written and changes_case(quoted, written, place.quote):
        yield QuoteDifference("name", quoted, written)


# Words that differ


def _block(place: Place, step: Step) -> list[QuoteDifference]:
    """What a stretch of differing words is, word by word."""
    (begin, end), (first, last) = step.items, step.places
    kept = [n for n in range(first, last) if not _is_mark(place, n)]
    marks = [QuoteDifference("mark", "", place.written(n, n + 1)) for n in range(first, last) if n not in kept]
    quoted = list(range(begin, end))
    if not kept and not quoted:
        return marks
    if kept and quoted and _spaced(place, kept, quoted):
        return [*marks, QuoteDifference("spacing", place.said(begin, end), place.written(first, last))]
    if len(kept) > _LONGEST_BLOCK or len(quoted) > _LONGEST_BLOCK:
        return [*marks, _whole(place, step, "words")]
    found = []
    for n, item in _paired(place, kept, quoted):
        if n is not None and item is not None:
            found += _changed(place, n, item)
        elif n is not None:
            found.append(_dropped(place, n))
        elif item is not None:
            found.append(_added(place, item))
    if sum(one.kind == "dropped_word" for one in found) > _MOST_DROPPED:
        found.append(_whole(place, step, "words"))
    return marks + found


def _whole(place: Place, step: Step, kind: str) -> QuoteDifference:
    return QuoteDifference(kind, short(place.said(*step.items), 200), short(place.written(*step.places), 200))


def _is_mark(place: Place, n: int) -> bool:
    """Whether a number stands alone in square brackets, as that of a footnote does."""
    start, end = place.sources.starts[place.low + n], place.sources.ends[place.low + n]
    return place.word(n).isdigit() and place.text[start - 1 : start] == "[" and place.text[end : end + 1] == "]"


def _spaced(place: Place, kept: list[int], quoted: list[int]) -> bool:
    """Whether only white space or hyphens differ, and no word became another by it (not able, notable)."""
    ours, theirs = [place.items[n].text for n in quoted], [place.word(n) for n in kept]
    if "".join(ours) != "".join(theirs) or not all(text.isalpha() for text in (*ours, *theirs)):
        return False
    if any(map(word_lists.is_negation, ours)) != any(map(word_lists.is_negation, theirs)):
        return False
    hyphens = "-\u2010\u2011\u2013\u2014"
    both = place.said(quoted[0], quoted[-1] + 1) + place.written(kept[0], kept[-1] + 1)
    if any(mark in both for mark in hyphens):
        return not (min(ours + theirs, key=len) == "re" and "re-" in both.lower())
    return not all(_is_known(place, text) for text in (*ours, *theirs))


def _paired(place: Place, kept: list[int], quoted: list[int]) -> list[tuple[int | None, int | None]]:
    """Words of both sides that stand for each other, in order: as alike as can be; the others alone."""
    if len(kept) == len(quoted) == 1:
        return [(kept[0], quoted[0])]
    best: list[list[tuple[float, list[tuple[int | None, int | None]]]]]
    best = [[(0.0, [])] for _ in range(len(kept) + 1)]
    for i in range(len(kept) + 1):
        for j in range(len(quoted) + 1):
            if not i and not j:
                continue
            options = []
            if i:
                score, pairs = best[i - 1][j]
                options.append((score, [*pairs, (kept[i - 1], None)]))
            if j:
                score, pairs = best[i][j - 1]
                options.append((score, [*pairs, (None, quoted[j - 1])]))
            if i and j:
                score, pairs = best[i - 1][j - 1]
                alike = OSA.normalized_similarity(place.word(kept[i - 1]), place.items[quoted[j - 1]].text)
                options.append((score + (alike if alike >= 0.5 else 0.01), [*pairs, (kept[i - 1], quoted[j - 1])]))
            chosen = max(options, key=lambda option: option[0])
            if j:
                best[i].append(chosen)
            else:
                best[i][0] = chosen
    return best[-1][-1][1]


def _changed(place: Place, n: int, item: int) -> list[QuoteDifference]:
    """What one word in place of another is."""
    word, quoted = place.word(n), place.items[item].text
    if word == quoted:
        return []
    return [QuoteDifference(_kind_of_change(place, n, item), place.said(item, item + 1), place.written(n, n + 1))]


def _kind_of_change(place: Place, n: int, item: int) -> str:
    word, quoted = place.word(n), place.items[item].text
    if word_lists.is_number(word) or word_lists.is_number(quoted):
        return "number"
    if word_lists.is_negation(word) or word_lists.is_negation(quoted) or word_lists.negated(word, quoted):
        return "negation"
    same = word_lists.same_word(word, quoted)
    if not same and (_is_unit(place, n, word) or _is_unit(place, n, quoted)):
        return "unit"
    if _accents_only(word, quoted) and quoted not in place.sources.vocabulary:
        return "typo"
    if _is_name(place, n) or _is_quoted_name(place, item):
        return "form" if _possessive(word) == _possessive(quoted) else "name"
    if _is_typo(place, word, quoted):
        return "typo"
    if {word, quoted} & word_lists.limits():
        return "limit"
    return "form" if same else "words"


def _dropped(place: Place, n: int) -> QuoteDifference:
    """A word that the quotation lacks."""
    word, kind = place.word(n), "dropped_word"
    if word_lists.is_number(word):
        kind = "number"
    elif word_lists.is_negation(word) or word_lists.negates_itself(word, word_lists.common_english()):
        kind = "negation"
    elif _is_unit(place, n, word):
        kind = "unit"
    elif word not in word_lists.free():
        if _is_name(place, n):
            kind = "name"
        elif word in word_lists.limits():
            kind = "limit"
        else:
            kind = "words"
    return QuoteDifference(kind, "", place.written(n, n + 1))


def _added(place: Place, item: int) -> QuoteDifference:
    """A word that the source lacks."""
    word, kind = place.items[item].text, "words"
    if word_lists.is_number(word):
        kind = "number"
    elif word_lists.is_negation(word):
        kind = "negation"
    elif word in word_lists.free():
        kind = "added_word"
    elif word in word_lists.limits():
        kind = "limit"
    return QuoteDifference(kind, place.said(item, item + 1), "")


def _is_unit(place: Place, n: int, word: str) -> bool:
    """Whether a word is a sign, or a unit beside a number."""
    if word not in word_lists.units():
        return False
    if not word.isalpha():
        return True
    sources, here = place.sources, place.low + n
    low, high = sources.bounds(sources.document_at(here))
    beside = [sources.word(other) for other in (here - 1, here + 1) if low <= other < high]
    return any(map(word_lists.is_number, beside))


def _is_name(place: Place, n: int) -> bool:
    """Whether a word of the source looks like a name: a capital that no sentence asks for."""
    sources, here = place.sources, place.low + n
    start, end = int(sources.starts[here]), int(sources.ends[here])
    written = place.text[start:end]
    if not any(map(str.isupper, written)):
        return False
    if any(map(str.isupper, written[1:])) and not written.isupper():
        return True
    begins = _OPENING.search(place.text[max(0, start - 8) : start]) if start else True
    return not begins or int(sources.ids[here]) not in sources.in_small_letters


def _is_quoted_name(place: Place, item: int) -> bool:
    """Whether a word of the quotation has a capital that no sentence asks for."""
    one = place.items[item]
    if not place.quote[one.start].isupper() or place.quote == place.quote.upper():
        return False
    return not _OPENING.search(place.quote[max(0, one.start - 8) : one.start])


def _possessive(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")


def _accents_only(word: str, quoted: str) -> bool:
    """Whether accents were lost (not umlauts: schon is not schön, but schoen is)."""
    if _UMLAUT in word:
        written_out = word.replace("a" + _UMLAUT, "ae").replace("o" + _UMLAUT, "oe").replace("u" + _UMLAUT, "ue")
        return quoted == written_out
    return _bare(word) == quoted and quoted.isascii()


def _bare(word: str) -> str:
    return "".join(character for character in word if unicodedata.category(character) != "Mn")


def _is_typo(place: Place, word: str, quoted: str) -> bool:
    """Whether one word is the other, mistyped: nearly the same letters, and no word that is used anywhere."""
    if _bare(word) == _bare(quoted):
        return False  # of accents `_accents_only` has judged
    right, typed = unicodedata.normalize("NFC", word), unicodedata.normalize("NFC", quoted)
    if min(len(right), len(typed)) < 4 or not (right.isalpha() and typed.isalpha()):
        return False
    if OSA.distance(right, typed) > (1 if min(len(right), len(typed)) < 8 else 2):
        return False
    if not _is_known(place, quoted):
        return True
    common = word_lists.common_english()
    return word not in common and quoted in common and place.sources.count(place.sources.vocabulary[word]) == 1


def _is_known(place: Place, word: str) -> bool:
    return word in place.sources.vocabulary or word in word_lists.common_english()


# What dots leave out, and brackets replace


def _left_out(place: Place, step: Step) -> Iterator[QuoteDifference]:
    """Whether dots leave out what turns the sense, or join the halves of two sentences."""
    first, last = step.places
    if first == last or first == 0:
        return
    words = [place.word(n) for n in range(first, last)]
    written = place.written(first, last)
    unspaced = sum(len(word) == 1 and word.isalpha() and not word.isascii() for word in words)
    if len(words) - unspaced / 2 > MOST_LEFT_OUT:
        yield QuoteDifference("splice", "...", short(written, 200))
        return
    starts, ends, low = place.sources.starts, place.sources.ends, place.low
    left = sentence_around(place.text, int(starts[low + first - 1]), int(ends[low + first - 1]), _SENTENCE)[1]
    if left >= starts[low + last]:
        yield from _within_a_sentence(place, step, words, written)
        return
    right = sentence_around(place.text, int(starts[low + last]), int(ends[low + last]), _SENTENCE)[0]
    of_left = sum(starts[low + n] < left for n in range(first, last))
    of_right = sum(starts[low + n] >= right for n in range(first, last))
    if of_left and of_right:
        yield QuoteDifference("splice", "...", short(written, 200))
    for begin, end in ((first, first + of_left), (last - of_right, last)):
        part = place.written(begin, end)
        if word_lists.holds_negation(words[begin - first : end - first], part):
            yield QuoteDifference("negation", "...", short(part, 200))


def _within_a_sentence(place: Place, step: Step, words: list[str], written: str) -> Iterator[QuoteDifference]:
    if word_lists.holds_negation(words, written):
        yield QuoteDifference("negation", "...", short(written, 200))
    following = place.word(step.places[1])
    if (word_lists.is_number(following) or following in "$\u20ac\u00a3-") and any(map(word_lists.is_number, words)):
        yield QuoteDifference("number", "...", short(written, 200))


def _in_brackets(place: Place, step: Step) -> Iterator[QuoteDifference]:
    """Whether what a bracket replaces has another number, negation, limit or name than what is in it."""
    item = place.items[step.items[0]]
    ours = tokens_of(item.text)
    theirs = {place.word(n) for n in range(*step.places)}
    inside = set(ours.texts)
    written = place.written(*step.places)
    for kind, holds in (
        ("number", word_lists.is_number),
        ("negation", word_lists.is_negation),
        ("limit", word_lists.limits().__contains__),
    ):
        if set(filter(holds, inside)) != set(filter(holds, theirs)):
            yield QuoteDifference(kind, f"[{item.text}]", written)
    if any(word_lists.negated(one, other) for one in inside for other in theirs):
        yield QuoteDifference("negation", f"[{item.text}]", written)
    names = {place.word(n) for n in range(*step.places) if _is_name(place, n)}
    given = {text for text, start in zip(ours.texts, ours.starts, strict=True) if item.text[start].isupper()}
    if names and given - {"the", "a", "an"} and not names & given:
        yield QuoteDifference("name", f"[{item.text}]", written)
