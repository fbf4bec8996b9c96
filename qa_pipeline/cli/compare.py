"""`qa-pipeline compare`: compares a base model with tuned ones on the same questions, prints and writes the report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.cli import answers, loading
from qa_pipeline.cli.ask_arguments import COMPARE, PredictArguments, parse
from qa_pipeline.console import run_in_terminal
from qa_pipeline.errors import DataError
from qa_pipeline.predictor.files.answer_files import check_target
from qa_pipeline.predictor.files.gold import no_gold
from qa_pipeline.wording import plain

if TYPE_CHECKING:
    from qa_pipeline.compare import Comparison
    from qa_pipeline.predictor import QAPredictor

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
    from qa_pipeline.compare import comparison_table, comparison_to_json, report_html

    check_target(arguments.report)
    asked = _on_documents if arguments.document_paths or arguments.index else _on_data
    comparison = asked(arguments)
    print(plain(comparison_table(comparison)))
    if arguments.report:
        beside = Path(arguments.report).parent / COMPARISON
        with artifacts.writing(arguments.report):
            artifacts.write_text(arguments.report, report_html(comparison))
            artifacts.write_json(beside, comparison_to_json(comparison), indent=None)
        print(f"\nwritten: {arguments.report}, {beside}")
    return 0


def _on_data(arguments: PredictArguments) -> Comparison:
    """On questions that have a text each."""
    from qa_pipeline.compare import compare

    data = answers.read_labelled(arguments, require_answers=True, keep_columns=True)
    models = _models(arguments)
    return compare(models, data.examples, drawn_from=data.everything, **_how(arguments))


def _on_documents(arguments: PredictArguments) -> Comparison:
    """On questions that are asked on documents, all models on the same index."""
    from qa_pipeline.compare import compare_on_documents

    questions = answers.read_question_list(arguments)
    answers.say_left_out(questions)
    documents = loading.open_documents(arguments)
    gold = answers.read_gold(questions, documents)
    if not gold.rows:
        raise DataError(no_gold(questions))
    models = _models(arguments)
    passages = arguments.most_passages
    return compare_on_documents(models, questions, documents, gold=gold, num_passages=passages, **_how(arguments))


def _models(arguments: PredictArguments) -> list[QAPredictor]:
    """The base, which may be untrained, and those that are held against it."""
    base = loading.load_predictor(str(arguments.base), arguments, allow_new_head=True)
    return [base, *(loading.load_predictor(name, arguments) for name in arguments.tuned_models)]


def _how(arguments: PredictArguments) -> dict[str, Any]:
    return {
        "source": os.path.basename(str(arguments.data).rstrip("/")),
        "by": arguments.columns,
        "normalization": arguments.answer_normalization,
        "language": arguments.answer_language,
        "seed": arguments.seed,
    }
