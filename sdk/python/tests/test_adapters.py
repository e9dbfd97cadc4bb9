"""The adapters on the real frameworks, behind real servers: signed, wrong, replayed, large and odd bodies."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import django
import fastapi
import flask
import pytest
import uvicorn
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path
from werkzeug.serving import make_server
from world import until

import pingr.django
import pingr.fastapi
import pingr.flask
from pingr import Event, PingrError, PingrWebhookError, SeenInMemory, extract_challenge_code

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET, OLD = "whsec_c2VjcmV0", "whsec_b2xk"
seen: list[Event] = []


def on_event(event: Event) -> Any:
    """Answer as a login would."""
    seen.append(event)
    if event["event"] != "message.received":
        return None
    if event["message"]["text"] == "raise":
        raise RuntimeError("a fault of the function")
    if event["message"]["text"] == "number":
        return 7
    if event["message"]["text"] == "object":
        return {"reply": "in an object"}
    if event["message"]["text"] == "mistake":
        return {"text": "hello"}
    return extract_challenge_code(event["message"]["text"], "login")


async def on_event_async(event: Event) -> Any:
    """Answer the same."""
    return on_event(event)


class AsyncSeen:
    """What was seen, as asyncio asks for it."""

    def __init__(self) -> None:
        self._seen = SeenInMemory()

    async def add(self, key: str, life: float) -> bool:
        return self._seen.add(key, life)


class Broken:
    """A store that is down."""

    def add(self, key: str, life: float) -> bool:
        raise ConnectionError(f"not kept: {key}, {life}")


def flask_site() -> Any:
    app = flask.Flask("site")
    app.post("/once", endpoint="once")(pingr.flask.pingr_webhook([SECRET, OLD], seen=SeenInMemory())(on_event))
    app.post("/broken", endpoint="broken")(pingr.flask.pingr_webhook(SECRET, seen=Broken())(on_event))
    hook = pingr.flask.pingr_webhook([SECRET, OLD])
    app.post("/webhook")(hook(on_event))
    app.post("/own", endpoint="own")(hook(lambda _: flask.Response("own", 202)))
    return app


def django_site() -> Any:
    hook = pingr.django.pingr_webhook([SECRET, OLD])
    once = pingr.django.pingr_webhook([SECRET, OLD], seen=SeenInMemory())
    broken = pingr.django.pingr_webhook(SECRET, seen=Broken())
    urls = [path("webhook", hook(on_event)), path("own", hook(lambda _: HttpResponse("own", status=202)))]
    urls += [path("once", once(on_event)), path("broken", broken(on_event))]
    if not settings.configured:
        middleware = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
        settings.configure(ROOT_URLCONF=tuple(urls), ALLOWED_HOSTS=["*"], MIDDLEWARE=middleware, LOGGING_CONFIG=None)
        django.setup()
    return WSGIHandler()


def fastapi_site(function: Any) -> Any:
    app = fastapi.FastAPI()
    hook = pingr.fastapi.pingr_webhook([SECRET, OLD])
    app.post("/webhook")(hook(function))
    remembered = SeenInMemory() if function is on_event else AsyncSeen()
    app.post("/once")(pingr.fastapi.pingr_webhook([SECRET, OLD], seen=remembered)(function))
    app.post("/broken")(pingr.fastapi.pingr_webhook(SECRET, seen=Broken())(function))

    async def own(_: Event) -> Any:
        return fastapi.Response("own", 202)

    app.post("/own")(hook(own))
    return app


@pytest.fixture(params=["flask", "django", "fastapi", "fastapi async"], scope="module")
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve a site with the framework, and give its port."""
    if request.param.startswith("fastapi"):
        app = fastapi_site(on_event if request.param == "fastapi" else on_event_async)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
        thread = threading.Thread(target=server.run)
        thread.start()
        until(lambda: server.started, "uvicorn")
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
    else:
        wsgi = make_server("127.0.0.1", 0, flask_site() if request.param == "flask" else django_site(), threaded=True)
        thread = threading.Thread(target=wsgi.serve_forever)
        thread.start()
        yield wsgi.server_port
        wsgi.shutdown()
        wsgi.server_close()
    thread.join()


def body_of(text: str, at: int | None = None) -> bytes:
    event = {"event": "message.received", "message": {"text": text}, "timestamp": at or time.time_ns() // 1_000_000}
    return json.dumps(event, ensure_ascii=False).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def tell(port: int, text: str, secret: str = SECRET, where: str = "/webhook") -> tuple[int, Any]:
    """Post a signed event of a text."""
    body = body_of(text)
    return post(port, body, sign(body, secret), where)


def post(port: int, body: Any, signature: str | None, where: str = "/webhook", **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    named = {"content-type": "application/json", **({"x-pingr-signature": signature} if signature else {}), **headers}
    try:
        connection.request("POST", where, body, named)
        answer = connection.getresponse()
        said = answer.read().decode()
        json_too = answer.headers["content-type"] == "application/json"
        return answer.status, json.loads(said) if json_too else said
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("login x4k9mq", {"reply": "X4K9MQ"}),
        ("login", {}),
        ("", {}),
        ("login gr👋üße", {"reply": "GR👋ÜSSE"}),
        ("object", {"reply": "in an object"}),
    ],
)
def test_a_signed_event_is_given_and_answered(port: int, text: str, answer: Any) -> None:
    assert tell(port, text) == (200, answer)


def test_it_is_the_body_as_it_came_that_is_verified(port: int) -> None:
    spaced = b' {"timestamp" :' + str(time.time_ns() // 1_000_000).encode() + b',"event":"session.connected"}\r\n'
    assert post(port, spaced, sign(spaced)) == (200, {})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert post(port, spaced, sign(spaced), **{"content-type": kind}) == (200, {}), kind


def test_a_body_in_chunks_is_read_whole(port: int) -> None:
    seen.clear()
    body = body_of("login x4k9mq" + " " * 100_000)
    parts = [body[i : i + 30_000] for i in range(0, len(body), 30_000)]
    assert post(port, iter(parts), sign(body)) == (200, {"reply": "X4K9MQ"})
    assert len(seen) == 1
    large = body_of("login " + "x" * (1 << 20))
    assert post(port, iter([large]), sign(large)) == (413, "the body is longer than 1 MiB")


def test_both_secrets_hold_while_one_is_rotated(port: int) -> None:
    assert tell(port, "login", OLD)[0] == 200


LOGIN = body_of("login x")


@pytest.mark.parametrize(
    ("body", "signature", "says"),
    [
        (LOGIN, None, "x-pingr-signature is missing"),
        (LOGIN, "sha256=" + "0" * 64, "does not match"),
        (LOGIN, sign(LOGIN, "whsec_other"), "does not match"),
        (LOGIN + b" ", sign(LOGIN), "does not match"),
        (body_of("login x", 1), sign(body_of("login x", 1)), "5 minutes old"),
        (b"", sign(b""), "not a JSON object"),
        (b"[1]", sign(b"[1]"), "not a JSON object"),
        (b"\xff{", sign(b"\xff{"), "not a JSON object"),
        (b"{}", sign(b"{}"), "no timestamp"),
    ],
    ids=["unsigned", "wrong", "other secret", "changed", "replayed", "empty", "list", "not UTF-8", "without time"],
)
def test_what_does_not_hold_is_refused_and_given_to_nobody(port: int, body: bytes, signature: Any, says: str) -> None:
    seen.clear()
    status, said = post(port, body, signature)
    assert status == 401
    assert says in said
    assert seen == []


def test_a_large_body_is_refused_before_it_is_read_whole(port: int) -> None:
    seen.clear()
    fits = body_of("login " + "x" * 900_000)
    assert post(port, fits, sign(fits))[0] == 200
    large = body_of("login " + "x" * (1 << 20))
    assert post(port, large, sign(large)) == (413, "the body is longer than 1 MiB")
    assert len(seen) == 1


def test_a_fault_of_the_function_is_a_500_so_that_pingr_asks_again(port: int) -> None:
    for text in ("raise", "number", "mistake"):
        assert tell(port, text)[0] == 500


def test_a_response_of_the_framework_is_sent_as_it_is(port: int) -> None:
    assert tell(port, "login", where="/own") == (202, "own")


def test_each_delivery_is_taken_once(port: int) -> None:
    seen.clear()
    at = time.time_ns() // 1_000_000
    first, following = body_of("login x4k9mq", at), body_of("login x4k9mq", at + 1)
    with ThreadPoolExecutor(20) as many:
        answers = list(many.map(lambda _: post(port, first, sign(first, OLD), "/once"), range(20)))
    assert answers.count((200, {"reply": "X4K9MQ"})) == 1
    assert sum(status == 409 and "received before" in said for status, said in answers) == 19
    assert post(port, first, sign(first), "/once")[0] == 409, "whichever secret signs the same bytes"
    more = {"webhook-id": "evt_2", "x-pingr-attempt": "2", "webhook-signature": "v1,x"}
    assert post(port, first, sign(first, OLD), "/once", **more)[0] == 409
    assert post(port, first, sign(first).upper(), "/once")[0] == 401
    assert post(port, following, sign(following), "/once") == (200, {"reply": "X4K9MQ"}), "Pingr's next attempt"
    assert len(seen) == 2


def test_what_is_not_signed_is_not_remembered(port: int) -> None:
    body = body_of("login x4k9mq")
    assert post(port, body, sign(body, "whsec_guessed"), "/once")[0] == 401
    assert post(port, body, sign(body), "/once")[0] == 200


def test_nobody_is_answered_when_nothing_can_be_remembered(port: int) -> None:
    seen.clear()
    assert tell(port, "login x", where="/broken")[0] == 500
    assert seen == []


def test_what_is_seen_is_a_key_that_every_language_computes() -> None:
    asked = []

    class Kept:
        def add(self, key: str, life: float) -> bool:
            asked.append((key, life))
            return True

    app = flask.Flask("site")
    app.post("/")(pingr.flask.pingr_webhook(SECRET, seen=Kept())(on_event))
    body = body_of("login x")
    assert app.test_client().post("/", data=body, headers={"x-pingr-signature": sign(body)}).status_code == 200
    assert asked == [(hashlib.sha256(body).hexdigest(), 15 * 60)]


def test_seen_in_memory_holds_a_key_to_its_end_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("pingr.seen.monotonic", lambda: now)
    memory = SeenInMemory()
    assert (memory.add("a", 60), memory.add("a", 600), memory.add("b", 30)) == (True, False, True)
    now = 59.0
    assert not memory.add("a", 60)
    assert memory.add("b", 60), "it ended, though an older one did not"
    now = 60.0
    assert memory.add("a", 60)
    now = 1000.0
    for n in range(100_000):
        memory.add(str(n), 60)
    with pytest.raises(PingrError, match="store of your own"):
        memory.add("one more", 60)
    assert not memory.add("7", 60), "it still knows what it holds"
    now = 1060.0
    assert memory.add("one more", 60)


def test_only_post_is_answered(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/webhook")
    assert connection.getresponse().status == 405
    connection.close()


@pytest.mark.parametrize("secret", [None, "", [], [""]])
@pytest.mark.parametrize("adapter", [pingr.flask, pingr.django, pingr.fastapi])
def test_a_site_without_secret_does_not_start(adapter: Any, secret: Any) -> None:
    with pytest.raises(ValueError, match="no webhook secret"):
        adapter.pingr_webhook(secret)


# What reads a body before the webhook does, and leaves nothing of what was signed.
def read_first_in_flask(body: bytes, signature: str) -> None:
    app = flask.Flask("reads first", static_folder=None)
    app.config["TESTING"] = True
    app.before_request(lambda: flask.request.stream.read() and None)
    app.post("/webhook")(pingr.flask.pingr_webhook(SECRET)(on_event))
    app.test_client().post("/webhook", data=body, headers={"x-pingr-signature": signature})


def read_first_in_django(body: bytes, signature: str) -> None:
    django_site()  # configures it
    headers = {"HTTP_X_PINGR_SIGNATURE": signature}
    request = RequestFactory().post("/webhook", body, "application/json", **headers)
    request.read()
    pingr.django.pingr_webhook(SECRET)(on_event)(request)


def read_first_in_fastapi(body: bytes, signature: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def reads_first() -> None:
        headers = [(b"x-pingr-signature", signature.encode())]
        request = fastapi.Request({"type": "http", "method": "POST", "headers": headers}, receive)
        async for _ in request.stream():
            pass
        await pingr.fastapi.pingr_webhook(SECRET)(on_event)(request)

    asyncio.run(reads_first())


@pytest.mark.parametrize("read_first", [read_first_in_flask, read_first_in_django, read_first_in_fastapi])
def test_behind_what_read_the_body_it_says_what_to_do(read_first: Any) -> None:
    body = body_of("login")
    with pytest.raises(PingrError, match="nothing may read it before the webhook") as refusal:
        read_first(body, sign(body))
    assert refusal.value.code == "body_parsed"
    assert not isinstance(refusal.value, PingrWebhookError), "a fault of the site, not of who asks"


def test_a_secret_that_is_missing_is_refused_at_start() -> None:
    for adapter in (pingr.flask.pingr_webhook, pingr.django.pingr_webhook, pingr.fastapi.pingr_webhook):
        for none in (None, "", [], [""]):
            with pytest.raises(ValueError, match="the dashboard shows it"):
                adapter(none)
