"""From one candidate answer of a passage to a question about it: which words, which wording, how much noise."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.answers import find_answers
from qa_pipeline.generation.questions.cloze.clauses import clause_around
from qa_pipeline.generation.questions.cloze.collection import Collection
from qa_pipeline.generation.questions.cloze.frame_questions import frame_question
from qa_pipeline.generation.questions.cloze.frames import Framed
from qa_pipeline.generation.questions.cloze.noise import NO_NOISE, Noise
from qa_pipeline.generation.questions.cloze.options import ClozeOptions
from qa_pipeline.generation.questions.cloze.questions import MOST_WORDS, general_question
from qa_pipeline.generation.questions.cloze.spans import Span
from qa_pipeline.generation.questions.cloze.tables import Cell, cell_question
from qa_pipeline.generation.questions.cloze.voice import choose_voice
from qa_pipeline.generation.questions.cloze.words import Word, cut, is_content, normalized

NOISY_SHARE = 0.5
OTHER_SENTENCE_SHARE = 0.7
QUESTION_WORDS = (10.0, 3.5)
"""Mean and standard deviation of the length to which a question is cut."""
LEAST_QUESTION_WORDS, LEAST_CONTENT_WORDS = 3, 3
LEAST_NOISY_WORDS = 8
"""Words of a sentence whose questions get noise."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that can be asked for.

    Attributes:
        span: characters of the passage, and type.
        text: of the answer.
        sentence: its number in the passage.
        framed: what it says about a service, or None.
        cell: where it stands in a table, or None. Without both it is an answer of the general kinds.
    """

    span: Span
    text: str
    sentence: int
    framed: Framed | None = None
    cell: Cell | None = None


def candidates_of(collection: Collection, number: int, kinds: frozenset[str], options: ClozeOptions) -> list[Candidate]:
    """Every candidate of a passage, in the order of the passage."""
    text, plain = collection.passages[number].text, collection.plain[number]
    found = [
        Candidate(answer.span, answer.text, answer.sentence)
        for answer in find_answers(plain, collection.sentences[number], collection.lower_counts, kinds)
    ]
    if options.frames:
        found += [
            Candidate(framed.span, plain[framed.span.start : framed.span.end], sentence, framed)
            for sentence, framed in collection.framed(number)
            if framed.span.kind in kinds
        ]
    found += [
        Candidate(cell.span, plain[cell.span.start : cell.span.end], sentence, None, cell)
        for sentence, cell in collection.cells(number)
        if cell.span.kind in kinds
    ]
    return [replace(c, text=written) for c in found if (written := _without_marks(text, c)) is not None]


def _without_marks(text: str, candidate: Candidate) -> str | None:
    """The answer as the passage has it, line ends included; None where marks stand in it."""
    written = text[candidate.span.start : candidate.span.end]
    return written if _SPACE.sub(" ", written) == _SPACE.sub(" ", candidate.text) else None


def ask(
    collection: Collection, number: int, candidate: Candidate, rng: np.random.Generator, options: ClozeOptions
) -> tuple[str, dict[str, Any]] | str:
    """A question for a candidate.

    Returns:
        The question and its details (answer_type, template, ...), or the reason why there is none.
    """
    details: dict[str, Any] = {"answer_type": candidate.span.kind}
    if candidate.framed is not None:
        asked = frame_question(candidate.framed, candidate.text, choose_voice(rng, collection.service[number]), rng)
        if asked is None:
            return "no_wording"
        question, details["template"] = asked
    elif candidate.cell is not None:
        question, details["template"] = cell_question(candidate.cell, rng)
    else:
        question, more = _ask_general(collection, number, candidate, rng, options)
        details |= more
    fault = question_fault(question, candidate)
    return fault if fault is not None else (question, details)


def question_fault(question: str, candidate: Candidate) -> str | None:
    """Why a question cannot be used, or None: it gives the answer away, says too little, or is no sentence."""
    words, answer = normalized(question), normalized(candidate.text)
    if not answer:
        return "answer_empty"
    if f" {answer} " in f" {words} ":
        return "answer_in_question"
    if len(words.split()) < LEAST_QUESTION_WORDS:
        return "question_too_short"
    if candidate.framed is not None or candidate.cell is not None:
        return None
    tokens = cut(question)
    if not any(token.kind in ("aux", "verb") for token in tokens):
        return "no_verb"
    first = tokens[0]
    opens = first.text[0].isalpha() and first.kind not in _NEVER_FIRST or first.lower in _OPENING
    return None if opens and is_balanced(question) and not _DANGLING.search(question) else "fragment"


def is_balanced(text: str) -> bool:
    """Whether brackets and double quotes are opened and closed in turn."""
    opened: list[str] = []
    for character in text:
        if character in _PAIRS:
            opened.append(_PAIRS[character])
        elif character in _PAIRS.values() and (not opened or opened.pop() != character):
            return False
    return not opened and text.count('"') % 2 == 0


_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”"}
_NEVER_FIRST = ("conj", "adv", "ing", "verb", "aux")
_OPENING = lexicon.word_set("when where how why because whether while although though if once unless")
_SPACE = re.compile(r"\s")
_DANGLING = re.compile(r"^\w+ ?[,;:]|[|*#]")
"""One word by itself at the beginning; marks."""


def _ask_general(
    collection: Collection, number: int, candidate: Candidate, rng: np.random.Generator, options: ClozeOptions
) -> tuple[str, dict[str, Any]]:
    span, sentence = candidate.span, collection.sentences[number][candidate.sentence]
    clause = clause_around(sentence.words, span.start, span.end)
    details: dict[str, Any] = {}
    use_other, noisy = rng.random() < OTHER_SENTENCE_SHARE, rng.random() < NOISY_SHARE
    service = collection.service[number]
    chance = span.kind in _UNLIKELY_TWICE or (service and span.kind == "modified")
    if options.other_sentence and use_other and not chance:
        other = collection.index.other_sentence(number, candidate.sentence, clause.answer)
        if other is not None:
            passage, index, first, end = other
            words = collection.sentences[passage][index].words
            clause = clause_around(words, words[first].start, words[end - 1].end)
            details["other_passage"] = collection.passages[passage].id
    clause = replace(clause, before=_opening_lowered(clause.before, collection.lower_counts))
    content = sum(is_content(word) for word in (*clause.before, *clause.after))
    if content < LEAST_CONTENT_WORDS:
        return "", details
    reword = choose_voice(rng, service).reword if collection.spoken[number] else None
    # The first passage of a document is the first that is read of its questions; a short sentence leaves little.
    first = collection.passages[number].metadata.get("document_start") == 0
    short = sum(word.kind != "punct" for word in sentence.words) < LEAST_NOISY_WORDS
    noise = Noise() if options.noise and noisy and not first and not short else NO_NOISE
    length = int(np.clip(rng.normal(*QUESTION_WORDS), 5, MOST_WORDS)) if options.noise else None
    state, told = rng.bit_generator.state, collection.spoken[number]
    question, form = general_question(clause, span.kind, rng, noise, reword, length, told)
    if noise != NO_NOISE and question_fault(question, candidate) in ("no_verb", "fragment"):
        rng.bit_generator.state, noise = state, NO_NOISE  # the same question as it was before the noise
        question, form = general_question(clause, span.kind, rng, noise, reword, length, told)
    return question, details | {"template": f"general/{span.kind}/{form}", "noise": noise != NO_NOISE}


def _opening_lowered(words: tuple[Word, ...], counts: Counter[str]) -> tuple[Word, ...]:
    """The words with the first one in lower case where it has its capital for beginning a sentence."""
    if not words or not words[0].text.istitle() or words[0].kind == "cap" or words[0].lower in lexicon.GIVEN_NAMES:
        return words
    first, follows = words[0], words[1].text if len(words) > 1 else ""
    inside, lower = counts[first.text], counts[first.lower]
    known = first.lower in lexicon.VERB_FORMS or first.lower in lexicon.PLURALS
    ordinary = known or first.lower.endswith(_ORDINARY_ENDS)
    if lower < inside or follows[:1].isupper() or not (lower or ordinary):
        return words
    return (replace(first, text=first.lower), *words[1:])


_ORDINARY_ENDS = tuple(sorted(lexicon.word_set("ship tion ment ness ity ance ence ons gs ks ms ls ts rs ths")))
"""Ends of words that are seldom names."""
# What stands in two places by chance and not because both speak of the same thing, or never does.
_UNLIKELY_TWICE = lexicon.word_set("number ordinal phrase subject purpose manner condition reason duration examples")
