"""Turns what the libraries raise while loading into one readable ModelError, and keeps their load report quiet."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.wording import in_one_line


@contextlib.contextmanager
def as_model_error(what: str) -> Iterator[None]:
    """Raises a ModelError for any exception inside.

    The libraries raise nearly every class of exception for a bad folder (OSError, ValueError, KeyError, TypeError,
    SafetensorError, validation errors of huggingface_hub ...), so all are caught; the cause stays attached for --debug.

    Args:
        what: what is loaded, for the message: "model google/electra-small".
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{what}: {_explanation(error)}") from error


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """Holds back transformers' load report, progress bars and the libraries' warnings about each other's old names.

    `loading` judges the facts of the report itself and logs one line.
    """
    from transformers.utils import logging as transformers_logging

    source = logging.getLogger("transformers.modeling_utils")
    had_progress = transformers_logging.is_progress_bar_enabled()
    source.addFilter(_not_a_report)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.filterwarnings("ignore", message="fan_in_fan_out")
            yield
    finally:
        source.removeFilter(_not_a_report)
        if had_progress:
            transformers_logging.enable_progress_bar()


def _not_a_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in record.getMessage()


def _explanation(error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from safetensors import SafetensorError

    causes = _chain(error)
    text = _first_line(error)
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        return "access is gated: accept its terms on huggingface.co, then run `hf auth login` or set HF_TOKEN"
    if any(isinstance(cause, RevisionNotFoundError) for cause in causes):
        return "model_revision does not exist on the Hub"
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        return "no such model on the Hub (or a private one: run `hf auth login`), and no such folder here"
    unreachable = (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError, TimeoutError)
    if any(isinstance(cause, unreachable) for cause in causes) or "couldn't connect to" in str(error):
        return (
            "it is not a folder here, not in the local cache, and the Hub cannot be reached (or HF_HUB_OFFLINE is "
            f"set); give a folder, download it elsewhere first (`hf download NAME`), or use {EMBEDDED_MODEL}"
        )
    if any(isinstance(cause, SafetensorError) for cause in causes):
        return f"the weights are damaged or cut short ({text}); copy or download them again"
    if any(isinstance(cause, json.JSONDecodeError | UnicodeDecodeError) for cause in causes):
        return f"a JSON file of the folder cannot be read ({text})"
    if any(isinstance(cause, ImportError) for cause in causes):
        return f"a package is missing: {in_one_line(error, 300)}"
    if "out of memory" in str(error).lower():
        return f"not enough memory ({text})"
    return f"{text} ({type(error).__name__})"


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
