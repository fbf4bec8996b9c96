"""Finds the answers of a passage: everything that a question could be asked about, with its type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.names import name_spans
from qa_pipeline.generation.questions.cloze.patterns import pattern_spans
from qa_pipeline.generation.questions.cloze.phrases import clause_spans, phrase_spans
from qa_pipeline.generation.questions.cloze.sentences import Sentence
from qa_pipeline.generation.questions.cloze.spans import GROUPS, TYPES, Span


@dataclass(frozen=True, slots=True)
class Answer:
    """A span together with its text and the index of its sentence in the passage."""

    span: Span
    text: str
    sentence: int


def resolve_types(answer_types: Iterable[str] | None) -> frozenset[str]:
    """The single types that groups and types stand for; None stands for all.

    Raises:
        ConfigError: an unknown name, with the ones that exist.
    """
    if answer_types is None:
        return frozenset(TYPES)
    kinds: set[str] = set()
    unknown = []
    for name in answer_types:
        if name in GROUPS:
            kinds.update(GROUPS[name])
        elif name in TYPES:
            kinds.add(name)
        else:
            unknown.append(name)
    if unknown or not kinds:
        found = ", ".join(repr(name) for name in unknown) or "none"
        known = f"groups {', '.join(GROUPS)} and types {', '.join(TYPES)}"
        raise ConfigError("answer_types", f"expected names out of {known}; found {found}")
    return frozenset(kinds)


def find_answers(
    text: str, sentences: Sequence[Sentence], lower_counts: Counter[str], kinds: frozenset[str]
) -> list[Answer]:
    """Answers of the general kinds (patterns, names, phrases, clauses) in the order of the passage.

    Args:
        text: the passage.
        sentences: all of it.
        lower_counts: how often each word stands in lower case in all passages.
        kinds: the types wanted.
    """
    answers = []
    for index, sentence in enumerate(sentences):
        if not sentence.askable:
            continue
        fixed = [span for span in pattern_spans(text, sentence.start, sentence.end)]
        fixed += _apart(name_spans(text, sentence, lower_counts), fixed)
        spans = fixed + list(_apart(phrase_spans(sentence), fixed)) + list(clause_spans(sentence))
        answers += [Answer(span, text[span.start : span.end], index) for span in spans if span.kind in kinds]
    return sorted(answers, key=lambda answer: (answer.span.start, answer.span.end, answer.span.kind))


def _apart(spans: Iterable[Span], fixed: Sequence[Span]) -> list[Span]:
    """Those that overlap none of `fixed`: a date is a date and not also a name."""
    return [span for span in spans if not any(span.start < other.end and span.end > other.start for other in fixed)]
