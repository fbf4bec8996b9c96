"""What `optimize-prompt` is worth where the truth is known: a played language model whose data quality is planted.

    [QA_REAL_DATA=DIR] python benchmarks/optimise_worth.py [--part NAME] [--seeds 12] [--workers 2]

The model is `tests/optimisation/planted.py`: a server that speaks the chat completions of OpenAI and errs more or less,
by a hidden function of the prompt, with interactions, weights of each domain, and noise. Rungs 0 and 1, the
filters, the backend with its cache and budget, the proposers and the tables are the real code. Two things are stood in
for, since they take minutes each: the frozen reader of rung 1 (it knows the documents and errs one time in ten) and the
training of small readers on rung 2 (F1 is a function of what the rows truly teach, with noise of a question and of a
seed; `planted_world.answer_scores`). So the figures say how the search deals with noise and budgets, not what it wins
with a real model.

- search: domains in turn, a world of documents for each seed. The search and random search get as many tokens each; the
  prompt that each ends with makes questions about other documents of the domain, and what readers are expected to reach
  with them is compared, paired by seed. The server's own count of tokens is held against `max_tokens`. `--guided`: a
  search as well that begins with what a prompt model of the other domains proposes.
- killed: the command is killed again and again, between requests and in trainings, and started again; its tables are
  compared with those of a run that was let be, byte for byte.
- rungs: how well each rung ranks prompts by chance: rank correlation with the truth.
- ranker: the prompt model on domains that it has not seen, and what it forgets when domains are added. On the played
  domains (measured as the search measures), and, where QA_REAL_DATA names the data, on many real ones with planted
  scores (`prompt_ranker.py`, three worlds).

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qa_pipeline.generation.questions.llm.recipes import Recipe, factor_grid, recipe_of
from qa_pipeline.metrics import paired_bootstrap
from qa_pipeline.optimisation import stages
from qa_pipeline.optimisation.api import optimize
from qa_pipeline.optimisation.arguments import optimization_settings
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.optimisation.job import prepare
from qa_pipeline.optimisation.trainings import SeedScores
from tests.optimisation.planted import PlantedServer
from tests.optimisation.planted_domains import DOMAINS
from tests.optimisation.planted_runs import (
    ARGUMENTS,
    CHECK,
    DOCUMENTS,
    PASSAGES,
    rungs_of,
    settings_of,
    trainer,
    world_of,
    write_sources,
)
from tests.optimisation.planted_world import World, expected_f1, stable_random

if TYPE_CHECKING:
    from qa_pipeline.optimisation.domain_scores import DomainScores
    from qa_pipeline.optimisation.prompt_model import PromptModel

TOKENS = 1_400_000
"""Of the search and of random search together."""
SEARCH = {"num_candidates": 12}
KILLED = {"num_candidates": 6, "rounds": 2, "baselines": ["random", "cloze"]}
KILLED_TOKENS = 700_000
RecipeWorth = tuple[list[float], list[float], list[float]]
"""Measured scores and their noise, and the expected F1 of other recipes."""
REQUESTS_BETWEEN_KILLS, TRAININGS_BETWEEN_KILLS = 61, 5
RANKED_RECIPES, RANKED_PASSAGES, RANKED_DRAWS, REAL_WORLDS = 24, 12, 2, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("search", "killed", "rungs", "ranker"), help="only this one")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument(
        "--first_seed", type=int, default=0, help="of the search; others than those that it was made with"
    )
    parser.add_argument("--guided", action="store_true", help="search also with a prompt model of the other domains")
    parser.add_argument("--workers", type=int, default=2, help="processes that search side by side")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of the search and of random search together")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)  # settings, seed, trainings before it is killed
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if arguments.child:
        child(*arguments.child)
        return
    line: dict[str, Any] = {"benchmark": "optimise_worth", "seeds": arguments.seeds, "tokens": arguments.tokens}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "search": lambda: search_part(arguments),
        "killed": killed_part,
        "rungs": lambda: rungs_part(arguments.workers),
        "ranker": lambda: ranker_part(arguments.workers),
    }
    for name in [arguments.part] if arguments.part else parts:
        begin = time.perf_counter()
        line[name] = parts[name]()
        line[name]["seconds"] = round(time.perf_counter() - begin, 1)
        print(f"{name}: {json.dumps(line[name], indent=2)}", flush=True)
    print(json.dumps(line))


# --- the search against random search --------------------------------------------------------------------------------


def search_part(arguments: argparse.Namespace) -> dict[str, Any]:
    """Searches minus random search in points of expected F1, over seeds; and the server's count of tokens."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    with ProcessPoolExecutor(arguments.workers) as pool:
        worth = None
        if arguments.guided:
            worth = list(pool.map(worth_of_recipes, [(0, number) for number in range(len(DOMAINS))]))
        runs = []
        for run in pool.map(one_seed, seeds, [arguments.tokens] * len(seeds), [worth] * len(seeds)):
            print(json.dumps(run), flush=True)
            runs.append(run)
    searches = ("search", "guided") if arguments.guided else ("search",)
    means = {name: np.array([run[name] for run in runs]) for name in ("baseline", *searches, "random")}
    pairs = [(other, name) for name in searches for other in ("random", "baseline")]
    return {
        **{name: round(float(values.mean()), 2) for name, values in means.items()},
        **{f"{second}_minus_{first}": difference(means[first], means[second]) for first, second in pairs},
        **{
            f"{name}_better_same_worse_than_random": [
                int(np.sum(np.sign(means[name] - means["random"]) == sign)) for sign in (1, 0, -1)
            ]
            for name in searches
        },
        "gains_called": sum(run["gains"] for run in runs),
        "gains_called_that_are_none": sum(run["false_gains"] for run in runs),
        "most_of_budget_by_the_servers_count": round(max(run["server_share"] for run in runs), 3),
        "asked_twice": sum(run["asked_twice"] for run in runs),
        "rank_correlations": {
            rungs: round(
                float(np.mean([run["correlations"][rungs] for run in runs if rungs in run["correlations"]])), 2
            )
            for rungs in ("0-1", "1-2")
        },
    }


def one_seed(seed: int, tokens: int, worth: Sequence[RecipeWorth] | None) -> dict[str, Any]:
    """One seed: what the prompts that each search ends with are truly worth.

    Args:
        seed: of world and searches.
        tokens: of the search and random search together; the guided search has half of them.
        worth: what was measured on each of DOMAINS, for the prompt model of the guided search; None: there is none.
    """
    runs = {"search": one_search(seed, tokens, {"baselines": ["random"]})}
    if worth is not None:
        others = [number for number in range(len(DOMAINS)) if number != seed % len(DOMAINS)]
        model = model_of_domains(others, 0, worth)
        runs["guided"] = one_search(seed, tokens // 2, {"baselines": []}, model)
    plain = runs["search"]
    return {
        "seed": seed,
        "domain": DOMAINS[seed % len(DOMAINS)].name,
        "baseline": plain["worth"]["baseline"],
        "random": plain["worth"]["random"],
        **{name: run["worth"]["winner"] for name, run in runs.items()},
        "found": [run["found"] for run in runs.values()],
        "tried": [run["tried"] for run in runs.values()],
        "tokens": [run["tokens"] for run in runs.values()],
        "gains": sum(run["gain"] for run in runs.values()),
        "false_gains": sum(run["false_gain"] for run in runs.values()),
        "server_share": max(run["server_share"] for run in runs.values()),
        "asked_twice": sum(run["asked_twice"] for run in runs.values()),
        "correlations": plain["correlations"],
    }


def one_search(seed: int, tokens: int, arguments: dict[str, Any], model: PromptModel | None = None) -> dict[str, Any]:
    """One run of the first stage, and what the server saw of it."""
    logging.disable(logging.WARNING)
    world = world_of(seed)
    with tempfile.TemporaryDirectory() as folder, PlantedServer([world]) as server:
        settings = settings_of(
            write_sources(Path(folder), world, seed), seed, server.url, tokens, **{**SEARCH, **arguments}
        )
        job = prepare(settings, reader=world.read, train=trainer(world))
        found = stages.synthesize(job, model)
        job.backend.close()  # type: ignore[attr-defined]
        asked = bodies(server)
    # The winner, and not the baseline where its lead may be chance: random search has no such rule either.
    named = {"baseline": job.baseline, "winner": found.winner}
    named |= {name: candidate for name, (candidate, _) in found.others.items()}
    worth = {name: round(true_worth(seed, candidate), 2) for name, candidate in named.items()}
    gain = found.result.gain.is_gain
    return {
        "worth": worth,
        "gain": gain,
        "false_gain": gain and worth["winner"] <= worth["baseline"],
        "found": found.winner.recipe.name,
        "tried": len(found.result.candidates),
        "tokens": found.budget.spent,
        "server_share": server.tokens / tokens,
        "asked_twice": len(asked) - len(set(asked)),
        "correlations": {f"{a}-{b}": value for (a, b), value in found.result.correlations.items()},
    }


def true_worth(seed: int, candidate: PromptCandidate) -> float:
    """Expected F1 (0 to 100) of readers trained on what a prompt makes of other documents, without luck in scoring."""
    other = World(world_of(seed).domain, 2 * DOCUMENTS, seed + 2_000_000)
    rungs = rungs_of(other, seed, (1, 1, 3 * PASSAGES[-1]))
    rows = rungs.synthesis(candidate, 2).rows
    # Three times as many passages as rung 2 asks about, so three readers.
    thirds = np.array_split(np.arange(len(rows)), 3)
    return float(np.mean([expected_f1(other, rungs.training_examples([rows[i] for i in third])) for third in thirds]))


# --- killed runs -----------------------------------------------------------------------------------------------------


def killed_part(seed: int = 3) -> dict[str, Any]:
    """Kills the command between requests and in trainings, and compares its tables with those of a whole run."""
    world = world_of(seed)
    with tempfile.TemporaryDirectory() as folder:
        given = write_sources(Path(folder), world, seed)
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        with PlantedServer([world]) as server:
            path = written_settings({**given, "output_dir": str(whole)}, seed, server.url)
            assert start(path, seed, 0).wait() == 0, "the run that was let be failed"
            requests = len(server.log)
        with PlantedServer([world]) as server:
            path = written_settings({**given, "output_dir": str(killed)}, seed, server.url)
            kills = kill_again_and_again(server, path, seed)
            asked = bodies(server)
        files = [*sorted(path.name for path in whole.glob("*.parquet")), "best_prompt.yaml"]
        same = {name: (whole / name).read_bytes() == (killed / name).read_bytes() for name in files}
    return {
        "kills": kills,
        "same_bytes": same,
        "requests_of_the_whole_run": requests,
        "asked_twice_by_the_killed_one": len(asked) - len(set(asked)),
        "tokens_by_the_servers_count": server.tokens,
        "max_tokens": KILLED_TOKENS,
    }


def written_settings(given: dict[str, Any], seed: int, url: str) -> Path:
    """A file with the settings of a run, beside its output folder."""
    values = {**ARGUMENTS, **given, **KILLED, "seed": seed, "base_url": url, "max_tokens": KILLED_TOKENS}
    path = Path(given["output_dir"]).with_suffix(".json")
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def start(settings: Path, seed: int, trainings: int) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    words = [sys.executable, __file__, "--child", str(settings), str(seed), str(trainings)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def kill_again_and_again(server: PlantedServer, settings: Path, seed: int) -> dict[str, int]:
    """Starts the command until it ends by itself; by turns it is killed at a request and in a training."""
    kills = {"at_a_request": 0, "in_a_training": 0}
    script, running = server.script, {}

    def killing(number: int, body: dict[str, Any]) -> Any:
        if number >= running["until"]:
            running["process"].kill()
        return script(number, body)

    server.script = killing
    for turn in range(200):
        at_request = turn % 2 == 0
        running["until"] = len(server.log) + REQUESTS_BETWEEN_KILLS if at_request else 10**9
        running["process"] = start(settings, seed, 0 if at_request else TRAININGS_BETWEEN_KILLS)
        ended = running["process"].wait()
        if ended == 0:
            return kills
        assert ended == -signal.SIGKILL, f"the command ended with {ended}"
        kills["at_a_request" if at_request else "in_a_training"] += 1
    raise AssertionError("200 starts did not bring the command to its end")


def child(path: str, seed: str, trainings: str) -> None:
    """Runs the whole command; kills itself in the training of that number (0: in none)."""
    world = world_of(int(seed))
    train, done = trainer(world), []

    def counted(rows: Sequence[Any], questions: Sequence[Any], number: int) -> SeedScores:
        done.append(number)
        if len(done) == int(trainings):
            os.kill(os.getpid(), signal.SIGKILL)
        return train(rows, questions, number)

    values = json.loads(Path(path).read_text(encoding="utf-8"))
    optimize(optimization_settings(values, path), reader=world.read, train=counted)


# --- the rungs -------------------------------------------------------------------------------------------------------


def rungs_part(workers: int) -> dict[str, Any]:
    """Rank correlation of each rung with the truth, over prompts by chance, a value a domain and draw."""
    places = [(draw, number) for draw in range(RANKED_DRAWS) for number in range(len(DOMAINS))]
    with ProcessPoolExecutor(workers) as pool:
        found = list(pool.map(rungs_of_domain, places))
    return {
        name: {"each": [round(one[name], 2) for one in found], **interval([one[name] for one in found])}
        for name in found[0]
    }


def rungs_of_domain(place: tuple[int, int]) -> dict[str, float]:
    """Spearman's rank correlation with the expected F1 of readers: of each score, and of the share of accepted rows."""
    from scipy.stats import spearmanr

    draw, number = place
    world = played(draw, number)
    rungs = rungs_of(
        world, draw, train=trainer(world), check=world.questions_of_people(CHECK, stable_random("people", draw))
    )
    scores: dict[str, list[float]] = {name: [] for name in ("rung_0", "accepted_share", "rung_1", "rung_2")}
    truth = []
    for recipe in recipes_of(draw)[0]:
        candidate = PromptCandidate(recipe)
        each = [rungs.evaluate(candidate, rung) for rung in range(3)]
        for name, value in zip(
            scores, (each[0].score, each[0].parts["accepted"], *(one.score for one in each[1:])), strict=True
        ):
            scores[name].append(value)
        truth.append(expected_f1(world, rungs.training_examples(rungs.synthesis(candidate, 2).rows)))
    return {name: float(spearmanr(values, truth).statistic) for name, values in scores.items()}


# --- the prompt model ------------------------------------------------------------------------------------------------


def ranker_part(workers: int) -> dict[str, Any]:
    """Kendall's tau on domains that were not seen, and what replay is worth."""
    found: dict[str, Any] = {"played_domains": ranker_on_played_domains(workers)}
    if "QA_REAL_DATA" in os.environ:
        import prompt_ranker

        setting = prompt_ranker.load_setting(Path(os.environ["QA_REAL_DATA"]))
        found["real_domains_planted_scores"] = {
            "held_out": prompt_ranker.held_out(setting, range(REAL_WORLDS)),
            "continual": prompt_ranker.continual(setting, range(REAL_WORLDS)),
        }
    return found


def ranker_on_played_domains(workers: int) -> dict[str, Any]:
    """Each domain in turn is left out; the model learns from measured scores and is judged by true ones."""
    from qa_pipeline.optimisation.ranking_metrics import kendall_tau, top1_regret

    places = [(draw, number) for draw in range(RANKED_DRAWS) for number in range(len(DOMAINS))]
    with ProcessPoolExecutor(workers) as pool:
        worth = dict(zip(places, pool.map(worth_of_recipes, places), strict=True))
    found: dict[str, list[float]] = {"tau": [], "regret": [], "by_chance": []}
    for draw, left_out in places:
        of_draw = [worth[draw, number] for number in range(len(DOMAINS))]
        model = model_of_domains([number for number in range(len(DOMAINS)) if number != left_out], draw, of_draw)
        vector = model.domain_vector([passage.text for passage in played(draw, left_out).passages])
        predicted, _ = model.score(vector, recipes_of(draw)[1])
        truth = np.array(worth[draw, left_out][2])
        found["tau"].append(kendall_tau(predicted, truth))
        found["regret"].append(top1_regret(predicted, truth))
        found["by_chance"].append(float(truth.max() - truth.mean()))
    shown: dict[str, Any] = {name: interval(values) for name, values in found.items()}
    shown["regret_won"] = difference(np.array(found["regret"]), np.array(found["by_chance"]))
    return {**shown, "added_one_by_one": replay_on_played_domains(worth)}


def replay_on_played_domains(worth: dict[tuple[int, int], RecipeWorth]) -> dict[str, Any]:
    """Domains are added one by one, with replay and without: tau on all but the last one, by draw and order."""
    from qa_pipeline.optimisation.ranking_metrics import kendall_tau

    found: dict[str, list[float]] = {"with_replay": [], "without": []}
    for draw in range(RANKED_DRAWS):
        of_draw = [worth[draw, number] for number in range(len(DOMAINS))]
        for first in range(0, len(DOMAINS), 2):
            order = [(first + step) % len(DOMAINS) for step in range(len(DOMAINS))]
            for name, replay in (("with_replay", True), ("without", False)):
                model = model_of_domains(order[:2], draw, of_draw)
                for number in order[2:]:
                    model.extend(scores_of(model, [number], draw, of_draw), replay=replay)
                taus = []
                for number in order[:-1]:
                    vector = model.domain_vector([passage.text for passage in played(draw, number).passages])
                    taus.append(kendall_tau(model.score(vector, recipes_of(draw)[1])[0], np.array(of_draw[number][2])))
                found[name].append(float(np.mean(taus)))
    shown: dict[str, Any] = {name: interval(values) for name, values in found.items()}
    return {**shown, "won_by_replay": difference(np.array(found["without"]), np.array(found["with_replay"]))}


def model_of_domains(numbers: Sequence[int], draw: int, worth: Sequence[RecipeWorth]) -> PromptModel:
    """A prompt model that learned from what was measured on some of DOMAINS."""
    from qa_pipeline.optimisation.prompt_model import PromptModel
    from qa_pipeline.retrieval import Embedder

    model = PromptModel(Embedder())
    model.fit(scores_of(model, numbers, draw, worth))
    return model


def scores_of(
    model: PromptModel, numbers: Sequence[int], draw: int, worth: Sequence[RecipeWorth]
) -> list[DomainScores]:
    """What was measured on some of DOMAINS, as the model learns from it."""
    from qa_pipeline.optimisation.domain_scores import DomainScores

    chosen, found = recipes_of(draw)[0], []
    for number in numbers:
        vector = model.domain_vector([passage.text for passage in played(draw, number).passages])
        scores, noise, _ = worth[number]
        found.append(DomainScores(DOMAINS[number].name, vector, chosen, np.array(scores), np.array(noise)))
    return found


def played(draw: int, number: int) -> World:
    """The documents of a domain in a draw."""
    return World(DOMAINS[number], DOCUMENTS, 100 + draw)


def recipes_of(draw: int) -> tuple[list[Recipe], list[Recipe]]:
    """Recipes that are measured, and others that judge."""
    grid = [recipe_of(factors) for factors in factor_grid()]
    order = np.random.default_rng([7, draw]).permutation(len(grid))[: 2 * RANKED_RECIPES]
    chosen = [grid[i] for i in order]
    return chosen[:RANKED_RECIPES], chosen[RANKED_RECIPES:]


def worth_of_recipes(place: tuple[int, int]) -> RecipeWorth:
    """Scores of rung 2 and their noise for the measured recipes, and the expected F1 of the others.

    Args:
        place: draw, and number of the domain.
    """
    world, (chosen, judged) = played(*place), recipes_of(place[0])
    questions = world.questions_of_people(CHECK, stable_random("people", place[0]))
    passages = (1, 1, RANKED_PASSAGES)
    rungs = rungs_of(world, place[0], passages, train=trainer(world), check=questions)
    measured = [rungs.evaluate(PromptCandidate(recipe), 2) for recipe in chosen]
    anew = rungs_of(world, place[0] + 1, passages)
    made = [anew.synthesis(PromptCandidate(recipe), 2).rows for recipe in judged]
    truth = [expected_f1(world, anew.training_examples(rows)) for rows in made]
    return [one.score for one in measured], [one.noise for one in measured], truth


def bodies(server: PlantedServer) -> list[str]:
    """What reached the server, each as a text that names it."""
    return [json.dumps(entry.body, sort_keys=True) for entry in server.log]


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95% bootstrap interval."""
    zero = np.zeros(len(values))
    return difference(zero, np.array(values))


def difference(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Mean of second minus first with its paired 95% bootstrap interval."""
    found = paired_bootstrap(first, second, np.random.default_rng(0))
    return {"mean": round(found.difference, 3), "low": round(found.low, 3), "high": round(found.high, 3)}


if __name__ == "__main__":
    main()
