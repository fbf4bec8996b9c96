"""Reads the catalogues of known data sets and encoders that are part of the package. Never opens a socket.

A catalogue is written down by hand, with the page that each fact was read on. What nobody has looked up is null there
and None here: it is not known, and not "no". Pages change, so the Hub's own word wins where it can be asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from qa_pipeline.data.mapping.field_mapping import read_mapping
from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import short
from qa_pipeline.yaml_reader import YAMLFault, read_yaml

_FOLDER = Path(__file__).parent / "catalogues"
MULTILINGUAL = "multilingual"
"""In place of language codes, for a model of so many languages that a list of them would say less."""


@dataclass(frozen=True)
class KnownDataset:
    """One data set for extractive question answering. None means not known.

    Attributes:
        id: its name on the Hub, with its owner.
        config: the configuration to load; None for the only or the default one.
        language_configs: language code -> the configuration that holds this language, where each has its own.
        name: as people call it.
        description: what its texts and questions are, in one or two sentences.
        domain: words of its subjects, for ranking; "general" where its texts are about anything.
        general: whether it is of use for any subject, as questions about an encyclopedia are.
        languages: codes of ISO 639, "de".
        licence: as its card gives it, such as "cc-by-sa-4.0"; "other" where the card says there is one of its own.
        rows: questions by split; those of `config`, where there are several.
        size_mb: to download, in megabytes of a million bytes.
        answerable_only: whether every question has an answer.
        kind: "extractive": answers are spans of the text.
        has_script: whether it is loaded by a Python script, which datasets 4 and later refuses.
        gated: whether its terms must be accepted on the Hub, and a token given.
        field_mapping: name of a preset of `qa_pipeline.data` or a mapping; None where it is to be inferred.
        notes: what somebody who uses it has to know; "" where there is nothing.
        sources: name of an attribute -> URL of the page that says so.
    """

    id: str
    name: str
    description: str
    domain: str
    languages: tuple[str, ...]
    config: str | None = None
    language_configs: Mapping[str, str] = field(default_factory=dict)
    general: bool = False
    licence: str | None = None
    rows: Mapping[str, int | None] = field(default_factory=dict)
    size_mb: float | None = None
    answerable_only: bool | None = None
    kind: str = "extractive"
    has_script: bool | None = None
    gated: bool | None = None
    field_mapping: Mapping[str, Any] | str | None = None
    notes: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def config_for(self, language: str | None) -> str | None:
        """The configuration that holds a language, given by its code; the usual one where languages are not apart."""
        return self.language_configs.get(language or "", self.config)


@dataclass(frozen=True)
class KnownModel:
    """One encoder that extractive question answering can start from. None means not known.

    Attributes:
        id: its name on the Hub, or `package:` and a path within an installed package.
        family: its `model_type` in transformers, such as "bert".
        description: what it was trained on, and what it is good for, in one or two sentences.
        domain: words of the subjects of its texts, for ranking; "general" where they are about anything.
        parameters_millions: of all of its weights, embeddings among them.
        size_mb: of its weights' file, in megabytes of a million bytes.
        languages: codes of ISO 639, or `MULTILINGUAL` alone.
        licence: as its card gives it, such as "mit".
        context_length: most tokens of a text with its question.
        fast_tokenizer: whether one is there, or is made from its files when it is loaded.
        safetensors: whether its weights are stored as safetensors, which run nothing when read.
        answers_questions: whether it has been trained on question answering already.
        squad: published scores on SQuAD's development sets, {"v1" or "v2": {"exact_match": per cent, "f1": per cent}};
            of the model itself where it answers questions, else of one trained from it.
        notes: what somebody who uses it has to know; "" where there is nothing.
        sources: name of an attribute -> URL of the page that says so.
    """

    id: str
    family: str
    description: str
    domain: str
    languages: tuple[str, ...]
    parameters_millions: float | None = None
    size_mb: float | None = None
    licence: str | None = None
    context_length: int | None = None
    fast_tokenizer: bool | None = None
    safetensors: bool | None = None
    answers_questions: bool = False
    squad: Mapping[str, Mapping[str, float]] | None = None
    notes: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def speaks(self, language: str) -> bool:
        """Whether it was trained on texts of a language, given by its code."""
        return MULTILINGUAL in self.languages or language in self.languages


@cache
def known_datasets() -> tuple[KnownDataset, ...]:
    """The data sets of the package's catalogue, each of them under one id.

    >>> next(known.licence for known in known_datasets() if known.id == "rajpurkar/squad")
    'cc-by-sa-4.0'
    """
    return read_datasets(_FOLDER / "datasets.yaml")


@cache
def known_models() -> tuple[KnownModel, ...]:
    """The encoders of the package's catalogue, each of them under one id.

    >>> next(known.family for known in known_models() if known.id == "FacebookAI/roberta-base")
    'roberta'
    """
    return read_models(_FOLDER / "models.yaml")


def read_datasets(path: Path) -> tuple[KnownDataset, ...]:
    """The data sets of a catalogue file, a list of sections with the attributes of `KnownDataset`.

    Sources are written the other way round: a page, and the list of the attributes that it is the source of.

    Raises:
        ConfigError: it cannot be read, or is no such list; names every fault with its entry.
    """
    return tuple(KnownDataset(**values) for values in _entries(path, "dataset", KnownDataset))


def read_models(path: Path) -> tuple[KnownModel, ...]:
    """The encoders of a catalogue file, a list of sections with the attributes of `KnownModel`.

    Sources are written as those of `read_datasets`.

    Raises:
        ConfigError: it cannot be read, or is no such list; names every fault with its entry.
    """
    return tuple(KnownModel(**values) for values in _entries(path, "model", KnownModel))


_OWN_WORDS = frozenset(
    {"id", "config", "language_configs", "name", "domain", "general", "kind", "field_mapping", "notes", "sources"}
)
"""Attributes that are this catalogue's own words, or that show themselves when a data set is loaded."""


def _entries(path: Path, kind: str, made: type) -> list[dict[str, Any]]:
    """The entries of a catalogue as attributes of what is `made` of them, checked."""
    from jsonschema import Draft202012Validator

    try:
        content = read_yaml(path.read_text(encoding="utf-8"), strict=True)
    except (OSError, UnicodeDecodeError, YAMLFault) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from None
    schema = json.loads((_FOLDER / "schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator({"$ref": f"#/$defs/{kind}s", "$defs": schema["$defs"]})
    problems = [
        f"{_place(content, error.absolute_path)}: {short(error.message, 160)}"
        for error in validator.iter_errors(content)
    ]
    if not problems:
        problems = [*_repeated(content), *(fault for entry in content for fault in _faults(entry, made))]
    if problems:
        raise ConfigError(str(path), problems)
    return [_attributes(entry) for entry in content]


def _place(content: Any, steps: Iterable[str | int]) -> str:
    """Where in a catalogue a fault is: the id of the entry rather than its number, and the path within it."""
    number, *inner = [*steps] or ["the file"]
    entry = content[number] if isinstance(number, int) else None
    name = (
        str(entry["id"]) if isinstance(entry, dict) and "id" in entry else f"entry {number}" if entry else str(number)
    )
    return ".".join((name, *map(str, inner)))


def _repeated(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for name, count in Counter(entry["id"] for entry in entries).items():
        if count > 1:
            yield f"{name}: stands there {count} times; expected once"


def _faults(entry: Mapping[str, Any], made: type) -> Iterator[str]:
    """What is wrong with one entry beyond its form: facts without a source, a mapping that cannot be used."""
    name, sources = entry["id"], _sources(entry)
    stated = {one.name for one in fields(made) if entry.get(one.name) not in (None, "")} - _OWN_WORDS
    for fact in sorted(stated - sources.keys()):
        yield f"{name}.{fact}: no page under sources says so; name it, or leave it null"
    for fact in sorted(sources.keys() - stated):
        yield f"{name}.sources: {fact} is no fact that the entry states"
    if entry.get("field_mapping") is not None:
        try:
            read_mapping(entry["field_mapping"])
        except ConfigError as error:
            yield from (f"{name}.field_mapping: {problem}" for problem in error.problems)


def _sources(entry: Mapping[str, Any]) -> dict[str, str]:
    """Attribute -> page, of what is written as page -> attributes."""
    return {fact: page for page, facts in entry["sources"].items() for fact in facts}


def _attributes(entry: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in entry.items() if value is not None}
    return values | {"languages": tuple(entry["languages"]), "sources": _sources(entry)}
