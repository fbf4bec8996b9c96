"""`qa-pipeline demo MODEL`: opens a page on this machine to try a model by hand."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from qa_pipeline.arguments.help import PRECEDENCE, help_text
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting
from qa_pipeline.cli.ask_arguments import LoadArguments
from qa_pipeline.cli.ask_words import model_first
from qa_pipeline.cli.loading import load_predictor
from qa_pipeline.console import run_in_terminal
from qa_pipeline.documents.reading import KINDS

PROGRAM = "qa-pipeline demo"


@dataclass
class PageArguments:
    """What the page shows, and where."""

    _argument_group_name: ClassVar[str] = "the page"

    model: str | None = setting(
        None, "A run folder, an output folder of prompt2model, a Hub id; or package:MODULE/FOLDER. It may stand first."
    )
    base: str | None = setting(None, "A model to show beside it; it may be untrained.")
    documents: str | None = setting(None, f"A folder of documents ({KINDS}) that can be asked as a whole, or one file.")
    examples: str | None = setting(
        None, "Labelled questions to try, in any format; None: some of the test split of the model's run."
    )
    port: int | None = setting(None, "On 127.0.0.1; None: the first that is free from 7860 on.", least=1, most=65535)
    share: bool = setting(
        False, "Make a public address too. Whoever has it can ask; all passes through servers of Gradio."
    )


GROUPS = (PageArguments, LoadArguments)


@dataclass
class DemoArguments(LoadArguments, PageArguments):
    """Everything that the command needs to know; checked when it comes from `parse`."""


def main(argv: list[str]) -> int:
    """Opens the page, and closes it on Ctrl-C.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv)
    try:
        return run_in_terminal(lambda: run(arguments))
    except KeyboardInterrupt:
        return 0


def parse(argv: list[str]) -> DemoArguments:
    """Resolves `[MODEL|CONFIG.yaml] [--key value ...]`; with -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found.
    """
    if "-h" in argv or "--help" in argv:
        usage = f"{PROGRAM} MODEL [--base MODEL] [--documents DIR] [--key value ...]"
        print(help_text(GROUPS, usage=usage, description=f"Opens a page to try a model. {PRECEDENCE}"), end="")
        raise SystemExit(0)
    resolution = Resolution.read(model_first(argv), GROUPS)
    resolution.check_declared()
    values = resolution.make(DemoArguments)
    if not values.model:
        resolution.report_at("model", "is required; give a run folder, a Hub id or package:MODULE/FOLDER")
    for name in ("documents", "examples"):
        path = getattr(values, name)
        if path and not os.path.exists(path):
            resolution.report_at(name, f"no such file or folder: {path} (relative paths start at {os.getcwd()})")
    if values.examples and os.path.isdir(values.examples) and not os.listdir(values.examples):
        resolution.report_at("examples", f"{values.examples} is an empty folder; give a file of labelled questions")
    resolution.raise_problems()
    return values


def run(arguments: DemoArguments) -> int:
    """Loads the models and serves the page. What can be refused at once is refused before anything is loaded."""
    from qa_pipeline.modeling.paths import model_folder
    from qa_pipeline.serve.demo import build_demo, serve_demo, uploads_of_this_run
    from qa_pipeline.serve.demo.page import load_gradio
    from qa_pipeline.serve.demo.server import SHARED, free_port

    free_port(arguments.port)
    if arguments.share:
        print(SHARED, file=sys.stderr)
    load_gradio()
    model = load_predictor(model_folder(str(arguments.model)), arguments)
    base = None
    if arguments.base:
        own = replace(arguments, base_model=None)
        base = load_predictor(model_folder(arguments.base), own, allow_new_head=True)
    with uploads_of_this_run():
        documents = Path(arguments.documents) if arguments.documents else None
        demo = build_demo(model, base, documents, arguments.examples)
        serve_demo(demo, port=arguments.port, share=arguments.share)
    return 0
