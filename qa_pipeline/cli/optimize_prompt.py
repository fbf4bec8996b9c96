"""`qa-pipeline optimize-prompt`: parses, calls `optimisation.api` or a stage, prints what was found."""

from __future__ import annotations

import logging
import shlex
import sys
from typing import Any

from qa_pipeline.arguments.help import help_text
from qa_pipeline.console import show_plain_lines
from qa_pipeline.wording import plain

USAGE = "qa-pipeline optimize-prompt [CONFIG.yaml] [--key value ...]"
_ABOUT = (
    "Finds the prompt whose questions train the best reader, within max_tokens; the same command goes on where it was. "
    "temperature, rephrase, prompt_number and prompt_file are those of the prompt that the search begins with."
)
_WITHOUT = ("round_trip_model", "round_trip_f1")


def main(argv: list[str]) -> int:
    """`optimize-prompt [CONFIG.yaml] [--key value ...]`.

    Raises:
        QAError: something that the user can mend.
    """
    from qa_pipeline.optimisation.arguments import GROUPS, parse_optimization_arguments

    if "-h" in argv or "--help" in argv:
        print(help_text(GROUPS, usage=USAGE, description=_ABOUT, without=_WITHOUT), end="")
        return 0
    if not argv:
        print(f"usage: {USAGE}\n{_ABOUT}\n--help lists all settings.", file=sys.stderr)
        return 2
    settings = parse_optimization_arguments(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("qa_pipeline.optimisation").setLevel(logging.INFO)
    show_plain_lines()

    from qa_pipeline.optimisation import stages

    if settings.general.plan:
        from qa_pipeline.optimisation.job import prepare

        print(plain(stages.plan(prepare(settings))))
    elif settings.general.stage == "train":
        _print_training(stages.train(settings), str(settings.folder / stages.PROMPT_MODEL))
    elif settings.general.stage == "infer":
        _print_inferred(stages.infer(settings), settings.folder / stages.INFERRED)
    else:
        _print_result(settings)
    return 0


def _print_result(settings: Any) -> None:
    from qa_pipeline.optimisation.api import PAGE, optimize
    from qa_pipeline.optimisation.report import report_text

    result = optimize(settings)
    folder = result.folder
    print(plain(report_text(result.report)))
    print(plain(f"\nwritten: {folder}; the page: {folder / PAGE}"))
    prompt = shlex.quote(str(result.best_prompt))
    print(plain(f"next, make data with it:\n  qa-pipeline generate CONFIG.yaml --prompt_file {prompt}"))


def _print_training(trained: Any, folder: str) -> None:
    facts, measured = trained
    for one in measured:
        print(plain(f"{one.domain:<24}{len(one.recipes):>4} prompts, scores of rung {one.rung}"))
    print(f"{facts.pairs:,} pairs of prompts differ by more than noise; loss {facts.loss:.3g}")
    if facts.replayed:
        print(plain(f"shown again: {', '.join(facts.replayed)}"))
    print(plain(f"written: {folder}"))


def _print_inferred(recipes: Any, folder: Any) -> None:
    for number, recipe in enumerate(recipes, 1):
        print(plain(f"{folder / f'{number}.yaml'}   {recipe.hash}   {recipe.name}"))
    print("nothing was measured on these documents: the prompts are a guess from others")
