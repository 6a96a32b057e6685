"""Closes migration windows when their time is over, those that a controller before this one opened included."""

from __future__ import annotations

import asyncio
import contextlib

from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.operations import migration_windows
from linstor_core.domain.cluster import Cluster


class LeaseClock:
    """Sleeps while no window is open."""

    LOOK_S = 0.5
    """The clock of the machine may be set at any time: how long it is trusted at most."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._changed = asyncio.Event()

    def start(self) -> None:
        self._controller.on_publish(self._published)
        self._task = asyncio.create_task(self._run(), name="migration-windows")

    def _published(self, before: Cluster, after: Cluster, _: Change) -> None:
        if before.resource_connections is not after.resource_connections:
            self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            end_ms = migration_windows.first_end_ms(self._controller.cluster)
            if end_ms is None:
                await self._changed.wait()
                continue
            left_s = (end_ms - self._controller.context.now_ms()) / 1000
            if left_s <= 0:
                self._controller.fold(migration_windows.close_expired)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(max(left_s, 0.05), self.LOOK_S))

    def stop(self) -> None:
        self._task.cancel()
