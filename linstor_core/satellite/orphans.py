"""Files of ours that no spec names: found now and then, told when that changes, never touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor as Threads

from linstor_core.domain.observed import OrphanSeen
from linstor_core.satellite import planner
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.facts import Absent, Observation, Unobserved
from linstor_core.satellite.observer import NodeObserver
from linstor_core.satellite.registry import Entry, Registry
from linstor_core.satellite.storage.driver import Pools
from linstor_core.wire.resource_spec import PoolSpec

_INTERVAL_S = 30.0
_PAUSE_S = 1.0


class Orphans:
    """`pools` gives those of the node as they are at the moment."""

    def __init__(self, observer: NodeObserver, registry: Registry, pools: Callable[[], Pools], threads: Threads,
                 told: Callable[[tuple[OrphanSeen, ...]], None]) -> None:
        self._observer = observer
        self._registry = registry
        self._pools = pools
        self._threads = threads
        self._told = told
        self._last: dict[str, tuple[OrphanSeen, ...]] = {}
        """By upper-case pool name. A pool that can't be looked at keeps what was in it."""
        self._due = asyncio.Event()

    def look_soon(self) -> None:
        self._due.set()

    def forgetting(self, entry: Entry) -> None:
        """Its spec goes: unless all of it was removed, files may be left."""
        if not entry.stored.spec.is_removal or entry.seen is None or entry.seen.failures:
            self.look_soon()

    def naming(self, entry: Entry) -> None:
        """A new spec: what it names is nobody's orphan any more."""
        paths = entry.paths(self._pools(), planner.interests) if any(self._last.values()) else ()
        left = {pool: tuple(orphan for orphan in found if orphan.path not in paths)
                for pool, found in self._last.items()}
        if left != self._last:
            self._last = left
            self._told(_together(left))

    async def find(self) -> tuple[OrphanSeen, ...]:
        """All of them now."""
        found = await self._look()
        self._last = found
        return _together(found)

    async def watch(self, clock: Clock) -> None:
        while True:
            await self._until_due(clock)
            self._due.clear()
            before, self._last = self._last, await self._look()
            if before != self._last:
                self._told(_together(self._last))
            await clock.sleep(_PAUSE_S)

    async def _until_due(self, clock: Clock) -> None:
        waiting = asyncio.ensure_future(clock.sleep(_INTERVAL_S))
        waking = asyncio.ensure_future(self._due.wait())
        try:
            await asyncio.wait((waiting, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            waking.cancel()

    async def _look(self) -> dict[str, tuple[OrphanSeen, ...]]:
        run = asyncio.get_running_loop().run_in_executor
        pools = self._pools()
        candidates = await run(self._threads, self._candidates, list(pools.values()), self._named(pools))
        looked = await run(self._threads, self._looked, candidates)
        # What specs that came meanwhile name, or have made, is nobody's orphan.
        named = self._named(pools) if any(candidates.values()) else frozenset[str]()
        return {key: tuple(orphan for orphan in files if orphan.path not in named) if files is not None
                else self._last.get(key, ()) for key, files in looked.items()}

    def _named(self, pools: Pools) -> frozenset[str]:
        return frozenset(path for entry in self._registry.all() for path in entry.paths(pools, planner.interests))

    def _candidates(self, pools: Iterable[PoolSpec], named: frozenset[str]) -> dict[str, tuple[str, ...] | None]:
        found: dict[str, tuple[str, ...] | None] = {}
        for pool in pools:
            facts = self._observer.pool(pool)
            if isinstance(facts, Unobserved):
                found[pool.name] = None
            elif facts.directory:
                files = self._observer.tagged_files(facts.directory, named)
                found[pool.name] = None if isinstance(files, Unobserved) else files
        return found

    def _looked(self, candidates: dict[str, tuple[str, ...] | None]) -> dict[str, tuple[OrphanSeen, ...] | None]:
        return {pool.upper(): None if paths is None else tuple(
            orphan for path in paths if (orphan := _seen(path, pool, self._observer.file(path))) is not None)
            for pool, paths in candidates.items()}


def _together(found: dict[str, tuple[OrphanSeen, ...]]) -> tuple[OrphanSeen, ...]:
    """Each file once, also where two pools share a directory."""
    return tuple({orphan.path: orphan for key in sorted(found) for orphan in found[key]}.values())


def _seen(path: str, pool: str, facts: Observation) -> OrphanSeen | None:
    if isinstance(facts, Absent):
        return None
    if isinstance(facts, Unobserved):
        return OrphanSeen(path, pool)
    if not facts.data_id:
        return None
    return OrphanSeen(path, pool, facts.data_id, facts.state, facts.size_bytes, facts.allocated_kib, facts.modified_ms,
                      facts.device)
