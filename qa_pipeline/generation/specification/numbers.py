"""How many examples a prompt asks for, and what share of them unanswerable. By rules, pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa_pipeline.generation.types import MOST_UNANSWERABLE

UNANSWERABLE = re.compile(
    r"\bunanswerable|\bno[- ]answer\b|\bcannot be answered|\bcan't be answered|\bnot (?:be )?(?:answerable|answered)"
    r"|\bwithout (?:an )?answers?\b|\b(?:answer|it|that) is not (?:in|there|given|stated|present|mentioned)"
    r"|\bnot answer(?:ed)? (?:by|in) the\b",
    re.IGNORECASE,
)
_ANSWERABLE = re.compile(r"\banswerable\b", re.IGNORECASE)
_UNITS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_TEENS = {
    **{"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16},
    **{"seventeen": 17, "eighteen": 18, "nineteen": 19},
}
_TENS = {
    **{"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
}
_TIMES = {"dozen": 12, "hundred": 100, "thousand": 1000}
_WORDS = {"a": 1, "an": 1, **_UNITS, **_TEENS, **_TENS, **_TIMES}
_UP_TO_99 = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS)}))?|{'|'.join((*_TEENS, *_UNITS))})\b"
_MANY = rf"(?:(?:an?|{_UP_TO_99}) )?(?:{'|'.join(_TIMES)})(?: (?:and )?{_UP_TO_99})?"
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_TOPS = "|".join(word for word, value in _WORDS.items() if value <= 4)
_OFS = "|".join(word for word, value in _WORDS.items() if 2 <= value <= 20)
_SHARE = re.compile(
    rf"(?<![\w.,])(?:(?P<percent>\d+(?:[.,]\d+)?|{_MANY}|{_UP_TO_99})\s*(?:%|per ?cent\b)"
    rf"|(?:(?P<tops>{_TOPS}|\d)[ -])?(?P<part>{'|'.join(_PARTS)})s?\b(?!-)"
    rf"|(?P<one>\d+|{_TOPS})(?: (?:in|out of)(?: every)? |/)(?P<of>\d+|{_OFS})\b(?!/)"
    r"|(?P<decimal>0?\.\d+)\b)",
    re.IGNORECASE,
)
# What may stand between a share and the word that it is a share of.
_FILLER = re.compile(
    r"(?:\W|\b(?:of|the|all|a|an|questions?|examples?|rows?|items?|pairs?|them|these|those|it|your|my|our|share|rate"
    r"|fraction|total|should|must|shall|may|can|could|to|be|is|are|being|which|that|have|has|whose|with|as|at|about"
    r"|roughly|around|make|made|mark|in|for|were|left|set|totally|completely)\b)*",
    re.IGNORECASE,
)
_UNIT = r"(?:question(?:[- ](?:and[- ])?answer)?(?: pair)?s?|(?:q&a|qa) pairs?|examples?|rows|pairs)\b"
_NUMBER = (
    r"(?:\d{1,3}(?:[,']\d{3})+|\d{1,8})k?(?![\w%.]*[\w%])"
    rf"|{_MANY}|(?!(?:one|two|three|four|five|six|seven|eight)\b){_UP_TO_99}"
)
_LEAD = (
    r"(?:make|generate|write|create|produce|give|prepare|draft|ask|answer|want|need|like|get|have|total of|me|us"
    r"|about|around|roughly|approximately|exactly|some|at least|at most|up to|only|just)"
)
_COUNT = re.compile(
    rf"(?:(?P<lead>(?:^|[.;,:!?\n])\s*|\b{_LEAD}\s+))?(?<![\w.,])(?P<number>{_NUMBER})\s+"
    rf"(?P<between>(?:[a-z-]+\s+){{0,2}}?){_UNIT}"
    r"(?P<each>\s+(?:(?:per|each)\b|(?:for|about|on|from|in) (?:each|every)\b|a (?:page|passage|document)\b))?",
    re.IGNORECASE,
)
_NAMED_COUNT = re.compile(
    rf"\b(?:num_examples|(?:number of )?(?:questions|examples|rows))\s*[:=]\s*(?P<number>{_NUMBER})", re.IGNORECASE
)
_NOT_BETWEEN = re.compile(
    r"\b(?:of|per|types?|kinds?|sorts?|or|and|more|other|\w*answerable|impossible)\b", re.IGNORECASE
)


@dataclass
class Numbers:
    """What an instruction says in numbers.

    Attributes:
        num_examples: how many examples, or None.
        unanswerable_fraction: share of them without an answer, or None.
        spans: characters of the instruction that said so, end exclusive.
        notes: what looks like a number or a share and was not used.
    """

    num_examples: int | None = None
    unanswerable_fraction: float | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_numbers(instruction: str) -> Numbers:
    """The number of examples and the share of unanswerable ones in an instruction, the first of each."""
    found = Numbers()
    for match in _SHARE.finditer(instruction):
        _use_share(instruction, match, found)
    for match in (*_NAMED_COUNT.finditer(instruction), *_COUNT.finditer(instruction)):
        _use_count(match, found)
    if found.num_examples is not None and found.unanswerable_fraction is None:
        _use_count_of_unanswerable(instruction, found)
    return found


def without_numbers(instruction: str, spans: Sequence[tuple[int, int]], domain: str) -> str:
    """An instruction without what its numbers say; sentences that say nothing of the domain go whole.

    Args:
        spans: of the numbers, see `Numbers`.
        domain: what the questions are about, in the instruction's words.
    """
    kept = []
    for sentence in re.finditer(r".+?(?:[.;!?](?=\s|$)|\n|$)", instruction, re.DOTALL):
        inside = [span for span in spans if sentence.start() <= span[0] < sentence.end()]
        text = sentence[0]
        if inside and domain.casefold() not in text.casefold():
            continue
        for start, end in sorted(inside, reverse=True):  # "20 questions" -> "questions"
            start, end = start - sentence.start(), end - sentence.start()
            text = text[:start] + text[start:end].split()[-1] + text[end:]
        kept.append(text)
    return "".join(kept).strip()


def _use_share(instruction: str, match: re.Match[str], found: Numbers) -> None:
    span, answerable = _meaning(instruction, match)
    if span is None:
        if match["percent"] or (match["part"] and instruction[match.end() :].startswith(" of ")):
            found.notes.append(_not_used(match[0], "give --unanswerable_fraction if it was meant for that"))
        return
    share = _value(match)
    share = 1 - share if answerable else share
    if found.unanswerable_fraction is not None:
        found.notes.append(_not_used(match[0], "another share was found before it"))
    elif not 0 <= share <= MOST_UNANSWERABLE:
        found.notes.append(
            _not_used(match[0], f"the share of unanswerable questions goes from 0 to {MOST_UNANSWERABLE}")
        )
    else:
        found.unanswerable_fraction = round(share, 4)
        found.spans.append(span)


def _meaning(instruction: str, match: re.Match[str]) -> tuple[tuple[int, int] | None, bool]:
    """The characters from the share to "unanswerable", or None; and whether it is the share of answerable ones."""
    for pattern, answerable in ((UNANSWERABLE, False), (_ANSWERABLE, True)):
        after = pattern.search(instruction, match.end())
        if after and _fills(instruction[match.end() : after.start()]):
            return (match.start(), after.end()), answerable
        before = [mark for mark in pattern.finditer(instruction, 0, match.start())]
        if before and _fills(instruction[before[-1].end() : match.start()]):
            return (before[-1].start(), match.end()), answerable
    return None, False


def _fills(between: str) -> bool:
    return not re.search(r"[.;!?\n,]", between) and bool(_FILLER.fullmatch(between))


def _value(match: re.Match[str]) -> float:
    if match["percent"]:
        text = match["percent"]
        return (float(text.replace(",", ".")) if text[0].isdigit() else _number(text)) / 100
    if match["decimal"]:
        return float(match["decimal"])
    if match["part"]:
        return _number(match["tops"] or "one") / _PARTS[match["part"].lower()]
    return _number(match["one"]) / max(1, _number(match["of"]))


def _use_count(match: re.Match[str], found: Numbers) -> None:
    groups = match.groupdict()
    text = match[0].strip(" ,.;:!?\n")
    if any(start < match.end("number") and match.start("number") < end for start, end in found.spans):
        return
    if groups.get("each"):
        found.notes.append(_not_used(text, "give --questions_per_context"))
    elif groups.get("lead", "") is None or _NOT_BETWEEN.search(groups.get("between") or ""):
        found.notes.append(_not_used(text, "give --num_examples if it was meant for that"))
    elif found.num_examples is not None or _number(match["number"]) < 1:
        found.notes.append(_not_used(text, "another number was found before it" if found.num_examples else "it is 0"))
    else:
        found.num_examples = _number(match["number"])
        found.spans.append((match.start("number"), match.end()))


def _use_count_of_unanswerable(instruction: str, found: Numbers) -> None:
    """Reads "100 questions, 20 of them unanswerable" as a share."""
    for match in re.finditer(r"(?<![\w.,])\d+(?= of (?:them|these|those|which)\b)", instruction):
        span, answerable = _meaning(instruction, match)
        share = int(match[0]) / (found.num_examples or 1)
        share = 1 - share if answerable else share
        if span is not None and 0 <= share <= MOST_UNANSWERABLE:
            found.unanswerable_fraction = round(share, 4)
            found.spans.append(span)
            return


def _number(text: str) -> int:
    text = text.lower()
    if text[0].isalpha():
        total = 0
        for word in re.split(r"[- ](?:and )?", text):
            total = max(1, total) * _TIMES[word] if word in _TIMES else total + _WORDS[word]
        return total
    thousands = 1000 if text.endswith("k") else 1
    return int(re.sub(r"[,'k]", "", text)) * thousands


def _not_used(text: str, hint: str) -> str:
    return f'"{text}" in the prompt was not used; {hint}'
