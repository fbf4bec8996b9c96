"""The text of Markdown and its blocks, through markdown-it-py, which is imported when needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from qa_pipeline.documents.blocks import BlockText, DocumentBlock, heading_block, list_block, table_block
from qa_pipeline.documents.formats import library
from qa_pipeline.documents.plain import WrittenLine, in_order, written_lines
from qa_pipeline.yaml_reader import YAMLFault, read_yaml

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S)
_LONGEST_FRONT_MATTER = 100_000


def read_markdown(text: str) -> tuple[str, str | None]:
    """The text without front matter (the YAML that site generators put first), and the title that it names.

    A rule at the beginning that no YAML mapping follows is text.
    """
    match = _FRONT_MATTER.match(text)
    try:
        fields = read_yaml(match[1]) if match and len(match[1]) <= _LONGEST_FRONT_MATTER else None
    except YAMLFault:
        fields = None
    if match is None or not isinstance(fields, dict):
        return text, None
    title = fields.get("title")
    return text[match.end() :], title.strip() or None if isinstance(title, str) else None


def markdown_content(text: str, name: str) -> BlockText:
    """The text without front matter, its title, and its headings, tables and lists: CommonMark with tables."""
    text, title = read_markdown(text)
    return BlockText(text, title, markdown_blocks(text, name))


def markdown_blocks(text: str, name: str) -> tuple[DocumentBlock, ...]:
    """The blocks of Markdown; what stands in a list, a quotation or a fence is no block of its own.

    Args:
        text: without front matter.
        name: of the file, for the message that a package is missing.

    Raises:
        DataError: markdown-it-py is not installed.
    """
    with library(name, "Markdown", "markdown-it-py"):
        from markdown_it import MarkdownIt
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable("inline")  # what stands inside of paragraphs takes most of the time, and is not asked for
    lines = written_lines(text)
    return in_order(list(_blocks(text, lines, parser.parse(text), MarkdownIt("commonmark"))))


def _blocks(text: str, lines: Sequence[WrittenLine], tokens: Sequence[Any], inline: Any) -> Iterator[DocumentBlock]:
    for number, token in enumerate(tokens):
        block = None
        if token.level or not token.map:
            continue
        start, end = _characters(lines, token.map)
        if token.type == "heading_open":
            title = _words(tokens[number + 1].content, inline)
            block = heading_block(text, start, end, int(token.tag[1:]), title or None)
        elif token.type == "table_open":
            rows = [lines[first] for first in _first_lines(tokens, number, "tr_open")]
            block = table_block(text, [(row.start, row.end) for row in rows], headers=1)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            items = [lines[first].start for first in _first_lines(tokens, number, "list_item_open")]
            block = list_block(text, start, end, items)
        if block is not None:
            yield block


def _first_lines(tokens: Sequence[Any], number: int, kind: str) -> Iterator[int]:
    """The numbers of the lines on which the rows or items begin of the block that this token opens."""
    for place in range(number + 1, len(tokens)):
        token = tokens[place]
        if token.level == 0:
            return
        if token.type == kind and token.map and (kind == "tr_open" or token.level == 1):
            yield token.map[0]


def _characters(lines: Sequence[WrittenLine], span: Sequence[int]) -> tuple[int, int]:
    return lines[span[0]].start, lines[min(span[1], len(lines)) - 1].end


def _words(content: str, parser: Any) -> str:
    """The words of a heading, without its markup."""
    children = (child for token in parser.parseInline(content) for child in token.children or ())
    return "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in children)
