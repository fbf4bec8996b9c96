"""A progress bar that only shows when an answer takes a while."""

from __future__ import annotations

import sys
from typing import Any

PATIENCE = 3.0
"""Seconds without a bar."""


class Progress:
    """Counts questions, in fractions while a long context is being read.

    Args:
        shown: True or False; None shows it where stderr is a terminal.
        total: questions, where that is known.
    """

    def __init__(self, shown: bool | None, total: int | None):
        self._bar: Any = None
        if shown or (shown is None and sys.stderr is not None and sys.stderr.isatty()):
            from tqdm import tqdm

            left = "{percentage:3.0f}%|{bar}| " if total else ""
            right = "{n:.0f}" + ("/{total:.0f}" if total else "") + " [{elapsed}<{remaining}]"
            bar_format = "{desc}: " + left + right
            self._bar = tqdm(desc="questions", total=total, delay=PATIENCE, bar_format=bar_format, leave=False)

    def add(self, questions: float) -> None:
        """So many more are done."""
        if self._bar is not None:
            self._bar.update(questions)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
