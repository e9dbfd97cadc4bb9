"""Pingr in Python: its REST API, its webhooks, and the challenge codes of WhatsApp logins."""

from . import types
from ._version import __version__
from .challenge import CHALLENGE_CHARSET, create_challenge_code, extract_challenge_code, login_link
from .client import AsyncPingr, Messages, Pingr
from .errors import (
    PingrAuthError,
    PingrError,
    PingrRateLimitError,
    PingrValidationError,
    PingrWebhookError,
)
from .events import (
    AutoReply,
    Event,
    From,
    Message,
    MessageReceived,
    SessionConnected,
    SessionDisconnected,
    Trigger,
)
from .phone import parse_phone
from .seen import AsyncSeen, Seen, SeenInMemory
from .webhook import verify_webhook

__all__ = [
    "CHALLENGE_CHARSET",
    "AsyncPingr",
    "AsyncSeen",
    "AutoReply",
    "Event",
    "From",
    "Message",
    "MessageReceived",
    "Messages",
    "Pingr",
    "PingrAuthError",
    "PingrError",
    "PingrRateLimitError",
    "PingrValidationError",
    "PingrWebhookError",
    "Seen",
    "SeenInMemory",
    "SessionConnected",
    "SessionDisconnected",
    "Trigger",
    "__version__",
    "create_challenge_code",
    "extract_challenge_code",
    "login_link",
    "parse_phone",
    "types",
    "verify_webhook",
]
