"""Runs a command in a terminal of its own and draws what it prints as an SVG: the pictures in docs.

python tools/terminal_picture.py docs/answer.svg qa-pipeline ask --model runs/quickstart --documents ...

The colours that qa-pipeline uses are drawn (bold, dim, black on yellow); long lines are broken at spaces.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import sys
import textwrap
from html import escape
from pathlib import Path

COLUMNS = 100
WIDTH, HEIGHT, MARGIN = 8.4, 20, 18  # of a character, of a line, around the text; in pixels
BACK, TEXT, DIM, MARK = "#1e2430", "#e6e9ef", "#8f98a8", "#f2c94c"
_STYLE = re.compile(r"\x1b\[([\d;]*)m")


def printed_by(command: list[str]) -> str:
    """What a command prints when its output is a terminal."""
    read: list[bytes] = []

    def keep(descriptor: int) -> bytes:
        read.append(os.read(descriptor, 4096))
        return read[-1]

    os.environ.pop("NO_COLOR", None)
    os.environ["TERM"] = "xterm"
    if code := pty.spawn(command, keep):
        sys.exit(f"{shlex.join(command)} ended with {code}")
    return b"".join(read).decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")


def wrapped(line: str) -> list[str]:
    """A line in pieces of at most COLUMNS characters, not counting colours; pieces after the first are indented."""
    if len(_STYLE.sub("", line)) <= COLUMNS:
        return [line]
    styles = _STYLE.findall(line)
    pieces = textwrap.wrap(_STYLE.sub("\x00", line), COLUMNS, subsequent_indent="    ", drop_whitespace=True)
    return [re.sub("\x00", lambda _: f"\x1b[{styles.pop(0)}m", piece) for piece in pieces]


def drawn(lines: list[str]) -> str:
    """The lines as SVG; the first is the command."""
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-size="14" '
        "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">",
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="{BACK}"/>',
    ]
    style = ""
    for number, line in enumerate(lines):
        column, y = 0, MARGIN + number * HEIGHT + 14
        for text, following in zip(*[iter([*_STYLE.split(line), ""])] * 2, strict=True):
            if text.strip():
                bare = text.strip()
                x = MARGIN + (column + len(text) - len(text.lstrip())) * WIDTH
                length = len(bare) * WIDTH
                look = f'fill="{TEXT}"'
                if "43" in style.split(";"):
                    parts.append(
                        f'<rect x="{x:.1f}" y="{y - 15}" width="{length:.1f}" height="{HEIGHT}" fill="{MARK}"/>'
                    )
                    look = f'fill="{BACK}" font-weight="bold"'
                elif style == "1":
                    look = f'fill="{TEXT}" font-weight="bold"'
                elif style == "2":
                    look = f'fill="{DIM}"'
                parts.append(f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" {look}>{escape(bare)}</text>')
            column += len(text)
            style = following if following != "0" else ""
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    target, command = Path(sys.argv[1]), sys.argv[2:]
    shown = f"$ {shlex.join(command)}".replace("'", '"').replace(" --question", " \\\n    --question")
    lines = [*shown.splitlines(), ""]
    for line in printed_by(command).splitlines():
        lines += wrapped(line)
    target.write_text(drawn(lines), encoding="utf-8")
