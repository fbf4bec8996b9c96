"""One request to a chat completions endpoint: its body, the sending, and what the answer means."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qa_pipeline.generation.backends.budget import Usage
from qa_pipeline.generation.backends.endpoint import ReplyError, clean, error_text, without_credentials, without_keys
from qa_pipeline.generation.backends.pace import retry_after
from qa_pipeline.generation.backends.protocol import Completion, Request
from qa_pipeline.text.folding import whole_characters

_ONE_ANSWER = "one answer to each request is read; for more questions, set questions_per_context"
OWN_FIELDS = {
    "model": "set model",
    "messages": "they are made from the prompt template (prompt_number)",
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "n_predict"), "set max_completion_tokens"),
    "temperature": "set temperature",
    "seed": "set seed",
    **dict.fromkeys(("n", "best_of", "n_cmpl"), _ONE_ANSWER),
    "stream": "answers are read whole",
    "response_format": "JSON is asked for by itself where the server can write it",
}
"""Fields of a request that are not the user's, and what to do instead. Budgets and the reading of answers need them."""


FATAL = {401, 403}
"""Status codes of a key that does not open."""
WRONG_PLACE = {404, 405, 501}
"""Status codes of an address that takes no such requests: a path that is not there, or a plain web server."""
TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
"""Status codes of faults that can pass."""
UNKNOWN = {408, 502, 504, 520, 521, 522, 523, 524}
"""Status codes of a gateway, or of a wait that was given up: what the server behind has done is not known. All other
errors are the server's own word that it did not do what was asked."""

_PAGE = "this is a page, not an API: check that base_url ends in /v1"
_MOST_TOKENS = 1_000_000_000


@dataclass(frozen=True)
class ChatReply:
    """What a model wrote."""

    text: str
    finish_reason: str
    used: Usage | None  # None: the server does not say

    def completion(self, request: Request, most: Usage) -> Completion:
        """As a Completion; where the server counts no tokens, at the most that they can be."""
        if self.used is None:
            tokens = min(request.max_tokens, len(self.text.encode("utf-8", "replace")) + 1)
            used = Usage(1, most.prompt_tokens, tokens)
        else:
            used = self.used
        return Completion(
            request.key, self.text, self.finish_reason, used.prompt_tokens, used.completion_tokens, cached=False
        )


@dataclass(frozen=True)
class Fault:
    """Why there is no completion.

    Args:
        reason: one word, counted.
        detail: one line, without the key.
        used: what the attempt used, where that is known; None: it may be all that was booked.
        transient: whether asking again can help.
        fatal: whether no request can succeed.
        retry_after: seconds the server asks to wait.
    """

    reason: str
    detail: str
    used: Usage | None = None
    transient: bool = True
    fatal: bool = False
    retry_after: float | None = None

    def advice(self, model: str, url: str) -> str:
        """What to do about a fatal fault."""
        if self.reason == "redirected":
            return "Redirects are not followed; give the address that answers itself as base_url"
        if self.reason == "not_found":
            return (
                f"Check that base_url ends in /v1 and that the server has a model {model!r} "
                f"({url}/models lists what it has)"
            )
        if self.reason == "no_quota":
            return "The account behind the key has no credit left; what is done is kept"
        return "Check the key: set OPENAI_API_KEY, or name the variable that holds it in api_key_env"


@dataclass
class ServerDialect:
    """What this server takes: learned from what it refuses."""

    model: str
    structured: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    length_name: str = "max_tokens"
    dropped: set[str] = field(default_factory=set)

    def body(self, request: Request, structured: bool = True) -> dict[str, Any]:
        """The fields of a request."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": m.role, "content": whole_characters(m.content)} for m in request.messages],
            self.length_name: request.max_tokens,
            "temperature": request.temperature,
        }
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None and structured and self.structured:
            form = {"name": "answer", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return {**{name: value for name, value in body.items() if name not in self.dropped}, **self.extra}

    def amend(self, body: dict[str, Any], detail: str) -> bool:
        """Learns from a refusal that names a field; True when the next body will differ from `body`."""
        detail = detail.lower()
        if "max_tokens" in body and "max_completion_tokens" in detail:
            self.length_name = "max_completion_tokens"
            return True
        for name in ("temperature", "seed"):
            if name in body and re.search(rf"\b{name}\b", detail):
                if name not in self.dropped:
                    self.dropped.add(name)
                    logging.getLogger(__name__).warning("the server refuses %s; it is left out from here on", name)
                return True
        return False


def extra_body_faults(extra: dict[str, Any]) -> list[str]:
    """One line for each of the further fields that cannot be sent."""
    found = [f"leave {name} out: {instead}" for name, instead in OWN_FIELDS.items() if name in extra]
    try:
        json.dumps(extra, ensure_ascii=False, allow_nan=False, sort_keys=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        found.append(f"cannot be written as JSON ({clean(str(error), ())})")
    return found


async def send(client: Any, body: dict[str, Any], timeout: float, keys: Sequence[str]) -> ChatReply | Fault:
    """Sends one request once.

    Args:
        client: as `open_client` gives it.
        body: as `ServerDialect.body` gives it.
        timeout: seconds until the last byte; a server that sends byte after byte of nothing is cut off too.
        keys: taken out of whatever comes back.
    """
    import openai

    # `extra_body` lets fields through that the package does not know.
    known = {name: body[name] for name in ("model", "messages")}
    rest = {name: value for name, value in body.items() if name not in known}
    try:
        async with asyncio.timeout(timeout):
            response = await client.chat.completions.with_raw_response.create(**known, extra_body=rest)
    except (TimeoutError, openai.APITimeoutError) as error:
        return Fault("timeout", f"no answer within {timeout:g} s", used=_unsent(error))
    except openai.APIStatusError as error:
        return _status_fault(error.status_code, error.response.text, error.response.headers, keys)
    except Exception as error:  # only the client's: nothing else is called here; some of its versions wrap others
        cause = error.__cause__ or error if isinstance(error, openai.APIConnectionError) else error
        if isinstance(cause, ReplyError):
            return Fault("bad_response", clean(str(cause), keys))
        return Fault("unreachable", error_text(cause, keys), used=_unsent(error))
    return read_answer(response.http_response.content, keys)


def read_answer(content: bytes, keys: Sequence[str] = ()) -> ChatReply | Fault:
    """The completion in the body of a response with status 200."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        found = " ".join(content[:80].decode("utf-8", "replace").split())
        hint = f"; {_PAGE}" if _is_page(content.decode("utf-8", "replace")) else ""
        return Fault("bad_response", clean(f"expected JSON, found {found or 'nothing'}{hint}", keys))
    try:
        return _read_value(value if isinstance(value, dict) else {}, keys)
    except RecursionError:
        return Fault("bad_response", "expected a completion, found lists or objects inside each other without end")


def _read_value(value: dict[str, Any], keys: Sequence[str]) -> ChatReply | Fault:
    used = _usage(value.get("usage"))
    if value.get("error"):
        return Fault("server_error", clean(json.dumps(value["error"]), keys), used=used or Usage(1))
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        return Fault("empty_choices", "the answer holds no choices", used=used)
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        return Fault("bad_response", "the choice holds no message", used=used)
    if message.get("refusal"):
        return ChatReply("", "refusal", used)
    text = message.get("content")
    if isinstance(text, list):  # parts
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    text = without_keys(text, keys) if isinstance(text, str) else ""
    finish_reason = clean(str(choice.get("finish_reason") or "stop"), keys)
    return ChatReply(whole_characters(text), finish_reason, used)


def _status_fault(status: int, text: str, headers: Any, keys: Sequence[str]) -> Fault:
    """What an answer with an error status means."""
    detail = clean(f"HTTP {status} {_message(text)}", keys)
    used = None if status in UNKNOWN else Usage(1)
    if 300 <= status < 400:
        target = without_credentials(headers.get("location", "nowhere"))
        return Fault(
            "redirected", clean(f"HTTP {status}, sent on to {target}", keys), used, transient=False, fatal=True
        )
    if status in WRONG_PLACE:
        return Fault("not_found", detail, used, transient=False, fatal=True)
    if status in FATAL:
        return Fault("denied", detail, used, transient=False, fatal=True)
    if status == 429 and "insufficient_quota" in text:
        return Fault("no_quota", detail, used, transient=False, fatal=True)
    if status == 429:
        return Fault("rate_limited", detail, used, retry_after=retry_after(headers))
    if status in TRANSIENT or status >= 500:
        return Fault("server_error", detail, used, retry_after=retry_after(headers))
    too_long = re.search(r"context.{0,20}(length|size|window)|too long|too large|maximum.{0,20}tokens", text, re.I)
    return Fault("too_long" if too_long else "refused", detail, used, transient=False)


def _message(text: str) -> str:
    """The message in an error's body, or the body."""
    if _is_page(text):
        title = re.search(r"<title[^>]{0,100}>([^<]{1,100})", text, re.I)
        return f"{_PAGE}{f' (its title: {title[1].strip()})' if title else ''}"
    try:
        value = json.loads(text)
        for name in ("error", "message", "detail"):
            if isinstance(value, dict) and name in value:
                value = value[name]
        return value if isinstance(value, str) else json.dumps(value)
    except (ValueError, RecursionError):
        return text


def _is_page(text: str) -> bool:
    return text[:1000].lstrip("\ufeff \t\r\n").startswith("<")


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    return None if prompt is None or completion is None else Usage(1, prompt, completion)


def _count(number: Any) -> int | None:
    """A count of tokens; None for what is none, or is beyond what models read or write and would end every budget."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= _MOST_TOKENS:
        return None
    return int(number) if number == int(number) else None


def _unsent(error: BaseException) -> Usage | None:
    """Nothing, where no connection came about; else unknown."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout"):
            return Usage()
        cause = cause.__cause__
    return None
