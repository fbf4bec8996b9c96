"""`qa-pipeline index DOCUMENTS --index DIR`: makes an index or brings it up to date, and searches it if asked."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import NoReturn

from qa_pipeline.arguments.config_files import COMMAND_LINE, nearest_hint
from qa_pipeline.errors import ConfigError
from qa_pipeline.retrieval.hits import Hit
from qa_pipeline.retrieval.index import MAX_WORDS, Index
from qa_pipeline.retrieval.opening import in_words, open_index
from qa_pipeline.wording import plain, short

_SHOWN = 160
"""Characters of a passage that are printed."""


def main(argv: list[str]) -> int:
    """Makes or updates an index, or opens it, and prints what was done, or what a search finds.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = _parse(argv)
    index = open_index(
        arguments.documents or None,
        arguments.index,
        language=arguments.language,
        dense=not arguments.no_dense,
        encoding=arguments.encoding,
        model=arguments.model,
        max_words=arguments.max_words,
    )
    hits = [] if arguments.search is None else index.search(arguments.search, arguments.top_k)
    if arguments.json:
        print(json.dumps(_as_json(index, hits, arguments.search), ensure_ascii=False, indent=2))
        return 0
    if arguments.search is None:
        print(plain(f"{index.folder}: {in_words(index.report)}"))
    elif not hits:
        print("no passage has a word of the question")
    for rank, hit in enumerate(hits, 1):
        print(plain(_in_words(rank, hit)))
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    """The command line; all faults that can be seen from it at once."""
    parser = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    flags = [option for action in parser._actions for option in action.option_strings]
    problems = [f"{flag.split('=')[0]} is unknown{nearest_hint(flag.split('=')[0], flags)}" for flag in unknown]
    for name in ("top_k", "max_words"):
        if getattr(arguments, name) < 1:
            problems.append(f"--{name}: expected at least 1, found {getattr(arguments, name)}")
    if not arguments.documents and arguments.index is None:
        problems.append("expected DOCUMENTS to index, or --index DIR to search; --help lists the arguments")
    if not arguments.documents and arguments.index is not None and arguments.search is None and not arguments.json:
        problems.append(f"expected DOCUMENTS to bring {arguments.index} up to date, or --search QUESTION")
    if problems:
        raise ConfigError(COMMAND_LINE, problems)
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _IndexParser(
        prog="qa-pipeline index",
        description="Makes an index of documents, in which the passages that may answer a question are found in "
        "milliseconds. Run again, it reads only what is new or has changed. `qa-pipeline ask` uses it.",
        allow_abbrev=False,
    )
    parser.add_argument("documents", metavar="DOCUMENTS", nargs="*", help="files, or folders of them")
    parser.add_argument("--index", metavar="DIR", help="folder of the index; without it one in the user's cache")
    parser.add_argument("--search", metavar="QUESTION", help="print the passages nearest to a question")
    parser.add_argument("--top_k", type=int, default=5, metavar="N", help="how many of them (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--language", metavar="CODE", help="of the documents (en, de ...); found out when absent")
    parser.add_argument("--no_dense", action="store_true", help="search by words only, without embeddings")
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="that embeds, in any language: a Hub id or a folder; without it the weights of the package, for English",
    )
    parser.add_argument(
        "--max_words", type=int, default=MAX_WORDS, metavar="N", help="of a passage (default: %(default)s)"
    )
    parser.add_argument("--encoding", metavar="E", help="of text and HTML (gbk, cp1251 ...); found out when absent")
    return parser


class _IndexParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(COMMAND_LINE, f"{message}; --help lists the arguments")


def _in_words(rank: int, hit: Hit) -> str:
    """A hit on two lines: where it stands with its scores, and how it begins."""
    passage = hit.passage
    where = [passage.document]
    where += [] if passage.page is None else [f"page {passage.page}"]
    where += [" > ".join(passage.headings)] if passage.headings else []
    meaning = "" if hit.meaning is None else f", meaning {hit.meaning:.2f}"
    return (
        f"{rank}. {', '.join(where)}  [score {hit.score:.4f}: words {hit.words:.2f}{meaning}]\n"
        f"   {short(' '.join(passage.text.split()), _SHOWN)}"
    )


def _as_json(index: Index, hits: list[Hit], question: str | None) -> dict[str, object]:
    value: dict[str, object] = {"index": str(index.folder), "fingerprint": index.fingerprint, **asdict(index.report)}
    if question is not None:
        value |= {"question": question, "hits": [asdict(hit) for hit in hits]}
    return value
