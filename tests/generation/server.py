"""A chat completions server that does what a script says, faults included, and logs what reached it.

It listens on a free port of this machine; a context manager starts and stops it.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.generation.fakes import document


@dataclass
class Reply:
    """A completion."""

    text: str
    finish_reason: str = "stop"
    usage: bool = True
    seconds: float = 0.0
    completion_tokens: int | None = None


@dataclass
class Status:
    """An error."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "planned fault"


@dataclass
class Raw:
    """Any bytes with status 200."""

    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    code: int = 200


@dataclass
class Endless:
    """Sends megabytes until the client goes away."""

    code: int = 200


@dataclass
class Reset:
    """Breaks the connection without an answer."""


@dataclass
class Whitespace:
    """Sends a space every few milliseconds and never ends."""

    seconds: float = 20.0


Action = Reply | Status | Raw | Reset | Whitespace | Endless
Script = Callable[[int, dict[str, Any]], Action]


@dataclass
class Logged:
    """One request that reached the server."""

    number: int
    arrived: float
    body: dict[str, Any]
    authorization: str | None
    action: Action | None = None
    answered: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def asked(self) -> str:
        """Names the request: its content without what the dialect may drop."""
        return json.dumps([self.body.get("messages"), self.body.get("seed")])


def words(text: str) -> int:
    return len(text.split())


class ScriptedServer:
    """Serves `script(number of the request from 0, its body)`; `count` says how many tokens a text has."""

    def __init__(self, script: Script | None = None, count: Callable[[str], int] = words):
        self.script = script or (lambda number, body: Reply(like_a_model(body)))
        self.count = count
        self.log: list[Logged] = []
        self.most_under_way = 0
        self._under_way = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server._handle(self, body)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign] # clients are killed on purpose
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of everything that was answered."""
        return sum(entry.prompt_tokens + entry.completion_tokens for entry in self.log)

    def _handle(self, handler: Any, body: dict[str, Any]) -> None:
        with self._lock:
            entry = Logged(len(self.log), time.monotonic(), body, handler.headers.get("Authorization"))
            self.log.append(entry)
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            entry.action = self.script(entry.number, body)
            self._act(handler, body, entry, entry.action)
        except OSError:
            pass  # the client is gone
        finally:
            with self._lock:
                self._under_way -= 1

    def _act(self, handler: Any, body: dict[str, Any], entry: Logged, action: Action) -> None:
        if isinstance(action, Reset):
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.close_connection = True
        elif isinstance(action, Whitespace):
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Connection", "close")
            handler.end_headers()
            end = time.monotonic() + action.seconds
            while time.monotonic() < end:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.02)
            handler.close_connection = True
        elif isinstance(action, Status):
            content = json.dumps({"error": {"message": action.message, "code": None}}).encode()
            _send(handler, action.code, content, action.headers)
        elif isinstance(action, Raw):
            _send(handler, action.code, action.content, action.headers)
        elif isinstance(action, Endless):
            handler.send_response(action.code)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Connection", "close")
            handler.end_headers()
            while True:
                handler.wfile.write(b"x" * 2**20)
        else:
            time.sleep(action.seconds)
            entry.prompt_tokens = sum(self.count(m["content"]) + 4 for m in body["messages"])
            tokens = self.count(action.text) if action.completion_tokens is None else action.completion_tokens
            entry.completion_tokens = tokens
            value: dict[str, Any] = {
                "id": f"c{entry.number}",
                "object": "chat.completion",
                "model": body["model"],
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": action.text},
                        "finish_reason": action.finish_reason,
                    }
                ],
            }
            if action.usage:
                value["usage"] = {
                    "prompt_tokens": entry.prompt_tokens,
                    "completion_tokens": entry.completion_tokens,
                    "total_tokens": entry.prompt_tokens + entry.completion_tokens,
                }
            entry.answered = time.monotonic()
            _send(handler, 200, json.dumps(value).encode(), {})


def _send(handler: Any, code: int, content: bytes, headers: dict[str, str]) -> None:
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()


def like_a_model(body: dict[str, Any]) -> str:
    """What a good model would write: JSON of the form the prompt asks for, always the same for the same request."""
    prompt = body["messages"][-1]["content"]
    dice = int(hashlib.sha256(json.dumps([body["messages"], body.get("seed")]).encode()).hexdigest(), 16)
    passages = re.findall(r'"""\n(.*?)\n"""', prompt, re.S)
    passage = passages[-1] if passages else ""
    number = int((re.search(r"(?:Write|Choose|List) (\d+) ", prompt) or re.search(r"()", "")).group(1) or 1)
    tokens = passage.split() or ["nothing"]
    records = []
    for i in range(number):
        at = (dice // (i + 1) + 7 * i) % len(tokens)
        answer = " ".join(tokens[at : at + 2])
        records.append({"question": f"What is item {dice % 9973} of kind {i}?", "answer": answer, "evidence": passage})
    if '"topics"' in prompt:
        return json.dumps({"topics": [f"Clinic {(dice + i) % 10**6}" for i in range(number)]})
    if '"passage"' in prompt:
        return json.dumps({"title": "A town", "passage": document(dice % 10**6)})
    if '"tempting"' in prompt:
        return json.dumps({"questions": [{"question": r["question"], "tempting": r["answer"]} for r in records]})
    if '"answers"' in prompt:
        return json.dumps({"answers": [{**r, "type": "thing"} for r in records]})
    if '"number"' in prompt:
        listed = len(re.findall(r"^\d+\. ", prompt, re.M))
        return json.dumps(
            {"questions": [{"number": i + 1, "question": f"Which {dice % 89 + i}?"} for i in range(listed)]}
        )
    return json.dumps({"questions": records})


def first_then(fault, *, text="fine"):
    """The first request meets a fault, all others are answered."""
    return lambda number, body: fault if number == 0 else Reply(text)
