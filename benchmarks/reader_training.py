"""What a training of the small reader of `optimize-prompt` takes, and whether its score tells right rows from wrong.

    QA_REAL_DATA=DIR OMP_NUM_THREADS=1 python benchmarks/reader_training.py [--rows 0 300] [--wrong 0 0.5]
        [--seeds 0 1 2] [--epochs 3] [--learning_rate 1e-4] [--questions 150]

Every sixth article of `xquad/xquad.en.json` is asked (its first --questions questions), rows of the others are trained
on. --wrong is the share of rows whose answer is replaced by three words from anywhere in the same text. Prints a line
of JSON for each training: F1 and exact match in percent, and seconds of processor time and by the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from qa_pipeline.data import load_examples
from qa_pipeline.optimisation.trainings import ReaderTraining

EVERY = 6
"""Of the articles, in the order of their titles, one in so many is asked."""
WRONG_WORDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=int, default=[0, 300])
    parser.add_argument("--wrong", nargs="+", type=float, default=[0.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    parser.add_argument("--questions", type=int, default=150)
    arguments = parser.parse_args()
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds xquad/")
    examples, _ = load_examples(Path(os.environ["QA_REAL_DATA"]) / "xquad" / "xquad.en.json", merge_references=False)
    asked = set(sorted({example["title"] for example in examples})[::EVERY])
    questions = [example for example in examples if example["title"] in asked][: arguments.questions]
    others = [example for example in examples if example["title"] not in asked]
    random.Random(1).shuffle(others)
    train = ReaderTraining(epochs=arguments.epochs, learning_rate=arguments.learning_rate)
    for count in arguments.rows:
        for share in arguments.wrong if count else [0.0]:
            rows = spoiled(others[:count], share, random.Random(2))
            for seed in arguments.seeds:
                clock, processor = time.perf_counter(), time.process_time()
                scores = train(rows, questions, seed)
                found = {
                    **{"rows": count, "wrong": share, "seed": seed},
                    **{
                        "f1": round(100 * float(np.mean(scores.f1)), 2),
                        "em": round(100 * float(np.mean(scores.em)), 2),
                    },
                    "processor_seconds": round(time.process_time() - processor, 1),
                    "seconds": round(time.perf_counter() - clock, 1),
                }
                print(json.dumps(found), flush=True)


def percent(values: tuple[float, ...]) -> float:
    return round(100 * float(np.mean(values)), 2)


def spoiled(rows: list[Any], share: float, rng: random.Random) -> list[Any]:
    """The rows, a share of them with other words of the same text as their answer."""
    made = []
    for row in rows:
        if rng.random() < share:
            words = row["context"].split(" ")
            begin = rng.randrange(max(1, len(words) - WRONG_WORDS))
            text = " ".join(words[begin : begin + WRONG_WORDS])
            start = len(" ".join([*words[:begin], ""]))
            assert row["context"][start : start + len(text)] == text
            row = {**row, "answers": {"text": [text], "answer_start": [start]}}
        made.append(row)
    return made


if __name__ == "__main__":
    main()
