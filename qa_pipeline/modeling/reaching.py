"""Asks once, and for a few seconds only, whether the Hub answers, before a library tries for a minute.

Where it does not, a model of the local cache stands in for the Hub's.
"""

from __future__ import annotations

import functools
import logging

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.paths import EMBEDDED_MODEL, is_local, near_model_folder

logger = logging.getLogger(__name__)

SECONDS = 3.0
"""How long an answer is waited for."""


def at_hand(path: str, *, revision: str | None = None, cache_dir: str | None = None) -> str:
    """A resolved name as it can be loaded now.

    Args:
        path: folder or Hub id, as `resolve_model_path` gives it.
        revision: branch, tag or commit on the Hub.
        cache_dir: where downloads are kept.

    Returns:
        The folder; the Hub id, where the Hub answers; else the folder of the local cache that holds the model.

    Raises:
        ModelError: the Hub does not answer, and the cache has no such model.
    """
    if is_local(path) or _hub_answers():
        return path
    from huggingface_hub import is_offline_mode, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(path, revision=revision, cache_dir=cache_dir, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError) as error:
        near = near_model_folder(path)
        hint = f'; did you mean the folder "{near}"?' if near else ""
        raise ModelError(
            f"model {path}: it is not a folder here, not in the local cache, and the Hub cannot be reached (or "
            f"HF_HUB_OFFLINE is set){hint}; give a folder, download it elsewhere first (`hf download NAME`), "
            f"or use {EMBEDDED_MODEL}"
        ) from error
    if not is_offline_mode():
        _log_once(path)
    return folder


def _hub_answers() -> bool:
    """Whether the Hub says anything at all within SECONDS; an error of the server or of a proxy counts as silence."""
    from huggingface_hub import constants, get_session, is_offline_mode

    if is_offline_mode():
        return False
    if constants.ENDPOINT in _ANSWERED:
        return True
    try:
        answered = get_session().head(constants.ENDPOINT, timeout=SECONDS).status_code < 500
    except Exception as error:  # the HTTP library of huggingface_hub, and so its errors, change from version to version
        logger.debug("%s: %s", constants.ENDPOINT, error)
        return False
    if answered:
        _ANSWERED.add(constants.ENDPOINT)
    return answered


_ANSWERED: set[str] = set()
"""Endpoints that were reached in this process."""


@functools.lru_cache(maxsize=64)
def _log_once(path: str) -> None:
    logger.warning("%s: the Hub does not answer; the copy in the local cache is used", path)
