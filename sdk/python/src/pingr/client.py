"""The clients of the REST API: ``Pingr`` waits, ``AsyncPingr`` is for asyncio."""

from ._async.client import AsyncPingr
from ._async.resources import AsyncMessages
from ._sync.client import Pingr
from ._sync.resources import Messages

__all__ = ["AsyncMessages", "AsyncPingr", "Messages", "Pingr"]
