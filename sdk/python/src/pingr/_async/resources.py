"""The routes of the API, by subject."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, List, cast

from pingr._wire import STREAM_SECONDS, UNSET, WHATSAPP_SECONDS, Request, Unset, decode, image, segment
from pingr.errors import PingrValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pingr import types as t

    from .client import AsyncPingr


class AsyncResource:
    """The base of a group of routes."""

    def __init__(self, client: AsyncPingr) -> None:
        self._transport = client._transport  # noqa: SLF001 - they are one package

    async def _ask(self, request: Request, field: str | None = None) -> Any:  # noqa: ANN401 - each method says which
        return decode(await self._transport.send(request), field)


class AsyncMessages(AsyncResource):
    """Messages that your program sends on its own initiative."""

    async def send(
        self, *, to: str, message: str, session_id: str | None = None, idempotency_key: str | None = None
    ) -> t.Sent:
        """Send a text to a phone.

        Args:
            to: the phone with country code; everything that is neither letter nor digit is dropped.
            message: 1 to 4096 characters.
            session_id: the session that sends; by default any that is connected.
            idempotency_key: the same key within 24 hours gets the first answer again, and nothing more is sent.

        """
        to = re.sub(r"[^0-9A-Za-z]", "", str(to or ""))
        if not to:
            raise PingrValidationError("to: must hold a phone with country code")
        if not message:
            raise PingrValidationError("message: must not be empty")
        body = {"to": to, "message": message, **({"session_id": session_id} if session_id else {})}
        request = Request("POST", "/v1/send", body=body, idempotency_key=idempotency_key, auth="key")
        return cast("t.Sent", await self._ask(request))


class AsyncNumbers(AsyncResource):
    """Phone numbers."""

    async def resolve(self, phone: str, *, session_id: str | None = None) -> t.ResolvedNumber:
        """Return whether a number is on WhatsApp, and how WhatsApp spells it.

        ``+55 31 98765-4321`` may be ``553187654321``, and events name that. Pingr asks WhatsApp at most once a day
        for a number, and WhatsApp limits questions, so ask only when a person waits for the answer. With a test
        key, WhatsApp is not asked.

        Args:
            phone: the number with country code, in any form that :func:`pingr.parse_phone` takes.
            session_id: the session that asks; by default any that is connected.

        """
        body = {"phone": phone, **({"session_id": session_id} if session_id else {})}
        return cast("t.ResolvedNumber", await self._ask(Request("POST", "/v1/numbers/resolve", body=body, auth="key")))


class AsyncSessions(AsyncResource):
    """Linked WhatsApp numbers."""

    async def list(self) -> List[t.Session]:
        """Return all sessions of the account."""
        return cast("List[t.Session]", await self._ask(Request("GET", "/v1/sessions"), "sessions"))

    async def create(self, *, name: str, id: str | None = None) -> t.Session:  # noqa: A002 - the API's word
        """Add a session and begin to link it.

        Args:
            name: for people, 1 to 100 characters.
            id: 3 to 64 of ``a-z``, ``0-9``, ``_`` and ``-``; made up if not given.

        """
        body = {"name": name, **({"id": id} if id is not None else {})}
        return cast("t.Session", await self._ask(Request("POST", "/v1/sessions", body=body)))

    async def get(self, session_id: str) -> t.Session:
        """Return one."""
        return cast("t.Session", await self._ask(Request("GET", _session(session_id))))

    async def rename(self, session_id: str, *, name: str) -> t.Session:
        """Change the name."""
        return cast("t.Session", await self._ask(Request("PATCH", _session(session_id), body={"name": name})))

    async def delete(self, session_id: str) -> None:
        """Unlink the session at WhatsApp, and delete it with its triggers."""
        await self._ask(Request("DELETE", _session(session_id), timeout=WHATSAPP_SECONDS))

    async def qr(self, session_id: str) -> t.QRCode:
        """Return the text of the QR code to scan now. PingrError ``conflict`` if it is already linked."""
        return cast("t.QRCode", await self._ask(Request("GET", _session(session_id) + "/qr")))

    async def qr_png(self, session_id: str) -> bytes:
        """Return the QR code to scan now as a PNG image."""
        request = Request("GET", _session(session_id) + "/qr", accept="image/png")
        return image(await self._transport.send(request))

    async def pair_code(self, session_id: str, *, phone: str) -> str:
        """Return the code, like ``ABCD-EFGH``, to type on the phone instead of scanning. It may take 45 seconds."""
        path = _session(session_id) + "/pair-code"
        request = Request("POST", path, body={"phone": phone}, timeout=WHATSAPP_SECONDS)
        return cast("str", await self._ask(request, "code"))

    async def reconnect(self, session_id: str) -> t.Session:
        """Connect the session now."""
        return cast("t.Session", await self._ask(Request("POST", _session(session_id) + "/reconnect")))


class AsyncTriggers(AsyncResource):
    """Phrases that people send, with their replies."""

    async def list(self, *, session_id: str | None = None) -> List[t.Trigger]:
        """Return all triggers, or those of a session."""
        request = Request("GET", "/v1/triggers", query={"session_id": session_id})
        return cast("List[t.Trigger]", await self._ask(request, "triggers"))

    async def create(
        self, *, session_id: str, trigger_phrase: str, reply_message: str, is_active: bool = True
    ) -> t.Trigger:
        """Add a trigger.

        Args:
            session_id: the session of the trigger.
            trigger_phrase: what people write, 1 to 200 characters; stored in lower case.
            reply_message: the static reply, 1 to 1000 characters; ``{{phone}}`` is replaced by the sender's number.
            is_active: whether it fires.

        """
        body = {
            "session_id": session_id,
            "trigger_phrase": trigger_phrase,
            "reply_message": reply_message,
            "is_active": is_active,
        }
        return cast("t.Trigger", await self._ask(Request("POST", "/v1/triggers", body=body)))

    async def get(self, trigger_id: str) -> t.Trigger:
        """Return one."""
        return cast("t.Trigger", await self._ask(Request("GET", _trigger(trigger_id))))

    async def update(
        self,
        trigger_id: str,
        *,
        trigger_phrase: str | None = None,
        reply_message: str | None = None,
        is_active: bool | None = None,
    ) -> t.Trigger:
        """Change the given fields, and nothing else."""
        given = {"trigger_phrase": trigger_phrase, "reply_message": reply_message, "is_active": is_active}
        body = {name: value for name, value in given.items() if value is not None}
        return cast("t.Trigger", await self._ask(Request("PATCH", _trigger(trigger_id), body=body)))

    async def delete(self, trigger_id: str) -> None:
        """Delete it."""
        await self._ask(Request("DELETE", _trigger(trigger_id)))

    async def match(self, *, session_id: str, text: str) -> t.Match:
        """Return which trigger a text would fire, without firing it."""
        request = Request("POST", "/v1/match", body={"session_id": session_id, "text": text})
        return cast("t.Match", await self._ask(request))


class AsyncWebhooks(AsyncResource):
    """The endpoint that receives events, and the log of deliveries."""

    async def get(self) -> t.Webhook:
        """Return the endpoint. A login sees the whole secret, a key only its ends."""
        return cast("t.Webhook", await self._ask(Request("GET", "/v1/webhooks")))

    async def set(self, url: str, *, events: Sequence[t.EventName] | None = None) -> t.Webhook:
        """Set the endpoint; an empty URL removes it. By default it receives all events."""
        body = {"url": url, **({"events": list(events)} if events is not None else {})}
        return cast("t.Webhook", await self._ask(Request("PUT", "/v1/webhooks", body=body)))

    async def rotate_secret(self, *, overlap_seconds: int | None = None) -> t.RotatedSecret:
        """Create a new secret. Needs a login.

        Args:
            overlap_seconds: how long the old one continues to sign; by default a day. Use 0 if it has leaked.

        """
        body = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
        request = Request("POST", "/v1/webhooks/rotate-secret", body=body, auth="login")
        return cast("t.RotatedSecret", await self._ask(request))

    async def simulate(self, *, phone: str, message: str, session_id: str) -> t.Simulation:
        """Post a signed event to the endpoint as if somebody had written. Needs a login; at most 20 a minute."""
        body = {"phone": phone, "message": message, "session_id": session_id}
        request = Request("POST", "/v1/webhooks/simulate", body=body, auth="login")
        return cast("t.Simulation", await self._ask(request))

    async def deliveries(
        self,
        *,
        limit: int | None = None,
        before: str | datetime | None = None,
        event_type: t.DeliveryFilter | None = None,
    ) -> t.DeliveryPage:
        """Return one page of the log, newest first.

        Args:
            limit: rows a page, 1 to 200; 50 by default.
            before: the ``next_cursor`` of the previous page, or a time; a time without a time zone is UTC.
            event_type: only deliveries that ended this way.

        """
        if isinstance(before, datetime):
            before = before.replace(tzinfo=before.tzinfo or timezone.utc).isoformat()
        query = {"limit": limit, "before": before, "event_type": event_type}
        return cast("t.DeliveryPage", await self._ask(Request("GET", "/v1/webhooks/deliveries", query=query)))

    async def iter_deliveries(
        self,
        *,
        limit: int | None = None,
        before: str | datetime | None = None,
        event_type: t.DeliveryFilter | None = None,
    ) -> AsyncGenerator[t.Delivery, None]:
        """Iterate over the log, newest first, page by page; ``limit`` is the size of a page, not of the whole."""
        while True:
            page = await self.deliveries(limit=limit, before=before, event_type=event_type)
            for delivery in page["deliveries"]:
                yield delivery
            before = page["next_cursor"]
            if before is None:
                return

    async def redeliver(self, delivery_id: str) -> str:
        """Send the event of a failed delivery again, now, and return the event's id."""
        path = f"/v1/webhooks/deliveries/{segment('delivery_id', delivery_id)}/redeliver"
        return cast("str", await self._ask(Request("POST", path), "event_id"))


class AsyncAccountSettings(AsyncResource):
    """How the account answers."""

    async def get(self) -> t.Settings:
        """Return all settings."""
        return cast("t.Settings", await self._ask(Request("GET", "/v1/settings")))

    async def update(  # noqa: PLR0913 - there are so many settings
        self,
        *,
        cooldown_seconds: int | None = None,
        no_phone_reply: str | Unset | None = UNSET,
        hidden_numbers: t.HiddenNumbers | None = None,
        number_question: str | Unset | None = UNSET,
        group_reply: t.GroupReply | None = None,
        max_message_age_seconds: int | None = None,
        disconnect_grace_seconds: int | None = None,
        overage: t.Overage | None = None,
        time_zone: str | None = None,
    ) -> t.Settings:
        """Change the given fields, and nothing else.

        Args:
            cooldown_seconds: how long a number gets no second message, 0 to 86400.
            no_phone_reply: the reply to people whose number WhatsApp hides; ``None`` for no reply.
            hidden_numbers: what happens to people whose number WhatsApp hides.
            number_question: what they are asked with ``ask``; ``None`` for the default.
            group_reply: where the reply to a group message goes.
            max_message_age_seconds: older messages are not answered.
            disconnect_grace_seconds: how long a lost link may take to come back before it is reported, 0 to 60.
            overage: whether messages beyond the plan's are blocked, or sent and charged.
            time_zone: a name such as ``Europe/Berlin``.

        """
        given: dict[str, object] = {
            "cooldown_seconds": cooldown_seconds,
            "hidden_numbers": hidden_numbers,
            "group_reply": group_reply,
            "max_message_age_seconds": max_message_age_seconds,
            "disconnect_grace_seconds": disconnect_grace_seconds,
            "overage": overage,
            "time_zone": time_zone,
        }
        body = {name: value for name, value in given.items() if value is not None}
        if not isinstance(no_phone_reply, Unset):
            body["no_phone_reply"] = no_phone_reply
        if not isinstance(number_question, Unset):
            body["number_question"] = number_question
        return cast("t.Settings", await self._ask(Request("PATCH", "/v1/settings", body=body)))


class AsyncAccountUsage(AsyncResource):
    """The month's usage of the plan."""

    async def get(self) -> t.Usage:
        """Return the usage."""
        return cast("t.Usage", await self._ask(Request("GET", "/v1/usage")))


class AsyncAccountStats(AsyncResource):
    """How many messages were answered, and how fast."""

    async def get(self, *, range: t.StatsRange = "7d", time_zone: str | None = None) -> t.Statistics:  # noqa: A002
        """Return it by hour (``24h``) or day; a day begins at midnight in the time zone, such as ``Europe/Berlin``."""
        request = Request("GET", "/v1/stats", query={"range": range, "time_zone": time_zone})
        return cast("t.Statistics", await self._ask(request))


class AsyncKeys(AsyncResource):
    """API keys. All methods need a login."""

    async def list(self) -> List[t.Key]:
        """Return all keys, oldest first, none of them whole."""
        return cast("List[t.Key]", await self._ask(Request("GET", "/v1/keys", auth="login"), "keys"))

    async def create(self, *, mode: t.Mode, name: str | None = None) -> t.Key:
        """Create a key. Only this answer contains the whole ``key``."""
        body = {"mode": mode, **({"name": name} if name is not None else {})}
        return cast("t.Key", await self._ask(Request("POST", "/v1/keys", body=body, auth="login")))

    async def revoke(self, key_id: str) -> None:
        """Revoke a key, at once and for good."""
        await self._ask(Request("DELETE", f"/v1/keys/{segment('key_id', key_id)}", auth="login"))


class AsyncAuth(AsyncResource):
    """The login of the client."""

    async def me(self) -> t.Account:
        """Return the account that is logged in."""
        return cast("t.Account", await self._ask(Request("GET", "/v1/auth/me", auth="login")))

    async def change_password(self, *, current_password: str, new_password: str) -> t.Login:
        """Change the password, end every login including this one, and return a new one.

        A wrong current password is a 403 and counts as a failed login.
        """
        body = {"current_password": current_password, "new_password": new_password}
        return cast("t.Login", await self._ask(Request("POST", "/v1/auth/password", body=body, auth="login")))

    async def logout(self) -> None:
        """End the login. Its token no longer works."""
        await self._ask(Request("POST", "/v1/auth/logout", auth="login"))


class AsyncEvents(AsyncResource):
    """Events as they happen."""

    async def listen(self) -> AsyncGenerator[t.StreamEvent, None]:
        """Yield events until the server or you end the stream. Events from before it began are not sent."""
        request = Request("GET", "/v1/events", accept="text/event-stream", timeout=STREAM_SECONDS)
        name, data = "message", ""
        lines = self._transport.lines(request)
        try:
            async for line in lines:
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data += line[5:].strip()
                elif not line and data:
                    yield {"event": name, "data": json.loads(data)}
                    name, data = "message", ""
        finally:
            await lines.aclose()


def _session(session_id: str) -> str:
    return "/v1/sessions/" + segment("session_id", session_id)


def _trigger(trigger_id: str) -> str:
    return "/v1/triggers/" + segment("trigger_id", trigger_id)
