"""The form in which phrases and texts are compared, the same as on the server."""

from __future__ import annotations

import re
import unicodedata

# Unicode's White_Space. str.isspace takes U+001C to U+001F too, which are control characters.
_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")

# What is invisible but in neither Cc nor Cf: Unicode's Other_Default_Ignorable_Code_Point and Variation_Selector.
# And U+0307, which is what folding leaves of İ.
_INVISIBLE = re.compile(
    "[\u0307\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)

# White space and control characters of ASCII.
_ASCII = {code: " " if code in range(0x09, 0x0E) else None for code in (*range(0x20), 0x7F)}


def normalize(text: str) -> str:
    """Unify compatibility forms (NFKC), fold case, drop what is invisible, collapse and trim white space."""
    if text.isascii():  # the same, faster
        return " ".join(text.translate(_ASCII).lower().split())
    text = well_formed(text)
    # Folding may produce what NFKC changes, and the other way round; three rounds are enough for every code point.
    for _ in range(3):
        text = _drop_marks(_drop_marks(unicodedata.normalize("NFKC", text)).casefold())
        text = re.sub(" +", " ", unicodedata.normalize("NFKC", text)).strip(" ")
    return text


def well_formed(text: str) -> str:
    """Replace surrogates without their other half by U+FFFD, and pairs by one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _drop_marks(text: str) -> str:
    text = text.replace("\u0131", "i").replace("\u0130", "i")  # the Turkish dotless and dotted i
    text = _SPACE.sub(" ", text)
    text = _INVISIBLE.sub("", text)
    return "".join(c for c in text if c.isalnum() or unicodedata.category(c) not in ("Cc", "Cf"))
