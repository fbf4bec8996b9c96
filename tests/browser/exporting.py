"""Exported folders with other settings than those they were made with."""

from __future__ import annotations

import json
from pathlib import Path


def with_settings(models: Path, name: str, **changes) -> str:
    """A folder with the files of models/warm and other settings.

    Returns:
        Its address below the page.
    """
    folder = models / name
    folder.mkdir()
    for file in (models / "warm").iterdir():
        (folder / file.name).symlink_to(file)
    settings = json.loads((folder / "qa_config.json").read_text())
    (folder / "qa_config.json").unlink()
    (folder / "qa_config.json").write_text(json.dumps({**settings, **changes}))
    return f"models/{name}/"
