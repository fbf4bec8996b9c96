"""Learns to order the prompts of a domain: small heads over frozen vectors. Never sees a text or a file.

A head has two towers of two layers, one for the domain and one for the prompt; the score of a prompt for a domain is
the dot product of what they give. Heads are trained contrastively: the domain is the anchor, its winning prompt the
positive, and the prompts that lost by more than noise are hard negatives (InfoNCE, van den Oord et al. 2018,
https://arxiv.org/abs/1807.03748); beside it stands a pairwise logistic loss (RankNet, Burges et al. 2005) whose pairs
weigh what their difference exceeds the noise by, so that a difference which a repetition could turn round teaches
nothing. Several heads begin differently and see the measurements with different weights (the Bayesian bootstrap, Rubin
1981): where they disagree little is known. They are trained side by side, as one batch of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline.optimisation.domain_scores import excess
from qa_pipeline.optimisation.prompt_features import NUMBERS

if TYPE_CHECKING:
    import torch

_LEAST_SPREAD = 0.25
"""Least standard deviation that a setting is divided by: one that hardly varies is not blown up."""


@dataclass(frozen=True)
class HeadSettings:
    """Size and training of the heads.

    Attributes:
        heads: how many are trained side by side.
        hidden, width: numbers between the two layers of a tower, and behind them.
        steps: of gradient descent over all domains; `extend_steps`: where new domains come to a trained model.
        domains_per_step: new domains in one step, at most; as many old ones are replayed.
        learning_rate: its beginning; it falls to 0 on a straight line.
        weight_decay: of AdamW (Loshchilov and Hutter 2019).
        pairwise: weight of the pairwise loss beside InfoNCE.
        distillation: weight of the squared change of the scores of old domains.
        seed: of the weights and of the order of domains.
    """

    heads: int = 5
    hidden: int = 32
    width: int = 16
    steps: int = 200
    extend_steps: int = 80
    domains_per_step: int = 8
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    pairwise: float = 1.0
    distillation: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class RankedDomain:
    """The measured prompts of a domain as the heads see them.

    Attributes:
        name: of the domain.
        vector: (dim,) of the domain.
        features: (num_prompts, num_features) of its prompts.
        scores: (num_prompts,) measured, greater is better.
        noise: (num_prompts,) standard error of each score.
    """

    name: str
    vector: np.ndarray
    features: np.ndarray
    scores: np.ndarray
    noise: np.ndarray


class PromptHeads:
    """The heads, and what brings features to their scale.

    Args:
        tensors: the weights and the scale, by name, as `new_heads` and a file give them.

    Attributes:
        tensors: float32; those whose name begins with "domain" or "prompt" are trained, the others never change.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor]):
        self.tensors = dict(tensors)

    @property
    def trained(self) -> list[torch.Tensor]:
        """The tensors that training changes, in the order of their names."""
        return [self.tensors[name] for name in sorted(self.tensors) if name.startswith(("domain", "prompt"))]

    def copy(self) -> PromptHeads:
        """The same numbers in tensors of their own."""
        return PromptHeads({name: tensor.detach().clone() for name, tensor in self.tensors.items()})

    def scores(self, domains: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """(heads, num_domains, num_prompts) scores of each prompt for each domain.

        Args:
            domains: (num_domains, dim).
            features: (num_prompts, num_features).
        """
        features = (features - self.tensors["centre"]) / self.tensors["spread"]
        first, second = self._tower("domain", domains), self._tower("prompt", features)
        return first @ second.transpose(1, 2) / math.sqrt(first.shape[-1])

    def _tower(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        import torch

        tensors = self.tensors
        hidden = inputs @ tensors[f"{name}.first"] + tensors[f"{name}.first_bias"]
        outputs: torch.Tensor = torch.nn.functional.gelu(hidden) @ tensors[f"{name}.second"]
        return outputs + tensors[f"{name}.second_bias"]


def new_heads(domains: Sequence[RankedDomain], settings: HeadSettings) -> PromptHeads:
    """Untrained heads, with the scale that the prompts of these domains give.

    The embedding of prompts is divided by one number, so that its directions keep their weight, and the settings each
    by their spread; both halves are then about equally large.
    """
    import torch

    features = np.unique(np.concatenate([domain.features for domain in domains]), axis=0)
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_SPREAD)
    text = features[:, : -len(NUMBERS)] - centre[: -len(NUMBERS)]
    length = float(np.sqrt(np.square(text).sum(axis=1).mean()))
    spread[: -len(NUMBERS)] = (length if length > 1e-3 else 1.0) / len(NUMBERS) ** 0.5
    generator = torch.Generator().manual_seed(settings.seed)
    tensors = {"centre": torch.tensor(centre), "spread": torch.tensor(spread, dtype=torch.float32)}
    for name, size, gain in (("domain", len(domains[0].vector), 2.0), ("prompt", features.shape[1], 1.0)):
        first = torch.randn(settings.heads, size, settings.hidden, generator=generator)
        second = torch.randn(settings.heads, settings.hidden, settings.width, generator=generator)
        # A domain has length 1, the features of a prompt about 4: both come to inputs of about 1.
        tensors[f"{name}.first"] = first * gain / (1.0 if name == "domain" else 4.0)
        tensors[f"{name}.first_bias"] = torch.zeros(settings.heads, 1, settings.hidden)
        tensors[f"{name}.second"] = second / settings.hidden**0.5
        tensors[f"{name}.second_bias"] = torch.full((settings.heads, 1, settings.width), float(name == "domain"))
    return PromptHeads(tensors)


@dataclass(frozen=True)
class _Lot:
    """Domains as tensors: prompts that several of them share are there once.

    Attributes:
        domains: (num_domains, dim).
        features: (num_distinct, num_features) of the distinct prompts.
        places: (num_domains, most) number of each domain's prompts among them; 0 where it has fewer.
        present: (num_domains, most) whether there is such a prompt.
        weights: (heads, num_domains, most, most) of the pair in which the first is to win; they sum to 1 a domain.
        winner: (num_domains,) place of the winning prompt.
        losers: (num_domains, most) those that lost to it by more than noise.
    """

    domains: torch.Tensor
    features: torch.Tensor
    places: torch.Tensor
    present: torch.Tensor
    weights: torch.Tensor
    winner: torch.Tensor
    losers: torch.Tensor

    def scores(self, heads: PromptHeads, chosen: torch.Tensor) -> torch.Tensor:
        """(heads, num_chosen, most) scores of the prompts of the chosen domains."""
        import torch

        used, places = torch.unique(self.places[chosen], return_inverse=True)
        every = heads.scores(self.domains[chosen], self.features[used])
        return every.gather(2, places.expand(every.shape[0], -1, -1))


def train_heads(
    heads: PromptHeads,
    new: Sequence[RankedDomain],
    old: Sequence[RankedDomain] = (),
    *,
    steps: int,
    settings: HeadSettings,
    rng: np.random.Generator,
) -> float:
    """Trains the heads in place.

    Args:
        heads: untrained ones, or some that know other domains.
        new: the domains to learn.
        old: domains that the heads know and must not forget: they are half of each step, and their scores are held
            where they are (distillation, Li and Hoiem 2016, "Learning without Forgetting").
        steps: of gradient descent.
        settings: the learning rate and the weights of the losses.
        rng: draws the domains of each step and the weights of the measurements.

    Returns:
        The loss of the new domains, mean of the last tenth of the steps.
    """
    import torch

    lot, kept = _lot(new, settings, rng), _lot(old, settings, rng) if old else None
    with torch.no_grad():
        before = kept.scores(heads, torch.arange(len(old))) if kept else None
    trained = heads.trained
    for tensor in trained:
        tensor.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    losses = []
    for _ in range(steps):
        chosen = _draw(len(new), settings.domains_per_step, rng)
        loss = _loss(lot.scores(heads, chosen), lot, chosen, settings)
        losses.append(float(loss.detach()))
        if kept is not None and before is not None:
            again = _draw(len(old), settings.domains_per_step, rng)
            scores = kept.scores(heads, again)
            change = _centred(scores - before[:, again], kept.present[again])
            loss = 0.5 * loss + 0.5 * _loss(scores, kept, again, settings) + settings.distillation * change
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    for tensor in trained:
        tensor.requires_grad_(False)
    return float(np.mean(losses[-max(1, steps // 10) :]))


def _lot(domains: Sequence[RankedDomain], settings: HeadSettings, rng: np.random.Generator) -> _Lot:
    import torch

    counts = [len(domain.scores) for domain in domains]
    most, places_of = max(counts), dict[bytes, int]()
    distinct: list[np.ndarray] = []
    places = np.zeros((len(domains), most), dtype=np.int64)
    present, losers = np.zeros_like(places, dtype=bool), np.zeros_like(places, dtype=bool)
    weights = np.zeros((settings.heads, len(domains), most, most), dtype=np.float32)
    for row, domain in enumerate(domains):
        for column, features in enumerate(domain.features):
            place = places_of.setdefault(features.tobytes(), len(distinct))
            if place == len(distinct):
                distinct.append(features)
            places[row, column] = place
        count = counts[row]
        beyond = excess(domain.scores, domain.noise)
        present[row, :count] = True
        losers[row, :count] = beyond[int(domain.scores.argmax())] > 0
        seen = rng.exponential(size=(settings.heads, count))
        pairs = beyond * seen[:, :, None] * seen[:, None, :]
        weights[:, row, :count, :count] = pairs / np.maximum(pairs.sum(axis=(1, 2), keepdims=True), 1e-9)
    return _Lot(
        torch.tensor(np.stack([domain.vector for domain in domains]), dtype=torch.float32),
        torch.tensor(np.stack(distinct), dtype=torch.float32),
        torch.tensor(places),
        torch.tensor(present),
        torch.tensor(weights),
        torch.tensor([int(domain.scores.argmax()) for domain in domains]),
        torch.tensor(losers),
    )


def _draw(count: int, most: int, rng: np.random.Generator) -> torch.Tensor:
    import torch

    return torch.tensor(np.sort(rng.permutation(count)[:most]))


def _loss(scores: torch.Tensor, lot: _Lot, chosen: torch.Tensor, settings: HeadSettings) -> torch.Tensor:
    """InfoNCE and the weighted pairwise loss, mean over heads and chosen domains.

    Args:
        scores: (heads, num_chosen, most).
        lot: all domains.
        chosen: (num_chosen,) which of them.
        settings: the weight of the pairwise loss.
    """
    import torch

    winner = lot.winner[chosen][None, :, None].expand(scores.shape[0], -1, 1)
    best = scores.gather(2, winner)
    against = torch.where(lot.losers[chosen], scores, -torch.inf)
    contrast = torch.logsumexp(torch.cat([best, against], dim=2), dim=2) - best[..., 0]
    margins = scores[..., :, None] - scores[..., None, :]
    pairwise = (lot.weights[:, chosen] * torch.nn.functional.softplus(-margins)).sum(dim=(2, 3))
    return contrast.mean() + settings.pairwise * pairwise.mean()


def _centred(change: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """The mean squared change of scores within a domain; one that is the same for all its prompts orders nothing."""
    count = present.sum(dim=1, keepdim=True)
    mean = (change * present).sum(dim=2, keepdim=True) / count
    return (((change - mean) * present) ** 2).sum() / (present.sum() * change.shape[0])


def score_matrix(heads: PromptHeads, vector: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(heads, num_prompts) scores of prompts for one domain."""
    import torch

    with torch.inference_mode():
        domains = torch.tensor(vector[None], dtype=torch.float32)
        return np.asarray(heads.scores(domains, torch.tensor(features, dtype=torch.float32))[:, 0].numpy())


def has_pairs(domains: Iterable[RankedDomain]) -> bool:
    """Whether any two prompts of a domain differ by more than their noise."""
    return any(bool(excess(domain.scores, domain.noise).any()) for domain in domains)
