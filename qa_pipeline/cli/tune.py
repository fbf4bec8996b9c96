"""`qa-pipeline tune CONFIG`: parses, tunes, prints the trials and the next command."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path

from qa_pipeline.arguments.groups import DataArguments, LoRAArguments, ModelArguments, TrainingSettings
from qa_pipeline.arguments.help import MOST_USED, help_text
from qa_pipeline.console import show_plain_lines
from qa_pipeline.tuning.arguments import TuningArguments, TuningPlan, parse_tuning_arguments
from qa_pipeline.wording import plain

USAGE = "qa-pipeline tune [CONFIG.yaml] [--key value ...]"
_ABOUT = (
    "Tries settings of a training on its validation data, never on test data, and writes the best ones. The file is a "
    "configuration of `train` with the settings of the tuning beside it; the same command goes on where it was."
)


def main(argv: list[str]) -> int:
    """`tune [CONFIG.yaml] [--key value ...]`.

    Raises:
        QAError: something that the user can mend.
    """
    if "-h" in argv or "--help" in argv:
        ours = (TuningArguments, ModelArguments, DataArguments, LoRAArguments, TrainingSettings)
        others = "And those of transformers.TrainingArguments, which `qa-pipeline train --help_all` lists. The most "
        others += "used: " + ", ".join(f"--{name}" for name in MOST_USED) + "."
        print(help_text(ours, usage=USAGE, description=_ABOUT, epilog=others), end="")
        return 0
    if not argv:
        print(f"usage: {USAGE}\n{_ABOUT}\n--help lists all settings.", file=sys.stderr)
        return 2
    plan = parse_tuning_arguments(argv)

    from qa_pipeline.tuning.api import run_plan
    from qa_pipeline.tuning.results import BEST_FILE, tuning_table

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("qa_pipeline.tuning").setLevel(logging.INFO)
    show_plain_lines()
    result = run_plan(plan)
    print(plain(tuning_table(result)))
    print(f"\nwritten: {result.folder}; the model of trial {result.best_trial}: {result.model}")
    print(plain(f"next, train it anew:\n  qa-pipeline train {shlex.quote(str(result.folder / BEST_FILE))}"))
    if command := _predict_command(plan, result.model):
        print(plain(f"or ask it the test questions, which no trial saw:\n  {command}"))
    return 0


def _predict_command(plan: TuningPlan, model: Path) -> str | None:
    test = plan.values.get("test_file")
    if test is None:
        return None
    where = f"--test_file {shlex.quote(test)} --output_dir {shlex.quote(str(plan.folder / 'test'))}"
    return f"qa-pipeline train --model_name_or_path {shlex.quote(str(model))} --do_predict {where}"
