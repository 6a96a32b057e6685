"""Carries calls to whichever controller answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

import requests
from msgspec import Struct
from requests import adapters

from linstor_core.client.errors import AnswerTimeout, ConnectionFailed, HungUp, UnexpectedReply

Query = Mapping[str, str | Sequence[str] | None]

CONNECT_TIMEOUT_S = 5.0
IDLE_CONNECTION_S = 4.0
"""A connection that rested longer may just be closing at the other end, so a fresh one is taken."""
READ_TRIES = 2
"""A connection that is used again may break just then: what only reads is asked once more."""
_REDIRECTS = (301, 302, 307, 308)


class Reply(Struct, frozen=True):
    """What came back, not looked at yet."""

    status: int
    content: bytes
    headers: Mapping[str, str]


class Transport(Protocol):
    """How a call leaves the process. `path` starts with a slash and is quoted already."""

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply: ...


class Credentials(Struct, frozen=True):
    """Who is calling: a bearer token, or user and password; files are PEM. Never shown in full."""

    token: str = ""
    user: str = ""
    password: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, token={'***' if self.token else ''!r})"


def path_of(*segments: str | int, query: Query | None = None) -> str:
    """`/v1/…` with every segment quoted; a query value of None is left out, a list repeated."""
    path = "/v1/" + "/".join(quote(str(segment), safe="") for segment in segments)
    pairs = [(key, value) for key, values in (query or {}).items() if values is not None
             for value in ([values] if isinstance(values, str) else values)]
    return path + ("?" + urlencode(pairs) if pairs else "")


class HttpTransport:
    """Tries the controllers in order and stays with the one that answered.

    A call goes to another controller only where this one cannot have acted on it: it was not reached, or the call is a
    GET. Safe for one thread at a time.
    """

    def __init__(self, urls: Sequence[str], timeout_s: float = 300.0, credentials: Credentials | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._urls = list(urls)
        self._timeout = (CONNECT_TIMEOUT_S, timeout_s)
        self._clock = clock
        self._last_used = clock()
        self._session = self._new_session(credentials or Credentials())

    @staticmethod
    def _new_session(credentials: Credentials) -> requests.Session:
        session = requests.Session()
        session.headers.update({"User-Agent": "linstor-core", "Accept": "application/json"})
        if credentials.token:
            session.headers["Authorization"] = f"Bearer {credentials.token}"
        elif credentials.user:
            session.auth = (credentials.user, credentials.password)
        if credentials.ca_file:
            session.verify = credentials.ca_file
        if credentials.certificate_file:
            session.cert = (credentials.certificate_file, credentials.key_file or credentials.certificate_file)
        session.trust_env = False
        adapter = adapters.HTTPAdapter(pool_connections=4, pool_maxsize=4)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    @property
    def url(self) -> str:
        """The controller that is tried first now."""
        return self._urls[0]

    def close(self) -> None:
        self._session.close()

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Raises ConnectionFailed, AnswerTimeout or UnexpectedReply."""
        if self._clock() - self._last_used > IDLE_CONNECTION_S:
            self._session.close()
        attempts: list[str] = []
        for position, url in enumerate(tuple(self._urls)):
            for _ in range(READ_TRIES if method == "GET" else 1):
                try:
                    reply = self._send(method, url, path, body)
                except _NotTaken as failure:
                    attempts.append(str(failure))
                    break
                except requests.ConnectionError as error:
                    if method != "GET":
                        raise HungUp(f"{url} hung up during {method} {path}: {_reason(error)}") from error
                    attempts.append(f"{url}: {_reason(error)}")
                else:
                    self._prefer(position)
                    return reply
        raise ConnectionFailed(attempts)

    def _prefer(self, position: int) -> None:
        self._last_used = self._clock()
        self._urls.insert(0, self._urls.pop(position))

    def _send(self, method: str, url: str, path: str, body: bytes | None) -> Reply:
        """A controller that serves HTTPS redirects plain HTTP before it looks at a call: the call goes there anew."""
        for _ in range(2):
            answer = self._ask(method, url, path, body)
            location = urlsplit(answer.headers.get("Location", ""))
            if answer.status_code not in _REDIRECTS or not location.netloc:
                return Reply(answer.status_code, answer.content, answer.headers)
            moved = f"{location.scheme}://{location.netloc}"
            self._urls[self._urls.index(url)] = moved
            url = moved
        raise UnexpectedReply(f"{url} redirects in a circle")

    def _ask(self, method: str, url: str, path: str, body: bytes | None) -> requests.Response:
        """Raises _NotTaken where the controller cannot have seen the call."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return self._session.request(method, url + path, data=body, headers=headers, timeout=self._timeout,
                                         allow_redirects=False)
        except requests.ConnectTimeout as error:
            raise _NotTaken(f"{url}: no connection within {CONNECT_TIMEOUT_S:g} s") from error
        except requests.Timeout as error:
            raise AnswerTimeout(f"{url} did not answer {method} {path} within {self._timeout[1]:g} s") from error
        except requests.ConnectionError as error:
            if isinstance(error, requests.exceptions.SSLError) or _never_connected(error):
                raise _NotTaken(f"{url}: {_reason(error)}") from error
            raise
        except requests.RequestException as error:
            raise UnexpectedReply(f"{url}: {_reason(error)}") from error


class _NotTaken(Exception):
    """This controller was not reached; another one may be asked."""


def _never_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def _reason(error: Exception) -> str:
    inner: object = error
    while isinstance(inner, Exception):
        following = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
        if not isinstance(following, Exception):
            break
        inner = following
    return str(inner).rpartition("object at ")[2].partition(": ")[2] or str(inner)
