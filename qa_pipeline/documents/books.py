"""The text of EPUB books, chapter by chapter, through the reader of HTML. Raises DataError for what is wrong."""

from __future__ import annotations

import io
import logging
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from qa_pipeline.documents.blocks import BlockText, join_texts
from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.html import read_html
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import decode
from qa_pipeline.wording import error_in_short

logger = logging.getLogger(__name__)

_PAGES = {"application/xhtml+xml", "text/html", "application/xml"}
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"


def read_epub(content: bytes, name: str) -> BlockText:
    """The text of all chapters, the title, and the headings, tables and lists; less the table of contents.

    Raises:
        DataError: it is damaged, its chapters are encrypted, or none of them is there.
    """
    with library(name, "EPUB", "lxml"):
        import lxml.etree  # noqa: F401  # that the package is there
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            package, root = _package(archive)
            chapters = list(_chapters(package, root))
            locked = _encrypted(archive) & set(chapters)
            there = set(archive.namelist())
            texts = {chapter: archive.read(chapter) for chapter in chapters if chapter in there - locked}
    except Exception as error:  # BadZipFile, KeyError, XMLSyntaxError ...
        raise DataError(f"{name}: not a readable EPUB book, it may be damaged ({error_in_short(error)})") from error
    if locked:
        raise DataError(f"{name}: is protected, its chapters are encrypted; take a copy without protection")
    missing = [chapter for chapter in chapters if chapter not in texts]
    if not texts:
        raise DataError(f"{name}: expected an EPUB book with chapters, found none of {len(missing)} that it names")
    if missing:
        logger.warning("%s: chapters that it names are not in it: %s", name, ", ".join(missing[:5]))
    read = [read_html(decode(text, f"{name}:{chapter}", is_html=True)[0], name) for chapter, text in texts.items()]
    title = next((own_title(each.text) for each in package.iter("{http://purl.org/dc/elements/1.1/}title")), None)
    return join_texts(read, title)


def _package(archive: zipfile.ZipFile) -> tuple[Any, str]:
    """The tree of the file that lists the chapters, and the folder that it is in."""
    container = _tree(archive.read(_CONTAINER))
    path = next(node.get("full-path") for node in container.iter("{*}rootfile"))
    return _tree(archive.read(path)), posixpath.dirname(path)


def _chapters(package: Any, root: str) -> Iterator[str]:
    """The names of the chapters inside of the archive, in the order in which they are read, each once."""
    items = {item.get("id"): item for item in package.iter("{*}item")}
    seen = set()
    for reference in package.iter("{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        path = posixpath.normpath(posixpath.join(root, unquote(item.get("href") or "")))
        if path not in seen:
            seen.add(path)
            yield path


def _encrypted(archive: zipfile.ZipFile) -> set[str]:
    """The files that are encrypted; fonts often are, in books that can be read."""
    if _ENCRYPTION not in archive.namelist():
        return set()
    return {unquote(node.get("URI") or "") for node in _tree(archive.read(_ENCRYPTION)).iter("{*}CipherReference")}


def _tree(content: bytes) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    return etree.fromstring(content, parser)
