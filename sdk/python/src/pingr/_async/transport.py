"""Requests over httpx."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pingr._wire import Answer, encode, error_of, network_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from pingr._wire import Caller, Request


class AsyncTransport:
    """Sends requests, and tries again where the caller wants that.

    Its connections belong to one event loop, the one of the first request.
    """

    def __init__(self, caller: Caller) -> None:
        """Open nothing yet."""
        self._caller = caller
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> httpx.AsyncClient:
        """Return the client of httpx, imported only now: verifying webhooks needs none."""
        if self._client is None:
            try:
                import httpx  # noqa: PLC0415
            except ImportError as err:
                raise ImportError("AsyncPingr needs httpx: pip install httpx") from err
            self._client = httpx.AsyncClient(follow_redirects=False)
        return self._client

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def send(self, request: Request) -> Answer:
        """Return the answer, good or bad."""
        retry = 0
        while True:
            answer = await self._once(request)
            retry += 1
            pause = self._caller.pause(answer, retry)
            if pause is None:
                return answer
            await asyncio.sleep(pause)

    async def _once(self, request: Request) -> Answer:
        client = await self.open()
        import httpx  # noqa: PLC0415

        try:
            answer = await client.request(
                request.method,
                self._caller.url(request),
                content=encode(request),
                headers=self._caller.headers(request),
                timeout=self._caller.seconds(request),
            )
        except httpx.HTTPError as err:
            raise network_error(err, self._caller.base_url, late=isinstance(err, httpx.TimeoutException)) from err
        return Answer(answer.status_code, answer.headers, answer.content)

    async def lines(self, request: Request) -> AsyncGenerator[str, None]:
        """Yield the lines of an answer that goes on."""
        client = await self.open()
        import httpx  # noqa: PLC0415

        try:
            async with client.stream(
                request.method,
                self._caller.url(request),
                headers=self._caller.headers(request),
                timeout=self._caller.seconds(request),
            ) as answer:
                if not answer.is_success:
                    raise error_of(Answer(answer.status_code, answer.headers, await answer.aread()))
                async for line in answer.aiter_lines():
                    yield line
        except httpx.HTTPError as err:
            raise network_error(err, self._caller.base_url, late=isinstance(err, httpx.TimeoutException)) from err
