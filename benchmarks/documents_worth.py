"""What a model learns from documents without labels: recipes on three kinds of text, asked questions of people.

    QA_REAL_DATA=DIR python benchmarks/documents_worth.py --results results/documents_worth.jsonl
        [--kinds library reviews articles] [--recipes base mock rows beside mock_first warm warm_first]
        [--changes max_passage_words=120 questions_per_context=8 unanswerable_fraction=0.2 passes=3 ...]
        [--seeds 0 1 2] [--most_rows 400] [--warm FOLDER] [--print]

The documents go to `qa-pipeline generate` as files, with its rules and no language model; a model is trained on the
rows and asked the questions of people with the right text given. Nothing is tuned on these questions but what is
chosen here.

- kinds: `library` is docs/examples/town_library (15 files of five formats, 60 questions, the whole file given);
  `reviews` the 209 grocery reviews of `subjqa/grocery_dev.csv`, a file each (their answerable questions); `articles`
  every third article of `xquad/xquad.en.json`, a file for each paragraph.
- recipes: `base` is the untrained head. `mock` has 3 passes at 3e-4 over MOCK_ROWS questions of all built-in domains.
  `rows` trains on generated rows alone, 3 passes at 3e-4; `beside` the same with MOCK_ROWS mock questions beside them,
  passed over once. `mock_first` goes on from `mock` with 5 passes at 1e-4 over the generated rows. `warm` is the
  adapter that comes with the package, `warm_first` goes on from it likewise.
- changes: each alone, on every recipe that trains on generated rows; a setting of `generate`, or `passes` or `rate` of
  the training. `none` stands for no change.
- No more than --most_rows generated rows are trained on, drawn by the seed, so that choosing takes an hour and not a
  day.
- EM and F1 of every question are appended to --results the moment they are there; a killed run goes on where it was, a
  finished one only prints. The last line is JSON: for every cell EM and F1 in percent, mean over seeds, with 95%
  bootstrap intervals of F1 over documents, and how often a cell tells the right text from a wrong one (`told_apart`,
  the area under the ROC curve of the best span's score; 0.5 is chance).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from finished_cells import FinishedCells

from qa_pipeline.arguments import QASettings
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.run.small_reader import Passes, SmallReader

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "docs" / "examples" / "town_library"
WARM = "package:qa_pipeline/warm_starts/all_minilm_l6_v2"
MOCK_ROWS = 1_600
KINDS = ("library", "reviews", "articles")
LONGEST_ANSWER = {"library": 30, "reviews": 50, "articles": 30}
"""Longest answer that is decoded, in tokens."""


@dataclass(frozen=True)
class Recipe:
    """What a model starts from and is trained on.

    Attributes:
        start: "new" head, "mock" first, or the "warm" adapter.
        passes: over the generated rows; 0: they are not used.
        rate: learning rate of these passes.
        beside: mock rows that are trained on together with them, passed over once.
    """

    start: str = "new"
    passes: float = 0
    rate: float = 3e-4
    beside: int = 0


RECIPES = {
    "base": Recipe(),
    "mock": Recipe("mock"),
    "rows": Recipe(passes=3),
    "beside": Recipe(passes=3, beside=MOCK_ROWS),
    "mock_first": Recipe("mock", 5, 1e-4),
    "warm": Recipe("warm"),
    "warm_first": Recipe("warm", 5, 1e-4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="JSONL file that results are appended to")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--changes", nargs="+", default=["none"], type=change, metavar="NAME=VALUE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--most_rows", type=int, default=400)
    parser.add_argument("--warm", default=WARM, help="the adapter of `warm` and `warm_first`")
    parser.add_argument("--print", action="store_true", help="print what is finished, train nothing")
    arguments = parser.parse_args()
    done = FinishedCells(arguments.results)
    for cell in [] if arguments.print else cells(arguments):
        if cell.key not in done.rows:
            done.append(cell.key, run_cell(cell, arguments))
    print(json.dumps(summary(done, arguments)))


@dataclass(frozen=True)
class Cell:
    """One training and its scores; `change` is NAME=VALUE or "none", `start` the hash of the adapter it starts from."""

    kind: str
    recipe: str
    change: str
    seed: int
    most_rows: int
    start: str = ""

    @property
    def group(self) -> str:
        """Names the cell without its seed."""
        recipe = f"{self.recipe}-{self.start}" if self.start else self.recipe
        return f"{self.kind}/{recipe}/{self.change}/rows{self.most_rows}"

    @property
    def key(self) -> str:
        """Names the cell by all that its figures depend on but the code."""
        return f"{self.group}/seed{self.seed}"


def change(text: str) -> str:
    """NAME=VALUE, checked; or "none"."""
    if text != "none" and (text.count("=") != 1 or not text.split("=")[1]):
        raise argparse.ArgumentTypeError(f"expected none or NAME=VALUE, found {text}")
    return text


def cells(arguments: argparse.Namespace) -> Iterator[Cell]:
    """All that is asked for; a change of recipes without generated rows says nothing and is left out."""
    adapter = fingerprint(arguments.warm)
    for seed in arguments.seeds:
        for kind in arguments.kinds:
            for changed in arguments.changes:
                for recipe in arguments.recipes:
                    if changed == "none" or RECIPES[recipe].passes:
                        start = adapter if RECIPES[recipe].start == "warm" else ""
                        yield Cell(kind, recipe, changed, seed, arguments.most_rows, start)


def fingerprint(model: str) -> str:
    """A short hash of an adapter's weights."""
    from qa_pipeline.modeling.paths import resolve_model_path

    weights = Path(resolve_model_path(model)) / "adapter_model.safetensors"
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:8]


def run_cell(cell: Cell, arguments: argparse.Namespace) -> dict[str, Any]:
    """Makes the rows, trains, and scores every question: EM and F1, 0 to 1."""
    begin = time.perf_counter()
    recipe, options = RECIPES[cell.recipe], {}
    name, _, value = cell.change.partition("=")
    if cell.change != "none":
        options[name] = json.loads(value)
    passes, rate = options.pop("passes", recipe.passes), options.pop("rate", recipe.rate)
    rows, generated = training_rows(cell, options) if recipe.passes else ([], 0)
    reader = SmallReader(
        settings=QASettings(max_answer_length=LONGEST_ANSWER[cell.kind]),
        learning_rate=rate,
        seed=cell.seed,
        model=start_of(recipe.start, cell.seed, arguments),
    )
    if rows:
        reader.train(rows, mock_rows(recipe.beside, cell.seed), Passes(passes, extra=1 if recipe.beside else None))
    return {
        "rows": len(rows),
        "generated": generated,
        **scores(reader, gold(cell.kind)),
        "seconds": round(time.perf_counter() - begin, 1),
    }


def scores(reader: SmallReader, examples: list[Any]) -> dict[str, Any]:
    """EM and F1 of each question, and the best span's score there and in a text that does not belong to it."""
    from qa_pipeline.metrics import score_rows

    right = reader.predictions(examples)
    texts = sorted({row["context"] for row in examples})
    following = dict(zip(texts, texts[1:] + texts[:1], strict=True))
    nowhere: dict[str, list[Any]] = {"text": [], "answer_start": []}
    moved = [
        {**row, "context": following[row["context"]], "answers": nowhere, "is_impossible": True} for row in examples
    ]
    wrong = reader.predictions(moved)
    found = score_rows({p.id: p.text for p in right}, examples)
    return {
        "exact": [float(value) for value in found.exact],
        "f1": [round(float(value), 6) for value in found.f1],
        "told_apart": round(area([-p.null_odds for p in right], [-p.null_odds for p in wrong]), 4),
    }


def area(right: list[float], wrong: list[float]) -> float:
    """How often a score of `right` is above one of `wrong`; a tie is half a time."""
    first, second = np.array(right)[:, None], np.array(wrong)[None, :]
    return float(np.mean((first > second) + 0.5 * (first == second)))


def start_of(start: str, seed: int, arguments: argparse.Namespace) -> str:
    """The weights to start from; a model of mock rows is made once for each seed, beside the results."""
    if start != "mock":
        return str(arguments.warm) if start == "warm" else EMBEDDED_MODEL
    folder: Path = arguments.results.with_suffix("") / f"mock_seed{seed}"
    if not (folder / "config.json").exists():
        reader = SmallReader(learning_rate=3e-4, seed=seed)
        reader.train(mock_rows(MOCK_ROWS, seed), [], Passes(3))
        reader.save(folder)
    return str(folder)


def mock_rows(count: int, seed: int) -> list[Any]:
    """Questions of all built-in domains, a fifth of them without an answer."""
    from qa_pipeline import artifacts
    from qa_pipeline.data import load_examples
    from qa_pipeline.mock.dataset import make_dataset

    if not count:
        return []
    made = make_dataset(None, count, 0.2, seed, validation_fraction=0.0, test_fraction=0.0)
    with tempfile.TemporaryDirectory() as folder:
        return list(load_examples(artifacts.write_json(Path(folder) / "mock.json", made["train"]))[0])


def training_rows(cell: Cell, options: dict[str, Any]) -> tuple[list[Any], int]:
    """The generated rows that are trained on, and how many there were to draw from."""
    from qa_pipeline import generate

    with tempfile.TemporaryDirectory() as folder:
        made = generate(
            documents=documents(cell.kind, Path(folder) / "documents"),
            output_dir=f"{folder}/made",
            seed=cell.seed,
            validation_fraction=0,
            test_fraction=0,
            **options,
        ).splits["train"]
    drawn = np.random.default_rng(cell.seed).permutation(len(made))[: cell.most_rows]
    return [made[i] for i in sorted(drawn)], len(made)


def documents(kind: str, folder: Path) -> list[str]:
    """The documents of a kind as files."""
    if kind == "library":
        return [str(LIBRARY)]
    folder.mkdir()
    texts = reviews() if kind == "reviews" else articles()
    for i, text in enumerate(dict.fromkeys(row["context"] for row in texts)):
        (folder / f"{i:04}.txt").write_text(text, encoding="utf-8")
    return [str(folder)]


def gold(kind: str) -> list[Any]:
    """Answerable questions of people, each with the text that answers it and that text's document."""
    if kind == "library":
        return library_gold()
    texts = reviews() if kind == "reviews" else articles()
    return [row for row in texts if not row["is_impossible"]]


def library_gold() -> list[Any]:
    """The answerable questions of the library, each with the text of its whole file."""
    from qa_pipeline.documents.reading import read_document

    texts = {path.name: read_document(path).text for path in sorted(LIBRARY.iterdir())}
    with open(LIBRARY.with_name("town_library_questions.csv"), encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["answer"]]
    return [
        {
            "id": str(i),
            "title": row["document"],
            "context": texts[row["document"]],
            "question": row["question"],
            "answers": {"text": [row["answer"]], "answer_start": [texts[row["document"]].index(row["answer"])]},
            "is_impossible": False,
        }
        for i, row in enumerate(rows)
    ]


def reviews() -> list[Any]:
    """All questions about the reviews."""
    from qa_pipeline.data import load_examples

    return list(load_examples(data() / "subjqa" / "grocery_dev.csv")[0])


def articles() -> list[Any]:
    """The questions of every third article, titled by the article's number."""
    from qa_pipeline.data import load_examples

    path = data() / "xquad" / "xquad.en.json"
    file = json.loads(path.read_text(encoding="utf-8"))["data"]
    number = {part["context"]: i for i, article in enumerate(file) for part in article["paragraphs"]}
    rows = load_examples(path, merge_references=False)[0]
    return [{**row, "title": str(number[row["context"]])} for row in rows if number[row["context"]] % 3 == 0]


def data() -> Path:
    """The folder of real data."""
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds subjqa/ and xquad/, or give --kinds library")
    return Path(os.environ["QA_REAL_DATA"])


def summary(done: FinishedCells, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of every cell that has all its seeds, and differences from the first recipe without a change."""
    from qa_pipeline.metrics import bootstrap_interval, paired_bootstrap, resampling_of

    line: dict[str, Any] = {"benchmark": "documents_worth", "seeds": arguments.seeds, "most_rows": arguments.most_rows}
    groups: dict[str, list[Cell]] = {}
    for cell in cells(arguments):
        groups.setdefault(cell.group, []).append(cell)
    first: dict[str, np.ndarray] = {}
    for group, members in groups.items():
        found = [done.rows[cell.key] for cell in members if cell.key in done.rows]
        if len(found) < len(members):
            continue
        kind = members[0].kind
        clusters = resampling_of(gold(kind), "document").clusters
        f1 = 100 * np.mean([row["f1"] for row in found], axis=0)
        low, high = bootstrap_interval(f1, np.random.default_rng(0), clusters=clusters)
        line[group] = {
            "exact_match": round(100 * float(np.mean([row["exact"] for row in found])), 1),
            "f1": round(float(f1.mean()), 1),
            "f1_interval": [round(low, 1), round(high, 1)],
            "f1_by_seed": [round(100 * float(np.mean(row["f1"])), 1) for row in found],
            "told_apart": round(float(np.mean([row["told_apart"] for row in found])), 3),
            "rows": [row["rows"] for row in found],
            "generated": [row["generated"] for row in found],
            "seconds": round(float(np.mean([row["seconds"] for row in found]))),
        }
        if kind in first:
            pair = paired_bootstrap(first[kind], f1, np.random.default_rng(0), clusters=clusters)
            line[group]["minus_first"] = [round(float(v), 1) for v in (pair.difference, pair.low, pair.high)]
        first.setdefault(kind, f1)
    return line


if __name__ == "__main__":
    main()
