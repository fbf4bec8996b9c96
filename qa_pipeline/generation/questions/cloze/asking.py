"""From the answers of a passage to drafts: draws candidates by weight, asks for each, refuses what is no question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.answers import find_answers
from qa_pipeline.generation.questions.cloze.clauses import clause_around
from qa_pipeline.generation.questions.cloze.passages import ReadPassage
from qa_pipeline.generation.questions.cloze.phrases import Half, second_halves
from qa_pipeline.generation.questions.cloze.questions import general_question
from qa_pipeline.generation.questions.cloze.sentences import lines
from qa_pipeline.generation.questions.cloze.spans import TypedSpan
from qa_pipeline.generation.questions.cloze.tables import cell_question, table_cells
from qa_pipeline.generation.questions.cloze.voice import choose_voice, one_of_each
from qa_pipeline.generation.questions.cloze.words import Word, cut, is_content, normalized
from qa_pipeline.generation.types import Draft, Rejected

WEIGHTS = {
    "what": 5.0, "who": 1.5, "when": 1.5, "where": 1.0, "how much": 1.5, "why": 0.7, "how": 0.4, "when if": 0.3,
}  # fmt: skip
"""How often people ask what, balanced over what a passage has to offer."""
KIND_WEIGHTS = {
    "name": 1.5, "phrase": 1.0, "subject": 0.6, "modified": 1.3, "title": 1.5, "examples": 0.6, "ordinal": 0.4,
    "action": 0.4,
}  # fmt: skip
SINGLE_WORD = 0.3
"""Weight of a phrase of one word against longer ones."""
MOST_WORDINGS, MOST_WORDINGS_OF_SENTENCE = 2, 5
"""Questions about one answer that may be asked for again, and about one that is a whole sentence: people ask for the
same thing in many ways, and most of what they ask is answered by a statement as a whole."""
SAME_QUESTION = 92.0
"""rapidfuzz ratio, in percent, from which two questions about one passage are the same."""
SAME_SPAN = 0.6
"""Shared share of characters from which two answers are the same."""
LEAST_QUESTION_WORDS, LEAST_CONTENT_WORDS = 3, 3
HALVES: dict[str, dict[str, tuple[str, ...]]] = {
    "instruction": {
        "manner": (
            "How <do|can> {i} {topic}?", "What <do {i} have to|should {i}|must {i}> do to {topic}?", "Can {i} {topic}?",
        )
    },
    "consequence": {
        "predicate": ("What happens if {topic}?", "What if {topic}?", "What <will|can> {org} do if {topic}?")
    },
}  # fmt: skip
"""Questions for the second half of a statement, by its name and the type of the answer; see `voice.one_of_each`."""

Wording = Callable[[np.random.Generator], tuple[str, str] | None]
"""Gives a question and the name of its wording, or None where there is none."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that can be asked for.

    Attributes:
        span: characters of the passage, and type.
        text: of the answer, as the passage has it.
        sentence: its number in the passage.
        wording: how it is asked for; None: with the words around it.
        repeatable: it may be asked for in several wordings.
    """

    span: TypedSpan
    text: str
    sentence: int
    wording: Wording | None = None
    repeatable: bool = False


def general_drafts(passage: ReadPassage, kinds: frozenset[str], rng: np.random.Generator) -> Iterator[Draft | Rejected]:
    """The questions that any passage gets, until no answer is left to ask for.

    Args:
        passage: to ask about.
        kinds: the types of answers that are wanted.
        rng: makes all choices.
    """
    halves = [
        (half.span, index, _half_wording(half))
        for index, sentence in enumerate(passage.sentences)
        if passage.spoken and sentence.askable
        for half in second_halves(passage.text, sentence)
        if half.span.kind in kinds
    ]
    instructions = candidates_at(passage, ((span, index, wording, True) for span, index, wording in halves))
    yield from draw(passage, [*around_answers(passage, kinds), *instructions, *of_tables(passage, kinds)], rng)


def draw(
    passage: ReadPassage,
    candidates: Sequence[Candidate],
    rng: np.random.Generator,
    weights: Mapping[str, float] = WEIGHTS,
    rest_weight: float = 1.0,
    of_company: bool = False,
) -> Iterator[Draft | Rejected]:
    """Drafts for candidates: kinds of questions by weight, less the more of a kind there are; each answer once.

    Args:
        passage: that the candidates are of.
        candidates: in a fixed order.
        rng: makes all choices.
        weights: of the kinds of questions, see `TypedSpan.wh`.
        rest_weight: weight of candidates that are asked for once against those that may be asked for again.
        of_company: questions in the passage's own words may call its writer "the company" or "the site".
    """
    from rapidfuzz.fuzz import ratio

    chooser = _Chooser(candidates, rng, weights, rest_weight)
    asked: list[str] = []
    while (candidate := chooser.next()) is not None:
        made = _ask(passage, candidate, rng, of_company)
        if isinstance(made, Rejected):
            yield made
            continue
        if any(ratio(made.question.lower(), other) >= SAME_QUESTION for other in asked):
            yield Rejected("same_question", passage.source.id)
            continue
        chooser.used(candidate)
        asked.append(made.question.lower())
        yield made


def around_answers(passage: ReadPassage, kinds: frozenset[str]) -> list[Candidate]:
    """Candidates that are asked for with the words around them."""
    found = find_answers(passage.text, passage.sentences, passage.lower_counts, kinds)
    return candidates_at(passage, ((answer.span, answer.sentence, None, False) for answer in found))


def of_tables(passage: ReadPassage, kinds: frozenset[str]) -> list[Candidate]:
    """Candidates in the tables of a passage."""
    found = lines(passage.source.text)
    of_line: dict[int, int] = {}
    position = 0
    for index, sentence in enumerate(passage.sentences):
        while position < len(found) and found[position].end <= sentence.start:
            position += 1
        if position < len(found):
            of_line.setdefault(position, index)
    cells = [cell for cell in table_cells(passage.text, found, passage.lower_counts) if cell.span.kind in kinds]
    return candidates_at(
        passage,
        (
            (cell.span, of_line[cell.line], partial(cell_question, cell), False)
            for cell in cells
            if cell.line in of_line
        ),
    )


def candidates_at(
    passage: ReadPassage, places: Iterable[tuple[TypedSpan, int, Wording | None, bool]]
) -> list[Candidate]:
    """Candidates from (span, sentence, wording, repeatable), without those that have marks in them."""
    made = []
    for span, sentence, wording, repeatable in places:
        written, clean = (text[span.start : span.end] for text in (passage.source.text, passage.text))
        if _SPACE.sub(" ", written) == _SPACE.sub(" ", clean):
            made.append(Candidate(span, written, sentence, wording, repeatable))
    return made


def question_fault(question: str, candidate: Candidate) -> str | None:
    """Why a question cannot be used, or None: it gives the answer away, says too little, or is no sentence."""
    words, answer = normalized(question), normalized(candidate.text)
    if not answer:
        return "answer_empty"
    if f" {answer} " in f" {words} ":
        return "answer_in_question"
    if len(words.split()) < LEAST_QUESTION_WORDS:
        return "question_too_short"
    if candidate.wording is not None:
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


def _ask(passage: ReadPassage, candidate: Candidate, rng: np.random.Generator, of_company: bool) -> Draft | Rejected:
    wording = candidate.wording
    made = wording(rng) if wording is not None else _general(passage, candidate, rng, of_company)
    if made is None:
        return Rejected("no_wording", passage.source.id)
    if (fault := question_fault(made[0], candidate)) is not None:
        return Rejected(fault, passage.source.id)
    return passage.draft(made[0], candidate.span.start, candidate.span.end, candidate.span.kind, made[1])


def _general(passage: ReadPassage, candidate: Candidate, rng: np.random.Generator, of_company: bool) -> tuple[str, str]:
    """A question in the words around an answer, and the name of its form; an empty one where they say too little."""
    span = candidate.span
    clause = clause_around(passage.sentences[candidate.sentence].words, span.start, span.end)
    rng.random(2)  # drawn and not used: the questions of a seed stay those whose worth was measured
    clause = replace(clause, before=_opening_lowered(clause.before, passage.lower_counts))
    if sum(is_content(word) for word in (*clause.before, *clause.after)) < LEAST_CONTENT_WORDS:
        return "", "none"
    reword = choose_voice(rng, of_company).reword if passage.spoken else None
    question, form = general_question(clause, span.kind, rng, reword, passage.spoken)
    return question, f"general/{span.kind}/{form}"


def _half_wording(half: Half) -> Wording:
    def wording(rng: np.random.Generator) -> tuple[str, str]:
        voice = choose_voice(rng, service=False)
        wordings = HALVES[half.name][half.span.kind]
        number = int(rng.integers(len(wordings)))
        text = one_of_each(wordings[number], rng).format(i=voice.i, org=voice.org, topic=voice.reword_text(half.topic))
        return text[:1].upper() + text[1:], f"{half.name}/{half.span.kind}/{number}"

    return wording


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


class _Chooser:
    """Draws candidates, see `draw`."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        rng: np.random.Generator,
        weights: Mapping[str, float],
        rest_weight: float,
    ):
        self.left = list(candidates)
        self.rng, self.weights, self.rest_weight = rng, weights, rest_weight
        self.by_wh: Counter[str] = Counter()
        self.by_sentence: Counter[int] = Counter()
        self.by_span: Counter[TypedSpan] = Counter()

    def next(self) -> Candidate | None:
        """A candidate, which is then gone; None when none is left."""
        if not self.left:
            return None
        sizes = Counter(c.span.wh for c in self.left)
        weights = np.array([self._weight(c) / sizes[c.span.wh] for c in self.left])
        chosen = int(self.rng.choice(len(self.left), p=weights / weights.sum()))
        return self.left.pop(chosen)

    def used(self, candidate: Candidate) -> None:
        """Takes away what would be the same answer again, unless in other words, and makes its kind less likely."""
        self.by_wh[candidate.span.wh] += 1
        self.by_sentence[candidate.sentence] += 1
        self.by_span[candidate.span] += 1
        text, span = normalized(candidate.text), candidate.span
        self.left = [c for c in self.left if normalized(c.text) != text and _overlap(c.span, span) < SAME_SPAN]
        most = MOST_WORDINGS_OF_SENTENCE if span.kind in ("choice", "sentence") else MOST_WORDINGS
        if candidate.repeatable and self.by_span[span] < most:
            self.left.append(candidate)

    def _weight(self, candidate: Candidate) -> float:
        wh = candidate.span.wh
        base = self.weights.get(wh, 0.5) / (1 + self.by_wh[wh]) * KIND_WEIGHTS.get(candidate.span.kind, 1.0)
        if candidate.span.kind in ("phrase", "subject") and " " not in candidate.text:
            base *= SINGLE_WORD
        return base / (1 + self.by_sentence[candidate.sentence]) * (1.0 if candidate.repeatable else self.rest_weight)


def _overlap(one: TypedSpan, other: TypedSpan) -> float:
    """Shared characters over all characters of two spans, 0 to 1."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return max(0, shared) / (max(one.end, other.end) - min(one.start, other.start))
