"""How well data sets and base models are found for what people ask, without a network.

    python benchmarks/discovery.py [--use report] [--misses] [--seed 0]
    python benchmarks/discovery.py --mapping

discovery_prompts.yaml has the prompts, each with what somebody who knows the field accepts. For each way of ranking:
hit@1 and hit@5 (share of prompts with something acceptable at the top, among the first five) and MRR (mean of 1 / rank
of the first that is acceptable), with 95% bootstrap intervals over prompts, and the seconds that a prompt takes where
the descriptions have been embedded before. The ways: BM25 alone and embeddings alone compare the whole prompt with each
description; the search itself (`find_datasets`, `find_models`) ranks data sets by words, meaning or both. All know
the embedded catalogue only, and models are found for two CPU cores. A model whose weights are pickled only is refused
whatever its rank, so it is not counted as acceptable; prompts for which only such models are known are left out.

Finding is half of it. Whether something fits at all is counted apart: of prompts whose subject has data sets, how many
get an acceptable one, and nothing else, among those that rows would be taken from; of prompts that nothing fits, how
many get nothing.

--mapping: the files of tests/data/cases and more_cases, whose fields are called and shaped in many ways, are read
without any setting. Counted is how many are accepted on their sample and have every row as it must be.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qa_pipeline.discovery.arguments import DatasetSearchArguments
from qa_pipeline.discovery.catalogue import KnownDataset, KnownModel, known_datasets, known_models
from qa_pipeline.discovery.datasets import DatasetCandidate, find_datasets
from qa_pipeline.discovery.memory import DeviceFacts
from qa_pipeline.discovery.model_arguments import ModelSearchArguments
from qa_pipeline.discovery.models import find_models
from qa_pipeline.generation.specification.specification import parse_prompt
from qa_pipeline.metrics import bootstrap_interval
from qa_pipeline.retrieval import Embedder, rank_texts
from qa_pipeline.retrieval.ranking import meaning_scores
from qa_pipeline.text.languages import language_name
from qa_pipeline.yaml_reader import read_yaml

PROMPTS = Path(__file__).with_name("discovery_prompts.yaml")
USES = ("choose", "report")
FITS = ("domain", "general", "language", "none")
DEVICE = DeviceFacts("cpu", 16 * 10**9, cores=2)
"""What models are found for: the same on every machine that measures."""


@dataclass(frozen=True)
class Prompt:
    """What somebody asks for, and what is right.

    Attributes:
        text: as it is typed.
        use: "choose" or "report".
        fits: what there is for it, see discovery_prompts.yaml.
        datasets, models: acceptable ids; empty: none, and not judged.
        decides: what decides which models are acceptable: "language", "subject" or "wish"; "" where nothing does.
    """

    text: str
    use: str
    fits: str
    datasets: frozenset[str]
    models: frozenset[str]
    decides: str = ""


@dataclass
class Outcome:
    """How one way of ranking did: the rank of the first acceptable one for each prompt, and the seconds."""

    ranks: list[int | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    misses: list[tuple[str, list[str]]] = field(default_factory=list)

    def figures(self, seed: int) -> dict[str, Any]:
        """Means in per cent (MRR in [0, 1]), each with its interval."""
        reciprocal = np.array([0.0 if rank is None else 1 / rank for rank in self.ranks])
        values = {"hit@1": 100.0 * (reciprocal == 1), "hit@5": 100.0 * (reciprocal >= 0.2), "mrr": reciprocal}
        found: dict[str, Any] = {"prompts": len(self.ranks), "seconds": round(float(np.mean(self.seconds)), 3)}
        for name, value in values.items():
            low, high = bootstrap_interval(value, np.random.default_rng(seed))
            found[name] = [round(float(number), 3) for number in (value.mean(), low, high)]
        return found


class RememberingEmbedder(Embedder):
    """Computes each text once: the descriptions are the same for every prompt."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """As `Embedder.embed`."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, super().embed(new), strict=True) if new else ())
        return np.stack([self._known[text] for text in texts])


def read_prompts(path: Path = PROMPTS) -> list[Prompt]:
    """The prompts of a file, names of groups replaced by their ids."""
    content = read_yaml(path.read_text(encoding="utf-8"), strict=True)
    groups: dict[str, list[str]] = content["groups"]

    def ids(names: list[str]) -> frozenset[str]:
        return frozenset(id for name in names for id in groups.get(name, [name]))

    return [
        Prompt(
            one["prompt"],
            one["use"],
            one["fits"],
            ids(one["datasets"]),
            ids(one.get("models", [])),
            one.get("decides", ""),
        )
        for one in content["prompts"]
    ]


def dataset_text(known: KnownDataset) -> str:
    """What BM25 alone and embeddings alone compare with a prompt."""
    languages = " ".join(map(language_name, known.languages)) if len(known.languages) <= 8 else "many languages"
    return f"{known.name}. {known.description} {known.domain}. {languages}"


def model_text(known: KnownModel) -> str:
    """What BM25 alone and embeddings alone compare with a prompt."""
    return f"{known.id}. {known.description} {known.domain}. {' '.join(map(language_name, known.languages))}"


def by_texts(known: Sequence[Any], texts: list[str], embedder: Embedder | None, prompt: str) -> list[str]:
    """Ids by BM25 of the whole prompt, or with an embedder by meaning alone."""
    if embedder is None:
        return [known[ranked.place].id for ranked in rank_texts(prompt, texts)]
    scores = meaning_scores(prompt, texts, embedder)
    return [known[place].id for place in np.argsort(-scores, kind="stable")]


def searched_datasets(ranking: str, embedder: Embedder, prompt: str) -> list[DatasetCandidate]:
    settings = DatasetSearchArguments(dataset_ranking=ranking, hub_datasets=False)  # type: ignore[arg-type]
    return find_datasets(parse_prompt(prompt), settings, hub=None, embedder=embedder)


def searched_models(embedder: Embedder, prompt: str) -> list[str]:
    settings = ModelSearchArguments(hub_models=False)
    found = find_models(parse_prompt(prompt), settings, hub=None, device=DEVICE, embedder=embedder)
    return [one.id for one in found]


def dataset_ways(embedder: Embedder) -> dict[str, Callable[[str], list[str]]]:
    known = known_datasets()
    texts = [dataset_text(one) for one in known]

    def ids(ranking: str, prompt: str) -> list[str]:
        return [one.id for one in searched_datasets(ranking, embedder, prompt)]

    return {
        "BM25 alone": partial(by_texts, known, texts, None),
        "embeddings alone": partial(by_texts, known, texts, embedder),
        **{f"search by {ranking}": partial(ids, ranking) for ranking in ("words", "meaning", "both")},
    }


def model_ways(embedder: Embedder) -> dict[str, Callable[[str], list[str]]]:
    known = known_models()
    texts = [model_text(one) for one in known]
    return {
        "BM25 alone": partial(by_texts, known, texts, None),
        "embeddings alone": partial(by_texts, known, texts, embedder),
        "search": partial(searched_models, embedder),
    }


def measure(rank: Callable[[str], list[str]], judged: Sequence[tuple[Prompt, frozenset[str]]]) -> Outcome:
    """Ranks for prompts that have something acceptable."""
    outcome = Outcome()
    for prompt, accepted in judged:
        begin = time.perf_counter()
        ids = rank(prompt.text)
        outcome.seconds.append(time.perf_counter() - begin)
        place = next((number for number, id in enumerate(ids, start=1) if id in accepted), None)
        outcome.ranks.append(place)
        if place != 1:
            outcome.misses.append((prompt.text, [f"rank {place}", *ids[:3]]))
    return outcome


def measure_fit(prompts: Sequence[Prompt], embedder: Embedder) -> dict[str, Any]:
    """Whether the search is right in that something fits: shares in per cent, and the prompts where it is not."""
    found, clean, silent, wrong = [], [], [], []
    for prompt in prompts:
        if prompt.fits not in ("domain", "none"):
            continue
        fitting = [one.id for one in searched_datasets("both", embedder, prompt.text) if one.fits]
        if prompt.fits == "none":
            silent.append(not fitting)
        else:
            found.append(bool(set(fitting) & prompt.datasets))
            clean.append(bool(fitting) and set(fitting) <= prompt.datasets)
        if not (silent if prompt.fits == "none" else clean)[-1]:
            wrong.append((prompt.text, fitting[:4]))
    shares = {
        "an acceptable one fits": found,
        "only acceptable ones fit": clean,
        "nothing fits, and none is said to": silent,
    }
    return {name: [round(100 * float(np.mean(hits)), 1), len(hits)] for name, hits in shares.items()} | {"wrong": wrong}


def measure_mapping() -> dict[str, Any]:
    """Files of the case suite that are read without any setting: accepted, with every row as it must be."""
    from qa_pipeline.data import load_examples
    from qa_pipeline.discovery.dataset_sample import verify_sample
    from qa_pipeline.errors import QAError
    from tests.data.test_cases import CASES, fits, is_row

    right, wrong, refused = [], [], []
    for path, case in CASES:
        try:
            examples, report = load_examples(path, max_bad_fraction=1.0)
        except QAError as error:
            refused.append((path.name, str(error).splitlines()[0][:120]))
            continue
        problem = verify_sample(examples, report).problem
        if problem is not None:
            refused.append((path.name, problem[:120]))
            continue
        rows = [(example, [row for row in case["rows"] if is_row(example, row)]) for example in examples]
        good = all(
            any(fits(example, end) for row in same for end in (row, *row.get("or", ()))) for example, same in rows
        )
        (right if good else wrong).append(path.name)
    shapes = {path.name: case["kind"] for path, case in CASES}
    return {
        "files": len(CASES),
        "shapes": len(set(shapes.values())),
        "accepted and right": len(right),
        "accepted and wrong": wrong,
        "refused": refused,
    }


def show(title: str, ways: dict[str, Outcome], seed: int) -> dict[str, Any]:
    print(f"\n{title}\n{'':18} {'hit@1':>18} {'hit@5':>18} {'MRR':>19} {'seconds':>8}")
    figures = {name: outcome.figures(seed) for name, outcome in ways.items()}
    for name, figure in figures.items():
        cells = [f"{mean:5.1f} ({low:5.1f} to {high:5.1f})" for mean, low, high in (figure["hit@1"], figure["hit@5"])]
        mean, low, high = figure["mrr"]
        print(f"{name:18} {cells[0]:>18} {cells[1]:>18} {mean:6.3f} ({low:.3f} to {high:.3f}) {figure['seconds']:8.3f}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--use", choices=(*USES, "all"), default="report", help="which half of the prompts")
    parser.add_argument("--misses", action="store_true", help="show the prompts that the search gets wrong")
    parser.add_argument("--mapping", action="store_true", help="measure the mapping of fields instead")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if arguments.mapping:
        print(json.dumps(measure_mapping(), ensure_ascii=False))
        return
    prompts = [one for one in read_prompts() if arguments.use in ("all", one.use)]
    embedder = RememberingEmbedder()
    embedder.embed([dataset_text(one) for one in known_datasets()])  # loading is not what is timed
    result: dict[str, Any] = {"use": arguments.use, "prompts": len(prompts)}
    pickled = {known.id for known in known_models() if known.safetensors is False}
    usable = [(one, one.models - pickled) for one in prompts if one.models - pickled]
    by_language = [(one, models) for one, models in usable if one.decides == "language"]
    by_subject = [(one, models) for one, models in usable if one.decides in ("subject", "wish")]
    for title, ways, judged in (
        ("data sets", dataset_ways(embedder), [(one, one.datasets) for one in prompts if one.datasets]),
        ("models, where the language decides", model_ways(embedder), by_language),
        ("models, where the subject or a wish decides", model_ways(embedder), by_subject),
    ):
        outcomes = {name: measure(rank, judged) for name, rank in ways.items()}
        result[title] = show(f"{title}: {len(judged)} prompts ({arguments.use})", outcomes, arguments.seed)
        for prompt, seen in list(outcomes.values())[-1].misses if arguments.misses else ():
            print(f"  missed: {prompt[:90]!r}: {', '.join(seen)}")
    fit = measure_fit(prompts, embedder)
    wrong = fit.pop("wrong")
    print("\nfits\n" + "\n".join(f"{name:36} {share:5.1f}% of {number}" for name, (share, number) in fit.items()))
    for prompt, seen in wrong if arguments.misses else ():
        print(f"  wrong: {prompt[:90]!r}: {', '.join(seen) or 'nothing'}")
    print(json.dumps(result | {"fits": fit}, ensure_ascii=False))


if __name__ == "__main__":
    main()
