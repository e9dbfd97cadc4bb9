"""What Pingr sends also holds for verifiers of Standard Webhooks: here the published one."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, Optional

import pytest
import standardwebhooks.webhooks
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pingr import verify_webhook


@pytest.fixture
def at_its_time(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standardwebhooks believe that it is the time of the case."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Optional[tzinfo] = None) -> Clock:
            return cls.fromtimestamp(case["now"] / 1000, tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Clock)


@pytest.mark.vectors("standard")
@pytest.mark.usefixtures("at_its_time")
def test_standardwebhooks_accepts_what_pingr_sends(case: dict[str, Any]) -> None:
    event = Webhook(case["secret"]).verify(case["body"], case["headers"])
    ours = verify_webhook(case["body"], case["headers"]["x-pingr-signature"], case["secret"], now=case["now"])
    assert event == ours
    assert ours["id"] == case["headers"]["webhook-id"]


@pytest.mark.vectors("standard")
@pytest.mark.usefixtures("at_its_time")
def test_standardwebhooks_refuses_it_changed(case: dict[str, Any]) -> None:
    webhook, headers = Webhook(case["secret"]), case["headers"]
    with pytest.raises(WebhookVerificationError):
        webhook.verify(case["body"] + " ", headers)
    with pytest.raises(WebhookVerificationError):
        webhook.verify(case["body"], {**headers, "webhook-id": "evt_other"})
    with pytest.raises(WebhookVerificationError):
        webhook.verify(case["body"], {**headers, "webhook-timestamp": str(case["now"] // 1000 + 1)})
