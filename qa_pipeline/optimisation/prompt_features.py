"""Turns prompts and samples of a domain into vectors of frozen embeddings. Never sees a score.

A prompt is the mean of the embeddings of its instruction lines, and its settings as numbers; a domain is the mean of
the embeddings of a few dozen passages. The encoder is never trained: what is learnt about prompts is learnt on top
(`prompt_heads`). Texts are embedded one at a time, since the vector of a text that is embedded together with others
differs by rounding with its company: the same prompt must have the same numbers in every run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.retrieval import Embedder

DOMAIN_TEXTS = 64
"""Texts of a domain whose embeddings are averaged, at most."""
NUMBERS = ("answer_first", "rephrase", "few_shot", "any_example", "sentence_evidence", "temperature", "length")
"""Settings of a prompt that its features hold as numbers, in this order, each about 0 to 1."""
FEATURES_VERSION = 1
"""Goes up whenever the same prompt comes to have other features: what was learned of the old ones is then worthless."""
_SLOT = re.compile(r"\$(?:\{\w+\}|\w+)")
_LONG = 40.0
"""Instruction lines of a very long prompt, whose length counts as 1."""


class PromptFeatures:
    """Computes the vectors of prompts and domains, and remembers those of prompts.

    Args:
        embedder: None: the weights that come with the package.

    Raises (all methods):
        ModelError: the encoder cannot be loaded.

    Example:
        >>> from qa_pipeline.generation.questions.llm.recipes import Factors, recipe_of
        >>> features = PromptFeatures()
        >>> features.of_recipes([recipe_of(Factors()), recipe_of(Factors(few_shot=0))]).shape
        (2, 391)
        >>> features.of_domain(["The library opens at nine.", "Books are lent for four weeks."]).shape
        (384,)
    """

    def __init__(self, embedder: Embedder | None = None):
        self.embedder = embedder or Embedder()
        self._of_recipe: dict[str, np.ndarray] = {}

    def of_domain(self, texts: Sequence[str]) -> np.ndarray:
        """(dim,) float32, length 1: the direction of the mean embedding of at most DOMAIN_TEXTS texts.

        Which of more texts are taken hangs on the texts themselves, and neither on their order nor on chance.

        Raises:
            DataError: no text has a word.
        """
        wanted = sorted({text for text in texts if text.strip()}, key=_digest)[:DOMAIN_TEXTS]
        if not wanted:
            raise DataError("the sample of a domain: expected a few dozen passages, found none with any text")
        mean = np.mean([self._embedding(text) for text in wanted], axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    def of_recipes(self, recipes: Sequence[Recipe]) -> np.ndarray:
        """(num_recipes, dim + len(NUMBERS)) float32: the mean embedding of the instruction lines, then the numbers."""
        for recipe in recipes:
            if recipe.hash not in self._of_recipe:
                self._of_recipe[recipe.hash] = self._compute(recipe)
        if not recipes:
            return np.zeros((0, self.dim + len(NUMBERS)), dtype=np.float32)
        return np.stack([self._of_recipe[recipe.hash] for recipe in recipes])

    @property
    def dim(self) -> int:
        """Numbers of an embedding."""
        return int(self._embedding("a").shape[0])

    def _compute(self, recipe: Recipe) -> np.ndarray:
        lines = instruction_lines(recipe)
        mean = np.mean([self._embedding(line) for line in lines], axis=0) if lines else np.zeros(self.dim)
        return np.concatenate([mean, recipe_numbers(recipe)]).astype(np.float32)

    def _embedding(self, text: str) -> np.ndarray:
        return np.asarray(self.embedder.embed([text])[0])


def instruction_lines(recipe: Recipe) -> list[str]:
    r"""The lines that tell the model what to do, of all requests, without slots and without lines that have no word.

    The form of the reply, which is the same in all prompts, is left out.

    Example:
        >>> recipe = Recipe("own", "You ask.", 'Text:\n$passage\nWrite $number questions in $language.', "questions")
        >>> instruction_lines(recipe)
        ['You ask.', 'Text:', 'Write questions in .']
    """
    texts = [recipe.system, recipe.user]
    if recipe.following is not None:
        texts += [recipe.following.system, recipe.following.user]
    lines = (" ".join(_SLOT.sub(" ", line).split()).lstrip("-* ") for text in texts for line in text.splitlines())
    return [line for line in lines if re.search(r"\w", line) and '": ' not in line]


def recipe_numbers(recipe: Recipe) -> np.ndarray:
    """(len(NUMBERS),) the settings, each brought to about 0 to 1."""
    return np.array(
        [
            float(recipe.kind == "answers"),
            float(recipe.rephrase),
            recipe.few_shot / 4,
            float(recipe.few_shot > 0),
            float(recipe.evidence == "sentence"),
            recipe.temperature,
            min(1.0, len(instruction_lines(recipe)) / _LONG),
        ]
    )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
