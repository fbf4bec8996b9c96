"""Answers of lower-case text: noun phrases, clauses that a cue opens, and the second halves of statements.

A cue is "in order to ...", "by ...ing", "if ..."; a statement of two halves is "To open it, press the button".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.sentences import Sentence
from qa_pipeline.generation.questions.cloze.spans import TypedSpan
from qa_pipeline.generation.questions.cloze.words import Word, is_content, runs

MOST_PHRASE_WORDS = 6
LEAST_CLAUSE_WORDS, MOST_CLAUSE_WORDS = 3, 25
_ENDS = frozenset(".;:?!—–")
_CONDITIONS = lexicon.word_set("if when unless once whenever until")
_NOT_PURPOSE = lexicon.word_set(
    "you us we me him her it them how what where when which whether able want wish need have has had used necessary "
    "entitled required agree possible likely right opportunity ability subject reluctant willing unable easy "
    "difficult hard"
)
_ADJECTIVE_ENDS = ("al", "ive", "ous", "ful", "ible", "able", "less", "ary", "ian", "ese", "er", "ior", "ic", "lar")

_NOT_LAST = ("adv", "ing", "verb", "num")
"""Kinds of words that no noun phrase ends with."""


def noun_phrases(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Runs (first word, end exclusive) of nouns and adjectives without articles and possessives in front."""
    found = []
    for first, last in runs(words, lambda i: _in_phrase(words, i, i), lambda i, first: _in_phrase(words, i, first)):
        end = last
        while end > first and (words[end - 1].kind in _NOT_LAST or words[end - 1].lower == "online"):
            end -= 1
        if end > first and words[end - 1].lower not in lexicon.EMPTY_NOUNS and end - first <= MOST_PHRASE_WORDS:
            found.append((first, end))
    return found


def _in_phrase(words: Sequence[Word], i: int, first: int) -> bool:
    word = words[i]
    if i > first and word.start - words[i - 1].end > 1:
        return False
    if word.kind in ("word", "cap"):
        return True
    # A participle or a number inside a phrase: "targeted ads", "three wars"; not as its end.
    before = words[i - 1] if i else None
    follows = words[i + 1] if i + 1 < len(words) else None
    modifies = follows is not None and follows.kind == "word"
    return word.kind == "verb" and before is not None and before.kind == "det" and modifies


def phrase_spans(sentence: Sentence) -> Iterator[TypedSpan]:
    """Noun phrases: "subject" before a verb at the beginning, "modified" for two words, "phrase" for the others."""
    words = sentence.words
    for first, end in noun_phrases(words):
        follows = words[end] if end < len(words) else None
        if _is_no_answer(words, first, end) or _is_part(words, first, end):
            continue
        opening = all(word.kind in ("det", "adv", "conj") for word in words[:first])
        if opening and follows is not None and follows.kind == "prep" and follows.lower != "of":
            continue  # "What by telephone are ...?"
        kind = "modified" if end - first == 2 else "phrase"
        if opening and follows is not None and follows.kind in ("verb", "aux"):
            kind = "subject"
        if follows is None or follows.lower != "of":
            yield TypedSpan(words[first].start, words[end - 1].end, kind)
        elif (last := _complement_end(words, end)) is not None:
            yield TypedSpan(words[first].start, words[last - 1].end, "phrase")


def _is_no_answer(words: Sequence[Word], first: int, end: int) -> bool:
    """Whether a noun phrase says too little to be asked for, is a name, or something to do: "or contact support"."""
    lower, before = words[first].lower, words[first - 1].lower if first else ""
    if not any(is_content(word) for word in words[first:end]) or words[first].text[0].isupper() and first > 0:
        return True
    if end - first == 1:
        is_rate = first > 1 and before in ("a", "an", "each", "every") and lower in _SPANS  # "twice a year"
        short = len(lower) < 4 or lower.endswith(_ADJECTIVE_ENDS)
        return short or is_rate or _says_little(words, first)
    return end - first == 2 and before in ("and", "or", ",") and lexicon.is_base(lower)


def _is_part(words: Sequence[Word], first: int, end: int) -> bool:
    """Whether the words around a noun phrase belong to it, so that it says something else alone."""
    if end < len(words):
        follows, last = words[end], words[end - 1].end
        if follows.text in ("'", "’") and follows.start == last:
            return True  # "residents' permits"
        if follows.kind == "num" and follows.start == last + 1:
            return True  # "room 12"
    if not first:
        return False
    if words[first - 1].lower in ("no", "not", "per"):
        return True  # "at no charge", "per month"
    before = words[first - 1]
    if before.kind in ("ing", "verb", "det") and first > 1:
        before = words[first - 2]
    return before.kind == "num" or before.lower == "one"  # "three weeks", "ten working days", "£65 a year"


def _complement_end(words: Sequence[Word], of: int) -> int | None:
    """Where the complement behind "of" ends (exclusive): "theorem of arithmetic". None: "a fee of £12"."""
    if of + 1 >= len(words):
        return None
    rest = noun_phrases(words[of + 1 : of + 1 + MOST_PHRASE_WORDS])
    if not rest:
        return None
    begin, last = rest[0][0], of + rest[0][1]
    longer = last + 1 < len(words) and words[last + 1].lower == "of"
    begins = begin == 0 or (begin == 1 and words[of + 1].kind == "det")
    return last + 1 if begins and not longer else None


def _says_little(words: Sequence[Word], i: int) -> bool:
    """Whether one word is no answer by itself: an adjective, a participle, half of an idiom."""
    lower = words[i].lower
    return (
        lower in lexicon.ADJECTIVES
        or lexicon.VERB_FORMS.get(lower, ("", ""))[1] == "past"
        and not lexicon.is_base(lower)
        or _in_idiom(words, i)
    )


def _in_idiom(words: Sequence[Word], i: int) -> bool:
    """Whether a noun only makes one thing with its verb: "takes place"."""
    return i > 0 and words[i].lower in _IDIOMS.get(lexicon.VERB_FORMS.get(words[i - 1].lower, ("",))[0], ())


_SPANS = lexicon.word_set("second minute hour day night week month quarter season year")
_IDIOMS = {
    "take": lexicon.word_set("place part effect care advantage note account turn charge action shape office notice"),
    "make": lexicon.word_set("sure use way sense"),
    "give": lexicon.word_set("rise birth way notice effect"),
    "play": lexicon.word_set("part"),
    "keep": lexicon.word_set("track pace"),
    "come": lexicon.word_set("force"),
}
"""Verb -> nouns that are not asked for."""


def clause_spans(sentence: Sentence) -> Iterator[TypedSpan]:
    """Clauses with a meaning that a cue gives away: purpose, manner, condition, reason, duration, examples."""
    words = sentence.words
    for i, word in enumerate(words):
        found = _cue(words, i)
        if found is None:
            continue
        kind, first = found
        while first < len(words) and words[first].kind == "punct":
            first += 1
        end = _clause_end(words, first, stop_at_comma=kind != "examples" and (kind != "purpose" or i == 0))
        if kind == "examples":
            end = _list_end(words, first, end)
        if LEAST_CLAUSE_WORDS <= end - first <= MOST_CLAUSE_WORDS:
            yield TypedSpan(words[first].start, words[end - 1].end, kind)
        if kind == "purpose" and word.lower == "to":
            short = _clause_end(words, first, stop_at_comma=True)
            if LEAST_CLAUSE_WORDS <= short - first <= MOST_CLAUSE_WORDS and short != end:
                yield TypedSpan(words[first].start, words[short - 1].end, kind)


def _cue(words: Sequence[Word], i: int) -> tuple[str, int] | None:
    """(type, first word of the answer) of a clause that opens at word i."""
    word, follows = words[i], words[i + 1] if i + 1 < len(words) else None
    before = words[i - 1].lower if i else ""
    if follows is None:
        return None
    if word.lower in ("to", "for") and (purpose := _purpose(words, i)) is not None:
        return "purpose", purpose
    if word.lower in ("by", "through", "via") and follows.lower.endswith("ing") and follows.kind == "ing":
        return "manner", i
    if word.lower in _CONDITIONS and follows.kind in ("pron", "det", "word", "cap"):
        return "condition", i
    if word.lower == "because" or (word.lower == "due" and follows.lower == "to"):
        return "reason", i + 1 if word.lower == "because" and follows.lower != "of" else i + 2
    if word.lower == "as" and follows.lower == "long":
        return "duration", i
    if word.lower == "for" and follows.lower in ("as", "up") or (word.lower == "until" and follows.kind != "num"):
        return "duration", i
    lists = word.lower in ("including", "includes", "include") and follows.kind in ("det", "word", "cap", "pron")
    return ("examples", i + 1) if lists or (before == "such" and word.lower == "as") else None


def _purpose(words: Sequence[Word], i: int) -> int | None:
    """First word of a purpose that "to" or "for" at word i opens: "(in order) to pay", "for marketing purposes"."""
    if words[i].lower == "for":
        return i if any(w.lower in ("purpose", "purposes") for w in words[i + 1 : i + 6]) else None
    follows, before = words[i + 1], words[i - 1].lower if i else ""
    if follows.kind not in ("verb", "word") or lexicon.VERB_FORMS.get(follows.lower, ("", ""))[1] != "base":
        return None
    if before in _NOT_PURPOSE or (i and words[i - 1].kind in ("verb", "aux")):
        return None
    return i - 2 if before == "order" and i >= 2 else i


def _clause_end(words: Sequence[Word], first: int, stop_at_comma: bool) -> int:
    """Where a clause ends (exclusive): the end of the sentence, a bracket, a comma that no list goes on behind."""
    for i in range(first + 1, len(words)):
        word = words[i]
        if word.text in _ENDS and i + 1 - len(words) <= 0 and not (word.text == "." and i + 1 < len(words)):
            return i
        if word.text in "()[]":
            return i
        if word.text == "," and (stop_at_comma or _statement_follows(words, i + 1)):
            return i
        if i - first >= MOST_CLAUSE_WORDS:
            return i
    return len(words)


def _list_end(words: Sequence[Word], first: int, end: int) -> int:
    """Where a list of nouns ends (exclusive), given where its clause does: in front of a statement's verb."""
    for i in range(first + 1, end):
        word, follows = words[i], words[i + 1] if i + 1 < len(words) else None
        infinitive = word.lower == "to" and follows is not None and follows.kind == "verb"
        if word.kind == "aux" or word.lower in ("that", "which", "who", "where", "when", "but") or infinitive:
            end = i
            break
        if word.kind == "verb" and words[i - 1].kind in ("word", "cap", "pron") and not word.lower.endswith("ed"):
            end = i
            break
    while end > first and (words[end - 1].kind in ("punct", "conj", "prep", "det", "pron", "adv")):
        end -= 1
    return end


def _statement_follows(words: Sequence[Word], i: int) -> bool:
    """Whether a new statement begins at word i: a subject and a verb, or a relative clause."""
    if i >= len(words):
        return True
    rest = words[i : i + 3]
    return rest[0].lower in ("which", "who", "but", "we", "you", "they", "it", "i", "please") or (
        len(rest) > 1 and rest[0].lower in ("and", "or") and rest[1].lower in ("we", "you", "they", "it", "that")
    )


@dataclass(frozen=True, slots=True)
class Half:
    """The second half of "To do X, do Y" or "If X, then Y"; it answers a question made of the first.

    Attributes:
        span: the second half.
        name: "instruction" or "consequence".
        topic: the first half without its first word, as written.
    """

    span: TypedSpan
    name: str
    topic: str


def second_halves(text: str, sentence: Sentence) -> Iterator[Half]:
    """The second half of a sentence that begins with "to", "if" or "when" and has two halves.

    Args:
        text: the passage.
        sentence: one of its sentences.
    """
    words = sentence.words
    opener = words[0].lower
    if opener not in ("to", "if", "when"):
        return
    comma = next((i for i, word in enumerate(words) if word.text == "," and i > 2), None)
    if comma is None or comma > 20 or len(words) - comma < 5:
        return
    end = len(words) - (words[-1].kind == "punct")
    name, kind = ("instruction", "manner") if opener == "to" else ("consequence", "predicate")
    span = TypedSpan(words[comma + 1].start, words[end - 1].end, kind)
    yield Half(span, name, text[words[1].start : words[comma - 1].end])
