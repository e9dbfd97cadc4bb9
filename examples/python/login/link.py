"""Links that log in the browser that opens them, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Response, make_response, redirect, render_template

from .token import create_token

if TYPE_CHECKING:
    from .code import Code, Codes
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
            "Good once. Did you not ask for it? Then ignore it, and pass it on to nobody."
        )

    def show(self, token: str) -> Response:
        """Say whom a link logs in, and change nothing.

        Robots that preview links open them too, and somebody else's link must not log a browser in unasked.
        """
        link = self._read(self._site.state.get("login:link:" + token))
        if link and link["code"] and self._codes and self._codes.get(link["code"]).status != "sent":
            link = None
        return self._page("confirm.html", 200, link["phone"]) if link else self._gone()

    def use(self, token: str) -> Response:
        """Use a link up and log this browser in."""
        link = self._read(self._site.state.take("login:link:" + token))
        if link and link["code"] and self._codes and not self._codes.change(link["code"], _done)[1]:
            link = None
        if not link:
            return self._gone()
        return self._site.begin(make_response(redirect("/", 303)), link["phone"])

    def _read(self, value: str | None) -> dict[str, str] | None:
        return json.loads(value) if value else None

    def _gone(self) -> Response:
        return self._page("gone.html", 410)

    def _page(self, name: str, status: int, phone: str = "") -> Response:
        return make_response(render_template(name, site=self._site.options.site, phone=phone), status)


def _done(code: Code) -> bool:
    was, code.status = code.status, "done"
    return was == "sent"
