"""Every case of testdata/vectors.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import VECTORS, body_of, text_of

from pingr import (
    PingrWebhookError,
    create_challenge_code,
    extract_challenge_code,
    login_link,
    parse_phone,
    verify_webhook,
)


@pytest.mark.vectors("verify")
def test_verify_webhook(case: dict[str, Any]) -> None:
    body, now, check = body_of(case), VECTORS["now"], not case.get("skip_timestamp", False)
    if "error" in case:
        with pytest.raises(PingrWebhookError) as refused:
            verify_webhook(body, case["signature"], case["secrets"], check_timestamp=check, now=now)
        assert case["error"] in refused.value.message
        return
    event = verify_webhook(body, case["signature"], case["secrets"], check_timestamp=check, now=now)
    assert event == json.loads(body)
    as_text = verify_webhook(body.decode(), case["signature"], case["secrets"], check_timestamp=check, now=now)
    assert as_text == event


@pytest.mark.vectors("extract")
def test_extract_challenge_code(case: dict[str, Any]) -> None:
    assert extract_challenge_code(text_of(case), case["trigger"]) == case["code"]


@pytest.mark.vectors("create")
def test_create_challenge_code(case: dict[str, Any]) -> None:
    options = {name: case[name] for name in ("length", "charset") if name in case}
    code = create_challenge_code(**options)
    assert len(code) == case["want_length"]
    assert set(code) <= set(case["want_from"])


@pytest.mark.vectors("link")
def test_login_link(case: dict[str, Any]) -> None:
    assert login_link(case["number"], text_of(case)) == case["link"]


@pytest.mark.vectors("phone")
def test_parse_phone(case: dict[str, Any]) -> None:
    assert parse_phone(case["text"]) == case["phone"]
