"""Every block of docs/python.md, run: the page leads from installing to a working login."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from world import PASSWORD, REPOSITORY, Customer, Endpoint, World, until

from pingr import Pingr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (REPOSITORY / "docs" / "python.md").read_text(encoding="utf-8")
APP, CONNECT, TEST, CODES, API, ASYNC, FASTAPI, DJANGO = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SECRET = "whsec_c2VjcmV0"  # noqa: S105 - of these tests alone


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY / "sdk" / "python" / "src"), **more}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(port: int, *command: str | Path, **options: Any) -> Iterator[None]:
    """Run a server of the page's."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

    def listens() -> bool:
        assert server.poll() is None, "the server ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens, "the server")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers.get("set-cookie", "")
    finally:
        connection.close()


@pytest.fixture
def shop(world: World) -> Iterator[Customer]:
    customer = world.customer("sync")
    yield customer
    customer.close()


def test_from_installing_to_a_working_login(shop: Customer, tmp_path: Path) -> None:
    port, world = free_port(), shop.world
    origin = f"http://127.0.0.1:{port}"
    phone, asha = world.phone("POST", ""), world.phone("POST", "")
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "connect.py").write_text(CONNECT)
    with Pingr.login(email=shop.email, password=PASSWORD, base_url=world.url) as login:
        secret = login.webhooks.get()["secret"]
    assert "python app.py" in SHELL[1]
    assert "python connect.py 15550100001 http://127.0.0.1:8090/webhook" in SHELL[1]
    serve = environment(PINGR_WEBHOOK_SECRET=secret, ORIGIN=origin)
    with running(port, sys.executable, "app.py", cwd=tmp_path, env=serve):
        connect = subprocess.Popen(
            [sys.executable, "connect.py", phone["number"], origin + "/webhook"],
            cwd=tmp_path,
            env=environment(PINGR_API_KEY=shop.live, PINGR_SERVER=world.url),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert connect.stdout
        code = connect.stdout.readline().split()[-1]
        world.phone("POST", f"/{phone['number']}/code", {"code": code})
        assert connect.communicate(timeout=30)[0] == f"Write login to +{phone['number']}\n"
        assert connect.returncode == 0
        again = subprocess.run(
            [sys.executable, "connect.py", phone["number"], origin + "/webhook"],
            cwd=tmp_path,
            env=environment(PINGR_API_KEY=shop.live, PINGR_SERVER=world.url),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert again.stdout == f"Write login to +{phone['number']}\n", "it may run twice"

        world.phone("POST", f"/{asha['number']}/messages", {"to": phone["number"], "text": "Login"})
        said = until(lambda: world.phone("GET", f"/{asha['number']}/messages")["messages"], "the answer")[0]["text"]
        path = re.search(f"^{origin}(/in/.+)$", said, re.MULTILINE)[1]  # type: ignore[index]
        assert f"+{asha['number']}?" in ask(port, "GET", path)[1]
        assert ask(port, "POST", path)[0] == 403, "without Origin"
        assert ask(port, "POST", path, origin="https://attacker.example")[0] == 403
        status, _, cookie = ask(port, "POST", path, origin=origin)
        assert status == 303
        assert "HttpOnly" in cookie
        session = cookie.split(";")[0]
        assert json.loads(ask(port, "GET", "/me", cookie=session)[1]) == {"phone": asha["number"]}
        assert ask(port, "POST", path, origin=origin)[0] == ask(port, "GET", path)[0] == 410, "good once"
        assert ask(port, "GET", "/me")[0] == 401
        assert ask(port, "POST", "/logout", origin=origin, cookie=session)[0] == 204
        assert ask(port, "GET", "/me", cookie=session)[0] == 401


def go_test(name: str, package: str) -> str:
    """Run a test of Go's that needs a Python with Flask, and give what it said."""
    ran = subprocess.run(
        ["go", "test", "-count=1", "-v", "-run", name, package],
        cwd=REPOSITORY,
        env=environment(PINGR_TEST_PYTHON=sys.executable),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def test_attackers_do_not_get_in() -> None:
    said = go_test("TestDocsPythonProgramHolds", "./internal/seclab")
    assert said.count("--- PASS: TestDocsPythonProgramHolds/") > 10


def test_the_dashboards_snippet_answers_logins_each_delivery_once() -> None:
    assert "--- PASS: TestSnippetInPython" in go_test("TestSnippetInPython", "./server/dashboard")


def test_the_test(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "test_app.py").write_text(TEST)
    command = SHELL[2].split()
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_codes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODES], env=environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    output = CODES.partition("# Output:\n")[2]
    assert done.stdout == re.sub("^# ", "", output, flags=re.MULTILINE)


@pytest.mark.parametrize("block", [API, ASYNC], ids=["sync", "async"])
def test_the_rest_of_the_api(shop: Customer, endpoint: Endpoint, block: str) -> None:
    shop.client(shop.test).webhooks.set(endpoint.url)
    shop.login(mode="test").webhooks.simulate(phone="919876543210", message="login", session_id="sess_test")
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            env=environment(PINGR_API_KEY=shop.test, PINGR_SERVER=shop.world.url),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    if block is API:
        assert outputs == ["", ""], "the same idempotency key is no second message"
    else:
        assert re.fullmatch(r"\['connected'\] 0\n2\S+Z simulated\n", outputs[0])


@pytest.mark.parametrize("framework", ["fastapi", "django"])
def test_the_other_frameworks(framework: str, tmp_path: Path) -> None:
    port = free_port()
    if framework == "fastapi":
        (tmp_path / "site_of_page.py").write_text(FASTAPI)
        run = f"import uvicorn; uvicorn.run('site_of_page:app', port={port}, log_level='critical')"
    else:
        (tmp_path / "site_of_page.py").write_text(DJANGO)
        run = (
            "from django.conf import settings; settings.configure(ROOT_URLCONF='site_of_page', ALLOWED_HOSTS=['*'])\n"
            "import django; django.setup()\n"
            "from django.core.wsgi import get_wsgi_application; from wsgiref.simple_server import make_server\n"
            f"make_server('127.0.0.1', {port}, get_wsgi_application()).serve_forever()"
        )
    event = {"event": "message.received", "from": {"phone": "919876543210"}, "timestamp": int(time.time() * 1000)}
    body = json.dumps(event).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    with running(port, sys.executable, "-c", run, cwd=tmp_path, env=environment(PINGR_WEBHOOK_SECRET=SECRET)):
        status, said, _ = ask(port, "POST", "/webhook", body, x_pingr_signature=signature)
        assert (status, json.loads(said)) == (200, {"reply": "Hello 919876543210"})
        assert ask(port, "POST", "/webhook", body + b" ", x_pingr_signature=signature)[0] == 401
