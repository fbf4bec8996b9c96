"""A local HTTP server that speaks the part of the Hub's API that is used, with scripted entries and faults.

The shape of its replies is that which huggingface_hub parses (`ModelInfo`, `DatasetInfo`: property names of `expand`,
`cardData`, `siblings`, `safetensors`; error codes of `hf_raise_for_status`), and that of the dataset viewer's `/size`,
as documented. As on the Hub, a list or an entry holds only what `expand` names, `search` looks for a text in the id,
and all of the `filter`s must be among the tags. Every request is logged, with whether it had the token.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "hf_atokenofthesetests"


@dataclass
class Fault:
    """What answers in place of the reply, so many times.

    Attributes:
        path: of the requests that it is for (the beginning).
        status: of the answer; 200 for a body that is damaged.
        headers: of the answer.
        body: of the answer.
        seconds: waits so long before the answer.
        cut: claims more bytes than it sends.
        times: how often.
    """

    path: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"error": "Internal Error"}'
    seconds: float = 0.0
    cut: bool = False
    times: int = 10**6


@dataclass
class Request:
    """One request that came in: its path, its query, and whether it had the token."""

    path: str
    query: dict[str, list[str]]
    with_token: bool


def dataset(id: str, *tags: str, rows: int | None = None, size: int | None = None, **given: Any) -> dict[str, Any]:
    """A data set as the API has it; its card says rows and size where they are given."""
    card: dict[str, Any] = {"task_categories": ["question-answering"]}
    if rows is not None:
        splits = [{"name": "train", "num_bytes": 10 * rows, "num_examples": rows}]
        card["dataset_info"] = {"config_name": "default", "splits": splits, "download_size": size, "dataset_size": size}
    files = given.pop("files", ["README.md", "data/train-00000-of-00001.parquet"])
    return {
        "id": id,
        "description": given.pop("description", f"{id} has questions with answers in texts."),
        "downloads": 100,
        "gated": False,
        "tags": ["task_categories:question-answering", *tags],
        "cardData": {**card, **given.pop("card", {})},
        "siblings": [{"rfilename": name} for name in files],
        **given,
    }


def model(id: str, model_type: str, millions: float | None, *tags: str, **given: Any) -> dict[str, Any]:
    """A model as the API has it, with float32 weights in safetensors where `millions` of them are given."""
    files = ["README.md", "config.json", "tokenizer.json", *(["model.safetensors"] if millions else [])]
    weights = round((millions or 0) * 1e6)
    return {
        "id": id,
        "downloads": 1000,
        "gated": False,
        "pipeline_tag": "question-answering" if "question-answering" in tags else "fill-mask",
        "tags": ["transformers", model_type, *tags],
        "cardData": {},
        "config": {"model_type": model_type, "architectures": [f"{model_type.title()}ForQuestionAnswering"]},
        "safetensors": {"parameters": {"F32": weights}, "total": weights} if millions else None,
        "siblings": [{"rfilename": name} for name in given.pop("files", files)],
        **given,
    }


def _scores(dataset_type: str, exact: float, f1: float) -> list[dict[str, Any]]:
    """The `model-index` of a card."""
    metrics = [{"type": "exact_match", "value": exact}, {"type": "f1", "value": f1}]
    result = {
        "task": {"type": "question-answering"},
        "dataset": {"name": dataset_type, "type": dataset_type},
        "metrics": metrics,
    }
    return [{"name": "a model", "results": [result]}]


class HubServer:
    """The server: what it has, what goes wrong, and what was asked.

    Attributes:
        datasets, models: entries by id, as the API has them.
        cards: README.md by id. sizes: replies of the viewer's /size by id. configs: config.json by id of a model.
        open_to_token: gated entries that the token opens.
        faults: what answers in place of the replies, the first that fits first.
        requests: what came in.
    """

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.cards: dict[str, str] = {}
        self.sizes: dict[str, Any] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.open_to_token: set[str] = set()
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.url = ""

    def add(self, *entries: dict[str, Any]) -> None:
        """Adds data sets and models; a model is an entry with a config."""
        for entry in entries:
            (self.models if "config" in entry else self.datasets)[entry["id"]] = entry

    def asked(self, path: str) -> int:
        """How many requests for paths with this beginning came in."""
        return sum(request.path.startswith(path) for request in self.requests)

    def reply(self, request: Request) -> tuple[int, dict[str, str], str]:
        """Status, headers and body for a request."""
        path = request.path
        for kind, entries in (("datasets", self.datasets), ("models", self.models)):
            if path == f"/api/{kind}":
                return _json([_expanded(entry, request) for entry in _found(entries, request)])
            if path.startswith(f"/api/{kind}/"):
                entry = entries.get(path.removeprefix(f"/api/{kind}/"))
                return _missing("RepoNotFound") if entry is None else _json(_expanded(entry, request))
        if path == "/size":
            return self._size(request)
        id, _, file = path.removeprefix("/datasets/").strip("/").partition("/resolve/main/")
        entry = self.datasets.get(id) or self.models.get(id)
        if entry is None:
            return _missing("RepoNotFound")
        if self._is_closed(entry, request):
            return _gated(request)
        if file == "README.md" and id in self.cards:
            return 200, {"Content-Type": "text/markdown"}, self.cards[id]
        if file == "config.json" and id in self.configs:
            return _json(self.configs[id])
        return _missing("EntryNotFound")

    def _size(self, request: Request) -> tuple[int, dict[str, str], str]:
        id = request.query["dataset"][0]
        if id not in self.datasets or self._is_closed(self.datasets[id], request):
            error = {"error": "The dataset does not exist, or is not accessible without authentication."}
            return 401, {"X-Error-Code": "ExternalUnauthenticatedError"}, json.dumps(error)
        if id not in self.sizes:
            error = {"error": "Cannot get the config names for the dataset."}
            return 500, {"X-Error-Code": "ConfigNamesError"}, json.dumps(error)
        return _json(self.sizes[id])

    def _is_closed(self, entry: dict[str, Any], request: Request) -> bool:
        return bool(entry["gated"]) and not (request.with_token and entry["id"] in self.open_to_token)


def _json(value: Any) -> tuple[int, dict[str, str], str]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value)


def _missing(code: str) -> tuple[int, dict[str, str], str]:
    return 404, {"X-Error-Code": code, "X-Error-Message": "not found"}, '{"error": "not found"}'


def _gated(request: Request) -> tuple[int, dict[str, str], str]:
    message = "Access to it is restricted and you are not in the authorized list."
    headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": message}
    return (403 if request.with_token else 401), headers, json.dumps({"error": message})


def _expanded(entry: dict[str, Any], request: Request) -> dict[str, Any]:
    wanted = request.query.get("expand", [])
    return {"_id": "0123456789abcdef", **{name: entry[name] for name in entry if name == "id" or name in wanted}}


def _found(entries: dict[str, dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    word = request.query.get("search", [""])[0].lower()
    filters = set(request.query.get("filter", []))
    fitting = [one for one in entries.values() if word in one["id"].lower() and filters <= set(one["tags"])]
    fitting.sort(key=lambda one: -one["downloads"])
    return fitting[: int(request.query.get("limit", ["1000"])[0])]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub: HubServer = self.server.hub  # type: ignore[attr-defined]
        address = urlsplit(self.path)
        with_token = TOKEN in (self.headers.get("authorization") or "")
        request = Request(unquote(address.path), parse_qs(address.query), with_token)
        hub.requests.append(request)
        fault = next((one for one in hub.faults if one.times > 0 and request.path.startswith(one.path)), None)
        if fault is None:
            self._send(*hub.reply(request))
            return
        fault.times -= 1
        time.sleep(fault.seconds)
        with contextlib.suppress(OSError):  # who asked has gone
            self._send(fault.status, fault.headers, fault.body, more=1000 if fault.cut else 0)

    def _send(self, status: int, headers: dict[str, str], body: str, more: int = 0) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) + more))
        if more:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = self.close_connection or bool(more)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving(hub: HubServer) -> Iterator[HubServer]:
    """Runs the server as long as the block does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.hub = hub  # type: ignore[attr-defined]
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def standard_entries(hub: HubServer) -> None:
    """What a search meets: good entries and every kind of bad one."""
    hub.add(
        dataset("acme/privacy_qa", "language:en", "license:cc-by-4.0", rows=18000, size=5_000_000, downloads=900),
        dataset("acme/german_quad", "language:de", "license:mit", rows=12000, size=9_000_000, downloads=800),
        dataset("acme/clinic_notes_qa", "language:en", "license:other", gated="auto", downloads=700),
        dataset("acme/contracts_qa", "language:en", "license:cc-by-4.0", files=["README.md", "contracts_qa.py"]),
        dataset("acme/odd_configs", "language:en", "license:mit", downloads=50),
        dataset("acme/counted_by_viewer", "language:en", "license:mit", downloads=60),
        model("acme/small-squad2", "bert", 22.7, "en", "license:mit", "question-answering", downloads=5000),
        model("acme/plain-encoder", "roberta", 124.6, "en", "license:mit", "fill-mask", downloads=9000),
        model("acme/gated-squad", "bert", 109.5, "en", "license:other", "question-answering", gated="manual"),
        model("acme/pickled-squad", "bert", None, "en", "license:mit", "question-answering"),
        model("acme/chatty-qa", "qwen3", 596.0, "en", "license:apache-2.0", "question-answering"),
        model("acme/own-code-squad", "bert", 33.0, "en", "license:mit", "question-answering", "custom_code"),
        model("acme/many-tongues-squad", "xlm-roberta", 278.0, "multilingual", "license:mit", "question-answering"),
    )
    hub.models["acme/small-squad2"]["cardData"]["model-index"] = _scores("squad_v2", 72.5, 76.1)
    hub.cards["acme/privacy_qa"] = "---\nlanguage: en\n---\n# Questions about privacy policies\n"
    hub.cards["acme/small-squad2"] = "---\nlanguage: en\n---\n# A small reader\n"
    hub.configs["acme/small-squad2"] = {
        "model_type": "bert",
        "architectures": ["BertForQuestionAnswering"],
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "max_position_embeddings": 512,
    }
    splits = [
        {"config": "default", "split": "train", "num_rows": 900, "num_bytes_parquet_files": 90_000},
        {"config": "default", "split": "test", "num_rows": 100, "num_bytes_parquet_files": 10_000},
    ]
    whole = {"num_rows": 1000, "num_bytes_original_files": 200_000, "num_bytes_parquet_files": 100_000}
    hub.sizes["acme/counted_by_viewer"] = {
        "size": {"dataset": whole, "configs": [], "splits": splits},
        "pending": [],
        "failed": [],
        "partial": False,
    }


@pytest.fixture
def hub_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The server with the standard entries; asking is allowed, and no token of the machine is used."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    hub = HubServer()
    standard_entries(hub)
    with serving(hub):
        yield hub


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt to open a connection, or to look a name up, fails the test."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was used")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
