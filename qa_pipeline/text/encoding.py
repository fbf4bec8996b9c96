"""Finds out how text is encoded, and decodes it. Sees bytes only."""

from __future__ import annotations

import codecs
import logging
import re

from qa_pipeline.errors import DataError

logger = logging.getLogger(__name__)

_BOMS = (  # the longer first: UTF-16's is the beginning of UTF-32's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "cp1252"
_CANDIDATES = (
    *(_WESTERN, "cp1250", "koi8_r", "euc_jp", "cp1251", "gb18030", "cp932", "cp949", "big5", "cp1253", "cp1255"),
    "cp1256",
)
"""What is told apart, the first where the text fits several as well."""
_SAMPLE_BYTES = 2**16
_NAMES = {
    **{"cp1250": "Windows-1250 (Central European)", "cp1251": "Windows-1251 (Cyrillic)", "cp1252": "Windows-1252"},
    **{"cp1253": "Windows-1253 (Greek)", "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)"},
    **{"koi8_r": "KOI8-R (Cyrillic)", "gb18030": "GB18030 (Chinese)", "big5": "Big5 (Chinese)"},
    **{"cp932": "Shift-JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)", "cp949": "EUC-KR (Korean)"},
}


def name_of(encoding: str) -> str:
    """An encoding under the name that people know."""
    return _NAMES.get(encoding, encoding.upper())


def encoding_fault(encoding: str) -> str | None:
    """What is wrong with a name that should be an encoding's; None where it is one."""
    try:
        codecs.lookup(encoding)
        "".encode(encoding)  # "base64" is a codec too, and not of text
        return None
    except (LookupError, ValueError):
        return f"expected the name of an encoding such as gbk, shift_jis, euc_kr, cp1251 or utf-8, found {encoding!r}"


def decode(content: bytes, name: str, *, is_html: bool = False, encoding: str | None = None) -> tuple[str, str, bool]:
    """The text in a file's bytes, its encoding, and whether that was guessed.

    Tried in this order: a byte order mark, the encoding that was named, UTF-16 without a mark, what an HTML page
    declares, UTF-8, a guess from the text with a warning; Windows-1252 where that finds none, because any bytes are
    text in it. A page that declares a Western European encoding and is valid UTF-8 throughout is UTF-8: that is the
    usual mistake.

    Raises:
        DataError: it is not text, or not in the encoding that was named.
    """
    for mark, marked in _BOMS:
        if content.startswith(mark):
            return _decode_marked(content, name, marked), marked, False
    if encoding is not None:
        return _decode_named(content, name, encoding), codecs.lookup(encoding).name, False
    if b"\0" in content:
        return *_utf16(content, name), False
    declared = _declared(content) if is_html else None
    if declared and declared not in ("utf-8", _WESTERN):
        try:
            return content.decode(declared), declared, False
        except UnicodeDecodeError:
            logger.warning("%s: declares %s but is not; reading it as other text", name, declared)
    try:
        return content.decode("utf-8"), "utf-8", False
    except UnicodeDecodeError as error:
        if declared == _WESTERN:
            return content.decode(_WESTERN, errors="replace"), _WESTERN, False
        return *_decode_guessed(content, name, error.start), True


def _decode_marked(content: bytes, name: str, encoding: str) -> str:
    """The text of bytes that begin with the mark of an encoding."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: begins as {encoding} but is damaged at byte {error.start}") from error


def _decode_named(content: bytes, name: str, encoding: str) -> str:
    """The text of bytes whose encoding the user has named."""
    try:
        return content.decode(encoding)
    except UnicodeError as error:
        place = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(f"{name}: is not {encoding}{place}; without encoding it is guessed") from error


def _decode_guessed(content: bytes, name: str, first_bad: int) -> tuple[str, str]:
    """The text and its likeliest encoding, with a warning; `first_bad` is the first byte that is not UTF-8."""
    found = detect(content)
    text = content.decode(found, errors="replace")
    lost = text.count("\ufffd")
    logger.warning(
        "%s: not UTF-8 (byte %d); read as %s, %d characters beyond ASCII%s. If they look wrong, name the "
        "encoding (--encoding ENCODING) or convert it: iconv -f ENCODING -t UTF-8 IN > OUT",
        name,
        first_bad,
        name_of(found),
        sum(character > "\x7f" for character in text),
        f", {lost} unreadable" if lost else "",
    )
    return text, found


def detect(content: bytes) -> str:
    """The likeliest encoding of text that is not UTF-8: one of those above. Windows-1252 where none is likelier."""
    import charset_normalizer

    sample = _sample(content)
    logging.getLogger("charset_normalizer").setLevel(logging.ERROR)
    matches = list(charset_normalizer.from_bytes(sample, cp_isolation=list(_CANDIDATES), preemptive_behaviour=False))
    if not matches:
        return _WESTERN
    best = matches[0]
    chaos, coherence = round(best.chaos, 3), round(best.coherence, 3)
    equal = {
        name
        for match in matches
        if (round(match.chaos, 3), round(match.coherence, 3)) == (chaos, coherence)
        for name in (match.encoding, *match.could_be_from_charset)
    }
    clean = {name for match in matches if round(match.chaos, 3) <= chaos for name in match.could_be_from_charset}
    found = next((name for name in _CANDIDATES if name in equal), _WESTERN)
    if found == "cp1250" and _WESTERN in clean:
        found = _WESTERN  # which of the two languages a few letters belong to says nothing
    if found in ("koi8_r", "cp1251") and {"koi8_r", "cp1251"} <= equal:
        # Small letters of one are capitals of the other.
        found = max(("cp1251", "koi8_r"), key=lambda name: sum(map(str.islower, sample.decode(name, "replace"))))
    foreign = {byte for byte in sample if byte > 0x7F}
    if "cp1255" in equal and len(foreign) > 12 and all(0xE0 <= byte <= 0xFA for byte in foreign):
        found = "cp1255"  # Hebrew has one case; of so many letters of Cyrillic, some would be beyond
    try:
        content.decode(found)
    except UnicodeDecodeError:
        return _WESTERN
    return found


def _sample(content: bytes) -> bytes:
    """Lines that are not ASCII, whole, so that no character is cut."""
    lines = (line for line in content.split(b"\n") if not line.isascii())
    sample, size = [], 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size > _SAMPLE_BYTES:
            break
    return b"\n".join(sample)


def _utf16(content: bytes, name: str) -> tuple[str, str]:
    """UTF-16 without a mark: of text that has Latin letters or spaces, every other byte is mostly 0."""
    head = content[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    encoding = "utf-16-le" if odd > 4 * even else "utf-16-be" if even > 4 * odd else None
    try:
        text = content.decode(encoding) if encoding else "\0"
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(f"{name}: expected a document, found binary data; known are text, HTML, PDF and Word")
    return text, str(encoding)


def _declared(content: bytes) -> str | None:
    """The encoding in a page's <meta> or XML declaration, under Python's name for it."""
    match = re.search(rb"""<(?:meta[^>]*?charset|\?xml[^>]*?encoding)\s*=\s*["']?\s*([\w.:-]+)""", content[:4096], re.I)
    if not match:
        return None
    try:
        encoding = codecs.lookup(match[1].decode("ascii")).name
    except (LookupError, UnicodeDecodeError):
        return None
    if encoding in ("iso8859-1", "ascii", "cp1252"):  # browsers read all three as Windows-1252
        return _WESTERN
    return "utf-8" if encoding.startswith(("utf-8", "utf-16", "utf-32")) else encoding  # it was readable as ASCII
