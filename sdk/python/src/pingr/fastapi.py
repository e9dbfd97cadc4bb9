"""Webhooks in FastAPI and Starlette.

.. code-block:: python

    @app.post("/webhook")
    @pingr_webhook(os.environ["PINGR_WEBHOOK_SECRET"])
    async def on_event(event):
        return "The text to reply with"
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ._receive import MAX_BODY, RefusedError, answer_of, checked, event_of, lost, repeated, too_long
from .seen import LIFE, key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from .events import Event
    from .seen import AsyncSeen, Seen

__all__ = ["pingr_webhook"]

_log = logging.getLogger("pingr")


def pingr_webhook(
    secret: str | Sequence[str] | None,
    *,
    seen: Seen | AsyncSeen | None = None,
) -> Callable[[Callable[[Event], Any]], Callable[[Request], Awaitable[Response]]]:
    """Call a function with each verified webhook, and answer with the text that it returns.

    If the function returns ``None``, the trigger's own reply is sent. A Starlette response is sent as it is. A function
    that is not ``async`` runs in a thread. It may get the same event more than once, with the same ``id``. The answer
    is 401 if the webhook does not verify, 409 if ``seen`` knows the delivery, and 413 for more than 1 MiB.

    Args:
        secret: the endpoint's, or several while one is rotated, the new one first.
        seen: lets each delivery in once, and answers 409 to its repeat; ``SeenInMemory()`` for one process. Without it,
            anyone who reads a request in a log can send it again within five minutes and gets Pingr's answer.

    """
    secrets = checked(secret)

    def decorate(on_event: Callable[[Event], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                body = await _body(request)
                event = event_of(body, request.headers.get("x-pingr-signature"), secrets)
                await _take_once(seen, body)
            except RefusedError as refused:
                _log.warning("Pingr webhook: %s", refused.message)
                return PlainTextResponse(refused.message, refused.status or 401)
            if inspect.iscoroutinefunction(on_event):
                reply = await on_event(event)
            else:
                reply = await run_in_threadpool(on_event, event)
            return reply if isinstance(reply, Response) else JSONResponse(answer_of(reply))

        # Not functools.wraps: FastAPI would ask requests for the parameters of on_event.
        endpoint.__name__, endpoint.__doc__ = on_event.__name__, on_event.__doc__
        return endpoint

    return decorate


async def _take_once(seen: Seen | AsyncSeen | None, body: bytes) -> None:
    if seen is None:
        return
    is_new: bool | Awaitable[bool] = await run_in_threadpool(seen.add, key_of(body), LIFE)
    if not (await is_new if inspect.isawaitable(is_new) else is_new):
        raise repeated()


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise too_long()
    except RuntimeError:
        raise lost() from None  # "Stream consumed" (Starlette's Request.stream)
    return bytes(body)
