"""Numbers as WhatsApp spells them, which is how events name them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pingr import Pingr, PingrError

if TYPE_CHECKING:
    from .options import Options

RESOLVE_SECONDS = 5.0  # a person waits for it


class Numbers:
    """Asks Pingr how WhatsApp spells a number, and whether anybody has it; without --api, takes it as it is."""

    def __init__(self, options: Options) -> None:
        """Open a client if there is an address."""
        self._pingr = Pingr(options.key, base_url=options.api, timeout=RESOLVE_SECONDS) if options.api else None

    def resolve(self, phone: str) -> tuple[str, bool] | None:
        """Return the number and whether it is on WhatsApp; None if Pingr did not say."""
        if self._pingr is None:
            return phone, True
        try:
            told = self._pingr.numbers.resolve(phone)
        except PingrError as err:
            logging.getLogger(__name__).warning("resolve a number: %s", err)
            return None
        return told["phone"], told["on_whatsapp"]

    def not_checked(self) -> str:
        """Answer a code from a number that may be another spelling of the one typed in, while Pingr does not say."""
        return "We could not check your number. Send the same text again in a minute."
