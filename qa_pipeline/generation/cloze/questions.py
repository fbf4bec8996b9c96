"""Turns an answer and its clause into a question: a wh-word by answer type, the clause in question order, noise.

The forms, from good English to none: the answer was the subject ("Who built the tower?"), an auxiliary or a form of
"do" is moved ("When did she build the tower?"), the rest of the clause is turned around the wh-word ("What in 1910 she
built?"), or the clause stays and the wh-word stands in for the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.clauses import Clause
from qa_pipeline.generation.cloze.patterns import unit_question
from qa_pipeline.generation.cloze.words import Word, base_form, is_content, join

MOST_WORDS = 24
"""Longest question, in words of the clause that are kept."""
LEAST_CONTENT = 3
"""Words of content that are left of a question that is made shorter."""

WH_WORDS: dict[str, tuple[str, ...]] = {
    "person": ("who", "who", "who", "which person", "what is the name of the person who"),
    "organization": ("what", "who", "what organization", "which organization", "what group", "which company"),
    "place": ("where", "where", "what place", "in what place", "which area", "what", "what country", "what city"),
    "name": ("what", "what", "what", "who", "what name"),
    "title": ("what", "what", "what work", "what title"),
    "date": ("when", "when", "on what date", "what date"),
    "year": ("when", "when", "in what year", "what year", "in which year"),
    "time": ("when", "at what time", "what time"),
    "century": ("when", "in what century", "what century", "in which period"),
    "percent": ("what percentage", "how much", "what percent", "how many"),
    "money": ("how much", "how much money", "what amount", "how many dollars"),
    "number": ("how many", "what number", "how many"),
    "ordinal": ("which", "what"),
    "purpose": ("why", "why", "for what purpose", "for what reason", "what was the reason that"),
    "reason": ("why", "why", "for what reason", "what caused", "because of what"),
    "manner": ("how", "how", "in what way", "by what means"),
    "condition": ("when", "when", "under what circumstances", "in what case", "under which conditions"),
    "duration": ("how long", "for how long", "until when"),
    "examples": ("what are examples of", "what", "which", "what are some of"),
    "subject": ("what", "what", "what", "who"),
    "modified": ("what", "what"),
    "phrase": ("what", "what"),
}
_TIME_PREPOSITIONS = lexicon.word_set("in on at during since by from until around before after")
_PLACE_PREPOSITIONS = lexicon.word_set("in at near to within throughout")
_LOOSE_ENDS = lexicon.word_set("and or but the a an which that who as between both")
_NAMED = lexicon.word_set("person organization place name title")
"""Types whose answer may stand behind what it is: "the company Intel"."""
_CLASSED = lexicon.word_set("organization place name title")
CLASS_SHARE = 0.5
"""How often a name is asked for by its class: "what party" for "Liberal Party"."""
_PARTS = re.compile(r"\b(\w+)( \1\b)+", re.I)


@dataclass(frozen=True, slots=True)
class Noise:
    """Word noise: makes a question less of a copy of its sentence.

    Attributes:
        shuffle: no word moves further than about this many places; 0 moves none.
        drop: share of words left out, in [0, 1).
        blank: share of content words replaced by a word that says nothing, in [0, 1).
    """

    shuffle: int = 3
    drop: float = 0.1
    blank: float = 0.1


NO_NOISE = Noise(0, 0.0, 0.0)


def general_question(
    clause: Clause,
    kind: str,
    rng: np.random.Generator,
    noise: Noise = NO_NOISE,
    reword: Callable[[list[str]], list[str]] | None = None,
    length: int | None = None,
) -> tuple[str, str]:
    """A question that the answer of the clause answers.

    Args:
        clause: words before the answer, of the answer and after it.
        kind: the answer's type.
        rng: chooses among templates and makes the noise.
        noise: what is done to the words of the clause; the wh-word always stays.
        reword: changes the words of the clause, e.g. from "we" to "the company".
        length: words that the question should have at most; phrases at its end are left out for that, as far as enough
            is left to ask with. None leaves nothing out.

    Returns:
        The question and the name of its form: "subject", "named", "inverted", "turned" or "in_place".
    """
    wh, before, after = _wh_and_rest(clause, kind, rng)
    if length is not None:
        after = _abridged(before, after, length - len(wh.split()) - len(before))
    form, tokens = _order(before, after, kind, wh, rng)
    if form == "named" or (form != "subject" and wh.endswith("the person who")):
        short = "which" if form == "named" else "who"
        wh, tokens = short, [short if token == wh else token for token in tokens]
    if reword is not None:
        tokens = reword(tokens)
    position = tokens.index(wh) if wh in tokens else 0
    left, right = tokens[:position], tokens[position + 1 :]
    if len(left) + len(right) > MOST_WORDS:
        left, right = left[-MOST_WORDS // 2 :], right[: MOST_WORDS - min(len(left), MOST_WORDS // 2)]
    left, right = add_noise(left, rng, noise), add_noise(right, rng, noise)
    while right and (right[-1].lower() in _LOOSE_ENDS or not right[-1][0].isalnum()):
        right.pop()
    text = _PARTS.sub(r"\1", join([*left, wh, *right])).strip(" ,;:-–—.()")
    return (text[:1].upper() + text[1:] + "?", form) if text else ("", form)


def add_noise(tokens: Sequence[str], rng: np.random.Generator, noise: Noise) -> list[str]:
    """Drops, blanks and shuffles words; punctuation goes with any shuffling."""
    if not tokens or noise == NO_NOISE:
        return list(tokens)
    kept = [token for token in tokens if rng.random() >= noise.drop]
    kept = [
        "something" if rng.random() < noise.blank and token.islower() and token not in lexicon.STOPWORDS else token
        for token in kept
    ]
    if noise.shuffle:
        kept = [token for token in kept if token[0].isalnum()]
        places = np.arange(len(kept)) + rng.uniform(0, noise.shuffle, size=len(kept))
        kept = [kept[i] for i in np.argsort(places, kind="stable")]
    return kept


def _wh_and_rest(clause: Clause, kind: str, rng: np.random.Generator) -> tuple[str, list[Word], list[Word]]:
    """The wh-words and the words before and after the answer, less what the wh-words say already."""
    before, after = list(clause.before), list(clause.after)
    options = WH_WORDS.get(kind, ("what",))
    wh = str(options[int(rng.integers(len(options)))])
    while before and (before[-1].kind == "det" or before[-1].text in '“"(‘$,'):
        before.pop()
    while after and after[0].text in '”")’,':
        after.pop(0)
    if kind in ("number", "percent"):
        wh, after = _counted(wh, kind, after)
    elif kind == "quantity":
        wh = unit_question(" ".join(word.text for word in clause.answer))
    elif kind in ("date", "year", "time", "century") and before and before[-1].lower in _TIME_PREPOSITIONS:
        preposition = before.pop()
        if preposition.lower in ("since", "until", "before", "after", "by", "from") and wh == "when":
            wh = f"{preposition.lower} when"
    elif (
        kind == "place"
        and wh == "where"
        and before
        and before[-1].lower in _PLACE_PREPOSITIONS
        or kind == "place"
        and wh == "in what place"
        and before
        and before[-1].kind == "prep"
    ):
        before.pop()
    elif kind == "ordinal" and after and after[0].kind == "word":
        wh, after = f"{wh} {after[0].text}", after[1:]
    elif (
        kind in _CLASSED
        and clause.answer[-1].lower in lexicon.CLASSES
        and len(clause.answer) > 1
        and rng.random() < CLASS_SHARE
    ):
        wh = f"{'which' if rng.random() < 0.5 else 'what'} {clause.answer[-1].lower}"
    elif kind in _NAMED and after and after[0].kind == "word" and after[0].start - clause.answer[-1].end == 1:
        wh = "which" if rng.random() < 0.5 else "what"  # "American physicians": a name that says which
    elif kind == "examples":
        while before and before[-1].lower in ("such", "as", "including", "includes", "include", ","):
            before.pop()
    elif kind == "modified" and len(clause.answer) == 2 and rng.random() < 0.4:
        wh = f"what {'kind' if rng.random() < 0.5 else 'type'} of {clause.answer[-1].text}"
    elif kind == "reason":
        while before and before[-1].lower in ("because", "due", "to", "of"):
            before.pop()
    return wh, before, after


def _abridged(before: list[Word], after: list[Word], room: int) -> list[Word]:
    """`after` up to the last phrase that still has room; a verb and LEAST_CONTENT words of content are left."""
    content = sum(is_content(word) for word in before)
    verb = any(word.kind in ("aux", "verb") for word in before)
    best = len(after)
    for i in range(len(after) - 1, -1, -1):
        cut = after[i].kind in ("prep", "conj", "punct") or after[i].lower in ("which", "who", "that", "where", "when")
        kept = after[:i]
        enough = content + sum(is_content(word) for word in kept) >= LEAST_CONTENT
        if cut and enough and (verb or any(word.kind in ("aux", "verb") for word in kept)):
            best = i
            if i <= room:
                break
    return after[:best] if len(after) > room else after


def _counted(wh: str, kind: str, after: list[Word]) -> tuple[str, list[Word]]:
    """The wh-words "how many" with the noun that is counted: "how many students"."""
    if kind == "percent":
        return (f"{wh} {after[0].lower}", after[1:]) if after and after[0].lower == "of" else (wh, after)
    end = 0
    while end < min(3, len(after)) and after[end].kind in ("word", "cap"):
        end += 1
    if not end:
        return "what number" if wh == "how many" else wh, after
    return " ".join(["how many", *(word.text for word in after[:end])]), after[end:]


def _order(
    before: list[Word], after: list[Word], kind: str, wh: str, rng: np.random.Generator
) -> tuple[str, list[str]]:
    moved: list[Word] = []
    if before and before[0].kind == "prep":  # "In 1910, she built": what stands in front of the subject goes behind
        comma = next((i for i, word in enumerate(before) if word.text == ","), None)
        if comma is not None:
            moved, before = before[:comma], before[comma + 1 :]
    texts = [_text(word) for word in before]
    rest = [_text(word) for word in after]
    tail = [_text(word) for word in moved]
    if not any(is_content(word) for word in before):
        return "subject", [wh, *rest, *tail]
    short_name = len(before) <= 3 and all(word.kind in ("det", "word", "cap") for word in before)
    if short_name and after and after[0].kind in ("verb", "aux", "prep") and kind in _NAMED:
        return "named", [wh, *texts[sum(word.kind == "det" for word in before) :], *rest, *tail]
    roll = rng.random()
    inverted = _invert(before)
    if inverted is None and kind in (
        "date",
        "year",
        "place",
        "purpose",
        "reason",
        "manner",
        "condition",
        "time",
        "duration",
    ):
        inverted = _invert(before + after)
        rest = [] if inverted is not None else rest
    if inverted is not None and roll < 0.85:
        return "inverted", [wh, *inverted, *rest, *tail]
    if roll < 0.5 or (inverted is not None and roll < 0.92):
        return "turned", [wh, *rest, *texts, *tail]
    return "in_place", [*tail, *texts, wh, *rest]


def _invert(words: Sequence[Word]) -> list[str] | None:
    """The auxiliary, or "do" and the verb's base, in front of the subject. None: no verb found."""
    for i, word in enumerate(words):
        if not 0 < i <= 9 or word.kind not in ("aux", "verb") or words[i - 1].lower in ("to", "who", "which", "that"):
            continue
        if word.text in (",", ";"):
            return None
        subject, rest = [_text(w) for w in words[:i]], [_text(w) for w in words[i + 1 :]]
        if any(w.text in ",;:" for w in words[:i]) or not any(
            w.kind in ("word", "cap", "pron", "num") for w in words[:i]
        ):
            return None
        main_have = word.lower in lexicon.HAVE and not any(w.kind == "verb" for w in words[i + 1 : i + 4])
        if word.kind == "aux" and word.lower not in ("be", "been", "being", "am", "having") and not main_have:
            return [word.lower, *subject, *rest]
        if word.kind == "verb" or main_have:
            base, auxiliary = (
                ("have", {"had": "did", "has": "does"}.get(word.lower, "do")) if main_have else base_form(word)
            )
            if auxiliary == "did" and i + 1 < len(words) and words[i + 1].lower == "by":
                return None  # a participle without its auxiliary
            return [auxiliary, *subject, base, *rest]
    return None


def _text(word: Word) -> str:
    """As written; the capital of a sentence's first word goes where the word is no name."""
    return word.lower if word.kind in ("det", "pron", "prep", "conj", "adv", "aux") and word.text != "I" else word.text
