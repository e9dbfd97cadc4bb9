"""What is Python's own: kinds of bodies, missing headers, errors, the clock."""

from __future__ import annotations

import hashlib
import hmac
import time
import traceback
from collections import Counter
from typing import Any

import pytest

from pingr import (
    CHALLENGE_CHARSET,
    Event,
    PingrError,
    PingrWebhookError,
    create_challenge_code,
    extract_challenge_code,
    verify_webhook,
)

SECRET = "whsec_c2VjcmV0"  # noqa: S105 - of these tests alone


def sign(body: str) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()


def now() -> int:
    return time.time_ns() // 1_000_000


def test_a_body_is_taken_as_bytes_of_any_kind_or_as_text() -> None:
    text = f'{{"event":"session.connected","text":"Grüße","timestamp":{now()}}}'
    raw = text.encode()
    for body in (text, raw, bytearray(raw), memoryview(raw)):
        assert verify_webhook(body, sign(text), SECRET)["event"] == "session.connected"


@pytest.mark.parametrize("parsed", [{"timestamp": 1}, None, 1, ["a"]])
def test_what_a_json_parser_made_of_the_body_is_refused(parsed: Any) -> None:
    with pytest.raises(PingrWebhookError, match="before any JSON parser"):
        verify_webhook(parsed, sign("{}"), SECRET)


@pytest.mark.parametrize("signature", [None, "", b"sha256=", 1, ["sha256="]])
def test_a_missing_signature_is_refused(signature: Any) -> None:
    with pytest.raises(PingrWebhookError, match=r"64 lowercase hex|x-pingr-signature is missing"):
        verify_webhook("{}", signature, SECRET)


@pytest.mark.parametrize("secret", [None, "", [], [""], [None, SECRET], ()])
def test_a_missing_secret_is_refused(secret: Any) -> None:
    with pytest.raises(PingrWebhookError, match="no secret"):
        verify_webhook("{}", sign("{}"), secret)


def test_the_clock_is_the_default_time_and_the_check_may_be_turned_off() -> None:
    fresh = f'{{"timestamp":{now()}}}'
    assert verify_webhook(fresh, sign(fresh), SECRET)
    old = f'{{"timestamp":{now() - 5 * 60 * 1000 - 1}}}'
    with pytest.raises(PingrWebhookError, match="5 minutes old"):
        verify_webhook(old, sign(old), SECRET)
    assert verify_webhook(old, sign(old), SECRET, check_timestamp=False)


def test_an_error_is_a_pingr_error_and_holds_nothing_of_the_body_or_the_secret() -> None:
    body = '{"from":{"phone":"919876543210"}'
    with pytest.raises(PingrError) as refused:
        verify_webhook(body, sign(body), SECRET)
    assert isinstance(refused.value, PingrWebhookError)
    assert refused.value.code == "webhook_error"
    assert str(refused.value) == refused.value.message
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__, "the parser's error holds the body"
    shown = "".join(traceback.format_exception(None, refused.value, None))
    assert "9198" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "inner",
    ["[" * 200_000 + "]" * 200_000, '{"a":' * 200_000 + "1" + "}" * 200_000, "9" * 100_000],
    ids=["lists", "objects", "digits"],
)
def test_a_body_too_deep_or_long_for_a_parser_is_refused_or_read_and_nothing_worse(inner: str) -> None:
    body = f'{{"timestamp":1,"x":{inner}}}'
    try:
        verify_webhook(body, sign(body), SECRET, check_timestamp=False)
    except PingrWebhookError as refused:
        assert refused.message == "the body is not an event"  # noqa: PT017 - both ends are right


@pytest.mark.parametrize(("length", "want"), [(0, 4), (-5, 4), (7, 7), (99, 12)])
def test_a_length_outside_4_to_12_is_clamped(length: int, want: int) -> None:
    assert len(create_challenge_code(length=length)) == want


def test_an_empty_charset_is_the_default_and_one_of_more_than_256_characters_an_error() -> None:
    assert set(create_challenge_code(charset="")) <= set(CHALLENGE_CHARSET)
    with pytest.raises(ValueError, match="256"):
        create_challenge_code(charset="a" * 257)


def test_codes_are_drawn_uniformly() -> None:
    """Taking a byte modulo 10 would draw 0 to 5 more often: a chi-square above 100."""
    draws = 5_000 * 12
    counts = Counter("".join(create_challenge_code(length=12, charset="0123456789") for _ in range(draws // 12)))
    chi = sum((counts[c] - draws / 10) ** 2 / (draws / 10) for c in "0123456789")
    assert chi < 60, "chi-square of 9 degrees of freedom: one in a billion"


def test_every_code_that_is_made_is_found_again() -> None:
    for i in range(1000):
        code = create_challenge_code(length=4 + i % 9)
        assert extract_challenge_code(f"Hey  login {code.lower()} ", "hey login") == code


def test_a_message_without_text_has_no_code() -> None:
    nothing: Any = None
    assert extract_challenge_code(nothing, "login") is None
    assert extract_challenge_code("login X4", nothing) is None


def typed(event: Event) -> str:
    """Return nothing of interest; mypy checks that the types narrow."""
    if event["event"] == "message.received":
        phone: str = event["from"]["phone"] or ""
        return phone + (extract_challenge_code(event["message"]["text"], "login") or "")
    if event["event"] == "session.disconnected":
        event["message"]  # type: ignore[typeddict-item]
        return event["kind"]
    return event["session_id"]
