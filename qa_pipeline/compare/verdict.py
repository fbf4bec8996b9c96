"""Puts a comparison into words: what can be said, and what cannot be told from these questions.

A sentence names models as "{m0}", "{m1}" ...; each output puts its own form of the name there. Sentences hold our own
words and numbers only, so that no label or question can be taken for such a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from qa_pipeline.compare.results import Comparison, Difference, Folder, ModelResult, Versus
from qa_pipeline.metrics.intervals import FEWEST
from qa_pipeline.wording import counted

FEW_QUESTIONS = 100
SUREST = 0.2  # share of the questions
RARELY_RIGHT = 5.0  # percent exactly right; a model below says nothing by being unsure
SAME_SPEED = 1.25  # a smaller ratio may come from whatever else the machine did
_UNTRAINED = " (untrained head)"
_PLACE = re.compile(r"\{m(\d+)\}")


@dataclass(frozen=True)
class Verdict:
    """The finding in one sentence, the sentences that bear it out, and what to know before believing it."""

    headline: str
    details: list[str]
    cautions: list[str]

    @property
    def sentences(self) -> list[str]:
        """All of them, the headline first."""
        return [self.headline, *self.details, *self.cautions]

    @staticmethod
    def plain(sentence: str, comparison: Comparison) -> str:
        """The sentence with the models' labels in it."""
        return named(sentence, lambda place: comparison.models[place].label)


def named(sentence: str, name: Callable[[int], str]) -> str:
    """The sentence with `name(model)` wherever a model is named."""
    return _PLACE.sub(lambda match: name(int(match[1])), sentence)


def verdict(comparison: Comparison) -> Verdict:
    """The words for a comparison."""
    pairs = [pair for pair in comparison.pairs if pair.against == 0]
    headline = _headline_of_two(pairs[0]) if len(pairs) == 1 else _headline_of_many(comparison)
    headline = named(headline, lambda place: _mention(place) + _UNTRAINED * comparison.models[place].head_untrained)
    details = [_numbers(comparison, pair) for pair in pairs]
    details += [*_documents(comparison), *_confidence(comparison), *_speed(comparison)]
    return Verdict(headline, details, _cautions(comparison))


def p_words(p_value: float) -> str:
    """A p-value such as p = 0.034; never p = 0.000, but p < 0.001."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def points(value: float) -> str:
    """Percentage points without a sign: 18.7 points, 1 point."""
    text = f"{abs(value):.1f}".removesuffix(".0")
    return f"{text} point" + ("" if text == "1" else "s")


def read_words(folder: Folder) -> str:
    """What was asked and how it was found, in words.

    >>> read_words(Folder(documents=15, passages=320, num_passages=8, dense=True, scored_on=55))
    '15 documents, 320 passages; the 8 nearest to a question, by words and meaning, are read'
    """
    size = counted(folder.documents, "document")
    if folder.passages is not None:
        size += f", {counted(folder.passages, 'passage')}"
    if folder.num_passages is None:
        return f"{size}; all is read for each question"
    ways = {True: ", by words and meaning,", False: ", by words alone,", None: ""}
    return f"{size}; the {folder.num_passages:,} nearest to a question{ways[folder.dense]} are read"


def _headline_of_two(pair: Versus) -> str:
    new, old = _mention(pair.model), _mention(pair.against)
    exact, overlap = pair.exact_match.direction, pair.f1.direction
    if exact == overlap == 0:
        return f"These questions cannot tell {new} and {old} apart."
    if exact * overlap > 0:
        return f"{new} is {'better' if exact > 0 else 'worse'} than {old}, beyond chance."
    if exact * overlap < 0:
        more, less = ("more", "less") if exact > 0 else ("fewer", "more")
        return (
            f"{new} gets {more} answers exactly right than {old}, but its answers overlap {less} with the references "
            "on the whole."
        )
    if exact:
        more = "more" if exact > 0 else "fewer"
        return f"{new} gets {more} answers exactly right than {old}; in overlap (F1) the two cannot be told apart."
    nearer = "nearer to" if overlap > 0 else "further from"
    return f"{new} comes {nearer} the reference answers than {old} (F1); in exact answers the two cannot be told apart."


def _headline_of_many(comparison: Comparison) -> str:
    """The model with the highest F1, whom it beats and from whom it cannot be told apart."""
    order = sorted(range(len(comparison.models)), key=lambda place: -comparison.models[place].f1.value)
    best, others = order[0], order[1:]
    beaten = [place for place in others if _direction(comparison, best, place) > 0]
    level = [place for place in others if place not in beaten]
    if not level:
        return f"{_mention(best)} is the best of the {_count(len(order))}, beyond chance."
    if not beaten:
        return f"These questions cannot tell which of the {_count(len(order))} is best."
    return (
        f"{_mention(best)} scores highest: better than {_list(beaten)}, beyond chance, but not to be told apart from "
        f"{_list(level)}."
    )


def _numbers(comparison: Comparison, pair: Versus) -> str:
    new, old = comparison.models[pair.model], comparison.models[pair.against]
    total = comparison.num_questions
    return (
        f"{_mention(pair.model)} answers {new.exact_match.value:.1f}% of the questions exactly right, "
        f"{_mention(pair.against)} {old.exact_match.value:.1f}%: {_difference(pair.exact_match)}. "
        f"In F1 it scores {new.f1.value:.1f} against {old.f1.value:.1f}: {_difference(pair.f1)}. "
        f"Question by question, {_mention(pair.model)} does better on {pair.wins:,}, worse on {pair.losses:,} and "
        f"equally well on {pair.ties:,} of {total:,}."
    )


def _documents(comparison: Comparison) -> list[str]:
    """How often the right document came first, by each model and by the search alone."""
    folder = comparison.folder
    if folder is None or not folder.scored_on:
        return []
    shares = [
        f"{_mention(place)} in {model.right_document['1'].value:.1f}%" for place, model in enumerate(comparison.models)
    ]
    named = counted(folder.scored_on, "question")
    sentence = f"Of the {named} that name the document of their answer, it comes first: {', '.join(shares)}"
    if folder.search:
        sentence += f"; by the search alone in {folder.search['1'].value:.1f}%"
    return [f"{sentence}."]


def _difference(found: Difference) -> str:
    interval = f"95% interval {found.low:+.1f} to {found.high:+.1f}, {p_words(found.p_value)}"
    if found.direction:
        more = "more" if found.difference > 0 else "less"
        return f"{points(found.difference)} {more} ({interval})"
    return f"a difference of {found.difference:+.1f} that is within chance ({interval})"


def _confidence(comparison: Comparison) -> list[str]:
    """What the surest answers are worth, and how far stated confidences are from how often an answer is right.

    The second alone would praise a model that is never right and never sure.
    """
    worth = []
    for place, model in enumerate(comparison.models):
        at = min(range(len(model.coverage)), key=lambda i: abs(model.coverage[i] - SUREST))
        worth.append(f"{_mention(place)} in {100 * (1 - model.risk[at]):.0f}%")
    off = [
        f"{points(100 * model.ece)} for {_mention(place)}"
        for place, model in enumerate(comparison.models)
        if model.exact_match.value >= RARELY_RIGHT
    ]
    sentence = (
        "When each gives only the fifth of its answers that it is surest of, they are exactly right: "
        f"{', '.join(worth)}."
    )
    return [f"{sentence} Stated confidence is off by {', '.join(off)}, on average." if off else sentence]


def _speed(comparison: Comparison) -> list[str]:
    """One sentence on speed; models are told apart only by more than timing varies."""
    rates = [model.questions_per_second for model in comparison.models]
    fast, slow = rates.index(max(rates)), rates.index(min(rates))
    shown = f"{_rate(rates[fast])} questions a second{_on(comparison.models[fast])}"
    if rates[fast] < SAME_SPEED * rates[slow]:
        return [f"They are about equally fast: up to {shown}."]
    if len(rates) == 2:
        return [f"{_mention(fast)} is the faster one: {shown} against {_rate(rates[slow])}."]
    return [f"{_mention(fast)} is the fastest with {shown}, {_mention(slow)} the slowest with {_rate(rates[slow])}."]


def _cautions(comparison: Comparison) -> list[str]:
    found = [f"{_mention(place)}: {note}" for place, model in enumerate(comparison.models) for note in model.notes]
    if comparison.num_questions < FEW_QUESTIONS:
        found.append(
            f"This is measured on only {counted(comparison.num_questions, 'question')}: a difference must be large to "
            "show, and intervals are rough."
        )
    found += [*_limits_of_folder(comparison), *_reach(comparison)]
    if len(comparison.models) > 2:
        found.append(
            f"With {len(comparison.pairs)} pairs compared, one in twenty would differ beyond 95% by chance alone; the "
            "p-values are not adjusted for that."
        )
    return found


def _limits_of_folder(comparison: Comparison) -> list[str]:
    """What no model could do better: answers that are not there, and documents of which nothing was read."""
    folder, found = comparison.folder, list[str]()
    if folder is None:
        return found
    if folder.faults:
        answers = "1 right answer is" if len(folder.faults) == 1 else f"{len(folder.faults):,} right answers are"
        shown = ", ".join(fault["id"] for fault in folder.faults[:_MOST_FAULTS])
        more = ", ..." if len(folder.faults) > _MOST_FAULTS else ""
        found.append(
            f"{answers} not in the document that the data names, so that no model can give them: {shown}{more}. Mend "
            "the data before you compare such scores with others."
        )
    if folder.unread:
        found.append(
            f"For {counted(folder.unread, 'question')} nothing of the right document was read, since the search did "
            "not find it: more passages for a question, or another search, may help all models."
        )
    return found


_MOST_FAULTS = 5


def _reach(comparison: Comparison) -> list[str]:
    """What the intervals do not speak of: units above the one that was drawn count as given."""
    texts, documents = len(comparison.contexts), comparison.num_documents or len(comparison.contexts)
    noun = "text"
    if comparison.folder is not None:  # its contexts are what is shown, and no units
        texts, noun = len({tuple(row.documents) for row in comparison.questions if row.documents}), "document"
    if comparison.resampled == "question" and 0 < texts < comparison.num_questions:
        return [
            f"The questions are about only {counted(texts, noun)}: the intervals say what more questions about the "
            f"same {noun}s would give, not what other {noun}s would."
        ]
    if comparison.resampled == "context" and documents < texts:
        return [
            f"The texts come from only {counted(documents, 'document')}: the intervals say what more texts of the same "
            "documents would give, not what other documents would."
        ]
    if comparison.num_resampled < FEWEST and comparison.resampled != "question":
        return [
            f"Resamples draw only {counted(comparison.num_resampled, comparison.resampled)}: with so few, intervals "
            "are too narrow."
        ]
    return []


def _direction(comparison: Comparison, model: int, against: int) -> int:
    if model > against:
        return comparison.versus(model, against).f1.direction
    return -comparison.versus(against, model).f1.direction


def _mention(place: int) -> str:
    return f"{{m{place}}}"


def _list(places: list[int]) -> str:
    names = [_mention(place) for place in places]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(number: int) -> str:
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
    return words.get(number, str(number))


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _on(model: ModelResult) -> str:
    return f" on {model.device}" if model.device else ""
