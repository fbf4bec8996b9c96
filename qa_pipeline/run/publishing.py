"""What a finished run shows the Hugging Face Hub: its model card, the commits it was made from, and the upload.

The files that go up (model, tokenizer, card and results) are named one by one, so that nothing else that lies in the
folder goes up, and none of them tells where things lie on this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from qa_pipeline import artifacts
from qa_pipeline.arguments import Arguments, TrainingArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.paths import PACKAGE_PREFIX
from qa_pipeline.wording import first_line

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
        reason = first_line(error)
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


def model_card(results: dict[str, Any], record: dict[str, Any], name: str) -> str:
    """Renders README.md of a run folder.

    Args:
        results: what all_results.json holds (percent for metrics).
        record: what run.json holds.
        name: title of the card.
    """
    config = record.get("trained_with", record["config"])
    base = str(record["identity"]["model"]["name"])
    lora = bool(config.get("use_lora"))
    header, base = base_header(base, lora)
    datasets = [str(config[key]) for key in ("dataset_name",) if config.get(key)]
    if datasets:
        header["datasets"] = datasets
    metrics = [
        {"type": kind, "name": title, "value": round(float(results[key]), 2)}
        for kind, title, key in (("exact_match", "Exact match", "eval_exact_match"), ("f1", "F1", "eval_f1"))
        if key in results
    ]
    if metrics:
        validation = record["data"].get("validation", {})
        header["metrics"] = ["exact_match", "f1"]
        header["model-index"] = [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": "question-answering"},
                        "dataset": {"name": last_part(validation.get("source", "validation")), "type": "custom"},
                        "metrics": metrics,
                    }
                ],
            }
        ]
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        f"# {name}",
        f"Answers questions with exact spans of a given text. Base model: `{base}`"
        + (", tuned with LoRA." if lora else ", fully fine-tuned."),
        "## Measured",
        _measured(results),
        "## Data",
        _data(record["data"]),
        "## Settings",
        _settings(config, record),
    ]
    return "\n\n".join(parts) + "\n"


def base_header(base: str, lora: bool) -> tuple[dict[str, Any], str]:
    """How a card begins that is about a model trained from a base, and what the card calls the base.

    Args:
        base: Hub id, folder or package:MODULE/FOLDER; of a folder only the last part is told.
        lora: whether it is an adapter.
    """
    header: dict[str, Any] = {
        "library_name": "peft" if lora else "transformers",
        "pipeline_tag": "question-answering",
        "tags": ["question-answering", "extractive-qa"] + (["lora"] if lora else []),
    }
    if base.startswith((".", "/", "~")) or Path(base).is_dir():
        return header, last_part(base)
    return header if base.startswith("package:") else header | {"base_model": base}, base


def _measured(results: dict[str, Any]) -> str:
    rows = ["| | exact match | F1 |", "|---|---|---|"]
    for prefix, title in (("base", "before training"), ("eval", "validation"), ("predict", "test")):
        if f"{prefix}_f1" in results:
            cells = [
                f"{results[f'{prefix}_{metric}']:.2f}{_interval(results, prefix, metric)}"
                for metric in ("exact_match", "f1")
            ]
            rows.append(f"| {title} | {cells[0]} | {cells[1]} |")
    if len(rows) == 2:
        return "Nothing was measured in this run."
    return "\n".join(rows) + _calibration(results)


def _calibration(results: dict[str, Any]) -> str:
    if "eval_ece_calibrated" not in results:
        return ""
    return (
        "\n\nConfidence is the probability of an exact match. Its expected calibration error on validation is "
        f"{results['eval_ece']:.3f} as the model says it and {results['eval_ece_calibrated']:.3f} with a temperature "
        f"fitted on other texts; the temperature stored with the model is {results['eval_temperature']:g}."
    )


def _interval(results: dict[str, Any], prefix: str, metric: str) -> str:
    bounds = results.get(f"{prefix}_{metric}_interval")
    over = results.get(f"{prefix}_interval_over", "question")
    return f" ({bounds[0]:.2f} to {bounds[1]:.2f}, 95% over {over}s)" if bounds else ""


def _data(data: dict[str, dict[str, Any]]) -> str:
    rows = ["| split | source | questions |", "|---|---|---|"]
    rows += [f"| {split} | {last_part(facts['source'])} | {facts['questions']:,} |" for split, facts in data.items()]
    return "\n".join(rows)


def _settings(config: dict[str, Any], record: dict[str, Any]) -> str:
    length = "max_steps" if (config.get("max_steps") or 0) > 0 else "num_train_epochs"
    keys = ["learning_rate", length, "per_device_train_batch_size", "train_batch_tokens", "max_seq_length"]
    keys += ["doc_stride", "max_answer_length", "seed"]
    if config.get("use_lora"):
        keys += ["lora_r", "lora_alpha", "lora_dropout", "lora_target_modules"]
    lines = [f"- {key}: {config[key]}" for key in keys if config.get(key) is not None]
    warm = record.get("warm_start") or {}
    if warm.get("used"):
        lines.append(f"- warm start: {warm_words(warm)}")
    for change in record.get("process_changes", ()):
        lines.append(f"- processes: {change['before']} up to step {change['step']}, then {change['now']}")
    lines.append("- versions: " + ", ".join(f"{name} {version}" for name, version in record["versions"].items()))
    return "\n".join(lines)


def warm_words(facts: dict[str, Any]) -> str:
    """What a run began with, for people, from what run.json keeps of its warm start."""
    asked = facts["questions"]
    origin = f"`{facts['weights']}`" if facts.get("weights") else "an adapter made for this model"
    return (
        f"yes ({facts['why']}): it began with {origin}, trained on {asked['rows']:,} made-up questions of built-in "
        f"domains (fingerprint {facts['fingerprint']})"
    )


def last_part(source: str) -> str:
    """The last part of a path: a card does not tell the folders of the machine it was made on."""
    return str(source).replace("\\", "/").rstrip("/").split("/")[-1]


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
