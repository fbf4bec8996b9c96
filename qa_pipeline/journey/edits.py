"""Artifacts that a person may edit between two runs: whether one was edited, and how one is written. Parses none.

Beside the file lies a note of what was written, and of what that was made of, so that an edit is known from a file of
an earlier run, and is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError
from qa_pipeline.journey.record import hash_of


class EditableFile:
    """One such artifact.

    Args:
        path: the file.
        made_of: a digest of what its content is made of.
    """

    def __init__(self, path: Path, made_of: str):
        self.path, self._made_of = path, made_of
        self._note = note_of(path)

    def edited(self) -> bool:
        """Whether a person edited the file since it was written.

        Raises:
            ConfigError: it was, and what it was made of has changed since, so that the edits are about something else.
        """
        note = self._read_note()
        there = hash_of(self.path)
        if there is None or there in note["known"]:
            return False
        if note["made_of"] not in (None, self._made_of):
            raise ConfigError(
                str(self.path),
                "was edited by hand, and what it was made of has changed since, so that the edits are about something "
                "else; it is not overwritten. Move it elsewhere and start the same command: the file is then made anew",
            )
        return True

    def write(self, content: bytes) -> None:
        """Writes the file; a kill at any moment leaves none that looks edited."""
        known = sorted({hashlib.sha256(content).hexdigest(), *filter(None, [hash_of(self.path)])})
        with artifacts.writing(self.path, resumes=True):
            artifacts.write_json(self._note, {"known": known, "made_of": self._made_of})
            artifacts.write_bytes(self.path, content)

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return {"known": list(note["known"]), "made_of": note["made_of"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {"known": [], "made_of": None}


def note_of(path: Path) -> Path:
    """Where the note on a file lies.

    >>> note_of(Path("parse/prompt_spec.yaml")).as_posix()
    'parse/.prompt_spec.yaml.note.json'
    """
    return path.with_name(f".{path.name}.note.json")
