"""What lies between: connections that are kept, break or hang, answers that are not Pingr's, proxies, forks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from world import Waiting, until

from pingr import AsyncPingr, Pingr, PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "pk_test_xK9p2mQr8nVs4wLj7dFhTbYcXeAuZo"
USAGE = b'{"used":1}'


class Line:
    """A server that answers as it is told, byte for byte, and notes what it was asked."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self.asked: list[bytes] = []
        self.connections = 0
        self.answers: list[bytes | None] = []  # None hangs up
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._tls:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:  # the client did not trust us
                connection.close()
                return
        with connection, connection.makefile("rb") as reader:
            while head := read_head(reader):
                self.asked.append(head)
                answer = self.answers.pop(0) if self.answers else answer_of(200, USAGE)
                if answer is None:
                    return
                if answer:
                    connection.sendall(answer)

    def hang_up(self) -> None:
        """End all connections, as a server does with those that are silent."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it may be closed
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()


def read_head(reader: BinaryIO) -> bytes:
    head, length = b"", 0
    while line := reader.readline():
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            body: bytes = reader.read(length)
            return head + body
    return b""


def answer_of(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def problem(status: int, error: str, *headers: str, **detail: Any) -> bytes:
    return answer_of(status, json.dumps({"detail": {"error": error, "message": "Why.", **detail}}).encode(), *headers)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@pytest.fixture
def timeout() -> float:
    return 20  # a server that answers at all has the time it needs


@pytest.fixture(params=["sync", "async"])
def client(line: Line, timeout: float, request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "sync":
        with Pingr(KEY, base_url=line.url + "/", timeout=timeout) as client:
            yield client
        return
    waiting = Waiting(AsyncPingr(KEY, base_url=line.url + "/", timeout=timeout))
    yield waiting
    waiting.end()


def test_a_request_says_who_asks_and_nothing_more(client: Any, line: Line) -> None:
    line.answers = [answer_of(200, b'{"triggers":[]}')]
    assert client.triggers.list(session_id="a b&c=ä") == []
    request = line.asked[0].decode().lower()
    assert request.startswith("get /v1/triggers?session_id=a+b%26c%3d%c3%a4 http/1.1\r\n")
    assert f"\r\nx-api-key: {KEY.lower()}\r\n" in request
    assert "\r\nuser-agent: pingr-python/0.3.0\r\n" in request
    assert "authorization" not in request
    assert "content-type" not in request
    client.sessions.rename("x", name="Grüße 👋")
    head, _, body = line.asked[1].partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body) == {"name": "Grüße 👋"}


def test_one_connection_serves_many_requests(client: Any, line: Line) -> None:
    for _ in range(20):
        client.usage.get()
    assert (line.connections, len(line.asked)) == (1, 20)


def test_a_connection_that_the_server_ended_while_it_was_silent_is_not_used(client: Any, line: Line) -> None:
    client.usage.get()
    line.hang_up()
    time.sleep(0.05)  # until the end has arrived; whether it has, is what is tested
    assert client.messages.send(to="919876543210", message="hi") == {"used": 1}
    assert (line.connections, len(line.asked)) == (2, 2)


def test_what_may_have_been_sent_is_not_sent_again(client: Any, line: Line) -> None:
    client.usage.get()
    line.answers = [None]
    with pytest.raises(PingrError) as broken:
        client.messages.send(to="919876543210", message="hi")
    assert broken.value.code == "network_error"
    assert len(line.asked) == 2, "a person would get it twice"


def test_what_is_safe_to_repeat_is_repeated_once_when_a_kept_connection_breaks(line: Line) -> None:
    with Pingr(KEY, base_url=line.url) as client:
        client.usage.get()
        line.answers = [None]
        assert client.usage.get()["used"] == 1
        line.answers = [None]
        assert client.messages.send(to="919876543210", message="hi", idempotency_key="1")
        line.answers = [None, None]
        with pytest.raises(PingrError, match="Network error"):
            client.usage.get()


@pytest.mark.parametrize("timeout", [0.5])
def test_a_server_that_does_not_answer_in_time(client: Any, line: Line) -> None:
    line.answers = [b""]
    began = time.monotonic()
    with pytest.raises(PingrError, match="did not answer in time") as late:
        client.usage.get()
    assert late.value.code == "network_error"
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there(client: Any, line: Line) -> None:
    line.close()
    with pytest.raises(PingrError, match="Network error: ") as nowhere:
        client.usage.get()
    assert (nowhere.value.code, nowhere.value.status) == ("network_error", None)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b"\xff\xfe", b"[]", b'{"used":1}'])
def test_an_answer_that_is_not_json(client: Any, line: Line, body: bytes) -> None:
    line.answers = [answer_of(200, body, "X-Request-Id: req_1")]
    if body == b"":
        client.triggers.delete("x")
        return
    with pytest.raises(PingrError, match="Is base_url the address") as other:
        client.triggers.list()
    assert (other.value.code, other.value.status, other.value.request_id) == ("invalid_response", 200, "req_1")


def test_a_redirection_is_not_followed_so_that_nobody_else_is_shown_the_key(client: Any, line: Line) -> None:
    line.answers = [answer_of(302, b"", "Location: https://attacker.example/")]
    with pytest.raises(PingrError) as moved:
        client.usage.get()
    assert moved.value.status == 302
    assert len(line.asked) == 1


@pytest.mark.parametrize(
    ("answer", "want"),
    [
        (problem(401, "invalid_key"), (PingrAuthError, "auth_error", None)),
        (problem(422, "missing_param"), (PingrValidationError, "validation_error", None)),
        (problem(429, "rate_limit", "Retry-After: 47"), (PingrRateLimitError, "rate_limit", 47)),
        (problem(429, "quota_exceeded", retry_after=9), (PingrRateLimitError, "quota_exceeded", 9)),
        (
            problem(429, "rate_limit", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"),
            (PingrRateLimitError, "rate_limit", None),
        ),
        (answer_of(429, b"slow down"), (PingrRateLimitError, "rate_limit", None)),
        (problem(403, "plan_limit"), (PingrError, "plan_limit", None)),
        (problem(503, "internal", "Retry-After: 5"), (PingrError, "internal", 5)),
        (answer_of(502, b"<html>Bad gateway"), (PingrError, "unknown_error", None)),
        (answer_of(500, b'{"detail":"Oh"}'), (PingrError, "unknown_error", None)),
        (answer_of(500, b'{"detail":{"error":7,"message":["x"]}}'), (PingrError, "unknown_error", None)),
        (answer_of(401, b"[1]"), (PingrAuthError, "auth_error", None)),
    ],
)
def test_errors_are_of_their_kind_whoever_made_them(client: Any, line: Line, answer: bytes, want: Any) -> None:
    line.answers = [answer]
    with pytest.raises(PingrError) as refused:
        client.usage.get()
    assert (type(refused.value), refused.value.code, refused.value.retry_after) == want
    assert isinstance(refused.value.message, str)
    assert refused.value.message


def test_it_waits_no_more_often_than_it_is_told(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("pingr._sync.transport.time.sleep", slept.append)
    with Pingr(KEY, base_url=line.url, retries=2) as client:
        line.answers = [problem(429, "rate_limit", f"Retry-After: {n}") for n in (1, 2, 3)]
        with pytest.raises(PingrRateLimitError) as refused:
            client.usage.get()
        assert refused.value.retry_after == 3
        line.answers = [problem(503, "internal", "Retry-After: 1")]
        with pytest.raises(PingrError):
            client.usage.get()
    assert slept == [1, 2]


def test_threads_share_a_client(line: Line) -> None:
    with Pingr(KEY, base_url=line.url) as client:
        line.answers = [answer_of(200, json.dumps({"used": n}).encode()) for n in range(400)]
        got: list[int] = []
        threads = [
            threading.Thread(target=lambda: got.extend(client.usage.get()["used"] for _ in range(50))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Counter(got) == Counter(range(400)), "everybody gets an answer of his own"
    assert line.connections <= 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_does_not_use_its_parents_connection(line: Line) -> None:
    with Pingr(KEY, base_url=line.url) as client:
        client.usage.get()
        child = os.fork()
        if child == 0:
            os._exit(0 if client.usage.get()["used"] == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert line.connections == 2
        client.usage.get()
        assert line.connections == 2, "the parent's is still good"


def test_the_proxy_of_the_environment(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://me:p%40ss@127.0.0.1:{line.port}")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{line.port}")
    with Pingr(KEY, base_url="http://pingr.example") as client:
        assert client.usage.get()["used"] == 1
    assert line.asked[0].startswith(b"GET http://pingr.example/v1/usage HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in line.asked[0]
    line.answers = [answer_of(403, b"")]
    with Pingr(KEY, base_url="https://pingr.example") as client, pytest.raises(PingrError, match="Network error"):
        client.usage.get()
    assert line.asked[1].startswith(b"CONNECT pingr.example:443 HTTP/1.")
    assert KEY.encode() not in line.asked[1], "the proxy sees no key"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Pingr(KEY, base_url=line.url) as client:
        client.usage.get()
    assert line.asked[2].startswith(b"GET /v1/usage HTTP/1.1\r\n")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate that nobody knows."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    file = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {file} -out {file}.crt"
    subprocess.run(command.split(), check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_server_whose_certificate_is_not_trusted_is_shown_no_key(
    certificate: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(certificate)

    def ask() -> Any:
        if kind == "sync":
            with Pingr(KEY, base_url=line.url, timeout=5) as client:
                return client.usage.get()
        waiting = Waiting(AsyncPingr(KEY, base_url=line.url, timeout=5))
        try:
            return waiting.usage.get()
        finally:
            waiting.end()

    with pytest.raises(PingrError, match="certificate verify failed"):
        ask()
    assert line.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    assert ask() == {"used": 1}
    line.close()


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "pingr.example",
        "ftp://pingr.example",
        "http://",
        "https://me:secret@pingr.example",
        "http://x:y/",
        "http://a b/",
        "http://x/?a=1",
        "http://x/\r\n",
        "http://[::1",
    ],
)
def test_a_base_url_that_cannot_be_one(base_url: str) -> None:
    for kind in (Pingr, AsyncPingr):
        with pytest.raises(PingrError) as refused:
            kind(KEY, base_url=base_url)
        assert refused.value.code == "invalid_base_url"
        assert "secret" not in refused.value.message


def test_a_path_before_the_api(line: Line) -> None:
    with Pingr(KEY, base_url=line.url + "/pingr/") as behind:
        behind.usage.get()
    assert line.asked[0].startswith(b"GET /pingr/v1/usage ")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "missing_api_key"),
        ({"api_key": ""}, "missing_api_key"),
        ({"api_key": 7}, "missing_api_key"),
        ({"api_key": None}, "missing_api_key"),
        ({"api_key": "", "token": "t"}, "missing_api_key"),
        ({"api_key": "sk_live_x"}, "invalid_api_key"),
        ({"token": ""}, "invalid_token"),
        ({"token": "a b"}, "invalid_token"),
    ],
)
def test_a_client_needs_a_key_or_a_login(given: Any, code: str) -> None:
    for kind in (Pingr, AsyncPingr):
        with pytest.raises(PingrError) as refused:
            kind(**given)
        assert refused.value.code == code


def test_a_stream_is_read_as_it_comes_and_ends_with_the_server(client: Any, line: Line) -> None:
    frames = b': ping\n\nevent: session\ndata: {"id":"a"}\n\nevent: firing\ndata: {"id":\ndata: "b"}\n\n'
    line.answers = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + frames, None]
    stream = client.events.listen()
    assert next(stream) == {"event": "session", "data": {"id": "a"}}
    assert next(stream) == {"event": "firing", "data": {"id": "b"}}
    line.hang_up()
    assert list(stream) == []


def test_connections_are_closed_with_the_client(line: Line) -> None:
    before = open_files()
    with Pingr(KEY, base_url=line.url) as client:
        client.usage.get()
    line.hang_up()
    until(lambda: open_files() <= before + 2, "the end of the connections")


def open_files() -> int:
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.is_dir() else 0


def test_a_login_without_base_url_says_where_it_went(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("socket.create_connection", nowhere)
    with pytest.raises(PingrError, match=r"no route \(https://api\.heypingr\.com, the default base_url\)"):
        Pingr.login(email="anna@example.com", password="correct horse")
    with pytest.raises(PingrError, match=r"no route$"):
        Pingr.login(email="anna@example.com", password="x", base_url="http://127.0.0.1:1")
