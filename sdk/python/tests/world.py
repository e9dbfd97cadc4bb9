"""The real server, a loopback WhatsApp with phones, and a customer of the server's: nothing here is a mock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, cast
from urllib.parse import urlsplit

from pingr import AsyncPingr, Pingr

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[3]
PASSWORD = "correct horse"  # noqa: S105 - of these tests alone


def until(true: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait for a condition, and return what it gave."""
    end = time.monotonic() + seconds
    while not (got := true()):
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.02)
    return got


def build(into: Path) -> Path:
    """Build the server and the loopback WhatsApp, unless ``PINGR_TEST_BINARIES`` says where they are."""
    if built := os.environ.get("PINGR_TEST_BINARIES"):
        return Path(built)
    for package in ("./cmd/pingr", "./cmd/whatsapptest"):
        subprocess.run(["go", "build", "-o", into, package], cwd=REPOSITORY, check=True)
    return into


@dataclass
class Endpoint:
    """Where webhooks go: keeps them, and answers with a reply."""

    reply: str = ""
    status: int = 200
    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def run(self) -> Iterator[Endpoint]:
        """Listen until it is closed."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                endpoint.got.append((body, {name.lower(): value for name, value in self.headers.items()}))
                answer = json.dumps({"reply": endpoint.reply}).encode()
                self.send_response(endpoint.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/webhook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield self
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class World:
    """The server and the phones."""

    binaries: Path
    data: Path
    url: str
    phones: str
    _customers: int = 0

    def pingr(self, *args: str, text: str = "") -> str:
        """Run pingr on the server's data."""
        command = [str(self.binaries / "pingr"), *args, "--data", str(self.data)]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.strip()

    def customer(self, kind: str) -> Customer:
        """Make an account with its keys."""
        self._customers += 1
        email = f"customer{self._customers}@example.com"
        self.pingr("account", "create", "--email", email, text=PASSWORD + "\n")
        live, test = (self.pingr("key", "create", "--account", email, "--mode", mode) for mode in ("live", "test"))
        return Customer(self, kind, email, live, test)

    def phone(self, method: str, path: str, body: object = None) -> Any:
        """Do something with a phone."""
        where = urlsplit(self.phones)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=30)
        try:
            connection.request(method, where.path + path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            said = json.loads(answer.read() or b"null")
            assert answer.status < 300, said
            return said
        finally:
            connection.close()


@dataclass
class Customer:
    """Who has an account, and asks by one kind of client: ``sync`` or ``async``."""

    world: World
    kind: str
    email: str
    live: str
    test: str
    _clients: list[Any] = field(default_factory=list)

    def client(self, key: str | None = None, **options: Any) -> Pingr:
        """Return a client with the live key or another."""
        options.setdefault("base_url", self.world.url)
        key = self.live if key is None and "token" not in options else key
        return self._client(Pingr(key, **options) if self.kind == "sync" else Waiting(AsyncPingr(key, **options)))

    def login(self, **options: Any) -> Pingr:
        """Return a client with a login."""
        given = {"email": self.email, "password": PASSWORD, "base_url": self.world.url, **options}
        return self._client(Pingr.login(**given) if self.kind == "sync" else Waiting.of(AsyncPingr.login(**given)))

    def sign_up(self) -> Pingr:
        """Try to make an account."""
        given: Any = {"email": "eve@example.com", "password": PASSWORD, "base_url": self.world.url}
        return self._client(Pingr.sign_up(**given) if self.kind == "sync" else Waiting.of(AsyncPingr.sign_up(**given)))

    def set_up(self, token: str = "A" * 26) -> Pingr:
        """Try to make the server's first account."""
        given: Any = {
            "setup_token": token,
            "email": self.email,
            "password": PASSWORD,
            "base_url": self.world.url,
        }
        return self._client(Pingr.set_up(**given) if self.kind == "sync" else Waiting.of(AsyncPingr.set_up(**given)))

    def _client(self, client: Any) -> Pingr:
        self._clients.append(client)
        return cast("Pingr", client)

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close() if self.kind == "sync" else client.end()


class Waiting:
    """Asks by an AsyncPingr, or a part of it, and waits: so one test is for both clients."""

    def __init__(self, thing: Any, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._thing, self._loop = thing, loop or asyncio.new_event_loop()

    @classmethod
    def of(cls, coroutine: Any) -> Waiting:
        loop = asyncio.new_event_loop()
        try:
            return cls(loop.run_until_complete(coroutine), loop)
        except BaseException:
            loop.close()
            raise

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        if isinstance(value, (str, type(None))):
            return value
        return self._call(value) if callable(value) else Waiting(value, self._loop)

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            result = method(*args, **named)
            if hasattr(result, "__anext__"):
                return self._all(result)
            return self._loop.run_until_complete(result) if asyncio.iscoroutine(result) else result

        return call

    def _all(self, items: Any) -> Iterator[Any]:
        try:
            with contextlib.suppress(StopAsyncIteration):
                while True:
                    yield self._loop.run_until_complete(items.__anext__())
        finally:
            self._loop.run_until_complete(items.aclose())

    def end(self) -> None:
        self._loop.run_until_complete(self._thing.aclose())
        self._loop.close()

    def __repr__(self) -> str:
        return repr(self._thing)


def start(directory: Path) -> Iterator[World]:
    """Run the loopback WhatsApp and ``pingr serve`` until it is closed."""
    binaries = build(directory)
    network = subprocess.Popen(
        [binaries / "whatsapptest", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--json", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert network.stdin
    assert network.stdout
    ready = json.loads(network.stdout.readline())
    data = directory / "data"
    server = subprocess.Popen(
        [binaries / "pingr", "serve", "--data", data, "--listen", "127.0.0.1:0"],
        env={**os.environ, **ready["env"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout
    try:
        line = server.stdout.readline()
        assert line.startswith("listening on "), line
        yield World(binaries, data, line.split()[-1], ready["control"] + "/phones")
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
        network.stdin.close()
        network.wait()
        network.stdout.close()
