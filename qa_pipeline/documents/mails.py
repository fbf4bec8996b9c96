"""The text of e-mails: subject, from, to, date, the body, and the names and texts of attachments. Fetches nothing."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import PurePath
from typing import cast

from qa_pipeline.documents.blocks import BlockText, DocumentLine, join_lines, join_texts
from qa_pipeline.documents.html import read_html
from qa_pipeline.documents.plain import plain_blocks
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import decode
from qa_pipeline.wording import error_in_short

_HEADERS = ("From", "To", "Cc", "Date")
_MOST_PARTS = 200

ReadAttachment = Callable[[bytes, str, str], BlockText | None]
"""Reads the content of an attachment with an ending and a name; None where it is no document."""


def read_eml(content: bytes, name: str, attachment: ReadAttachment) -> BlockText:
    """The text of an e-mail, its subject as the title, and the headings, tables and lists.

    The body is its plain text, or what can be read of its HTML where it has none. Attachments that are documents follow
    under their names; the others are named.

    Args:
        content: of the file.
        name: of the file, for messages.
        attachment: reads one; raises DataError where it cannot.

    Raises:
        DataError: it is no e-mail.
    """
    try:
        message = email.message_from_bytes(content, policy=email.policy.default)
        subject = " ".join(str(message.get("Subject") or "").split())
        fields = [(key, " ".join(str(message.get(key) or "").split())) for key in _HEADERS]
        body = _body(message, name)
        parts = list(_attachments(message))
    except DataError:
        raise
    except Exception as error:  # headers and parts that no standard allows make the library fail in any way
        raise DataError(f"{name}: not a readable e-mail, it may be damaged ({error_in_short(error)})") from error
    if not subject and not any(value for _, value in fields):
        raise DataError(f"{name}: expected an e-mail with a subject, a sender or a date, found none of them")
    head = [DocumentLine(subject, "heading", 0)] if subject else []
    texts = [join_lines([*head, *(DocumentLine(f"{key}: {value}") for key, value in fields if value)]), body]
    unread = []
    for file, data in parts:
        try:
            read = attachment(data, PurePath(file).suffix.lower(), f"{name}:{file}")
        except DataError as error:
            read, file = None, f"{file} ({str(error).removeprefix(f'{name}:{file}: ')})"
        if read is None:
            unread.append(file)
        else:
            texts += [join_lines([DocumentLine(f"Attachment: {file}", "heading", 1)]), _below(read)]
    if unread:
        texts.append(join_lines([DocumentLine(f"Attachments that were not read: {', '.join(unread)}")]))
    return join_texts(texts, subject or None)


def _body(message: EmailMessage, name: str) -> BlockText:
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        if part is None:
            continue
        text = _text(cast(EmailMessage, part), name)
        if kind == "html":
            return read_html(text, name)
        if text.strip():
            text = text.strip("\n")
            return BlockText(text, None, plain_blocks(text))
    return BlockText("", None, ())


def _text(part: EmailMessage, name: str) -> str:
    """A part as text; where the encoding that it names is wrong or unknown, as it is found."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return str(data or "")
    try:
        return data.decode(part.get_content_charset("utf-8")).replace("\r\n", "\n")
    except (LookupError, ValueError):
        return decode(data, name, is_html=part.get_content_subtype() == "html")[0].replace("\r\n", "\n")


def _attachments(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    """The names and contents of attachments; pictures that the text shows are none."""
    for number, part in enumerate(message.iter_attachments()):
        if number == _MOST_PARTS:
            return
        if part.get_content_type() == "message/rfc822":
            inner = cast(EmailMessage, part.get_payload(0))
            title = " ".join(str(inner.get("Subject") or "e-mail").split())
            yield f"{title}.eml", inner.as_bytes()
        elif part.get_filename() or part.get_content_disposition() == "attachment":
            data = part.get_payload(decode=True)
            yield " ".join((part.get_filename() or "unnamed").split()), data if isinstance(data, bytes) else b""


def _below(read: BlockText) -> BlockText:
    """The text of an attachment, its headings below its name."""
    blocks = tuple(each._replace(level=each.level + 2) if each.kind == "heading" else each for each in read.blocks)
    return read._replace(blocks=blocks)
