"""What makes a webhook take each delivery once."""

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
    """Remembers the deliveries that a webhook received, so that each is taken once.

    Pingr signs every attempt again, so whoever sends the same bytes twice is not Pingr.
    """

    def add(self, key: str, life: float) -> bool:
        """Remember a key for at least ``life`` seconds and return whether it was new.

        That is one atomic step among all the processes that receive the webhook: with Redis ``SET … NX``, with SQL an
        ``INSERT`` that a primary key refuses. The key is 64 hex digits. Threads call it at once. What it raises is
        answered 500, and Pingr tries again.
        """


class AsyncSeen(Protocol):
    """The same for asyncio, which ``pingr.fastapi`` takes too."""

    async def add(self, key: str, life: float) -> bool:
        """Do what ``Seen.add`` does."""


class SeenInMemory:
    """The ``Seen`` of a program of one process, which threads may share.

    It forgets when the process ends, and what was signed up to five minutes before can then be sent again; a site that
    must withstand that, or has several processes, needs a store of its own. It holds 100,000 deliveries, and raises
    ``PingrError`` rather than take more until the oldest end.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
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
    """Return the key of a verified body: the same for every signature and header that it can come with."""
    return hashlib.sha256(body).hexdigest()
