"""One run from arguments to a measured, reloadable model: data, windows, training, evaluation, prediction, card.

The main path of `run_qa.py`; `run(arguments)` reads top to bottom. Every stage stands in a room of its own, this file
only joins them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline import artifacts, modeling
from qa_pipeline.arguments import Arguments, TrainingArguments, public_dict
from qa_pipeline.data.example import fingerprint
from qa_pipeline.postprocess import Postprocess
from qa_pipeline.preprocess import Preprocess, Windows
from qa_pipeline.process import Process
from qa_pipeline.process.checkpoints import Beginning
from qa_pipeline.run.evaluating import Evaluator, evaluate, evaluate_base, forget_other_base, scoring_settings
from qa_pipeline.run.folder import RunFolder, write_results
from qa_pipeline.run.predicting import Task, predict
from qa_pipeline.run.publishing import hub_commits, model_card, push_run
from qa_pipeline.run.splits import Split, load_splits, report_data
from qa_pipeline.run.stored import decoding_settings, limits_of, make_postprocess, settle
from qa_pipeline.run.warm_start import WarmStart, plan_warm_start, ready
from qa_pipeline.run.weighing import weigh_search

if TYPE_CHECKING:
    from transformers import TrainerCallback

logger = logging.getLogger(__name__)


def run_qa(arguments: Arguments, callbacks: Sequence[TrainerCallback] = ()) -> dict[str, Any]:
    """Trains, evaluates and predicts as the arguments say.

    Args:
        arguments: from `parse_arguments`.
        callbacks: of transformers' Trainer, which look at the training or end it by an error of their own.

    Returns:
        What all_results.json holds, and "warnings" on the data.

    Raises:
        ConfigError, DataError, ModelError: something that the user can mend; nothing of an earlier run is lost.

    Example:
        >>> from qa_pipeline import parse_arguments
        >>> words = ["--model_name_or_path", "runs/quickstart", "--do_eval", "--validation_file", "mock_data/test.json"]
        >>> results = run_qa(parse_arguments([*words, "--output_dir", "runs/scores"]))
        >>> 0 <= results["eval_exact_match"] <= results["eval_f1"] <= 100
        True
    """
    args = arguments.training
    is_main = args.process_index == 0
    with RunFolder(str(args.output_dir), overwrite=args.overwrite_output_dir, is_main=is_main) as folder:
        return _run(arguments, folder, callbacks)


def _run(arguments: Arguments, folder: RunFolder, callbacks: Sequence[TrainerCallback]) -> dict[str, Any]:
    args, lora = arguments.training, arguments.lora
    # Both are done here, once, and not by Trainer: it would repeat the first at every resume and push checkpoints.
    compare_to_base, args.eval_on_start = args.eval_on_start, False
    push, args.push_to_hub = args.push_to_hub, False
    stored = modeling.stored_settings(arguments.model)
    arguments, notes = settle(arguments, stored)
    main_process_first(args, "run folder", folder.claim)

    tokenizer = modeling.load_tokenizer(arguments.model)
    splits = load_splits(arguments)
    warm, why = plan_warm_start(arguments, splits["train"].examples if args.do_train else None)
    identity = identity_of(arguments, splits, warm)
    main_process_first(args, "run folder", lambda: folder.check(identity))
    report = report_data(splits, tokenizer, arguments)

    preprocess = make_preprocess(tokenizer, arguments)  # for training; every window is kept elsewhere
    plain_preprocess = make_preprocess(tokenizer, arguments, training=False)
    begins_with = None if warm is None else ready(warm, arguments)
    model = modeling.load_model(arguments.model, lora, seed=args.seed, device=args.device, warm_start=begins_with)
    modeling.check_fits(model, tokenizer, arguments.data.max_seq_length)

    train_windows, extra = training_windows(preprocess, splits["train"], args) if args.do_train else (None, None)
    validation = make_evaluator(splits["validation"], plain_preprocess, arguments, stored) if args.do_eval else None
    process = Process(
        model,
        tokenizer,
        args,
        train_windows,
        validation.evaluation if validation else None,
        pad_to=[arguments.data.max_seq_length] if arguments.data.pad_to_max_length else None,
        extra=extra,
        callbacks=callbacks,
    )
    beginning = find_beginning(folder, process, lora.merge_adapter, notes) if args.do_train else None

    def write_record() -> None:
        warm_facts = {"used": False, "why": why} if warm is None else warm.facts()
        begin(folder, arguments, splits, identity, model, notes, warm_facts)
        folder.write_json(artifacts.DATA_REPORT, report)
        if validation is not None:
            forget_other_base(folder, validation)

    # Nothing was changed so far: whatever can be refused was refused above.
    folder.begun = True
    main_process_first(args, "run.json", write_record)
    results: dict[str, Any] = {}
    if args.do_train:
        if validation is not None and compare_to_base:
            results |= evaluate_base(folder, process, validation, modeling.is_head_new(model))
        results |= train(folder, process, beginning)
    settings = decoding_settings(arguments, stored)
    if validation is not None:
        results |= evaluate(folder, process, validation, settings)
        weigh_search(folder, process, tokenizer, settings, validation)
    model_files: list[Path] = []
    if args.do_train:
        model_files = save(folder, process, tokenizer, settings, arguments, train_windows)
    if args.do_predict:
        task = Task(
            splits["test"], plain_preprocess, Postprocess(settings), scoring_settings(arguments), settings.tuned_on
        )
        results |= predict(folder, process, task)
    if folder.is_main and args.do_train:
        finish(folder, results)
        if push:
            folder.stage("pushed", url=push_run(folder.path, args, model_files))
    process.trainer.accelerator.wait_for_everyone()
    return results | {"warnings": notes + warnings_of(splits)}


def main_process_first(args: TrainingArguments, what: str, step: Callable[[], None]) -> None:
    """Does a step on the main process alone; the others wait until it is done."""
    with args.main_process_first(local=False, desc=what):
        if args.process_index == 0:
            step()


# Rooms set up from the arguments


def make_preprocess(tokenizer: Any, arguments: Arguments, training: bool = True) -> Preprocess:
    """Preprocess with the window settings of the arguments; outside training every window is there exactly once."""
    data = arguments.data
    return Preprocess(
        tokenizer,
        limits_of(data),
        straddle=data.straddle,
        answer_choice=data.answer_choice if training else "first",
        negative_window_ratio=data.negative_window_ratio if training else None,
    )


def make_evaluator(
    split: Split, preprocess: Preprocess, arguments: Arguments, stored: modeling.StoredSettings | None
) -> Evaluator:
    """Evaluator of the validation rows; settings that a model brought along are kept where it is not trained."""
    postprocess = make_postprocess(arguments, stored, split.examples)
    keep = stored is not None and not arguments.training.do_train
    return Evaluator(split.examples, preprocess, postprocess, arguments, keep_settings=keep)


# Stages


def training_windows(preprocess: Preprocess, split: Split, args: TrainingArguments) -> tuple[Windows, np.ndarray]:
    """The labelled windows of the training rows, and which of them, (num_windows,) bool, are of extra_train_files."""
    windows = preprocess.labelled_windows(split.examples, np.random.default_rng(args.seed))
    is_extra = np.array([example["id"] in split.extra_ids for example in split.examples])
    counts = {name: count for name, count in asdict(preprocess.stats).items() if count}
    logger.info("Training windows: %s", ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    if args.extra_train_epochs is not None:
        logger.info(
            "Passes: %g over %s rows, %g over %s of extra_train_files, spread evenly; epochs are equal parts.",
            *(args.num_train_epochs, f"{(~is_extra).sum():,}"),
            *(args.extra_train_epochs, f"{is_extra.sum():,}"),
        )
    return windows, is_extra[windows.example_index]


def find_beginning(folder: RunFolder, process: Process, merges: bool, notes: list[str]) -> Beginning:
    """Where training begins; adds to `notes` what the user should know of that.

    Args:
        folder: of this run.
        process: which is to train.
        merges: whether the run writes a merged model.
        notes: what the run has to say so far.
    """
    beginning = process.find_beginning(folder.ended_training())
    merged = None
    if beginning.result is None and not merges and folder.holds_merged():
        merged = (
            f"{folder.path / artifacts.MERGED_FOLDER} holds the model of before: this run trains on and does not "
            "write it again; merge_adapter=true does"
        )
    said = filter(None, (beginning.note, note_processes(folder, process, beginning), merged))
    for note in said if folder.is_main else ():
        notes.append(note)
        logger.warning("%s", note)
    return beginning


def identity_of(arguments: Arguments, splits: dict[str, Split], warm: WarmStart | None = None) -> dict[str, Any]:
    """What makes this run the same run as another: what a resume must not change."""
    data = arguments.data
    begun = {} if warm is None else {"warm_start": warm.fingerprint}  # runs of before had none, and no such entry
    return begun | {
        "model": {"name": arguments.model.model_name_or_path, "revision": arguments.model.model_revision},
        "lora": {k: v for k, v in asdict(arguments.lora).items() if k != "merge_adapter"},
        "data": {name: fingerprint(split.examples) for name, split in splits.items() if name == "train"},
        "windows": {
            k: getattr(data, k)
            for k in ("max_seq_length", "doc_stride", "max_question_length", "straddle", "answer_choice")
        },
        "version_2_with_negative": data.version_2_with_negative,
        "seed": arguments.training.seed,
    }


def begin(
    folder: RunFolder,
    arguments: Arguments,
    splits: dict[str, Split],
    identity: dict[str, Any],
    model: Any,
    notes: list[str],
    warm_start: dict[str, Any],
) -> None:
    """Writes run.json: the first change to the run folder."""
    folder.begin(
        public_dict(arguments.model, arguments.data, arguments.lora, arguments.training),
        identity,
        data={
            name: {"source": s.source, "questions": len(s.examples), "fingerprint": fingerprint(s.examples)}
            for name, s in splits.items()
        },
        warnings=notes + warnings_of(splits),
        model=modeling.describe(model),
        hub_commits=hub_commits(arguments, model),
        device=str(arguments.training.device),
        processes=arguments.training.world_size,
        bf16=bool(arguments.training.bf16),
        warm_start=warm_start,
    )


def note_processes(folder: RunFolder, process: Process, beginning: Beginning) -> str | None:
    """Notes a resume with another number of processes in the record, and says what it changes."""
    before, now = folder.processes_before(), process.args.world_size
    if before in (None, now) or beginning.checkpoint is None or beginning.result is not None:
        return None
    folder.process_changes.append({"step": beginning.step, "before": before, "now": now})
    step, epoch = beginning.step, f"{beginning.step / process.trainer.steps_in_epoch():.2f}"
    was = "" if beginning.epoch is None else f" instead of {beginning.epoch:.2f}"
    return (
        f"this run had {before} process{'' if before == 1 else 'es'} up to step {step} and goes on with {now}: a step "
        f"now has the batches of {now}, in another order, and step {step} counts as epoch {epoch}{was}; the model will "
        "not be the one of a run with the same number throughout"
    )


def warnings_of(splits: dict[str, Split]) -> list[str]:
    """What reading found that the user should know of, in the order of the splits."""
    return [warning for split in splits.values() for warning in split.warnings]


def train(folder: RunFolder, process: Process, beginning: Beginning | None) -> dict[str, Any]:
    """Trains (or goes on training) and writes train_results.json."""
    begin_time = time.perf_counter()
    metrics = process.train(beginning)
    metrics = {k if k.startswith("train_") else f"train_{k}": v for k, v in metrics.items() if k != "epoch"}
    if not metrics.get(
        "train_steps"
    ):  # the run in this folder had ended; what it measured and was trained with stays on record
        logger.info("Training had ended at step %d: nothing is left to train.", process.trainer.state.global_step)
        if folder.finished_stage("train") is None:  # it was killed between its last checkpoint and the record of it
            folder.trained(steps=process.trainer.state.global_step, best_step=process.best_step)
        return folder.results("train")
    write_results(folder, "train", metrics)  # first: a record of a training that had ended is not measured again
    facts = {"steps": process.trainer.state.global_step, "best_step": process.best_step}
    folder.trained(seconds=round(time.perf_counter() - begin_time, 1), **facts)
    return metrics


def save(
    folder: RunFolder,
    process: Process,
    tokenizer: Any,
    settings: modeling.StoredSettings,
    arguments: Arguments,
    probe_windows: Any,
) -> list[Path]:
    """Saves model and settings, reloads them and compares logits; merges the adapter where that was asked for.

    Returns:
        The files that were written, on the main process.
    """
    process.trainer.accelerator.wait_for_everyone()
    written: list[Path] = []
    if not folder.is_main:
        return written
    model = process.trainer.accelerator.unwrap_model(process.trainer.model, keep_torch_compile=False)
    modeling.save_model(model, tokenizer, settings, folder.path, arguments.model.model_name_or_path, written)
    probe = process.probe(probe_windows)
    difference = modeling.check_reload(model, folder.path, probe, model_args=arguments.model)
    logger.info("Saved to %s and loaded again: logits differ by at most %.2g.", folder.path, difference)
    folder.stage("saved", reload_logit_difference=difference)
    if arguments.lora.merge_adapter:
        merged = folder.path / artifacts.MERGED_FOLDER
        modeling.merge_adapter(folder.path, merged, model_args=arguments.model, written=written)
        folder.stage("merged", logit_difference=modeling.check_reload(model, merged, probe, model_args=arguments.model))
    return written


def finish(folder: RunFolder, results: dict[str, Any]) -> None:
    """Writes the model card."""
    artifacts.write_text(folder.path / artifacts.MODEL_CARD, model_card(results, folder.record, folder.path.name))
    folder.stage("finished")
