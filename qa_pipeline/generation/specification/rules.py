"""What the words of a prompt say, by rules: domain, answer types, numbers, and where its examples begin.

Pure functions of text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa_pipeline.generation.specification.languages import IN_LANGUAGE
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
_OTHER_TASK = re.compile(
    r"\b(?:translate|summari[sz]e|classify|write an? (?:poem|story|essay|email)|generate code|paraphrase|rewrite)\b",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    r"(?:^|(?<=[\s.;:]))(?:here (?:is|are) (?:an|some|a few|\w+) examples?|for example|for instance"
    r"|examples?(?:\s*\d+)?)\s*[:,]\s*",
    re.IGNORECASE,
)
LABEL = re.compile(
    r"(?:^|(?<=[\s;.,?!\"'\u201d(\[{]))[\"'*_]*(context|passage|text|paragraph|document|question|answer|[cqa])[\"'*_]*\s*[:=]\s*",
    re.IGNORECASE,
)
_TYPE_WORDS = {
    "date": r"dates?|when|deadlines?|years?|hours|times?|schedules?|opening",
    "money": r"fees?|prices?|costs?|amounts?(?: of money)?|charges?|fares?|salar(?:y|ies)|payments?|money|sums?",
    "percent": r"percent(?:ages?)?|rates?|shares?",
    "quantity": r"amounts?(?! of money)|quantit(?:y|ies)|measure(?:ment)?s?|dos(?:ag)?es?|distances?|weights?|lengths?",
    "number": r"numbers?|counts?|figures?|how many",
    "name": r"names?|people|persons?|who|compan(?:y|ies)|organi[sz]ations?|staff|authors?|entit(?:y|ies)",
    "place": r"places?|locations?|cit(?:y|ies)|countr(?:y|ies)|addresses|where",
    "reason": r"reasons?|why|causes?",
    "purpose": r"purposes?",
    "condition": r"conditions?|if|requirements?|eligibility",
    "manner": r"how to|procedures?|steps|ways|methods?",
}
_QUESTION_WORDS = frozenset({"when", "who", "where", "why", "if", "ways"})
_ONLY = re.compile(
    r"(?:^|(?<=[.;,:!?\n]))\s*(?:(?:but|and|with|please|use|give|want)\s+)*"
    r"(?:only\s+([^.;!?\n]+)|([^.;:!?\n]+?)\s+only(?:,?\s+please)?\s*(?=[.;,!?\n]|$))",
    re.IGNORECASE,
)
_NOT = r"(?:\bnot|n['\u2019]t)"
_ROWS = r"(?:questions?|examples?|rows?|ones?|pairs?)"
_BETWEEN = (
    r"(?:(?:any|of|the|them|these|those|all|such|to|be|is|are|have|has|may|must|should|shall|can|that|which|"
    rf"{_ROWS})\s+)*"
)
"""What may stand between the word that says no and what it says no to."""
_MAKE = r"(?:make|want|include|add|write|generate|create|produce|ask|give|use|need|have|put in|mix in|contain)"
_AVOID = r"(?:avoid|exclude|omit|skip|leave out|avoiding|excluding|omitting|skipping|leaving out)"
_UNWANTED = (
    rf"(?:{_NOT}\s+(?:be\s+)?(?:wanted|needed|required|allowed|welcome|desired|included|used|asked|permitted|acceptable)"
    r"|unwanted|forbidden|excluded|avoided|omitted|skipped|left out)"
)
_NO_UNANSWERABLE = re.compile(
    rf"(?:\b(?:no|none|zero|0|without|never)|(?:{_NOT}|\bnever)\s+{_MAKE}|{_NOT}\s+(?:be|any)"
    rf"|(?<!not )(?<!n['\u2019]t )(?<!never )\b{_AVOID})\s+{_BETWEEN}(?:{UNANSWERABLE.pattern})"
    rf"|(?:{UNANSWERABLE.pattern})\s+(?:{_ROWS}\s+)?(?:(?:are|is|should|must|may|shall|can|to|be)\s*)+{_UNWANTED}"
    r"|\bunanswerable\s*[:=]\s*(?:no|none|never|zero|false)\b"
    rf"|(?<!not )\b(?:all|every|each|only)\s+{_BETWEEN}(?:answerable\b|an\s+answer\b)"
    r"|\balways\s+(?:has|have)\s+an\s+answer",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|on|regarding|concerning|related to|dealing with|from|over|for)\s+"
    rf"((?!the (?:text|passage|following)\b|example\b).+?)(?=[.;:!?\n]|,? {IN_LANGUAGE}|$)",
    re.IGNORECASE,
)


def split_prompt(prompt: str) -> tuple[str, str]:
    """The instruction, with single blanks, and what follows the word "Example:" (or begins with a labelled context)."""
    marks = [match for match in (_EXAMPLES.search(prompt), LABEL.search(prompt)) if match]
    if not marks:
        return _single_blanks(prompt), ""
    first = min(marks, key=lambda match: match.start())
    begin = first.end() if first.re is _EXAMPLES else first.start()
    return _single_blanks(prompt[: first.start()]), prompt[begin:]


def _single_blanks(text: str) -> str:
    """The rules allow blanks between words in several places at once, and would try each of thousands in each place."""
    return "\n".join(words for line in text.splitlines() if (words := " ".join(line.split())))


def other_task(instruction: str) -> re.Match[str] | None:
    """Where the instruction asks for something that is no question answering."""
    return _OTHER_TASK.search(instruction)


def find_domain(instruction: str, spans: Sequence[tuple[int, int]] = ()) -> str:
    """What the questions are about; without such words the first clause.

    Args:
        spans: characters that say something else, end exclusive.
    """
    match = _ABOUT.search(without(instruction, spans))
    text = match[1] if match else re.split(r"[.;:!?\n]", instruction)[0]
    text = re.sub(r",\s*(?:(?:but|and|with|please)\s+)?only\b.*", "", text, flags=re.IGNORECASE)
    return " ".join(text.split()).strip(" \"'\u201c\u201d,")


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A text with some of its characters as blanks."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def find_answer_types(instruction: str, notes: list[str]) -> list[str]:
    """Types that the prompt restricts its answers to: "answers are dates and fees", "only dates", "types: name, place".

    Args:
        notes: takes what stands among such types and is none.
    """
    match = re.search(
        r"\b(?:answers? (?:types?|kinds?)\s*(?:[:=]|are|should be|is)|(?:the )?answers "
        r"(?:are|should be|must be|will be)(?: only| always)?"
        r"|only (?:ask|questions?) (?:for|about|with))\s+([^.;\n]+)",
        instruction,
        re.IGNORECASE,
    )
    if match:
        return [name for name, words in _TYPE_WORDS.items() if re.search(rf"\b(?:{words})\b", match[1], re.IGNORECASE)]
    for match in _ONLY.finditer(instruction):
        kinds, others = _listed_types(match[1] or match[2])
        if kinds:
            if match[1]:  # before a closing "only" the rest of the sentence stands too
                notes.extend(f'"{text}" in the prompt is no known type of answer' for text in others)
            return [name for name in _TYPE_WORDS if name in kinds]
    return []


def _listed_types(text: str) -> tuple[set[str], list[str]]:
    """The types in a list such as "dates and amounts", and what else stands in it."""
    kinds: set[str] = set()
    others = []
    text = re.sub(r",?\s*\bplease\b", "", text, flags=re.IGNORECASE)
    for item in re.split(r"\s*(?:[,/&]|\b(?:and|or)\b)\s*", text.strip(), flags=re.IGNORECASE):
        core = re.sub(r"^(?:the|any|all|exact|of|for|about)\s+|\s+(?:from|in|of|on|that|which)\s.*$", "", item.strip())
        found = {name for name, words in _TYPE_WORDS.items() if re.fullmatch(words, core, re.IGNORECASE)}
        if found and core.lower() not in _QUESTION_WORDS:
            kinds |= found
        elif core:
            others.append(core)
    return kinds, others


def find_unanswerable(instruction: str, in_examples: bool) -> bool | None:
    """Whether questions without an answer are wanted; None: not said. An example of one says so too."""
    if _NO_UNANSWERABLE.search(instruction):
        return False
    return True if UNANSWERABLE.search(instruction) or in_examples else None


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
            found.notes.append(_unused_note(match[0], "give --unanswerable_fraction if it was meant for that"))
        return
    share = _value(match)
    share = 1 - share if answerable else share
    if found.unanswerable_fraction is not None:
        found.notes.append(_unused_note(match[0], "another share was found before it"))
    elif not 0 <= share <= MOST_UNANSWERABLE:
        found.notes.append(
            _unused_note(match[0], f"the share of unanswerable questions goes from 0 to {MOST_UNANSWERABLE}")
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
        found.notes.append(_unused_note(text, "give --questions_per_context"))
    elif groups.get("lead", "") is None or _NOT_BETWEEN.search(groups.get("between") or ""):
        found.notes.append(_unused_note(text, "give --num_examples if it was meant for that"))
    elif found.num_examples is not None or _number(match["number"]) < 1:
        found.notes.append(
            _unused_note(text, "another number was found before it" if found.num_examples else "it is 0")
        )
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


def _unused_note(text: str, hint: str) -> str:
    return f'"{text}" in the prompt was not used; {hint}'
