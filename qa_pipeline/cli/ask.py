"""`qa-pipeline ask`: answers a question, many, those of a person who types them, or those of a file, and prints.

Each way of asking is one function, the main path first; what is printed is made at the end.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qa_pipeline.cli import answers, loading
from qa_pipeline.cli.ask_arguments import ASK, PredictArguments, parse
from qa_pipeline.console import run_in_terminal, uses_colour
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import QAError
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.text.words import sentence_around
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

_ENDS = ("exit", "quit", ":q")
LEAST_SURE = 0.05
"""Where no answer has this confidence, a model has learned too little, or was asked the wrong texts."""
UNSURE = (
    f"no answer has a confidence of {LEAST_SURE:g} or more. The model has learned little (its run folder says how it "
    "scored), or the texts do not hold the answers"
)
_DATA_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


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
    documents = loading.read_contexts(arguments)
    predictor = loading.load_predictor(str(arguments.model), arguments)
    print_replies(predictor, arguments.questions, documents, arguments)
    return 0


def ask_repeatedly(arguments: PredictArguments) -> int:
    """Prints the answer to each line of standard input; a question that cannot be asked ends nothing."""
    documents = loading.read_contexts(arguments)
    predictor = loading.load_predictor(str(arguments.model), arguments)
    person = sys.stdin.isatty()
    failed = False
    if person:
        import readline  # noqa: F401  # input() then has a history

        size = sum(len(document.text) for document in documents)
        print(f"{counted(len(documents), 'text')}, {size:,} characters. Ctrl-D or exit ends.", file=sys.stderr)
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
    predictor: QAPredictor, questions: Sequence[str], documents: list[Document], arguments: PredictArguments
) -> None:
    """Asks and prints one question, or several, each above its answer."""
    sure = arguments.min_confidence is not None  # else he has said himself what is too little
    for number, question in enumerate(questions):
        if len(questions) > 1 and not arguments.json:
            print(*[""] * bool(number), f"? {shown(question)}", sep="\n")
        sure |= print_reply(predictor, question, documents, arguments)
    if not sure:
        print(f"note: {UNSURE}", file=sys.stderr)


def print_reply(predictor: QAPredictor, question: str, documents: list[Document], arguments: PredictArguments) -> bool:
    """Asks and prints, as text or as one line of JSON; whether the model is sure of anything that it said."""
    reply = predictor.ask(
        question,
        documents,
        top_k=arguments.top_k,
        all_answers=arguments.all_answers,
        min_confidence=arguments.min_confidence,
    )
    if arguments.json:
        # Where letters would be lost on the way, a program still gets every character.
        whole = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
        print(json.dumps(reply_dict(reply), ensure_ascii=not whole))
    else:
        print(reply_text(reply, colour=uses_colour(sys.stdout), several=len(documents) > 1))
    return max(reply.confidence, reply.no_answer_confidence) >= LEAST_SURE


# What is printed of answers: plain data in, text out

BOLD, DIM, MARKED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;30;43m", "\x1b[0m"


def reply_text(reply: Reply, *, colour: bool, several: bool) -> str:
    """The answers to one question, each with its confidence, where it is, and the sentence around it.

    Where no answer is likelier than the best of them, that is said first, and they are called guesses.

    Args:
        reply: what was found.
        colour: mark with colours, else with [[ ]].
        several: more than one document was asked, so that each answer says where it comes from.
    """
    spans, unlikely = reply.spans, reply.none_likelier
    blocks = [
        (f"{rank}. " if len(spans) > 1 else "") + _one(found, guess=unlikely, colour=colour, several=several)
        for rank, found in enumerate(spans, 1)
    ]
    if not unlikely:
        return "\n\n".join(blocks) or _style("no answer of enough confidence", BOLD, colour)
    line = f"{_style('no answer', BOLD, colour)} in {'these texts' if several else 'this text'}"
    # The threshold of a model may decide for silence where silence is not likely: its number would say the opposite.
    sure = reply.no_answer_confidence > 0.5
    line += f" ({reply.no_answer_confidence:.2f})" if sure else " is sure enough"
    if len(blocks) == 1:
        return f"{line}; best guess: {blocks[0]}"
    return "\n\n".join([f"{line}; best guesses:", *blocks]) if blocks else line


def _one(found: DocumentAnswer, *, guess: bool, colour: bool, several: bool) -> str:
    sure = f" ({found.confidence:.2f})" if guess else f"  (confidence {found.confidence:.2f})"
    line = _style(shown(found.text), BOLD, colour) + sure
    if several or found.page is not None:
        line += f"  {_style(reply_source(found), DIM, colour)}"
    return f"{line}\n    {marked_sentence(found, colour=colour)}"


def reply_source(found: DocumentAnswer) -> str:
    """The document's name, and the page where that is known."""
    name = found.document.source if found.document else "the context"
    return f"{shown(name)}, page {found.page}" if found.page is not None else shown(name)


def marked_sentence(found: DocumentAnswer, *, colour: bool) -> str:
    """The sentence around an answer on one line, with the answer marked and dots where it was cut."""
    text, start, end = found.context, found.start or 0, found.end or 0
    low, high = sentence_around(text, start, end)
    opening, closing = (MARKED, PLAIN) if colour else ("[[", "]]")
    before = shown(text[low:start], strip="left")
    after = shown(text[end:high], strip="right")
    dots_before = "" if _BEGINS.search(text[max(0, low - 20) : low]) or not text[:low].strip() else "... "
    dots_after = (
        "" if _IS_OVER.search(text[max(0, high - 3) : high]) or _STOPS.match(text[high : high + 20]) else " ..."
    )
    return f"{dots_before}{before}{opening}{shown(text[start:end])}{closing}{after}{dots_after}"


# Nothing was cut off where a sentence or a paragraph begins or ends.
_BEGINS = re.compile(r"""(?:[.!?…؟۔।。！？][)\]"'”’»」』）]*\s*|\n\s*\n\s*)$""")
_IS_OVER = re.compile(r"""[.!?…؟۔।。！？][)\]"'”’»」』）]*$""")
_STOPS = re.compile(r"\s*(?:\n\s*\n|$)")


# A rule between the head of a table and its rows, a bar between two cells, a bar at the edge of a cell.
_BARS = re.compile(r"(?<!\S)[|:-]*\|[|:-]*(?!\S)|(?<!\S)\|+|\|+(?!\S)")


def shown(text: str, strip: str = "both") -> str:
    """Text on one line, without control characters and the bars of tables: white space becomes one space."""
    text = plain(re.sub(r"\s", " ", text))
    text = re.sub(r"\s+", " ", _BARS.sub(" ", text) if "|" in text else text)
    return text.strip() if strip == "both" else text.lstrip() if strip == "left" else text.rstrip()


def _style(text: str, code: str, colour: bool) -> str:
    return f"{code}{text}{PLAIN}" if colour else text


def reply_dict(reply: Reply) -> dict[str, Any]:
    """The same for a program: positions are characters of the document's text, end exclusive; null for no answer."""
    answers = []
    for found in reply.answers:
        row: dict[str, Any] = {
            "text": found.text,
            "start": found.start,
            "end": found.end,
            "confidence": round(found.confidence, 6),
        }
        if found.document is not None:
            row["source"] = found.document.source
        if found.page is not None:
            row["page"] = found.page
        if found.start is not None and found.end is not None:
            low, high = sentence_around(found.context, found.start, found.end)
            row["sentence"] = found.context[low:high]
        answers.append(row)
    return {
        "question": reply.question,
        "no_answer_confidence": round(reply.no_answer_confidence, 6),
        "answers": answers,
    }
