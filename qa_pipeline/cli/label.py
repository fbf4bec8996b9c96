"""`qa-pipeline label DOCS --output labels.json [--model M]`: opens a page on this machine to mark answers by hand."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_pipeline.arguments.help import PRECEDENCE, help_text
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting
from qa_pipeline.cli.ask_arguments import LoadArguments
from qa_pipeline.cli.loading import load_predictor
from qa_pipeline.console import run_in_terminal
from qa_pipeline.documents.cutting import MAX_WORDS
from qa_pipeline.documents.reading import KINDS
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.serve.label import LabelProject

PROGRAM = "qa-pipeline label"


@dataclass
class LabelPageArguments:
    """What is labelled, where the labels go, and where the page is."""

    _argument_group_name: ClassVar[str] = "the page"

    documents: list[str] | str | None = setting(
        None, f"Files, or folders of them ({KINDS}), or .jsonl with a text on each line. They may stand first."
    )
    output: str | None = setting(
        None, "The file of labels, NAME.json. Where it is there, the page goes on; its journal is beside it. Required."
    )
    model: str | None = setting(
        None, "A run folder, a Hub id; or package:MODULE/FOLDER. Its answers are suggested, those it doubts first."
    )
    port: int | None = setting(None, "On 127.0.0.1; None: the first that is free from 7860 on.", least=1, most=65535)


@dataclass
class SuggestionArguments:
    """What is suggested."""

    _argument_group_name: ClassVar[str] = "suggestions"

    questions_per_context: int = setting(
        4, "How many questions are suggested about a passage, by rules, in English; 0: none.", least=0, most=20
    )
    unanswerable_fraction: float = setting(0.2, "Share of them that their passage may not answer.", least=0, most=0.9)
    cloze_plugins: list[str] | str = setting(
        "services", "Rules for kinds of text: services, MODULE:CLASS, or none; see `qa-pipeline generate --help`."
    )
    seed: int = setting(42, "Of the choice among questions.", least=0, most=4294967295)
    min_passage_words: int = setting(15, "Shorter passages are left out.", least=1)
    max_passage_words: int = setting(MAX_WORDS, "What a passage holds at most.", least=20)
    encoding: str | None = setting(None, "Of text and HTML (gbk, cp1251 ...); None: found out.")


GROUPS = (LabelPageArguments, SuggestionArguments, LoadArguments)


@dataclass
class LabelArguments(LoadArguments, SuggestionArguments, LabelPageArguments):
    """Everything that the command needs to know; checked when it comes from `parse`."""

    @property
    def document_paths(self) -> list[str]:
        """Files and folders whose passages are labelled."""
        return [self.documents] if isinstance(self.documents, str) else list(self.documents or ())

    @property
    def plugins(self) -> tuple[str, ...]:
        """Of the rules."""
        return (self.cloze_plugins,) if isinstance(self.cloze_plugins, str) else tuple(self.cloze_plugins)


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


def parse(argv: list[str]) -> LabelArguments:
    """Resolves `[DOCS ...|CONFIG.yaml] [--key value ...]`; with -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found.
    """
    if "-h" in argv or "--help" in argv:
        usage = f"{PROGRAM} DOCS [DOCS ...] --output labels.json [--model MODEL] [--key value ...]"
        described = "Opens a page on which people mark answers, and writes SQuAD 2.0. Every decision is kept at once; "
        described += f"the same command goes on. {PRECEDENCE}"
        print(help_text(GROUPS, usage=usage, description=described), end="")
        raise SystemExit(0)
    resolution = Resolution.read(_with_flag(argv), GROUPS)
    resolution.check_declared()
    values, report = resolution.make(LabelArguments), resolution.report_at
    if not values.document_paths:
        report("documents", "is required; give files, or folders of them")
    for path in values.document_paths:
        if not os.path.exists(path):
            report("documents", f"no such file or folder: {path} (relative paths start at {os.getcwd()})")
    if not values.output:
        report("output", "is required; give the file that the labels go to, such as labels.json")
    elif not values.output.lower().endswith(".json"):
        report("output", f"expected a name that ends in .json, found {values.output}")
    elif os.path.isdir(values.output):
        report("output", f"{values.output} is a folder; give the name of a file")
    if values.encoding is not None and (fault := encoding_fault(values.encoding)):
        report("encoding", fault)
    if values.min_passage_words > values.max_passage_words:
        report("min_passage_words max_passage_words", "no passage can be so long and so short; lower the first")
    resolution.raise_problems()
    return values


def _with_flag(argv: list[str]) -> list[str]:
    """The documents that stand first, behind their flag; a configuration file stays first."""
    count = next((place for place, word in enumerate(argv) if word.startswith("-")), len(argv))
    first = argv[:count]
    config = [name for name in first[:1] if name.lower().endswith((".yaml", ".yml", ".json"))]
    named = first[len(config) :]
    return [*config, *(["--documents", *named] if named else []), *argv[count:]]


def run(arguments: LabelArguments) -> int:
    """Reads the documents and serves the page. What can be refused at once is refused before a model is loaded."""
    from qa_pipeline.serve.demo.server import free_port
    from qa_pipeline.serve.web import LOCAL, check_web, listen
    from qa_pipeline.serve.web import run as serve

    check_web()
    with listen(LOCAL, free_port(arguments.port)) as listener:
        project = make_project(arguments)

        from qa_pipeline.serve.label.app import build_label_app

        app = build_label_app(project)
        project.suggester.start()
        try:
            serve(app, listener, "Label", grace_seconds=5)
        finally:
            project.suggester.stop()
    return 0


def make_project(arguments: LabelArguments) -> LabelProject:
    """The passages, what is decided, and what makes suggestions.

    Returns:
        The project, its suggester not started.

    Raises:
        ConfigError, DataError, ModelError: something that the user can mend.
    """
    from qa_pipeline.documents.passages import read_passages
    from qa_pipeline.serve.label import LabelProject, LabelStore
    from qa_pipeline.serve.label.suggesting import Suggester, SuggestionSettings

    passages, report = read_passages(
        arguments.document_paths,
        min_words=arguments.min_passage_words,
        max_words=arguments.max_passage_words,
        encoding=arguments.encoding,
    )
    left_out = report.left_out.items()
    notes = [f"{counted(count, 'passage')} left out: {reason.replace('_', ' ')}" for reason, count in left_out]
    notes += report.notes
    for note in notes:
        print(note, file=sys.stderr)
    settings = SuggestionSettings(
        arguments.questions_per_context, arguments.unanswerable_fraction, arguments.seed, arguments.plugins
    )
    Suggester(passages, None, settings).check()
    store = LabelStore(str(arguments.output))
    predictor = load_predictor(arguments.model, arguments) if arguments.model else None
    suggester = Suggester(passages, predictor, settings)
    return LabelProject(passages, store, suggester, model=arguments.model, notes=notes)
