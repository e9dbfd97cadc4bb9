"""The clients for the REST API: ``Pingr`` blocks, ``AsyncPingr`` is for asyncio."""

from ._async.client import AsyncPingr
from ._async.resources import AsyncMessages
from ._sync.client import Pingr
from ._sync.resources import Messages
from .errors import PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError
from .webhook import verify_webhook

# All that stood here in 0.1 and 0.2.
__all__ = [
    "AsyncMessages",
    "AsyncPingr",
    "Messages",
    "Pingr",
    "PingrAuthError",
    "PingrError",
    "PingrRateLimitError",
    "PingrValidationError",
    "verify_webhook",
]
