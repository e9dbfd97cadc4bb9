"""The code that both clients share for making requests and reading answers. Nothing here does any I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from ._version import __version__
from .errors import PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.heypingr.com"
USER_AGENT = f"pingr-python/{__version__}"
# Some answers wait for WhatsApp: that a number is unlinked, or that it gives a pairing code.
WHATSAPP_SECONDS = 60.0
# A stream of events that is silent for longer than two of the server's heartbeats is dead.
STREAM_SECONDS = 40.0

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_UNAUTHORIZED, _UNPROCESSABLE, _TOO_MANY = 401, 422, 429


class Unset:
    """The value of an argument that is not given, where ``None`` has a meaning."""

    def __repr__(self) -> str:
        """Return a name that reads well in signatures."""
        return "UNSET"


UNSET = Unset()


@dataclass(frozen=True)
class Request:
    """One request, without its caller."""

    method: str
    path: str
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    idempotency_key: str | None = None
    accept: str = "application/json"
    # What the route takes: a key or a dashboard login (either), only one of them, or nothing (none).
    auth: Literal["either", "key", "login", "none"] = "either"
    # The least timeout that makes sense, in seconds.
    timeout: float = 0

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again if it is not known whether it arrived."""
        return self.method in ("GET", "PUT", "DELETE") or self.idempotency_key is not None


@dataclass(frozen=True)
class Answer:
    """An answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the request succeeded."""
        return 200 <= self.status < 300  # noqa: PLR2004


@dataclass
class Caller:
    """The caller of requests, and how often it repeats them. Printing it shows no key."""

    base_url: str
    mode: str
    key: str | None = field(repr=False)
    token: str | None = field(repr=False)
    timeout: float
    retries: int
    max_retry_wait: float

    def url(self, request: Request) -> str:
        """Return the whole URL."""
        query = {name: value for name, value in request.query.items() if value is not None}
        if self.mode == "test" and self._uses_token(request):
            query["mode"] = "test"  # a key has its own mode
        return self.base_url + request.path + ("?" + urlencode(query) if query else "")

    def headers(self, request: Request) -> dict[str, str]:
        """Return the headers, with the key or the login."""
        headers = {"Accept": request.accept, "User-Agent": USER_AGENT}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = visible("idempotency_key", request.idempotency_key)
        if self._uses_token(request):
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.key is not None and request.auth != "none":
            headers["X-API-Key"] = self.key
        return headers

    def _uses_token(self, request: Request) -> bool:
        if self.token is None:
            return False
        return request.auth == "login" or (request.auth == "either" and self.key is None)

    def seconds(self, request: Request) -> float:
        """Return the timeout."""
        return max(self.timeout, request.timeout)

    def pause(self, answer: Answer, retry: int) -> float | None:
        """Return how many seconds to wait before the retry-th retry, or None for no retry."""
        if answer.status != _TOO_MANY or retry > self.retries:
            return None
        wait = error_of(answer).retry_after
        return wait if wait is not None and wait <= self.max_retry_wait else None


def caller_of(  # noqa: PLR0913 - the arguments of the clients
    api_key: str | None,
    token: str | None,
    mode: str | None,
    base_url: str,
    timeout: float,
    retries: int,
    max_retry_wait: float,
) -> Caller:
    """Check the arguments of a client. Errors don't show the key."""
    if api_key is not None or token is None:
        if not api_key or not isinstance(api_key, str):
            raise PingrError("API key is required", "missing_api_key")
        if not api_key.startswith(("pk_live_", "pk_test_")) or not _VISIBLE.fullmatch(api_key):
            raise PingrError(
                "Invalid API key format. Keys start with pk_live_ or pk_test_, and hold no space or line break",
                "invalid_api_key",
            )
        mode = "test" if api_key.startswith("pk_test_") else "live"
    if token is not None and not (isinstance(token, str) and _VISIBLE.fullmatch(token)):
        raise PingrError("Invalid login token", "invalid_token")
    if mode not in (None, "live", "test"):
        raise ValueError("mode is neither live nor test")
    return Caller(_base_of(base_url), mode or "live", api_key, token, timeout, retries, max_retry_wait)


def nobody(base_url: str, timeout: float) -> Caller:
    """Return a caller without key and login, which may only log in."""
    return Caller(_base_of(base_url), "live", None, None, timeout, 0, 0)


def _base_of(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.username is not None or parts.query or parts.fragment or not _VISIBLE.fullmatch(base_url):
        raise PingrError(
            "base_url is not like https://pingr.example.com, without user name and query", "invalid_base_url"
        )
    return base_url.rstrip("/")


def visible(name: str, value: str) -> str:
    """Refuse a value that a header cannot hold."""
    if not _VISIBLE.fullmatch(value):
        raise PingrValidationError(f"{name}: must be visible ASCII characters without spaces")
    return value


def segment(name: str, value: str) -> str:
    """Escape an id for a path. An empty id or dots would change the path."""
    if value in ("", ".", ".."):
        raise PingrValidationError(f"{name}: is required")
    return quote(value, safe="")


def encode(request: Request) -> bytes | None:
    """Return the body to send."""
    return None if request.body is None else json.dumps(request.body).encode()


def decode(answer: Answer, field: str | None = None) -> Any:  # noqa: ANN401 - what JSON gives
    """Return a good answer's content, or a field of it, or None if it is empty; raise the error of a bad one."""
    if not answer.good:
        raise error_of(answer)
    if not answer.body and field is None:
        return None
    try:
        said = json.loads(answer.body)
        return said if field is None else said[field]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise PingrError(
            "The answer is not one of Pingr's. Is base_url the address of its API?",
            "invalid_response",
            answer.status,
            request_id=answer.headers.get("x-request-id"),
        ) from None


def image(answer: Answer) -> bytes:
    """Return a good answer's bytes; raise the error of a bad one."""
    if not answer.good:
        raise error_of(answer)
    return answer.body


def error_of(answer: Answer) -> PingrError:
    """Return the error for an answer."""
    detail = _detail_of(answer.body)
    message = detail.get("message") or f"The server answered {answer.status}"
    code = detail.get("error") or "unknown_error"
    request_id = answer.headers.get("x-request-id")
    if answer.status == _UNAUTHORIZED:
        return PingrAuthError(message, request_id)
    if answer.status == _UNPROCESSABLE:
        return PingrValidationError(message, request_id)
    retry_after = _whole_seconds(answer.headers.get("retry-after"), detail.get("retry_after"))
    if answer.status == _TOO_MANY:
        return PingrRateLimitError(message, detail.get("error") or "rate_limit", retry_after, request_id)
    return PingrError(message, code, answer.status, retry_after, request_id)


def _detail_of(body: bytes) -> dict[str, Any]:
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}
    if isinstance(detail, str):
        return {"message": detail}
    if not isinstance(detail, dict):
        return {}
    return {name: value for name, value in detail.items() if isinstance(value, str) or name == "retry_after"}


def _whole_seconds(*values: object) -> int | None:
    for value in values:
        if (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value)
        ):
            return int(value)
    return None


def network_error(error: Exception, base_url: str, *, late: bool) -> PingrError:
    """Return the error for a server that could not be reached, or was late to answer."""
    what = "the server did not answer in time" if late else error or type(error).__name__
    # Who forgot base_url does not know where the request went.
    place = f" ({base_url}, the default base_url)" if base_url == DEFAULT_BASE_URL else ""
    return PingrError(f"Network error: {what}{place}", "network_error")
