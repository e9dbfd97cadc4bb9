"""Every route of the REST API, asked of the real server by both clients."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, get_args, get_type_hints
from urllib.request import urlopen

import pytest
from world import PASSWORD, Customer, Endpoint, World, until

import pingr
from pingr import PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError, verify_webhook
from pingr._wire import Caller

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "pk_live_xK9p2mQr8nVs4wLj7dFhTbYcXeAuZo"


def sessions(customer: Customer, endpoint: Endpoint) -> None:
    """Link a number by its QR code and another by a code to type, hear of it, and be texted."""
    client, world = customer.client(), customer.world
    shop, asha = world.phone("POST", ""), world.phone("POST", "")
    client.webhooks.set(endpoint.url)
    endpoint.reply = "Tap https://example.com/in"

    assert client.sessions.create(id="shop", name="Shop")["status"] in ("connecting", "pairing")
    shown = until(lambda: shows(client), "a QR code")
    assert client.sessions.qr_png("shop").startswith(b"\x89PNG")
    world.phone("POST", f"/{shop['number']}/scan", {"qr": shown["qr"]})
    until(lambda: client.sessions.get("shop")["status"] == "connected", "the link")
    assert client.sessions.get("shop")["number"] == "+" + shop["number"]
    with pytest.raises(PingrError) as linked:
        client.sessions.qr("shop")
    assert (linked.value.code, linked.value.status) == ("conflict", 409)

    client.triggers.create(session_id="shop", trigger_phrase="login", reply_message="static")
    world.phone("POST", f"/{asha['number']}/messages", {"to": shop["number"], "text": "Login x4k9mq"})
    texts = until(lambda: world.phone("GET", f"/{asha['number']}/messages")["messages"], "the reply")
    assert texts[0]["text"] == "Tap https://example.com/in"
    body, headers = endpoint.got[0]
    event = verify_webhook(body, headers["x-pingr-signature"], str(customer.login().webhooks.get()["secret"]))
    assert event["event"] == "message.received"
    assert event["from"]["phone"] == asha["number"]
    until(lambda: client.sessions.get("shop")["messagesToday"] == 1, "the count")

    client.settings.update(cooldown_seconds=0)
    assert client.messages.send(to="+" + asha["number"], message="Your parcel is here")["session_id"] == "shop"
    assert client.numbers.resolve("00 " + asha["number"]) == {"on_whatsapp": True, "phone": asha["number"]}
    nobody = {"on_whatsapp": False, "phone": "15550109999"}
    assert client.numbers.resolve("15550109999", session_id="shop") == nobody
    with pytest.raises(PingrValidationError, match="to: is not on WhatsApp"):
        client.messages.send(to="15550109999", message="hi")
    until(lambda: len(world.phone("GET", f"/{asha['number']}/messages")["messages"]) == 2, "what was sent")

    endpoint.status = 500
    world.phone("POST", f"/{asha['number']}/messages", {"to": shop["number"], "text": "login"})
    failed = until(lambda: client.webhooks.deliveries(event_type="webhook.failed")["deliveries"], "a failure")[0]
    endpoint.status = 200
    assert client.webhooks.redeliver(failed["id"]) == failed["event_id"]
    until(lambda: client.webhooks.deliveries(event_type="webhook.delivered")["count"] == 2, "what was sent again")

    assert client.sessions.reconnect("shop")["id"] == "shop"
    assert client.sessions.rename("shop", name="The shop")["name"] == "The shop"
    assert [s["name"] for s in client.sessions.list()] == ["The shop"]
    client.sessions.delete("shop")
    assert client.sessions.list() == []

    office = world.phone("POST", "")
    made = client.sessions.create(name="Office")["id"]
    assert made.startswith("sess_")
    until(lambda: shows(client, made), "a QR code")
    code = client.sessions.pair_code(made, phone="+" + office["number"])
    world.phone("POST", f"/{office['number']}/code", {"code": code})
    until(lambda: client.sessions.get(made)["status"] == "connected", "the link")


def shows(client: pingr.Pingr, session: str = "shop") -> Any:
    try:
        return client.sessions.qr(session)
    except PingrError as err:
        if err.code != "session_unavailable":
            raise
        return None


def triggers(customer: Customer, _: Endpoint) -> None:
    """Add, change and delete what is answered."""
    client = customer.client(customer.test)
    login = client.triggers.create(session_id="sess_test", trigger_phrase=" LOGIN ", reply_message="On its way")
    assert (login["trigger_phrase"], login["is_active"]) == ("login", True)
    helped = client.triggers.create(
        session_id="sess_test", trigger_phrase="help", reply_message="{{phone}}", is_active=False
    )
    assert not helped["is_active"]
    assert client.triggers.list() == client.triggers.list(session_id="sess_test") == [login, helped]
    assert client.triggers.get(login["id"]) == login
    match = client.triggers.match(session_id="sess_test", text="Login  X4K9MQ")
    assert (match["fires"], match["compared"], match["others"]) == (login, "login x4k9mq", [])
    changed = client.triggers.update(login["id"], is_active=False)
    assert changed == {**login, "is_active": False, "updated_at": changed["updated_at"]}
    assert client.triggers.update(login["id"], trigger_phrase="hey", reply_message="x")["trigger_phrase"] == "hey"
    client.triggers.delete(login["id"])
    with pytest.raises(PingrError) as gone:
        client.triggers.get(login["id"])
    assert (gone.value.code, gone.value.status) == ("not_found", 404)
    assert str(gone.value.request_id).startswith("req_")


def messages(customer: Customer, _: Endpoint) -> None:
    """Send in test mode: cooldowns and repeated requests are as in live mode."""
    client = customer.client(customer.test)
    sent = client.messages.send(to="+91 (98765) 43.210", message="Hé 👋", idempotency_key="order-1")
    assert sent["success"]
    assert (sent["to"], sent["session_id"], sent["rate_limit_remaining"]) == ("919876543210", "sess_test", None)
    again = client.messages.send(to="919876543210", message="Hé 👋", idempotency_key="order-1")
    assert again == sent, "the same key sends nothing more"
    with pytest.raises(PingrRateLimitError) as cooling:
        client.messages.send(to="919876543210", message="hi", session_id="sess_test")
    assert cooling.value.code == "rate_limit"
    assert cooling.value.retry_after == pytest.approx(60, abs=2)
    assert "Number +919876543210 is in cooldown" in cooling.value.message


def webhooks(customer: Customer, endpoint: Endpoint) -> None:
    """Set an endpoint, try it, read its log, and send again what failed."""
    client, login = customer.client(customer.test), customer.login(mode="test")
    assert client.webhooks.get()["url"] is None
    assert client.webhooks.set(endpoint.url, events=["message.received"])["events"] == ["message.received"]
    assert "…" in client.webhooks.get()["secret"]

    endpoint.reply = "hello"
    tried = login.webhooks.simulate(phone="919876543210", message="login", session_id="sess_test")
    assert tried["delivered"]
    assert (tried["status_code"], tried["dynamic_reply"]) == (200, "hello")
    assert tried["payload_sent"]["_simulated"] is True
    body, headers = endpoint.got[0]
    assert client.verify_webhook(body, headers["x-pingr-signature"], login.webhooks.get()["secret"])

    for _n in range(6):
        login.webhooks.simulate(phone="919876543210", message="login", session_id="sess_test")
    page = client.webhooks.deliveries(limit=3)
    assert page["count"] == 3
    older = client.webhooks.deliveries(limit=3, before=page["next_cursor"])
    everything = list(client.webhooks.iter_deliveries(limit=3))
    assert everything[:6] == page["deliveries"] + older["deliveries"]
    assert len({delivery["id"] for delivery in everything}) == len(everything) == 7
    assert [d["id"] for d in login.webhooks.iter_deliveries()] == [d["id"] for d in everything]
    past = datetime.now(timezone.utc) - timedelta(days=1)
    assert client.webhooks.deliveries(before=past)["deliveries"] == []
    assert client.webhooks.deliveries(event_type="webhook.failed")["count"] == 0
    with pytest.raises(PingrError, match="delivered") as done:
        client.webhooks.redeliver(everything[0]["id"])
    assert done.value.code == "conflict"

    new = login.webhooks.rotate_secret(overlap_seconds=0)["secret"]
    assert login.webhooks.get()["secret"] == new
    assert login.webhooks.rotate_secret()["secret"] != new
    assert client.webhooks.set("")["url"] is None


def account(customer: Customer, _: Endpoint) -> None:
    """Change settings, see usage, make and revoke keys, end the login."""
    client, login = customer.client(), customer.login()
    before = client.settings.get()
    assert client.settings.update() == before
    changed = client.settings.update(
        cooldown_seconds=0,
        no_phone_reply="Write from a number, please.",
        group_reply="off",
        max_message_age_seconds=60,
        disconnect_grace_seconds=5,
        overage="allow",
        time_zone="Europe/Berlin",
    )
    assert changed["no_phone_reply"] == "Write from a number, please."
    assert client.settings.update(time_zone="UTC") == {**changed, "time_zone": "UTC"}
    assert client.settings.update(no_phone_reply=None)["no_phone_reply"] is None
    asks = client.settings.update(hidden_numbers="ask", number_question="Your number?")
    assert (asks["hidden_numbers"], asks["number_question"]) == ("ask", "Your number?")
    assert client.settings.update(number_question=None)["number_question"] is None
    assert client.usage.get()["used"] == 0
    assert login.usage.get()["plan"] == "unlimited"
    stats = client.stats.get(range="24h", time_zone="Europe/Berlin")
    assert (len(stats["steps"]), stats["total"]["webhooks"]) == (24, 0)
    assert stats["steps"][0]["from"] == stats["total"]["from"]

    key = login.keys.create(mode="test", name="CI")
    assert customer.client(key["key"]).usage.get()["used"] == 0
    assert [k["name"] for k in login.keys.list()] == ["", "", "CI"]
    login.keys.revoke(key["id"])
    with pytest.raises(PingrAuthError):
        customer.client(key["key"]).usage.get()

    assert login.auth.me()["email"] == customer.email
    other = customer.client(token=login.token)
    assert other.auth.me() == login.auth.me()
    with pytest.raises(PingrError) as wrong:
        login.auth.change_password(current_password="wrong horse", new_password=PASSWORD)
    assert wrong.value.status == 403
    token = login.auth.change_password(current_password=PASSWORD, new_password=PASSWORD)["token"]
    with pytest.raises(PingrAuthError):
        other.auth.me()
    again = customer.client(token=token)
    assert again.auth.me()["email"] == customer.email
    again.auth.logout()
    with pytest.raises(PingrAuthError):
        again.auth.me()
    for enter in (customer.sign_up, customer.set_up):
        with pytest.raises(PingrError) as refused:
            enter()
        assert refused.value.code in ("forbidden", "invalid_key", "auth_error")


def events(customer: Customer, endpoint: Endpoint) -> None:
    """Hear what happens while it happens."""
    client, login = customer.client(customer.test), customer.login()
    client.webhooks.set(endpoint.url)
    heard: list[Any] = []
    listening = threading.Thread(target=lambda: heard.append(first(customer.client(customer.test))))
    listening.start()

    def hears() -> bool:
        login.webhooks.simulate(phone="919876543210", message="login", session_id="sess_test")
        listening.join(0.5)
        return bool(heard)

    until(hears, "an event", 8)
    assert heard[0]["event"] == "delivery"
    assert heard[0]["data"]["status"] == "simulated"
    with pytest.raises(PingrAuthError):
        first(customer.client(NOBODY))


def first(client: pingr.Pingr) -> Any:
    stream = client.events.listen()
    try:
        return next(stream)
    finally:
        stream.close()


STORIES = [sessions, triggers, messages, webhooks, account, events]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_story(story: Any, customer: Customer, endpoint: Endpoint) -> None:
    story(customer, endpoint)


def test_together_they_ask_every_route(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    url = Caller.url

    def note(self: Caller, request: Any) -> str:
        asked.add(f"{request.method} {request.path}")
        return url(self, request)

    monkeypatch.setattr(Caller, "url", note)
    for story in STORIES:
        with contextlib.contextmanager(Endpoint().run)() as endpoint, closing(world.customer("sync")) as customer:
            story(customer, endpoint)
    with urlopen(world.url + "/openapi.json") as answer:  # noqa: S310 - of this test
        document = json.load(answer)
    check_types(document["components"]["schemas"])
    operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    operations.discard("PUT /v1/triggers/{id}")  # means the same as PATCH
    missing = {o for o in operations if not any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", o), a) for a in asked)}
    assert operations
    assert not missing, "the client lacks routes, or the stories above do"


def check_types(schemas: dict[str, Any]) -> None:
    """See that pingr.types tells what the server's document tells."""
    for name, schema in (
        ("Sent", "SentJSON"),
        ("Session", "SessionJSON"),
        ("QRCode", "QrJSON"),
        ("Trigger", "TriggerJSON"),
        ("Match", "MatchOutputBody"),
        ("OtherMatch", "OtherMatch"),
        ("Webhook", "WebhookOutputBody"),
        ("RotatedSecret", "SecretOutputBody"),
        ("Simulation", "SimulateOutputBody"),
        ("Delivery", "DeliveryJSON"),
        ("DeliveryPage", "DeliveriesOutputBody"),
        ("Settings", "Settings"),
        ("Usage", "UsageOutputBody"),
        ("Stats", "StatsJSON"),
        ("Statistics", "StatsOutputBody"),
        ("Key", "KeyJSON"),
        ("Account", "AccountJSON"),
        ("Login", "LoginOutputBody"),
    ):
        kind = getattr(pingr.types, name)
        fields = get_type_hints(kind)
        properties = {field: schema for field, schema in schemas[schema]["properties"].items() if field != "$schema"}
        assert set(fields) == set(properties), name
        for field, told in properties.items():
            null = "null" in told.get("type", ()) or (name, field) == ("Match", "fires")
            assert (type(None) in get_args(fields[field])) == null, f"{name}.{field}"
            if "enum" in told and (words := words_of(fields[field])):
                assert words == set(told["enum"]) - {None}, f"{name}.{field}"


def words_of(hint: Any) -> set[str]:
    """Return the words of a Literal, or of one that may be None."""
    return {word for arg in get_args(hint) for word in ([arg] if isinstance(arg, str) else words_of(arg))}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_first_account_of_a_server_and_one_who_signs_up(kind: str, world: World, tmp_path: Path) -> None:
    server = subprocess.Popen(
        [world.binaries / "pingr", "serve", "--data", tmp_path, "--listen", "127.0.0.1:0"],
        env={**os.environ, "PINGR_SIGNUP": "on", "PINGR_SIGNUP_PLAN": "starter"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    assert server.stderr
    url = server.stdout.readline().split()[-1]
    token = server.stderr.readline().strip().partition("token=")[2]
    customer = Customer(World(world.binaries, tmp_path, url, ""), kind, "anna@example.com", "", "")
    try:
        first, second = customer.set_up(token), customer.sign_up()
        assert first.auth.me()["email"] == "anna@example.com"
        assert (second.auth.me()["email"], second.auth.me()["plan"]) == ("eve@example.com", "starter")
        key = second.keys.create(mode="live")["key"]
        assert customer.client(key).usage.get()["included"] == 10_000
    finally:
        customer.close()
        server.terminate()
        server.communicate()


def test_what_is_missing_or_malformed_is_refused(customer: Customer) -> None:
    client = customer.client()
    for send in ({"to": "", "message": "hi"}, {"to": "+", "message": "hi"}, {"to": "919876543210", "message": ""}):
        with pytest.raises(PingrValidationError):
            client.messages.send(**send)
    for bad in ("12x", "0123", "9" * 20):
        with pytest.raises(PingrValidationError, match="to: ") as refused:
            client.messages.send(to=bad, message="hi")
        assert (refused.value.code, refused.value.status) == ("validation_error", 422)
    with pytest.raises(PingrValidationError, match="idempotency_key"):
        client.messages.send(to="919876543210", message="hi", idempotency_key="a\r\nb")
    for bad in ("", ".", ".."):
        with pytest.raises(PingrValidationError, match="_id: is required"):
            client.sessions.delete(bad)
        with pytest.raises(PingrValidationError, match="_id: is required"):
            client.webhooks.redeliver(bad)
    for odd in ("../triggers", "a/qr", "a?mode=test", "ä b", "%2e%2e"):
        with pytest.raises(PingrError) as nowhere:
            client.sessions.get(odd)
        assert nowhere.value.status == 404


def test_a_key_where_a_login_is_needed(customer: Customer) -> None:
    with pytest.raises(PingrError) as refused:
        customer.client().keys.list()
    assert (refused.value.code, refused.value.status) == ("forbidden", 403)
    both = customer.client(customer.test, token=customer.login().token)
    assert len(both.keys.list()) == 2, "the login is used where a key will not do"
    assert both.sessions.list()[0]["id"] == "sess_test", "and the key elsewhere"
    assert both.messages.send(to="919876543210", message="hi")["success"], "so that it can send"


def test_it_tries_again_only_when_asked_and_not_for_longer_than_is_allowed(customer: Customer) -> None:
    client = customer.client(customer.test)
    client.settings.update(cooldown_seconds=1)
    patient = customer.client(customer.test, retries=2, max_retry_wait=5)
    client.messages.send(to="919876543210", message="1")
    with pytest.raises(PingrRateLimitError):
        client.messages.send(to="919876543210", message="2")
    assert patient.messages.send(to="919876543210", message="2")["success"]
    client.settings.update(cooldown_seconds=600)
    client.messages.send(to="919876543211", message="1")
    with pytest.raises(PingrRateLimitError) as long:
        patient.messages.send(to="919876543211", message="2")
    assert long.value.retry_after is not None
    assert long.value.retry_after > 500


def test_nothing_shows_the_key(customer: Customer) -> None:
    client = customer.client(NOBODY)
    with pytest.raises(PingrAuthError) as refused:
        client.sessions.list()
    shown = repr(client) + repr(refused.value) + str(refused.value) + repr(vars(refused.value))
    for bad in (NOBODY + "\n", NOBODY + " ", NOBODY[3:], NOBODY + "ä"):
        with pytest.raises(PingrError) as malformed:
            customer.client(bad)
        assert malformed.value.code == "invalid_api_key"
        shown += repr(malformed.value) + str(malformed.value)
    shown += repr(vars(pingr.Pingr(NOBODY, token="secret-token"))) + repr(vars(pingr.AsyncPingr(NOBODY)))
    assert "_caller" in shown
    assert NOBODY[8:] not in shown
    assert "secret-token" not in shown
