"""Answers that are names: capitalised sequences typed by cues, and quoted titles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.sentences import Sentence
from qa_pipeline.generation.questions.cloze.spans import Span
from qa_pipeline.generation.questions.cloze.words import Word, runs

MOST_NAME_WORDS = 7
_LINKS = lexicon.word_set("of the de la von van del and for")
_QUOTED = re.compile(r"[“\"]([^“”\"\n]{3,60})[”\"]")
_BY_PEOPLE = lexicon.word_set(
    "led taught written directed designed painted composed chaired headed invented discovered hosted edited born sung "
    "coached married played"
)
_IN_PLACE = lexicon.word_set("in at near from to into across throughout around")


def name_spans(text: str, sentence: Sentence, lower_counts: Counter[str]) -> Iterator[Span]:
    """Names in a sentence.

    Args:
        text: the passage.
        sentence: one of its sentences.
        lower_counts: how often each word stands in lower case, and with a capital inside a sentence, in all passages: a
            word that does not need its capital is no name.
    """
    words = sentence.words
    opening = next((i for i, word in enumerate(words) if word.kind != "punct"), 0)
    for i, j in runs(words, lambda i: _starts_name(words, i, lower_counts), lambda i, first: _goes_on(words, i)):
        sequence = words[i:j]
        # The first word of a sentence has a capital in any case.
        common = i == opening and len(sequence) == 1 and not lower_counts[sequence[0].text]
        if common and sequence[0].lower not in lexicon.GIVEN_NAMES:
            continue
        if len(sequence) <= MOST_NAME_WORDS and (kind := _type(words, i, j)) is not None:
            yield Span(sequence[0].start, sequence[-1].end, kind)
    for match in _QUOTED.finditer(text, sentence.start, sentence.end):
        inner = match.group(1)
        if inner[0].isupper() and len(inner.split()) <= 8 and inner[-1].isalnum():
            yield Span(match.start(1), match.end(1), "title")


def _is_capital(word: Word) -> bool:
    return word.text[0].isupper() and word.text[0].isalpha()


def _starts_name(words: Sequence[Word], i: int, lower_counts: Counter[str]) -> bool:
    word = words[i]
    if (
        not _is_capital(word)
        or word.lower in lexicon.CLOSED
        or word.lower in lexicon.MONTHS | lexicon.WEEKDAYS
        or len(word.text) < 2
    ):
        return False
    return lower_counts[word.lower] == 0 or (
        i + 1 < len(words) and _is_capital(words[i + 1]) and words[i + 1].lower not in lexicon.CLOSED and i > 0
    )


def _goes_on(words: Sequence[Word], j: int) -> bool:
    word = words[j]
    if word.start - words[j - 1].end > 1 or (word.kind == "punct" and word.text not in ".&"):
        return False
    if word.text == ".":
        return len(words[j - 1].text) == 1 and j + 1 < len(words) and _is_capital(words[j + 1])
    if _is_capital(word):
        numeral = word.text == "I" and (j + 1 == len(words) or words[j + 1].kind not in ("aux", "verb"))
        return numeral or word.lower not in lexicon.MONTHS | lexicon.WEEKDAYS | lexicon.PRONOUNS
    if word.lower in _LINKS - {"and", "for"} or word.text == "&":
        return (
            j + 1 < len(words)
            and _is_capital(words[j + 1])
            and words[j + 1].lower not in lexicon.CLOSED | lexicon.MONTHS
        )
    return word.kind == "num" and j + 1 - len(words) < 0 and word.text.isdigit() and len(word.text) < 3


def _type(words: Sequence[Word], i: int, j: int) -> str | None:
    lowers = [word.lower.rstrip(".") for word in words[i:j]]
    before = words[i - 1].lower.rstrip(".") if i else ""
    if before in lexicon.TITLES or lowers[0] in lexicon.TITLES:
        return "person" if len(lowers) > 1 or before in lexicon.TITLES else None
    if any(lower in lexicon.ORGANIZATION_CUES for lower in lowers):
        return "organization"
    if any(lower in lexicon.PLACE_CUES for lower in lowers):
        return "place"
    if lowers[0] in lexicon.GIVEN_NAMES and (len(lowers) > 1 or words[i].lower in lexicon.GIVEN_NAMES):
        return "person"
    if before in _IN_PLACE and not words[i].text.isupper():
        return "place"
    if j < len(words) and words[j].lower in ("who", "whose"):
        return "person"
    made_by = before == "by" and i > 1 and words[i - 2].lower in _BY_PEOPLE
    if made_by and len(lowers) <= 4 and all(word.text[0].isupper() or word.lower in _LINKS for word in words[i:j]):
        return "person" if not any(word.text.isupper() and len(word.text) > 2 for word in words[i:j]) else "name"
    if 1 < len(lowers) <= 3 and all(word.text.istitle() for word in words[i:j]) and not set(lowers) & _LINKS:
        follows = words[j].lower if j < len(words) else ""
        form = lexicon.VERB_FORMS.get(follows)
        if form is not None and form[0] in (
            "write",
            "say",
            "argue",
            "design",
            "invent",
            "discover",
            "win",
            "play",
            "bear",
            "die",
            "become",
        ):
            return "person"
    return "name"
