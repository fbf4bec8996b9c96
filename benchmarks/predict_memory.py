"""Memory that answering a file takes, for each question: reading alone, `answer_file`, run_qa.py --do_predict.

    OMP_NUM_THREADS=1 python benchmarks/predict_memory.py [--sizes 10000 20000] [--modes read json jsonl csv list run]

Each measure is a child process that answers made questions with a tiny random model; the figure is by how much its
peak resident memory grows from the smaller number of questions to the larger one, divided by the questions between
them. Eight questions share a context of 220 characters. "text" is how much of that is the questions' own characters
(ids, questions, and contexts once). The last line is JSON.

Sizes below some thousand questions measure the first block of 2,048 questions too, which is held whole: take both sizes
well beyond it. Measured 2026-11-30 on 2 cores from 6,000 to 12,000 questions, bytes a question: reading alone 618; json
36,076 before answers went to a journal and 1,157 since, jsonl 18,046 and 589. The run was at 41,164; traced with
blocks of 64 questions it is at 1,965 since, of which 740 are in predicting and the rest in measuring token lengths for
the data report; list, 34,993 before, is at 559.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"max_seq_length": 128, "doc_stride": 32, "max_question_length": 32}
MODES = ("read", "json", "jsonl", "csv", "labelled", "list", "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs=2, default=[10_000, 20_000])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--worker", nargs=3, metavar=("MODE", "FOLDER", "QUESTIONS"))
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.worker:
        mode, folder, count = arguments.worker
        work(mode, Path(folder), int(count))
        return
    summary = {}
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder) / "model")
        for mode in arguments.modes:
            peaks, texts = zip(*(peak(mode, Path(folder), count) for count in arguments.sizes), strict=True)
            between = arguments.sizes[1] - arguments.sizes[0]
            growth, text = ((pair[1] - pair[0]) / between for pair in (peaks, texts))
            summary[mode] = {"bytes_a_question": round(growth), "text": round(text), "peak_mb": round(peaks[1] / 1e6)}
            print(f"{mode}: {summary[mode]}", flush=True)
    print(json.dumps({"benchmark": "predict_memory", "sizes": arguments.sizes, **summary}))


def peak(mode: str, folder: Path, count: int) -> tuple[int, int]:
    """(Peak resident memory, characters of the data), in bytes, of a process that answers so many questions."""
    rows = [row(number, answered=mode == "labelled") for number in range(count)]
    text = sum(len(one["id"]) + len(one["question"]) for one in rows) + sum(map(len, {one["context"] for one in rows}))
    if mode == "list":
        rows = [{"id": one["id"], "question": one["question"]} for one in rows]
    with open(folder / "data.jsonl", "w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(one) + "\n" for one in rows)
    command = [sys.executable, __file__, "--worker", mode, str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return int(done.stdout.split()[-1]), text


def row(number: int, answered: bool) -> dict:
    """One made question; eight in a row are about the same context."""
    context = (
        f"Room {number // 8} lies on floor {number // 80} of the old house. " + "It has a window to the river. " * 5
    )
    made = {"id": f"question-{number}", "context": context, "question": f"{number}: on which floor is this room?"}
    if answered:
        floor = str(number // 80)
        made |= {"answers": {"text": [floor], "answer_start": [context.index("floor ") + 6]}}
    return made


def work(mode: str, folder: Path, count: int) -> None:
    """Does what the mode says, and prints the peak of this process."""
    import resource

    import torch  # so that every mode has it

    torch.set_num_threads(1)
    model, data = str(folder / "model"), str(folder / "data.jsonl")
    if mode == "read":
        from qa_pipeline.data import load_examples

        assert len(load_examples(data, require_answers=False)[0]) == count
    elif mode == "run":
        from qa_pipeline.arguments import parse_arguments
        from qa_pipeline.run.run import run_qa

        with tempfile.TemporaryDirectory(dir=folder) as out:
            config = {"model_name_or_path": model, "output_dir": f"{out}/run", "test_file": data, "do_predict": True}
            config |= {"use_lora": False, "use_cpu": True, "disable_tqdm": True, "eval_batch_tokens": 4096, **LIMITS}
            (folder / "run.json").write_text(json.dumps(config))
            run_qa(parse_arguments([str(folder / "run.json")]))
    else:
        answer(mode, model, data, folder)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def answer(mode: str, model: str, data: str, folder: Path) -> None:
    """Answers the file, and scores the answers where the data has some."""
    from qa_pipeline import QAPredictor
    from qa_pipeline.metrics import score_rows
    from qa_pipeline.predictor.files.answering import answer_file
    from qa_pipeline.predictor.files.question_lists import read_data, read_questions

    ending = {"list": "json", "labelled": "json"}.get(mode, mode)
    house = row(0, answered=False)["context"]
    questions = read_questions(data) if mode == "list" else read_data(data)
    predictor = QAPredictor.from_pretrained(model, device="cpu", dtype="float32", **LIMITS)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        done = answer_file(predictor, questions, f"{out}/answers.{ending}", documents=house if mode == "list" else None)
    if mode == "labelled":
        score_rows(done.scored.texts, questions.examples)


def save_model(folder: Path) -> None:
    """A tiny random model with a head that counts as trained."""
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from tests.tiny_models import save_tiny

    save_tiny("bert", folder, seed=3)
    AutoModelForQuestionAnswering.from_pretrained(folder).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


if __name__ == "__main__":
    main()
