"""Verify Pingr's webhooks, make and read the challenge codes of WhatsApp logins."""

from .challenge import CHALLENGE_CHARSET, create_challenge_code, extract_challenge_code, login_link
from .errors import PingrError, PingrWebhookError
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
from .webhook import verify_webhook

__version__ = "0.3.0"
__all__ = [
    "CHALLENGE_CHARSET",
    "AutoReply",
    "Event",
    "From",
    "Message",
    "MessageReceived",
    "PingrError",
    "PingrWebhookError",
    "SessionConnected",
    "SessionDisconnected",
    "Trigger",
    "create_challenge_code",
    "extract_challenge_code",
    "login_link",
    "verify_webhook",
]
