"""The client itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pingr._wire import DEFAULT_BASE_URL, Request, caller_of, decode, nobody
from pingr.webhook import verify_webhook

from .resources import (
    AsyncAccountSettings,
    AsyncAccountStats,
    AsyncAccountUsage,
    AsyncAuth,
    AsyncEvents,
    AsyncKeys,
    AsyncMessages,
    AsyncNumbers,
    AsyncSessions,
    AsyncTriggers,
    AsyncWebhooks,
)
from .transport import AsyncTransport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pingr import types as t
    from pingr.events import Event


class AsyncPingr:
    """A client for Pingr's REST API.

    Use it as a context manager, or call ``aclose``. It belongs to the event loop of its first request, whose tasks
    may use it at the same time. It needs httpx (``pip install httpx``).

    With a key it can do everything except what needs a dashboard login: keys, simulation, rotation of the secret.
    ``login`` returns a client that can do these too. All calls raise ``PingrError`` or a subclass.

    Args:
        api_key: ``pk_live_…``, or ``pk_test_…`` for test mode, which sends nothing.
        base_url: the URL of the API, such as ``http://127.0.0.1:8080``.
        timeout: how many seconds to wait for a connection, and for each part of an answer.
        token: a dashboard login, with or without a key.
        mode: ``live`` or ``test``, for a client without a key; live by default. A key has its own mode.
        retries: how often to repeat a request that was refused with 429 and a time to wait; by default never.
        max_retry_wait: the longest wait in seconds; for a longer one, the error is raised at once.

    """

    def __init__(  # noqa: PLR0913 - each may be left out
        self,
        api_key: str | None = None,
        *,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 15.0,
        token: str | None = None,
        mode: t.Mode | None = None,
        retries: int = 0,
        max_retry_wait: float = 60.0,
    ) -> None:
        self._caller = caller_of(api_key, token, mode, base_url, timeout, retries, max_retry_wait)
        self._transport = AsyncTransport(self._caller)
        self.messages = AsyncMessages(self)
        self.numbers = AsyncNumbers(self)
        self.sessions = AsyncSessions(self)
        self.triggers = AsyncTriggers(self)
        self.webhooks = AsyncWebhooks(self)
        self.settings = AsyncAccountSettings(self)
        self.usage = AsyncAccountUsage(self)
        self.stats = AsyncAccountStats(self)
        self.keys = AsyncKeys(self)
        self.auth = AsyncAuth(self)
        self.events = AsyncEvents(self)

    @classmethod
    async def login(
        cls,
        *,
        email: str,
        password: str,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 15.0,
        mode: t.Mode | None = None,
    ) -> AsyncPingr:
        """Log in and return a client with a dashboard login, which lasts twelve hours."""
        return await cls._enter("/v1/auth/login", {"email": email, "password": password}, base_url, timeout, mode)

    @classmethod
    async def sign_up(
        cls, *, email: str, password: str, base_url: str = DEFAULT_BASE_URL, timeout: float = 15.0
    ) -> AsyncPingr:
        """Create an account, if the server allows sign-up, and return a client with a login."""
        return await cls._enter("/v1/auth/signup", {"email": email, "password": password}, base_url, timeout, None)

    @classmethod
    async def set_up(
        cls,
        *,
        setup_token: str,
        email: str,
        password: str,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 15.0,
    ) -> AsyncPingr:
        """Create a server's first account, with the token of the link that it printed, and return a client for it."""
        body = {"token": setup_token, "email": email, "password": password}
        return await cls._enter("/v1/auth/setup", body, base_url, timeout, None)

    @classmethod
    async def _enter(
        cls, path: str, body: Mapping[str, object], base_url: str, timeout: float, mode: t.Mode | None
    ) -> AsyncPingr:
        transport = AsyncTransport(nobody(base_url, timeout))
        try:
            answer = decode(await transport.send(Request("POST", path, body=body, auth="none")))
        finally:
            await transport.aclose()
        login = cast("t.Login", answer)
        return cls(base_url=base_url, timeout=timeout, token=login["token"], mode=mode)

    @property
    def token(self) -> str | None:
        """The token of the dashboard login, to keep for another client. It is as good as the password until it ends."""
        return self._caller.token

    def verify_webhook(
        self,
        raw_body: bytes | bytearray | memoryview | str,
        signature: str | None,
        secret: str | Sequence[str],
        *,
        check_timestamp: bool = True,
    ) -> Event:
        """Check the signature of a webhook and return its event. See ``pingr.verify_webhook``."""
        return verify_webhook(raw_body, signature, secret, check_timestamp=check_timestamp)

    async def aclose(self) -> None:
        """Close the connections. The client may be used again after that."""
        await self._transport.aclose()

    async def __aenter__(self) -> AsyncPingr:  # noqa: PYI034 - typing has Self from Python 3.11 on
        """Return the client."""
        await self._transport.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    def __repr__(self) -> str:
        """Show the URL of the API, and no key."""
        return f"{type(self).__name__}(base_url={self._caller.base_url!r}, mode={self._caller.mode!r})"
