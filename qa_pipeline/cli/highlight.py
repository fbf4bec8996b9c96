"""`qa-pipeline highlight --model M --documents DIR "question"`: prints evidence and what to keep."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from qa_pipeline import artifacts
from qa_pipeline.arguments.help import KEYS, PRECEDENCE, help_text
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting, settings_of
from qa_pipeline.cli.ask_arguments import LoadArguments
from qa_pipeline.cli.ask_words import as_flags
from qa_pipeline.cli.loading import load_predictor
from qa_pipeline.console import run_in_terminal, uses_colour
from qa_pipeline.documents.reading import KINDS
from qa_pipeline.errors import DataError
from qa_pipeline.predictor.excerpts import Excerpt, Highlight
from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.retrieval.index import Index

PROGRAM = "qa-pipeline highlight"
BOLD, DIM, MARKED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;30;43m", "\x1b[0m"


def main(argv: list[str]) -> int:
    """Prints what of a text or of documents bears on a question, or writes it for each question of a file.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv)
    return run_in_terminal(lambda: _run(arguments))


def _run(arguments: HighlightArguments) -> int:
    options: dict[str, Any] = {
        name: getattr(arguments, name) for name in ("max_words", "keep", "least_score", "language")
    }
    options["dense"] = arguments.dense
    if arguments.data is not None:
        rows = _read_data(arguments.data, arguments.field_mapping)
    else:
        source = arguments.context if arguments.context is not None else _open(arguments)
        options["num_passages"] = arguments.num_passages
    predictor = load_predictor(str(arguments.model), arguments)
    if arguments.data is None:
        found = predictor.highlight(str(arguments.question), source, **options)
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


def _open(arguments: HighlightArguments) -> Index:
    from qa_pipeline.retrieval.embeddings import exported_embedder
    from qa_pipeline.retrieval.opening import open_index

    return open_index(
        arguments.document_paths or None,
        arguments.index,
        dense=arguments.dense,
        encoding=arguments.encoding,
        model=exported_embedder(str(arguments.model)) if arguments.dense else None,
    )


def _read_data(source: str, field_mapping: dict[str, Any] | str | None) -> list[dict[str, Any]]:
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


def _print(found: Highlight, arguments: HighlightArguments) -> None:
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


@dataclass
class EvidenceArguments:
    """What is asked, and of what."""

    _argument_group_name: ClassVar[str] = "what is asked"

    question: str | None = setting(None, "What is asked; the flag may be left out before it.")
    model: str | None = setting(None, "A run folder, an adapter or a merged model; a Hub id.")
    documents: list[str] | str | None = setting(None, f"Files, or folders of them ({KINDS}).")
    index: str | None = setting(None, "Folder of the index of the documents; None: one in the user's cache.")
    context: str | None = setting(None, "The text itself.")
    data: str | None = setting(None, "Questions with their texts, in any format of run_qa.py.")
    field_mapping: dict[str, Any] | str | None = setting(None, "Of data: preset name, file, or inline JSON.")
    encoding: str | None = setting(None, "Of text and HTML (gbk, cp1251 ...); None: found out.")


@dataclass
class ExcerptArguments:
    """What is kept, and where it goes."""

    _argument_group_name: ClassVar[str] = "what is kept"

    max_words: int | None = setting(None, "Keep at most so many words.", least=1)
    keep: float | None = setting(None, "Keep at most this share of the words; None: 0.3 without max_words.", share=1)
    least_score: float | None = setting(None, "Keep sentences of at least this score.", share=1)
    num_passages: int = setting(NUM_PASSAGES, "How many passages of documents are read.", least=1)
    dense: bool = setting(True, "Score by meaning beside words; --no_dense: by words alone.")
    language: str | None = setting(None, "Of the texts (en, de ...); None: found out.")
    output: str | None = setting(None, "A file: a line of JSON for each question.")
    json: bool = setting(False, "Print JSON.")


GROUPS = (EvidenceArguments, ExcerptArguments, LoadArguments)


@dataclass
class HighlightArguments(LoadArguments, ExcerptArguments, EvidenceArguments):
    """Everything that the command needs to know; checked when it comes from `parse`."""

    @property
    def document_paths(self) -> list[str]:
        """Files and folders to search."""
        return [self.documents] if isinstance(self.documents, str) else list(self.documents or ())


def parse(argv: list[str]) -> HighlightArguments:
    """Resolves `[CONFIG.yaml] [--key value ...] ["QUESTION"]`; with -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found.
    """
    if "-h" in argv or "--help" in argv:
        described = "Marks what of documents bears on a question, and keeps the sentences that are worth handing to a "
        described += f"language model. Each piece knows its characters in its document. {PRECEDENCE}"
        print(help_text(GROUPS, usage=f'{PROGRAM} {KEYS} ["QUESTION"]', description=described), end="")
        raise SystemExit(0)
    resolution = Resolution.read(as_flags(argv, settings_of(*GROUPS)), GROUPS)
    resolution.check_declared()
    values = resolution.make(HighlightArguments)
    if not values.model:
        resolution.report_at("model", "is required; give a run folder, a Hub id or package:MODULE/FOLDER")
    given = [name for name in ("documents", "context", "data") if getattr(values, name) is not None]
    given += ["index"] * bool(values.index and "documents" not in given)
    if len(given) != 1:
        found = " and ".join(given) or "none"
        resolution.report_at("documents context data", f"expected one of these to read, found {found}")
    if (values.question is None) == (values.data is None):
        resolution.report_at("question data", "expected a question, or data with questions, and not both")
    resolution.raise_problems()
    return values
