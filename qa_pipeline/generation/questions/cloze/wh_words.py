"""Chooses the wh-words of a question by answer type, and takes from its clause what need not be said, or must not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.answers import unit_question
from qa_pipeline.generation.questions.cloze.clauses import Clause
from qa_pipeline.generation.questions.cloze.spans import AMOUNTS, NAMED, THINGS
from qa_pipeline.generation.questions.cloze.words import Word, begins_predicate, is_content

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
    "money": ("how much", "how much", "how much money", "what amount"),
    "phone": ("what phone number", "which phone number", "what number", "what telephone number"),
    "number": ("how many",),
    "ordinal": ("which", "what"),
    "purpose": ("why", "why", "why", "for what purpose", "for what reason"),
    "reason": ("why", "why", "for what reason", "because of what"),
    "manner": ("how", "how", "in what way", "by what means"),
    "condition": ("when", "when", "under what circumstances", "in what case", "under which conditions"),
    "duration": ("how long", "for how long", "until when"),
    "examples": ("what are examples of", "what", "which", "what are some of"),
    "subject": ("what",),
    "modified": ("what", "what"),
    "phrase": ("what", "what"),
}
_TIME_PREPOSITIONS = lexicon.word_set("in on at during since by from until around before after")
_PLACE_PREPOSITIONS = lexicon.word_set("in at near to within throughout")
_CLASSED = lexicon.word_set("organization place name title")
CLASS_SHARE = 0.5
"""How often a name is asked for by its class: "what party" for "Liberal Party"."""
_ABOUT = lexicon.word_set("about approximately around nearly almost roughly over only some just")
_MEASURED = lexicon.word_set("tall high long wide deep old thick heavy large big")
_SPANNING = lexicon.word_set("for after within before in until")
_COMPARED = lexicon.word_set("up more less fewer longer shorter older younger higher lower greater smaller")
_TOTALS = lexicon.word_set("total average maximum minimum sum number lot score population")
_DOERS = ("ers", "ors", "ists", "ians", "ees", "ents")
"""Ends of words for people, in the plural."""
_THINGS_IN_ERS = lexicon.word_set(
    "orders offers lockers containers numbers papers letters computers servers powers centers towers rivers layers "
    "sensors doors floors errors colors factors motors monitors indicators folders headers filters timers chargers "
    "printers scanners covers drivers rollers boilers heaters coolers meters parameters chapters quarters corners "
    "transfers answers vouchers posters banners trailers browsers routers trackers processors fees trees degrees "
    "levers transformers vectors operators mirrors elevators generators reactors radiators tractors"
)

_CUES = {
    "examples": lexicon.word_set("such as including includes include ,"),
    "reason": lexicon.word_set("because due to of"),
}
"""Words in front of a clause that its wh-words say."""
_RELATIVE = lexicon.word_set("who which whose where")


def wh_and_rest(clause: Clause, kind: str, rng: np.random.Generator) -> tuple[str, list[Word], list[Word]]:
    """The wh-words and the words before and after the answer, less what the wh-words say already."""
    before, after = list(clause.before), list(clause.after)
    options = WH_WORDS.get(kind, ("what",))
    wh = str(options[int(rng.integers(len(options)))])
    each = bool(before) and before[-1].lower in ("every", "each")
    before, after = pare(before, after, kind)
    stranded = before[-1].lower if before and before[-1].kind == "prep" else ""
    if wh in ("who", "what name") and kind == "name" and stranded not in ("", "by"):
        wh = "what"
    if kind in AMOUNTS:
        wh, after = _of_amount(clause, kind, wh, before, after, each)
    elif kind in ("date", "year", "time", "century"):
        wh = _of_time(clause, kind, wh, before)
    elif kind in NAMED:
        wh, after = _of_name(clause, kind, wh, before, after, rng)
    else:
        wh, after = _of_phrase(clause, kind, wh, before, after, rng)
    if before and before[-1].kind == "prep" and wh.split()[0] in ("in", "on", "at") and len(wh.split()) > 1:
        wh = wh.split(" ", 1)[1]  # "the minutes of what date"
    return wh, before, after


# One function for each group of types. All take words off the end of `before`; the first, third and fourth return what
# is left of `after`, too.


def _of_amount(
    clause: Clause, kind: str, wh: str, before: list[Word], after: list[Word], each: bool
) -> tuple[str, list[Word]]:
    """Amounts: "what fee", "how many students", "how tall"; `each`: "every" or "each" stood in front of it."""
    counts = kind == "number" and bool(after) and after[0].kind in ("word", "cap")
    named = _without_amount_words(before, counts)
    if named:
        return f"what {named}", after
    if kind in ("number", "percent"):
        return _counted(wh, kind, after)
    if kind != "quantity":
        return wh, after
    wh = unit_question(" ".join(word.text for word in clause.answer))
    if after and after[0].lower in _MEASURED:
        wh, after = f"how {after[0].lower}", after[1:]
    if wh == "how long" and before and before[-1].lower in _SPANNING:
        preposition = before.pop().lower
        return wh if preposition == "for" else f"{preposition} {wh}", after
    return "how often" if wh == "how long" and each else wh, after


def _of_time(clause: Clause, kind: str, wh: str, before: list[Word]) -> str:
    """Times and dates: "between what times", "since when", "by what year"."""
    last = before[-1].lower if before else ""
    if kind == "time" and last in ("between", "from") and len(clause.answer) > 1:
        before.pop()
        return "between what times" if last == "between" else "when"
    if last not in _TIME_PREPOSITIONS:
        return wh
    before.pop()
    if last not in ("since", "until", "before", "after", "by", "from"):
        return wh
    noun = wh.split()[-1]
    return f"{last} {noun if noun == 'when' else f'what {noun}'}"


def _of_name(
    clause: Clause, kind: str, wh: str, before: list[Word], after: list[Word], rng: np.random.Generator
) -> tuple[str, list[Word]]:
    """Names: without the title of a person, with the class of a thing ("what party"), or with the noun behind it."""
    if kind == "person" and before and before[-1].lower.rstrip(".") in lexicon.TITLES:
        while before and before[-1].lower.rstrip(".") in lexicon.TITLES:
            before.pop()
        return wh, after
    if kind == "place" and before and _is_said_by(wh, before[-1]):
        before.pop()
        return wh, after
    last = clause.answer[-1].lower
    if kind in _CLASSED and last in lexicon.CLASSES and len(clause.answer) > 1 and rng.random() < CLASS_SHARE:
        return f"{'which' if rng.random() < 0.5 else 'what'} {last}", after
    if not after or after[0].kind != "word" or after[0].start - clause.answer[-1].end != 1:
        return wh, after
    end = next((i for i, word in enumerate(after) if word.kind != "word"), len(after))
    noun = " ".join(word.text for word in after[:end])  # "American physicians": a name that says which
    which = "which" if rng.random() < 0.5 else "what"
    which = "whose" if last.endswith(("'s", "’s")) else which
    return f"{which} {noun}", after[end:]


def _is_said_by(wh: str, preposition: Word) -> bool:
    """Whether the wh-words say what a preposition says: "where" of "in Graz"."""
    if wh == "where":
        return preposition.lower in _PLACE_PREPOSITIONS
    return wh == "in what place" and preposition.kind == "prep"


def _of_phrase(
    clause: Clause, kind: str, wh: str, before: list[Word], after: list[Word], rng: np.random.Generator
) -> tuple[str, list[Word]]:
    """Phrases and clauses: "who" for people, "which floor", "what kind of car"; without the cue of a clause."""
    if kind == "subject" and _are_people(clause.answer[-1].lower):
        return "who", after
    if kind == "ordinal" and after and after[0].kind == "word":
        return f"{wh} {after[0].text}", after[1:]
    if kind == "modified" and len(clause.answer) == 2 and rng.random() < 0.4:
        return f"what {'kind' if rng.random() < 0.5 else 'type'} of {clause.answer[-1].text}", after
    while before and before[-1].lower in _CUES.get(kind, ()):
        before.pop()
    return wh, after


def _are_people(noun: str) -> bool:
    return noun in lexicon.PLURALS or (noun.endswith(_DOERS) and noun not in _THINGS_IN_ERS)


def _without_amount_words(before: list[Word], counts: bool) -> str:
    """Takes "about", "up to" and "a total of" off the end; of "a fee of" returns "fee", what the amount is.

    Not where the amount `counts` what comes behind it: "a database of 10 million rows".
    """
    while before:
        last = before[-1].lower
        if last in _ABOUT or (last in ("least", "most") and before[-2:-1] and before[-2].lower == "at"):
            del before[-2 if last in ("least", "most") else -1 :]
        elif last in ("to", "than") and before[-2:-1] and before[-2].lower in _COMPARED:
            del before[-2:]
        elif last == "of" and len(before) > 1 and before[-2].kind == "word":
            end = len(before) - 1
            first = end - 1
            while first and before[first - 1].kind == "word" and before[first].start - before[first - 1].end == 1:
                first -= 1
            if not first or before[first - 1].kind != "det":
                return ""
            noun, head = " ".join(word.text for word in before[first:end]), before[end - 1].lower
            if counts and head not in _TOTALS:
                return ""
            del before[first - 1 :]
            if head not in _TOTALS:
                return noun
        else:
            return ""
    return ""


def _counted(wh: str, kind: str, after: list[Word]) -> tuple[str, list[Word]]:
    """The wh-words "how many" with the noun that is counted: "how many students"."""
    if kind == "percent" and not (after and after[0].lower == "of"):
        return "what percentage", after
    if kind == "percent":
        end = next(
            (i for i, word in enumerate(after) if i and word.kind not in ("det", "word", "cap", "num")), len(after)
        )
        return " ".join([wh, *(word.text for word in after[:end])]), after[end:]
    end = 0
    while end < min(4, len(after)) and (
        after[end].kind in ("word", "cap")
        or (after[end].kind in ("ing", "verb") and end + 1 < len(after) and after[end + 1].kind == "word" and not end)
    ):
        end += 1
    if not end:
        return wh, after
    return " ".join(["how many", *(word.text for word in after[:end])]), after[end:]


def pare(before: list[Word], after: list[Word], kind: str) -> tuple[list[Word], list[Word]]:
    """The words before and after an answer without its article, its company, asides and a second statement.

    Args:
        before, after: words of the clause; the lists stay as they are.
        kind: the answer's type.
    """
    before, after = list(before), list(after)
    while before and (before[-1].kind == "det" or before[-1].text in '“"(‘$,'):
        before.pop()
    after = _without_aside(before, after)
    adjunct = bool(before) and before[0].kind == "prep" and any(is_content(word) for word in before)
    adjunct &= not any(word.kind in ("aux", "punct") for word in before)
    while after and after[0].text in ('”")’' if adjunct else '”")’,'):
        after.pop(0)
    if len(after) > 1 and after[0].kind == "pron" and after[1].kind in ("verb", "aux") and kind in THINGS:
        after = []  # "one point for every [euro] they spend"
    before, after = _without_company(before, after, kind)
    return before, _without_second_predicate(before, after)


def is_half(before: Sequence[Word], after: Sequence[Word]) -> bool:
    """Whether the answer between these words is one end of "between ... and ..."."""
    pair = next((i for i in range(len(before) - 1, -1, -1) if before[i].lower == "between"), None)
    if pair is None:
        return False
    inside = before[pair + 1 :]
    closed = any(word.kind in ("aux", "verb") or word.text in ",;" for word in inside)
    joined = [word.lower in ("and", "to") for word in inside]
    first = not any(joined) and any(word.lower in ("and", "to") for word in after[:6])
    second = sum(joined) == 1
    return not closed and (first or second)


def _without_aside(before: list[Word], after: list[Word]) -> list[Word]:
    """`after` without what only says more of the answer: ", which ...", ", a customer in Bergen,"."""
    if len(after) < 2 or after[0].text != "," or not any(word.kind in ("aux", "verb") for word in before):
        return after
    if after[1].lower not in _RELATIVE and after[1].lower not in ("a", "an", "the"):
        return after
    end = next((i for i in range(2, len(after)) if after[i].text == ","), len(after))
    said = any(word.kind in ("aux", "verb") for word in after[1:end])
    return after[end + 1 :] if after[1].lower in _RELATIVE or not said else after


def _without_company(before: list[Word], after: list[Word], kind: str) -> tuple[list[Word], list[Word]]:
    """Without what the answer is named together with: "the bed and the [food]", "a [parent] or guardian"."""
    verb = next((i for i, word in enumerate(before) if word.kind in ("aux", "verb")), None)
    if verb is None:
        return before, after
    joined = bool(before) and before[-1].lower in ("and", "or")
    if kind == "time":  # "open on Mondays from 9:00 to 12:00, and on Fridays from [10:00]": only the last of the list
        other = max((i for i, word in enumerate(before) if word.kind == "num"), default=len(before))
        last = next((i for i in range(other, len(before)) if before[i].lower == "and"), len(before))
        end = verb + 1
        while end < len(before) and before[end].kind in ("word", "verb", "adv"):
            end += 1
        listed = end <= last + 1 < len(before) and before[last + 1].kind == "prep"
        return (before[:end] + before[last + 1 :] if listed else before), after
    if joined and kind in AMOUNTS:
        before = before[: next((i for i, word in enumerate(before) if i > verb and word.kind == "num"), len(before))]
    elif joined and kind in THINGS:
        end = len(before)
        while end > verb + 1 and before[end - 1].kind not in ("aux", "verb", "prep", "ing"):
            end -= 1
        before = before[:end]
    if after and after[0].lower in ("and", "or") and kind in THINGS:
        end = 1
        while end < len(after) and after[end].kind in ("det", "word", "cap", "num"):
            end += 1
        new_clause = end < len(after) and after[end].kind in ("aux", "verb", "pron")
        after = [] if new_clause else after[end:]
    return before, after


def _without_second_predicate(before: list[Word], after: list[Word]) -> list[Word]:
    """`after` up to "and" with a verb, which says a second thing: "pay [$35] and need to show a card"."""
    is_order = bool(before) and lexicon.is_base(before[0].lower)
    if not is_order and not any(word.kind in ("aux", "verb") for word in before):
        return after
    for i in range(len(after) - 1):
        if after[i].lower not in ("and", "but", "or"):
            continue
        at = i + 2 if after[i + 1].kind == "adv" and i + 2 < len(after) else i + 1
        if begins_predicate(after, at) or (is_order and lexicon.is_base(after[at].lower)):
            return after[:i]
    return after
