"""A TCP relay that is as slow as a bad line: it delays, throttles, holds everything back, or breaks off in the middle.

For machines whose kernel can't do that by itself (`tc qdisc … netem`).
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

_CHUNK = 1024
_ON_THE_WAY = 64
"""Chunks that are on the line; who sends more has to wait."""


class SlowLink:
    """Use it as a context manager. `delay_s` and `bytes_per_s` hold for each direction and may change at any time."""

    def __init__(self, upstream: str, listen: str = "127.0.0.1", *, delay_s: float = 0.0,
                 bytes_per_s: float = float("inf")) -> None:
        """`upstream` is host:port; `listen` an address of this machine."""
        host, _, port = upstream.rpartition(":")
        self._upstream = (host.strip("[]"), int(port))
        self.delay_s = delay_s
        self.bytes_per_s = bytes_per_s
        self._listening = socket.create_server((listen, 0))
        self._lock = threading.Lock()
        self._left: int | None = None
        self._ends: set[socket.socket] = set()
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def break_after(self, count: int) -> None:
        """Every connection breaks when `count` more bytes have come through to the upstream, wherever that is in a
        message; new ones are taken.
        """
        with self._lock:
            self._left = count

    @property
    def is_to_break(self) -> bool:
        """Whether the bytes that `break_after` named are still to come."""
        return self._left is not None

    def __enter__(self) -> SlowLink:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._break_all()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            try:
                called = socket.create_connection(self._upstream)
            except OSError:
                caller.close()
                continue
            self._ends |= {caller, called}
            for source, target in ((caller, called), (called, caller)):
                line: queue.Queue[tuple[float, bytes]] = queue.Queue(_ON_THE_WAY)
                threading.Thread(target=self._take, args=(source, line), daemon=True).start()
                threading.Thread(target=self._give, args=(line, target, target is called), daemon=True).start()

    def _take(self, source: socket.socket, line: queue.Queue[tuple[float, bytes]]) -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = source.recv(_CHUNK)
            except OSError:
                chunk = b""
            line.put((time.monotonic() + self.delay_s, chunk))

    def _give(self, line: queue.Queue[tuple[float, bytes]], target: socket.socket, is_upstream: bool) -> None:
        chunk = b"-"
        while chunk:
            due, chunk = line.get()
            time.sleep(max(0.0, due - time.monotonic(), len(chunk) / self.bytes_per_s))
            with contextlib.suppress(OSError):
                if chunk:
                    target.sendall(self._allowed(chunk) if is_upstream else chunk)
                else:
                    target.shutdown(socket.SHUT_RDWR)

    def _allowed(self, chunk: bytes) -> bytes:
        with self._lock:
            if self._left is None:
                return chunk
            allowed = chunk[:self._left]
            self._left -= len(allowed)
            if self._left:
                return allowed
            self._left = None
        self._break_all()
        return b""

    def _break_all(self) -> None:
        ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
