"""The README's programs, run as they stand there."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pingr import Pingr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from world import World

HERE = Path(__file__).parents[1]
SERVER, PAGE, API = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
SECRET = "whsec_c2VjcmV0"  # noqa: S105 - of these tests alone
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE / "src"), "PINGR_WEBHOOK_SECRET": SECRET}


@pytest.fixture
def port() -> Iterator[int]:
    """Run the README's server, and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free: int = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], env={**ENVIRONMENT, "PORT": str(free)}, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", free), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server does not listen"
                time.sleep(0.02)
        yield free
    finally:
        server.terminate()
        server.wait()


def post(port: int, body: bytes, signature: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/webhook", body, {"x-pingr-signature": signature})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_webhook_server(port: int) -> None:
    event = {
        "event": "message.received",
        "from": {"phone": "919876543210"},
        "message": {"text": "Login x4k9mq"},
        "timestamp": time.time_ns() // 1_000_000,
    }
    body = json.dumps(event).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert post(port, body, signature) == (200, b'{"reply": "Code X4K9MQ came from +919876543210."}')
    assert post(port, body + b" ", signature) == (400, b"")


def test_the_api(world: World) -> None:
    customer = world.customer("sync")
    environment = {**ENVIRONMENT, "PINGR_API_KEY": customer.test, "PINGR_SERVER": world.url}
    asked = [
        subprocess.run([sys.executable, "-c", API], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert asked[0] == "Test session connected\n"
    assert re.fullmatch(r"Test session connected\nagain in \d+ s\n", asked[1])


def test_the_readme_names_every_method() -> None:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    with Pingr("pk_test_x") as client:
        for part in (name for name in vars(client) if not name.startswith("_")):
            assert f"`{part}`" in readme
            for method in (name for name in dir(getattr(client, part)) if not name.startswith("_")):
                assert re.search(rf"[`.]{method}[`(]", readme), f"{part}.{method}"


def test_the_login_page() -> None:
    link = subprocess.run([sys.executable, "-c", PAGE], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"https://wa\.me/919876543210\?text=login%20[A-HJ-NP-Z2-9]{8}\n", link.stdout)
