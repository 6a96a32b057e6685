"""A light REST client over one kept-alive connection: the benchmark measures the server with it, not the client."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any


class RestRefused(Exception):
    """An answer with status 400 or higher; `entries` is the decoded body."""

    def __init__(self, method: str, path: str, status: int, entries: Any) -> None:
        texts = [entry.get("message", "") for entry in entries] if isinstance(entries, list) else [str(entries)]
        super().__init__(f"{method} {path}: {status} {' '.join(texts)}")
        self.status = status
        self.entries = entries


class RestConnection:
    """Use it as a context manager. `address` is host:port."""

    def __init__(self, address: str, timeout_s: float = 120) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=timeout_s)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer. Raises RestRefused, OSError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        decoded = json.loads(content) if content[:1] in (b"[", b"{") else content.decode(errors="replace")
        if answer.status >= 400:
            raise RestRefused(method, path, answer.status, decoded)
        return decoded

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def __enter__(self) -> RestConnection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._connection.close()
