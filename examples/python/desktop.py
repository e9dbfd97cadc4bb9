"""Log a browser in by a phone beside it.

The page shows a code as QR, the phone sends it and is answered by six digits, which are typed on the page.
"""

from __future__ import annotations

import hmac
import io
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import segno
from flask import Response, abort, request
from pingr import login_link

from login.code import PENDING, Code, Codes, update
from login.device import device
from login.site import Site, answer, asked, run
from login.state import Change

if TYPE_CHECKING:
    from login.webhook import Message

MAX_TRIES = 3


def _over(status: str) -> Response:
    """Answer digits for a code that is not asked."""
    return answer(410, status=status or "none")


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
        if refused := self._codes.refuse():
            return refused
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
        """Log the waiting browser in: what only the phone was told was typed in it.

        For some seconds the same browser may type them again.
        """
        typed = asked("digits").encode(errors="replace")
        word = self._codes.of_browser() or ""
        done, step = answer(200, status="done"), "digits " + word
        while True:
            code, value = self._codes.read(word)
            was = code.status
            if was not in ("asked", "done") or code.tries >= MAX_TRIES:
                return _over(was)
            if hmac.compare_digest(typed, code.digits.encode()):
                if was == "done":
                    return self._site.repeat(done, step) or _over(was)
                change = update(word, value, replace(code, status="done"))
                if begun := self._site.begin(done, code.phone, step, change):
                    return begun
                continue  # somebody else was faster
            code.tries += 1
            if code.tries >= MAX_TRIES and was == "asked":
                code.status = "void"
            if not self._state.commit(update(word, value, code)):
                continue
            if code.status == "asked":
                return answer(403, status="asked", tries_left=MAX_TRIES - code.tries)
            return _over(code.status)

    def answer(self, message: Message) -> str | None:
        """Tell the phone that sent a code the digits, and what they are for."""
        if message.no:
            return self._refuse(message)
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
        if message.suppressed:
            self._codes.unanswered(message, message.code)
            return None
        return self._ask(message, message.code)

    def _ask(self, message: Message, word: str) -> str | None:
        """Make the digits.

        That the phone is asked about this code, that the code says so, and that the one before is void, so that NO has
        one meaning, is one step: two codes sent at once would both stay open, and NO would end one.
        """
        digits = f"{secrets.randbelow(1_000_000):06}"
        while True:
            code, value = self._codes.read(word)
            if code.status != "waiting":
                return self.answer(message)  # meanwhile it was ended, or sent by another phone
            code.status, code.phone, code.event, code.digits = "asked", message.phone, message.event, digits
            code.reply = (
                f"Log in to {self._site.options.site} on {code.device}? Then type these digits on that page:\n"
                f"{digits}\n"
                "They log that browser in as you. Never share them, whoever asks. Not you? Reply NO."
            )
            _, changes = self._end_asked(message.phone, word, "void")
            if self._state.commit(update(word, value, code), *changes):
                return code.reply

    def _refuse(self, message: Message) -> str:
        """End what the phone is asked about."""
        while True:
            code, changes = self._end_asked(message.phone, "", "refused")
            if code.status == "done":
                site = self._site.options.site
                return (
                    f"Too late: the digits were already entered on {code.device}. "
                    f"If that was not you, tell {site} at once."
                )
            if self._state.commit(*changes):
                return "Nobody was logged in."

    def _end_asked(self, phone: str, following: str, status: str) -> tuple[Code, list[Change]]:
        """Return the code that a phone is asked about, and the changes that end it.

        After them it has ended, if it could, and the phone is asked about the following code, or about none.
        """
        key = "login:asks:" + phone
        word = self._state.get(key) or ""
        changes = [Change(key, word, following, self._site.options.code_life)]
        if word in ("", following):
            return Code(), changes
        code, value = self._codes.read(word)
        if code.status == "asked" and code.phone == phone:
            changes.append(update(word, value, replace(code, status=status)))
        return code, changes


if __name__ == "__main__":
    run("desktop", __doc__, Desktop)
