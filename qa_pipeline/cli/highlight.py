"""`qa-pipeline highlight --model M --documents DIR "question"`: prints evidence and what to keep."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from qa_pipeline import artifacts
from qa_pipeline.arguments.config_files import COMMAND_LINE, nearest_hint
from qa_pipeline.console import run_in_terminal, uses_colour
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor.excerpts import Excerpt, Highlight
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.retrieval.index import Index

BOLD, DIM, MARKED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;30;43m", "\x1b[0m"


def main(argv: list[str]) -> int:
    """Prints what of a text or of documents bears on a question, or writes it for each question of a file.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = _parse(argv)
    return run_in_terminal(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from qa_pipeline.predictor import QAPredictor

    options = {name: getattr(arguments, name) for name in ("max_words", "keep", "least_score", "language")}
    options["dense"] = not arguments.no_dense
    if arguments.data is not None:
        rows = _read_data(arguments.data, arguments.field_mapping)
    else:
        source = arguments.context if arguments.context is not None else _open(arguments)
        options["num_passages"] = arguments.num_passages
    predictor = QAPredictor.from_pretrained(arguments.model, device=arguments.device)
    if arguments.data is None:
        found = predictor.highlight(arguments.question, source, **options)
        if arguments.output is not None:
            artifacts.write_text(Path(arguments.output), _line(None, found))
        _print(found, arguments)
        return 0
    lines = _lines(predictor, rows, options)
    if arguments.output is None:
        for line in lines:
            print(line, end="")
        return 0
    artifacts.write_bytes(Path(arguments.output), (line.encode("utf-8") for line in lines))
    print(f"{counted(len(rows), 'question')}: {arguments.output}")
    return 0


def _open(arguments: argparse.Namespace) -> Index:
    from qa_pipeline.retrieval.opening import open_index

    return open_index(
        arguments.documents or None, arguments.index, dense=not arguments.no_dense, encoding=arguments.encoding
    )


def _read_data(source: str, field_mapping: str | None) -> list[dict[str, Any]]:
    from qa_pipeline.data import load_examples

    examples, report = load_examples(source, require_answers=False, merge_references=False, field_mapping=field_mapping)
    if report.rows_dropped:
        print(plain(report.table()), file=sys.stderr)
    if not examples:
        raise DataError(f"{source}: holds no question with a text")
    return [dict(example) for example in examples]


def _lines(predictor: QAPredictor, rows: list[dict[str, Any]], options: dict[str, Any]) -> Iterator[str]:
    for row in rows:
        yield _line(row["id"], predictor.highlight(row["question"], row["context"], **options))


def _line(name: str | None, found: Highlight) -> str:
    """A highlight as one line of JSON."""
    value: dict[str, Any] = {} if name is None else {"id": name}
    value |= {
        "question": found.question,
        "context": found.context,
        "spans": [asdict(one) for one in found.spans],
        "pieces": [asdict(one) for one in found.pieces],
        "sentences": [asdict(one) for one in found.sentences],
        "no_answer_confidence": found.no_answer_confidence,
        "words": found.words,
        "kept_words": found.kept_words,
    }
    return json.dumps(value, ensure_ascii=False) + "\n"


# What is printed


def _print(found: Highlight, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(_line(None, found), end="")
    else:
        print(highlight_text(found, colour=uses_colour(sys.stdout)))


def highlight_text(found: Highlight, *, colour: bool) -> str:
    """The pieces with the spans in them marked, each document under its name, and how much was kept.

    Args:
        found: what was found.
        colour: mark with colours, else with [[ ]].
    """
    if not found.pieces:
        return "nothing bears on the question enough to be kept"
    lines: list[str] = []
    if found.no_answer_confidence > 0.5:
        lines += [f"The model finds no answer here ({found.no_answer_confidence:.2f}).", ""]
    place: tuple[str, ...] | None = None
    for piece in found.pieces:
        if (here := _place(piece)) != place:
            lines += [""] * bool(place is not None) + ([_style(", ".join(here), BOLD, colour)] if here else [])
            place = here
        lines.append(f"{_style(f'{piece.score:.2f}', DIM, colour)}  {_marked(piece, found.spans, colour)}")
    kept = f"{found.kept_words:,} of {counted(found.words, 'word')} kept ({1 - found.saved:.0%})"
    return "\n".join([*lines, "", _style(kept, DIM, colour)])


def _place(piece: Excerpt) -> tuple[str, ...]:
    """Document, page and headings, as far as they are known."""
    page = () if piece.page is None else (f"page {piece.page}",)
    headings = (" > ".join(map(_shown, piece.headings)),) if piece.headings else ()
    return ((_shown(piece.document),) if piece.document else ()) + page + headings


def _marked(piece: Excerpt, spans: list[Excerpt], colour: bool) -> str:
    opening, closing = (MARKED, PLAIN) if colour else ("[[", "]]")
    inside = sorted(
        (max(one.start, piece.start) - piece.start, min(one.end, piece.end) - piece.start)
        for one in spans
        if one.document == piece.document and one.start < piece.end and piece.start < one.end
    )
    shown, position = "", 0
    for start, end in inside:
        shown += _shown(piece.text[position:start]) + opening + _shown(piece.text[start:end]) + closing
        position = end
    return shown + _shown(piece.text[position:])


def _shown(text: str) -> str:
    return plain(re.sub(r"\s+", " ", text))


def _style(text: str, style: str, colour: bool) -> str:
    return f"{style}{text}{PLAIN}" if colour else text


# The command line


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(COMMAND_LINE, f"{message}; --help lists the arguments")


def _parse(argv: list[str]) -> argparse.Namespace:
    """The command line; all faults that can be seen from it at once."""
    parser = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    paths = arguments.documents or []
    if arguments.question is None and arguments.data is None and len(paths) > 1 and not os.path.exists(paths[-1]):
        arguments.question = paths.pop()  # --documents takes several
    flags = [option for action in parser._actions for option in action.option_strings]
    problems = [f"{one.split('=')[0]} is unknown{nearest_hint(one.split('=')[0], flags)}" for one in unknown]
    texts = {"--documents": bool(arguments.documents or arguments.index), "--context": arguments.context is not None}
    texts["--data"] = arguments.data is not None
    given = [name for name, is_given in texts.items() if is_given]
    if len(given) != 1:
        problems.append(f"expected one of {', '.join(texts)} to read, found {' and '.join(given) or 'none'}")
    if arguments.model is None:
        problems.append("--model is missing: a run folder, an adapter, a merged model or a Hub id")
    if (arguments.question is None) == (arguments.data is None):
        problems.append("expected a question, or --data with questions, and not both")
    for name in ("max_words", "num_passages"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            problems.append(f"--{name}: expected at least 1, found {value}")
    for name in ("keep", "least_score"):
        if (value := getattr(arguments, name)) is not None and not 0 <= value <= 1:
            problems.append(f"--{name}: expected a number from 0 to 1, found {value:g}")
    if problems:
        raise ConfigError(COMMAND_LINE, problems)
    return arguments


def _parser() -> argparse.ArgumentParser:
    from qa_pipeline.predictor.sources import NUM_PASSAGES

    parser = _Parser(
        prog="qa-pipeline highlight",
        description="Marks what of documents bears on a question, and keeps the sentences that are worth handing to a "
        "language model. Each piece knows its characters in its document.",
        allow_abbrev=False,
    )
    parser.add_argument("question", metavar="QUESTION", nargs="?", help="what is asked")
    parser.add_argument("--model", metavar="M", help="a run folder, an adapter or a merged model; a Hub id")
    parser.add_argument("--documents", metavar="PATH", nargs="+", help="files, or folders of them")
    parser.add_argument("--index", metavar="DIR", help="folder of the index of the documents; else in the user's cache")
    parser.add_argument("--context", metavar="TEXT", help="the text itself")
    parser.add_argument("--data", metavar="FILE", help="questions with their texts, in any format of run_qa.py")
    parser.add_argument("--field_mapping", metavar="M", help="of --data: preset, file or inline JSON")
    parser.add_argument("--output", metavar="FILE", help="a line of JSON for each question")
    parser.add_argument("--max_words", type=int, metavar="N", help="keep at most so many words")
    parser.add_argument("--keep", type=float, metavar="SHARE", help="keep at most this share of the words (0.3)")
    parser.add_argument("--least_score", type=float, metavar="S", help="keep sentences of at least this score, 0 to 1")
    parser.add_argument(
        "--num_passages",
        type=int,
        default=NUM_PASSAGES,
        metavar="N",
        help="passages of documents that are read (default: %(default)s)",
    )
    parser.add_argument("--no_dense", action="store_true", help="by words only, without embeddings")
    parser.add_argument("--language", metavar="CODE", help="of the texts (en, de ...); found out when absent")
    parser.add_argument("--encoding", metavar="E", help="of text and HTML (gbk, cp1251 ...); found out when absent")
    parser.add_argument("--device", metavar="D", help="cpu, cuda:0 ...; a GPU where there is one when absent")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
