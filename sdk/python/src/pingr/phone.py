"""Phone numbers as people type them."""

from __future__ import annotations

import re

# The zeros of the scripts in which people type numbers; nine digits follow each.
_ZEROS = "0٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐０"  # noqa: RUF001 (they are meant)

_ASCII = {ord(zero) + n: str(n) for zero in _ZEROS for n in range(10)}
_ASCII.update({0xFF08: "(", 0xFF09: ")", ord("["): "(", ord("]"): ")", 0xFF0B: "+"})

# The same lists as the server's (phone.go).
_NOISE = re.compile(
    "[\t-\r ./\\u0085\\u00A0\\u00AD\\u00B7\\u061C\\u1680\\u180E\\u2000-\\u2015"
    "\\u2028-\\u202F\\u205F-\\u2064\\u2066-\\u206F\\u2212\\u3000\\uFE58\\uFE63\\uFEFF\\uFF0D\\uFF0E-]"
)
_TRUNK = re.compile(r"([()]*\+?[()]*(?:00)?[()]*([1-9][0-9]{0,2})[()]*)\(0\)")
_ITALY = "39"  # keeps the 0 of its numbers in international calls


def parse_phone(text: str) -> str | None:
    """Return the digits of a phone number, with country code and without "+": ``919876543210``.

    Return ``None`` if the text cannot be one, which has 7 to 15 digits (ITU-T E.164) and no country code that
    begins with 0.

    It takes numbers as people type and paste them. Spaces of all kinds, dashes, dots, slashes, brackets and
    invisible marks between the digits are ignored. ``+``, ``00``, ``tel:`` or ``whatsapp:`` may precede the
    country code. ``(0)`` after the country code is dropped, except for Italy's. Digits may be of another script.
    It knows no country, so it does not add a missing country code, and the result need not be in use.
    """
    s = _NOISE.sub("", text.translate(_ASCII))
    s = re.sub("^(tel|whatsapp):", "", s, flags=re.IGNORECASE | re.ASCII)
    trunk = _TRUNK.match(s)
    if trunk and trunk[2] != _ITALY:
        s = trunk[1] + s[trunk.end() :]
    s = s.replace("(", "").replace(")", "")
    digits = s[1:] if s.startswith("+") else re.sub("^00", "", s)
    return digits if re.fullmatch("[1-9][0-9]{6,14}", digits) else None
