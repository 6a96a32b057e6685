"""Who may be told everything at once: when all satellites return together, they get their full syncs in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Admission:
    """A bounded number of full syncs under way, first come first served.

    What one sync costs the controller it costs anyway; in turn, the first nodes are back after a moment, and nobody is
    kept waiting so long that the other side takes the link for dead. A node that takes longer than `patience_s` (it
    may have terabytes to copy) makes way for the next and goes on all the same.
    """

    AT_ONCE = 32
    PATIENCE_S = 10.0

    def __init__(self, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience_s = patience_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Waits for a turn, which ends with the block if nobody ended it before."""
        await self._free.acquire()
        turn = Turn(self._free)
        timer = asyncio.get_running_loop().call_later(self._patience_s, turn.end)
        try:
            yield turn
        finally:
            timer.cancel()
            turn.end()


class Turn:
    """May be ended more than once."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def end(self) -> None:
        if self._free is not None:
            self._free.release()
            self._free = None
