"""The command line, the same in every example (examples/README.md, Options)."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Options:
    """How a site runs. Lives are in seconds."""

    secret: str
    host: str
    port: int
    origin: str  # scheme, host and port by which browsers know the site
    number: str  # the linked number, digits only
    site: str
    api: str | None  # Pingr's address; None takes numbers as they are typed
    key: str
    redis: str | None
    code_life: int
    link_life: int
    block_life: int


def parse(description: str | None, arguments: list[str] | None = None) -> Options:
    """Read the command line and PINGR_WEBHOOK_SECRET; exit with 2 when they are wrong."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 8090), metavar="HOST:PORT")
    parser.add_argument("--origin", type=_origin, metavar="URL", help="at which browsers reach the site")
    parser.add_argument("--number", type=_digits, default="15550100", metavar="DIGITS", help="the linked number")
    parser.add_argument("--site", default="Example Shop", metavar="NAME")
    parser.add_argument("--api", metavar="URL", help="resolve numbers at this Pingr, with the key in PINGR_API_KEY")
    parser.add_argument("--redis", metavar="URL", help="keep the state in this Redis; by default in memory")
    parser.add_argument("--code-ttl", type=_seconds, default=300, metavar="SECONDS", help="life of a code")
    parser.add_argument("--link-ttl", type=_seconds, default=300, metavar="SECONDS", help="life of a link")
    parser.add_argument("--block-ttl", type=_seconds, default=3600, metavar="SECONDS", help="memory of wrong codes")
    given = parser.parse_args(arguments)
    secret = os.environ.get("PINGR_WEBHOOK_SECRET")
    if not secret:
        parser.error("set PINGR_WEBHOOK_SECRET to the secret of the webhook (whsec_…)")
    key = os.environ.get("PINGR_API_KEY", "")
    if given.api and not key:
        parser.error("set PINGR_API_KEY to an API key (pk_live_…), or leave out --api")
    host, port = given.listen
    lives = given.code_ttl, given.link_ttl, given.block_ttl
    origin = given.origin or ""
    return Options(secret, host, port, origin, given.number, given.site, given.api, key, given.redis, *lives)


def _address(value: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port):
        raise argparse.ArgumentTypeError("must be HOST:PORT")
    return host.strip("[]"), int(port)


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise argparse.ArgumentTypeError("must be scheme, host and port, such as https://shop.example")
    return value.rstrip("/")


def _digits(value: str) -> str:
    if not re.fullmatch("[0-9]+", value):
        raise argparse.ArgumentTypeError("must be digits only, with country code")
    return value


def _seconds(value: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) == 0:
        raise argparse.ArgumentTypeError("must be at least 1 second")
    return int(value)
