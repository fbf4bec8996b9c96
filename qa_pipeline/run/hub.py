"""Uploads what a finished run wrote to the Hugging Face Hub: model, tokenizer, card and results.

The files are named one by one, so that nothing else that lies in the folder goes up, and none of them tells where
things lie on this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.arguments import TrainingArguments
from qa_pipeline.errors import ModelError

RESULTS = (
    artifacts.MODEL_CARD,
    artifacts.RUN,
    artifacts.DATA_REPORT,
    artifacts.ALL_RESULTS,
    artifacts.TRAIN_RESULTS,
    artifacts.EVAL_RESULTS,
    artifacts.PREDICT_RESULTS,
    artifacts.BASE_RESULTS,
)
"""What goes up beside the model. Checkpoints are large; predictions hold the questions' answers, which need not be
public."""


def push_run(folder: str | Path, args: TrainingArguments, model_files: Iterable[Path]) -> str:
    """Uploads the run as one commit.

    Args:
        folder: a run folder.
        args: `hub_model_id` (the folder's name under the token's user by default), `hub_token`, `hub_private_repo`,
            `hub_revision`.
        model_files: the files of the model, in the folder.

    Returns:
        The address of the repository.

    Raises:
        ModelError: the Hub refused or cannot be reached; the folder on disk is complete all the same.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    folder = Path(folder)
    api = HfApi(token=args.hub_token)
    try:
        address = api.create_repo(args.hub_model_id or folder.name, private=args.hub_private_repo, exist_ok=True)
        if args.hub_revision:
            api.create_branch(address.repo_id, branch=args.hub_revision, exist_ok=True)
        api.create_commit(
            address.repo_id,
            [
                CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
                for name, content in upload(folder, model_files).items()
            ],
            revision=args.hub_revision,
            commit_message="Add extractive question-answering model",
        )
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"push_to_hub: the Hub did not take {folder}: {reason}. The folder is complete; check hub_model_id and the "
            "token (HF_TOKEN or hub_token), then run the same command again (hf upload would take all that lies there)"
        ) from error
    return str(address)


def upload(folder: Path, model_files: Iterable[Path]) -> dict[str, str | bytes]:
    """Name in the repository -> the file, or its content where paths of this machine were taken out of it."""
    record = json.loads((folder / artifacts.RUN).read_text(encoding="utf-8"))
    known = [record.get("config"), str(folder.resolve() / "x"), str(Path.cwd() / "x")]
    places = sorted(set(_folders(known)), key=len, reverse=True)
    files: dict[str, str | bytes] = {}
    for path in (folder / name for name in RESULTS):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".json":
                value = _without_answers(json.loads(text)) if path.name == artifacts.DATA_REPORT else json.loads(text)
                text = json.dumps(_clean(value, places), ensure_ascii=False, indent=2) + "\n"
            files[path.name] = (text if path.suffix == ".json" else _clean_text(text, places)).encode("utf-8")
    for path in model_files:
        name = path.relative_to(folder).as_posix()
        files[name] = _without_place_of_base(path) if path.name.endswith("config.json") else str(path)
    return files


def _without_answers(reports: Any) -> Any:
    """Data reports without the details of single rows, which quote the data."""
    if not isinstance(reports, dict):
        return reports
    return {
        split: {**report, "details": {}} if isinstance(report, dict) else report for split, report in reports.items()
    }


def _without_place_of_base(path: Path) -> bytes:
    """A configuration of the model, whose names of models may be folders of this machine; the rest stays as it is."""
    content = path.read_bytes()
    config = json.loads(content)
    changed = {k: _last(v) for k, v in config.items() if k.endswith("name_or_path") and isinstance(v, str) and _last(v)}
    return (json.dumps(config | changed, ensure_ascii=False, indent=2) + "\n").encode("utf-8") if changed else content


def _clean(value: Any, places: list[str]) -> Any:
    """A JSON value, without the folders of this machine in its texts."""
    if isinstance(value, dict):
        return {key: _clean(one, places) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one, places) for one in value]
    return _clean_text(value, places) if isinstance(value, str) else value


# The start of a path: no part of a word, of an address or of a closing tag.
_PATH = re.compile(r"""(?<![\w.:/\\<~-])(?:~|[A-Za-z]:)?[/\\](?![\s/\\])[^\s"'`|,;:*?<>()\[\]{}]*""")


def _clean_text(text: str, places: list[str]) -> str:
    """Of absolute paths only the last part is left: `/home/me/data/train.json` becomes `./train.json`."""
    for place in places:  # first those that are known, which may have spaces in them
        text = text.replace(place, "./")
    whole = None if re.search(r"\s", text) else _last(text)
    return whole or _PATH.sub(lambda found: _last(found.group()) or found.group(), text)


def _last(path: str) -> str | None:
    """`./NAME` of an absolute path; None for other texts."""
    # Windows knows both kinds of slashes.
    return f"./{PureWindowsPath(path).name}" if _is_absolute(path) else None


def _is_absolute(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or path.startswith(("~/", "~\\"))


def _folders(value: Any) -> Iterator[str]:
    """Folders, with a slash at the end, of the absolute paths among all texts of a JSON value."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _folders(one)
    elif isinstance(value, str) and _is_absolute(value) and len(folder := re.split(r"[^/\\]*$", value)[0]) > 3:
        yield folder
