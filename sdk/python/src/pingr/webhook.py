"""Verification of webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import TYPE_CHECKING, Any, NoReturn, cast

from .challenge import create_challenge_code, extract_challenge_code
from .errors import PingrWebhookError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .events import Event

# The helpers for codes stood here in 0.2.
__all__ = ["create_challenge_code", "extract_challenge_code", "verify_webhook"]

_TOLERANCE_MS = 5 * 60 * 1000
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def verify_webhook(
    raw_body: bytes | bytearray | memoryview | str,
    signature: str | None,
    secret: str | Sequence[str] | None,
    *,
    check_timestamp: bool = True,
    now: int | None = None,
) -> Event:
    """Check the signature of a webhook and return its event.

    The signature must be ``sha256=`` and 64 lowercase hex digits. It is compared in constant time, and nothing is
    parsed before it has been verified. The body must be a JSON object in UTF-8 whose ``timestamp`` is within 5 minutes
    of now, in either direction.

    Args:
        raw_body: the body byte for byte as it came, before any JSON parser, as ``request.get_data()`` (Flask),
            ``await request.body()`` (FastAPI) or ``request.body`` (Django) returns it.
        signature: the ``x-pingr-signature`` header; ``None`` if it is missing.
        secret: the endpoint's secret, ``whsec_…``, or several during a rotation, the new one first. Without one (an
            environment variable that is not set) every webhook is refused.
        check_timestamp: whether to refuse a body whose timestamp is missing or more than 5 minutes from now.
        now: the time to compare the timestamp with, in Unix milliseconds; by default the current time.

    Raises:
        PingrWebhookError: if the webhook is not accepted, with the reason.

    """
    body = _bytes_of(raw_body)
    _check_signature(body, signature, [secret] if isinstance(secret, str) else secret or [])
    event = _parse(body)
    if check_timestamp:
        _check_timestamp(_timestamp_of(event), time.time_ns() // 1_000_000 if now is None else now)
    return cast("Event", event)


def _bytes_of(raw_body: object) -> bytes:
    if isinstance(raw_body, str):
        return raw_body.encode("utf-8", "replace")
    if isinstance(raw_body, (bytes, bytearray, memoryview)):
        return bytes(raw_body)
    raise PingrWebhookError("the body is neither bytes nor a string: pass it as it came, before any JSON parser")


def _check_signature(body: bytes, signature: object, secrets: Sequence[str]) -> None:
    if signature is None or signature == "":
        raise PingrWebhookError("there is no signature: the header x-pingr-signature is missing or empty")
    form = _SIGNATURE.fullmatch(signature) if isinstance(signature, str) else None
    if form is None:
        raise PingrWebhookError("the signature is not sha256= and 64 lowercase hex digits")
    if not secrets or not secrets[0]:
        raise PingrWebhookError("no secret is given")
    given = bytes.fromhex(form[1])
    for secret in secrets:
        # Surrogates stand for bytes of the environment that are not UTF-8.
        key = (secret or "").encode("utf-8", "surrogateescape")
        if key and hmac.compare_digest(hmac.new(key, body, hashlib.sha256).digest(), given):
            return
    raise PingrWebhookError("the signature does not match the body and the secret")


def _parse(body: bytes) -> dict[str, Any]:
    if not body.lstrip(b" \t\r\n").startswith(b"{"):
        raise PingrWebhookError("the body is not a JSON object")
    try:
        # Decoded here, because json would take UTF-16 and UTF-32 too.
        event: dict[str, Any] = _JSON.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # The parser's own error holds the body.
        raise PingrWebhookError("the body is not an event") from None
    return event


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _timestamp_of(event: dict[str, Any]) -> int:
    """Return the event's timestamp, or 0 if it has none."""
    stamp = event.get("timestamp")
    if stamp is None:
        return 0
    whole = isinstance(stamp, int) or (isinstance(stamp, float) and stamp.is_integer())
    if isinstance(stamp, bool) or not whole or abs(stamp) > 1 << 63:
        raise PingrWebhookError("the timestamp is not an integer")
    return int(stamp)


def _check_timestamp(stamp: int, now: int) -> None:
    if stamp == 0:
        raise PingrWebhookError("the body has no timestamp")
    if stamp < now - _TOLERANCE_MS:
        raise PingrWebhookError("the timestamp is more than 5 minutes old; is this an old request, or the clock wrong?")
    if stamp > now + _TOLERANCE_MS:
        raise PingrWebhookError("the timestamp is more than 5 minutes ahead; is the clock wrong?")
