"""Finds out which commits of the Hub a run was made from. Reads the cache of what was loaded, never the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qa_pipeline.arguments import Arguments
from qa_pipeline.modeling.paths import PACKAGE_PREFIX

_COMMIT = re.compile(r"[0-9a-f]{40}")


def hub_commits(arguments: Arguments, model: Any) -> dict[str, str]:
    """Commits of "model", of "base_model" (of an adapter that training went on from) and "dataset", where known.

    Args:
        arguments: of the run, whose model and data have just been loaded.
        model: with or without adapters.
    """
    names, data = arguments.model, arguments.data
    adapter = getattr(model, "peft_config", {}).get("default")
    found = {"model": cached_commit(names.model_name_or_path, names.model_revision, cache_dir=names.cache_dir)}
    if adapter is not None and adapter.base_model_name_or_path != names.model_name_or_path:
        base = adapter.base_model_name_or_path
        found["base_model"] = cached_commit(base, adapter.revision, cache_dir=names.cache_dir)
    # `datasets` keeps what it prepared in cache_dir, and what it downloaded in the cache of the Hub.
    found["dataset"] = cached_commit(data.dataset_name, data.dataset_revision, repo_type="dataset")
    return {what: commit for what, commit in found.items() if commit}


def cached_commit(
    name: str | None, revision: str | None = None, *, repo_type: str = "model", cache_dir: str | Path | None = None
) -> str | None:
    """The commit that a revision of a repository stood for when it was last loaded; None for folders and packages.

    Args:
        name: Hub id; None gives None.
        revision: branch, tag or commit; None is the main branch.
        repo_type: "model" or "dataset".
        cache_dir: where downloads are kept; None: the cache of huggingface_hub.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if not name or name.startswith(PACKAGE_PREFIX) or Path(name).expanduser().is_dir():
        return None
    if revision and _COMMIT.fullmatch(revision):
        return revision
    folder = Path(cache_dir or constants.HF_HUB_CACHE).expanduser() / repo_folder_name(
        repo_id=name, repo_type=repo_type
    )
    try:
        commit = (folder / "refs" / (revision or constants.DEFAULT_REVISION)).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None
