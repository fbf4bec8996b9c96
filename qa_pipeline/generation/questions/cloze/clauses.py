"""Takes from a sentence the shortest clause that holds an answer and is still long enough to ask about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.words import Word, begins_predicate

ENOUGH_WORDS, MOST_WORDS = 10, 25
MOST_SUBJECT_WORDS = 8
MOST_STATEMENT_WORDS = 12
"""Behind a clause, in which a further statement must show its verb."""
_OF_SUBJECT = frozenset(("det", "word", "cap", "num", "pron", "prep"))
_MARKS = frozenset(",;:—–()-.")
_PARTING = frozenset(";:")
"""Between statements that stand for themselves."""
_LINKS = lexicon.word_set(
    "because although though whereas and but so or otherwise however therefore thus moreover furthermore also then"
)
_RELATIVE = frozenset(("which", "who", "whose"))
_TIMES = lexicon.word_set("noon midday midnight dawn dusk dark sunrise sunset breakfast lunch dinner work school today")
_OPENERS = lexicon.word_set(
    "and but which who while because although though when where after before whereas since so if unless"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """The words around an answer: `before` it, `answer` and `after` it, all of one sentence; whether they open it."""

    before: tuple[Word, ...]
    answer: tuple[Word, ...]
    after: tuple[Word, ...]
    opens: bool = False


def clause_around(words: tuple[Word, ...], start: int, end: int, enough: int = ENOUGH_WORDS) -> Clause:
    """The clause of an answer.

    Args:
        words: of the sentence.
        start, end: characters of the answer in the same counting, end exclusive.
        enough: words a clause should have; it grows over its neighbours until then, to the left first, where the
            subject is, and up to MOST_WORDS while it has no verb.
    """
    first = next((i for i, word in enumerate(words) if word.end > start), len(words))
    last = next((i for i, word in enumerate(words) if word.start >= end), len(words))
    cuts = _boundaries(words, first, last)
    left = max(cut for cut in cuts if cut <= first)
    right = min(cut for cut in cuts if cut >= last)
    if (relative := _relative(words, first)) is not None:
        return Clause((*relative[0], *words[relative[1] : first]), words[first:last], _trim_right(words[last:right]))
    subject = _shared_subject(words, left, first)
    while not subject:
        complete = _has_verb(words[left:first] + words[last:right])
        if right - left >= (enough if complete else MOST_WORDS):
            break
        stays = complete and (words[left - 1].text in _PARTING or _is_statement(words, left, right))
        lower = [cut for cut in cuts if cut < left and not stays]
        end = min(right + MOST_STATEMENT_WORDS, len(words))
        stays = complete and right < end and (words[right].text in _PARTING or _is_statement(words, right, end))
        higher = [cut for cut in cuts if cut > right and not stays]
        if lower:
            left = lower[-1]
        elif higher:
            right = higher[0]
        else:
            break
        if subject := _shared_subject(words, left, first):
            break
    own = words[left:first]
    if left > 0 or not _opens_main_clause(own, words[last:right]):
        own = _trim_left(own)
    if subject and own and own[0].kind == "word" and subject[-1].kind != "aux":
        own = (replace(own[0], kind="verb"), *own[1:])  # "and costs 5 euros"
    before = (*subject, *own)
    return Clause(before, words[first:last], _trim_right(words[last:right]), _opens(words, left))


def _opens(words: tuple[Word, ...], left: int) -> bool:
    """Whether the word opens the sentence, but for what says when or what for: "To open it, press the button"."""
    if left == 0 or words[left - 1].text != ",":
        return left == 0
    first = words[0].kind == "prep" or words[0].lower in ("if", "when", "once")
    return first and not any(word.text in _MARKS for word in words[: left - 1])


def _shared_subject(words: tuple[Word, ...], left: int, first: int) -> tuple[Word, ...]:
    """The sentence's subject, where the clause from `left` says a second thing of it: "The tower rose and fell"."""
    joins = left > 0 and words[left].lower in ("and", "but") and words[left - 1].kind != "punct"
    i = left + 1
    while i < first and words[i].kind == "adv":
        i += 1
    verb = next((k for k, word in enumerate(words[:left]) if word.kind in ("verb", "aux")), 0)
    # "may collect and store the address", "was built and opened": the auxiliary is said of both.
    modal = words[verb].lower in lexicon.MODALS and i < first and lexicon.is_base(words[i].lower)
    follows = i + 1 < len(words) and words[i + 1].kind in ("det", "pron", "num")
    if not joins or i >= first or not (begins_predicate(words, i) or (modal and follows)):
        return ()
    subject = words[:verb]
    plain = 0 < len(subject) <= MOST_SUBJECT_WORDS and all(word.kind in _OF_SUBJECT | {"ing"} for word in subject)
    participle = words[verb].kind == "aux" and words[i].kind == "verb" and words[i].lower.endswith("ed")
    if not plain or subject[0].kind == "prep":
        return ()
    return (*subject, words[verb]) if participle or modal else subject


def _relative(words: tuple[Word, ...], first: int) -> tuple[tuple[Word, ...], int] | None:
    """For an answer in a clause with "who" or "which": what that speaks of, and the word behind it; None for others.

    "The director is Anna Berg, who studied law in [Graz]" says that Anna Berg studied law there.
    """
    r = next((i for i in range(first - 1, 1, -1) if words[i].text in _MARKS or words[i].lower in _RELATIVE), 0)
    if r < 2 or words[r].lower not in ("who", "which") or words[r - 1].text != ",":
        return None
    begin = r - 1
    while begin and (words[begin - 1].kind in ("det", "word", "cap", "num") or words[begin - 1].lower == "of"):
        begin -= 1
    while begin < r - 1 and words[begin].lower == "of":
        begin += 1
    known = any(word.kind in ("word", "cap") for word in words[begin : r - 1])
    says = r + 1 < first and words[r + 1].kind in ("aux", "verb", "adv")
    return (words[begin : r - 1], r + 1) if known and says and _has_verb(words[r + 1 : first]) else None


def _is_statement(words: tuple[Word, ...], start: int, end: int) -> bool:
    """Whether "and", a subject and a verb stand between two words, behind another statement."""
    joins = words[start].lower in ("and", "but", "so", "while", "whereas")
    if not joins or not _has_verb(words[:start]):
        return False  # "students and seniors pay"
    said = words[start + 1 : end]
    verb = next((i for i, word in enumerate(said) if word.kind in ("aux", "verb")), 0)
    return (
        verb > 0
        and said[0].kind in ("det", "word", "cap", "pron", "num", "ing")
        and all(word.kind in _OF_SUBJECT or word.kind in ("adv", "ing") for word in said[:verb])
    )


def _has_verb(words: tuple[Word, ...]) -> bool:
    return any(word.kind in ("aux", "verb") for word in words)


def _boundaries(words: tuple[Word, ...], first: int, last: int) -> list[int]:
    cuts = [0]
    for i, word in enumerate(words):
        behind = words[i + 1].lower if i + 1 < len(words) else ""
        if first < i < last or (i < first and {word.lower, behind} & _RELATIVE):
            continue  # "which ..." needs what it speaks of
        if word.text in _MARKS and (word.text != "." or i + 1 == len(words)):  # others belong to abbreviations
            cuts.append(i + 1 if i + 1 <= first or i >= last else i)
        elif word.lower in _OPENERS and word.kind != "cap" and not _is_preposition(words, i):
            cuts.append(i)
    return sorted({*cuts, len(words)})


def _is_preposition(words: tuple[Word, ...], i: int) -> bool:
    """Whether "before", "after" or "since" stand in front of a time and not of a statement."""
    if words[i].lower not in ("before", "after", "since") or i + 1 == len(words):
        return False
    return words[i + 1].kind in ("num", "cap") or words[i + 1].lower in _TIMES


def _opens_main_clause(before: tuple[Word, ...], after: tuple[Word, ...]) -> bool:
    """Whether a first word such as "although" joins two statements: "Although the museum is small, it holds ..."."""
    joins = len(before) > 1 and before[0].lower in ("because", "although", "though")
    commas = [i for i, word in enumerate((*before, *after)) if word.text == ","]
    return joins and any(_has_verb((*before, *after)[comma:]) for comma in commas)


def _trim_left(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Takes punctuation and joining words off the beginning."""
    kept = list(words)
    while kept and (kept[0].kind == "punct" or kept[0].lower in _LINKS):
        kept.pop(0)
    opens = len(kept) > 1 and kept[0].lower in ("where", "that")
    if opens and kept[1].kind in _OF_SUBJECT - {"prep"}:
        kept.pop(0)
    return tuple(kept)


def _trim_right(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Takes punctuation and joining words off the end, and the subject of what is said next."""
    kept = list(words)
    comma = next((i for i, word in enumerate(kept) if word.text == ","), 0)
    if comma and kept[comma + 1 : comma + 2] and kept[comma + 1].lower == "and" and not _has_verb(words[comma:]):
        del kept[comma:]  # "has 9,599 inhabitants, and its museum" of what goes on with "shows ..."
    while kept and (kept[-1].kind in ("punct", "conj", "det") or kept[-1].lower in _OPENERS):
        kept.pop()
    return tuple(kept)
