"""Values of cells as a spreadsheet shows them. Knows the usual formats; any other is shown as it is stored."""

from __future__ import annotations

import datetime
import re
from typing import Any

_SECTION = re.compile(r';(?=(?:[^"]*"[^"]*")*[^"]*$)')
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|_.|\*.')
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.([#0?]+))?")
_DATE_TOKEN = re.compile(r"am/pm|a/p|y+|m+|d+|h+|s+(?:\.0+)?", re.IGNORECASE)
_LONGEST = 100
"""Characters; a longer format is damaged."""


def shown(value: Any, number_format: str | None) -> str:
    """A value as its cell shows it, on one line.

    Example:
        >>> shown(1234.5, "#,##0.00 [$€-407]"), shown(0.125, "0.0%"), shown(3.0, "General")
        ('1,234.50 €', '12.5%', '3')
        >>> shown(datetime.date(2026, 3, 9), "d mmm yyyy")
        '9 Mar 2026'
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    known = number_format if number_format and len(number_format) <= _LONGEST else "General"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return _moment(value, known)
    if isinstance(value, (int, float)):
        return _number(value, known)
    return " ".join(str(value).split())


def _number(value: float, number_format: str) -> str:
    sections = _SECTION.split(number_format)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    pattern = _LITERAL.sub(_as_literal, section)
    match = _DIGITS.search(pattern)
    if "general" in pattern.lower() or "@" in pattern or match is None or re.search(r"[?#0]\s*/\s*[?#0\d]", pattern):
        return _plain(value) if match or "general" in pattern.lower() or "@" in pattern else _readable(pattern)
    percent = pattern.count("%")
    value *= 100**percent
    decimals = len(match[1] or "")
    if exponent := re.match(r"E[+-]?0+", pattern[match.end() :], re.IGNORECASE):
        text, end = f"{value:.{decimals}E}", match.end() + exponent.end()
    else:
        grouped = "," if re.search(r"[#0?],[#0?]", match[0]) else ""
        least = match[0].partition(".")[0].count("0") + bool(decimals) + decimals
        width = "" if grouped else f"0{least + (value < 0)}"
        text, end = f"{value:{width}{grouped}.{decimals}f}", match.end()
        optional = len(match[1] or "") - len((match[1] or "").rstrip("#?"))
        for _ in range(optional):
            text = text.removesuffix("0")
        text = text.removesuffix(".")
    return _readable(pattern[: match.start()] + text + pattern[end:])


def _as_literal(match: re.Match[str]) -> str:
    """Text in a format, with the characters that mean digits shifted out of the way."""
    text = match[1] or match[2] or match[3] or ""
    return "".join(chr(0xE000 + ord(character)) if ord(character) < 128 else character for character in text)


def _readable(text: str) -> str:
    back = "".join(chr(ord(one) - 0xE000) if 0xE000 <= ord(one) < 0xE080 else one for one in text)
    return " ".join(back.split())


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.10g}"


def _moment(value: Any, number_format: str) -> str:
    """A date or a time; as ISO 8601 where the format has none of its parts."""
    pattern = _LITERAL.sub(_as_literal, _SECTION.split(number_format)[0])
    if not _DATE_TOKEN.search(pattern) or "general" in pattern.lower():
        return str(value)
    half_day = bool(re.search(r"am/pm|a/p", pattern, re.IGNORECASE))
    parts: list[str] = []
    position, last = 0, ""
    tokens = list(_DATE_TOKEN.finditer(pattern))
    for number, match in enumerate(tokens):
        parts.append(pattern[position : match.start()])
        token = match[0].lower()
        following = tokens[number + 1][0].lower()[0] if number + 1 < len(tokens) else ""
        if token[0] == "m" and len(token) <= 2 and (last == "h" or following == "s"):
            token = "i" * len(token)  # minutes
        parts.append(_part(value, token, half_day))
        position, last = match.end(), token[0]
    return _readable("".join(parts) + pattern[position:])


def _part(value: Any, token: str, half_day: bool) -> str:
    hour = getattr(value, "hour", 0)
    if token[0] == "a":
        return "PM" if hour >= 12 else "AM"
    if token[0] in "ymd":
        return _part_of_date(value, token)
    if token[0] == "h":
        number = (hour + 11) % 12 + 1 if half_day else hour
    else:
        number = getattr(value, "minute" if token[0] == "i" else "second", 0)
    return f"{number:02d}" if len(token) > 1 else str(number)


def _part_of_date(value: Any, token: str) -> str:
    if isinstance(value, datetime.time):
        return ""
    if token[0] == "y":
        return f"{value.year:04d}" if len(token) > 2 else f"{value.year % 100:02d}"
    names = {"mmm": "%b", "mmmm": "%B", "ddd": "%a", "dddd": "%A"}
    if token in names:
        return str(value.strftime(names[token]))
    number = value.month if token[0] == "m" else value.day
    return f"{number:02d}" if len(token) == 2 else str(number)
