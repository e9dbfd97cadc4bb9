"""One example: what all flows share. Each flow adds its paths and what answers messages, and calls run."""

from __future__ import annotations

import hashlib
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from flask import Flask, Response, abort, jsonify, render_template, request, send_from_directory
from pingr import login_link
from pingr.flask import pingr_webhook
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

from .options import Options, parse
from .state import Change, Memory, Redis, State
from .token import create_token
from .webhook import Message, Webhook

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

PAGES = Path(__file__).parent / "pages"
POLL_COOKIE, SESSION_COOKIE = "pingr_poll", "pingr_session"
ONCE_COOKIE = "pingr_once"  # of the browser that opened a step and may repeat it
SESSION_LIFE = 24 * 60 * 60
REPEAT_LIFE = 30  # a browser may repeat the step that logged it in
OPENED = "opened"  # in place of a session while a step is open to a browser
MAX_BODY = 1024 * 1024  # an event's 65536 characters, of up to 12 bytes when JSON escapes them
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send Origin: null from our own forms
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


def asked(name: str) -> str:
    """Return what a page asks by its JSON, "" for what no page of ours would send."""
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:  # some thousand brackets
        return ""
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


class _Seen:
    """Keeps in the state which deliveries came: each is taken once."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, key: str, life: float) -> bool:
        return self._state.add("login:seen:" + key, "1", life)


class Site:
    """A site with the paths of every flow."""

    def __init__(self, flow: str, options: Options, state: State) -> None:
        """Take the name of the flow, which is that of its pages."""
        self.options, self.state = options, state
        self.app = app = Flask(__name__, template_folder=str(PAGES), static_folder=None)
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.before_request(self._refuse_other_sites)
        app.after_request(self._secure)
        app.register_error_handler(Exception, self._failed)
        shown = {"site": options.site, "number": "+" + options.number, "link": login_link(options.number, "login")}
        app.get("/", endpoint="page")(lambda: render_template(flow + "/page.html", **shown))
        app.get("/page.js", endpoint="script")(lambda: send_from_directory(PAGES / flow, "page.js"))
        app.get("/style.css", endpoint="style")(lambda: send_from_directory(PAGES, "style.css"))
        app.get("/me")(self.me)
        app.post("/logout")(self.logout)

    def on_message(self, answer: Callable[[Message], str | None]) -> None:
        """Set what answers messages."""
        hook = pingr_webhook(self.options.secret, seen=_Seen(self.state))
        self.app.post("/webhook")(hook(Webhook(self.state, answer).on_event))

    def _refuse_other_sites(self) -> None:
        """Let no other page log a browser in or out."""
        if request.method != "POST" or request.path == "/webhook":
            return
        origin = request.headers.get("Origin")
        ours = origin == self.options.origin if origin is not None else _same_origin()
        if not ours:
            abort(Response("this request comes from another site", 403, mimetype="text/plain"))

    def _failed(self, error: Exception) -> AnyResponse | HTTPException:
        if isinstance(error, HTTPException):
            return error
        # Neither the path nor the error's text: they may hold a token or a phone.
        self.app.logger.error("a request failed: %s", type(error).__name__)
        return Response("something went wrong; try again", 500, mimetype="text/plain")

    def mark(self, response: Response, step: str, life: int) -> Response:
        """Give a browser a new nonce for a step: who presses first with it may press again, and nobody else.

        Only a nonce that is given so counts.
        """
        nonce = create_token()
        self.state.set(_repeat_key(nonce, step), OPENED, life)
        return self.set_cookie(response, ONCE_COOKIE, nonce, life)

    def begin(self, response: Response, phone: str, step: str, *changes: Change) -> Response | None:
        """Log a browser in if changes, which use the step up, can be made; return None if not.

        All of it is one atomic step. It is always by a new token, so that one that somebody else put into the browser
        is worth nothing, and without the session that the browser had.
        """
        token = create_token()
        more = [Change("login:session:" + token, "", phone, SESSION_LIFE)]
        key = _repeat_key(self.cookie(ONCE_COOKIE), step)
        if self.state.get(key) == OPENED:
            more.append(Change(key, OPENED, token, REPEAT_LIFE))
        if not self.state.commit(*changes, *more):
            return None
        self._forget()
        return self.set_cookie(response, SESSION_COOKIE, token, SESSION_LIFE)

    def repeat(self, response: Response, step: str) -> Response | None:
        """Give the browser that did a step some seconds ago the same answer, the same session.

        The first may have been lost on the way. Return None to any other browser.
        """
        token, phone = self.begun(step)
        return self.set_cookie(response, SESSION_COOKIE, token, SESSION_LIFE) if phone else None

    def begun(self, step: str) -> tuple[str, str]:
        """Return the session that this browser began by a step some seconds ago, and whose it is.

        Both are "" when there is none, or it was ended meanwhile.
        """
        token = self.state.get(_repeat_key(self.cookie(ONCE_COOKIE), step))
        if token is None or token == OPENED:
            return "", ""
        return token, self.state.get("login:session:" + token) or ""

    def me(self) -> Response:
        """Say who is logged in."""
        token = self.cookie(SESSION_COOKIE)
        phone = self.state.get("login:session:" + token) if token else None
        return answer(200, phone=phone) if phone else answer(401, error="not logged in")

    def logout(self) -> Response:
        """End the session, also here."""
        self._forget()
        return self.set_cookie(Response(status=204), SESSION_COOKIE, "", 0)

    def _forget(self) -> None:
        if token := self.cookie(SESSION_COOKIE):
            self.state.take("login:session:" + token)

    def _is_https(self) -> bool:
        return self.options.origin.startswith("https:")

    def _cookie_name(self, name: str) -> str:
        """Return a cookie's name in browsers.

        They take one that begins with __Host- from this host by https alone, not from its sisters.
        """
        return "__Host-" + name if self._is_https() else name

    def set_cookie(self, response: Response, name: str, value: str, life: int) -> Response:
        """Set a cookie that no script can read."""
        response.set_cookie(
            self._cookie_name(name),
            value,
            max_age=life,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._is_https(),
        )
        return response

    def cookie(self, name: str) -> str:
        """Return a cookie's value.

        One that comes twice counts as missing, "": somebody put one there, and nobody knows which.
        """
        found = request.cookies.getlist(self._cookie_name(name))
        return found[0] if len(found) == 1 else ""

    def _secure(self, response: Response) -> Response:
        for name, value in HEADERS.items():
            if name != "Cache-Control" or response.mimetype not in ("text/css", "text/javascript"):
                response.headers[name] = value
        if self._is_https():
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def _repeat_key(nonce: str, step: str) -> str:
    """Return by what a browser with that nonce repeats a step."""
    return "login:repeat:" + hashlib.sha256(f"{nonce} {step}".encode()).hexdigest()


def answer(status: int, /, **fields: object) -> Response:
    """Answer with JSON."""
    response = jsonify(fields)
    response.status_code = status
    return response


def _same_origin() -> bool:
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


class _Quiet(WSGIRequestHandler):
    """Logs no requests: their paths hold tokens."""

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def run(flow: str, description: str | None, set_up: Callable[[Site], object]) -> None:
    """Run an example until it is told to stop. Behind a real site stands a server like gunicorn instead."""
    options = parse(description)
    state: State = Redis(options.redis) if options.redis else Memory()
    site = Site(flow, options, state)
    server = make_server(options.host, options.port, site.app, threaded=True, request_handler=_Quiet)
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{host}:{server.server_port}"
    options.origin = options.origin or address
    set_up(site)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"listening on {address}\n")
    sys.stdout.flush()
    server.serve_forever()
    server.server_close()
