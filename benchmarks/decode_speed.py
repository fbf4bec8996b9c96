"""How many windows a second the decoder handles, against the plain-Python oracle that the tests use for exactness.

    python benchmarks/decode_speed.py [--windows 2048] [--batch_size 64] [--rounds 5]

Both do the same work (the exact n best spans and the log partition of each window, n_best_size 20, windows of 384
tokens) on the same logits and alternate in one run, so that a busy machine slows both. The results are compared first.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qa_pipeline.postprocess.decoding import Candidates, top_spans  # noqa: E402
from tests.oracles import best_spans  # noqa: E402

SEQ_LEN, CONTEXT_BEGIN, CONTEXT_END = 384, 18, 383  # [CLS] question [SEP] context [SEP]
N_BEST_SIZE, MAX_ANSWER_LENGTH = 20, 30


def main() -> None:
    """Times both and prints the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=2048, help="windows for the decoder in each round")
    parser.add_argument("--oracle_windows", type=int, default=64, help="windows for the oracle in each round")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    generator = torch.Generator().manual_seed(0)
    start_logits, end_logits = (3 * torch.randn(args.windows, SEQ_LEN, generator=generator) for _ in range(2))
    few = slice(args.oracle_windows)
    rows = list(zip(start_logits[few].tolist(), end_logits[few].tolist(), strict=True))
    check(decode(start_logits[few], end_logits[few], args.batch_size), rows)

    rates: dict[str, list[float]] = {"decoder": [], "oracle": []}
    for number in range(args.rounds):
        begin = time.perf_counter()
        decode(start_logits, end_logits, args.batch_size)
        middle = time.perf_counter()
        for starts, ends in rows:
            best_spans(starts, ends, CONTEXT_BEGIN, CONTEXT_END, N_BEST_SIZE, MAX_ANSWER_LENGTH)
        end = time.perf_counter()
        rates["decoder"].append(args.windows / (middle - begin))
        rates["oracle"].append(len(rows) / (end - middle))
        print(
            f"round {number + 1}: decoder {rates['decoder'][-1]:10,.0f} windows/s, "
            f"oracle {rates['oracle'][-1]:8,.0f} windows/s, ratio {rates['decoder'][-1] / rates['oracle'][-1]:.0f}"
        )
    ratios = [fast / slow for fast, slow in zip(rates["decoder"], rates["oracle"], strict=True)]
    print(
        json.dumps(
            {
                "benchmark": "decode_speed",
                "seq_len": SEQ_LEN,
                "n_best_size": N_BEST_SIZE,
                "max_answer_length": MAX_ANSWER_LENGTH,
                "batch_size": args.batch_size,
                "threads": args.threads,
                "decoder_windows_per_second": round(statistics.median(rates["decoder"]), 1),
                "oracle_windows_per_second": round(statistics.median(rates["oracle"]), 1),
                "ratio": round(statistics.median(ratios), 1),
                "ratio_lowest": round(min(ratios), 1),
            }
        )
    )


def decode(start_logits: torch.Tensor, end_logits: torch.Tensor, batch_size: int) -> Candidates:
    """The decoder over all windows, in batches, as evaluation calls it."""
    parts = []
    for begin in range(0, len(start_logits), batch_size):
        starts, ends = start_logits[begin : begin + batch_size], end_logits[begin : begin + batch_size]
        whole = torch.ones(len(starts), dtype=torch.long)
        parts.append(
            top_spans(
                starts,
                ends,
                CONTEXT_BEGIN * whole,
                CONTEXT_END * whole,
                0 * whole,
                torch.arange(begin, begin + len(starts)),
                n_best_size=N_BEST_SIZE,
                max_answer_length=MAX_ANSWER_LENGTH,
            )
        )
    return Candidates.concatenate(parts)


def check(found: Candidates, rows: list[tuple[list[float], list[float]]]) -> None:
    """Ends the benchmark if the two disagree."""
    for row, (starts, ends) in enumerate(rows):
        spans, log_partition = best_spans(starts, ends, CONTEXT_BEGIN, CONTEXT_END, N_BEST_SIZE, MAX_ANSWER_LENGTH)
        expected = [(start, end) for _, start, end in spans]
        if list(zip(found.start[row].tolist(), found.end[row].tolist(), strict=True)) != expected:
            sys.exit(f"window {row}: the decoder and the oracle give different spans")
        if abs(found.log_partition[row] - log_partition) > 1e-4:
            sys.exit(f"window {row}: log partition {found.log_partition[row]} and {log_partition}")


if __name__ == "__main__":
    main()
