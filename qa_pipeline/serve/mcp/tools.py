"""The tools of an assistant, and the server that offers them. Knows nothing of streams and signals.

Imports the SDK, so that it is imported only where its tools are built (see `mcp.serve_mcp`).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field, ValidationError

import qa_pipeline
from qa_pipeline.errors import QAError
from qa_pipeline.serve.mcp.results import (
    ToolAnswer,
    ToolChecks,
    ToolEvidence,
    ask_text,
    highlight_text,
    verify_result,
    verify_text,
)
from qa_pipeline.serve.mcp.stdio import BackgroundService
from qa_pipeline.wording import in_short

NAME = "qa-pipeline"
MOST_ANSWERS = 20
MOST_QUOTES = 100
"""In one call."""
_TICK_SECONDS = 0.1
_REPORT_SECONDS = 1.0

INSTRUCTIONS = (
    "Answers questions from the user's own documents with exact words of them, and says where they stand. Use ask for "
    "a fact, highlight for all that bears on a question, and verify before you quote. Name the file, and the page or "
    "headings, with every answer. Where ask finds nothing, say so; its guesses are no answers."
)
_ASK = (
    "Finds the words of the documents that answer a question, with file, page, headings and characters. It points at "
    "words and makes none up; where the documents have no answer, it says so."
)
_HIGHLIGHT = (
    "Gives the sentences of the documents that bear on a question, each with its place: evidence to read and cite "
    "where one span is not enough."
)
_VERIFY = (
    "Checks that quotations stand in the documents: verbatim, with harmless repairs, or not at all, with the nearest "
    "place and what differs. It does not judge whether a claim is true."
)


def build_mcp_server(background: BackgroundService) -> MCPServer[Any]:
    """The server with its tools; its `run_stdio_async` speaks the protocol.

    Args:
        background: of the service that is asked; it is started after the first message of a client was answered.

    Example:
        >>> server = build_mcp_server(BackgroundService(open_service))  # doctest: +SKIP
        >>> anyio.run(server.run_stdio_async)  # doctest: +SKIP
    """
    server = _Server(
        NAME,
        title="Answers from documents",
        instructions=INSTRUCTIONS,
        version=qa_pipeline.__version__,
        lifespan=_prints_to_stderr,
        middleware=[_starting(background)],
        log_level="WARNING",
        subscriptions=False,
    )
    _add_tools(server, background)
    return server


class _Server(MCPServer[Any]):
    """The SDK's server, whose faults are said in words of this package."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        known = next(
            (list(tool.input_schema["properties"]) for tool in await self.list_tools() if tool.name == name), None
        )
        faults = (
            [f"{one}: unknown; known are {', '.join(known)}" for one in arguments if one not in known] if known else []
        )
        try:
            if not faults:
                return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                faults = [_fault(one) for one in error.__cause__.errors()]
            elif isinstance(error.__cause__, ToolError):
                faults = [str(error.__cause__)]
            else:
                raise
        return CallToolResult(content=[TextContent(type="text", text="\n".join(faults))], is_error=True)


def _fault(error: Any) -> str:
    """What is wrong with an argument."""
    place = ".".join(map(str, error["loc"]))
    if error["type"] == "missing":
        return f"{place}: is required"
    words = error["msg"].removeprefix("Input ")
    return f"{place}: {words[:1].lower()}{words[1:]}, found {in_short(error['input'])}"


@contextlib.asynccontextmanager
async def _prints_to_stderr(_: Any) -> AsyncIterator[None]:
    """While the protocol is spoken, print goes to standard error, and not into a buffer that is written at the end."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _starting(background: BackgroundService) -> ServerMiddleware[Any]:
    async def start_after(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if not background.was_started:
            background.start()
        return result

    return start_after


def _add_tools(server: MCPServer[Any], background: BackgroundService) -> None:
    reads_only = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )

    async def call(context: Context[Any, Any], work: Callable[[Any], Any]) -> Any:
        """Does the work with the service in another thread, when it is there."""
        background.start()
        waited, reported = 0.0, 0.0
        while not background.wait(0):
            if waited - reported >= _REPORT_SECONDS:
                reported = waited
                await context.report_progress(round(waited, 1), None, "opening the model and the documents")
            await anyio.sleep(_TICK_SECONDS)
            waited += _TICK_SECONDS
        try:
            return await anyio.to_thread.run_sync(partial(work, background.result()))
        except QAError as error:
            raise ToolError(str(error)) from None

    def given(result: Any, text: str) -> CallToolResult:
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=result.model_dump(mode="json")
        )

    @server.tool(name="ask", title="Ask the documents", description=_ASK, annotations=reads_only)
    async def ask(
        context: Context[Any, Any],
        question: Annotated[str, Field(description="One question, as a sentence.", min_length=1)],
        text: Annotated[
            str | None, Field(description="A text to ask instead of the documents; leave it out to ask these.")
        ] = None,
        top_k: Annotated[int, Field(description="Most answers, best first.", ge=1, le=MOST_ANSWERS)] = 3,
    ) -> Annotated[CallToolResult, ToolAnswer]:
        result = ask_result(await call(context, lambda service: service.ask(question, text, top_k=top_k)))
        return given(result, ask_text(result))

    @server.tool(name="highlight", title="Find evidence", description=_HIGHLIGHT, annotations=reads_only)
    async def highlight(
        context: Context[Any, Any],
        question: Annotated[str, Field(description="A question, or what is looked for.", min_length=1)],
        text: Annotated[
            str | None, Field(description="A text to look through instead of the documents; leave it out for these.")
        ] = None,
        max_words: Annotated[int, Field(description="Words to keep at most.", ge=1, le=5_000)] = 200,
    ) -> Annotated[CallToolResult, ToolEvidence]:
        found = await call(context, lambda service: service.highlight(question, text, max_words=max_words))
        result = ToolEvidence.model_validate(found)
        return given(result, highlight_text(result))

    @server.tool(name="verify", title="Verify quotations", description=_VERIFY, annotations=reads_only)
    async def verify(
        context: Context[Any, Any],
        quotes: Annotated[
            list[str],
            Field(
                description="Quotations, word for word as they are to be given.", min_length=1, max_length=MOST_QUOTES
            ),
        ],
        source: Annotated[
            str | None, Field(description="Name of the document that they are said to be from, where one is named.")
        ] = None,
        text: Annotated[
            str | None, Field(description="A text to look in instead of the documents; leave it out for these.")
        ] = None,
    ) -> Annotated[CallToolResult, ToolChecks]:
        rows = [{"quote": quote} | ({"source": source} if source else {}) for quote in quotes]
        result = verify_result(await call(context, lambda service: service.verify(rows, context=text)))
        return given(result, verify_text(result))


def ask_result(reply: Mapping[str, Any]) -> ToolAnswer:
    """What `Service.ask` gives, with the answer as the first of all."""
    best = [{**reply}] if reply["found"] else []
    return ToolAnswer.model_validate({**reply, "answers": [*best, *reply["runner_ups"]]})
