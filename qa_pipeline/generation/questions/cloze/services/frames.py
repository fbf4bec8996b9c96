"""Answers of texts that speak for a service (policies, terms, manuals), found by what their statements are about.

A statement such as "We may share your email address with third parties to send you offers" says that something is
shared, what, with whom and why. A frame is such a kind of statement: its verbs here, the questions that people ask
about it in `wordings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.phrases import clause_spans, noun_phrases, second_halves
from qa_pipeline.generation.questions.cloze.sentences import Sentence
from qa_pipeline.generation.questions.cloze.services.categories import category_of_noun
from qa_pipeline.generation.questions.cloze.spans import TypedSpan
from qa_pipeline.generation.questions.cloze.words import Word

BY_US: dict[str, frozenset[str]] = {
    "share": lexicon.word_set(
        "share disclose give sell transfer release trade exchange transmit rent supply reveal publish provide"
    ),
    "collect": lexicon.word_set(
        "collect gather receive obtain ask record log request track acquire capture monitor store"
    ),
    "use": lexicon.word_set("use utilize process analyze combine"),
    "protect": lexicon.word_set(
        "protect secure encrypt ensure prevent maintain safeguard implement restrict guarantee"
    ),
    "keep": lexicon.word_set("retain keep save store"),
    "contact": lexicon.word_set("contact notify inform send email communicate"),
    "change": lexicon.word_set("update change modify revise amend"),
}
"""Frame -> verbs of what the service does. The first frame that has a verb wins."""
BY_YOU: dict[str, frozenset[str]] = {
    "edit": lexicon.word_set("update correct delete review edit modify change remove access cancel"),
    "choose": lexicon.word_set(
        "opt choose unsubscribe decline refuse disable prefer control elect select stop set limit object"
    ),
    "collect": lexicon.word_set("submit provide enter register give post disclose visit"),
    "act": lexicon.word_set(
        "use click log follow contact request visit call write press open install create purchase order"
    ),
}
"""Frame -> verbs of what the reader does."""
HANDLING = {
    **dict.fromkeys(("share", "collect", "use"), ("information", "purpose", "recipient")),
    "keep": ("information", "purpose"),
}
"""Frame of what is done with data -> types of what its sentences name."""
_POLICY_NOUNS = lexicon.word_set("policy policies notice statement terms agreement")
_SAFETY = re.compile(
    r"\b(?:secur\w+|safeguards?|encrypt\w*|password-?\w*|firewalls?|unauthorized|confidential\w*|protect\w*)\b", re.I
)
_CHOICE = re.compile(
    r"\b(?:opt[- ]?(?:out|in)|unsubscribe|choices?(?! of)|(?:may|can|to) choose|choose not|decline|disable|consent)\b",
    re.I,
)
_CHILD = re.compile(r"\b(?:child(?:ren)?|minors?|parents?|guardians?|under (?:the age of )?1[38])\b", re.I)
_COOKIE = re.compile(r"\b(?:cookies?|beacons?|pixels?|analytics|IP address(?:es)?)\b", re.I)
_CHANGED = re.compile(
    r"\b(?:chang|updat|revis|modif|amend)\w*\b.{0,60}\b(?:policy|notice|statement|terms|agreement)\b", re.I
)
CUES = (("child", _CHILD), ("change", _CHANGED), ("choose", _CHOICE), ("protect", _SAFETY), ("cookie", _COOKIE))
_RECIPIENT_WORDS = lexicon.word_set("with to by from")
_STOP_OBJECT = lexicon.word_set(
    "if when unless because while which who that where by through in on at as for with to from during"
)
_CONTINUES = lexicon.word_set("about of and or , such other")


@dataclass(frozen=True, slots=True)
class StatedAnswer:
    """An answer and what the statement around it is about.

    Attributes:
        span: the answer; its type says which part of the statement it is.
        frame: "share", "collect", ..., see BY_US and BY_YOU; "instruction" and "consequence" for "to do X, do Y" and
            "if X, then Y".
        actor: "us" or "you".
        verb: base form of the statement's verb.
        topic: what the statement is about besides the answer, as written; "" where nothing fits.
        category: of a noun that is an answer for what it names, whatever its place in the statement: type and number,
            see `categories`; None for parts of the statement.
    """

    span: TypedSpan
    frame: str
    actor: str
    verb: str
    topic: str
    category: tuple[str, int] | None = None


def stated_answers(text: str, sentence: Sentence) -> Iterator[StatedAnswer]:
    """All answers in a sentence of a service text.

    Args:
        text: the passage.
        sentence: one of its sentences.
    """
    words = sentence.words
    clauses = list(clause_spans(sentence))
    handling = None
    for v in range(len(words)):
        statement = _statement(words, v)
        if statement is not None:
            yield from _parts(text, words, v, statement, clauses)
            handling = statement if statement.frame in HANDLING else handling
    if handling is not None:
        yield from _named(text, words, handling)
    for half in second_halves(text, sentence):
        yield StatedAnswer(half.span, half.name, "you", "", half.topic)
    frames = {name for name, cue in CUES if cue.search(text, sentence.start, sentence.end)}
    for name, _ in CUES:
        if name in frames:
            kind = "choice" if name == "choose" else "sentence"
            yield StatedAnswer(TypedSpan(sentence.start, sentence.end, kind), name, "us", "", "")
            break


@dataclass(frozen=True, slots=True)
class _Statement:
    frame: str
    actor: str
    verb: str
    first: int  # word at which subject (or auxiliary) begins
    auxiliary: int  # word at which auxiliaries begin; the verb itself without any


def _statement(words: Sequence[Word], v: int) -> _Statement | None:
    """What a verb at word v states, or None where there is no verb of a known frame with a known actor."""
    form = lexicon.VERB_FORMS.get(words[v].lower)
    if form is None or form[1] == "ing":
        return None
    base = form[0]
    i = v
    while i > 0 and (words[i - 1].kind in ("aux", "adv") or words[i - 1].lower == "not"):
        i -= 1
    auxiliary = i
    before = words[i - 1].lower if i else ""
    follows = words[v + 1].lower if v + 1 < len(words) else ""
    if before == "to" or (base in ("provide", "give", "supply") and follows in ("you", "users")):
        return None
    if form[1] == "past" and auxiliary == v and before not in ("we", "you", "they"):
        return None  # "information provided by you"
    passive = form[1] == "past" and any(word.lower in lexicon.BE for word in words[auxiliary:v])
    actor, first = "us", auxiliary
    if before in ("we", "you", "they"):
        actor, first = ("you" if before == "you" else "us"), i - 1
    elif before in ("and", "or", ","):
        actor, first = _actor_before(words, i), i
    elif passive or (i and words[i - 1].kind in ("cap", "word") and (auxiliary < v or words[v].kind == "verb")):
        actor = "us"
    elif i == 0 and form[1] == "base":
        actor = "you"  # imperative
    else:
        return None
    table = BY_US if actor == "us" else BY_YOU
    frame = next((name for name, verbs in table.items() if base in verbs), None)
    if frame == "change" and not any(word.lower in _POLICY_NOUNS for word in words):
        frame = None
    return None if frame is None else _Statement(frame, actor, base, first, auxiliary)


def _actor_before(words: Sequence[Word], i: int) -> str:
    for word in reversed(words[max(0, i - 20) : i]):
        if word.lower in ("we", "you"):
            return "you" if word.lower == "you" else "us"
    return "us"


def _parts(
    text: str, words: Sequence[Word], v: int, statement: _Statement, clauses: Sequence[TypedSpan]
) -> Iterator[StatedAnswer]:
    object_span = _object(words, v + 1)
    topic = text[words[object_span[0]].start : words[object_span[1] - 1].end] if object_span else ""

    def part(first: int, end: int, kind: str, topic: str) -> StatedAnswer:
        return _stated(TypedSpan(words[first].start, words[end - 1].end, kind), statement, topic)

    if statement.actor == "us":
        yield part(statement.first, v + 1, "action", topic)
        if statement.auxiliary not in (statement.first, v):
            yield part(statement.auxiliary, v + 1, "action", topic)
    if object_span is not None:
        for first, last in _informations(words, object_span):
            yield part(first, last, "information", "")
        recipient = _recipient(words, object_span[1]) if statement.frame in ("share", "use", "collect") else None
        if recipient is not None:
            yield part(*recipient, "recipient", topic)
    end = _predicate_end(words, v)
    if end - v > 3:
        yield part(v, end, "predicate", topic)
        if statement.first < v:
            yield part(statement.first, end, "predicate", topic)
    behind = [span for span in clauses if span.start >= words[v].end]
    yield from (_of_clause(span, statement, topic) for span in behind[:2])


def _stated(span: TypedSpan, statement: _Statement, topic: str) -> StatedAnswer:
    return StatedAnswer(span, statement.frame, statement.actor, statement.verb, topic)


def _informations(words: Sequence[Word], object_span: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """What a statement is about, whole and in short; a pronoun says nothing of it."""
    if all(word.kind == "pron" for word in words[object_span[0] : object_span[1]]):
        return
    yield object_span
    short = _head_phrase(words, object_span)
    if short != object_span:
        yield short


def _of_clause(span: TypedSpan, statement: _Statement, topic: str) -> StatedAnswer:
    """A clause behind the verb; examples are of the information itself."""
    if span.kind == "examples":
        return _stated(TypedSpan(span.start, span.end, "information"), statement, "")
    return _stated(span, statement, topic)


def _named(text: str, words: Sequence[Word], statement: _Statement) -> Iterator[StatedAnswer]:
    """What a sentence that says how data are handled names, wherever it stands."""
    for first, end in noun_phrases(words):
        start, stop = words[first].start, words[end - 1].end
        for kind in HANDLING[statement.frame]:
            number = category_of_noun(kind, text[start:stop])
            if number is not None:
                span = TypedSpan(start, stop, kind)
                yield StatedAnswer(span, statement.frame, statement.actor, statement.verb, "", (kind, number))


def _object(words: Sequence[Word], first: int) -> tuple[int, int] | None:
    """The object that begins at a word: nouns with lists and "about", without article or possessive in front."""
    while first < len(words) and (
        words[first].kind in ("det", "adv") or words[first].lower in ("for", "you", "us", "with")
    ):
        first += 1
    end = first
    while end < len(words):
        word = words[end]
        if (
            word.kind in ("word", "cap", "num")
            or end > first
            and (word.lower in _CONTINUES or word.kind == "det")
            and _noun_follows(words, end + 1)
        ):
            end += 1
        elif word.lower == "you" and end > first and words[end - 1].lower == "about":
            return first, end + 1
        else:
            break
        if end - first > 14:
            break
    while end > first and words[end - 1].kind in ("punct", "conj", "det", "prep", "adv", "pron"):
        end -= 1
    if end == first or all(word.lower in lexicon.EMPTY_NOUNS for word in words[first:end]):
        return None
    return first, end


def _noun_follows(words: Sequence[Word], i: int) -> bool:
    return any(word.kind in ("word", "cap") for word in words[i : i + 1]) or (
        i + 1 < len(words) and words[i].kind == "det" and words[i + 1].kind in ("word", "cap")
    )


def _head_phrase(words: Sequence[Word], span: tuple[int, int]) -> tuple[int, int]:
    """The first noun phrase of an object."""
    phrases = noun_phrases(words[span[0] : span[1]])
    return (span[0] + phrases[0][0], span[0] + phrases[0][1]) if phrases else span


def _recipient(words: Sequence[Word], first: int) -> tuple[int, int] | None:
    """Whom something is shared with, close behind an object."""
    for i in range(first, min(first + 6, len(words) - 1)):
        if words[i].text in ".;":
            return None
        if words[i].lower in _RECIPIENT_WORDS and words[i + 1].kind in ("word", "det", "cap", "pron", "num"):
            if words[i + 1].lower in ("you", "us", "your", "help", "our"):
                continue
            return _object(words, i + 1)
    return None


def _predicate_end(words: Sequence[Word], v: int) -> int:
    for i in range(v + 1, len(words)):
        if words[i].text in ".;:?!" and (i + 1 == len(words) or words[i].text != "."):
            return i
        if (
            words[i].text == ","
            and i + 1 < len(words)
            and words[i + 1].lower in ("but", "which", "we", "you", "unless", "however")
        ):
            return i
        if i - v > 30:
            return i
    return len(words)
