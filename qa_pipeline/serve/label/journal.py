"""Decisions on disk: a file of lines that is only ever appended to, by one process or by several.

The first line says what the file is. Then, each on a line, passages (before the first decision on them, so that labels
outlive their documents) and decisions. A line that a kill cut short is no line: it is written over. Whoever appends has
the lock of the store; reading needs none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.serve.label.decision import Decision

KIND = "qa-pipeline labels"
FORMAT_VERSION = 1


class LabelJournal:
    """The journal of one file of labels.

    Args:
        path: the file; made by the first `append`.
    """

    def __init__(self, path: Path):
        self.path = path
        self._read = 0  # bytes: whole lines that were taken in
        self._lines = 0

    def news(self) -> Iterator[Passage | Decision]:
        """What was appended since the last call, by this process or another.

        Raises:
            ConfigError: the file is no journal of labels, or of a newer version.
            DataError: it cannot be read, a line in it is damaged, or it became shorter.
        """
        try:
            if not self.path.exists() and not self._read:
                return
            with open(self.path, "rb") as handle:
                if handle.seek(0, 2) < self._read:
                    raise DataError(
                        f"{self.path}: is shorter than it was, so that another program has changed it; stop this page, "
                        "put the file back, and start again"
                    )
                handle.seek(self._read)
                for line in handle:
                    if not line.endswith(b"\n"):
                        break
                    entry = self._entry(line)
                    self._read += len(line)
                    self._lines += 1
                    if entry is not None:
                        yield entry
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    def append(self, *entries: Passage | Decision) -> None:
        """Writes onto the disk; `news` gives it next. The caller has taken all news under the lock of the store.

        Raises:
            DataError: it cannot be written.
        """
        lines = artifacts.Lines(self.path)
        with artifacts.writing(self.path, resumes=True):
            try:
                lines.open(self._read)
                if not self._read:
                    lines.append({"kind": KIND, "format_version": FORMAT_VERSION})
                for number, entry in enumerate(entries, 1):
                    lines.append(_to_json(entry), sync=number == len(entries))
            finally:
                lines.close()

    def _entry(self, line: bytes) -> Passage | Decision | None:
        try:
            value = json.loads(line)
            kind = value["kind"]
            if not self._lines:
                self._check_head(value)
                return None
            if kind == "passage":
                return _passage(value)
            return Decision.from_json(value) if kind == "decision" else None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if not self._lines:
                raise ConfigError(str(self.path), "is no journal of labels; give another --output") from None
            raise DataError(
                f"{self.path}, line {self._lines + 1}: is damaged ({error or type(error).__name__}). Take a copy, "
                "remove this line, and start again; the other lines are read"
            ) from error

    def _check_head(self, value: Mapping[str, Any]) -> None:
        if value["kind"] != KIND:
            raise ValueError("not of this kind")
        if value["format_version"] > FORMAT_VERSION:
            raise ConfigError(
                str(self.path), "was written by a newer version of this package; bring the package up to date"
            )


def _to_json(entry: Passage | Decision) -> dict[str, Any]:
    return {"kind": "passage", **asdict(entry)} if isinstance(entry, Passage) else {"kind": "decision", **asdict(entry)}


def _passage(value: Mapping[str, Any]) -> Passage:
    fields = {name: value[name] for name in Passage.__dataclass_fields__}
    return Passage(**{**fields, "headings": tuple(fields["headings"])})
