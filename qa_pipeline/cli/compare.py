"""`qa-pipeline compare`: compares a base model with tuned ones on the same questions, prints and writes the report."""

from __future__ import annotations

import os
from pathlib import Path

from qa_pipeline import artifacts
from qa_pipeline.cli import answers, loading
from qa_pipeline.cli.ask_arguments import COMPARE, PredictArguments, parse
from qa_pipeline.console import run_in_terminal
from qa_pipeline.predictor.answer_files import check_target
from qa_pipeline.wording import plain

COMPARISON = "comparison.json"
"""Beside the report."""


def main(argv: list[str]) -> int:
    """Compares the models that the command line or configuration file names.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv, COMPARE)
    return run_in_terminal(lambda: run(arguments))


def run(arguments: PredictArguments) -> int:
    """Prints the table, and writes the report where asked."""
    from qa_pipeline.compare import compare, comparison_table, comparison_to_json, report_html

    check_target(arguments.report)
    data = answers.read_labelled(arguments, require_answers=True, keep_columns=True)
    models = [loading.load_predictor(str(arguments.base), arguments, allow_new_head=True)]
    models += [loading.load_predictor(name, arguments) for name in arguments.tuned_models]
    comparison = compare(
        models,
        data.examples,
        source=os.path.basename(str(arguments.data).rstrip("/")),
        drawn_from=data.everything,
        by=arguments.columns,
        normalization=arguments.answer_normalization,
        language=arguments.answer_language,
        seed=arguments.seed,
    )
    print(plain(comparison_table(comparison)))
    if arguments.report:
        beside = Path(arguments.report).parent / COMPARISON
        with artifacts.writing(arguments.report):
            artifacts.write_text(arguments.report, report_html(comparison))
            artifacts.write_json(beside, comparison_to_json(comparison), indent=None)
        print(f"\nwritten: {arguments.report}, {beside}")
    return 0
