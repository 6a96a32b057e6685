"""Gives up nodes that have been away for too long."""

from __future__ import annotations

import asyncio
import contextlib

from linstor_core.controller.controller import Controller
from linstor_core.controller.operations import evictions
from linstor_core.domain.errors import LinstorError


class EvictionClock:
    """How long a node is away is known since this controller's start only: nodes may return before that counts."""

    LOOK_S = 5.0

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="evictions")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.LOOK_S)
            if evictions.next_due_ms(self._controller.cluster) <= self._controller.context.now_ms():
                with contextlib.suppress(LinstorError):
                    await self._controller.fold(evictions.give_up_overdue)

    def stop(self) -> None:
        self._task.cancel()
