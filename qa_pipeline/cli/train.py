"""`qa-pipeline train CONFIG`, which is run_qa.py: parses, runs, prints what was measured."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from qa_pipeline.errors import QAError

if TYPE_CHECKING:
    from qa_pipeline.arguments import Arguments

_LOOKED_AT = 200
"""Questions among which the shortest text is looked for."""
_LONGEST_SHOWN = 500
"""Characters of a text that is still put into a command."""


def main(argv: list[str], program: str = "qa-pipeline train") -> int:
    """Trains, evaluates and predicts as the settings say.

    Args:
        argv: the words after the command.
        program: what the command was called by, for the usage lines.

    Raises:
        QAError: something that the user can mend.
    """
    from qa_pipeline.arguments.help import print_help_if_asked, short_help

    if not argv:
        print(short_help(program), file=sys.stderr)
        return 2
    print_help_if_asked(argv, program)  # before anything that imports torch

    from qa_pipeline.arguments import parse_arguments
    from qa_pipeline.console import log_to_console, results_table
    from qa_pipeline.wording import plain

    arguments = parse_arguments(argv)
    log_to_console(arguments.training)

    from qa_pipeline.run.run import run_qa

    results = run_qa(arguments)
    if arguments.training.process_index == 0:
        print(plain(results_table(results, arguments.training.output_dir)))
        if arguments.training.do_train:
            print(plain(f"\nnext, ask it:\n  {ask_command(arguments)}"))
    return 0


def ask_command(arguments: Arguments) -> str:
    """A command that shows an answer of the trained model in its text: a held-out question on the shortest text."""
    from qa_pipeline.data import load_examples

    command = f"qa-pipeline ask --model {shlex.quote(str(arguments.training.output_dir))}"
    data = arguments.data
    try:
        source = data.test_file or data.validation_file or data.train_file
        rows = load_examples(source, field_mapping=data.field_mapping, max_samples=_LOOKED_AT)[0] if source else []
    except QAError:  # the run is done and good; the other command is as true
        rows = []
    answered = [row for row in rows if row["answers"]["text"]]
    if not answered or min(len(row["context"]) for row in answered) > _LONGEST_SHOWN:
        return f"{command} --interactive --documents YOUR_DOCUMENTS"
    row = min(answered, key=lambda row: len(row["context"]))
    return f"{command} --question {shlex.quote(row['question'])} --context {shlex.quote(row['context'])}"
