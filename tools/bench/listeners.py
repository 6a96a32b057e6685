"""Many listeners of the event stream in one thread."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.bench.wire_client import BadAnswer, request

PATIENCE_S = 60


class Listeners:
    """So many connections that each follow the events of nodes."""

    def __init__(self, address: str, count: int) -> None:
        host, _, port = address.rpartition(":")
        self._sockets: list[socket.socket] = []
        with contextlib.ExitStack() as opened:
            for _ in range(count):
                self._sockets.append(opened.enter_context(socket.create_connection((host, int(port)), timeout=30)))
                self._sockets[-1].sendall(request("GET", "/v1/events/nodes"))
            self.wait_for(b": connected")
            self._opened = opened.pop_all()

    def wait_for(self, wanted: bytes) -> list[float]:
        """Seconds until each of them had received `wanted`, in that order. Raises BadAnswer when one does not."""
        started = time.perf_counter()
        got = dict.fromkeys(self._sockets, b"")
        arrived: list[float] = []
        with selectors.DefaultSelector() as selector:
            for each in self._sockets:
                selector.register(each, selectors.EVENT_READ, each)
            while len(arrived) < len(self._sockets):
                if time.perf_counter() - started > PATIENCE_S:
                    raise BadAnswer(f"{len(self._sockets) - len(arrived)} listeners heard nothing of {wanted!r}")
                for key, _ in selector.select(1):
                    source: socket.socket = key.data
                    got[source] = got[source][-len(wanted):] + source.recv(65536)
                    if wanted in got[source]:
                        arrived.append(time.perf_counter() - started)
                        selector.unregister(source)
        return arrived

    def close(self) -> None:
        self._opened.close()


@contextmanager
def listening(address: str, count: int) -> Iterator[Listeners]:
    listeners = Listeners(address, count)
    try:
        yield listeners
    finally:
        listeners.close()
