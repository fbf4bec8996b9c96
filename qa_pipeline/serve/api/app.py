"""The HTTP API: each endpoint hands what it was sent to a `Service`, and gives back what comes. Computes nothing.

    service = Service(QAPredictor.from_pretrained("runs/policies"), DocumentStore.open(["policies"]))
    app = build_app(service)

Imports FastAPI, so that it is imported only where an app is built.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections import Counter
from concurrent.futures import Future
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

import qa_pipeline
from qa_pipeline.errors import DataError
from qa_pipeline.serve.access import LOCAL, MOST_BODY, Access, checked_access
from qa_pipeline.serve.api.metrics import CountRequests, ServerMetrics
from qa_pipeline.serve.api.page import add_page
from qa_pipeline.serve.api.schema import (
    PROBLEMS,
    AnswerBody,
    AnswerSpan,
    AskBody,
    AskResult,
    DocumentList,
    Health,
    HighlightBody,
    HighlightResult,
    ListedDocument,
    RequestProblem,
    TextToAdd,
    VerifyBody,
    VerifyResult,
)
from qa_pipeline.serve.asking import MOST_MEGABYTES
from qa_pipeline.serve.refusals import OutOfTimeError
from qa_pipeline.serve.web import protect

if TYPE_CHECKING:
    from qa_pipeline.serve.service import Service

OPEN_PATHS = frozenset({"/", "/health", "/docs", "/docs/api.css", "/docs/api.js", "/openapi.json"})
"""Need no key: they say nothing of documents."""
_ROOM = 100_000
"""Bytes of a multipart request beside the file itself."""
_GONE = 499
"""Of a caller who went away before the answer; only metrics see it."""
_DESCRIPTION = (
    "Answers questions with exact words of documents, and says where they stand. Positions are characters of the "
    'document\'s text, `end` exclusive. Errors are JSON: `{"detail": words}`.'
)


def build_app(service: Service, access: Access | None = None, *, most_upload: int = MOST_MEGABYTES * 10**6) -> FastAPI:
    """The app of a service.

    Args:
        service: answers; its observer is set to the app's metrics. It is not closed with the app.
        access: who may call, see `checked_access`; None: programs of this machine, with the key of the environment
            where there is one.
        most_upload: bytes of a document that is added.

    Example:
        >>> from fastapi.testclient import TestClient  # doctest: +SKIP
        >>> TestClient(build_app(service), "http://localhost").get("/health").json()["ready"]  # doctest: +SKIP
        True
    """
    access = access or checked_access(LOCAL)
    metrics = ServerMetrics(lambda: service.waiting, service.store.count)
    service.observer = metrics
    app = FastAPI(
        title="qa-pipeline",
        version=qa_pipeline.__version__,
        description=_DESCRIPTION,
        docs_url=None,  # Swagger's page and ReDoc's are fetched from elsewhere
        redoc_url=None,
        responses=PROBLEMS,
        dependencies=[] if access.key is None else [Depends(_BEARER), Depends(_HEADER)],
        separate_input_output_schemas=False,
    )
    _add_questions(app, service)
    _add_documents(app, service, most_upload)
    _add_state(app, service, metrics)
    add_page(app)
    _describe(app)
    uploads = dict.fromkeys(("/documents", "/documents/file"), max(most_upload + _ROOM, MOST_BODY))
    sizes = {**access.most_body_of, **uploads}
    protect(app, dataclasses.replace(access, open_paths=access.open_paths | OPEN_PATHS, most_body_of=sizes))
    app.add_middleware(CountRequests, metrics=metrics)
    return app


_BEARER = HTTPBearer(auto_error=False, description="The server's key, as `Authorization: Bearer KEY`.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The server's key, the other way to send it.")


def _add_questions(app: FastAPI, service: Service) -> None:
    @app.post("/ask", operation_id="ask", tags=["questions"], summary="Ask the documents", response_model=AskResult)
    async def ask(body: AskBody, request: Request) -> Any:
        """The words of the documents that answer a question, with file, page, characters, sentence and confidence.

        409 where there are no documents.
        """
        return await answered(request, service.submit_ask(**body.model_dump()), service.limits.seconds)

    @app.post(
        "/answer",
        operation_id="answer",
        tags=["questions"],
        summary="Ask a text",
        response_model=AnswerSpan | list[AnswerSpan] | list[list[AnswerSpan]],
    )
    async def answer(body: AnswerBody, request: Request) -> Any:
        """The answer to a question on a text, in the shape of the question-answering pipeline of transformers.

        With top_k above 1 or all_answers a list of answers, best first; of a list of questions, a list of that.
        """
        return await answered(request, service.submit_answer(**body.model_dump()), service.limits.seconds)

    @app.post(
        "/highlight",
        operation_id="highlight",
        tags=["evidence"],
        summary="Find evidence",
        response_model=HighlightResult,
    )
    async def highlight(body: HighlightBody, request: Request) -> Any:
        """What of the documents, or of a text, bears on a question, and the sentences worth handing on."""
        return await answered(request, service.submit_highlight(**body.model_dump()), service.limits.seconds)

    @app.post(
        "/verify", operation_id="verify", tags=["evidence"], summary="Verify quotations", response_model=VerifyResult
    )
    async def verify(body: VerifyBody, request: Request) -> Any:
        """Whether quoted words stand in the documents, or in a text: verbatim, repaired or not, and what differs."""
        checks = await answered(request, service.submit_verify(**body.model_dump()), service.limits.seconds)
        if isinstance(checks, Response):
            return checks
        return {"checks": checks, "counts": dict(Counter(check["status"] for check in checks))}


def _add_documents(app: FastAPI, service: Service, most_upload: int) -> None:
    @app.get(
        "/documents",
        operation_id="list_documents",
        tags=["documents"],
        summary="List documents",
        response_model=DocumentList,
    )
    async def list_documents(
        offset: Annotated[int, Query(ge=0, description="How many to pass over.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000, description="How many to give.")] = 100,
    ) -> Any:
        """The documents that are asked, in the order of their names."""
        return await run_in_threadpool(service.documents, offset, limit)

    added: dict[str, Any] = {
        "tags": ["documents"],
        "status_code": 201,
        "response_model": ListedDocument,
        "responses": {409: {"model": RequestProblem, "description": "There is a document of this name."}},
    }

    @app.post("/documents", operation_id="add_document", summary="Add a document", **added)
    async def add_document(request: Request) -> Any:
        """Adds a text; or a file, as `POST /documents/file` does. When this answers, it can be asked.

        403 where documents cannot be added to this server.
        """
        name, content, replace = await _document(request, most_upload)
        return await run_in_threadpool(service.add_document, name, content, replace=replace)

    @app.post("/documents/file", operation_id="upload_document", summary="Upload a document", **added)
    async def upload_document(request: Request) -> Any:
        """Adds a file (multipart, field `file`). When this answers, it can be asked.

        403 where documents cannot be added to this server.
        """
        name, content, replace = await _document(request, most_upload)
        return await run_in_threadpool(service.add_document, name, content, replace=replace)

    @app.delete(
        "/documents/{name:path}",
        operation_id="remove_document",
        tags=["documents"],
        summary="Remove a document",
        status_code=204,
        response_class=Response,
        responses={404: {"model": RequestProblem, "description": "There is no document of this name."}},
    )
    async def remove_document(name: str) -> None:
        """Removes a document that was added. Those that the server was started with stay: 403."""
        await run_in_threadpool(service.remove_document, name)


def _add_state(app: FastAPI, service: Service, metrics: ServerMetrics) -> None:
    @app.get("/health", operation_id="health", tags=["server"], summary="Ready?", response_model=Health)
    async def health() -> Any:
        """Whether the server can be asked, and what it is. Needs no key; 503 where it cannot be asked."""
        state = {**service.health(), "version": qa_pipeline.__version__}
        return state if state["ready"] else JSONResponse(state, 503)

    @app.get("/metrics", operation_id="metrics", tags=["server"], summary="Metrics", response_class=PlainTextResponse)
    async def read_metrics() -> Any:
        """Metrics for Prometheus: requests, seconds, the queue, batches, questions answered and not found."""
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", include_in_schema=False)
    async def root() -> Any:
        return RedirectResponse("docs")


async def answered(request: Request, future: Future[Any], seconds: float) -> Any:
    """What a future of a service ends in, while the caller waits; where he goes away it is given up.

    Args:
        request: whose caller waits.
        future: of a `submit_` method of `Service`.
        seconds: that he waits at most.

    Raises:
        OutOfTimeError: it takes longer. Then, too, it is not computed any more unless it is being computed already.
        Exception: what the future ends in.
    """
    done, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(_: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(tell)
    waiting = {asyncio.ensure_future(done.wait()), asyncio.ensure_future(_gone(request))}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if future.done() and not future.cancelled():
            return future.result()
        if any(task.done() for task in waiting):
            return Response(status_code=_GONE)
        raise OutOfTimeError(seconds)
    finally:
        future.cancel()  # where it is not begun; else nothing
        for task in waiting:
            task.cancel()


async def _gone(request: Request) -> None:
    """Returns when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _document(request: Request, most: int) -> tuple[str, bytes, bool]:
    """Name, content, and whether to replace, of a multipart or JSON request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            body = TextToAdd.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None
        return body.name, body.text.encode("utf-8"), body.replace
    if kind != "multipart/form-data":
        raise HTTPException(415, f"expected multipart/form-data or application/json, found {kind or 'no Content-Type'}")
    async with request.form(max_files=1, max_fields=10) as form:
        file, name = form.get("file"), form.get("name")
        if not isinstance(file, UploadFile):
            raise DataError("file: is required: a field of this name with the file, as curl -F file=@NAME sends it")
        if (file.size or 0) > most:
            raise HTTPException(413, f"the file is too large; {most:,} bytes are the most")
        replace = str(form.get("replace", "")).lower()
        if replace not in ("", "true", "false", "1", "0"):
            raise DataError(f"replace: expected true or false, found {replace[:40]!r}")
        given = name if isinstance(name, str) and name else file.filename
        return str(given or ""), await file.read(), replace in ("true", "1")


def _describe(app: FastAPI) -> None:
    """Says in the OpenAPI description what FastAPI cannot be told.

    What a document is added as: one path for each kind, since generators of clients do not know two kinds for one. And
    that errors are JSON where what is asked for is not.
    """
    made = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            shape = TextToAdd.model_json_schema(ref_template="#/components/schemas/{model}")
            schema["components"]["schemas"]["TextToAdd"] = shape
            schema["components"]["schemas"]["FileToAdd"] = _FILE
            for path, kind, name in (
                ("/documents", "application/json", "TextToAdd"),
                ("/documents/file", "multipart/form-data", "FileToAdd"),
            ):
                content = {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
                schema["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
            for operation in (one for path in schema["paths"].values() for one in path.values()):
                for status, response in operation["responses"].items():
                    if not status.startswith("2"):
                        response["content"] = {
                            "application/json": {"schema": {"$ref": "#/components/schemas/RequestProblem"}}
                        }
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


_FILE: dict[str, Any] = {
    "title": "FileToAdd",
    "type": "object",
    "description": "A file to add as a document.",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "The file, with its name."},
        "name": {"type": "string", "description": "Its name, where it is to have another."},
        "replace": {"type": "boolean", "default": False, "description": "Take the place of one of this name."},
    },
}
