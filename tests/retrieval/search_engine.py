"""A search engine of our own that speaks the HTTP of OpenSearch or of Elasticsearch, as much of it as is used.

The real clients talk to it. It refuses what the engine would refuse: fields of types that it does not know, searches of
the other engine, bodies with unknown keys, vectors of another length. What is written is found after a refresh only.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from qa_pipeline.retrieval.ranking import word_scores

TYPES = {"opensearch": "knn_vector", "elasticsearch": "dense_vector"}
SEARCH_KEYS = {"size", "query", "_source", "sort", "search_after", "knn"}


class Refused(Exception):
    """What the engine answers with an error."""

    def __init__(self, status: int, kind: str, reason: str):
        super().__init__(reason)
        self.status, self.kind = status, kind


class SearchEngine:
    """Its indexes, and the requests that it was sent."""

    def __init__(self, kind: str):
        self.kind = kind
        self.bodies: dict[str, dict[str, Any]] = {}
        self.written: dict[str, dict[str, Any]] = {}
        self.visible: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.fail_bulk_of: str | None = None

    def answer(self, method: str, path: str, content: bytes) -> Any:
        self.requests.append((method, path))
        parts = path.split("?")[0].strip("/").split("/")
        if parts == [""]:
            return self._about()
        if parts == ["_bulk"]:
            return self._bulk([json.loads(line) for line in content.splitlines()])
        name, action = parts[0], "/".join(parts[1:])
        body = json.loads(content) if content else {}
        if method == "PUT" and not action:
            return self._create(name, body)
        if name not in self.bodies:
            raise Refused(404, "index_not_found_exception", f"no such index [{name}]")
        actions = {
            "": lambda: {},
            "_mapping": lambda: {name: {"mappings": self.bodies[name]["mappings"]}},
            "_refresh": lambda: self._refresh(name),
            "_count": lambda: {"count": len(self.visible[name])},
            "_search": lambda: self._search(name, body),
            "_delete_by_query": lambda: self._delete(name, body),
        }
        return actions[action]()

    def _about(self) -> dict[str, Any]:
        number = {"opensearch": "3.1.0", "elasticsearch": "9.1.0"}[self.kind]
        return {"version": {"number": number, "distribution": self.kind, "build_flavor": "default"}}

    def _create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name in self.bodies:
            raise Refused(400, "resource_already_exists_exception", name)
        known = {"object", "text", "keyword", "integer", TYPES[self.kind]}
        for field, definition in body["mappings"]["properties"].items():
            if definition["type"] not in known:
                raise Refused(400, "mapper_parsing_exception", f"No handler for type of field [{field}]")
        has_vector = "vector" in body["mappings"]["properties"]
        if self.kind == "opensearch" and has_vector and not body.get("settings", {}).get("index", {}).get("knn"):
            raise Refused(400, "illegal_argument_exception", "index.knn is not set")
        self.bodies[name], self.written[name], self.visible[name] = body, {}, {}
        return {"acknowledged": True, "index": name}

    def _bulk(self, lines: list[Any]) -> dict[str, Any]:
        items = []
        for action, record in zip(lines[::2], lines[1::2], strict=True):
            name, one = action["index"]["_index"], action["index"]["_id"]
            properties = self.bodies[name]["mappings"]["properties"]
            vector = properties.get("vector", {})
            expected = vector.get("dimension", vector.get("dims"))
            if len(record.get("vector", [])) not in (0, expected) or name == self.fail_bulk_of:
                error = {"type": "mapper_parsing_exception", "reason": "failed to parse"}
                items.append({"index": {"_id": one, "status": 400, "error": error}})
                continue
            assert record.keys() <= properties.keys()
            self.written[name][one] = record
            items.append({"index": {"_id": one, "status": 201}})
        return {"errors": any("error" in item["index"] for item in items), "items": items}

    def _refresh(self, name: str) -> dict[str, Any]:
        self.visible[name] = dict(self.written[name])
        return {"_shards": {}}

    def _search(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := body.keys() - SEARCH_KEYS:
            raise Refused(400, "parsing_exception", f"unknown key {unknown}")
        if body["size"] > 10_000:
            raise Refused(400, "illegal_argument_exception", "Result window is too large")
        if "knn" in body and self.kind == "opensearch":
            raise Refused(400, "parsing_exception", "Unknown key for a START_OBJECT in [knn].")
        scores = self._scores(name, body)
        rows = self.visible[name]
        if "sort" in body:
            ((key, _),) = body["sort"][0].items()
            after = body.get("search_after", [""])[0]
            order = sorted((one for one in scores if rows[one][key] > after), key=lambda one: rows[one][key])
        else:
            order = sorted(scores, key=lambda one: -scores[one])
        hits = [
            {
                "_id": one,
                "_score": scores[one],
                "_source": {key: rows[one][key] for key in body["_source"]},
                **({"sort": [rows[one][key]]} if "sort" in body else {}),
            }
            for one in order[: body["size"]]
        ]
        return {"hits": {"hits": hits}}

    def _scores(self, name: str, body: dict[str, Any]) -> dict[str, float]:
        rows = self.visible[name]
        if "knn" in body:
            assert body["knn"].keys() == {"field", "query_vector", "k", "num_candidates"}
            assert body["knn"]["k"] <= body["knn"]["num_candidates"]
            return self._cosines(rows, body["knn"]["query_vector"], body["knn"]["k"])
        ((kind, query),) = body["query"].items()
        if kind == "knn" and self.kind == "elasticsearch":
            raise Refused(400, "parsing_exception", "[knn] query malformed")
        if kind == "knn":
            ((_, inner),) = query.items()
            return self._cosines(rows, inner["vector"], inner["k"])
        if kind == "match":
            scores = word_scores(query["text"], [row["text"] for row in rows.values()]) if rows else []
            return {one: float(score) for one, score in zip(rows, scores, strict=True) if score > 0}
        return {one: 1.0 for one in rows if self._matches(one, rows[one], body["query"])}

    def _cosines(self, rows: dict[str, Any], vector: list[float], count: int) -> dict[str, float]:
        wanted = np.array(vector)
        scores = {}
        for one, row in rows.items():
            other = np.array(row["vector"])
            cosine = wanted @ other / np.linalg.norm(wanted) / np.linalg.norm(other)
            scores[one] = float((1 + cosine) / 2)
        return dict(sorted(scores.items(), key=lambda item: -item[1])[:count])

    def _matches(self, one: str, row: dict[str, Any], query: dict[str, Any]) -> bool:
        ((kind, inner),) = query.items()
        if kind == "match_all":
            return True
        if kind == "ids":
            return one in inner["values"]
        if kind == "term":
            ((field, value),) = inner.items()
            return row[field] == value
        assert kind == "bool" and inner.keys() <= {"filter", "must_not"}
        every = all(self._matches(one, row, each) for each in inner.get("filter", []))
        return every and not any(self._matches(one, row, each) for each in inner.get("must_not", []))

    def _delete(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        gone = [one for one, row in self.visible[name].items() if self._matches(one, row, body["query"])]
        for one in gone:
            self.written[name].pop(one, None)
        return {"deleted": len(gone)}


class _Handler(BaseHTTPRequestHandler):
    engine: SearchEngine

    def _handle(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, answer = 200, self.engine.answer(self.command, self.path, content)
        except Refused as error:
            status, answer = error.status, {"error": {"type": error.kind, "reason": str(error)}, "status": error.status}
        sent = self.headers.get("Accept", "")
        kind = sent if re.search(r"vnd\.elasticsearch\+json", sent) else "application/json"
        data = b"" if self.command == "HEAD" else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.engine.kind == "elasticsearch":
            self.send_header("X-Elastic-Product", "Elasticsearch")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _handle

    def log_message(self, *_: Any) -> None:
        pass


def serve(engine: SearchEngine) -> ThreadingHTTPServer:
    """Starts it on a free port; the caller shuts it down."""
    handler = type("Handler", (_Handler,), {"engine": engine})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
