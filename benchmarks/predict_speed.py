"""Questions per second of `pipeline("question-answering")`: ours against the one that transformers 4.57.6 still had.

    QA_REAL_DATA=DIR python benchmarks/predict_speed.py --model MERGED_MODEL [--rounds 3] [--old_env FOLDER]

Both answer the same questions with the same merged model and the same limits (384 tokens, overlap 128, answers up to 15
tokens), each in a process and a virtual environment of its own, alternating in one run. The old pipeline runs at its
best batch size of 1, 8, 16 and 32, found on the first round. `--old_env` is made on first use (it downloads
transformers 4.57.6); `--old_dtype bfloat16` runs the old one in bfloat16 too, which it does not do by itself.

- policyqa: 400 validation questions; xquad: 200 questions of XQuAD-en; long: 4 questions each to 3 documents of about
  60,000 characters (contexts of XQuAD-en joined).
- agreement: share of questions with the same answer text, among contexts that fit one window, ours as it is by default
  and in float32. Disagreements of the default are written to `--disagreements FILE`.
- forward: how long the model alone takes for the very batches that ours made, as a share of ours.

The last line is JSON.

Measured 2026-11-21 on 2 cores with a LoRA model of PolicyQA, merged: 3.3, 3.4 and 3.5 times; the forward pass is 93 to
95% of our time. Agreement 98.3% (policyqa) and 99.0% (xquad), in float32 99.3% and 99.5%. Disagreements in float32
("information", four times in its context, over "Information We Receive From You You share"; "We receive" and
"clades", twice each): the old pipeline adds the scores of equal texts at several places, which puts them before a span
that is likelier by itself. In bfloat16 near ties fall out otherwise besides.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BATCH_SIZES = (1, 8, 16, 32)
LIMITS = {"max_seq_len": 384, "doc_stride": 128, "max_answer_len": 15, "max_question_len": 64}
OLD_PACKAGES = ("torch==2.13.0", "transformers==4.57.6")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of a merged or fully trained model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--old_env", default=".venv-transformers-4.57.6")
    parser.add_argument("--old_dtype", default="float32")
    parser.add_argument("--disagreements")
    parser.add_argument("--worker", choices=["old", "ours"])
    parser.add_argument("--dtype", default="auto")
    arguments = parser.parse_args()
    if arguments.worker:
        serve(old_answerer if arguments.worker == "old" else our_answerer, arguments)
        return
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/validation.json and xquad/xquad.en.json")
    sets = read_sets(Path(os.environ["QA_REAL_DATA"]))
    options = ["--model", arguments.model]
    old = Worker(
        [old_python(Path(arguments.old_env)), __file__, "--worker", "old", *options, "--dtype", arguments.old_dtype]
    )
    ours = Worker([sys.executable, __file__, "--worker", "ours", *options])
    exact = Worker([sys.executable, __file__, "--worker", "ours", *options, "--dtype", "float32"])

    summary: dict[str, Any] = {"benchmark": "predict_speed", "old_dtype": arguments.old_dtype}
    disagreements = []
    for name, rows in sets.items():
        few = rows[: 3 if name == "long" else 64]
        sizes = {size: old.ask(few, batch_size=size)["seconds"] for size in (*BATCH_SIZES[:1], *BATCH_SIZES)}
        best = min(sizes, key=lambda size: sizes[size])
        ours.ask(rows)
        rounds = [(old.ask(rows, batch_size=best), ours.ask(rows)) for _ in range(arguments.rounds)]
        ratios = [one["seconds"] / other["seconds"] for one, other in rounds]
        forward = [other["forward_seconds"] / other["seconds"] for _, other in rounds]
        line = {
            "questions": len(rows),
            "questions_per_second": round(len(rows) / statistics.median(r["seconds"] for _, r in rounds), 1),
            "old_questions_per_second": round(len(rows) / statistics.median(r["seconds"] for r, _ in rounds), 1),
            "old_batch_size": best,
            "times": round(statistics.median(ratios), 2),
            "times_min": round(min(ratios), 2),
            "forward_share": round(statistics.median(forward), 3),
        }
        if name != "long":
            theirs, mine = rounds[0][0]["answers"], rounds[0][1]["answers"]
            fits = rounds[0][1]["fits"]
            in_float32 = exact.ask(rows)["answers"]
            line |= {"one_window": sum(fits), "agreement": agreement(theirs, mine, fits)}
            line["agreement_float32"] = agreement(theirs, in_float32, fits)
            disagreements += [
                {"set": name, "question": row["question"], "old": a, "ours": b, "ours_float32": c}
                for row, a, b, c, fit in zip(rows, theirs, mine, in_float32, fits, strict=True)
                if fit and a["answer"] != b["answer"]
            ]
        summary[name] = line
        print(f"{name}: {line}", flush=True)
        if arguments.disagreements:
            text = json.dumps(disagreements, indent=1, ensure_ascii=False)
            Path(arguments.disagreements).write_text(text, encoding="utf-8")
    print(json.dumps(summary))


def agreement(theirs: list[dict[str, Any]], mine: list[dict[str, Any]], fits: list[bool]) -> float:
    """Share of the same answer texts, where the context fits one window."""
    same = [a["answer"] == b["answer"] for a, b, fit in zip(theirs, mine, fits, strict=True) if fit]
    return round(sum(same) / len(same), 4)


def read_sets(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Questions with contexts of the three sets."""
    policyqa = squad_rows(folder / "policyqa" / "validation.json")[:400]
    xquad = squad_rows(folder / "xquad" / "xquad.en.json")
    contexts = list(dict.fromkeys(row["context"] for row in xquad))
    long = []
    for document in range(3):
        text = "\n\n".join(contexts[document * 30 : document * 30 + 90])[:60_000]
        questions = [row["question"] for row in xquad if row["context"] in text][:: max(1, len(xquad) // 60)][:4]
        long += [{"question": question, "context": text} for question in questions]
    return {"policyqa": policyqa, "xquad": xquad[::6][:200], "long": long}


def squad_rows(path: Path) -> list[dict[str, str]]:
    """Questions and contexts of a SQuAD file."""
    return [
        {"question": qa["question"], "context": paragraph["context"]}
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def old_python(folder: Path) -> str:
    """The interpreter of an environment with transformers 4.57.6; makes the environment where there is none."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        for package in OLD_PACKAGES:  # torch first and by itself: transformers must not choose another
            subprocess.run([str(python), "-m", "pip", "install", "-q", package], check=True)
    return str(python)


class Worker:
    """A process that answers lists of questions; one JSON line each way."""

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, rows: list[dict[str, str]], **options: Any) -> dict[str, Any]:
        """Seconds, answers, and for ours the seconds of the forward passes alone."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"rows": rows, **options}) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"a worker ended: {self.process.args}")


def serve(make: Any, arguments: argparse.Namespace) -> None:
    """Answers requests from stdin until it ends."""
    answer = make(arguments)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)


def old_answerer(arguments: argparse.Namespace) -> Any:
    """The removed pipeline of transformers."""
    import torch
    from transformers import pipeline

    qa = pipeline("question-answering", model=arguments.model, device=-1, torch_dtype=getattr(torch, arguments.dtype))

    def answer(rows: list[dict[str, str]], batch_size: int) -> dict[str, Any]:
        begin = time.perf_counter()
        found = qa(rows, batch_size=batch_size, **LIMITS)
        return {"seconds": time.perf_counter() - begin, "answers": found}

    return answer


def our_answerer(arguments: argparse.Namespace) -> Any:
    """Ours; then the forward passes of the same batches once more, alone."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import torch

    from qa_pipeline import pipeline

    qa = pipeline("question-answering", model=arguments.model, device=-1, torch_dtype=arguments.dtype)
    predictor = qa.predictor
    model = predictor.model

    def answer(rows: list[dict[str, str]]) -> dict[str, Any]:
        inputs: list[dict[str, Any]] = []
        record = model.register_forward_pre_hook(lambda m, args, kwargs: inputs.append(kwargs), with_kwargs=True)
        begin = time.perf_counter()
        found = qa(rows, **LIMITS)
        seconds = time.perf_counter() - begin
        record.remove()
        begin = time.perf_counter()
        with torch.inference_mode():
            for batch in inputs:
                model(**batch)
        forward = time.perf_counter() - begin
        tokens = [len(predictor.tokenizer(row["question"], row["context"])["input_ids"]) for row in rows]
        fits = [count <= LIMITS["max_seq_len"] for count in tokens]
        return {"seconds": seconds, "answers": found, "forward_seconds": forward, "fits": fits}

    return answer


if __name__ == "__main__":
    main()
