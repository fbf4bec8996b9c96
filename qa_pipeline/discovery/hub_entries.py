"""What the Hub says of one data set or model, as plain facts: from the JSON of its API, through huggingface_hub.

Never sends a request. A fact that is missing or damaged is None (or empty), never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SQUAD_NAMES = {"squad": "v1", "rajpurkar/squad": "v1", "squad_v2": "v2", "rajpurkar/squad_v2": "v2"}
"""Data sets whose published scores are kept, and what the scores are called here."""
_METRICS = {"exact_match": "exact_match", "exact": "exact_match", "em": "exact_match", "f1": "f1"}
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class HubDataset:
    """A data set on the Hub, before anything of it is downloaded.

    Attributes:
        id: owner and name.
        description: what its card says at its beginning.
        card: text of its card, without metadata; "" where it was not asked for or has none.
        languages: codes.
        licence: as the Hub names it; None: not said.
        downloads: in the last 30 days.
        gated: somebody has to accept terms first, and a token is needed.
        configs: names of its configurations; None: they are not known, or could not be read (see `faults`).
        rows: of all configurations; None: not known.
        size_bytes: what a download of all configurations takes; None: not known.
        has_script: it is made by a Python script, which `datasets` no longer runs.
        tags: as the Hub has them.
        files: names of its files; empty where they were not asked for.
        config_rows: configuration -> split -> rows, as far as known.
        faults: what could not be read of it, in words.
    """

    id: str
    description: str = ""
    card: str = ""
    languages: tuple[str, ...] = ()
    licence: str | None = None
    downloads: int = 0
    gated: bool = False
    configs: tuple[str, ...] | None = None
    rows: int | None = None
    size_bytes: int | None = None
    has_script: bool = False
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    config_rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub, before anything of it is downloaded.

    Attributes:
        id: owner and name.
        card: text of its card, without metadata; "" where it was not asked for or has none.
        languages: codes; "multilingual" for many.
        licence: as the Hub names it; None: not said.
        downloads: in the last 30 days.
        gated: somebody has to accept terms first, and a token is needed.
        model_type: the family, as in config.json; None: not known.
        pipeline_tag: its task.
        parameters: number of weights; None: not known.
        size_bytes: of the weights in safetensors; None: not known.
        has_safetensors: its weights are there in safetensors.
        has_fast_tokenizer: it has a tokenizer.json; None: its files are not known.
        context_length: tokens; None: not known.
        tags: as the Hub has them.
        architectures: classes that it was saved with.
        remote_code: it needs code from its own folder.
        config: what is known of config.json.
        squad: published scores: "v1" or "v2" -> "exact_match" and "f1", in percent.
        faults: what could not be read of it, in words.
    """

    id: str
    card: str = ""
    languages: tuple[str, ...] = ()
    licence: str | None = None
    downloads: int = 0
    gated: bool = False
    model_type: str | None = None
    pipeline_tag: str | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    has_safetensors: bool = False
    has_fast_tokenizer: bool | None = None
    context_length: int | None = None
    tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    remote_code: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    squad: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def dataset_entry(info: Any) -> HubDataset:
    """The facts of a `huggingface_hub.DatasetInfo`; its tags say what its card does not.

    Example:
        >>> from huggingface_hub import DatasetInfo
        >>> item = {"id": "some/set", "gated": "auto", "tags": ["language:de", "license:mit"], "downloads": 12}
        >>> entry = dataset_entry(DatasetInfo(**item))
        >>> entry.languages, entry.licence, entry.gated, entry.configs
        (('de',), 'mit', True, None)
    """
    card = _card(info)
    tags = _texts(info.tags)
    files = tuple(one.rfilename for one in info.siblings or ())
    described = [one for one in _as_list(card.get("dataset_info")) if isinstance(one, Mapping)]
    config_rows = {str(one.get("config_name") or "default"): _split_rows(one.get("splits")) for one in described}
    named = [one.get("config_name") for one in _as_list(card.get("configs")) if isinstance(one, Mapping)]
    configs = _texts([*named, *_as_list(card.get("config_names")), *config_rows])
    return HubDataset(
        id=info.id,
        description=" ".join(str(info.description or card.get("pretty_name") or "").split()),
        languages=card_languages(card, _after("language:", tags)),
        licence=card_licence(card, tags),
        downloads=_count(info.downloads) or 0,
        gated=bool(info.gated),
        configs=configs or None,
        rows=_sum(rows for splits in config_rows.values() for rows in splits.values()),
        size_bytes=_sum(_count(one.get("download_size")) for one in described),
        has_script=f"{info.id.split('/')[-1]}.py" in files,
        tags=tags,
        files=files,
        config_rows={name: splits for name, splits in config_rows.items() if splits},
    )


def model_entry(info: Any) -> HubModel:
    """The facts of a `huggingface_hub.ModelInfo`.

    Example:
        >>> from huggingface_hub import ModelInfo
        >>> item = {"id": "some/model", "tags": ["en", "license:mit"], "config": {"model_type": "bert"}}
        >>> item |= {"safetensors": {"parameters": {"F32": 1000}, "total": 1000}, "siblings": []}
        >>> entry = model_entry(ModelInfo(**item))
        >>> entry.model_type, entry.parameters, entry.size_bytes, entry.has_safetensors
        ('bert', 1000, 4000, False)
    """
    card = _card(info)
    tags = _texts(info.tags)
    config = info.config if isinstance(info.config, Mapping) else {}
    files = None if info.siblings is None else {one.rfilename for one in info.siblings}
    by_type = info.safetensors.parameters if info.safetensors else {}
    sizes = [_BYTES.get(kind, 1) * count for kind, count in by_type.items()]
    return HubModel(
        id=info.id,
        languages=card_languages(card, [tag for tag in tags if len(tag) == 2 or tag == "multilingual"]),
        licence=card_licence(card, tags),
        downloads=_count(info.downloads) or 0,
        gated=bool(info.gated),
        pipeline_tag=info.pipeline_tag,
        parameters=_count(info.safetensors.total) if info.safetensors else None,
        size_bytes=_sum(sizes),
        has_safetensors=bool(files and files & set(_WEIGHTS)),
        has_fast_tokenizer=None if files is None else "tokenizer.json" in files,
        tags=tags,
        squad=published_scores(getattr(info.card_data, "eval_results", None) or ()),
        **config_facts(config, "custom_code" in tags),
    )


def config_facts(config: Mapping[str, Any], remote_code: bool = False) -> dict[str, Any]:
    """What config.json, or the part of it that the API gives, says of a model: keyword arguments of HubModel."""
    positions = _count(config.get("max_position_embeddings")) or _count(config.get("n_positions"))
    return {
        "model_type": config.get("model_type") if isinstance(config.get("model_type"), str) else None,
        "architectures": _texts(_as_list(config.get("architectures"))),
        "context_length": positions if positions and positions < 10**6 else None,
        "remote_code": remote_code or bool(config.get("auto_map")),
        "config": dict(config),
    }


def published_scores(results: Iterable[Any]) -> dict[str, dict[str, float]]:
    """The SQuAD scores among the evaluation results of a model card, in percent."""
    scores: dict[str, dict[str, float]] = {}
    for result in results:
        version = SQUAD_NAMES.get(str(result.dataset_type).lower())
        metric = _METRICS.get(str(result.metric_type).lower())
        value = result.metric_value
        if version and metric and isinstance(value, int | float) and 0 < value <= 100:
            scores.setdefault(version, {})[metric] = float(value * 100 if value <= 1 else value)
    return scores


def card_text(text: str) -> str:
    """A card without its metadata."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    return str(REGEX_YAML_BLOCK.sub("", text, count=1)).strip()


def _card(info: Any) -> dict[str, Any]:
    return info.card_data.to_dict() if info.card_data is not None else {}


def _split_rows(splits: Any) -> dict[str, int]:
    """Split -> rows, of a list of splits as a card or the viewer has them."""
    rows: dict[str, int] = {}
    for one in _as_list(splits):
        if isinstance(one, Mapping) and isinstance(one.get("name"), str):
            count = _count(one.get("num_examples"))
            if count is not None:
                rows[one["name"]] = count
    return rows


def card_languages(card: Mapping[str, Any], tags: Iterable[str] = ()) -> tuple[str, ...]:
    """The codes of languages that a card's metadata names; where it names none, those of the tags."""
    named = [str(code).lower() for code in _as_list(card.get("language"))] or list(tags)
    return tuple(dict.fromkeys(code for code in named if code not in ("code", "unknown")))


def card_licence(card: Mapping[str, Any], tags: Iterable[str] = ()) -> str | None:
    """The licence that a card's metadata names; where it names none, that of the tags."""
    named = _texts(_as_list(card.get("license"))) or _after("license:", tags)
    if named == ("other",) and isinstance(card.get("license_name"), str):
        return str(card["license_name"])
    return " or ".join(named) or None


def _after(prefix: str, tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix))


def _texts(values: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values or () if isinstance(value, str)))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _count(value: Any) -> int | None:
    """A number that is none of the guesses ("", -1, 1e30) that are found in its place."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum where all are known and there is one at least."""
    known = list(values)
    return None if not known or None in known else sum(value for value in known if value is not None)
