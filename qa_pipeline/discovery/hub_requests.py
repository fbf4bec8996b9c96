"""Sends requests to the Hub: bounded in number, in time and in waiting; every fault becomes a HubError with words.

Never knows what is in a reply. A token is only ever handed to the client; no message shows it. The client, the headers
and the meaning of a status are those of huggingface_hub; its own retries are not used: they have no time limit and
wait as long as a server asks.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.pace import backoff, retry_after
from qa_pipeline.wording import first_line

logger = logging.getLogger(__name__)

Reason = Literal["offline", "unreachable", "limit", "rate limit", "gated", "token", "missing", "server", "damaged"]
LARGEST_REPLY = 32 * 1024 * 1024  # bytes
TRIES = 3
IN_A_ROW = 3
"""After so many requests in a row that were never answered, no other is sent."""


class HubError(BackendError):
    """The Hub did not give what was asked for.

    Attributes:
        reason: "offline" (not allowed to ask), "unreachable", "limit" (asked often enough), "rate limit", "gated",
            "token" (not accepted), "missing", "server" (its fault), "damaged" (not to be understood).
        final: no other request can do better: the search ends.

    Example:
        >>> error = HubError("missing", "the Hub has no data set some/set")
        >>> error.final, str(error)
        (False, 'the Hub has no data set some/set')
    """

    def __init__(self, reason: Reason, message: str):
        self.reason = reason
        self.final = reason in ("offline", "unreachable", "limit", "rate limit", "token")
        super().__init__(message)


class HubRequests:
    """Sends GET requests.

    Args:
        token: access token; None: the one that huggingface_hub finds (HF_TOKEN, or `hf auth login`), if there is one.
        timeout_s: seconds that a reply may take.
        most_requests: requests in all, repeated ones among them.
        longest_wait_s: seconds that the Hub may ask to wait (Retry-After) before the search goes on without it.
        sleep: waits; another one in tests.
    """

    def __init__(
        self,
        token: str | None,
        timeout_s: float,
        most_requests: int,
        longest_wait_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._token = token
        self.timeout_s = timeout_s
        self.most_requests = most_requests
        self.longest_wait_s = longest_wait_s
        self.sent = 0
        self._sleep = sleep
        self._random = random.Random(0)
        self._unanswered = 0
        self._end: HubError | None = None

    def json(self, url: str, what: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON at an address.

        Args:
            url: where.
            what: what is asked for, for messages ("data set some/set").
            params: of the address.

        Raises:
            HubError: it is not there, not to be had, or no JSON.
        """
        body = self.text(url, what, params)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise HubError("damaged", f"the Hub's reply on {what} is damaged ({first_line(error, 80)})") from None

    def text(self, url: str, what: str, params: Mapping[str, Any] | None = None) -> str:
        """The text at an address; see `json`."""
        if self._end is not None:
            raise self._end
        try:
            body = self._repeatedly(url, what, params)
            self._unanswered = 0
            return body
        except HubError as error:
            self._unanswered = self._unanswered + 1 if error.reason == "server" else 0
            if self._unanswered >= IN_A_ROW:
                error = HubError("unreachable", f"{error}; that was the {_ordinal(IN_A_ROW)} time in a row")
            if error.final:
                self._end = error
            raise error from None

    def _repeatedly(self, url: str, what: str, params: Mapping[str, Any] | None) -> str:
        for attempt in range(1, TRIES + 1):
            wait, fault = None, None
            try:
                response = self._send(url, params)
                if response.status_code not in (429, 500, 502, 503, 504):
                    return _body(response, what)
                fault, wait = _refusal(response, what)
            except HubError as error:
                if error.reason not in ("server", "unreachable"):
                    raise
                fault = error
            if attempt == TRIES:
                break
            if wait is not None and wait > self.longest_wait_s:
                raise HubError(
                    "rate limit",
                    f"the Hub asks to wait {wait:.0f} seconds before more is asked; try again then"
                    + ("" if self.has_token() else ", or set HF_TOKEN: more is allowed with a token"),
                )
            pause = backoff(attempt, self._random) if wait is None else wait
            logger.info("%s; asked again in %.1f s", fault, pause)
            self._sleep(pause)
        assert fault is not None
        raise fault

    def _send(self, url: str, params: Mapping[str, Any] | None) -> Any:
        """One request, its reply read whole."""
        from huggingface_hub import constants
        from huggingface_hub.errors import OfflineModeIsEnabled
        from huggingface_hub.utils import build_hf_headers, get_session

        if constants.is_offline_mode():
            raise HubError("offline", "the Hub is not asked: HF_HUB_OFFLINE is set")
        if self.sent >= self.most_requests:
            raise HubError(
                "limit", f"the Hub was asked {self.sent} times and is not asked more in one search (most_requests)"
            )
        self.sent += 1
        try:
            headers = build_hf_headers(token=self._token, library_name="qa-pipeline")
            return get_session().get(url, params=params, headers=headers, timeout=self.timeout_s)
        except OfflineModeIsEnabled:
            raise HubError("offline", "the Hub is not asked: HF_HUB_OFFLINE is set") from None
        except Exception as error:
            fault = self._of_client(error)
            if fault is None:
                raise
            raise fault from None

    def _of_client(self, error: Exception) -> HubError | None:
        """What an error of the HTTP client means; None: it is none. Known by name: the client is httpx or httpx2."""
        kinds = {one.__name__ for one in type(error).__mro__}
        if kinds & {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol", "InvalidURL"}:
            return HubError("unreachable", f"the Hub cannot be reached ({first_line(error, 80)})")
        if "TimeoutException" in kinds:
            return HubError("server", f"the Hub did not answer within {self.timeout_s:g} s")
        if "LocalProtocolError" in kinds:  # its message shows the header
            return HubError(
                "token", "the token in use (HF_TOKEN) has characters that none has; set it again, or unset it"
            )
        if "HTTPError" in kinds:
            return HubError("server", f"the Hub broke off its reply ({type(error).__name__})")
        return None

    def has_token(self) -> bool:
        """Whether there is a token."""
        from huggingface_hub import get_token

        return bool(self._token or get_token())


def _body(response: Any, what: str) -> str:
    """The text of a reply that is no passing refusal."""
    from huggingface_hub.errors import DisabledRepoError, GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
    from huggingface_hub.utils import hf_raise_for_status

    try:
        hf_raise_for_status(response)
    except GatedRepoError:
        raise HubError("gated", f"{what} is gated: accept its terms on huggingface.co and set HF_TOKEN") from None
    except DisabledRepoError:
        raise HubError("missing", f"{what} was taken off the Hub") from None
    except RepositoryNotFoundError:
        raise HubError("missing", f"the Hub has no {what}, or it is private and needs a token (HF_TOKEN)") from None
    except HfHubHTTPError:
        raise _of_status(response, what) from None
    if len(response.content) > LARGEST_REPLY:
        raise HubError("damaged", f"the Hub's reply on {what} has {len(response.content):,} bytes")
    return str(response.text)


def _of_status(response: Any, what: str) -> HubError:
    status = response.status_code
    if status == 401 and "credentials" in (response.headers.get("X-Error-Message") or ""):
        return HubError("token", "the Hub does not accept the token in use (HF_TOKEN); make a new one, or unset it")
    if status in (401, 403):
        return HubError("gated", f"{what} is not open to everybody: accept its terms on huggingface.co, set HF_TOKEN")
    if status in (404, 410):
        return HubError("missing", f"the Hub has no {what}")
    return HubError("server", f"the Hub answers status {status} when asked for {what}")


def _refusal(response: Any, what: str) -> tuple[HubError, float | None]:
    """A refusal that may pass, and the seconds that the Hub asks to wait."""
    from huggingface_hub.utils import parse_ratelimit_headers

    if response.status_code != 429:
        return _of_status(response, what), retry_after(response.headers)
    limits = parse_ratelimit_headers(response.headers)
    wait = float(limits.reset_in_seconds) if limits and limits.remaining == 0 else retry_after(response.headers)
    return HubError("rate limit", "the Hub asks for fewer requests (status 429)"), wait


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
