"""Requests over http.client, on connections that are kept."""

from __future__ import annotations

import base64
import os
import select
import socket
import ssl
import threading
import time
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pingr._wire import Answer, encode, error_of, network_error

if TYPE_CHECKING:
    from collections.abc import Generator

    from pingr._wire import Caller, Request

# Servers and what lies between close what is silent for long.
_IDLE_SECONDS = 60
_MAX_IDLE = 32


class Transport:
    """Sends requests, and tries again where the caller wants that.

    Threads may share it: each request has a connection for itself while it lasts. So may processes after a fork.
    """

    def __init__(self, caller: Caller) -> None:
        """Open nothing yet."""
        self._caller = caller
        self._where = _Where(caller.base_url)
        self._lock = threading.Lock()
        self._idle: list[tuple[float, HTTPConnection]] = []
        self._process = os.getpid()

    def open(self) -> None:
        """Do nothing: connections are made when they are needed."""

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def __del__(self) -> None:
        """Close them also for who forgets to."""
        self.close()

    def send(self, request: Request) -> Answer:
        """Return the answer, good or bad."""
        retry = 0
        while True:
            answer = self._once(request)
            retry += 1
            pause = self._caller.pause(answer, retry)
            if pause is None:
                return answer
            time.sleep(pause)

    def _once(self, request: Request) -> Answer:
        kept = self._take()
        if kept is not None:
            try:
                return self._ask(kept, request)
            except (HTTPException, ConnectionError) as err:
                # The server may have closed it just now. Whether it took the request, nobody knows.
                if not request.repeatable:
                    raise network_error(err, self._caller.base_url, late=False) from err
            except OSError as err:
                raise network_error(err, self._caller.base_url, late=isinstance(err, socket.timeout)) from err
        try:
            return self._ask(self._where.connection(), request)
        except (HTTPException, OSError) as err:
            raise network_error(err, self._caller.base_url, late=isinstance(err, socket.timeout)) from err

    def _ask(self, connection: HTTPConnection, request: Request) -> Answer:
        try:
            response = self._begin(connection, request)
            answer = Answer(response.status, _headers(response), response.read())
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._keep(connection)
        return answer

    def _begin(self, connection: HTTPConnection, request: Request) -> HTTPResponse:
        connection.timeout = self._caller.seconds(request)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        url = self._where.target(self._caller.url(request))
        headers = {**self._caller.headers(request), **self._where.headers}
        connection.request(request.method, url, encode(request), headers)
        return connection.getresponse()

    def lines(self, request: Request) -> Generator[str, None, None]:
        """Yield the lines of an answer that goes on."""
        connection = self._where.connection()
        try:
            response = self._begin(connection, request)
            begun = Answer(response.status, _headers(response), b"")
            if not begun.good:
                raise error_of(replace(begun, body=response.read()))
            while line := response.readline():
                yield line.decode("utf-8", "replace").rstrip("\r\n")
        except (HTTPException, OSError) as err:
            raise network_error(err, self._caller.base_url, late=isinstance(err, socket.timeout)) from err
        finally:
            connection.close()

    def _take(self) -> HTTPConnection | None:
        """Return a kept connection that is still good."""
        while True:
            with self._lock:
                if self._process != os.getpid():  # the parent's; both would read of one stream
                    self._process, self._idle = os.getpid(), []
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS and not _readable(connection.sock):
                return connection
            connection.close()

    def _keep(self, connection: HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()


class _Where:
    """How to reach the server: directly, or by the proxy of the environment."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self.secure = parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.headers: dict[str, str] = {}
        proxy = getproxies().get(parts.scheme)
        self._proxy = None if proxy is None or proxy_bypass(parts.netloc) else urlsplit(_with_scheme(proxy))
        self._authorization = {} if self._proxy is None else _authorization(self._proxy)
        if not self.secure:
            self.headers = self._authorization
        self._tls = ssl.create_default_context() if self.secure else None

    def connection(self) -> HTTPConnection:
        proxy = self._proxy
        host, port = (self.host, self.port) if proxy is None else (proxy.hostname or "", proxy.port or 80)
        connection = HTTPSConnection(host, port, context=self._tls) if self.secure else HTTPConnection(host, port)
        if proxy is not None and self.secure:
            connection.set_tunnel(self.host, self.port or 443, self._authorization)
        return connection

    def target(self, url: str) -> str:
        """Return what stands in the request line: a path, for a proxy the whole URL."""
        return url if self._proxy is not None and not self.secure else url[len(self._origin) :]


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else "http://" + proxy


def _authorization(proxy: Any) -> dict[str, str]:  # noqa: ANN401 - urllib's SplitResult
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _headers(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _readable(sock: socket.socket | None) -> bool:
    """Whether a silent connection has something to read, which can only be its end."""
    if sock is None:
        return True
    try:
        if hasattr(select, "poll"):  # select alone knows no descriptor above 1023
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True
