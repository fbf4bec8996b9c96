"""Asks the Hub for data sets and models: search, cards, sizes, configurations. Downloads no data and no weights.

A fault of one entry is written into that entry (`faults`) and never ends a search; what ends all asking (no network, a
refused token, the bound on requests) is a HubError.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from qa_pipeline.discovery.hub_entries import (
    HubDataset,
    HubModel,
    card_text,
    config_facts,
    dataset_entry,
    model_entry,
)
from qa_pipeline.discovery.hub_requests import HubError, HubRequests
from qa_pipeline.wording import first_line

__all__ = ["Hub", "HubDataset", "HubError", "HubModel"]

MOST_WORDS = 5
"""The Hub finds a text in names only, so that a sentence finds nothing: it is asked word by word."""
_DATASET_FACTS = ["cardData", "description", "downloads", "gated", "siblings", "tags"]
_MODEL_FACTS = ["cardData", "config", "downloads", "gated", "pipeline_tag", "safetensors", "siblings", "tags"]

Entry = TypeVar("Entry", HubDataset, HubModel)


class Hub:
    """Reads what the Hub says of data sets and models.

    Args:
        endpoint: address; None: that of huggingface_hub (HF_ENDPOINT, or huggingface.co).
        token: access token; None: the one that huggingface_hub finds (HF_TOKEN, or `hf auth login`), if there is one.
        timeout_s: seconds that a reply may take.
        most_requests: requests in all, of one Hub.
        viewer: address of the dataset viewer, which knows rows and sizes; None: the public one, where `endpoint` is
            the public Hub, else none is asked.
        requests: sends them; None: as the arguments before say.

    Attributes:
        faults: what could not be read on the way, in words, beside the faults of entries.

    Example:
        >>> import os
        >>> hub = Hub(most_requests=0)
        >>> try:
        ...     hub.search_datasets("privacy policies")
        ... except HubError as error:
        ...     print(error.reason in ("limit", "offline"))
        True
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        timeout_s: float = 20.0,
        most_requests: int = 60,
        *,
        viewer: str | None = None,
        requests: HubRequests | None = None,
    ):
        from huggingface_hub import constants

        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        if viewer is None and self.endpoint == constants._HF_DEFAULT_ENDPOINT:
            viewer = constants.DATASETS_SERVER_ENDPOINT
        self.viewer = viewer
        self.requests = requests or HubRequests(token, timeout_s, most_requests)
        self.faults: list[str] = []

    def search_datasets(self, text: str, limit: int = 20, *, language: str | None = None) -> list[HubDataset]:
        """Data sets for question answering whose names have a word of the text, and the most downloaded ones.

        Args:
            text: words to look for, the most telling first; "" for the most downloaded ones only.
            limit: most entries.
            language: only those that name this language (a code); None: any.

        Returns:
            Entries with what their cards say, no card text; found by the first word first. Ranking is left to others.

        Raises:
            HubError: nothing at all could be read.
        """
        from huggingface_hub import DatasetInfo

        filters = ["task_categories:question-answering", *([f"language:{language}"] if language else [])]
        params = {"filter": filters, "sort": "downloads", "expand": _DATASET_FACTS}
        return self._search("datasets", text, limit, params, lambda item: dataset_entry(DatasetInfo(**item)))

    def search_models(
        self, text: str, limit: int = 20, *, tags: Sequence[str] = ("question-answering",), language: str | None = None
    ) -> list[HubModel]:
        """Models with all of the tags whose names have a word of the text, and the most downloaded ones.

        Args:
            text: words to look for; "" for the most downloaded ones only.
            limit: most entries.
            tags: such as "question-answering" (they have a trained head) or "fill-mask" (plain encoders).
            language: only those that name this language (a code); None: any.

        Raises:
            HubError: nothing at all could be read.
        """
        from huggingface_hub import ModelInfo

        filters = [*tags, *([language] if language else [])]
        params = {"filter": filters, "sort": "downloads", "expand": _MODEL_FACTS}
        return self._search("models", text, limit, params, lambda item: model_entry(ModelInfo(**item)))

    def dataset(self, id: str) -> HubDataset:
        """A data set with all that is known of it: card, files, configurations, rows, size.

        Raises:
            HubError: the Hub does not know it, or cannot be asked. What else fails is among the entry's faults.
        """
        from huggingface_hub import DatasetInfo

        what = f"data set {id}"
        item = self._item(f"{self.endpoint}/api/datasets/{quote(id)}", what, _DATASET_FACTS)
        entry = _parsed(item, what, lambda item: dataset_entry(DatasetInfo(**item)))
        card = self._attempt(entry, "its card", lambda: self._card(f"datasets/{id}", what))
        entry = dataclasses.replace(card[0], card=card[1] or "")
        if self.viewer is None or (entry.configs and entry.rows is not None and entry.size_bytes is not None):
            return entry
        entry, size = self._attempt(
            entry, "its configurations", lambda: self.requests.json(f"{self.viewer}/size", what, {"dataset": id})
        )
        return entry if size is None else _with_size(entry, size)

    def model(self, id: str) -> HubModel:
        """A model with all that is known of it: card and config.json.

        Raises:
            HubError: the Hub does not know it, or cannot be asked. What else fails is among the entry's faults.
        """
        from huggingface_hub import ModelInfo

        what = f"model {id}"
        item = self._item(f"{self.endpoint}/api/models/{quote(id)}", what, _MODEL_FACTS)
        entry = _parsed(item, what, lambda item: model_entry(ModelInfo(**item)))
        entry, card = self._attempt(entry, "its card", lambda: self._card(id, what))
        address = f"{self.endpoint}/{quote(id)}/resolve/main/config.json"
        entry, config = self._attempt(entry, "its config.json", lambda: self.requests.json(address, what))
        if isinstance(config, Mapping):
            entry = dataclasses.replace(entry, **config_facts(config, entry.remote_code))
        return dataclasses.replace(entry, card=card or "")

    def _search(
        self, kind: str, text: str, limit: int, params: dict[str, Any], parse: Callable[[Any], Entry]
    ) -> list[Entry]:
        """The entries of one request for each word and one without, those of the words first, in turns."""
        found: list[list[Entry]] = []
        fault: HubError | None = None
        for word in [*dict.fromkeys(text.lower().split())][:MOST_WORDS] + [""]:
            asked = params | {"limit": limit} | ({"search": word} if word else {})
            try:
                items: Any = self.requests.json(f"{self.endpoint}/api/{kind}", f"list of {kind}", asked)
                if not isinstance(items, list):
                    raise HubError("damaged", f"the Hub's list of {kind} is no list")
                found.append(list(self._entries(items, kind, parse)))
            except HubError as error:
                fault = error
                self.faults.append(str(error))
                if error.final:
                    break
        if fault is not None and not found:
            raise fault
        return _in_turns(found, limit)

    def _entries(self, items: list[Any], kind: str, parse: Callable[[Any], Entry]) -> Iterator[Entry]:
        for item in items:
            try:
                yield _parsed(item, f"entry in the list of {kind}", parse)
            except HubError as error:
                self.faults.append(str(error))

    def _item(self, url: str, what: str, facts: list[str]) -> Any:
        return self.requests.json(url, what, {"expand": facts})

    def _card(self, path: str, what: str) -> str:
        return card_text(self.requests.text(f"{self.endpoint}/{quote(path)}/resolve/main/README.md", f"card of {what}"))

    def _attempt(self, entry: Entry, part: str, ask: Callable[[], Any]) -> tuple[Entry, Any]:
        """The entry and a part of it; where the part cannot be had, the entry says so and the part is None."""
        try:
            return entry, ask()
        except HubError as error:
            return dataclasses.replace(entry, faults=(*entry.faults, f"{part} could not be read: {error}")), None


def _parsed(item: Any, what: str, parse: Callable[[Any], Entry]) -> Entry:
    """One entry of a reply.

    Raises:
        HubError: huggingface_hub cannot make sense of it.
    """
    name = item.get("id") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise HubError("damaged", f"{what}: expected a JSON object with an id, found {json.dumps(item)[:60]}")
    try:
        return parse({"siblings": None, **item})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HubError(
            "damaged", f"{what} {name} is damaged ({type(error).__name__}: {first_line(error, 80)})"
        ) from None


def _with_size(entry: HubDataset, reply: Any) -> HubDataset:
    """The entry with what the dataset viewer counted; what it has counted only in part is left open."""
    try:
        splits = reply["size"]["splits"]
        whole = reply["size"]["dataset"]
        config_rows: dict[str, dict[str, int]] = {}
        for one in splits:
            config_rows.setdefault(str(one["config"]), {})[str(one["split"])] = int(one["num_rows"])
        names = dict.fromkeys([*config_rows, *(str(one["config"]) for one in reply.get("failed", []))])
        rows, size = int(whole["num_rows"]), int(whole.get("num_bytes_parquet_files", 0))
    except (KeyError, TypeError, ValueError):
        fault = "its configurations could not be read: the dataset viewer's reply is damaged"
        return dataclasses.replace(entry, faults=(*entry.faults, fault))
    faults = [f"configuration {one['config']} could not be read" for one in reply.get("failed", [])]
    partial = bool(reply.get("partial"))
    return dataclasses.replace(
        entry,
        configs=entry.configs or tuple(names) or None,
        rows=entry.rows if partial or entry.rows is not None else rows,
        size_bytes=entry.size_bytes if partial or entry.size_bytes is not None else size or None,
        config_rows=entry.config_rows or config_rows,
        faults=(*entry.faults, *faults),
    )


def _in_turns(found: list[list[Entry]], limit: int) -> list[Entry]:
    """The first of each list, then the second of each, each entry once."""
    result: dict[str, Entry] = {}
    for place in range(max(map(len, found), default=0)):
        for entries in found:
            if place < len(entries):
                result.setdefault(entries[place].id, entries[place])
    return list(result.values())[:limit]
