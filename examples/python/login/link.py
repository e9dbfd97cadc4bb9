"""Links that log in the browser that opens them, once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Response, make_response, redirect, render_template

from .code import update
from .state import Change
from .token import create_token

if TYPE_CHECKING:
    from .code import Codes
    from .site import Site


class Links:
    """The links of a site."""

    def __init__(self, site: Site, codes: Codes | None = None) -> None:
        """Add the paths that links lead to. With codes, a link works only while its code is sent."""
        self._site, self._codes = site, codes
        site.app.get("/in/<token>")(self.show)
        site.app.post("/in/<token>")(self.use)

    def create(self, phone: str, code: str = "") -> str:
        """Make a link for a phone and return its token."""
        token = create_token()
        value = json.dumps({"phone": phone, "code": code})
        self._site.state.set("login:link:" + token, value, self._site.options.link_life)
        return token

    def drop(self, token: str) -> None:
        """Forget a link."""
        self._site.state.take("login:link:" + token)

    def text(self, token: str) -> str:
        """Return a link with the words around it."""
        return (
            f"Log in to {self._site.options.site}:\n{self._site.options.origin}/in/{token}\n"
            "It works once. If you did not ask for it, ignore it. Never share it."
        )

    def show(self, token: str) -> Response:
        """Say whom a link logs in, and change nothing.

        Robots that preview links open them too, and somebody else's link must not log a browser in unasked. The browser
        that used it some seconds ago is shown the same: its answer may have been lost.
        """
        step = "link " + token
        phone, _ = self._read(token)
        if phone:
            return self._site.mark(self._page("confirm.html", 200, phone), step, self._site.options.link_life)
        _, phone = self._site.begun(step)
        return self._page("confirm.html", 200, phone) if phone else self._gone()

    def use(self, token: str) -> Response:
        """Use a link up and log this browser in."""
        inside, step = make_response(redirect("/", 303)), "link " + token
        while True:
            phone, changes = self._read(token)
            if not phone:
                return self._site.repeat(inside, step) or self._gone()
            if begun := self._site.begin(inside, phone, step, *changes):
                return begun
            # Somebody else was faster.

    def _read(self, token: str) -> tuple[str, list[Change]]:
        """Return whom a link logs in and the changes that use it up, "" for one that is over."""
        key = "login:link:" + token
        value = self._site.state.get(key)
        if value is None:
            return "", []
        link: dict[str, str] = json.loads(value)
        changes = [Change(key, value, "")]
        if link["code"] and self._codes:
            code, old = self._codes.read(link["code"])
            if code.status != "sent":
                return "", []
            changes.append(update(link["code"], old, replace(code, status="done")))
        return link["phone"], changes

    def _gone(self) -> Response:
        return self._page("gone.html", 410)

    def _page(self, name: str, status: int, phone: str = "") -> Response:
        return make_response(render_template(name, site=self._site.options.site, phone=phone), status)
