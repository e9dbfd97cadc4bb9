"""The events that webhooks receive, as types.

They are dicts, as JSON gives them. ``event`` is the type of the event, and type checkers narrow by it. Types are added
over time, so ignore an ``event`` that you do not know.
"""

from typing import Literal, Optional, TypedDict, Union


class _Common(TypedDict):
    # The session (linked WhatsApp number) of the event.
    session_id: str
    # When this attempt was signed, in Unix milliseconds.
    timestamp: int
    # "evt_…", the same on every attempt. Use it to recognize duplicates.
    id: str


class _FromRequired(TypedDict):
    # Digits only, with country code: "919876543210". None only if WhatsApp hides the number and the account's
    # hidden_numbers is "pass".
    phone: Optional[str]
    jid: str
    # Whether the message was written in a group, and in which.
    is_group: bool
    group_jid: Optional[str]
    # "per_…": the person's id in this account. It stays the same when the number changes.
    person: str


class From(_FromRequired, total=False):
    """The person who wrote the message.

    ``lid`` is the person's hidden id, if known. ``phone_since`` is set if another person had the number before: when it
    came to this one, in Unix milliseconds, as far as Pingr knows. An account that last logged in with the number before
    then is somebody else's.
    """

    lid: str
    phone_since: int


class _MessageRequired(TypedDict):
    text: str
    type: str
    id: str
    # When the message was sent according to WhatsApp, in Unix milliseconds.
    timestamp: int


class Message(_MessageRequired, total=False):
    """What the person wrote. ``forwarded`` is set if it came from another chat: a code in it may be somebody else's."""

    forwarded: bool


class Trigger(TypedDict):
    """The trigger that fired."""

    id: str
    phrase: str


class _AutoReplyRequired(TypedDict):
    status: Literal["pending", "suppressed"]


class AutoReply(_AutoReplyRequired, total=False):
    """Whether a reply will follow. This is binding.

    If none follows, ``reason`` says why: the person is in ``cooldown`` for ``retry_after`` more seconds (also while an
    earlier message of theirs is being answered), the month's messages are used up (``quota``), or the reply was decided
    before this attempt (``answered``).
    """

    reason: Literal["cooldown", "quota", "answered"]
    retry_after: int


# "from" is a keyword, so this one is written as a call.
_Sender = TypedDict("_Sender", {"from": From})


class _MessageReceivedRequired(_Common, _Sender):
    event: Literal["message.received"]
    message: Message
    trigger: Trigger
    auto_reply: AutoReply


class MessageReceived(_MessageReceivedRequired, total=False):
    """Somebody sent a text that fired a trigger.

    ``_simulated`` is set if the dashboard or the API simulated the message: log nobody in.
    """

    _simulated: bool


class _SessionDisconnectedRequired(_Common):
    event: Literal["session.disconnected"]
    kind: Literal["terminal", "transient"]


class SessionDisconnected(_SessionDisconnectedRequired, total=False):
    """The session has lost its link to WhatsApp.

    ``kind`` is ``terminal`` if a person must act, and ``transient`` if the session comes back by itself. ``reason`` is
    WhatsApp's, such as 401 for logged out. ``expires_at`` is when a temporary ban ends, in Unix milliseconds.
    """

    reason: int
    expires_at: int


class SessionConnected(_Common):
    """A session that was reported disconnected is back."""

    event: Literal["session.connected"]


Event = Union[MessageReceived, SessionDisconnected, SessionConnected]
