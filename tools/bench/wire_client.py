"""The cheapest HTTP client that does the job, so that the server gets measured: one socket, ready-made requests."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

_LAST_CHUNK = b"\r\n0\r\n\r\n"


class BadAnswer(Exception):
    """The server refused a request of the benchmark, or hung up."""


def request(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole HTTP/1.1 request."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(content)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    if content:
        head += "Content-Type: application/json\r\n"
    return head.encode() + b"\r\n" + content


class WireClient:
    """One kept-alive connection to host:port."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, data: bytes) -> bytes:
        """The body of the answer (raw, chunk marks included). Raises BadAnswer for a status of 400 or higher."""
        self._socket.sendall(data)
        head, body = self._head()
        lines = head.split(b"\r\n")
        lengths = [int(line[15:]) for line in lines if line[:15].lower() == b"content-length:"]
        body = self._rest(body, lengths[0] if lengths else None)
        if int(lines[0].split()[1]) >= 400:
            raise BadAnswer(f"{data[:80]!r}: {head[:40]!r} {body[:600].decode(errors='replace')}")
        return body

    def _rest(self, begun: bytes, length: int | None) -> bytes:
        pieces, size, end = [begun], len(begun), begun[-len(_LAST_CHUNK):]
        while size < length if length is not None else end != _LAST_CHUNK:
            pieces.append(self._more())
            size += len(pieces[-1])
            end = (end + pieces[-1])[-len(_LAST_CHUNK):]
        return b"".join(pieces)

    def _head(self) -> tuple[bytes, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        return head, body

    def _more(self) -> bytes:
        data = self._socket.recv(262144)
        if not data:
            raise BadAnswer("the server hung up")
        return data

    def close(self) -> None:
        self._socket.close()
