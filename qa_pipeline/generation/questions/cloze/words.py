"""Cuts text into words with offsets and gives each a coarse class. Pure functions of a string."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from qa_pipeline.generation.questions.cloze import lexicon

CLOCK = r"\d{1,2}(?:[:.]\d{2})?\s?(?i:[ap]\.m\.|[ap]m\b)|\d{1,2}:\d{2}\b(?!:?\d)(?:\s(?:noon|midnight)\b)?"
"""A time of day, as a pattern."""
PHONE = (
    r"(?:\+\d{1,3}[ -]?(?:\(0\)[ -]?)?|\(0\d{2,5}\)[ -]?|0)\d{1,5}(?:[ -]\d{2,8}){1,4}\b"
    r"|(?:\(\d{3}\) ?|\b\d{3}[ -])\d{3}[ -]\d{4}\b"
)
"""A telephone number, as a pattern: of several groups, with a country's or area's code."""
_TITLED = r"(?:Dr|Mrs?|Ms|Prof|St|Rev|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Hon)\.(?=\s+[A-Z])"
_WORD = re.compile(
    rf"(?<![\d.,:])(?:{PHONE}|{CLOCK})|\b{_TITLED}|"
    r"\d+(?:-?[^\W\d_]+)+|[$£€]?\d[\d,.]*\d%?|[$£€]?\d%?|[^\W\d_]+(?:\.[^\W\d_])+(?!\w)\.?|"
    r"\w+(?:\.[a-z]\w+)+|\w+(?:[-'’&]\w+)*(?:\+\+|#)?|[^\w\s]"
)
_TAKES_E = ("at", "iz", "v", "c", "s", "g", "ur", "ir", "bl", "dl", "fl", "gl", "kl", "pl", "tl", "zl")
"""Ends of verbs without their -ed whose base has an e."""
_CLAUSE_ENDS = frozenset(",;:.()!?—–")
_SPACE_BEFORE = re.compile(r"\s+([,.;:?!%)\]])")
_SPACE_AFTER = re.compile(r"([(\[])\s+")
_TOGETHER = re.compile(r"\w / \w|° [CF]\b|\d ?[²³]|§ \d|# \d|\d – \d")


@dataclass(frozen=True, slots=True)
class Word:
    """One word or punctuation mark.

    Attributes:
        text: as written.
        start, end: characters of the text that was cut, end exclusive.
        lower: in lower case.
        kind: "punct", "num", "det", "pron", "prep", "conj", "aux", "verb", "ing", "adv", "cap" or "word". "aux" holds
            modals; "verb" is a finite form or a participle, "ing" a form in -ing.
    """

    text: str
    start: int
    end: int
    lower: str
    kind: str


def cut(text: str, base: int = 0) -> list[Word]:
    """All words of `text`; offsets count from `base`. Classes look at the word before."""
    words: list[Word] = []
    before = ""
    for match in _WORD.finditer(text):
        token = match.group()
        lower = token.lower()
        kind = _kind(token, lower, before, words)
        words.append(Word(token, base + match.start(), base + match.end(), lower, kind))
        before = lower
    return _with_a_verb(words)


def _with_a_verb(words: list[Word]) -> list[Word]:
    """In a clause without a verb, the first word that may be one where one would stand: "The walk lasts an hour"."""
    start = 0
    for end in range(len(words) + 1):
        if end < len(words) and words[end].text not in _CLAUSE_ENDS and words[end].kind != "conj":
            continue
        if not any(word.kind in ("aux", "verb") for word in words[start:end]):
            for i in range(start + 1, end - 1):
                if _may_be_verb(words, i):
                    word = words[i]
                    words[i] = Word(word.text, word.start, word.end, word.lower, "verb")
                    break
        start = end + 1
    return words


def _may_be_verb(words: list[Word], i: int) -> bool:
    word, last, follows = words[i], words[i - 1], words[i + 1]
    tense = lexicon.VERB_FORMS.get(word.lower, ("", ""))[1]
    if word.kind != "word" or not tense or last.kind not in ("word", "cap", "num", "pron"):
        return False
    if follows.text in lexicon.CURRENCY_CODES:
        return True
    if tense == "base" and not (last.lower.endswith("s") or last.lower in lexicon.PLURALS or last.kind == "num"):
        return False
    return follows.kind in ("det", "num", "pron", "adv") or (follows.kind == "prep" and follows.lower != "of")


def begins_predicate(words: Sequence[Word], i: int) -> bool:
    """Whether a verb stands at word i behind "and", one that may be a noun elsewhere included: "and costs 5 euros"."""
    if words[i].kind in ("aux", "verb"):
        return True
    follows = words[i + 1] if i + 1 < len(words) else None
    behind = follows is not None and (follows.kind in ("det", "num", "pron") or follows.text in lexicon.CURRENCY_CODES)
    return behind and words[i].kind == "word" and lexicon.VERB_FORMS.get(words[i].lower, ("", ""))[1] == "s"


_CLOSED_KINDS = {
    **dict.fromkeys(lexicon.PREPOSITIONS, "prep"),
    **dict.fromkeys(lexicon.CONJUNCTIONS, "conj"),
    **dict.fromkeys(lexicon.PRONOUNS, "pron"),
    # "that information" has a determiner, "that we use" and "said that" have not; the word behind is not known yet.
    **dict.fromkeys(lexicon.DETERMINERS - {"that"}, "det"),
    **dict.fromkeys(lexicon.AUXILIARIES, "aux"),
}
"""Word of a closed class -> its kind; of a word in two classes the last."""


def _kind(token: str, lower: str, before: str, words: list[Word]) -> str:
    first = token[0]
    if first.isdigit() or first in "$£€" or (lower in lexicon.NUMBER_WORDS and first.islower()):
        return "num" if len(token) > 1 or first.isdigit() else "punct"
    if not first.isalnum():
        return "num" if len(token) > 1 else "punct"  # a telephone number may begin with + or a bracket
    opening = not words or words[-1].text in '.:;?!“"('
    if first.isupper() and not opening and lower not in ("i",):
        return "cap"
    if (closed := _CLOSED_KINDS.get(lower)) is not None:
        return closed
    if lower in lexicon.ADVERBS or (lower.endswith("ly") and len(lower) > 4 and lower not in lexicon.NOT_ADVERBS):
        return "adv"
    if (kind := _verb_kind(lower, before, words)) is not None:
        return kind
    return "cap" if first.isupper() and lower not in lexicon.VERB_FORMS and not opening else "word"


def _verb_kind(lower: str, before: str, words: list[Word]) -> str | None:
    """Says "verb", "ing" or None; a word that can be both is a noun unless the word before asks for a verb."""
    form = lexicon.VERB_FORMS.get(lower)
    last = words[-1] if words else None
    if last is None:
        wants_verb = wants_noun = False
    else:
        wants_verb = before == "to" or last.kind in ("pron", "aux") or before in lexicon.MODALS or before == "not"
        wants_noun = last.kind == "det" or before in ("of", "for", "in", "on", "with", "from", "about")
        if last.kind == "adv" and len(words) > 1:
            wants_verb = words[-2].kind in ("pron", "aux") or words[-2].lower == "to"
    if form is None:
        if lower.endswith("ed") and len(lower) > 4 and not wants_noun:
            return "verb"
        return "ing" if lower.endswith("ing") and len(lower) > 5 and not wants_noun and last is not None else None
    base, tense = form
    if tense == "ing":
        return None if last is not None and last.kind == "det" else "ing"
    if base in lexicon.NOUN_VERBS and tense in ("base", "s"):
        return "verb" if wants_verb else None
    if tense == "past" and last is not None and last.kind == "det":
        return None
    return None if wants_noun and tense != "past" else "verb"


def is_content(word: Word) -> bool:
    """Whether a word carries meaning of its own."""
    return (
        word.kind not in ("punct", "det", "pron", "prep", "conj", "aux") and word.lower not in lexicon.WITHOUT_CONTENT
    )


def content_set(text: str) -> set[str]:
    """Content words of a text in lower case, plural -s taken off."""
    return {stem(word.lower) for word in cut(text) if is_content(word)}


def stem(lower: str) -> str:
    """A crude common form of inflected words."""
    if lower in lexicon.VERB_FORMS:
        return lexicon.VERB_FORMS[lower][0]
    return lower[:-1] if len(lower) > 3 and lower.endswith("s") and not lower.endswith("ss") else lower


def base_form(word: Word) -> tuple[str, str]:
    """(base, "did" | "does" | "do") of a finite verb, for asking with do-support."""
    form = lexicon.VERB_FORMS.get(word.lower)
    if form is not None:
        base, tense = form
        return base, {"past": "did", "s": "does"}.get(tense, "do")
    if word.lower.endswith("ied"):
        return word.lower[:-3] + "y", "did"
    if word.lower.endswith("eed"):
        return word.lower[:-1], "did"
    if word.lower.endswith("ed"):
        root = word.lower[:-2]
        if len(root) > 2 and root[-1] == root[-2] and (root[-1] not in "sl" or root[:-1] in lexicon.VERB_FORMS):
            return root[:-1], "did"
        return root + "e" * root.endswith(_TAKES_E), "did"
    return word.lower, "do"


def join(tokens: Sequence[str]) -> str:
    """Tokens as running text: single spaces, none before punctuation."""
    text = " ".join(token for token in tokens if token)
    text = _SPACE_AFTER.sub(r"\1", _SPACE_BEFORE.sub(r"\1", text))
    text = re.sub(r"\s+(['’]s\b)", r"\1", " ".join(text.split()))
    text = _TOGETHER.sub(lambda match: match.group().replace(" ", ""), text)
    return re.sub(r"(?<=s) (['’]) (?=\w)", r"\1 ", text) if len(re.findall(r" ['’]", text)) == 1 else text


@lru_cache(maxsize=65536)
def normalized(text: str) -> str:
    """Lower case, words only: for comparing answers and questions."""
    return " ".join(word.lower for word in cut(text) if word.kind != "punct")


def runs(
    words: Sequence[Word], begins: Callable[[int], bool], goes_on: Callable[[int, int], bool]
) -> Iterator[tuple[int, int]]:
    """(first word, end exclusive) of the longest runs, from the left.

    Args:
        words: of a sentence.
        begins: whether a run begins at a word.
        goes_on: whether a word belongs to a run: its number, that of the run's first word.
    """
    i = 0
    while i < len(words):
        if not begins(i):
            i += 1
            continue
        end = i + 1
        while end < len(words) and goes_on(end, i):
            end += 1
        yield i, end
        i = end
