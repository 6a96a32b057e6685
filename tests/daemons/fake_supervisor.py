"""What systemd does for a service, as far as a service can see it: a socket that it is told things on."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self


class FakeSupervisor:
    """A real unix datagram socket, at a path or (without one) in the abstract namespace."""

    def __init__(self, path: Path | None = None) -> None:
        self.address = str(path) if path is not None else f"@linstor-test-{os.getpid()}-{os.urandom(4).hex()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if path is None else self.address)
        self.heard: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._socket.close()

    def environment(self, watchdog_s: float = 0) -> dict[str, str]:
        watchdog = {"WATCHDOG_USEC": str(int(watchdog_s * 1_000_000))} if watchdog_s else {}
        return {"NOTIFY_SOCKET": self.address, **watchdog}

    def next(self, within_s: float = 20) -> dict[str, str] | None:
        """What is told next; None when nothing comes."""
        self._socket.settimeout(within_s)
        try:
            datagram = self._socket.recv(4096)
        except TimeoutError:
            return None
        told = dict(line.split("=", 1) for line in datagram.decode().splitlines())
        self.heard.append(told)
        return told

    def until(self, name: str) -> dict[str, str]:
        """The next message with this in it; others before it are kept in `heard`."""
        while True:
            told = self.next()
            assert told is not None, f"{name} was never told, only {self.heard}"
            if name in told:
                return told
