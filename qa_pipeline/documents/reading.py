"""Reads documents as plain text with known pages, headings, tables and lists. Knows nothing of questions.

HTML and EPUB need beautifulsoup4 and lxml, Markdown markdown-it-py, PDF pypdf, Word python-docx, PowerPoint
python-pptx, Excel openpyxl; importing this needs nothing.
"""

from __future__ import annotations

import io
import logging
import os
import re
import zipfile
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from qa_pipeline.data.readers.rawfile import missing_file, reading
from qa_pipeline.documents.blocks import BlockText, DocumentBlock, moved_block
from qa_pipeline.documents.books import read_epub
from qa_pipeline.documents.formats import refuse_folded
from qa_pipeline.documents.html import read_html
from qa_pipeline.documents.mails import read_eml
from qa_pipeline.documents.markdown import markdown_content
from qa_pipeline.documents.pdf import PdfContent, read_pdf
from qa_pipeline.documents.pdf_headings import pdf_blocks
from qa_pipeline.documents.plain import plain_blocks
from qa_pipeline.documents.sheets import read_xlsx
from qa_pipeline.documents.slides import read_pptx
from qa_pipeline.documents.word import read_docx
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import decode

logger = logging.getLogger(__name__)

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx"})
TEXT_SUFFIXES = MARKDOWN_SUFFIXES | {".txt", ".text", ".rst", ".adoc", ".asciidoc", ".org", ".textile"}
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
ARCHIVE_SUFFIXES = frozenset({".docx", ".pptx", ".xlsx", ".epub"})
MAIL_SUFFIXES = frozenset({".eml"})
SUFFIXES = TEXT_SUFFIXES | HTML_SUFFIXES | ARCHIVE_SUFFIXES | MAIL_SUFFIXES | {".pdf"}
"""What is read in a folder. A file that is named itself may have any name: PDF and archives are known by their content.
"""
KINDS = ".txt .md .rst .html .pdf .docx .pptx .xlsx .epub .eml"
"""The usual ones of SUFFIXES, as help and messages name them."""
_INSIDE = {"ppt/presentation.xml": ".pptx", "xl/workbook.xml": ".xlsx", "META-INF/container.xml": ".epub"}
_MOST_NESTED = 3
"""E-mails in e-mails."""

PAGE_BREAK = "\n\n"

_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an old .doc file or a Word file with a password; save it as .docx without one"),
    (b"{\\rtf", "an RTF file; save it as .docx or .txt"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"\x89PNG", "a picture; make it text first with OCR"),
    (b"\xff\xd8\xff", "a picture; make it text first with OCR"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file; fetch it with git lfs pull"),
)


class Page(NamedTuple):
    """One page of a document: its number from 1, and its characters in the text, end exclusive."""

    number: int
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One document: a file, or a row of a file of texts.

    Attributes:
        text: all of it; never blank.
        source: the file's name as it was given or found; of a row with the row's id or number.
        pages: in order, without gaps except PAGE_BREAK; empty where the format has no pages.
        title: as the file itself says, or None.
        encoding: how a text or HTML file was decoded; None for other formats.
        guessed: nothing said that this was the encoding; it may be another one.
        blocks: its headings, tables and lists in characters of `text`, in their order, as the format says them; None
            where the format says nothing and the text is to be looked at (`plain.plain_blocks`).
        line_is_paragraph: every line of `text` is a paragraph; else they stand between blank lines.
    """

    text: str
    source: str
    pages: list[Page] = field(default_factory=list)
    title: str | None = None
    encoding: str | None = None
    guessed: bool = False
    blocks: tuple[DocumentBlock, ...] | None = field(default=None, compare=False, repr=False)
    line_is_paragraph: bool = field(default=False, compare=False, repr=False)

    def page_at(self, position: int) -> int | None:
        """The number of the page that has this character of the text; None where there are no pages."""
        place = bisect_right([page.start for page in self.pages], position)
        return self.pages[place - 1].number if place else None


class Listing(NamedTuple):
    """What sources hold: files to read, each with whether it was named itself, and the other files of folders."""

    files: list[tuple[Path, bool]]
    others: list[Path]


def read_document(path: str | Path, *, encoding: str | None = None) -> Document:
    """Reads one file.

    PDF: lines as they stand on the page less headers and footers, tables by row, words that a line's end cuts joined,
    values of forms, pages kept. Word: paragraphs and tables in their order, notes and boxes after their paragraph,
    headers and footers once. HTML: what a reader of the page can open, without scripts, styles and navigation. EPUB:
    the chapters in their order. PowerPoint and Excel: slides and sheets as pages. E-mail: subject, sender, date, text,
    and attachments that are documents. Cells of a table's row are separated by " | ". Markdown: as it is, less YAML
    front matter, whose title is the document's. Anything else is text and is taken as it is.

    Args:
        path: the file. Its content decides where that is possible, then the name's ending.
        encoding: of text and HTML; None: as `text.encoding.decode` finds it.

    Raises:
        DataError: there is no such file, or it is damaged, protected by a password, empty, a scan without text, not a
            document, or of a format that needs a package which is not installed.
    """
    path, name = Path(path), str(path)
    with reading(name):
        if path.is_dir():
            raise DataError(f"{name}: is a folder; read_documents reads all of its files")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise missing_file(name) from None
        except ValueError as error:  # a NUL in the name
            raise DataError(f"{name!r}: not the name of a file") from error
    document = _read(content, path.suffix.lower(), name, encoding)
    if not document.text.strip():
        scanned = "it may be a scan: make it text first, for example with ocrmypdf" if document.pages else "it is blank"
        raise DataError(f"{name}: holds no text; {scanned}")
    return document


def read_documents(
    sources: str | Path | Iterable[str | Path],
    *,
    skip_bad: bool = False,
    found: list[str] | None = None,
    encoding: str | None = None,
) -> Iterator[Document]:
    """Reads files, and the documents in folders, one at a time.

    Args:
        sources: files and folders. Of a folder and the folders in it every file with one of SUFFIXES is read, by name;
            hidden ones are not. A file that is there twice is read once.
        skip_bad: leave out files of folders that cannot be read, with a warning each. A file that is named itself must
            be readable.
        found: takes the names of the files that are about to be read, before the first one is.
        encoding: as `read_document`.

    Raises:
        DataError: as `read_document`; or a folder holds no document, or (skip_bad) none that can be read.
    """
    listed = list_files(sources).files
    if found is not None:
        found += [str(path) for path, _ in listed]
    bad, count = "", 0
    for path, named in listed:
        try:
            document = read_document(path, encoding=encoding)
        except DataError as error:
            if named or not skip_bad:
                raise
            logger.warning("left out: %s", error)
            bad = str(error)
            continue
        count += 1
        yield document
    if not count:
        raise DataError(f"none of {len(listed)} documents can be read; the last: {bad}")


def list_files(sources: str | Path | Iterable[str | Path], suffixes: Collection[str] = SUFFIXES) -> Listing:
    """Every file once: those that are named, and of folders those with one of the suffixes, by name; no hidden ones.

    Raises:
        DataError: a folder holds no such file, or cannot be read; or no source was given.
    """
    sources = [sources] if isinstance(sources, (str, Path)) else sources
    files: dict[str, tuple[Path, bool]] = {}
    others: list[Path] = []
    for source in sources:
        path = Path(source)
        if not path.is_dir():
            files[os.path.realpath(path)] = (path, True)
            continue
        with reading(str(path)):
            visible = sorted(
                each
                for each in path.rglob("*")
                if not any(part.startswith((".", "~$")) for part in each.relative_to(path).parts) and each.is_file()
            )
        inside = [each for each in visible if each.suffix.lower() in suffixes]
        if not inside:
            raise DataError(
                f"{path}: holds no document; expected files ending in {', '.join(sorted(suffixes))}, found "
                f"{', '.join(each.name for each in visible[:5]) or 'none'}{' ...' if len(visible) > 5 else ''}"
            )
        others += [each for each in visible if each.suffix.lower() not in suffixes]
        for each in inside:
            files.setdefault(os.path.realpath(each), (each, False))
    if not files:
        raise DataError("no document was given; name files or folders")
    return Listing(list(files.values()), [each for each in others if os.path.realpath(each) not in files])


def blocks_of(document: Document) -> tuple[DocumentBlock, ...]:
    """The headings, tables and lists of a document: as its format says them, else as its text looks."""
    return plain_blocks(document.text) if document.blocks is None else document.blocks


def _read(content: bytes, suffix: str, name: str, encoding: str | None, depth: int = 0) -> Document:
    """The document in a file's bytes."""
    if not content.strip():
        raise DataError(f"{name}: is empty")
    for magic, what in _FOREIGN:
        if content.startswith(magic):
            raise DataError(f"{name}: expected a document, found {what}")
    if content.lstrip()[:5] == b"%PDF-" or suffix == ".pdf":
        return _paged(read_pdf(content, name), name)
    if content.startswith(b"PK") or suffix in ARCHIVE_SUFFIXES:
        return _read_archive(content, suffix, name)
    if suffix in MAIL_SUFFIXES:
        text, title, blocks = read_eml(content, name, partial(_read_attachment, depth=depth + 1))
        return Document(text, name, title=title, blocks=blocks)
    is_html = suffix in HTML_SUFFIXES or (
        suffix not in TEXT_SUFFIXES and re.match(rb"\s*(<!doctype html|<html)", content[:1000], re.IGNORECASE)
    )
    text, found, guessed = decode(content, name, is_html=bool(is_html), encoding=encoding)
    if is_html or suffix in MARKDOWN_SUFFIXES:
        text, title, blocks = read_html(text, name) if is_html else markdown_content(text, name)
        return Document(text, name, [], title, found, guessed, blocks, line_is_paragraph=bool(is_html))
    return Document(text, name, encoding=found, guessed=guessed)


def _read_archive(content: bytes, suffix: str, name: str) -> Document:
    """The document in a zip archive: what it holds says which format it is, then the name's ending."""
    names: list[str] = []
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        refuse_folded(archive.infolist(), name)
    kind = next((kind for inside, kind in _INSIDE.items() if inside in names), ".docx" if names else suffix)
    if kind in (".pptx", ".xlsx"):
        texts, title = read_pptx(content, name) if kind == ".pptx" else read_xlsx(content, name)
        return _of_pages(texts, title, name)
    text, title, blocks = read_epub(content, name) if kind == ".epub" else read_docx(content, name)
    return Document(text, name, title=title, blocks=blocks, line_is_paragraph=True)


def _read_attachment(content: bytes, suffix: str, name: str, depth: int) -> BlockText | None:
    """The text of a file that is attached to an e-mail; None where it is no document, or letters lie in letters."""
    if suffix not in SUFFIXES or depth > _MOST_NESTED:
        return None
    document = _read(content, suffix, name, None, depth)
    return BlockText(document.text.rstrip(), document.title, blocks_of(document))


def _of_pages(texts: list[BlockText], title: str | None, name: str) -> Document:
    """A document of slides or sheets."""
    pages: list[Page] = []
    blocks: list[DocumentBlock] = []
    position = 0
    for number, each in enumerate(texts, 1):
        pages.append(Page(number, position, position + len(each.text)))
        blocks += (moved_block(block, position) for block in each.blocks)
        position += len(each.text) + len(PAGE_BREAK)
    whole = PAGE_BREAK.join(each.text for each in texts)
    return Document(whole, name, pages, title, blocks=tuple(blocks), line_is_paragraph=True)


def _paged(content: PdfContent, name: str) -> Document:
    pages, position = [], 0
    for number, text in enumerate(content.pages, 1):
        pages.append(Page(number, position, position + len(text)))
        position += len(text) + len(PAGE_BREAK)
    whole = PAGE_BREAK.join(content.pages)
    blocks = pdf_blocks(whole, [(page.start, page.end) for page in pages], content.styled, content.outline)
    return Document(whole, name, pages, content.title, blocks=blocks)
