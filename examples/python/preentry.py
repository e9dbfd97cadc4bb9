"""Log people in who type their number first.

A code that is sent from that phone is answered by a link that logs in the browser that opens it. The page that waits
only says how far it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pingr import parse_phone

from login.code import PENDING, Code, Codes
from login.link import Links
from login.number import Numbers
from login.site import Site, answer, asked, run

if TYPE_CHECKING:
    from flask import Response

    from login.webhook import Message


class Preentry:
    """The flow."""

    def __init__(self, site: Site) -> None:
        """Add the flow to a site."""
        self._codes = Codes(site)
        self._links = Links(site, self._codes)
        self._numbers = Numbers(site.options)
        site.app.post("/start")(self.start)
        site.on_message(self.answer)

    def start(self) -> Response:
        """Give the browser a code for the phone that was typed in."""
        phone = parse_phone(asked("phone"))
        if phone is None:
            return answer(422, error="that is not a phone number")
        if refused := self._codes.refuse():
            return refused
        who = self._numbers.resolve(phone)
        if who is None:  # it is asked again if the code comes from another number
            return self._codes.start(Code(phone=phone))
        spelled, on_whatsapp = who
        if not on_whatsapp:
            return answer(422, error="that number is not on WhatsApp")
        return self._codes.start(Code(phone=spelled))

    def answer(self, message: Message) -> str | None:
        """Send a link for a code, if it comes from the phone that was typed in."""
        if message.code is None:
            return self._codes.where()
        if self._codes.blocked(message.phone):
            return None
        code = self._codes.get(message.code)
        if code.status not in PENDING:
            return self._codes.wrong(message)
        if message.forwarded:
            self._codes.end(message.code, "void")
            return self._codes.forwarded()
        if code.phone != message.phone:  # perhaps another spelling of the same number
            who = self._numbers.resolve(code.phone)
            if who is None:
                return self._numbers.not_checked()
            code.phone, _ = who
        if code.phone != message.phone:
            self._codes.end(message.code, "void")
            return self._codes.wrong(message)
        if code.status == "sent":
            return code.reply
        if message.suppressed:
            self._codes.unanswered(message, message.code)
            return None
        return self._send_link(message, message.code)

    def _send_link(self, message: Message, word: str) -> str | None:
        """Make the link before the code says that it is sent."""
        token = self._links.create(message.phone, word)

        def sent(code: Code) -> bool:
            was, code.status = code.status, "sent"
            code.event, code.link, code.reply = message.event, token, self._links.text(token)
            return was == "waiting"

        code, changed = self._codes.change(word, sent)
        if changed:
            return code.reply
        # Meanwhile the code was ended, or the phone sent it twice.
        self._links.drop(token)
        return self.answer(message)


if __name__ == "__main__":
    run("preentry", __doc__, Preentry)
