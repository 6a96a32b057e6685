"""How much of a node's disks and network the transfer of content may take, and how its threads are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor as Threads
from contextlib import asynccontextmanager
from typing import ParamSpec, Protocol, TypeVar

from msgspec import Struct

from linstor_core.satellite.clock import Clock
from linstor_core.wire.content_transfer import EXTENT_BYTES, SMALLEST_EXTENT_BYTES

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TransferLimits(Struct, frozen=True):
    """For each direction by itself. `parallel`: at least 1. `kib_s`: of all transfers together, 0 for no limit.

    `checked_kib`: a checksum at the latest after so much data, which is what an interruption costs at most.
    """

    parallel: int = 4
    kib_s: int = 0
    checked_kib: int = 64 * 1024


class Bandwidth:
    """Spreads bytes over time; all transfers of one direction share it."""

    def __init__(self, kib_s: int, clock: Clock) -> None:
        self._bytes_s = kib_s * 1024
        self._clock = clock
        self._free_at = float("-inf")

    @property
    def portion_bytes(self) -> int:
        """The most to send at once: about a second's worth, so that nobody takes the other side for dead."""
        return min(EXTENT_BYTES, max(SMALLEST_EXTENT_BYTES, self._bytes_s)) if self._bytes_s else EXTENT_BYTES

    async def take(self, count: int) -> None:
        """Returns when `count` bytes more may be sent."""
        if not self._bytes_s:
            return
        now = self._clock.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + count / self._bytes_s
        if start > now:
            await self._clock.sleep(start - now)


class Closable(Protocol):
    """Holds a file open."""

    def close(self) -> None: ...


_C = TypeVar("_C", bound=Closable)


@asynccontextmanager
async def opened(threads: Threads, function: Callable[_P, _C], *args: _P.args,
                 **kwargs: _P.kwargs) -> AsyncIterator[_C]:
    """Open in a thread, and close in one, whoever is cancelled meanwhile."""
    opening = asyncio.get_running_loop().run_in_executor(threads, lambda: function(*args, **kwargs))
    try:
        content = await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait((opening,))
        if opening.exception() is None:
            await finished(threads, opening.result().close)
        raise
    try:
        yield content
    finally:
        await finished(threads, content.close)


async def finished(threads: Threads, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call in a thread. When cancelled, it is waited for all the same: nobody closes a file that is being read."""
    work = asyncio.get_running_loop().run_in_executor(threads, lambda: function(*args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait((work,))
        raise
