"""The answers of the API, as types.

They are dicts, as JSON gives them. Times are RFC 3339 in UTC with milliseconds; phones are digits with country code.
Fields are added over time.
"""

from typing import Any, Literal, Optional, TypedDict

Mode = Literal["live", "test"]
EventName = Literal["message.received", "session.disconnected", "session.connected"]
DeliveryFilter = Literal["webhook.delivered", "webhook.failed", "webhook.simulated"]
HiddenNumbers = Literal["refuse", "ask", "pass"]
GroupReply = Literal["private", "group", "off"]
StatsRange = Literal["24h", "7d", "30d", "90d"]
Overage = Literal["block", "allow"]


class Sent(TypedDict):
    """A message that was sent."""

    success: bool
    message_id: str
    to: str
    session_id: str
    # Messages of the plan left this month; None: without limit.
    rate_limit_remaining: Optional[int]


class ResolvedNumber(TypedDict):
    """Whether a number is on WhatsApp."""

    on_whatsapp: bool
    # As WhatsApp spells it, if somebody has the number; digits only, with country code.
    phone: str


class _SessionRequired(TypedDict):
    id: str
    name: str
    # With a plus; None before it is linked.
    number: Optional[str]
    status: Literal["connected", "connecting", "pairing", "link_expired", "disconnected", "restricted", "logged_out"]
    connectedAt: Optional[str]
    # Replies and sends since midnight in the account's time zone.
    messagesToday: int


class Session(_SessionRequired, total=False):
    """A linked WhatsApp number. ``detail`` tells a person what to do.

    ``reason`` is the code that ended the last connection or attempt to link. Codes from 1000 are Pingr's own.
    """

    reason: int
    detail: str


class QRCode(TypedDict):
    """What to draw as a QR code for the phone to scan, and until when."""

    qr: str
    expires_at: str


class Trigger(TypedDict):
    """A phrase on a session, with its static reply."""

    id: str
    session_id: str
    trigger_phrase: str
    reply_message: str
    is_active: bool
    created_at: str
    updated_at: str


class OtherMatch(TypedDict):
    """Another trigger that a text matches, and why it does not fire."""

    trigger: Trigger
    because: Literal["shorter", "inactive"]


class Match(TypedDict):
    """What a text would fire; ``fires`` is None if nothing. ``compared`` is the form in which the text is compared."""

    compared: str
    fires: Optional[Trigger]
    others: list[OtherMatch]


class _WebhookRequired(TypedDict):
    url: Optional[str]
    events: list[EventName]
    secret: str


class Webhook(_WebhookRequired, total=False):
    """The endpoint. Logins see the whole ``secret``, keys only its ends. The old one signs until it expires."""

    old_secret: str
    old_secret_expires_at: str


class RotatedSecret(TypedDict):
    """A new secret, and when it begins to sign ``x-pingr-signature``."""

    secret: str
    signs_from: str


NoReplyReason = Literal[
    "content_type",
    "content_encoding",
    "too_long",
    "not_utf8",
    "not_json",
    "not_object",
    "no_field",
    "two_fields",
    "not_text",
    "empty",
    "nul",
    "answered",
    "cooldown",
    "quota",
    "asked_again",
]
"""Why an answer that was taken gave no reply; from ``answered`` on, its reply came and was not used."""


class Simulation(TypedDict):
    """The result of a simulated event. ``status_code`` and ``dynamic_reply`` are None if there is none.

    ``no_reply_reason`` is None for a reply, and for an answer with no reply on purpose.
    """

    delivered: bool
    status_code: Optional[int]
    dynamic_reply: Optional[str]
    no_reply_reason: Optional[NoReplyReason]
    payload_sent: dict[str, Any]


class Delivery(TypedDict):
    """One attempt to post an event to the endpoint.

    ``dynamic_reply`` tells whether the answer's reply was used; ``no_reply_reason`` is why a taken answer gave none.
    ``attempt`` 0: no attempt was made, because the endpoint lets most requests hang. The event is delivered later.
    """

    id: str
    status: Literal["delivered", "failed", "simulated"]
    url: str
    http_status: Optional[int]
    dynamic_reply: bool
    session_id: str
    created_at: str
    event_id: str
    event: EventName
    attempt: int
    duration_ms: int
    error: Optional[str]
    no_reply_reason: Optional[NoReplyReason]
    redeliverable: bool


class DeliveryPage(TypedDict):
    """Deliveries, newest first. ``next_cursor`` is the ``before`` of the next page, or None on the last page."""

    deliveries: list[Delivery]
    count: int
    next_cursor: Optional[str]


class Settings(TypedDict):
    """How the account answers."""

    cooldown_seconds: int
    no_phone_reply: Optional[str]
    # What happens to people whose number WhatsApp hides. "pass" makes from.phone of their events None.
    hidden_numbers: HiddenNumbers
    # What they are asked with "ask"; None for the default.
    number_question: Optional[str]
    group_reply: GroupReply
    max_message_age_seconds: int
    disconnect_grace_seconds: int
    overage: Overage
    time_zone: str


class Usage(TypedDict):
    """The month's usage of the plan. ``included`` and ``remaining`` are None if there is no limit."""

    plan: str
    month: str
    used: int
    included: Optional[int]
    remaining: Optional[int]
    overage_messages: int
    # In millionths of a dollar.
    overage_cost_micros: int


# "from" is a keyword, so this one is written as a call.
_Beginning = TypedDict("_Beginning", {"from": str})


class Stats(_Beginning):
    """What happened in a period: firings by how they ended, and milliseconds that webhooks took."""

    until: str
    firings: dict[str, int]
    webhooks: int
    p50_ms: Optional[int]
    p95_ms: Optional[int]


class Statistics(TypedDict):
    """What happened in each hour or day, oldest first, and in total. The last period is not over."""

    range: StatsRange
    time_zone: str
    steps: list[Stats]
    total: Stats


class Key(TypedDict):
    """An API key. ``key`` is whole only when it is created; later it is its beginning and end."""

    id: str
    name: str
    mode: Mode
    key: str
    created_at: str
    last_used_at: Optional[str]
    revoked_at: Optional[str]


class Account(TypedDict):
    """The account that is logged in."""

    id: str
    email: str
    plan: str
    created_at: str


class Login(TypedDict):
    """A dashboard login. ``token`` is as good as the password until it expires."""

    token: str
    expires_at: str
    account: Account


class StreamEvent(TypedDict):
    """An event of the stream: ``session``, ``firing`` or ``delivery``. None holds a phone or a text."""

    event: str
    data: dict[str, Any]
