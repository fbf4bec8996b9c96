"""Figures of the finished cells of a long benchmark, on disk the moment they are there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np


class FinishedCells:
    """An append-only JSONL file of cells by key; a line that was cut off by a kill is left out.

    Processes may share the file: a line is written at once.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in text.splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            self.rows[row["key"]] = row
        if text and not text.endswith("\n"):
            with open(path, "a", encoding="utf-8") as handle:
                handle.write("\n")

    def append(self, key: str, row: dict[str, Any]) -> None:
        """Adds a cell, flushed to the disk."""
        row = {"key": key, **row}
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, (json.dumps(row) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)
        self.rows[key] = row
        shown = {name: value for name, value in row.items() if name not in ("exact", "f1")}
        print(json.dumps({**shown, "f1": round(100 * float(np.mean(row["f1"])), 2)}), flush=True)
