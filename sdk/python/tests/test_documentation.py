"""The snippets of the product's documentation, each in a program of its own, against the real server."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from test_docs import ask, environment, free_port, running
from world import PASSWORD, REPOSITORY, Customer, World, until

from pingr import Pingr

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (REPOSITORY / "testdata" / "documentation.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"^## ([^\n]*)\n\n```python\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE))

# What a snippet leaves to the reader.
FLASK = """
import os, sys
from flask import Flask, request
from pingr import PingrWebhookError, verify_webhook
app = Flask("shop")
{snippet}
app.run(port=int(sys.argv[1]))
"""
FASTAPI = """
import os, sys
import uvicorn
from fastapi import FastAPI, Request, Response
from pingr import create_challenge_code, extract_challenge_code, verify_webhook
app = FastAPI()
SECRET = os.environ["PINGR_WEBHOOK_SECRET"]
async def generate_magic_link(phone): return "https://shop.example/in/" + phone
{snippet}
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
STATIC = "One moment."


@pytest.fixture(scope="module")
def shop(world: World) -> tuple[Customer, str]:
    """Link a number, and give its customer and the number."""
    customer, number = world.customer("sync"), world.phone("POST", "")["number"]
    client = customer.client()
    client.sessions.create(id="documented", name="Shop")
    code = client.sessions.pair_code("documented", phone=number)
    world.phone("POST", f"/{number}/code", {"code": code})
    until(lambda: client.sessions.get("documented")["status"] == "connected", "the link")
    client.triggers.create(session_id="documented", trigger_phrase="login", reply_message=STATIC)
    client.webhooks.set("https://shop.example/")  # makes the secret
    return customer, number


def test_every_snippet_is_run() -> None:
    assert list(SNIPPETS) == [
        "Quick start: handling webhook events, in Flask",
        "Python SDK: verify webhooks, in Flask",
        "Python SDK: challenge code helpers, in FastAPI",
    ]


@pytest.mark.parametrize("title", SNIPPETS)
def test_the_snippets_work_as_they_stand(shop: tuple[Customer, str], title: str, tmp_path: Path) -> None:
    (customer, number), port = shop, free_port()
    world = customer.world
    with Pingr.login(email=customer.email, password=PASSWORD, base_url=world.url) as login:
        secret = login.webhooks.get()["secret"]
    coded = "FastAPI" in title
    (tmp_path / "shop.py").write_text((FASTAPI if coded else FLASK).format(snippet=SNIPPETS[title]), encoding="utf-8")
    with running(
        port, sys.executable, "shop.py", str(port), cwd=tmp_path, env=environment(PINGR_WEBHOOK_SECRET=secret)
    ):
        customer.client().webhooks.set(f"http://127.0.0.1:{port}/webhook")
        asha, text, answer = world.phone("POST", "")["number"], "Login", STATIC
        if coded:
            code = re.findall('"code":"([A-Z2-9]{6})"', ask(port, "GET", "/auth/challenge")[1])[0]
            text, answer = f"login {code}", f"Here's your link: https://shop.example/in/{asha}"
            assert '"pending"' in ask(port, "GET", f"/auth/poll?code={code}")[1]
        world.phone("POST", f"/{asha}/messages", {"to": number, "text": text})
        said = until(lambda: world.phone("GET", f"/{asha}/messages")["messages"], "the answer")
        assert said[0]["text"] == answer
        if coded:
            assert f"https://shop.example/in/{asha}" in ask(port, "GET", f"/auth/poll?code={code}")[1]
        forged = ask(port, "POST", "/webhook", b'{"event":"message.received"}', x_pingr_signature="sha256=" + "0" * 64)
        assert forged[0] == (500 if coded else 400)
