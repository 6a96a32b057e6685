"""Known faults, each put in the place of a shipped component: histories have to find every one of them.

`python -m linstor_core.testing.simulation --plant lying-executor` shows what that looks like.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from msgspec import structs

from linstor_core.controller.repository import Write
from linstor_core.satellite.journal import Journal
from linstor_core.satellite.satellite import Satellite
from linstor_core.satellite.spec_store import StoredResource
from linstor_core.satellite.steps import CopyReflink, RemoveFile, Step
from linstor_core.testing.simulation.disks import FaultyNode, MemoryDatabase
from linstor_core.testing.simulation.hosts import LoopClock, SimulatedContext
from linstor_core.testing.simulation.loop import VirtualLoop
from linstor_core.testing.simulation.world import World
from linstor_core.wire.resource_spec import ResourceSpec


class _LyingExecutor:
    """Says that a file was removed, and leaves it under another name."""

    def __init__(self, inner: FaultyNode) -> None:
        self._inner = inner

    def run(self, step: Step) -> None:
        if isinstance(step, RemoveFile) and step.path in self._inner.files:
            self._inner.files[step.path + ".old"] = self._inner.files[step.path]
        self._inner.run(step)


class _EmptyCopies:
    """Copies everything but the content."""

    def __init__(self, inner: FaultyNode) -> None:
        self._inner = inner

    def run(self, step: Step) -> None:
        self._inner.run(step)
        if isinstance(step, CopyReflink):
            self._inner.files[step.temporary] = structs.replace(self._inner.files[step.temporary], content=b"")


class _ForgetfulJournal:
    """Every third time it only says that it has written."""

    def __init__(self, inner: Journal, times: Iterable[int]) -> None:
        self._inner = inner
        self._times = iter(times)

    @property
    def size(self) -> int:
        return self._inner.size

    def read(self) -> bytes:
        return self._inner.read()

    def append(self, content: bytes) -> None:
        if next(self._times) % 3:
            self._inner.append(content)

    def replace(self, content: bytes) -> None:
        self._inner.replace(content)

    def close(self) -> None:
        self._inner.close()


class _TrustingSatellite(Satellite):
    """Takes whatever spec comes, older ones too."""

    def _apply(self, spec: ResourceSpec, epoch: int) -> asyncio.Future[None] | None:
        return self._reconciler.apply(StoredResource(spec, epoch))


class _ForgetfulDatabase(MemoryDatabase):
    """Now and then it only says that it has committed."""

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        if self._random.random() > 0.05:
            super().commit(writes, revision)


class _NoSecondTry(LoopClock):
    """Whoever waits for longer than some seconds waits forever."""

    async def sleep(self, seconds: float) -> None:
        await (super().sleep(seconds) if seconds < 1.0 else asyncio.get_running_loop().create_future())


class _UsedIdentities(SimulatedContext):
    """Every fiftieth is one that was given away before."""

    def __init__(self, loop: VirtualLoop, random: Random) -> None:
        super().__init__(loop, random)
        self._given: list[str] = []

    def new_uuid(self) -> str:
        self._given.append(super().new_uuid())
        return self._given[-10] if len(self._given) % 50 == 0 else self._given[-1]


def _lying_executor(world: World) -> None:
    for host in world.hosts:
        host.executor = _LyingExecutor(host.node)


def _empty_copies(world: World) -> None:
    for host in world.hosts:
        host.executor = _EmptyCopies(host.node)


def _forgetful_journal(world: World) -> None:
    for host in world.hosts:
        times, opened = itertools.count(), host.journal.opened

        def forgetful(folder: Path, opened: Callable[[Path], Journal] = opened,
                      times: Iterable[int] = times) -> Journal:
            return _ForgetfulJournal(opened(folder), times)

        host.open_journal = forgetful


def _old_specs(world: World) -> None:
    world.network.late_repeats = 0.5
    for host in world.hosts:
        host.satellite = _TrustingSatellite


def _forgetful_database(world: World) -> None:
    database = _ForgetfulDatabase(Random(1), world.count)
    database.on_commit = world.controller.database.on_commit
    world.controller.database = database


def _used_identities(world: World) -> None:
    world.controller.context = _UsedIdentities(world.loop, Random(1))


def _no_second_try(world: World) -> None:
    for host in world.hosts:
        host.clock = _NoSecondTry(world.loop)


PLANTS: dict[str, Callable[[World], None]] = {
    "lying-executor": _lying_executor, "empty-copies": _empty_copies, "forgetful-journal": _forgetful_journal,
    "old-specs": _old_specs, "forgetful-database": _forgetful_database, "used-identities": _used_identities,
    "no-second-try": _no_second_try,
}
