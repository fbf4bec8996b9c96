"""How well the prompt model ranks prompts for domains that it has not seen, and what it forgets when domains are added.

    QA_REAL_DATA=DIR python benchmarks/prompt_ranker.py [--part held_out | curve | continual | uncertainty | variants]
        [--worlds 10] [--hidden main | any]

Domains and prompts are real, scores are not: domains are articles of XQuAD, websites of PolicyQA and products of SubjQA
with their texts, prompts are recipes of the grid of factors. What a prompt scores in a domain is a hidden function: a
weight for each value of a factor and for each pair of values of three pairs of factors. Half of the variance is the
same in all domains, the other half has weights that hang on the domain's embedding: on its first four principal
components over all domains (`main`), or on four random directions (`any`, which is harder: what is said of one domain
says little of another). Scores spread by 5 points (standard deviation), and are measured with noise of 1.5 points, as
the F1 of three seeds has. The model is given the measured scores and judged by the true ones. Each of the `worlds` has
weights, a draw of domains and noise of its own; intervals draw whole worlds.

- held_out: 40 domains with 24 measured prompts each; 24 other domains, 40 prompts each that no domain measured. Beside
  the model: the same model that is told nothing of domains, and a prompt taken by chance.
- curve: the same for 3, 5, 10, 20 and 40 measured domains.
- continual: 4 domains, then 8 more, one after the other, in random order and kind by kind: with replay and
  distillation, with replay alone, without both, and joint: trained on everything anew. Judged on all domains but the
  last one, each with 40 prompts that were not measured.
- uncertainty: whether the ensemble knows what it does not know: rank correlation of deviation and error.
- variants: parts left out, one at a time.

The last line is JSON. Nothing is asked of a language model.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qa_pipeline.generation.questions.llm.recipes import FACTOR_VALUES, Factors, Recipe, factor_grid, recipe_of
from qa_pipeline.metrics import paired_bootstrap
from qa_pipeline.optimisation.domain_scores import DomainScores
from qa_pipeline.optimisation.prompt_features import PromptFeatures
from qa_pipeline.optimisation.prompt_heads import HeadSettings
from qa_pipeline.optimisation.prompt_model import PromptModel
from qa_pipeline.optimisation.ranking_metrics import kendall_tau, mean_over_domains, top1_regret
from qa_pipeline.retrieval import Embedder

PARTS = ("held_out", "curve", "continual", "uncertainty", "variants")
PASSAGES, FEWEST_PASSAGES = 16, 3
MEASURED, JUDGED = 24, 40
LEARNED, HELD_OUT = 40, 24
FIRST, ADDED = 4, 8
SPREAD, NOISE = 5.0, 1.5
INTERACTING = (("order", "evidence"), ("span_rule", "wh_quota"), ("few_shot", "temperature"))
DIRECTIONS = 4
ARMS: dict[str, tuple[bool, float]] = {
    "replay": (True, HeadSettings.distillation),
    "replay_alone": (True, 0.0),
    "without": (False, 0.0),
}
"""Ways to add domains: whether old ones are replayed, and the weight of distillation."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--hidden", choices=("main", "any"), default="main", help="what the weights hang on")
    arguments = parser.parse_args()
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/, xquad/ and subjqa/")
    setting = load_setting(Path(os.environ["QA_REAL_DATA"]))
    setting = replace(setting, any_direction=arguments.hidden == "any")
    line: dict[str, Any] = {"benchmark": "prompt_ranker", **vars(arguments), "domains": len(setting.names)}
    parts: dict[str, Callable[..., Any]] = {
        "held_out": held_out,
        "curve": curve,
        "continual": continual,
        "uncertainty": uncertainty,
        "variants": variants,
    }
    for name in [arguments.part] if arguments.part else PARTS:
        begin = time.perf_counter()
        line[name] = parts[name](setting, range(arguments.worlds))
        line[name]["seconds"] = round(time.perf_counter() - begin, 1)
        print(f"{name}: {json.dumps(line[name], indent=2)}")
    print(json.dumps(line))


def real_domains(folder: Path) -> dict[str, list[str]]:
    """Texts by domain: articles, websites and products with FEWEST_PASSAGES texts or more."""
    found: dict[str, dict[str, None]] = {}
    for kind, name in (("article", "xquad/xquad.en.json"), ("site", "policyqa/train.json")):
        for document in json.loads((folder / name).read_text(encoding="utf-8"))["data"]:
            texts = found.setdefault(f"{kind} {document['title']}", {})
            texts.update(dict.fromkeys(paragraph["context"] for paragraph in document["paragraphs"]))
    with open(folder / "subjqa" / "grocery_dev.csv", encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            found.setdefault(f"product {row['item_id']}", {})[row["review"]] = None
    return {name: list(texts) for name, texts in found.items() if len(texts) >= FEWEST_PASSAGES}


@dataclass(frozen=True)
class Setting:
    """What all worlds share.

    Attributes:
        names: of the domains; their kind is the first word.
        vectors: (num_domains, dim).
        factors: the whole grid.
        recipes: its recipes, in the same order.
        features: computes and remembers their vectors.
        any_direction: the weights hang on random directions of the embeddings, not on the main ones.
    """

    names: list[str]
    vectors: np.ndarray
    factors: list[Factors]
    recipes: list[Recipe]
    features: PromptFeatures
    any_direction: bool = False


def load_setting(folder: Path | None = None, domains: Mapping[str, Sequence[str]] | None = None) -> Setting:
    """Embeds domains (those of a folder, or others) and all recipes of the grid."""
    if domains is None:
        assert folder is not None
        domains = real_domains(folder)
    features = PromptFeatures(Embedder())
    vectors = np.stack([features.of_domain(list(texts)[:PASSAGES]) for texts in domains.values()])
    factors = list(factor_grid())
    recipes = [recipe_of(one) for one in factors]
    features.of_recipes(recipes)
    return Setting(list(domains), vectors, factors, recipes, features)


class World:
    """Hidden scores of all recipes in all domains, and domains in a random order.

    Attributes:
        truth: (num_domains, num_recipes) points.
        order: (num_domains,) a permutation.
    """

    def __init__(self, setting: Setting, number: int):
        self.setting = setting
        self.rng = np.random.default_rng([20261201, number])
        centred = setting.vectors - setting.vectors.mean(axis=0)
        if setting.any_direction:
            directions = self.rng.normal(size=(centred.shape[1], DIRECTIONS))
        else:
            directions = np.linalg.svd(centred, full_matrices=False)[2][:DIRECTIONS].T
        place = centred @ directions
        place = place / place.std(axis=0)
        coded = coded_factors(setting.factors)
        shared = coded @ self.rng.normal(size=coded.shape[1])
        own = place @ self.rng.normal(size=(DIRECTIONS, coded.shape[1])) @ coded.T
        shared, own = shared - shared.mean(), own - own.mean(axis=1, keepdims=True)
        half = SPREAD / 2**0.5
        self.truth = 60 + half * (shared / shared.std() + own / own.std())
        self.order = self.rng.permutation(len(setting.names))

    def measured(self, domain: int, recipes: np.ndarray) -> DomainScores:
        """What these recipes are measured to score in a domain."""
        scores = self.truth[domain, recipes] + self.rng.normal(0, NOISE, len(recipes))
        chosen = [self.setting.recipes[i] for i in recipes]
        name, vector = self.setting.names[domain], self.setting.vectors[domain]
        return DomainScores(name, vector, chosen, scores, np.full(len(recipes), NOISE))

    def split_recipes(self) -> tuple[np.ndarray, np.ndarray]:
        """Recipes that may be measured, and JUDGED others."""
        order = self.rng.permutation(len(self.setting.recipes))
        return order[JUDGED:], order[:JUDGED]

    def some(self, recipes: np.ndarray) -> np.ndarray:
        """MEASURED of the recipes."""
        return self.rng.choice(recipes, MEASURED, replace=False)


def coded_factors(grid: Sequence[Factors]) -> np.ndarray:
    """(num_recipes, num_columns) 1 where a recipe has a value, or both values of a pair of INTERACTING factors.

    Columns of pairs are as many as to give them about half of the weight.
    """
    of_factor = {
        name: np.array([[getattr(one, name) == value for value in values] for one in grid], dtype=np.float64)
        for name, values in FACTOR_VALUES.items()
    }
    pairs = [
        (of_factor[first][:, :, None] * of_factor[second][:, None, :]).reshape(len(grid), -1)
        for first, second in INTERACTING
    ]
    return np.concatenate([*of_factor.values(), *pairs], axis=1)


def model_of(setting: Setting, **changes: Any) -> PromptModel:
    """A model that knows the recipes' vectors already."""
    model = PromptModel(setting.features.embedder, HeadSettings(**changes))
    model.features = setting.features
    return model


def ranks(
    model: PromptModel, world: World, domain: int, recipes: np.ndarray, vector: np.ndarray
) -> tuple[float, float]:
    """Kendall's tau and top-1 regret in points of one domain."""
    predicted, _ = model.score(vector, [world.setting.recipes[i] for i in recipes])
    actual = world.truth[domain, recipes]
    return kendall_tau(predicted, actual), top1_regret(predicted, actual)


def held_out(setting: Setting, worlds: Sequence[int], learned: int = LEARNED, **changes: Any) -> dict[str, Any]:
    """Tau and regret on domains that the model has not seen."""
    found: dict[str, list[float]] = {name: [] for name in ("tau", "regret", "tau_blind", "regret_blind", "by_chance")}
    blind_vector = setting.vectors.mean(axis=0)
    for number in worlds:
        world = World(setting, number)
        may, judged = world.split_recipes()
        known, new = world.order[:learned], world.order[-HELD_OUT:]
        domains = [world.measured(domain, world.some(may)) for domain in known]
        model, blind = model_of(setting, **changes), model_of(setting, **changes)
        model.fit(domains)
        blind.fit([replace(domain, domain_vector=blind_vector) for domain in domains])
        own = [ranks(model, world, domain, judged, setting.vectors[domain]) for domain in new]
        same = [ranks(blind, world, domain, judged, blind_vector) for domain in new]
        for name, values in (("", own), ("_blind", same)):
            found[f"tau{name}"].append(float(np.mean([tau for tau, _ in values])))
            found[f"regret{name}"].append(float(np.mean([regret for _, regret in values])))
        truth = world.truth[np.ix_(new, judged)]
        found["by_chance"].append(float((truth.max(axis=1) - truth.mean(axis=1)).mean()))
    shown = {name: interval(values) for name, values in found.items()}
    return {**shown, "tau_gain_of_domain": difference(found["tau_blind"], found["tau"])}


def curve(setting: Setting, worlds: Sequence[int]) -> dict[str, Any]:
    """Tau and regret by the number of measured domains."""
    return {str(count): held_out(setting, worlds, count) for count in (3, 5, 10, 20, 40)}


def continual(setting: Setting, worlds: Sequence[int], added: int = ADDED) -> dict[str, Any]:
    """Tau and regret on old domains after others came, by the way in which they were added."""
    return {order: _continual(setting, worlds, order, added) for order in ("random", "by_kind")}


def _continual(setting: Setting, worlds: Sequence[int], order: str, added: int) -> dict[str, Any]:
    found: dict[str, dict[str, list[float]]] = {}
    for number in worlds:
        world = World(setting, number)
        may, judged = world.split_recipes()
        chosen = _mixed(setting, world.order, FIRST + added)
        if order == "by_kind":
            chosen = sorted(chosen, key=lambda place: setting.names[place].split()[0])
        domains = [world.measured(domain, world.some(may)) for domain in chosen]
        models = {name: _added(setting, domains, *ARMS[name]) for name in ARMS}
        models["joint"] = model_of(setting)
        models["joint"].fit(domains)
        for name, model in models.items():
            every = [ranks(model, world, domain, judged, setting.vectors[domain]) for domain in chosen]
            values = {
                "tau_old": np.mean([tau for tau, _ in every[:-1]]),
                "regret_old": np.mean([regret for _, regret in every[:-1]]),
                "tau_first": np.mean([tau for tau, _ in every[:FIRST]]),
                "tau_last": every[-1][0],
            }
            for key, value in values.items():
                found.setdefault(name, {}).setdefault(key, []).append(float(value))
    shown: dict[str, Any] = {
        name: {key: interval(values) for key, values in ways.items()} for name, ways in found.items()
    }
    for key in ("tau_old", "regret_old", "tau_last"):
        for other in ("without", "replay_alone", "joint"):
            shown[f"{key}: replay minus {other}"] = difference(found[other][key], found["replay"][key])
    return shown


def _mixed(setting: Setting, order: np.ndarray, count: int) -> list[int]:
    """As many domains of each kind as there can be, in the given order."""
    kinds: dict[str, list[int]] = {}
    for domain in order:
        kinds.setdefault(setting.names[domain].split()[0], []).append(int(domain))
    taken = {domain for turn in zip(*kinds.values(), strict=False) for domain in turn}
    return [int(domain) for domain in order if domain in taken][:count]


def _added(setting: Setting, domains: Sequence[DomainScores], replay: bool, distillation: float) -> PromptModel:
    model = model_of(setting, distillation=distillation)
    model.fit(domains[:FIRST])
    for domain in domains[FIRST:]:
        model.extend([domain], replay=replay)
    return model


def uncertainty(setting: Setting, worlds: Sequence[int], learned: int = 10) -> dict[str, Any]:
    """Rank correlation of the ensemble's deviation and its error, within and over domains."""
    within, over = [], []
    for number in worlds:
        world = World(setting, number)
        may, judged = world.split_recipes()
        model = model_of(setting)
        model.fit([world.measured(domain, world.some(may)) for domain in world.order[:learned]])
        recipes = [setting.recipes[i] for i in judged]
        rows = []
        for domain in world.order[-HELD_OUT:]:
            mean, deviation = model.score(setting.vectors[domain], recipes)
            truth = world.truth[domain, judged] - world.truth[domain, judged].mean()
            slope = float(mean @ truth / (mean @ mean))
            rows.append((deviation, np.abs(slope * mean - truth)))
        within.append(float(np.mean([kendall_tau(*row) for row in rows])))
        over.append(kendall_tau([row[0].mean() for row in rows], [row[1].mean() for row in rows]))
    return {"of_prompts_in_a_domain": interval(within), "of_domains": interval(over)}


def variants(setting: Setting, worlds: Sequence[int], learned: int = 20) -> dict[str, Any]:
    """Held-out tau with parts left out or other sizes."""
    tried: dict[str, dict[str, Any]] = {
        "as it is": {},
        "InfoNCE alone": {"pairwise": 0.0},
        "one head": {"heads": 1},
        "no weight decay": {"weight_decay": 0.0},
    }
    found = {name: held_out(setting, worlds, learned, **changes) for name, changes in tried.items()}
    found["settings alone, no text"] = held_out(without_text(setting), worlds, learned)
    return {name: {key: one[key] for key in ("tau", "regret")} for name, one in found.items()}


def without_text(setting: Setting) -> Setting:
    """The same with prompts whose embedding is 0."""
    features = PromptFeatures(setting.features.embedder)
    dim = setting.vectors.shape[1]
    for recipe in setting.recipes:
        vector = setting.features.of_recipes([recipe])[0].copy()
        vector[:dim] = 0
        features._of_recipe[recipe.hash] = vector
    return replace(setting, features=features)


def interval(values: Sequence[float]) -> dict[str, float]:
    shown = mean_over_domains(values, np.random.default_rng(0))
    return {"mean": round(shown.mean, 3), "low": round(shown.low, 3), "high": round(shown.high, 3)}


def difference(first: Sequence[float], second: Sequence[float]) -> dict[str, float]:
    found = paired_bootstrap(np.array(first), np.array(second), np.random.default_rng(0))
    return {"mean": round(found.difference, 3), "low": round(found.low, 3), "high": round(found.high, 3)}


if __name__ == "__main__":
    main()
