"""How long a question to a folder takes, from the start of the process and in one that is warm.

python benchmarks/asking_speed.py --model RUN --data $QA_REAL_DATA [--documents 304] [--questions 40]

Makes the documents of the contexts of XQuAD (English) and PolicyQA, indexes them, and asks XQuAD's questions: by
`qa-pipeline ask` in processes of their own, and in this process one after the other. Says where the seconds go.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from qa_pipeline import QAPredictor
from qa_pipeline.retrieval.index import Index

_STEPS = """
import time
begin = time.perf_counter()
def step(name):
    global begin
    print(f"  {time.perf_counter() - begin:6.2f} s  {name}")
    begin = time.perf_counter()
import sys, torch
step("importing torch")
import transformers
from qa_pipeline import QAPredictor
from qa_pipeline.retrieval.index import Index
step("importing transformers and qa_pipeline")
index = Index.open(sys.argv[2])
step("opening the index")
predictor = QAPredictor.from_pretrained(sys.argv[1], device="cpu")
step("loading the model")
index.search(sys.argv[3])
step("the first search, which loads the embeddings")
predictor.ask(sys.argv[3], index)
step("the first answer")
predictor.ask(sys.argv[3], index)
step("the same answer again")
"""


def main() -> None:
    """Makes the folder, asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", default=os.environ.get("QA_REAL_DATA"))
    parser.add_argument("--documents", type=int, default=304)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--num_passages", type=int, nargs="+", default=[3, 5, 8, 10])
    arguments = parser.parse_args()
    data = Path(arguments.data)
    xquad = json.loads((data / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    policies = json.loads((data / "policyqa" / "train.json").read_text(encoding="utf-8"))["data"]
    contexts = dict.fromkeys(one["context"] for article in [*xquad, *policies] for one in article["paragraphs"])
    questions = [qa["question"] for article in xquad for one in article["paragraphs"] for qa in one["qas"]]
    questions = questions[:: max(1, len(questions) // arguments.questions)][: arguments.questions]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "documents")
        folder.mkdir()
        for number, context in enumerate(list(contexts)[: arguments.documents]):
            (folder / f"{number:04}.txt").write_text(context, encoding="utf-8")
        begin = time.perf_counter()
        index = Index.build(folder, Path(temporary, "index"))
        report = index.report
        print(
            f"{report.documents} documents, {report.passages} passages, indexed in {time.perf_counter() - begin:.1f} s"
        )
        print("a process of its own, step by step:")
        steps = [sys.executable, "-c", _STEPS, arguments.model, str(index.folder), questions[0]]
        subprocess.run(steps, check=True, stderr=subprocess.DEVNULL)
        command = ["-m", "qa_pipeline", "ask", "--model", arguments.model, "--documents", str(folder)]
        command += ["--index", str(index.folder), questions[0]]
        for words in ([*command], [*command, "--no_dense"]):
            if "--no_dense" in words:  # an index of its own, made before it is timed
                words[words.index("--index") + 1] = str(Path(temporary, "words"))
                subprocess.run([sys.executable, *words], check=True, capture_output=True)
            seconds = []
            for _ in range(3):
                begin = time.perf_counter()
                subprocess.run([sys.executable, *words], check=True, capture_output=True)
                seconds.append(time.perf_counter() - begin)
            name = "by words alone" if "--no_dense" in words else "by words and meaning"
            print(f"qa-pipeline ask, {name}: from start to end {min(seconds):.2f} s (best of three)")
        predictor = QAPredictor.from_pretrained(arguments.model, device="cpu")
        predictor.ask(questions[0], index)
        for most in arguments.num_passages:
            seconds = []
            for question in questions:
                begin = time.perf_counter()
                predictor.ask(question, index, num_passages=most)
                seconds.append(time.perf_counter() - begin)
            print(
                f"next questions, {most} passages read: median {np.median(seconds):.3f} s, "
                f"95% within {np.percentile(seconds, 95):.3f} s"
            )


if __name__ == "__main__":
    main()
