"""What a domain is: its description, its names, its topics and how people write and ask about them. Only data.

Every pattern is in the small language of `qa_pipeline.mock.grammar`: `[a|b]` for alternatives, `{pool}` and
`{kind:arguments}` for names and values. `{e}` is the thing spoken of and `{v}` a value; `{e2}` and `{v2}` are a second
thing and its value in the same sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Topic:
    """Entities of one sort and their attributes: what a paragraph is about.

    Args:
        name: unique within its domain.
        entities: texts of an entity's name; one is chosen, then expanded.
        pronouns: ways to name the entity again in the sentences that follow; the first is used as a subject only.
        openings: first sentences; `{all}` is the list of the paragraph's entities.
        fillers: sentences about something else, with values of the same kinds; they never answer a question.
        attributes: a paragraph states up to four, and questions without an answer ask for others.
    """

    name: str
    entities: tuple[str, ...]
    pronouns: tuple[str, ...]
    openings: tuple[str, ...]
    fillers: tuple[str, ...]
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True)
class Domain:
    """A subject with its own documents, as `domain_file.read_domain` reads it.

    Args:
        name: what `--domain` takes, and how ids of questions begin.
        description: one line, for people and for matching a prompt to a domain.
        keywords: lower-case words that mark the subject.
        titles: document titles; each holds a pool of names, so that no two splits can share a title.
        pools: names by pool; each pool is divided among the splits, so a name seen in training is in no other split.
        topics: a document speaks of any of them.
    """

    name: str
    description: str
    keywords: tuple[str, ...]
    titles: tuple[str, ...]
    pools: dict[str, tuple[str, ...]]
    topics: tuple[Topic, ...]
