"""Questions per second of `pipeline("question-answering")`: ours against the one that transformers 4.57.6 still had.

    QA_REAL_DATA=DIR python benchmarks/predict_speed.py --model MERGED_MODEL
        [--backends torch openvino openvino-int8 onnx onnx-int8] [--exports FOLDER] [--rounds 3] [--old_env FOLDER]

All answer the same questions with the same merged model and the same limits (384 tokens, overlap 128, answers up to 15
tokens), each in a process of its own, alternating in one run. The old pipeline has a virtual environment of its own
(`--old_env`, made on first use: it downloads transformers 4.57.6) and runs at its best batch size of 1, 8, 16 and 32,
found on the first questions; `--old_dtype bfloat16` runs it in bfloat16 too, which it does not do by itself. A backend
but torch is an export of the model, made on first use in `--exports`; int8 is calibrated on the training questions of
PolicyQA and measured on all of its validation questions, whatever it loses.

- policyqa: 400 validation questions; xquad: 200 questions of XQuAD-en; long: 4 questions each to 3 documents of about
  60,000 characters (contexts of XQuAD-en joined). `--questions N` asks at most N of the first two, for a quick look.
- times: how many times the old pipeline's questions per second; the median of the rounds, and the least.
- agreement: share of questions with the same answer text, among contexts that fit one window; of torch in float32 too.
  Disagreements are written to `--disagreements FILE`.
- forward_share: how long the model alone takes for the very batches that ours made, as a share of ours: how near the
  rest is to costing nothing.
- lost_f1: what int8 costs on validation, with its 95% interval, from export.json.
- latency: p50 and p95 in milliseconds of one question at a time, 200 of PolicyQA, in a process of its own.
- cold: seconds from the start of a process to the end of it with one answer; median of 3.

The last line is JSON. The model and all figures, from nothing, on 2 cores:

    python run_qa.py configs/policyqa_lora.yaml --train_file $QA_REAL_DATA/policyqa/train.json \
      --validation_file $QA_REAL_DATA/policyqa/validation.json --output_dir runs/policyqa_lora
    python benchmarks/predict_speed.py --model runs/policyqa_lora/merged --exports runs/policyqa_exports \
      --backends torch openvino openvino-int8 onnx onnx-int8 --disagreements runs/disagreements.json

Measured 2026-11-21 on 2 cores with a LoRA model of PolicyQA, merged, with torch alone: 3.3, 3.4 and 3.5 times; the
forward pass is 93 to 95% of our time. Agreement 98.3% (policyqa) and 99.0% (xquad), in float32 99.3% and 99.5%.
Disagreements in float32 ("information", four times in its context, over "Information We Receive From You You share";
"We receive" and "clades", twice each): the old pipeline adds the scores of equal texts at several places, which puts
them before a span that is likelier by itself. In bfloat16 near ties fall out otherwise besides.
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


BACKENDS = ("torch", "openvino", "openvino-int8", "onnx", "onnx-int8")
LATENCY_QUESTIONS, WARM_UP, COLD_STARTS = 200, 10, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of a merged or fully trained model")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=["torch"])
    parser.add_argument("--exports", default="runs/exports", help="where the exports of the model are, or are made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, help="at most so many of each set, for a quick look")
    parser.add_argument("--sets", nargs="+", choices=["policyqa", "xquad", "long"], help="only these")
    parser.add_argument("--old_env", default=".venv-transformers-4.57.6")
    parser.add_argument("--old_dtype", default="float32")
    parser.add_argument("--disagreements")
    parser.add_argument("--worker", choices=["old", "ours", "export"])
    parser.add_argument("--task", choices=["serve", "latency", "cold"], default="serve")
    parser.add_argument("--dtype", default="auto")
    arguments = parser.parse_args()
    if arguments.worker == "export":
        make_export(arguments)
        return
    if arguments.worker:
        make = old_answerer if arguments.worker == "old" else our_answerer
        {"serve": serve, "latency": print_latency, "cold": print_first_answer}[arguments.task](make, arguments)
        return
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/validation.json and xquad/xquad.en.json")
    sets = read_sets(Path(os.environ["QA_REAL_DATA"]))
    if arguments.sets:
        sets = {name: sets[name] for name in arguments.sets}
    if arguments.questions:
        sets = {name: rows[: 1 if name == "long" else arguments.questions] for name, rows in sets.items()}
    summary: dict[str, Any] = {"benchmark": "predict_speed", "old_dtype": arguments.old_dtype, "sets": {}}
    models = {name: model_of(name, arguments) for name in arguments.backends}
    commands = commands_of(models, arguments)
    summary["sets"] = measure_sets(sets, commands, arguments)
    summary["lost_f1"] = {name: lost_f1(model) for name, model in models.items() if name.endswith("int8")}
    summary["latency_ms"] = {name: json.loads(last_line(command, "latency")) for name, command in commands.items()}
    print(f"latency of one question: {summary['latency_ms']}", flush=True)
    summary["cold_seconds"] = {name: cold_start(command) for name, command in commands.items()}
    print(f"cold start: {summary['cold_seconds']}", flush=True)
    print(json.dumps(summary))


def model_of(backend: str, arguments: argparse.Namespace) -> str:
    """The folder that a backend loads: the model itself, or its export, which is made where it is not there."""
    if backend == "torch":
        return str(arguments.model)
    folder = Path(arguments.exports) / backend
    if not (folder / "export.json").exists():
        print(f"exporting to {folder}", flush=True)
        options = ["--model", arguments.model, "--exports", str(folder), "--backends", backend]
        subprocess.run([sys.executable, __file__, "--worker", "export", *options], check=True)
    return str(folder)


def make_export(arguments: argparse.Namespace) -> None:
    """Exports the model for the one backend that is named, into the folder `exports`."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from qa_pipeline.export import export

    (backend,) = arguments.backends
    form, _, int8 = backend.partition("-")
    data = Path(os.environ["QA_REAL_DATA"]) / "policyqa"
    options: dict[str, Any] = {"int8": True, "validation_data": data / "validation.json", "force": True} if int8 else {}
    options |= {"calibration_data": data / "train.json"} if backend == "openvino-int8" else {}
    export(arguments.model, arguments.exports, form, **options)  # type: ignore[arg-type]


def commands_of(models: dict[str, str], arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The command of a process that answers, for the old pipeline and for each backend."""
    old = [old_python(Path(arguments.old_env)), __file__, "--worker", "old", "--model", arguments.model]
    commands = {"old": [*old, "--dtype", arguments.old_dtype]}
    return commands | {
        name: [sys.executable, __file__, "--worker", "ours", "--model", model] for name, model in models.items()
    }


def measure_sets(
    sets: dict[str, list[dict[str, str]]], commands: dict[str, list[str]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Speed and agreement of each backend on each set, all answering in turns."""
    workers = {name: Worker(command) for name, command in commands.items()}
    old = workers.pop("old")
    exact = Worker([*commands["torch"], "--dtype", "float32"]) if "torch" in workers else None
    found: dict[str, Any] = {}
    disagreements: list[dict[str, Any]] = []
    for name, rows in sets.items():
        few = rows[: 3 if name == "long" else 64]
        sizes = {size: old.ask(few, batch_size=size)["seconds"] for size in (*BATCH_SIZES[:1], *BATCH_SIZES)}
        best = min(sizes, key=lambda size: sizes[size])
        for worker in workers.values():
            worker.ask(rows)
        rounds = [
            (old.ask(rows, batch_size=best), {backend: worker.ask(rows) for backend, worker in workers.items()})
            for _ in range(arguments.rounds)
        ]
        theirs = rounds[0][0]["answers"]
        per_second = len(rows) / statistics.median(one["seconds"] for one, _ in rounds)
        found[name] = {
            "questions": len(rows),
            "old": {"questions_per_second": round(per_second, 1), "batch_size": best},
        }
        for backend in workers:
            line = speed_of([(one["seconds"], others[backend]) for one, others in rounds], len(rows))
            if name != "long":
                mine = rounds[0][1][backend]
                line |= {"one_window": sum(mine["fits"]), "agreement": agreement(theirs, mine["answers"], mine["fits"])}
                if backend == "torch" and exact is not None:
                    line["agreement_float32"] = agreement(theirs, exact.ask(rows)["answers"], mine["fits"])
                disagreements += [
                    {"set": name, "backend": backend, "question": row["question"], "old": a, "ours": b}
                    for row, a, b, fit in zip(rows, theirs, mine["answers"], mine["fits"], strict=True)
                    if fit and a["answer"] != b["answer"]
                ]
            found[name][backend] = line
            print(f"{name}, {backend}: {line}", flush=True)
        if arguments.disagreements:
            text = json.dumps(disagreements, indent=1, ensure_ascii=False)
            Path(arguments.disagreements).write_text(text, encoding="utf-8")
    for worker in (old, exact, *workers.values()):
        if worker is not None:
            worker.close()
    return found


def speed_of(rounds: list[tuple[float, dict[str, Any]]], questions: int) -> dict[str, Any]:
    """Figures of one backend from its rounds: seconds of the old pipeline, and what ours reported."""
    ratios = [seconds / ours["seconds"] for seconds, ours in rounds]
    return {
        "questions_per_second": round(questions / statistics.median(ours["seconds"] for _, ours in rounds), 1),
        "times": round(statistics.median(ratios), 2),
        "times_min": round(min(ratios), 2),
        "forward_share": round(statistics.median(o["forward_seconds"] / o["seconds"] for _, o in rounds), 3),
    }


def lost_f1(folder: str) -> dict[str, Any] | None:
    """What int8 costs, as export.json says."""
    scores = json.loads((Path(folder) / "export.json").read_text(encoding="utf-8"))["scores"]
    kept = ("questions", "lost_f1", "lost_f1_interval", "lost_exact_match", "same_answers")
    return None if scores is None else {name: scores[name] for name in kept}


def last_line(command: list[str], task: str) -> str:
    """The last line that a process prints, which does one task and ends."""
    done = subprocess.run([*command, "--task", task], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().splitlines()[-1]


def cold_start(command: list[str]) -> float:
    """Median seconds of a whole process that gives one answer."""
    seconds = []
    for _ in range(COLD_STARTS):
        begin = time.perf_counter()
        last_line(command, "cold")
        seconds.append(time.perf_counter() - begin)
    return round(statistics.median(seconds), 2)


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

    def close(self) -> None:
        """Ends it, so that it takes no part in what is measured next."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve(make: Any, arguments: argparse.Namespace) -> None:
    """Answers requests from stdin until it ends."""
    answer = make(arguments)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)


def print_latency(make: Any, arguments: argparse.Namespace) -> None:
    """Milliseconds of one question at a time, each after the one before is answered."""
    rows = squad_rows(Path(os.environ["QA_REAL_DATA"]) / "policyqa" / "validation.json")
    answer = make(arguments)
    taken = []
    for row in rows[: WARM_UP + LATENCY_QUESTIONS]:
        begin = time.perf_counter()
        answer([row], batch_size=1, alone=True)
        taken.append(1000 * (time.perf_counter() - begin))
    taken = sorted(taken[WARM_UP:])
    print(json.dumps({"p50": round(statistics.median(taken), 1), "p95": round(taken[int(0.95 * len(taken))], 1)}))


def print_first_answer(make: Any, arguments: argparse.Namespace) -> None:
    """One answer; the process is timed from outside."""
    row = {"question": "How high is the fee?", "context": "Members pay a fee of 25 euros a year."}
    print(json.dumps(make(arguments)([row], batch_size=1, alone=True)["answers"]))


def old_answerer(arguments: argparse.Namespace) -> Any:
    """The removed pipeline of transformers."""
    import torch
    from transformers import pipeline

    qa = pipeline("question-answering", model=arguments.model, device=-1, torch_dtype=getattr(torch, arguments.dtype))

    def answer(rows: list[dict[str, str]], batch_size: int, alone: bool = False) -> dict[str, Any]:
        begin = time.perf_counter()
        found = qa(rows, batch_size=batch_size, **LIMITS)
        return {"seconds": time.perf_counter() - begin, "answers": found}

    return answer


def our_answerer(arguments: argparse.Namespace) -> Any:
    """Ours; unless `alone`, then the forward passes of the same batches once more, by themselves."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from qa_pipeline import pipeline

    qa = pipeline("question-answering", model=arguments.model, device=-1, torch_dtype=arguments.dtype)
    predictor = qa.predictor
    logits = predictor.reader.logits

    def answer(rows: list[dict[str, str]], batch_size: int | None = None, alone: bool = False) -> dict[str, Any]:
        batches: list[Any] = []
        if not alone:
            predictor.reader.logits = lambda batch: (batches.append(batch), logits(batch))[1]
        begin = time.perf_counter()
        found = qa(rows, **LIMITS)
        seconds = time.perf_counter() - begin
        predictor.reader.logits = logits
        if alone:
            return {"seconds": seconds, "answers": found}
        begin = time.perf_counter()
        for batch in batches:
            logits(batch)
        forward = time.perf_counter() - begin
        pairs = [row["question"] for row in rows], [row["context"] for row in rows]
        tokens = [len(ids) for ids in predictor.tokenizer(*pairs)["input_ids"]]
        fits = [count <= LIMITS["max_seq_len"] for count in tokens]
        return {"seconds": seconds, "answers": found, "forward_seconds": forward, "fits": fits}

    return answer


if __name__ == "__main__":
    main()
