"""What every page and API of this package shares: its address, who may call it, errors in words, start and stop.

Never sees a model.

    with listen(LOCAL, 8000) as listener:
        protect(app, checked_access(LOCAL))
        run(app, listener, "Asking")
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qa_pipeline.errors import BackendError, ConfigError, DataError, ModelError, QAError
from qa_pipeline.serve.access import LOCAL, Access, Guard, checked_access
from qa_pipeline.serve.refusals import (
    BusyError,
    NameTakenError,
    NoSuchDocumentError,
    NotAllowedError,
    NothingToAskError,
    OutOfTimeError,
    StoppingError,
)
from qa_pipeline.wording import error_in_short, in_short, plain

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = [
    "LOCAL",
    "Access",
    "address_of",
    "check_web",
    "checked_access",
    "listen",
    "problem_of",
    "protect",
    "run",
    "validation_problem",
]

logger = logging.getLogger(__name__)

GRACE_SECONDS = 35.0
"""How long requests that are inside may take when the server is stopped."""
_KEEP_ALIVE = 65
"""Seconds; longer than the 60 of proxies such as nginx, which else meet connections that are just being closed."""
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NoSuchDocumentError, 404),
    (NameTakenError, 409),
    (NothingToAskError, 409),
    (NotAllowedError, 403),
    (BusyError, 429),
    (StoppingError, 503),
    (OutOfTimeError, 504),
    (DataError, 422),
    (ConfigError, 422),
    (BackendError, 502),
    (ModelError, 500),
    (QAError, 500),
)
"""The status of an error: of the first line that it is one of."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that has the address, so that nobody else takes it while a model is loaded; nobody is answered yet.

    Args:
        host: a name or an address of this machine.
        port: 0: any that is free.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError("command line", f"--host: {in_short(host)} is no address of this machine ({error})") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError("command line", _not_bound(host, port, error)) from None
    return listener


def _not_bound(host: str, port: int, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"--port: this user may not take {port}; give one above 1023"
    if error.errno == errno.EADDRINUSE:
        return f"--port: {port} is in use by another program; give another, or 0 to take one that is free"
    return f"--host: {in_short(host)} cannot be listened on: {error.strerror or error}"


# Errors in words


def problem_of(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An error as status, JSON and headers; one that is a fault of this program says no more than that.

    >>> problem_of(DataError("question: is blank"))
    (422, {'detail': 'question: is blank'}, {})
    """
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, BusyError) else {}
    if not isinstance(error, QAError):
        logger.error("a request could not be answered: %s", error_in_short(error))
        logger.debug("", exc_info=error)
        return (
            500,
            {"detail": f"a fault in the program: {error_in_short(error)}; the server's log has a line on it"},
            {},
        )
    return status, {"detail": plain(str(error))}, headers


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
    """What pydantic says of a request, in words: 400 for what is no JSON, else 422 with each field's fault."""
    faults = []
    for error in errors:
        place = [str(part) for part in error["loc"] if part != "body"]
        if error["type"] == "json_invalid":
            reason = (error.get("ctx") or {}).get("error", "")
            return 400, {"detail": plain(f"body: expected JSON, found something else ({reason})")}
        said = "is required" if error["type"] == "missing" else _said(error)
        if error["type"] == "extra_forbidden":
            said = "is unknown; /docs lists what there is"
        faults.append({"field": ".".join(place) or "body", "message": plain(said)})
    return 422, {"detail": "; ".join(f"{one['field']}: {one['message']}" for one in faults), "errors": faults}


def _said(error: Mapping[str, Any]) -> str:
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{said[:1].lower()}{said[1:]}, found {in_short(error.get('input'))}"


def protect(app: FastAPI, access: Access) -> None:
    """Puts the checks of `Access` before an app, and makes every error of it JSON: {"detail": words}."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.middleware.cors import CORSMiddleware
    from starlette.responses import JSONResponse

    async def on_error(_: Any, error: Exception) -> Any:
        status, problem, headers = problem_of(error)
        return JSONResponse(problem, status, headers=headers)

    async def on_invalid(_: Any, error: Any) -> Any:
        status, problem = validation_problem(error.errors())
        return JSONResponse(problem, status)

    async def on_http(request: Any, error: Any) -> Any:
        detail = error.detail
        if error.status_code == 404 and detail == "Not Found":
            detail = f"there is nothing at {in_short(request.url.path)}; /docs lists what there is"
        if error.status_code == 405:
            detail = f"{request.method} means nothing at {in_short(request.url.path)}; /docs lists what does"
        return JSONResponse({"detail": plain(str(detail))}, error.status_code, headers=error.headers)

    app.add_exception_handler(QAError, on_error)
    app.add_exception_handler(Exception, on_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_middleware(Guard, access=access)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
            expose_headers=["Retry-After"],
        )


# Start and stop


def check_web() -> None:
    """Checks that what serves is installed.

    Raises:
        ConfigError: it is not; says what to install.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "command line",
            f"serving needs {error.name}, which is not installed; run: "
            "pip install fastapi uvicorn prometheus-client python-multipart",
        ) from None


def address_of(listener: socket.socket) -> str:
    """The URL of a socket, as a browser of this machine can open it.

    >>> with listen("127.0.0.1", 0) as listener:
    ...     address_of(listener).startswith("http://127.0.0.1:")
    True
    """
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # every address of the machine
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: Any, listener: socket.socket, said: str, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Serves an app until SIGTERM or Ctrl-C, and prints its address on one line when it can be called.

    When it is told to stop it takes no more connections, answers the requests that are inside, and returns. A second
    signal ends it at once.

    Args:
        app: an ASGI app.
        listener: of `listen`; it is closed.
        said: what stands before the address.
        grace_seconds: after which requests that are still inside are given up.
    """
    import uvicorn

    line = f"{said} at {address_of(listener)} (Ctrl-C ends)"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(line, flush=True)

        def handle_exit(self, sig: int, frame: Any) -> None:
            # Uvicorn's own would end the process by the signal after a stop that went well.
            self.force_exit = self.force_exit or self.should_exit
            self.should_exit = True

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(grace_seconds)),
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with contextlib.closing(listener):
        Server(config).run(sockets=[listener])
