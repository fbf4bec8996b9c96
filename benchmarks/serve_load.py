"""How many requests a second the server answers, how long each takes, and whether every one gets its own answer.

python benchmarks/serve_load.py --model RUN --data $QA_REAL_DATA [--clients 1 8 64] [--seconds 20] [--dtype float32]

Starts `qa-pipeline serve` on this machine, asks it XQuAD's English questions on their contexts by POST /answer from so
many clients at once, each of which asks anew as soon as it is answered, and compares every answer with that of the same
model asked alone. Then the same of a server that computes every request alone (--batch_tokens 1), and of the model in
this process without a server: a question at a time, and all at once, which is the limit. Ends after `seconds` of each
number of clients, or after `requests`.

An answer counts as wrong where it is not what the model says alone, unless both are so close that rounding decides (in
bfloat16 it depends on what else is in a batch): those are counted as ties. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import numpy as np
import psutil

from qa_pipeline import QAPredictor
from qa_pipeline.predictor import QuestionAnsweringPipeline

TIE = 0.05
"""Two answers whose scores, asked alone, differ by no more may change places in bfloat16."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", default=os.environ.get("QA_REAL_DATA"))
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--questions", type=int, default=400, help="different ones that are asked")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each number of clients")
    parser.add_argument("--requests", type=int, default=5000, help="most of each number of clients")
    parser.add_argument("--dtype", default="auto", help="auto, float32 or bfloat16")
    arguments = parser.parse_args()

    rows = xquad(Path(arguments.data), arguments.questions)
    predictor = QAPredictor.from_pretrained(arguments.model, dtype=arguments.dtype)
    pipeline = QuestionAnsweringPipeline(predictor)
    expected, direct = ask_directly(pipeline, rows)
    print(f"{len(rows)} questions, {arguments.model} ({predictor.device}, {arguments.dtype})")
    print(f"without a server: {direct['alone']:.1f} a second one by one, {direct['together']:.1f} all at once")
    result = {"model": arguments.model, "dtype": arguments.dtype, "questions": len(rows), "direct": direct}
    for name, flags in (("batched", []), ("unbatched", ["--batch_tokens", "1"])):
        with server(arguments, flags) as (address, process):
            asyncio.run(load(address, rows, expected, 4, 3.0, 200))  # what is loaded at the first question is there
            result[name] = [
                measured(address, process, rows, expected, clients, arguments, name) for clients in arguments.clients
            ]
    for batched, unbatched in zip(result["batched"], result["unbatched"], strict=True):
        print(
            f"{batched['clients']:>3} clients: {batched['per_second'] / unbatched['per_second']:.2f} times unbatched, "
            f"{batched['per_second'] / direct['together']:.0%} of the limit"
        )
    print(json.dumps(result))
    if any(one["lost"] or one["wrong"] for name in ("batched", "unbatched") for one in result[name]):
        sys.exit(1)


def xquad(data: Path, most: int) -> list[dict[str, str]]:
    """Questions with their contexts, spread over all of XQuAD-en."""
    articles = json.loads((data / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    rows = [
        {"question": qa["question"], "context": paragraph["context"]}
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return rows[:: max(1, len(rows) // most)][:most]


def ask_directly(
    pipeline: QuestionAnsweringPipeline, rows: list[dict[str, str]]
) -> tuple[list[list[dict[str, object]]], dict[str, float]]:
    """The five best answers to each question asked alone, and questions a second alone and all at once."""
    pipeline(rows[:8])
    expected = [pipeline(row, top_k=5) for row in rows]
    begin = time.perf_counter()
    for row in rows:
        pipeline(row)
    alone = len(rows) / (time.perf_counter() - begin)
    begin = time.perf_counter()
    pipeline(rows)
    return expected, {"alone": round(alone, 2), "together": round(len(rows) / (time.perf_counter() - begin), 2)}


@contextmanager
def server(arguments: argparse.Namespace, flags: list[str]):
    """A server of its own process; gives its address and its process, and ends it by SIGTERM."""
    command = [sys.executable, "-m", "qa_pipeline", "serve", arguments.model, "--port", "0", "--dtype", arguments.dtype]
    environment = {name: value for name, value in os.environ.items() if name != "QA_PIPELINE_API_KEY"}
    started = subprocess.Popen(
        [*command, "--timeout", "300", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment,
    )  # fmt: skip
    try:
        line = started.stdout.readline()
        address = next((word for word in line.split() if word.startswith("http://")), None)
        if address is None:
            sys.exit("the server did not start; start it by hand to see why: " + " ".join(command))
        yield address, psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)


def measured(address, process, rows, expected, clients, arguments, name):
    """The figures of one number of clients."""
    before = process.memory_info().rss
    begin = time.perf_counter()
    outcomes, seconds = asyncio.run(load(address, rows, expected, clients, arguments.seconds, arguments.requests))
    taken = time.perf_counter() - begin
    answered = sum(outcomes[kind] for kind in ("same", "tie", "wrong"))
    milliseconds = np.array(seconds) * 1000 if seconds else np.array([np.nan])
    figures = {
        "clients": clients,
        "requests": answered,
        "per_second": round(answered / taken, 2),
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 1),
        "p95_ms": round(float(np.percentile(milliseconds, 95)), 1),
        "lost": outcomes["lost"],
        "wrong": outcomes["wrong"],
        "ties": outcomes["tie"],
        "rss_before_mb": round(before / 1e6, 1),
        "rss_after_mb": round(process.memory_info().rss / 1e6, 1),
    }
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return figures


async def load(address, rows, expected, clients, seconds, requests):
    """Asks from so many clients at once.

    Returns:
        How many answers were the same as alone, ties, wrong or lost; and the seconds of each.
    """
    numbers, outcomes, taken = count(), Counter(), []
    end = time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=300, limits=limits, trust_env=False) as client:

        async def ask() -> None:
            while time.perf_counter() < end and (number := next(numbers)) < requests:
                place = number % len(rows)
                begin = time.perf_counter()
                try:
                    reply = await client.post("/answer", json=rows[place])
                    outcome = compared(reply.json(), expected[place]) if reply.status_code == 200 else "lost"
                except httpx.HTTPError:
                    outcome = "lost"
                outcomes[outcome] += 1
                taken.append(time.perf_counter() - begin)

        await asyncio.gather(*(ask() for _ in range(clients)))
    return outcomes, taken


def compared(given: dict[str, object], alone: list[dict[str, object]]) -> str:
    """Whether an answer is the one that was given alone."""
    scores = {(one["start"], one["end"], one["answer"]): one["score"] for one in alone}
    place = given["start"], given["end"], given["answer"]
    if place == next(iter(scores)):
        return "same"
    return "tie" if place in scores and alone[0]["score"] - scores[place] <= TIE else "wrong"


if __name__ == "__main__":
    main()
