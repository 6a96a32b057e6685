"""Takes stable names from devices whose resource is not here any more, or has another name by now.

The names of a resource that is here are kept by its own plan. Nobody would keep the others right.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor as Threads

from linstor_core.satellite import link_planner
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.facts import Unobserved
from linstor_core.satellite.failures import SatelliteError
from linstor_core.satellite.observer import NodeObserver

_log = logging.getLogger(__name__)


class StaleNames:
    """`present` gives the resources that are here, by the names that they have now."""

    def __init__(self, observer: NodeObserver, executor: StepExecutor, threads: Threads,
                 present: Callable[[], frozenset[str]]) -> None:
        self._observer = observer
        self._executor = executor
        self._threads = threads
        self._present = present
        self._suspects: set[str] = set()

    def suspect(self, resource: str) -> None:
        """A resource that was here under this name."""
        self._suspects.add(resource)

    async def remove(self) -> None:
        """Take away what the suspects have left, those that are here after all excepted."""
        if not self._suspects:
            return
        stale, self._suspects = self._suspects - self._present(), set()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._remove, stale)

    async def remove_all(self) -> None:
        """As `remove`, with everything that has a name as a suspect."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._observer.linked_resources)
        if not isinstance(found, Unobserved):
            self._suspects.update(found)
            await self.remove()

    def _remove(self, resources: set[str]) -> None:
        for resource in sorted(resources):
            for step in link_planner.of_nobody(self._observer.links(resource)):
                _log.info("%s: %s", resource, step.description)
                try:
                    self._executor.run(step)
                except SatelliteError as error:
                    _log.warning("%s (%s)", error.message, error.cause)
