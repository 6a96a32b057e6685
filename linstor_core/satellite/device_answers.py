"""Answers the controller's questions about devices, and keeps the file systems of device pools mounted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor as Threads
from typing import Any, TypeVar

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.device_pools import DevicePools
from linstor_core.wire.devices import ListDevices, ListedDevices, PreparedDevices, PrepareDevices

Done = TypeVar("Done")
_INTERVAL_S = 30.0
_FIRST_MOUNTS_S = 15.0
_NO_DEVICES = Failure("This node has no devices of its own", "It is a simulated one.",
                      "Choose another node.", code=Code.PROVIDER_UNSUPPORTED)


class DeviceAnswers:
    """`pools` is None on a node that has no devices."""

    def __init__(self, pools: DevicePools | None, clock: Clock, threads: Threads) -> None:
        self._pools = pools
        self._clock = clock
        self._threads = threads
        self._tasks: set[asyncio.Task[None]] = set()
        self._mounted = asyncio.Event()

    async def start(self) -> None:
        """Mount what was mounted before, so that its volumes can come back; a disk that hangs holds nothing else up."""
        if self._pools is not None:
            watching = self._begin(self._watch(self._pools))
            mounted = asyncio.ensure_future(self._mounted.wait())
            await asyncio.wait((watching, mounted), timeout=_FIRST_MOUNTS_S, return_when=asyncio.FIRST_COMPLETED)
            mounted.cancel()

    async def stop(self) -> None:
        """A tool that runs is not ended; nothing new is begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def answer(self, question: ListDevices | PrepareDevices,
               tell: Callable[[ListedDevices | PreparedDevices], None]) -> None:
        """Other questions are not kept waiting meanwhile."""
        async def work() -> None:
            tell(await self._answer(question))

        self._begin(work())

    async def _answer(self, question: ListDevices | PrepareDevices) -> ListedDevices | PreparedDevices:
        pools = self._pools
        if isinstance(question, ListDevices):
            if pools is None:
                return ListedDevices(question.number)
            return await self._in_thread(lambda: pools.unused(question))
        if pools is None:
            return PreparedDevices(question.number, failure=_NO_DEVICES)
        return await self._in_thread(lambda: pools.make(question))

    async def _watch(self, pools: DevicePools) -> None:
        while True:
            await self._in_thread(pools.mount_all)
            self._mounted.set()
            await self._clock.sleep(_INTERVAL_S)

    async def _in_thread(self, work: Callable[[], Done]) -> Done:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
