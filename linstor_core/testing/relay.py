"""A TCP relay in front of a controller that goes away at a chosen point, as a machine does that loses its power."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from enum import Enum

_CHANGING = re.compile(rb"(POST|PUT|PATCH|DELETE) ")
_CHUNK = 65536


class CutPoint(Enum):
    """How far a call comes: the controller never gets it; is still at work when the caller is left alone; has done it,
    and the caller gets nothing, or half of the answer.
    """

    NOT_TAKEN = "not taken"
    TAKEN = "taken"
    UNANSWERED = "unanswered"
    HALF_ANSWERED = "half answered"


class Relay:
    """Passes everything on until its time comes; then nobody reaches it any more."""

    def __init__(self, upstream: str) -> None:
        """`upstream` is host:port."""
        host, _, port = upstream.rpartition(":")
        self._upstream = (host.strip("[]"), int(port))
        self._point: CutPoint | None = None
        self._left = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.was_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def cut(self, point: CutPoint, at: int = 1) -> None:
        """Go away at the `at`-th call from now on that changes something."""
        with self._lock:
            self._point, self._left = point, at

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._go_away()
        for pair in self._pairs:
            for end in pair:
                _close(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                controller = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            connection = _Connection(self, client, controller)
            self._pairs.append((client, controller))
            threading.Thread(target=connection.pass_calls, daemon=True).start()
            threading.Thread(target=connection.pass_answers, daemon=True).start()

    def point_of(self, chunk: bytes) -> CutPoint | None:
        """Where to cut the call that begins with this chunk, if it is the one."""
        if _CHANGING.match(chunk) is None:
            return None
        with self._lock:
            if self._point is None or self.was_cut:
                return None
            self._left -= 1
            if self._left > 0:
                return None
            self.was_cut = True
        self._go_away()
        return self._point

    def _go_away(self) -> None:
        # Without shutdown, a thread that waits in accept() would take one more caller.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


class _Connection:
    """One caller. A controller that has taken a call is left to finish it, whoever is still there."""

    def __init__(self, relay: Relay, client: socket.socket, controller: socket.socket) -> None:
        self._relay = relay
        self._client = client
        self._controller = controller
        self._cut: CutPoint | None = None

    def pass_calls(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := self._client.recv(_CHUNK):
                if self._cut is None:
                    self._cut = self._relay.point_of(chunk)
                if self._cut is CutPoint.NOT_TAKEN:
                    break
                self._controller.sendall(chunk)
                if self._cut is CutPoint.TAKEN:
                    self._send_rest(chunk)
                    _close(self._client)
                    return
        _close(self._client)
        if self._cut in (None, CutPoint.NOT_TAKEN):
            _close(self._controller)

    def _send_rest(self, start: bytes) -> None:
        """The head of a call and its body come in pieces; the controller has to get all of it."""
        call = start
        while not _is_whole(call):
            chunk = self._client.recv(_CHUNK)
            if not chunk:
                return
            call += chunk
            self._controller.sendall(chunk)

    def pass_answers(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := self._controller.recv(_CHUNK):
                if self._cut is CutPoint.HALF_ANSWERED:
                    self._client.sendall(chunk[:len(chunk) // 2])
                if self._cut is not None:
                    break
                self._client.sendall(chunk)
        _close(self._client)
        _close(self._controller)


def _is_whole(call: bytes) -> bool:
    head, ended, body = call.partition(b"\r\n\r\n")
    if not ended:
        return False
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return length is None or len(body) >= int(length[1])


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
