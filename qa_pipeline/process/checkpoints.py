"""Finds the checkpoint to go on from. A checkpoint counts only once its manifest is written, which happens last.

The manifest lists every file of the checkpoint with its size and a hash of its bytes, so a folder that a kill (or a
full disk) left half written, or that a bad disk or copy changed, is told from a whole one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from pathlib import Path

from qa_pipeline import artifacts

logger = logging.getLogger(__name__)

_NAME = re.compile(r"^checkpoint-(\d+)$")


def seal(folder: str | Path) -> None:
    """Writes the manifest of a complete checkpoint folder."""
    folder = Path(folder)
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != artifacts.CHECKPOINT_MANIFEST and not path.name.endswith(".tmp")
    ]
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    hashes = {str(path.relative_to(folder)): _hash(path) for path in files}
    artifacts.write_json(folder / artifacts.CHECKPOINT_MANIFEST, {"files": sizes, "sha256": hashes})


def fault(folder: str | Path, contents: bool = True) -> str | None:
    """Says what is wrong with a checkpoint folder, or None when it is whole.

    Args:
        contents: also reads every file; manifests of earlier versions of this program have no hashes to compare with.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / artifacts.CHECKPOINT_MANIFEST).read_text(encoding="utf-8"))
        files, hashes = manifest["files"], manifest.get("sha256", {})
    except FileNotFoundError:
        return f"it has no {artifacts.CHECKPOINT_MANIFEST}, which is written last"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its {artifacts.CHECKPOINT_MANIFEST} cannot be read"
    if not (isinstance(files, dict) and isinstance(hashes, dict)):
        return f"its {artifacts.CHECKPOINT_MANIFEST} cannot be read"
    for name, size in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, expected {size}"
    if contents:
        try:
            changed = [name for name in files if name in hashes and _hash(folder / name) != hashes[name]]
        except OSError as error:
            return f"a file cannot be read ({error.strerror or error})"
        if changed:
            return f"{changed[0]} is not as it was written: its bytes have changed"
    return None


def list_checkpoints(output_dir: str | Path) -> list[Path]:
    """Checkpoint folders of a run, oldest step first, whole or not."""
    output_dir = Path(output_dir)
    if not output_dir.is_dir():
        return []
    found = [(int(m.group(1)), p) for p in output_dir.iterdir() if p.is_dir() and (m := _NAME.match(p.name))]
    return [path for _, path in sorted(found)]


def step_of(path: str | Path) -> int | None:
    """The step that a checkpoint's name tells; None for other names."""
    match = _NAME.match(Path(path).name)
    return int(match.group(1)) if match else None


def whole_checkpoint(step: int, *folders: str | Path) -> Path | None:
    """The whole checkpoint of a step, in the first of the folders that has one."""
    paths = (Path(folder) / f"checkpoint-{step}" for folder in folders)
    return next((path for path in paths if path.is_dir() and fault(path) is None), None)


def last_whole_checkpoint(output_dir: str | Path) -> Path | None:
    """The newest whole checkpoint; newer broken ones are named in a warning."""
    for path in reversed(list_checkpoints(output_dir)):
        problem = fault(path)
        if problem is None:
            return path
        logger.warning("Skipping checkpoint %s: %s. The one before it is used.", path, problem)
    return None


def remove_broken(output_dir: str | Path) -> None:
    """Deletes checkpoints that are not whole, so that rotation never keeps one in place of a whole one."""
    whole_found = False  # of those before it, which are not gone on from, sizes say enough
    for path in reversed(list_checkpoints(output_dir)):
        if fault(path, contents=not whole_found) is not None:
            shutil.rmtree(path, ignore_errors=True)
        else:
            whole_found = True


def remove_all(output_dir: str | Path) -> None:
    """Deletes every checkpoint of a run."""
    for path in list_checkpoints(output_dir):
        shutil.rmtree(path, ignore_errors=True)


def _hash(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
