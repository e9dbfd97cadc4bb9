"""Webhooks in Django.

.. code-block:: python

    @pingr_webhook(os.environ["PINGR_WEBHOOK_SECRET"])
    def on_event(event):
        return "The text to reply with"

    urlpatterns = [path("webhook", on_event)]
"""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any, BinaryIO, Callable

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ._receive import MAX_BODY, RefusedError, answer_of, checked, event_of, lost, take_once, too_long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

    from .events import Event
    from .seen import Seen

__all__ = ["pingr_webhook"]

_log = logging.getLogger("pingr")


def pingr_webhook(
    secret: str | Sequence[str] | None,
    *,
    seen: Seen | None = None,
) -> Callable[[Callable[[Event], Any]], Callable[..., Any]]:
    """Make a view that calls a function with each verified webhook and answers with what it returns.

    If the function returns ``None``, the trigger's own reply is sent. A Django response is sent as it is. The function
    may get the same event more than once, with the same ``id``. The view answers 401 if the webhook does not verify,
    409 if ``seen`` knows the delivery, 413 for more than 1 MiB, and 405 for anything but a POST. It needs no CSRF
    token, because the signature proves who asks.

    Args:
        secret: the endpoint's, or several while one is rotated, the new one first.
        seen: lets each delivery in once, and answers 409 to its repeat; ``SeenInMemory()`` for one process. Without it,
            anyone who reads a request in a log can send it again within five minutes and gets Pingr's answer.

    """
    secrets = checked(secret)

    def decorate(on_event: Callable[[Event], Any]) -> Callable[..., Any]:
        @wraps(on_event)
        def view(request: HttpRequest) -> HttpResponseBase:
            try:
                body = _body(request)
                event = event_of(body, request.headers.get("x-pingr-signature"), secrets)
                take_once(seen, body)
            except RefusedError as refused:
                _log.warning("Pingr webhook: %s", refused.message)
                return HttpResponse(refused.message, status=refused.status, content_type="text/plain")
            reply = on_event(event)
            return reply if isinstance(reply, HttpResponseBase) else JsonResponse(answer_of(reply))

        made: Callable[..., Any] = csrf_exempt(require_POST(view))
        return made

    return decorate


def _body(request: HttpRequest) -> bytes:
    # Django's own limit answers 400, and may be set lower.
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        raise too_long()
    environ = getattr(request, "environ", {})  # of WSGI
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked" and environ.get("wsgi.input_terminated"):
        return _chunked(environ["wsgi.input"])
    try:
        return bytes(request.body)
    except RawPostDataException:
        raise lost() from None


def _chunked(stream: BinaryIO) -> bytes:
    """Read a body without a length, which Django takes for empty (its WSGIRequest)."""
    body = b""
    while len(body) <= MAX_BODY and (more := stream.read(MAX_BODY + 1 - len(body))):
        body += more
    return body
