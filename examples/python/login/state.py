"""What a flow must not forget: strings by key, each with a life in seconds after which it is gone.

Every operation is atomic. Keys and values are listed in examples/README.md.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Callable, Protocol


@dataclass(frozen=True)
class Change:
    """What commit does to one value. "" is nothing; without a life, it goes on."""

    key: str
    old: str
    new: str
    life: float = 0


class State(Protocol):
    """Where strings are kept."""

    def get(self, key: str) -> str | None:
        """Return the value of a key."""

    def set(self, key: str, value: str, life: float) -> None:
        """Write a value, whatever was there."""

    def add(self, key: str, value: str, life: float) -> bool:
        """Write a value if there is none, and report whether it did."""

    def swap(self, key: str, old: str, new: str) -> bool:
        """Replace a value that is still old, and report whether it was. Its life goes on."""

    def commit(self, *changes: Change) -> bool:
        """Make all changes if every value is still the old one, or none, and report whether they were made."""

    def take(self, key: str) -> str | None:
        """Return a value and delete it."""

    def count(self, key: str, life: float) -> int:
        """Add one to a number and return it. Its life begins with the first."""


class Memory:
    """The State of a program of one process. Threads may share it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Take a clock, for tests."""
        self._now = now
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, float]] = {}
        self._swept = now()

    def get(self, key: str) -> str | None:
        """Return the value of a key."""
        with self._lock:
            return self._find(key)

    def set(self, key: str, value: str, life: float) -> None:
        """Write a value, whatever was there."""
        with self._lock:
            self._sweep()
            self._held[key] = value, self._now() + life

    def add(self, key: str, value: str, life: float) -> bool:
        """Write a value if there is none, and report whether it did."""
        with self._lock:
            self._sweep()
            if self._find(key) is not None:
                return False
            self._held[key] = value, self._now() + life
            return True

    def swap(self, key: str, old: str, new: str) -> bool:
        """Replace a value that is still old, and report whether it was. Its life goes on."""
        with self._lock:
            if self._find(key) != old:
                return False
            self._held[key] = new, self._held[key][1]
            return True

    def commit(self, *changes: Change) -> bool:
        """Make all changes if every value is still the old one, or none, and report whether they were made."""
        with self._lock:
            self._sweep()
            if any((self._find(change.key) or "") != change.old for change in changes):
                return False
            for change in changes:
                _, until = self._held.pop(change.key, ("", 0.0))
                if change.new:
                    self._held[change.key] = change.new, self._now() + change.life if change.life else until
            return True

    def take(self, key: str) -> str | None:
        """Return a value and delete it."""
        with self._lock:
            value = self._find(key)
            self._held.pop(key, None)
            return value

    def count(self, key: str, life: float) -> int:
        """Add one to a number and return it. Its life begins with the first."""
        with self._lock:
            self._sweep()
            found = self._find(key)
            until = self._now() + life if found is None else self._held[key][1]
            number = int(found or 0) + 1
            self._held[key] = str(number), until
            return number

    def _find(self, key: str) -> str | None:
        value, until = self._held.get(key, ("", 0.0))
        return value if self._now() < until else None

    def _sweep(self) -> None:
        """Forget what is over, once a second, so that what strangers cause does not pile up."""
        now = self._now()
        if now - self._swept >= 1:
            self._swept = now
            self._held = {key: held for key, held in self._held.items() if now < held[1]}


_SWAP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
  return 1
end
return 0"""
_COMMIT = """
for i, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[3 * i - 2] then return 0 end
end
for i, key in ipairs(KEYS) do
  local new, life = ARGV[3 * i - 1], ARGV[3 * i]
  if new == '' then
    redis.call('DEL', key)
  elseif life == '0' then
    redis.call('SET', key, new, 'KEEPTTL')
  else
    redis.call('SET', key, new, 'PX', life)
  end
end
return 1"""
_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n"""


class Redis:
    """The State of a program of several processes (Redis 6.2 or newer, or Valkey)."""

    def __init__(self, url: str) -> None:
        """Connect to a URL such as ``redis://127.0.0.1:6379/0``."""
        import redis  # noqa: PLC0415 - needed only here

        self._client = redis.Redis.from_url(url, decode_responses=True)
        self._client.ping()
        self._swap = self._client.register_script(_SWAP)
        self._commit = self._client.register_script(_COMMIT)
        self._count = self._client.register_script(_COUNT)

    def get(self, key: str) -> str | None:
        """Return the value of a key."""
        return _text(self._client.get(key))

    def set(self, key: str, value: str, life: float) -> None:
        """Write a value, whatever was there."""
        self._client.set(key, value, px=int(life * 1000))

    def add(self, key: str, value: str, life: float) -> bool:
        """Write a value if there is none, and report whether it did."""
        return bool(self._client.set(key, value, px=int(life * 1000), nx=True))

    def swap(self, key: str, old: str, new: str) -> bool:
        """Replace a value that is still old, and report whether it was. Its life goes on."""
        return bool(self._swap(keys=[key], args=[old, new]))

    def commit(self, *changes: Change) -> bool:
        """Make all changes if every value is still the old one, or none, and report whether they were made."""
        given = [value for c in changes for value in (c.old, c.new, str(int(c.life * 1000)))]
        return bool(self._commit(keys=[c.key for c in changes], args=given))

    def take(self, key: str) -> str | None:
        """Return a value and delete it."""
        return _text(self._client.getdel(key))

    def count(self, key: str, life: float) -> int:
        """Add one to a number and return it. Its life begins with the first."""
        return int(self._count(keys=[key], args=[int(life * 1000)]))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
