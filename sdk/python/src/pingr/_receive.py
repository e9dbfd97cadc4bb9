"""What the adapters for web frameworks have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import PingrError, PingrWebhookError
from .seen import LIFE, key_of
from .webhook import verify_webhook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .events import Event
    from .seen import Seen

#: More than an event with the longest text takes, in bytes.
MAX_BODY = 1 << 20


class RefusedError(PingrError):
    """A refused request, answered with ``status``. The message may be shown and logged."""


def checked(secret: str | Sequence[str] | None) -> str | Sequence[str]:
    """Check at the start that there is a secret, because without one every webhook would be refused."""
    if not secret or not (isinstance(secret, str) or secret[0]):
        raise ValueError("no webhook secret is given; the dashboard shows it (whsec_…)")
    return secret


def too_long() -> RefusedError:
    """Return the refusal of a body that is longer than any event."""
    return RefusedError("the body is longer than 1 MiB", "payload_too_large", 413)


def lost() -> PingrError:
    """Return the error for a body that something else has read, which is the site's fault and not the caller's."""
    return PingrError(
        "The body was read already, and what was signed is lost: nothing may read it before the webhook", "body_parsed"
    )


def event_of(body: bytes, signature: str | None, secret: str | Sequence[str]) -> Event:
    """Return the event of a request's body, as it came."""
    if len(body) > MAX_BODY:
        raise too_long()
    try:
        return verify_webhook(body, signature, secret)
    except PingrWebhookError as err:
        raise RefusedError(err.message, err.code, 401) from None


def take_once(seen: Seen | None, body: bytes) -> None:
    """Refuse a verified body that was received before.

    It runs before the function, because of two that arrive together only one may be answered.
    """
    if seen is not None and not seen.add(key_of(body), LIFE):
        raise repeated()


def repeated() -> RefusedError:
    """Return the refusal of a delivery that was received before."""
    return RefusedError(
        "this delivery was received before; Pingr signs each attempt again, so is it a replay?", "webhook_error", 409
    )


def answer_of(reply: object) -> dict[str, str]:
    """Return the JSON to answer with."""
    if isinstance(reply, dict) and set(reply) <= {"reply"}:
        reply = reply.get("reply")  # the webhook's own JSON
    if reply is not None and not isinstance(reply, str):
        raise TypeError(
            "a webhook's function returns the reply's text, {'reply': text}, None, or a response of the framework"
        )
    return {"reply": reply} if reply else {}
