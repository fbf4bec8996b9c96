"""`qa-pipeline COMMAND ...`, or `qa-pipeline`: finds the command and hands it the rest of the line."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import NamedTuple

import qa_pipeline
from qa_pipeline.arguments.config_files import nearest
from qa_pipeline.console import show_plain_lines
from qa_pipeline.errors import ConfigError

PROGRAM = "qa-pipeline"


class Command(NamedTuple):
    """A command: where its function stands (from the rest of the line to the exit code), and what it is for."""

    module: str
    function: str
    help: str


COMMANDS = {
    "mock": Command("qa_pipeline.cli.mock", "main", "make mock SQuAD data for a first try"),
    "text": Command("qa_pipeline.cli.data", "text", "print what is read of documents, which answers point into"),
    "check": Command("qa_pipeline.cli.data", "check", "print what is in labelled data and what is wrong with it"),
    "convert": Command("qa_pipeline.cli.data", "convert", "write labelled data of any shape as clean SQuAD 2.0 JSON"),
    "generate": Command("qa_pipeline.cli.generate", "generate_command", "make training data of documents or a prompt"),
    "merge": Command("qa_pipeline.cli.generate", "merge_command", "join the shards of a generation"),
    "train": Command("qa_pipeline.cli.train", "main", "train and measure a model (run_qa.py)"),
    "index": Command("qa_pipeline.cli.index", "main", "make passages of documents searchable, and search them"),
    "ask": Command("qa_pipeline.cli.ask", "main", "ask a model about documents, or answer a file (qa_predict.py)"),
    "highlight": Command(
        "qa_pipeline.cli.highlight", "main", "mark the evidence for a question, and prune its context"
    ),
    "verify": Command("qa_pipeline.cli.verify", "main", "verify that quoted words stand in documents"),
    "compare": Command("qa_pipeline.cli.compare", "main", "compare base and tuned models, with a report"),
    "tune": Command("qa_pipeline.cli.tune", "main", "choose hyper-parameters on validation questions"),
    "export": Command("qa_pipeline.cli.export", "main", "write a model as a folder that answers without torch"),
    "prompt2model": Command("qa_pipeline.cli.prompt2model", "main", "make a model of a prompt and documents, in one"),
    "optimize-prompt": Command(
        "qa_pipeline.cli.optimize_prompt", "main", "find the prompt whose questions train the best reader"
    ),
    "demo": Command("qa_pipeline.cli.demo", "main", "open a page to try a model"),
    "label": Command("qa_pipeline.cli.label", "main", "open a page to mark answers in documents by hand"),
    "serve": Command("qa_pipeline.cli.serve", "main", "answer other programs over HTTP"),
}
_LOGGED = ("generate", "merge", "check", "convert", "text", "index")
"""Commands that show what the package logs, as plain lines; the others set up their own."""


def main(argv: list[str]) -> int:
    """Runs one command.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.

    Example:
        >>> main(["--version"])
        qa-pipeline 0.1.0
        0
    """
    name, rest = (argv[0], argv[1:]) if argv else ("", [])
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    if name == "--version":
        print(f"{PROGRAM} {qa_pipeline.__version__}")
        return 0
    if name in ("", "help", "-h", "--help"):
        print(overview(), file=sys.stdout if name else sys.stderr)
        return 0 if name else 2
    if name not in COMMANDS:
        near = nearest(name, COMMANDS)
        hint = f"did you mean {near}?" if near else f"known are {', '.join(COMMANDS)}"
        raise ConfigError("command line", f"expected a command, found {name!r}; {hint} `{PROGRAM} help` lists all")
    if name in _LOGGED:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        show_plain_lines()
    command = COMMANDS[name]
    function = getattr(importlib.import_module(command.module), command.function)
    return int(function(rest))


def overview() -> str:
    """All commands, a line each, and how to begin."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND ...",
            "",
            "Answers questions with exact spans of a text: makes data, trains small models, measures and asks them.",
            "",
            *lines,
            "",
            f"`{PROGRAM} help COMMAND` lists the settings of one; --debug shows the traceback of an error.",
            f"To begin: {PROGRAM} mock --output_dir mock_data",
            f"    then: {PROGRAM} train configs/quickstart.yaml",
        ]
    )
