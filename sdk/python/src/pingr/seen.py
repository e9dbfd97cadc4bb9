"""Stores that let a webhook accept each delivery once."""

from __future__ import annotations

import hashlib
import threading
from itertools import takewhile
from time import monotonic
from typing import Protocol

from .errors import PingrError

# A body may be stamped five minutes ahead, verifies for five more, and may meet a process whose clock is another five
# behind. In seconds.
LIFE = 15 * 60
_MOST = 100_000


class Seen(Protocol):
    """Remembers the deliveries that a webhook received, so that each is accepted once.

    Pingr signs every attempt separately, so a request that repeats the same bytes does not come from Pingr.
    """

    def add(self, key: str, life: float) -> bool:
        """Remember a key for at least ``life`` seconds and return whether it was new.

        It must be one atomic step across all processes that receive the webhook, such as ``SET … NX`` in Redis or an
        ``INSERT`` under a primary key in SQL. The key is 64 hex digits. It must be thread-safe. If it raises, the
        answer is 500, and Pingr tries again.
        """


class AsyncSeen(Protocol):
    """The same for asyncio. ``pingr.fastapi`` accepts it too."""

    async def add(self, key: str, life: float) -> bool:
        """Remember a key as ``Seen.add`` does."""


class SeenInMemory:
    """A ``Seen`` for a program of one process, which threads may share.

    It forgets when the process ends; what was signed up to five minutes before can then be sent again. A site that
    must prevent that, or that has several processes, needs a store of its own. It holds 100,000 deliveries, and raises
    ``PingrError`` on more until the oldest expire.
    """

    def __init__(self) -> None:
        """Make an empty store."""
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}  # in order of arrival

    def add(self, key: str, life: float) -> bool:
        """Remember a key and return whether it was new."""
        now = monotonic()  # nobody sets it back
        with self._lock:
            for ended in list(takewhile(lambda old: self._until[old] <= now, self._until)):
                del self._until[ended]
            if self._until.get(key, 0) > now:
                return False
            if len(self._until) >= _MOST:
                raise PingrError(
                    "SeenInMemory is full: 100,000 deliveries within 15 minutes need a store of your own", "seen_full"
                )
            self._until.pop(key, None)  # it is the last now
            self._until[key] = now + life
            return True


def key_of(body: bytes) -> str:
    """Return the key of a verified body, the same whatever signature and headers come with it."""
    return hashlib.sha256(body).hexdigest()
