"""`qa-pipeline ask`: answers a question, many, those of a person who types them, or those of a file, and prints.

Each way of asking is one function, the main path first; what is printed is made at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qa_pipeline.cli import answers, loading
from qa_pipeline.cli.ask_arguments import ASK, PredictArguments, parse
from qa_pipeline.cli.replies import reply_dict, reply_text, shown
from qa_pipeline.console import run_in_terminal, uses_colour
from qa_pipeline.errors import QAError
from qa_pipeline.predictor.documents import LEAST_SURE
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.retrieval.index import Index

_ENDS = ("exit", "quit", ":q")
UNSURE = (
    f"no answer has a confidence of {LEAST_SURE:g} or more. The model has learned little (its run folder says how it "
    "scored), or the texts do not hold the answers"
)


def main(argv: list[str]) -> int:
    """Asks what the command line or configuration file says.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv, ASK)
    return run_in_terminal(lambda: run(arguments))


def run(arguments: PredictArguments) -> int:
    """Asks in the way that the settings say."""
    ways = {"ask": ask, "interactive": ask_repeatedly, "predict": answers.answer_data, "list": answers.answer_list}
    return ways[arguments.command](arguments)


def ask(arguments: PredictArguments) -> int:
    """Prints the answer to each question."""
    documents = loading.open_documents(arguments)
    predictor = loading.load_predictor(str(arguments.model), arguments)
    print_replies(predictor, arguments.questions, documents, arguments)
    return 0


def ask_repeatedly(arguments: PredictArguments) -> int:
    """Prints the answer to each line of standard input; a question that cannot be asked ends nothing."""
    documents = loading.open_documents(arguments)
    predictor = loading.load_predictor(str(arguments.model), arguments)
    person = sys.stdin.isatty()
    failed = False
    if person:
        import readline  # noqa: F401  # input() then has a history

        count = len(documents) if isinstance(documents, list) else len(documents.names())
        print(f"{counted(count, 'text')}. Ctrl-D or exit ends.", file=sys.stderr)
    while True:
        try:
            question = input("? " if person else "").strip()
        except (EOFError, KeyboardInterrupt):
            break
        if question.lower() in _ENDS:
            break
        if not question:
            continue
        if not person and not arguments.json:
            print(f"? {shown(question)}")
        try:
            print_reply(predictor, question, documents, arguments)
        except QAError as error:
            failed = True
            print(plain(f"{type(error).__name__}: {error}"), file=sys.stderr)
        if not arguments.json:
            print()
        sys.stdout.flush()
    return 2 if failed and not person else 0


def print_replies(
    predictor: QAPredictor, questions: Sequence[str], documents: list[Document] | Index, arguments: PredictArguments
) -> None:
    """Asks and prints one question, or several, each above its answer."""
    sure = arguments.min_confidence is not None  # else he has said himself what is too little
    for number, question in enumerate(questions):
        if len(questions) > 1 and not arguments.json:
            print(*[""] * bool(number), f"? {shown(question)}", sep="\n")
        sure |= print_reply(predictor, question, documents, arguments)
    if not sure:
        print(f"note: {UNSURE}", file=sys.stderr)


def print_reply(
    predictor: QAPredictor, question: str, documents: list[Document] | Index, arguments: PredictArguments
) -> bool:
    """Asks and prints, as text or as one line of JSON; whether the model is sure of anything that it said."""
    reply = predictor.ask(
        question,
        documents,
        top_k=arguments.top_k,
        num_passages=arguments.most_passages,
        all_answers=arguments.all,
        min_confidence=arguments.min_confidence,
    )
    if arguments.json:
        # Where letters would be lost on the way, a program still gets every character.
        whole = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
        print(json.dumps(reply_dict(reply), ensure_ascii=not whole))
    else:
        several = not isinstance(documents, list) or len(documents) > 1
        all_count = arguments.min_confidence is not None
        print(reply_text(reply, colour=uses_colour(sys.stdout), several=several, all_count=all_count))
    return reply.sure
