"""What a domain is: its description, its names, its topics and how people write and ask about them. Only data.

Every string is in the small language of `qa_pipeline.mock.grammar`: `[a|b]` for alternatives, `{pool}` and
`{kind:arguments}` for names and values. `{e}` is the thing spoken of and `{v}` a value; `{e2}` and `{v2}` are a second
thing and its value in the same sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

ValueKind = Literal[
    "number", "money", "percent", "date", "time", "duration", "person", "organization", "place", "phrase", "clause"
]


@dataclass(frozen=True)
class Attribute:
    """One property that can be stated about an entity and asked for.

    Args:
        name: unique within its topic.
        kind: what sort of text the answer is.
        values: texts of the answer; one is chosen, then expanded.
        sentences: ways to state it, each with `{e}` and `{v}`; `{e}` may be replaced by a pronoun, so never `{e}'s`.
        pairs: ways to state it for two entities at once, each with `{e}`, `{v}`, `{e2}` and `{v2}`.
        questions: ways to ask for it, each with `{e}`.
    """

    name: str
    kind: ValueKind
    values: tuple[str, ...]
    sentences: tuple[str, ...]
    pairs: tuple[str, ...]
    questions: tuple[str, ...]


def attribute(text: str) -> Attribute:
    """Reads an attribute from lines: first `name: kind`, then values, sentences, pairs and questions in any order.

    A line that ends in "?" is a question, a line with `{v2}` a pair, a line with `{v}` a sentence, any other a value.

    Raises:
        ValueError: a part is missing or the kind is unknown; only the author of a domain can meet this.
    """
    first, *lines = [line.strip() for line in text.strip().splitlines()]
    name, _, kind = first.partition(": ")
    questions = tuple(line for line in lines if line.endswith("?"))
    pairs = tuple(line for line in lines if "{v2}" in line)
    sentences = tuple(line for line in lines if "{v}" in line and line not in pairs)
    values = tuple(line for line in lines if line not in (*questions, *pairs, *sentences))
    if kind not in get_args(ValueKind) or not (values and sentences and pairs and questions):
        raise ValueError(f'attribute "{first}" needs a known kind, values, sentences, pairs and questions')
    return Attribute(name, cast(ValueKind, kind), values, sentences, pairs, questions)


@dataclass(frozen=True)
class Topic:
    """Entities of one sort and their attributes: what a paragraph is about.

    Args:
        name: unique within its domain.
        entities: texts of an entity's name; one is chosen, then expanded.
        pronouns: ways to name the entity again in the sentences that follow; the first is used as a subject only.
        openings: first sentences; `{all}` is the list of the paragraph's entities.
        fillers: sentences about something else, with values of the same kinds; they never answer a question.
        attributes: at least six.
    """

    name: str
    entities: tuple[str, ...]
    pronouns: tuple[str, ...]
    openings: tuple[str, ...]
    fillers: tuple[str, ...]
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True)
class Domain:
    """A subject with its own documents.

    Args:
        name: what `--domain` takes.
        description: one line, for people and for matching a prompt to a domain.
        keywords: lower-case words that mark the subject.
        titles: document titles; each holds a pool of names, so that no two splits can share a title.
        pools: names by pool; each pool is divided among the splits, so a name seen in training is in no other split.
        topics: at least two.
    """

    name: str
    description: str
    keywords: tuple[str, ...]
    titles: tuple[str, ...]
    pools: dict[str, tuple[str, ...]]
    topics: tuple[Topic, ...]
