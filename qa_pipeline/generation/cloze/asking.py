"""From one candidate answer of a passage to a question about it: which words, which wording, how much noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.answers import find_answers
from qa_pipeline.generation.cloze.clauses import clause_around
from qa_pipeline.generation.cloze.collection import Collection
from qa_pipeline.generation.cloze.frame_questions import frame_question
from qa_pipeline.generation.cloze.frames import Framed
from qa_pipeline.generation.cloze.options import ClozeOptions
from qa_pipeline.generation.cloze.questions import MOST_WORDS, NO_NOISE, Noise, general_question
from qa_pipeline.generation.cloze.spans import Span
from qa_pipeline.generation.cloze.voice import choose_voice
from qa_pipeline.generation.cloze.words import is_content, normalized

NOISY_SHARE = 0.5
OTHER_SENTENCE_SHARE = 0.7
QUESTION_WORDS = (10.0, 3.5)
"""Mean and standard deviation of the length to which a question is cut."""
LEAST_QUESTION_WORDS, LEAST_CONTENT_WORDS = 3, 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that can be asked for.

    Attributes:
        span: characters of the passage, and type.
        text: of the answer.
        sentence: its number in the passage.
        framed: what it says about a service, or None for an answer of the general kinds.
    """

    span: Span
    text: str
    sentence: int
    framed: Framed | None = None


def candidates_of(collection: Collection, number: int, kinds: frozenset[str], options: ClozeOptions) -> list[Candidate]:
    """Every candidate of a passage, in the order of the passage."""
    text = collection.passages[number].text
    found = [
        Candidate(answer.span, answer.text, answer.sentence)
        for answer in find_answers(text, collection.sentences[number], collection.lower_counts, kinds)
    ]
    if options.frames and collection.service[number]:
        found += [
            Candidate(framed.span, text[framed.span.start : framed.span.end], sentence, framed)
            for sentence, framed in collection.framed(number)
            if framed.span.kind in kinds
        ]
    return found


def ask(
    collection: Collection, number: int, candidate: Candidate, rng: np.random.Generator, options: ClozeOptions
) -> tuple[str, dict[str, Any]] | str:
    """A question for a candidate.

    Returns:
        The question and its details (answer_type, template, ...), or the reason why there is none.
    """
    details: dict[str, Any] = {"answer_type": candidate.span.kind}
    if candidate.framed is not None:
        asked = frame_question(candidate.framed, choose_voice(rng), rng)
        if asked is None:
            return "no_wording"
        question, details["template"] = asked
    else:
        question, more = _ask_general(collection, number, candidate, rng, options)
        details |= more
    fault = question_fault(question, candidate)
    return fault if fault is not None else (question, details)


def question_fault(question: str, candidate: Candidate) -> str | None:
    """Why a question cannot be used, or None: it gives the answer away, or says too little."""
    words, answer = normalized(question), normalized(candidate.text)
    if not answer:
        return "answer_empty"
    if f" {answer} " in f" {words} ":
        return "answer_in_question"
    if len(words.split()) < LEAST_QUESTION_WORDS:
        return "question_too_short"
    return None


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
    content = sum(is_content(word) for word in (*clause.before, *clause.after))
    if content < LEAST_CONTENT_WORDS:
        return "", details
    reword = choose_voice(rng).reword if service else None
    noise = Noise() if options.noise and noisy else NO_NOISE
    length = int(np.clip(rng.normal(*QUESTION_WORDS), 5, MOST_WORDS)) if options.noise else None
    question, form = general_question(clause, span.kind, rng, noise, reword, length)
    return question, details | {"template": f"general/{span.kind}/{form}", "noise": noise != NO_NOISE}


# What stands in two places by chance and not because both speak of the same thing, or never does.
_UNLIKELY_TWICE = lexicon.word_set("number ordinal phrase subject purpose manner condition reason duration examples")
