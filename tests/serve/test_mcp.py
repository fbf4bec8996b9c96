"""The tools of an assistant: what they take, what they give as data and as text, and what they say of faults."""

from __future__ import annotations

import io
import threading
from contextlib import redirect_stdout

import anyio
import pytest
from mcp import Client
from mcp.types import CallToolResult

from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.serve.mcp import BackgroundService
from qa_pipeline.serve.mcp_tools import build_mcp_server
from tests.serve.fakes import FakeService


def call(service, *calls: tuple[str, dict], opening=None) -> list[CallToolResult]:
    """What a client gets for some calls, made one after the other."""

    async def run() -> list[CallToolResult]:
        background = BackgroundService(opening or (lambda: service))
        async with Client(build_mcp_server(background)) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(run)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    return content.text
