"""Turns an answer and its clause into a question: a wh-word by answer type, the clause in question order.

The forms, from good English to none: the answer was the subject ("Who built the tower?"), the reader is told to do
something ("What should you click?"), an auxiliary or a form of "do" is moved ("When did she build the tower?"), or the
clause stays and the wh-word stands in for the answer ("She built what in 1910?").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.clauses import Clause
from qa_pipeline.generation.questions.cloze.spans import AMOUNTS, NAMED, THINGS
from qa_pipeline.generation.questions.cloze.wh_words import is_half, wh_and_rest
from qa_pipeline.generation.questions.cloze.words import Word, base_form, is_content, join

MOST_WORDS = 24
"""Longest question, in words of the clause that are kept."""

_LOOSE_ENDS = lexicon.word_set("and or but the a an which that who as between both")
_SUBORDINATE = lexicon.word_set("which who whose when if where while because although though unless until whether once")
_FRONTED = lexicon.word_set("if when whenever while because although though unless whereas once")
"""Open a subordinate clause that may stand in front of its main clause, with a comma between them."""
_OF_WHOLE = lexicon.word_set("date year place purpose reason manner condition time duration")
"""Types whose answer says something of a whole clause."""
_WHEN_OR_WHY = _OF_WHOLE - {"place"}
_PAIRED = AMOUNTS | THINGS | {"date", "year"}
"""Types whose answer may be one end of "between ... and ..."."""
IN_ORDER_SHARE = 0.9
"""How often a question has the order of English ones where that can be made."""
_PARTS = re.compile(r"\b(\w+)( \1\b)+", re.I)


def general_question(
    clause: Clause,
    kind: str,
    rng: np.random.Generator,
    reword: Callable[[list[str]], list[str]] | None = None,
    spoken: bool = True,
) -> tuple[str, str]:
    """A question that the answer of the clause answers.

    Args:
        clause: words before the answer, of the answer and after it.
        kind: the answer's type.
        rng: chooses among templates.
        reword: changes the words of the clause, e.g. from "we" to "the company".
        spoken: whether the text speaks to its reader, so that a sentence that begins with a verb tells what to do.

    Returns:
        The question and the name of its form: "subject", "imperative", "named", "inverted", "in_place" or "apposition".
    """
    if (named := _apposition(clause, kind)) is not None:
        return named, "apposition"
    if kind in _PAIRED and is_half(clause.before, clause.after):
        return "", "in_place"
    moved, clause = _without_fronted(clause)
    wh, before, after = wh_and_rest(clause, kind, rng)
    if _is_in_fronted(clause) and clause.after[0].text == "," and after and after[0].text != ",":
        after = [clause.after[0], *after]  # "If you lose [your card], call us": it parts the clauses
    tells = clause.opens and (spoken or _is_order(clause.before))
    form, tokens = _order(_Gap(moved, before, after, kind, wh, tells), rng)
    if form == "named" or (form != "subject" and wh.endswith("the person who")):
        short = "which" if form == "named" else "who"
        wh, tokens = short, [short if token == wh else token for token in tokens]
    if reword is not None:
        tokens = reword(tokens)
    if not tokens:
        return "", form
    position = tokens.index(wh) if wh in tokens else 0
    left, right = tokens[:position], tokens[position + 1 :]
    if len(left) + len(right) > MOST_WORDS:
        left, right = left[-MOST_WORDS // 2 :], right[: MOST_WORDS - min(len(left), MOST_WORDS // 2)]
    while right and (right[-1] in _LOOSE_ENDS or not any(map(str.isalnum, right[-1]))):
        right.pop()
    text = _PARTS.sub(r"\1", join([*left, wh, *right])).strip(" ,;:-–—.()")
    return (text[:1].upper() + text[1:] + "?", form) if text else ("", form)


def _without_fronted(clause: Clause) -> tuple[list[Word], Clause]:
    """The subordinate clause in front of the main clause that the answer stands in, and the main clause alone.

    "If it rains, take an [umbrella]" asks for what to take, and the condition goes behind that. Nothing is in front
    where no main clause follows a comma: "If you lose your card, your key or your [badge]".
    """
    before = clause.before
    if not before or before[0].lower not in _FRONTED:
        return [], clause
    words = (*before, *clause.answer, *clause.after)
    ends = [i for i, word in enumerate(before) if word.text == "," and _is_main_clause(words[i + 1 :])]
    if not ends:
        return [], clause
    # A comma with no verb before it may be in a list: "If the pump, the lamp or the fan is off, ...".
    end = next((i for i in ends if any(word.kind in ("aux", "verb") for word in before[:i])), ends[0])
    return list(before[:end]), replace(clause, before=before[end + 1 :])


def _is_main_clause(words: Sequence[Word]) -> bool:
    """Whether words begin with what to do, or with a subject and a verb and no comma between."""
    first = next((i for i, word in enumerate(words) if word.text == "," or word.kind in ("aux", "verb")), 0)
    tells = bool(words) and (words[0].lower == "please" or lexicon.is_base(words[0].lower))
    return tells or (first > 0 and words[first].text != ",")


def _is_in_fronted(clause: Clause) -> bool:
    """Whether the answer stands in a subordinate clause and its main clause follows: "If [it] rains, take ..."."""
    fronted = bool(clause.before) and clause.before[0].lower in _FRONTED
    return fronted and any(word.text == "," for word in clause.after)


@dataclass(frozen=True, slots=True)
class _Gap:
    """A clause without its answer.

    Attributes:
        moved: what stood in front of its subject and goes behind: "If it rains", "In 1910".
        before, after: the words around the answer.
        kind: the answer's type.
        wh: the wh-words.
        spoken: whether a clause that begins with a verb tells what to do.
    """

    moved: list[Word]
    before: list[Word]
    after: list[Word]
    kind: str
    wh: str
    spoken: bool

    def has_verb_before(self) -> bool:
        return any(word.kind in ("aux", "verb") for word in self.before)

    def is_half(self) -> bool:
        """Whether the answer is one of a list in the subject: "[Children] and seniors pay"."""
        joins = self.after[:1] and self.after[0].lower in ("and", "or")
        joins = joins or self.before[-1:] and self.before[-1].lower in ("and", "or")
        return bool(joins) and self.kind in THINGS | {"subject"} and not self.has_verb_before()

    def order(self, words: Sequence[Word]) -> list[str] | None:
        """See `_imperative`; None where the text does not speak to its reader."""
        return _imperative(words) if self.spoken else None


def _order(gap: _Gap, rng: np.random.Generator) -> tuple[str, list[str]]:
    """The form of a question and its tokens; without tokens none can be asked."""
    # "In 1910, she built": what stands in front of the subject goes behind.
    if gap.before and gap.before[0].kind == "prep":
        comma = next((i for i, word in enumerate(gap.before) if word.text == ","), None)
        if comma is not None:
            moved, before = [*gap.before[:comma], *gap.moved], gap.before[comma + 1 :]
            gap = replace(gap, moved=moved, before=before)
    if not any(is_content(word) or word.kind in ("aux", "verb") for word in gap.before):
        return _order_of_subject(gap)
    if gap.is_half():
        return "subject", []  # "What and seniors pay?"
    wh, before, after = gap.wh, gap.before, gap.after
    texts, rest, tail = _texts(before), _texts(after), _texts(gap.moved)
    order = gap.order(_last_predicate(before))
    if order is not None:
        return "imperative", [wh, "should", "you", *order, *rest, *tail]
    if after and after[0].text == "," and before[0].kind == "prep":
        return _order_of_adjunct(gap)
    short_name = len(before) <= 3 and all(word.kind in ("det", "word", "cap") for word in before)
    if short_name and after and after[0].kind in ("verb", "aux", "prep") and gap.kind in NAMED:
        return "named", [wh, *texts[sum(word.kind == "det" for word in before) :], *rest, *tail]
    roll = rng.random()
    inverted, rest = _inverted_around(gap, rest)
    if inverted is not None and roll < IN_ORDER_SHARE:
        return "inverted", [wh, *inverted, *rest, *tail]
    return "in_place", [*tail, *texts, wh, *rest]


def _order_of_subject(gap: _Gap) -> tuple[str, list[str]]:
    """The same where the answer opens its clause: "[Anna Berg] built the tower"."""
    wh, after, rest, tail = gap.wh, gap.after, _texts(gap.after), _texts(gap.moved)
    if gap.kind in _OF_WHOLE and after:  # "If it rains, take ...": the answer stood in front of the clause
        order, statement = gap.order(after), _invert(after)
        if order is not None:
            return "imperative", [wh, "should", "you", *order]
        if statement is not None:
            return "inverted", [wh, *statement]
    if gap.before and gap.before[0].lower in _FRONTED and any(word.text == "," for word in after):
        # "If the [battery] is empty, the lamp blinks": alone, "What is empty" says nothing of the lamp. Without a verb
        # behind it the answer is none that can be asked for: "If you [miss] a visit, we charge £25".
        is_subject = after[0].kind in ("aux", "verb")
        return ("in_place", [*_texts(gap.before), wh, *rest]) if is_subject else ("subject", [])
    relative = bool(after) and after[0].lower in ("that", "which", "who", "whose")
    adjunct = bool(after) and after[0].kind == "prep" and gap.kind in ("phrase", "subject", "modified")
    if gap.is_half() or relative or adjunct or gap.kind in _WHEN_OR_WHY:
        return "subject", []  # "What and seniors pay?", "Who that was born here became king?", "When was closed?"
    if rest and gap.kind == "subject" and after[0].kind == "verb" and lexicon.is_base(rest[0]):
        rest[0] = lexicon.s_form(rest[0])  # "Who needs" of "lockers need"
    return "subject", [wh, *rest, *tail]


def _order_of_adjunct(gap: _Gap) -> tuple[str, list[str]]:
    """The same where the answer ends what is in front of the clause: "To return a [device], show the receipt"."""
    wh, texts, clause = gap.wh, _texts(gap.before), gap.after[1:]
    order, statement = gap.order(clause), _invert(clause)
    if order is not None:
        return "imperative", [wh, "should", "you", *order, *texts]
    if statement is not None:
        return "inverted", [wh, *statement, *texts]
    return "in_place", [*texts, wh, *_texts(gap.after)]


def _inverted_around(gap: _Gap, rest: list[str]) -> tuple[list[str] | None, list[str]]:
    """The clause in question order, and what is left of `rest`, the words behind the answer, to come after it."""
    before, after = gap.before, gap.after
    # "Orders placed before [2 pm] are shipped": the answer stands in the subject, the verb before it is a participle.
    if after and after[0].kind == "aux" and any(word.kind == "verb" for word in before):
        return None, rest
    inverted = _invert(before)
    if inverted is None and gap.kind in _OF_WHOLE and before[-1].kind != "prep":
        inverted = _invert(before + after)
        rest = [] if inverted is not None else rest
    return inverted, rest


def _apposition(clause: Clause, kind: str) -> str | None:
    """The question "Who is the practice manager?" for "the practice manager, Joan Petty"; None for other places."""
    before = clause.before
    if kind != "person" or not before or before[-1].text != "," or (clause.after and clause.after[0].text != ","):
        return None
    first = len(before) - 1
    while first and before[first - 1].kind == "word":
        first -= 1
    nouns = [word.text for word in before[first:-1]]
    if len(nouns) < 2 or not first or before[first - 1].lower != "the":
        return None
    past = any(lexicon.VERB_FORMS.get(w.lower, ("", ""))[1] == "past" or w.lower in ("was", "were") for w in before)
    past &= not any(word.kind == "aux" and word.lower not in ("was", "were", "had") for word in before)
    return join(["Who", "was" if past else "is", "the", *nouns]) + "?"


def _is_order(words: Sequence[Word]) -> bool:
    """Whether a sentence that begins so tells to do something, whoever it speaks to: "Print the label"."""
    return len(words) > 1 and lexicon.is_base(words[0].lower) and words[1].lower in lexicon.ARTICLES | {"your", "this"}


def _last_predicate(words: list[Word]) -> list[Word]:
    """What is told last: "bring the parcel" of "print the label and bring the parcel"."""
    for i in range(len(words) - 2, 1, -1):
        joins = words[i].lower in ("and", "then") and lexicon.is_base(words[i + 1].lower)
        if joins and _imperative(words) is not None:
            return words[i + 1 :]
    return words


def _imperative(words: Sequence[Word]) -> list[str] | None:
    """The words of a clause that tells its reader to do something, "please" left out; None for others."""
    words = words[1:] if words and words[0].lower == "please" else words
    if not words or words[0].kind not in ("verb", "word"):
        return None
    form = lexicon.VERB_FORMS.get(words[0].lower)
    if form is None or form[0] != words[0].lower:
        return None
    follows = words[1].kind if len(words) > 1 else "det"
    noun = words[0].kind == "word" and words[0].lower not in lexicon.NOUN_VERBS
    if words[0].text[0].isupper() and (follows == "cap" or noun):
        return None  # a name
    if follows not in ("det", "num", "pron", "adv", "cap") and words[0].kind == "word":
        return None
    return [words[0].lower, *(_text(word) for word in words[1:])] if follows not in ("aux", "verb") else None


def _invert(words: Sequence[Word]) -> list[str] | None:
    """The auxiliary, or "do" and the verb's base, in front of the subject. None: no verb found."""
    for i, word in enumerate(words):
        if not 0 < i <= 9 or word.kind not in ("aux", "verb") or words[i - 1].lower in ("to", "who", "which", "that"):
            continue
        if word.text in (",", ";"):
            return None
        if word.kind == "verb" and words[i - 1].kind in ("word", "cap") and _main_verb_follows(words, i):
            continue
        subject, rest = [_text(w) for w in words[:i]], [_text(w) for w in words[i + 1 :]]
        commas = [k for k, w in enumerate(words[:i]) if w.text in ",;:"]
        apposition = len(commas) == 2 and commas[1] == i - 1 and words[commas[0]].text == ","
        if (
            (commas and not apposition)
            or words[0].lower in _SUBORDINATE
            or not any(w.kind in ("word", "cap", "pron", "num") for w in words[:i])
        ):
            return None
        main_have = word.lower in lexicon.HAVE and not any(w.kind == "verb" for w in words[i + 1 : i + 4])
        if word.kind == "aux" and word.lower not in ("be", "been", "being", "am", "having") and not main_have:
            return [word.lower, *subject, *rest]
        if word.kind == "verb" or main_have:
            base, auxiliary = (
                ("have", {"had": "did", "has": "does"}.get(word.lower, "do")) if main_have else base_form(word)
            )
            if auxiliary == "did" and base == word.lower and _is_plural(words[i - 1]):
                auxiliary = "do"  # "permits cost": as likely today as then
            if auxiliary == "did" and i + 1 < len(words) and words[i + 1].lower == "by":
                return None  # a participle without its auxiliary
            return [auxiliary, *subject, base, *rest]
    return None


def _main_verb_follows(words: Sequence[Word], i: int) -> bool:
    """Whether the verb at word i is a participle in the subject: "orders placed before noon are shipped"."""
    if lexicon.VERB_FORMS.get(words[i].lower, ("", "past"))[1] != "past":
        return False
    for word in words[i + 1 :]:
        if word.kind in ("punct", "conj", "verb") or word.lower in ("who", "which", "that", "what", "how"):
            return False
        if word.kind == "aux":
            return True
    return False


def _is_plural(word: Word) -> bool:
    return word.lower in lexicon.PLURALS or (word.lower.endswith("s") and not word.lower.endswith("ss"))


def _texts(words: Sequence[Word]) -> list[str]:
    return [_text(word) for word in words]


def _text(word: Word) -> str:
    """As written; the capital of a sentence's first word goes where the word is no name."""
    return word.lower if word.kind in ("det", "pron", "prep", "conj", "adv", "aux") and word.text != "I" else word.text
