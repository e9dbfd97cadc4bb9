"""Codes, which a browser shows and a phone sends."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Callable

from flask import Response, request
from pingr import create_challenge_code, login_link

from .site import POLL_COOKIE, Site, answer
from .state import Change
from .token import create_token
from .webhook import lost_key

if TYPE_CHECKING:
    from .webhook import Message

PENDING = ("waiting", "sent", "asked")
MAX_STARTS = 120  # codes that an address gets in a minute
MAX_WRONG = 5  # wrong codes that are a phone's last for some time


@dataclass
class Code:
    """What is known of a code. Its status is one of examples/README.md; empty when there is no such code."""

    status: str = ""
    phone: str = ""  # typed in (preentry), or the one that sent the code (desktop)
    device: str = ""  # the browser that asks, in words
    digits: str = ""  # to be typed on the page (desktop)
    tries: int = 0
    event: str = ""  # the one that reply answers
    reply: str = ""
    link: str = ""  # the token of the link in reply (preentry)
    reason: str = ""  # why the phone that sent a waiting code was not answered
    until: float = 0  # when a cooldown ends, in Unix milliseconds


def update(word: str, old: str, code: Code) -> Change:
    """Return the change of a code whose value is old."""
    return Change("login:code:" + word, old, json.dumps(asdict(code)))


class Codes:
    """The codes of a site."""

    def __init__(self, site: Site) -> None:
        """Add the path that a waiting page asks."""
        self._site, self._state, self._options = site, site.state, site.options
        site.app.get("/poll")(self.poll)

    def refuse(self) -> Response | None:
        """Count a start, and return the answer if the address has had too many."""
        if self._state.count(f"login:starts:{request.remote_addr}", 60) > MAX_STARTS:
            return answer(429, error="too many logins; try again in a minute")
        return None

    def start(self, code: Code) -> Response:
        """Give a browser a code to show, and a cookie to poll with: who knows the code or the phone still cannot."""
        if (old := self.of_browser()) is not None:
            self.end(old, "void")
        word = self._new(code)
        token = create_token()
        life = self._options.code_life
        self._state.set("login:poll:" + token, word, life)
        text = "login " + word
        link = login_link(self._options.number, text)
        response = answer(200, code=word, text=text, link=link, expires_in=life)
        self._site.set_cookie(response, POLL_COOKIE, token, life)
        return self._site.mark(response, "digits " + word, life)

    def _new(self, code: Code) -> str:
        """Store a code that no other browser has."""
        code.status = "waiting"
        value = json.dumps(asdict(code))
        while True:
            word = create_challenge_code(length=8)
            if self._state.add("login:code:" + word, value, self._options.code_life):
                return word

    def of_browser(self) -> str | None:
        """Return the code that a browser polls for, by its cookie and nothing else."""
        token = self._site.cookie(POLL_COOKIE)
        return self._state.get("login:poll:" + token) if token else None

    def poll(self) -> Response:
        """Say how far the code of this browser is, and why a message was not answered.

        Never say whose browser or phone was faster.
        """
        word = self.of_browser()
        code = self.get(word) if word else Code()
        if not code.status:
            return answer(404, status="none")
        told: dict[str, str | int] = {"status": code.status}
        if code.status == "asked":
            told["number"] = "…" + code.phone[-4:]
        if reason := self._silence(code):
            told["reason"] = reason
        if code.status == "waiting" and reason == "cooldown":
            told["retry_after"] = max(0, math.ceil(code.until / 1000 - time.time()))
        return answer(200, **told)

    def _silence(self, code: Code) -> str:
        """Return why the chat may show no answer to the code; "" when it should."""
        if code.status == "waiting":
            return code.reason
        lost = self._state.get(lost_key(code.event)) if code.status in PENDING else None
        return lost or ""

    def get(self, word: str) -> Code:
        """Look a code up."""
        return self.read(word)[0]

    def read(self, word: str) -> tuple[Code, str]:
        """Look a code up, with its value for a Change."""
        value = self._state.get("login:code:" + word)
        return (Code(**json.loads(value)), value) if value else (Code(), "")

    def change(self, word: str, change: Callable[[Code], bool]) -> tuple[Code, bool]:
        """Change a code in one atomic step, and report whether it was.

        ``change`` is called again when somebody else was faster, and refuses by False; then the code is returned as it
        stands.
        """
        while True:
            value = self._state.get("login:code:" + word)
            code = Code(**json.loads(value)) if value else Code()
            if not value or not change(code):
                return Code(**json.loads(value)) if value else Code(), False
            if self._state.swap("login:code:" + word, value, json.dumps(asdict(code))):
                return code, True

    def end(self, word: str, status: str) -> None:
        """Make a pending code void or refused, and its link with it."""

        def ended(code: Code) -> bool:
            was, code.status = code.status, status
            return was in PENDING

        code, changed = self.change(word, ended)
        if changed and code.link:
            self._state.take("login:link:" + code.link)

    def unanswered(self, message: Message, word: str) -> None:
        """Note on a waiting code, for the page that waits, why the phone that sent it is not answered."""

        def noted(code: Code) -> bool:
            code.reason, code.until = message.reason, (time.time() + message.retry_after) * 1000
            return code.status == "waiting"

        self.change(word, noted)

    def blocked(self, phone: str) -> bool:
        """Report whether a phone sent too many wrong codes."""
        return int(self._state.get("login:wrong:" + phone) or 0) >= MAX_WRONG

    def wrong(self, message: Message) -> str:
        """Count a wrong code and answer it."""
        self._state.count("login:wrong:" + message.phone, self._options.block_life)
        return self.not_valid()

    def not_valid(self) -> str:
        """Answer a code that logs nobody in."""
        return f"That code is not valid. Get a new one on the login page: {self._options.origin}/"

    def where(self) -> str:
        """Answer who sent no code."""
        return f"To log in to {self._options.site}, get a code here: {self._options.origin}/"

    def forwarded(self) -> str:
        """Answer a forwarded code."""
        return (
            "Forwarded codes are not accepted: they would log in the person who sent you the code. "
            f"Get your own here: {self._options.origin}/"
        )
