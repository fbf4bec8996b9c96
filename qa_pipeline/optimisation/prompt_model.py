"""Guesses which prompt makes the best data for a domain from what prompts did in other domains. Never asks a backend.

Frozen embeddings of the domain and of the prompts (`prompt_features`) go through small heads (`prompt_heads`), which
are trained on measured domains. What the heads agree on is their guess, what they disagree on is not known: prompts to
try are taken by the upper end of the guess (UCB, Auer et al. 2002), which tries what may be good. New domains are added
to a trained model: some of what it has learnt from is kept (`continual`) and shown again (experience replay, Rolnick et
al. 2019, https://arxiv.org/abs/1811.11682), while its scores of old domains are held in place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.optimisation.continual import CAPACITY, ReplayMemory
from qa_pipeline.optimisation.domain_scores import DomainScores
from qa_pipeline.optimisation.prompt_features import PromptFeatures
from qa_pipeline.optimisation.prompt_heads import (
    HeadSettings,
    PromptHeads,
    RankedDomain,
    has_pairs,
    new_heads,
    score_matrix,
    train_heads,
)
from qa_pipeline.optimisation.prompt_model_files import StoredPromptModel, read_prompt_model, write_prompt_model
from qa_pipeline.retrieval import Embedder


@dataclass(frozen=True)
class TrainingFacts:
    """What a training of the prompt model was.

    Attributes:
        domains: names of the domains that were learned.
        replayed: names of the domains that were shown again.
        prompts: how many measured prompts the learned domains have.
        pairs: how many pairs of them differ by more than noise.
        loss: of the learned domains at the end.
    """

    domains: tuple[str, ...]
    replayed: tuple[str, ...]
    prompts: int
    pairs: int
    loss: float


class PromptModel:
    """Ranks prompts for a domain.

    Args:
        embedder: of domains and prompts; None: the weights that come with the package.
        settings: of the heads and their training.
        capacity: measured prompts of each domain that are kept for later trainings.

    Example:
        >>> from qa_pipeline.generation.questions.llm.recipes import Factors, recipe_of
        >>> model = PromptModel(settings=HeadSettings(steps=40))
        >>> leaflets = model.domain_vector(["The library opens at nine.", "Books are lent for four weeks."])
        >>> recipes = [recipe_of(Factors()), recipe_of(Factors(order="answer_first")), recipe_of(Factors(few_shot=0))]
        >>> measured = DomainScores("leaflets", leaflets, recipes, np.array([51.0, 60.0, 55.0]), np.array([1.0] * 3))
        >>> model.fit([measured]).pairs
        3
        >>> [recipe.kind for recipe in model.propose(leaflets, recipes, 1, kappa=0.0)]
        ['answers']
    """

    def __init__(
        self,
        embedder: Embedder | None = None,
        settings: HeadSettings | None = None,
        capacity: int = CAPACITY,
    ):
        self.settings = settings or HeadSettings()
        self.features = PromptFeatures(embedder)
        self._memory = ReplayMemory(capacity)
        self._heads: PromptHeads | None = None
        self._trainings = 0

    @property
    def domains(self) -> list[str]:
        """Names of the domains that it has learned, in the order in which they came."""
        return [kept.ranked.name for kept in self._memory]

    def known_recipes(self, best: int = 3) -> list[Recipe]:
        """The best prompts of each domain that it has learned: candidates for a new one.

        Args:
            best: how many of each domain, at most. A prompt that is good in several domains is there once.
        """
        found: dict[str, Recipe] = {}
        for kept in self._memory:
            for place in np.argsort(-kept.ranked.scores, kind="stable")[:best]:
                found.setdefault(kept.recipes[place].hash, kept.recipes[place])
        return list(found.values())

    def domain_vector(self, texts: Sequence[str]) -> np.ndarray:
        """(dim,) of a sample of a domain's passages; see `PromptFeatures.of_domain`."""
        return self.features.of_domain(texts)

    def fit(self, domains: Sequence[DomainScores]) -> TrainingFacts:
        """Trains new heads on these domains and forgets all others.

        Raises:
            DataError: there is no domain, one is there twice, or no two prompts of a domain differ by more than noise.
        """
        self._check(domains)
        self._memory = ReplayMemory(self._memory.capacity)
        self._trainings = 0
        self._heads = new_heads([self._ranked(domain) for domain in domains], self.settings)
        return self._train(domains, [], self.settings.steps)

    def extend(self, domains: Sequence[DomainScores], replay: bool = True) -> TrainingFacts:
        """Goes on with new domains, or with new measurements of known ones.

        Where all measurements ever made are at hand, `fit` of all of them is better and takes seconds.

        Args:
            domains: what was measured.
            replay: show the other domains again and hold their scores in place. Without it the model forgets them; it
                is there to measure by how much.

        Raises:
            DataError: as of `fit`.
            ModelError: the model was never trained.
        """
        self._trained()
        self._check(domains)
        old = self._memory.domains(without=[domain.domain for domain in domains]) if replay else []
        return self._train(domains, old, self.settings.extend_steps)

    def score(self, domain_vector: np.ndarray, recipes: Sequence[Recipe]) -> tuple[np.ndarray, np.ndarray]:
        """How good prompts are for a domain, in a unit of its own: only comparisons within one domain mean anything.

        Args:
            domain_vector: (dim,) as `domain_vector` gives it.
            recipes: prompts, measured or not.

        Returns:
            (num_recipes,) mean over the heads, and (num_recipes,) standard deviation over them: what they disagree on.
            Scores of a head count from its mean over these prompts, which says nothing.

        Raises:
            ModelError: the model was never trained.
            DataError: the vector is of another encoder.
        """
        heads = self._trained()
        if np.shape(domain_vector) != (self._dim,):
            raise DataError(
                f"the vector of a domain: expected {self._dim} numbers, found an array of shape "
                f"{np.shape(domain_vector)}; take it from `domain_vector` of the same prompt model"
            )
        if not recipes:
            return np.zeros(0), np.zeros(0)
        scores = score_matrix(heads, domain_vector, self.features.of_recipes(recipes)).astype(np.float64)
        scores -= scores.mean(axis=1, keepdims=True)
        return scores.mean(axis=0), scores.std(axis=0)

    def propose(
        self, domain_vector: np.ndarray, recipes: Sequence[Recipe], number: int, kappa: float = 1.0
    ) -> list[Recipe]:
        """The prompts to try first, the most promising first.

        Args:
            domain_vector: of the domain.
            recipes: to choose from; one that is there twice is proposed once.
            number: how many at most.
            kappa: what a standard deviation is worth: 0 takes what is thought to be best, more tries what is unknown.

        Raises:
            ModelError, DataError: as of `score`.
        """
        distinct = list({recipe.hash: recipe for recipe in recipes}.values())
        mean, deviation = self.score(domain_vector, distinct)
        upper = mean + kappa * deviation
        order = sorted(range(len(distinct)), key=lambda place: (-upper[place], distinct[place].hash))
        return [distinct[place] for place in order[:number]]

    def save(self, folder: str | Path) -> Path:
        """Writes the model into a folder: weights as safetensors, all else as JSON. A kill leaves the old one whole.

        Raises:
            ModelError: the model was never trained.
            DataError: the folder cannot be written.
        """
        stored = StoredPromptModel(
            self._trained().tensors,
            tuple(self._memory),
            dataclasses.asdict(self.settings),
            self.features.embedder.name,
            self._memory.capacity,
            self._trainings,
        )
        return write_prompt_model(folder, stored)

    @classmethod
    def load(cls, folder: str | Path, embedder: Embedder | None = None) -> PromptModel:
        """Reads what `save` wrote.

        Args:
            folder: of the model.
            embedder: the encoder that the model was trained with, where it is at hand; None: it is loaded by its name.

        Raises:
            ModelError: there is no prompt model, it is damaged, of a version that this one does not read, or of
                another encoder.
        """
        stored = read_prompt_model(folder)
        embedder = embedder or Embedder(stored.known_embedder)
        if embedder.name != stored.embedder:
            raise ModelError(
                f"{folder}: the prompt model was trained with {stored.embedder}, found {embedder.name}; give that "
                "encoder, or train the model anew"
            )
        try:
            settings = HeadSettings(**stored.settings)
        except TypeError as error:
            raise ModelError(f"{folder}: the settings of the prompt model cannot be read: {error}") from None
        model = cls(embedder, settings, stored.capacity)
        model._memory = ReplayMemory(stored.capacity, stored.kept)
        model._heads, model._trainings = PromptHeads(stored.tensors), stored.trainings
        return model

    @property
    def _dim(self) -> int:
        return int(self._trained().tensors["domain.first"].shape[1])

    def _trained(self) -> PromptHeads:
        if self._heads is None:
            raise ModelError("the prompt model was never trained; call fit, or load a trained one")
        return self._heads

    def _check(self, domains: Sequence[DomainScores]) -> None:
        names = [domain.domain for domain in domains]
        if not names or len(set(names)) < len(names):
            raise DataError(f"domains to learn: expected one or more, each once, found {names}")
        if not has_pairs(self._ranked(domain) for domain in domains):
            raise DataError(
                f"{', '.join(names)}: no two prompts of a domain differ by more than the noise of their scores, so "
                "there is nothing to learn; measure more prompts, or with more questions or seeds"
            )

    def _ranked(self, domain: DomainScores) -> RankedDomain:
        return RankedDomain(
            domain.domain,
            np.asarray(domain.domain_vector, dtype=np.float32),
            self.features.of_recipes(domain.recipes),
            np.asarray(domain.scores, dtype=np.float64),
            np.asarray(domain.noise, dtype=np.float64),
        )

    def _train(self, domains: Sequence[DomainScores], old: list[RankedDomain], steps: int) -> TrainingFacts:
        rng = np.random.default_rng([self.settings.seed, self._trainings])
        ranked = [self._ranked(domain) for domain in domains]
        loss = train_heads(self._trained(), ranked, old, steps=steps, settings=self.settings, rng=rng)
        for domain, one in zip(domains, ranked, strict=True):
            self._memory.add(domain, one.features, rng)
        self._trainings += 1
        return TrainingFacts(
            tuple(domain.domain for domain in domains),
            tuple(domain.name for domain in old),
            sum(len(domain.recipes) for domain in domains),
            sum(pair.weight > 0 for domain in domains for pair in domain.pairs()),
            loss,
        )
