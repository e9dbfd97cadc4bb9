"""Log a browser in by a phone beside it.

The page shows a code as QR, the phone sends it and is answered by six digits, which are typed on the page.
"""

from __future__ import annotations

import hmac
import io
import secrets
from typing import TYPE_CHECKING

import segno
from flask import Response, abort, request
from pingr import login_link

from login.code import PENDING, Code, Codes
from login.device import device
from login.site import Site, answer, asked, run

if TYPE_CHECKING:
    from login.webhook import Message

MAX_TRIES = 3


class Desktop:
    """The flow."""

    def __init__(self, site: Site) -> None:
        """Add the flow to a site."""
        self._site, self._state, self._codes = site, site.state, Codes(site)
        site.app.post("/start")(self.start)
        site.app.get("/qr.png")(self.qr)
        site.app.post("/digits")(self.digits)
        site.on_message(self.answer)

    def start(self) -> Response:
        """Give the browser a code."""
        return self._codes.start(Code(device=device(request.user_agent.string)))

    def qr(self) -> Response:
        """Draw the link that opens WhatsApp with this browser's code filled in."""
        word = self._codes.of_browser()
        if word is None:
            abort(404)
        picture = io.BytesIO()
        segno.make(login_link(self._site.options.number, "login " + word), micro=False).save(
            picture, kind="png", scale=8
        )
        return Response(picture.getvalue(), mimetype="image/png")

    def digits(self) -> Response:
        """Log the waiting browser in: what only the phone was told was typed in it."""
        typed = asked("digits")

        def tried(code: Code) -> bool:
            if code.status != "asked":
                return False
            if hmac.compare_digest(typed.encode(errors="replace"), code.digits.encode()):
                code.status = "done"
                return True
            code.tries += 1
            if code.tries >= MAX_TRIES:
                code.status = "void"
            return True

        word = self._codes.of_browser()
        code, changed = self._codes.change(word, tried) if word else (Code(), False)
        if changed and code.status == "done":
            return self._site.begin(answer(200, status="done"), code.phone)
        if changed and code.status == "asked":
            return answer(403, status="asked", tries_left=MAX_TRIES - code.tries)
        return answer(410, status=code.status or "none")

    def answer(self, message: Message) -> str | None:
        """Tell the phone that sent a code the digits, and what they are for."""
        if message.no:
            self._end_asked(message.phone, None, "refused")
            return "Nobody was logged in."
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
        if code.status == "asked" and code.phone != message.phone:
            self._codes.end(message.code, "void")
            return self._codes.not_valid()
        if code.status == "asked":
            return code.reply
        return None if message.suppressed else self._ask(message, message.code)

    def _ask(self, message: Message, word: str) -> str | None:
        """Make the digits."""
        self._only_one(message.phone, word)
        digits = f"{secrets.randbelow(1_000_000):06}"

        def asked(code: Code) -> bool:
            was, code.status = code.status, "asked"
            code.phone, code.event, code.digits = message.phone, message.event, digits
            code.reply = (
                f"Log in to {self._site.options.site} on {code.device}? Then type these digits on that page:\n"
                f"{digits}\n"
                "They log that browser in as you: pass them on to nobody, whoever asks. Not you? Answer NO."
            )
            return was == "waiting"

        code, changed = self._codes.change(word, asked)
        # When it was not changed, it was ended meanwhile, or sent by another phone.
        return code.reply if changed else self.answer(message)

    def _only_one(self, phone: str, word: str) -> None:
        """End the code that the phone was asked about before, so that NO has one meaning."""
        while True:
            self._end_asked(phone, word, "void")
            if self._state.add("login:asks:" + phone, word, self._site.options.code_life):
                return

    def _end_asked(self, phone: str, but: str | None, status: str) -> None:
        """End the code that a phone is asked about, if there is another one."""
        word = self._state.take("login:asks:" + phone)
        if word is None or word == but:
            return

        def ended(code: Code) -> bool:
            mine = code.status == "asked" and code.phone == phone
            code.status = status
            return mine

        self._codes.change(word, ended)


if __name__ == "__main__":
    run("desktop", __doc__, Desktop)
