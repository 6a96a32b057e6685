"""Time that passes only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class VirtualClock:
    """A `Clock` of the satellite."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def pause(self, seconds: float) -> None:
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        waiting = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waiting))
        await waiting

    async def advance(self, seconds: float) -> None:
        """Let time pass; whoever wakes up gets a little real time to do what it does."""
        end = self._now + seconds
        await asyncio.sleep(0.002)
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, waiting = heapq.heappop(self._sleepers)
            if not waiting.done():
                waiting.set_result(None)
                await asyncio.sleep(0.002)
        self._now = end
