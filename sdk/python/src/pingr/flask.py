"""Webhooks in Flask.

.. code-block:: python

    @app.post("/webhook")
    @pingr_webhook(os.environ["PINGR_WEBHOOK_SECRET"])
    def on_event(event):
        return "The text to reply with"
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Callable

from flask import Response, current_app, jsonify, request

from ._receive import MAX_BODY, RefusedError, answer_of, checked, event_of, lost, take_once, too_long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .events import Event
    from .seen import Seen

__all__ = ["pingr_webhook"]


def pingr_webhook(
    secret: str | Sequence[str] | None,
    *,
    seen: Seen | None = None,
) -> Callable[[Callable[[Event], Any]], Callable[[], Response]]:
    """Call a function with each verified webhook, and answer with the text that it returns.

    If the function returns ``None``, the trigger's own reply is sent. A ``flask.Response`` is sent as it is. The
    function may get the same event more than once, with the same ``id``. The answer is 401 if the webhook does not
    verify, 409 if ``seen`` knows the delivery, and 413 for more than 1 MiB.

    Args:
        secret: the endpoint's, or several while one is rotated, the new one first.
        seen: lets each delivery in once, and answers 409 to its repeat; ``SeenInMemory()`` for one process. Without it,
            anyone who reads a request in a log can send it again within five minutes and gets Pingr's answer.

    """
    secrets = checked(secret)

    def decorate(on_event: Callable[[Event], Any]) -> Callable[[], Response]:
        @wraps(on_event)
        def view() -> Response:
            try:
                body = _body()
                event = event_of(body, request.headers.get("x-pingr-signature"), secrets)
                take_once(seen, body)
            except RefusedError as refused:
                current_app.logger.warning("Pingr webhook: %s", refused.message)
                return Response(refused.message, refused.status, mimetype="text/plain")
            reply = current_app.ensure_sync(on_event)(event)
            return reply if isinstance(reply, Response) else jsonify(answer_of(reply))

        return view

    return decorate


def _body() -> bytes:
    if request.content_length is None:
        return request.stream.read(MAX_BODY + 1)
    if request.content_length > MAX_BODY:
        raise too_long()
    body = request.get_data()
    if not body and request.content_length:
        raise lost()  # a form was parsed, or the stream was read
    return body
