"""What a plug-in of the cloze engine is: a way of its own to ask about passages of one kind.

Some texts are asked about in ways that the words around an answer do not give: people ask a privacy policy "do you sell
my data?". A plug-in knows such texts and the questions about them. `services` comes with the engine; to write your own,
derive a class from `Plugin`, put it into a module that Python finds, and name it: `--cloze_plugins MODULE:CLASS`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.passages import ReadPassage
from qa_pipeline.generation.types import Draft, Rejected

PLUGINS = {"services": "qa_pipeline.generation.questions.cloze.services:Services"}
"""The plug-ins that come with the engine, by name."""


class Plugin(ABC):
    """Asks about passages of one kind; made once for a run, and shown every passage.

    About a passage that it applies to, its questions alone are asked: as many as `questions_per_context`, in the order
    in which they come. General questions can be added with `asking.general_drafts`. Where several plug-ins apply, the
    first that is named asks.

    Args:
        kinds: the types of answers that are wanted, of `spans.TYPES`.

    Example:
        >>> class Recipes(Plugin):
        ...     def applies(self, passage):
        ...         return passage.text.startswith("Ingredients:")
        ...
        ...     def drafts(self, passage, rng):
        ...         first = len("Ingredients: ")
        ...         yield passage.draft("What goes into it?", first, passage.text.index("."), "examples", "recipes/all")
        >>> from qa_pipeline.documents.passage import Passage
        >>> from qa_pipeline.generation.questions.cloze import ClozeGenerator
        >>> cake = Passage("1", "cake", "Ingredients: flour, eggs and milk. Bake for an hour.")
        >>> [(draft.question, draft.answer) for draft in ClozeGenerator(plugins=(Recipes,)).drafts([cake])]
        [('What goes into it?', 'flour, eggs and milk')]
    """

    def __init__(self, kinds: frozenset[str]):
        self.kinds = kinds

    @abstractmethod
    def applies(self, passage: ReadPassage) -> bool:
        """Whether the passage is of the kind that this plug-in asks about."""

    @abstractmethod
    def drafts(self, passage: ReadPassage, rng: np.random.Generator) -> Iterator[Draft | Rejected]:
        """Questions about a passage that it applies to, made with `passage.draft`; all choices go by `rng`."""

    def topics(self, passage: ReadPassage) -> frozenset[str]:
        """First parts of templates whose questions any passage answers that states something of their kind.

        Args:
            passage: one of any kind.

        Returns:
            Those that this passage answers, so that they are no unanswerable questions about it. None by default.
        """
        return frozenset()


def plugin_faults(names: Sequence[str]) -> list[str]:
    """What is wrong with names of plug-ins, in words; nothing is imported."""
    found = [
        f'unknown plug-in "{name}"; known: {", ".join(PLUGINS)}, none, or MODULE:CLASS for your own'
        for name in names
        if name not in PLUGINS and name != "none" and not all(name.partition(":"))
    ]
    return found + ['"none" stands beside other plug-ins; give one or the other'] * ("none" in names and len(names) > 1)


def make_plugins(named: Sequence[str | type[Plugin]], kinds: frozenset[str]) -> list[Plugin]:
    """The plug-ins of these names and classes, in their order.

    Raises:
        ConfigError: a name is unknown, or what it names cannot be imported or is no plug-in.
    """
    names = [one for one in named if isinstance(one, str)]
    if problems := plugin_faults(names):
        raise ConfigError("cloze_plugins", problems)
    return [(_imported(one) if isinstance(one, str) else one)(kinds) for one in named if one != "none"]


def _imported(name: str) -> type[Plugin]:
    module, _, attribute = PLUGINS.get(name, name).partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            "cloze_plugins",
            f'"{name}": expected a class of a module that Python finds (installed, or in PYTHONPATH); {error}',
        ) from error
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise ConfigError("cloze_plugins", f'"{name}": expected a class derived from {__name__}.Plugin')
    return found
