"""Challenge codes: made for a login page, found again in a message."""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote

from ._normalize import normalize, well_formed

#: The default alphabet of challenge codes: no 0, 1, I or O, which people misread.
CHALLENGE_CHARSET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_MAX_CHARSET = 256


def create_challenge_code(*, length: int = 6, charset: str = CHALLENGE_CHARSET) -> str:
    """Draw a code for a login page to show, uniformly from a cryptographic source.

    Args:
        length: 4 to 12 characters; others are clamped to that.
        charset: the characters to draw from, at most 256; empty is the default.

    Raises:
        ValueError: the charset holds more than 256 characters.

    """
    charset = charset or CHALLENGE_CHARSET
    if len(charset) > _MAX_CHARSET:
        raise ValueError("the charset holds more than 256 characters")
    return "".join(secrets.choice(charset) for _ in range(max(4, min(length, 12))))


def extract_challenge_code(message_text: str, trigger_phrase: str) -> str | None:
    """Return the code, in capitals, of a text that is the trigger phrase, white space and the code.

    Both are compared as they are when a trigger fires, so that every text that fires the trigger and goes on gives a
    code: letter case, the Turkish i, full-width letters, invisible characters and the amount of space do not count.
    Any other text gives ``None``.
    """
    phrase = normalize(trigger_phrase or "")
    said = normalize(message_text or "")
    if not phrase or not said.startswith(phrase + " "):
        return None
    return said[len(phrase) + 1 :].upper()


def login_link(number: str, text: str) -> str:
    """Return the link that opens WhatsApp with the text filled in, addressed to number.

    It looks like ``https://wa.me/919876543210?text=login%20X4K9MQ``. All but the digits of number is dropped.
    """
    return f"https://wa.me/{re.sub('[^0-9]', '', number)}?text={quote(well_formed(text), safe='')}"
