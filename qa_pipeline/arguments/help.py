"""Prints what the scripts can be told. Imports neither torch nor transformers, so that --help answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import Any, get_origin

from qa_pipeline.arguments.groups import DataArguments, LoRAArguments, ModelArguments, TrainingSettings
from qa_pipeline.arguments.settings import Setting, settings_of

KEYS = "[CONFIG.json|CONFIG.yaml] [--key value ...]"
"""What follows the name of a command."""
PRECEDENCE = "Settings come from their defaults, then the configuration file, then the command line."

MOST_USED = (
    *("output_dir", "do_train", "do_eval", "do_predict", "learning_rate", "num_train_epochs", "max_steps"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "warmup_steps", "weight_decay"),
    *("lr_scheduler_type", "eval_strategy", "eval_steps", "eval_on_start", "save_strategy", "load_best_model_at_end"),
    *("metric_for_best_model", "resume_from_checkpoint", "activation_checkpointing", "fp16", "use_cpu", "seed"),
    "push_to_hub",
)
"""Settings of transformers.TrainingArguments that the short help names."""


def short_help(program: str) -> str:
    """How a training is called, where nothing was said.

    Args:
        program: the command as the user called it.
    """
    return f"""usage: {program} {KEYS}
       {program} --model_name_or_path MODEL --train_file FILE --do_train --output_dir DIR

Trains, evaluates and predicts. configs/ holds one small file for each use; begin with:
  {program} configs/quickstart.yaml
--help lists the settings."""


def print_help_if_asked(argv: Sequence[str], program: str = "python run_qa.py") -> None:
    """Prints the help of a training and exits where the words have -h, --help or (all of it; slower) --help_all."""
    usage = f"{program} {KEYS}"
    if {"--help_all", "--help-all"}.intersection(argv):
        from qa_pipeline.arguments.training import GROUPS

        text = help_text(GROUPS, usage=usage, description=PRECEDENCE)
    elif {"-h", "--help"}.intersection(argv):
        ours = (ModelArguments, DataArguments, LoRAArguments, TrainingSettings)
        others = "And all of transformers.TrainingArguments, which --help_all lists. The most used: "
        others += ", ".join(f"--{name}" for name in MOST_USED) + "."
        text = help_text(ours, usage=usage, description=PRECEDENCE, epilog=others)
    else:
        return
    print(text, end="")
    raise SystemExit(0)


def help_text(
    groups: Sequence[type], *, usage: str, description: str, epilog: str = "", without: Collection[str] = ()
) -> str:
    """The help on the fields of dataclasses, a section for each.

    Args:
        groups: dataclasses whose fields have {"help": ...} as metadata; `_argument_group_name` names the section.
        usage: of one line.
        description: above the settings.
        epilog: below them.
        without: names that are left out.
    """
    # transformers has a setting of its own that is called debug
    parser = argparse.ArgumentParser(
        usage=usage, description=description, epilog=epilog, add_help=False, conflict_handler="resolve"
    )
    parser.add_argument("-h", "--help", action="store_true", help="Show this and exit.")
    parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
    for group in groups:
        section = parser.add_argument_group(str(getattr(group, "_argument_group_name", group.__name__)))
        for one in settings_of(group).values():
            if one.name not in without:
                _add(section, one)
    return parser.format_help()


def _add(section: Any, setting: Setting) -> None:
    values: dict[str, Any] = {"metavar": _metavar(setting)}
    if setting.takes_list:
        values["nargs"] = "+"
    elif bool in setting.kinds:
        values["nargs"] = "?"
    default = "" if setting.default is None else f" (default: {_shown(setting.default)})"
    section.add_argument(f"--{setting.name}", help=(setting.help + default).replace("%", "%%"), **values)


def _metavar(setting: Setting) -> str:
    names = {bool: "true|false", int: "N", float: "X", str: "TEXT"}
    if setting.choices:
        numbers = [names[kind] for kind in setting.kinds if kind in (int, float)]
        return "{" + ",".join([*numbers, *setting.choices]) + "}"
    kinds = [kind for kind in setting.kinds if kind in names or get_origin(kind) not in (dict, list)]
    return names.get(kinds[0], "VALUE") if kinds else "TEXT"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
