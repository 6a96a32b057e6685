"""The controller's end of the channel: it dials every satellite, and keeps dialling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from linstor_core.controller.admission import Admission
from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.dialing import Dial
from linstor_core.controller.dispatcher import Dispatcher
from linstor_core.controller.satellite_link import Renew, SatelliteLink, ways_to
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.nodes import Node
from linstor_core.domain.observed import ExternalFileSeen
from linstor_core.wire.devices import ListedDevices, PreparedDevices, PrepareDevices
from linstor_core.wire.node_report import PlannedSteps
from linstor_core.wire.resource_spec import ResourceSpec


class SatelliteLinks:
    """One link for every node that runs a satellite; follows the model."""

    def __init__(self, controller: Controller, dispatcher: Dispatcher, controller_id: str,
                 jitter: Callable[[], float], *, dial: Dial, admission: Admission | None = None,
                 renew: Renew | None = None) -> None:
        self._controller = controller
        self._dispatcher = dispatcher
        self._controller_id = controller_id
        self._jitter = jitter
        self._dial = dial
        self._admission = admission or Admission()
        self._renewal = {"renew": renew} if renew is not None else {}
        self._running: dict[str, tuple[SatelliteLink, asyncio.Task[None]]] = {}

    def start(self) -> None:
        for key, node in self._controller.cluster.nodes.items():
            self._follow(key, node)
        self._controller.on_publish(self.published)

    def published(self, before: Cluster, after: Cluster, change: Change) -> None:
        if before.nodes is after.nodes:
            return
        for key in {key_of(document.name) for document in change.puts if isinstance(document, Node)}:
            old, new = before.nodes.get(key), after.nodes[key]
            if old is None or old.uuid != new.uuid or not new.type.runs_satellite:
                self._drop(key)
            elif ways_to(old) != ways_to(new):
                self._redirect(key)
            self._follow(key, new)
        for cls, gone in change.deletes:
            if cls is Node and isinstance(gone, str):
                self._drop(gone)

    async def ask(self, node_key: str, spec: ResourceSpec) -> PlannedSteps | None:
        """What the satellite of a node would do for a spec; None when nobody can tell."""
        found = self._running.get(node_key)
        return await found[0].ask(spec) if found is not None else None

    async def set_log_levels(self, node_key: str, levels: dict[str, str]) -> dict[str, str] | None:
        """The levels in force on a node after these were set; None where they could not be."""
        found = self._running.get(node_key)
        return await found[0].set_log_levels(levels) if found is not None else None

    async def check_file(self, node_key: str, path: str) -> ExternalFileSeen | None:
        """How an external file is on a node; None when nobody can tell."""
        found = self._running.get(node_key)
        return await found[0].check_file(path) if found is not None else None

    async def list_devices(self, node_key: str) -> ListedDevices | None:
        """What nothing uses on a node; None when nobody can tell."""
        found = self._running.get(node_key)
        return await found[0].list_devices() if found is not None else None

    async def prepare_devices(self, node_key: str, wanted: PrepareDevices) -> PreparedDevices | None:
        """What came of making a pool on a node; None when nobody can tell."""
        found = self._running.get(node_key)
        return await found[0].prepare_devices(wanted) if found is not None else None

    def reconnect(self, node_key: str) -> None:
        """Break the link, if there is one, and dial at once."""
        self._drop(node_key)
        node = self._controller.cluster.nodes.get(node_key)
        if node is not None:
            self._follow(node_key, node)

    def _follow(self, key: str, node: Node) -> None:
        if key in self._running or not node.type.runs_satellite:
            return
        link = SatelliteLink(key, self._controller, self._dispatcher, self._controller_id, self._jitter,
                             dial=self._dial, admission=self._admission, links_down=self._down, **self._renewal)
        self._running[key] = (link, asyncio.create_task(link.run(), name=f"link-{key}"))

    def _down(self) -> int:
        """How many satellites are being dialled."""
        return sum(not link.is_up for link, _ in self._running.values())

    def _redirect(self, key: str) -> None:
        """What stands stays until the satellite answers elsewhere; an attempt at the old address is of no use."""
        found = self._running.get(key)
        if found is not None and found[0].is_up:
            found[0].move()
        else:
            self._drop(key)

    def _drop(self, key: str) -> None:
        found = self._running.pop(key, None)
        if found is not None:
            found[1].cancel()

    async def stop(self) -> None:
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
