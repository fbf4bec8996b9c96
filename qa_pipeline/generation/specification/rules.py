"""What the words of a prompt say: its domain, language, answer types, and where its examples begin. By rules, pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa_pipeline.generation.specification.numbers import UNANSWERABLE
from qa_pipeline.text.languages import LANGUAGES

_LANGUAGES = {name.lower(): code for code, name in LANGUAGES.items()} | {
    "deutsch": "de", "fran\u00e7ais": "fr", "espa\u00f1ol": "es", "italiano": "it", "portugu\u00eas": "pt",
}  # fmt: skip
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
    r"((?!the (?:text|passage|following)\b|example\b).+?)(?=[.;:!?\n]|,? (?:in|auf) (?:"
    + "|".join(_LANGUAGES)
    + r")\b|$)",
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


def find_language(instruction: str) -> str | None:
    """Code of the language that the prompt names."""
    names = "|".join(_LANGUAGES)
    pattern = rf"\b(?:in|auf|into|language[:=]?)\s+({names})\b|\b({names})[- ](?:language|questions|documents|texts?)\b"
    match = re.search(pattern, instruction, re.IGNORECASE)
    return _LANGUAGES[(match[1] or match[2]).lower()] if match else None


def language_code(text: str) -> str:
    """The code of a language given by its name; other texts as they are."""
    return _LANGUAGES.get(text.strip().lower(), text.strip())


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
