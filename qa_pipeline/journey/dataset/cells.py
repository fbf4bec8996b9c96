"""Writes text into the cells of a spreadsheet so that it stays text, and reads it back. Knows nothing of questions.

A spreadsheet runs a cell that begins with = + - @ as a formula (CWE-1236), and writes "March 2019" back as "Mar-19",
"1.50" as "1.5" and "1,000" as "1000". An apostrophe in front stops both; `restored` takes it off again.
"""

from __future__ import annotations

import re

MOST = 32_000
"""Characters of a cell. Excel cuts a longer one at 32,767."""
CUT = " [... cut for the spreadsheet]"
_RUN_AS_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[\s\d.,:/%+\-()$\u20ac\u00a3\u00a5eE]{1,60}")
_MONTH = re.compile(r"(?i)\b(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zé]*\b")
_LONGEST_DATE = 30
_TRUTHS = frozenset({"true", "false", "wahr", "falsch", "vrai", "faux"})


def protected(text: str) -> str:
    """The text as a cell that no spreadsheet changes or runs.

    Example:
        >>> protected("=1+1"), protected("March 2019"), protected("the fee")
        ("'=1+1", "'March 2019", 'the fee')
    """
    return f"'{text}" if _would_change(text) else text


def restored(cell: str) -> str:
    """The text of a cell that `protected` has made.

    Example:
        >>> restored(protected("'=1+1")), restored("'tis")
        ("'=1+1", "'tis")
    """
    return cell[1:] if cell.startswith("'") and _would_change(cell) else cell


def shown(text: str) -> str:
    """The text, cut where it is too long for a cell."""
    return text if len(text) <= MOST else text[:MOST] + CUT


def is_unchanged(cell: str, text: str) -> bool:
    """Whether a cell still says what was written, whatever the spreadsheet did to line ends, spaces and rare letters.

    Saved in an old encoding, letters that it does not have become question marks.
    """
    if cell == text:
        return True
    one, lossy = _spaced(cell), text.encode("cp1252", "replace").decode("cp1252")
    return one in (_spaced(text), _spaced(lossy))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _would_change(text: str) -> bool:
    """Whether a spreadsheet would read the text, apostrophes in front aside, as something else."""
    core = text.lstrip("'")
    if not core or core[0] in _RUN_AS_FORMULA or core.strip().casefold() in _TRUTHS:
        return bool(core)
    if not any(character.isdigit() for character in core[:60]):
        return False
    return bool(_NUMBER.fullmatch(core)) or (len(core) <= _LONGEST_DATE and bool(_MONTH.search(core)))
