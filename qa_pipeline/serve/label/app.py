"""The page to label over HTTP: a FastAPI application on this machine. Decides nothing; see `project`.

Only the page itself may use it: every request names a host of this machine, and every request for data has the token
that stands in the page, which no other site can read. Errors are `{"detail": "..."}`, in words for the person.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse

from qa_pipeline.errors import DataError, QAError
from qa_pipeline.serve.label.overview import list_labels, list_passages, progress
from qa_pipeline.serve.label.project import LabelProject
from qa_pipeline.wording import first_line

logger = logging.getLogger(__name__)

TOKEN = "x-label-token"
LOCAL = ("127.0.0.1", "localhost", "::1")
MOST_BYTES = 64_000
"""Of what a page sends; a question and two numbers are far less."""
_ASSETS = {"label.css": "text/css; charset=utf-8", "label.js": "text/javascript; charset=utf-8"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def build_label_app(project: LabelProject, hosts: tuple[str, ...] = LOCAL) -> FastAPI:
    """The application.

    Args:
        project: what it shows and does.
        hosts: names and addresses by which it may be called, without ports.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from qa_pipeline.documents.passage import Passage
        >>> from qa_pipeline.serve.label.store import LabelStore
        >>> from qa_pipeline.serve.label.suggesting import Suggester
        >>> mill = Passage("1", "mill.md", "The old mill was built by Anna Berg in 1790.")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     app = build_label_app(LabelProject([mill], LabelStore(Path(folder, "labels.json")), Suggester([mill])))
        >>> sorted(route.path for route in app.routes if route.path.startswith("/api"))[:3]
        ['/api/decide', '/api/labels', '/api/look']
    """
    token = secrets.token_urlsafe(24)
    app = FastAPI(title="Label", docs_url=None, redoc_url=None, openapi_url=None)
    _guard(app, token, hosts)
    _answer_errors(app)
    _serve_page(app, token)
    _serve_lists(app, project)
    _serve_work(app, project)
    return app


def _serve_page(app: FastAPI, token: str) -> None:
    folder = resources.files("qa_pipeline.serve.label") / "assets"
    page = (folder / "label.html").read_text(encoding="utf-8").replace("{token}", token)

    @app.get("/")
    def index() -> Response:
        return HTMLResponse(page)

    @app.get("/assets/{name}")
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            return _problem(404, "There is no such file.")
        return Response((folder / name).read_bytes(), media_type=_ASSETS[name])


def _serve_lists(app: FastAPI, project: LabelProject) -> None:
    known: dict[tuple[Any, ...], dict[str, Any]] = {}

    @app.get("/api/progress")
    def progress_() -> Response:
        project.store.refresh()
        state = (project.store.decisions, project.suggester.done, project.suggester.fault)
        found = known.get(state)
        if found is None:  # every window asks every few seconds
            found = progress(project)
            known.clear()
            known[state] = found
        return _json(found)

    @app.get("/api/passages")
    def passages(document: str | None = None, query: str = "", page: int = 1) -> Response:
        return _json(list_passages(project, document=document or None, query=query, page=page))

    @app.get("/api/labels")
    def labels(
        document: str | None = None, kind: str | None = None, person: str | None = None, query: str = "", page: int = 1
    ) -> Response:
        found = list_labels(
            project, document=document or None, kind=kind or None, person=person, query=query, page=page
        )
        return _json(found)

    @app.get("/api/look")
    def look(passage: str, client: str) -> Response:
        return _json(project.look(passage, client))


def _serve_work(app: FastAPI, project: LabelProject) -> None:
    @app.post("/api/next")
    def next_passage(said: dict[str, Any] = Body()) -> Response:  # noqa: B008 (as FastAPI wants it)
        options = {name: said[name] for name in ("document", "order", "leave") if said.get(name) is not None}
        return _json(project.next_passage(said.get("client", ""), said.get("person", ""), **options))

    @app.post("/api/open")
    def open_passage(said: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return _json(project.open_passage(said.get("client", ""), said.get("person", ""), said.get("passage", "")))

    @app.post("/api/decide")
    def decide(said: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return _json(project.decide(said))

    @app.post("/api/undo")
    def undo(said: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return _json(project.undo(said))

    @app.post("/api/release")
    def release(said: dict[str, Any] = Body()) -> Response:  # noqa: B008
        project.release(said.get("client", ""))
        return _json({})


def _guard(app: FastAPI, token: str, hosts: tuple[str, ...]) -> None:
    """Refuses what does not come from the page."""

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = _refusal(request, token, hosts)
        if refused is None and request.method == "POST" and len(await _body(request)) > MOST_BYTES:
            refused = _problem(413, f"That is too much: {MOST_BYTES:,} bytes are the most.")
        response = await go_on(request) if refused is None else refused
        response.headers.update(_HEADERS)
        return response


async def _body(request: Request) -> bytes:
    """The body, read no further than a little beyond what is allowed."""
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > MOST_BYTES:
        return b" " * (MOST_BYTES + 1)
    return await request.body()


def _refusal(request: Request, token: str, hosts: tuple[str, ...]) -> Response | None:
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in hosts:
        return _problem(421, f"This page is at {hosts[0]} only.")
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if not request.url.path.startswith("/api/"):
        return None
    if (origin is not None and urlsplit(origin).netloc != host) or site not in ("same-origin", "none"):
        return _problem(403, "Another site may not use this page.")
    if not hmac.compare_digest(request.headers.get(TOKEN, "").encode(), token.encode()):
        return _problem(401, "The page was started again. Load it again.")
    return None


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(QAError)
    def refused(request: Request, error: QAError) -> Response:
        return _problem(400 if isinstance(error, DataError) else 500, first_line(error, 500))

    @app.exception_handler(RequestValidationError)
    def misread(request: Request, error: RequestValidationError) -> Response:
        return _problem(400, "That is not what the page sends. Load it again.")

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _problem(500, f"That did not work: a fault in the program, {type(error).__name__}.")


def _json(value: Any, status: int = 200) -> Response:
    # ASCII: a lone surrogate of an odd document has no bytes in UTF-8.
    return Response(json.dumps(value, ensure_ascii=True), status, media_type="application/json")


def _problem(status: int, detail: str) -> Response:
    return _json({"detail": detail}, status)
