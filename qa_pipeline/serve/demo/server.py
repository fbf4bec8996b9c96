"""Serves the page: from the check of its address to Ctrl-C. Never builds or asks anything."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from qa_pipeline.errors import ConfigError
from qa_pipeline.serve.demo.page import HOST

logger = logging.getLogger(__name__)

FIRST_PORT, PORTS = 7860, 100
"""The first port that is tried where none is named, and how many."""
SHARED = (
    "warning: --share makes a public address. Whoever has it can ask this model, and read what it finds in the "
    "documents of this page; questions and documents pass through servers of Gradio. It ends with this command, or "
    "after a week."
)


@contextlib.contextmanager
def uploads_of_this_run() -> Iterator[None]:
    """A folder for what visitors upload, which is gone when the block ends. The page must be built inside.

    Gradio keeps uploads in a folder of the system that outlives it.
    """
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="qa_pipeline_demo_", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def free_port(port: int | None) -> int:
    """The port, or the first that is free where none is named.

    Raises:
        ConfigError: it is taken, or may not be taken by this user.
    """
    for one in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, one))
                return one
            except PermissionError:
                raise ConfigError(
                    "command line", f"--port: this user may not take {one}; give one above 1023"
                ) from None
            except OSError:
                continue
    if port is not None:
        raise ConfigError(
            "command line",
            f"--port: {port} is in use by another program; give another, or none to take one that is free",
        )
    raise ConfigError(
        "command line", f"--port: all from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are in use; give another"
    )


def serve_demo(demo: Any, *, port: int | None = None, share: bool = False) -> None:
    """Serves the page, prints its address on one line, and returns on Ctrl-C.

    Args:
        demo: of `build_demo`.
        port: on 127.0.0.1; None takes the first that is free from 7860 on.
        share: make a public address too, by way of servers of Gradio.

    Raises:
        ConfigError: the port cannot be had.
    """
    port = free_port(port)
    _leave_proxies_out()
    said = io.StringIO()  # Gradio prints several lines on a public address, or on why there is none
    try:
        with contextlib.redirect_stdout(said):
            demo.launch(server_port=port, share=share, prevent_thread_lock=True)
    except OSError:
        raise ConfigError("command line", f"--port: {port} was taken by another program; give another") from None
    try:
        print(_address(demo, share, said.getvalue()), flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        demo.close(verbose=False)


def _address(demo: Any, share: bool, said: str) -> str:
    line = f"Ask at {demo.local_url.rstrip('/')} (Ctrl-C ends)"
    if not share:
        return line
    if demo.share_url:
        return f"{line}, and by everybody at {demo.share_url}"
    reason = " ".join(said.split())
    logger.warning("no public address could be made%s", f": {reason}" if reason else "")
    return line


def _leave_proxies_out() -> None:
    """Gradio asks its own address whether it is there, which must not go to a proxy of the environment."""
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, HOST, "localhost"]))
