"""Lets jobs go on whenever something about them changes, and looks at those that wait from time to time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence

from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.operations import jobs
from linstor_core.domain.cluster import Cluster, Key, key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.jobs import Job
from linstor_core.domain.nodes import Node
from linstor_core.domain.observed import NodeSeen, ResourceSeen
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import Snapshot
from linstor_core.domain.storage_pools import StoragePool

log = logging.getLogger(__name__)


class JobRunner:
    """Keeps nothing that a restart would miss: what a job does next is in the job and in what is seen."""

    LOOK_S = 1.0
    """How often some of the waiting ones are looked at, whether anything was heard of them or not."""
    AT_ONCE = 20
    """How many are looked at before others get a turn of the loop."""
    FORGET_S = 600.0
    """How often old ones are forgotten."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._changed = asyncio.Event()
        self._touched: dict[str, None] = {}
        self._round: deque[str] = deque()
        """What is left of a look at all of them."""
        self._rota: deque[str] = deque()
        """Those that are looked at by and by, because time has passed."""

    def start(self) -> None:
        self._controller.on_publish(self._published)
        self._look_at_all(self._controller.cluster)
        self._task = asyncio.create_task(self._run(), name="jobs")

    def stop(self) -> None:
        self._task.cancel()

    def _published(self, before: Cluster, after: Cluster, change: Change) -> None:
        if not after.live_jobs:
            return
        for document in change.puts:
            self._touch(before, after, document)
        for cls, key in change.deletes:
            if cls in (Resource, Snapshot, ResourceDefinition):
                self._touch_definition(after, _definition_of(key))
        if self._touched or self._round:
            self._changed.set()

    def _touch(self, before: Cluster, after: Cluster, document: object) -> None:
        match document:
            case Job():
                self._touched[document.uuid] = None
                if document.parent:
                    self._touched[document.parent] = None
                was = before.jobs.get(document.uuid)
                if was is not None and was.holds_slot and not document.holds_slot:
                    self._look_at_all(after)
            case ResourceSeen():
                self._touch_job(after.moving.get((key_of(document.resource_name), key_of(document.node_name))))
            case Resource() | ResourceDefinition():
                self._touch_definition(after, key_of(document.name))
            case Snapshot():
                self._touch_definition(after, key_of(document.resource_name))
            case NodeSeen():
                was_seen = before.nodes_seen.get(key_of(document.node_name))
                if was_seen is None or was_seen.status is not document.status:
                    self._look_at_all(after)
            case Node() | StoragePool():
                self._look_at_all(after)
            case _:
                pass

    def _touch_definition(self, cluster: Cluster, key: str) -> None:
        for node in cluster.nodes_of.get(key, ()):
            self._touch_job(cluster.moving.get((key, node)))

    def _touch_job(self, key: str | None) -> None:
        if key is not None:
            self._touched[key] = None

    def _look_at_all(self, cluster: Cluster) -> None:
        self._round = deque(job.uuid for job in jobs.in_order(cluster, cluster.live_jobs))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        forget_at = loop.time() + self.FORGET_S
        while True:
            await self._something_is_due()
            due = self._next()
            if due:
                await self._advance(due)
            if loop.time() >= forget_at:
                forget_at = loop.time() + self.FORGET_S
                with contextlib.suppress(LinstorError):
                    await self._controller.fold(jobs.forget_old)

    async def _something_is_due(self) -> None:
        if self._touched or self._round:
            await asyncio.sleep(0)
            return
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(),
                                   self.LOOK_S if self._controller.cluster.live_jobs else self.FORGET_S)
        if not self._touched and not self._round:
            self._look_at_some(self._controller.cluster)

    def _look_at_some(self, cluster: Cluster) -> None:
        if not self._rota:
            self._rota.extend(job.uuid for job in jobs.in_order(cluster, cluster.live_jobs))
        for _ in range(min(self.AT_ONCE, len(self._rota))):
            self._touched[self._rota.popleft()] = None

    def _next(self) -> list[str]:
        due = list(self._touched)
        self._touched.clear()
        while self._round and len(due) < self.AT_ONCE:
            due.append(self._round.popleft())
        return due

    async def _advance(self, keys: Sequence[str]) -> None:
        """A job that can't be worked out must not keep the others from going on."""
        if not await self._folded(keys) and len(keys) > 1:
            for key in keys:
                if not await self._folded((key,)):
                    log.error("Job %s can't go on", key)

    async def _folded(self, keys: Iterable[str]) -> bool:
        try:
            await self._controller.fold(jobs.advance(tuple(keys)))
        except LinstorError:
            return True  # the database refused; it is tried again with the next look
        except Exception:
            log.exception("Jobs can't go on")
            return False
        return True


def _definition_of(key: Key) -> str:
    return key if isinstance(key, str) else key[0]
