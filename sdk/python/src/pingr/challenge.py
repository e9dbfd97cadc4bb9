"""Challenge codes: made for a login page, and found again in a message."""

# ruff: noqa: RUF001, marks that look alike are the point of the lists below

from __future__ import annotations

import re
import secrets
from urllib.parse import quote

from ._normalize import normalize, well_formed

#: The default alphabet of challenge codes: no 0, 1, I or O, which people misread.
CHALLENGE_CHARSET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_MAX_CHARSET = 256

# What people and keyboards write around a phrase and a code without meaning it, the same lists as the server's
# (punctuation.go).
_WRAPPING = "*_~`\"'“”„‟‘’‚‛′«»‹›「」『』〝〞〟()[]{}<>"
_EMOJI_BLOCKS = (
    (0x00A9, 0x00A9),
    (0x00AE, 0x00AE),
    (0x2190, 0x21FF),
    (0x2300, 0x23FF),
    (0x25A0, 0x27BF),
    (0x2900, 0x297F),
    (0x2B00, 0x2BFF),
    (0x3030, 0x3030),
    (0x303D, 0x303D),
    (0x1F000, 0x1FAFF),
)
_EMOJI = "".join(chr(c) for first, last in _EMOJI_BLOCKS for c in range(first, last + 1))
_TAIL = _WRAPPING + ":.,!。、،۔।॥" + _EMOJI + " "
_FRONT = _WRAPPING + " "
_LEAD = _TAIL + "-‐‑‒–—―"
_CODE_TAIL = _TAIL + "?؟"
_LINE_END = re.compile("[\n\v\f\r\x85\u2028\u2029]+")


def create_challenge_code(*, length: int = 6, charset: str = CHALLENGE_CHARSET) -> str:
    """Return a random code for a login page to show, drawn uniformly from a cryptographic source.

    Args:
        length: the number of characters, clamped to 4 to 12.
        charset: the characters to draw from, at most 256; an empty one selects the default.

    Raises:
        ValueError: the charset has more than 256 characters.

    """
    charset = charset or CHALLENGE_CHARSET
    if len(charset) > _MAX_CHARSET:
        raise ValueError("the charset has more than 256 characters")
    return "".join(secrets.choice(charset) for _ in range(max(4, min(length, 12))))


def extract_challenge_code(message_text: str, trigger_phrase: str) -> str | None:
    """Return the code, in capitals, from a text that consists of the trigger phrase, white space and the code.

    It compares both as a trigger does, so every text that fires the trigger and goes on yields a code. Letter case,
    the Turkish i, full-width letters, invisible characters and the amount of space do not matter. Around the code it
    also ignores what nobody could mean otherwise: ``*bold*`` and other marks, quotation marks and brackets, a colon or
    dash between phrase and code, full stops, commas, exclamation and question marks, emoji, and further lines. Any
    other text yields ``None``, and so does the phrase alone.
    """
    phrase = normalize(trigger_phrase or "")
    if not phrase:
        return None
    lines = "\n".join(filter(None, map(normalize, _LINE_END.split(message_text or ""))))
    said = lines.replace("\n", " ")
    rest = _after_phrase(said, phrase)
    if rest is None:
        rest = _after_phrase(said.lstrip(_FRONT), phrase)
    if rest is None:
        return None
    start = len(lines) - len(rest.lstrip(_LEAD))
    return lines[start:].partition("\n")[0].rstrip(_CODE_TAIL).upper() or None


def _after_phrase(said: str, phrase: str) -> str | None:
    """Return what follows phrase in said, which is one line, or ``None`` if said does not begin with it.

    A phrase ends before white space, a colon or the end, and before a tail in front of these.
    """
    if not said.startswith(phrase):
        return None
    rest = said[len(phrase) :]
    beyond = rest.lstrip(_TAIL)
    tail = rest[: len(rest) - len(beyond)]
    return rest if not beyond or " " in tail or ":" in tail else None


def login_link(number: str, text: str) -> str:
    """Return the link that opens WhatsApp with the text filled in, addressed to number.

    It looks like ``https://wa.me/919876543210?text=login%20X4K9MQ``. Only the digits of number are used.
    """
    return f"https://wa.me/{re.sub('[^0-9]', '', number)}?text={quote(well_formed(text), safe='')}"
