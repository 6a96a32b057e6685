"""Word to whoever started the process: systemd's notify protocol over $NOTIFY_SOCKET, or to nobody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import MutableMapping

SOCKET = "NOTIFY_SOCKET"
WATCHDOG_USEC = "WATCHDOG_USEC"
WATCHDOG_PID = "WATCHDOG_PID"


class Supervisor:
    """Takes its variables out of the environment, so that no program which is started later speaks for this one.

    Telling never blocks and never fails: a supervisor that does not listen is no reason to stop serving.
    """

    def __init__(self, environment: MutableMapping[str, str], pid: int) -> None:
        self._address = _address(environment.pop(SOCKET, ""))
        period_us, watched = environment.pop(WATCHDOG_USEC, ""), environment.pop(WATCHDOG_PID, "")
        is_ours = self._address and watched in ("", str(pid))
        self.alive_every_s = int(period_us) / 2_000_000 if is_ours and period_us.isdigit() else 0.0
        """Seconds between two signs of life: half of what the supervisor allows. 0 where it asks for none."""
        self._socket: socket.socket | None = None

    def ready(self, status: str) -> None:
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """`ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1", "STATUS=ending")

    async def keep_alive(self) -> None:
        """Signs of life from inside the event loop: while it is stuck there are none, and systemd restarts us."""
        while self.alive_every_s:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.alive_every_s)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            self._socket.sendto("\n".join(lines).encode(), self._address)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _address(given: str) -> str:
    """A path, or a name in the abstract namespace; anything else is no address of this protocol."""
    if given.startswith("@"):
        return "\0" + given[1:]
    return given if given.startswith("/") else ""
