"""What verifying a webhook costs, beside others, in one run, as ratios: ``python bench/verify.py``.

``bare`` is what nobody gets around: an HMAC and a JSON parser over the same body. ``published`` is hey-pingr 0.2.0,
from the directory that PINGR_TEST_CLIENTS names; ``standardwebhooks`` is the library of that name from PyPI.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import os
import sys
import time
from base64 import b64encode
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any, Callable

from standardwebhooks.webhooks import Webhook

from pingr import create_challenge_code, extract_challenge_code, verify_webhook

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
TURNS, SECONDS = 201, 0.002


def published() -> Any:
    """Return the published package's pingr.webhook under another name."""
    where = Path(os.environ["PINGR_TEST_CLIENTS"]) / "0.2.0" / "pingr" / "__init__.py"
    spec = importlib.util.spec_from_file_location("published", where, submodule_search_locations=[str(where.parent)])
    assert spec
    assert spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules["published"] = package
    spec.loader.exec_module(package)
    return package


def body_of(length: int) -> bytes:
    """Return an event whose text has a length."""
    event = {
        "event": "message.received",
        "session_id": "sess_abc123",
        "from": {"phone": "919876543210", "jid": "919876543210@s.whatsapp.net", "is_group": False, "group_jid": None},
        "message": {"text": "x" * length, "type": "text", "id": "3EB0C0FFEE", "timestamp": 1714825319000},
        "timestamp": time.time_ns() // 1_000_000,
        "id": "evt_01a207a9df697c6b9fac3a5edd0ec82a",
        "trigger": {"id": "trg_1", "phrase": "login"},
        "auto_reply": {"status": "pending"},
    }
    return json.dumps(event).encode()


def verifiers(body: bytes, old: Any) -> dict[str, Callable[[], object]]:
    """Return what verifies the body."""
    key, signature = SECRET.encode(), "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    standard, now = Webhook(SECRET), datetime.now(timezone.utc)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": standard.sign("evt_1", now, body.decode()),
    }

    def bare() -> object:
        return hmac.new(key, body, hashlib.sha256).hexdigest() and json.loads(body)

    return {
        "bare": bare,
        "ours": lambda: verify_webhook(body, signature, SECRET),
        "published": lambda: old.verify_webhook(body, signature, SECRET),
        "standardwebhooks": lambda: standard.verify(body, headers),
    }


def times(functions: dict[str, Callable[[], object]]) -> list[dict[str, float]]:
    """Return microseconds a call, by turns: in each turn every function runs for some milliseconds."""
    return [{name: micros(function) for name, function in functions.items()} for _ in range(TURNS)]


def micros(function: Callable[[], object]) -> float:
    """Return microseconds a call."""
    calls, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < SECONDS:
        for _ in range(10):
            function()
        calls += 10
    return took / calls * 1e6


def line(what: str, turns: list[dict[str, float]], base: str) -> str:
    """Return a line of the report. What else the machine does in a turn, all of its functions suffer from."""
    words = [f"{base} {median(turn[base] for turn in turns):.1f} µs"]
    words += [f"{name} {median(t[name] / t[base] for t in turns):.2f}" for name in turns[0] if name != base]
    return f"{what:<22}{'  '.join(words)}\n"


def main() -> None:
    """Write the report."""
    old = published()
    for name, length in (("verify, 8 characters", 8), ("verify, 4,096", 4096), ("verify, 60,000", 60_000)):
        sys.stdout.write(line(name, times(verifiers(body_of(length), old)), "bare"))
    for name, mine, theirs in (
        ("create a code", create_challenge_code, old.create_challenge_code),
        (
            "extract a code",
            lambda: extract_challenge_code("Login  x4k9mq7t", "login"),
            lambda: old.extract_challenge_code("Login  x4k9mq7t", "login"),
        ),
    ):
        sys.stdout.write(line(name, times({"ours": mine, "published": theirs}), "published"))


if __name__ == "__main__":
    main()
