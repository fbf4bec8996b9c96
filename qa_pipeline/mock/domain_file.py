"""Reads a domain from a YAML or JSON file; whatever is wrong in it is said at once, each fault with its place.

docs/domains.md tells how such a file is written.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from qa_pipeline.arguments.config_files import found, nearest, read_config_file
from qa_pipeline.errors import ConfigError
from qa_pipeline.mock.domain import Attribute, Domain, Topic, ValueKind
from qa_pipeline.mock.grammar import Grammar, certain_slots, pattern_fault
from qa_pipeline.mock.names import SHARED_POOLS, SPLITS

FEWEST_NAMES = 5
"""Names of a pool, so that each split has one."""
FEWEST_ATTRIBUTES = 5
"""Attributes of a topic: a paragraph states up to four, and one is left to ask for in vain."""
MOST_ENTITIES = 5
"""Entities that a paragraph draws: up to three that it speaks of, and two that it leaves out."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED = ("e", "v", "e2", "v2", "all")


def read_domain(path: str | Path) -> Domain:
    """The domain of a file.

    Raises:
        ConfigError: it cannot be read, or is no domain; names every fault with its place.
    """
    return domain_from(read_config_file(path), str(path))


def domain_from(content: Mapping[str, Any], source: str) -> Domain:
    """The domain that a file's content describes.

    Args:
        content: what docs/domains.md describes.
        source: what to call the file in messages.

    Raises:
        ConfigError: it is no domain; names every fault with its place.
    """
    reader = _Reader()
    domain = reader.domain(content)
    if not reader.problems:
        reader.problems += _scarce_texts(domain)
    if reader.problems:
        raise ConfigError(source, reader.problems)
    return domain


class _Reader:
    """Reads section by section and collects what is wrong; what it returns is of use only where nothing is."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.pools: Mapping[str, tuple[str, ...]] = {}

    def domain(self, content: Any) -> Domain:
        parts = self._section(content, "", ("name", "description", "keywords", "titles", "topics"), ("pools",))
        own = {name: self._pool(name, names) for name, names in self._sections(parts, "pools", "", least=0).items()}
        self.pools = {**SHARED_POOLS, **own}
        name, description = parts.get("name"), parts.get("description")
        if "name" in parts and not (isinstance(name, str) and _NAME.fullmatch(name)):
            self._fault("name", f"expected small letters, digits and _ such as train_times, found {found(name)}")
        if "description" in parts and not (isinstance(description, str) and description.strip()):
            self._fault("description", f"expected one line of text, found {found(description)}")
        titles = self._patterns(parts, "titles", "")
        for title in titles:
            if not certain_slots(title) & set(self.pools):
                self._fault("titles", f"{found(title)}: expected a name of a pool such as {{town}}, so that no two "
                            "splits share a title")  # fmt: skip
        return Domain(
            name=str(name),
            description=" ".join(str(description).split()),
            keywords=tuple(word.lower() for word in self._texts(parts, "keywords", "", ",")),
            titles=titles,
            pools=own,
            topics=tuple(self._topic(*one) for one in self._sections(parts, "topics", "", least=1).items()),
        )

    def _topic(self, name: str, content: Any) -> Topic:
        place = f"topics.{name}."
        parts = self._section(content, place, ("entities", "pronouns", "openings", "fillers", "attributes"))
        attributes = self._sections(parts, "attributes", place, least=FEWEST_ATTRIBUTES)
        return Topic(
            name,
            entities=self._patterns(parts, "entities", place),
            pronouns=self._texts(parts, "pronouns", place, ","),
            openings=self._patterns(parts, "openings", place, ("all",)),
            fillers=self._patterns(parts, "fillers", place, least=2),
            attributes=tuple(self._attribute(f"{place}attributes.{key}.", key, one) for key, one in attributes.items()),
        )

    def _attribute(self, place: str, name: str, content: Any) -> Attribute:
        parts = self._section(content, place, ("kind", "values", "sentences", "pairs", "questions"))
        kind, kinds = parts.get("kind"), get_args(ValueKind)
        if "kind" in parts and kind not in kinds:
            self._fault(f"{place}kind", f"expected one of {', '.join(kinds)}, found {found(kind)}")
        sentences = self._patterns(parts, "sentences", place, ("e", "v"))
        for sentence in sentences:
            if "{e}'s" in sentence:
                self._fault(f"{place}sentences", f"{found(sentence)}: expected {{e}} without 's, since a pronoun may "
                            "stand for it; say it with of")  # fmt: skip
        return Attribute(
            name,
            kind=cast(ValueKind, kind),
            values=self._patterns(parts, "values", place),
            sentences=sentences,
            pairs=self._patterns(parts, "pairs", place, ("e", "v", "e2", "v2")),
            questions=self._patterns(parts, "questions", place, ("e",)),
        )

    def _pool(self, name: str, content: Any) -> tuple[str, ...]:
        place = f"pools.{name}"
        names = self._texts({name: content}, name, "pools.", ",")
        if not _NAME.fullmatch(name) or name in _RESERVED:
            self._fault(place, f"expected a name of small letters, digits and _, and none of {', '.join(_RESERVED)}")
        if names and len(set(names)) < FEWEST_NAMES:
            self._fault(place, f"expected at least {FEWEST_NAMES} different names, which the splits share out, found "
                        f"{len(set(names))}")  # fmt: skip
        for text in names:
            if re.search(r"[\[\]{}|]", text):
                self._fault(place, f"{found(text)}: expected a plain name, without any of [ ] {{ }} |")
        return names

    def _section(self, content: Any, place: str, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
        """The known keys of a mapping with their values."""
        if not isinstance(content, Mapping):
            self._fault(place.rstrip("."), f"expected a section with {', '.join(needed)}, found {found(content)}")
            return {}
        known = (*needed, *optional)
        for key in map(str, content):
            if key not in known:
                near = nearest(key, known)
                hint = f"did you mean {near}?" if near else f"known here: {', '.join(known)}"
                self._fault(f"{place}{key}", f"unknown key; {hint}")
        for key in needed:
            if key not in content:
                self._fault(f"{place}{key}", "is missing")
        return {key: content[key] for key in known if key in content}

    def _sections(self, parts: Mapping[str, Any], key: str, place: str, *, least: int) -> dict[str, Any]:
        """A mapping whose keys the author chose."""
        value = parts.get(key, {})
        if not isinstance(value, Mapping):
            self._fault(f"{place}{key}", f"expected sections, each under its name, found {found(value)}")
            return {}
        if key in parts and len(value) < least:
            self._fault(f"{place}{key}", f"expected at least {least}, found {len(value)}")
        return {str(name): one for name, one in value.items()}

    def _texts(self, parts: Mapping[str, Any], key: str, place: str, separator: str, least: int = 1) -> tuple[str, ...]:
        """Texts with single spaces: a list of them, or one text that holds them between separators."""
        if key not in parts:
            return ()
        value = parts[key]
        texts = value.split(separator) if isinstance(value, str) else value
        how = "with commas between them" if separator == "," else "one a line"
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self._fault(f"{place}{key}", f"expected texts, {how}, or a list of texts, found {found(value)}")
            return ()
        tidy = tuple(" ".join(text.split()) for text in texts if text.strip())
        if len(tidy) < least:
            self._fault(f"{place}{key}", f"expected at least {least} text{'s' * (least > 1)}, {how}, found {len(tidy)}")
        return tidy

    def _patterns(
        self, parts: Mapping[str, Any], key: str, place: str, slots: Collection[str] = (), least: int = 1
    ) -> tuple[str, ...]:
        """Patterns of which each holds all of these slots, in every one of its alternatives."""
        patterns = self._texts(parts, key, place, "\n", least)
        for pattern in patterns:
            if fault := pattern_fault(pattern, slots, self.pools):
                self._fault(f"{place}{key}", f"{found(pattern)}: {fault}")
        return patterns

    def _fault(self, place: str, text: str) -> None:
        self.problems.append(f"{place}: {text}" if place else text)


def _scarce_texts(domain: Domain) -> list[str]:
    """A line for each place that gives too few different texts to tell things, or their values, apart."""
    problems = []
    for topic in domain.topics:
        wanted = {f"topics.{topic.name}.entities": (topic.entities, MOST_ENTITIES)}
        for one in topic.attributes:
            wanted[f"topics.{topic.name}.attributes.{one.name}.values"] = (one.values, MOST_ENTITIES - 2)
        for place, (patterns, count) in wanted.items():
            try:
                for split in SPLITS:
                    Grammar(random.Random(0), split, domain.pools).distinct(patterns, count)
            except ConfigError:
                problems.append(
                    f"{place}: expected at least {count} different texts in each split, of which none holds another; "
                    "give more of them, or longer pools (a fifth of a pool is for validation, and a fifth for test)"
                )
    return problems
