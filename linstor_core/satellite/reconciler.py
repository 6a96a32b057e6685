"""Keeps every resource of the node as its spec wants it: one worker a resource, a bounded number at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor as Threads

from msgspec import Struct, structs

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure, OrphanSeen, PoolSeen, ResourceSeen
from linstor_core.satellite import planner
from linstor_core.satellite.called_off import STILL_OPEN, as_before, is_called_off
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.content_fetches import NO_TRANSFERS
from linstor_core.satellite.content_offers import Offered, standing
from linstor_core.satellite.contents import NodeContents
from linstor_core.satellite.convergence import Converged, converge, preview
from linstor_core.satellite.device_pools import DevicePools
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.facts import PoolFacts, Unobserved
from linstor_core.satellite.failures import SatelliteError
from linstor_core.satellite.observer import NodeObserver
from linstor_core.satellite.orphans import Orphans
from linstor_core.satellite.pool_guard import PoolGuard
from linstor_core.satellite.registry import Entry, Registry
from linstor_core.satellite.spec_store import Forgotten, SpecStore, StoredPools, StoredResource
from linstor_core.satellite.stale_names import StaleNames
from linstor_core.satellite.steps import FetchContent
from linstor_core.satellite.storage.driver import Pools
from linstor_core.satellite.transfers import Transfers, with_progress
from linstor_core.wire.content_transfer import ContentRequest
from linstor_core.wire.resource_spec import ResourceSpec

_log = logging.getLogger(__name__)
_FIRST_RETRY_S = 15.0
_LONGEST_RETRY_S = 300.0
_LONGEST_AWAY_S = 30.0
"""For what only another node stands against: nobody tells when that can be reached, or gives, again."""
_POOLS_INTERVAL_S = 30.0
_RESOURCES_INTERVAL_S = 30.0


class World(Struct, frozen=True):
    """The seams to the node, and time and chance."""

    observer: NodeObserver
    executor: StepExecutor
    clock: Clock
    random: Callable[[], float]
    """Between 0 and 1."""
    contents: NodeContents | None = None
    """What volumes hold; None where it can't be passed to other nodes."""
    devices: DevicePools | None = None
    """None where the node has no disks."""


class Reconciler:
    """`on_resource` and `on_pool` are called in the loop with what changed, or was asked for again."""

    def __init__(self, world: World, store: SpecStore, threads: Threads, on_resource: Callable[[ResourceSeen], None],
                 on_pool: Callable[[PoolSeen], None], *,
                 on_orphans: Callable[[tuple[OrphanSeen, ...]], None] = lambda _: None,
                 transfers: Transfers | None = None) -> None:
        self._world = world
        self._store = store
        self._threads = threads
        self._on_resource = on_resource
        self._on_pool = on_pool
        self._observer = PoolGuard(world.observer, self._is_occupied)
        self._registry = Registry()
        self._names = StaleNames(world.observer, world.executor, threads, self._registry.names)
        self._orphans = Orphans(self._observer, self._registry, lambda: self._pools, threads, on_orphans)
        self._transfers = transfers
        self._at_work: dict[Entry, ResourceSpec] = {}
        """By which spec something is done in a thread right now."""
        self._pools: Pools = {}
        self._pools_seen: dict[str, PoolSeen] = {}
        self._watching: list[asyncio.Task[None]] = []
        self._node_name = ""

    def start(self, node_name: str) -> None:
        """Go on with everything that is stored."""
        self._node_name = node_name
        self._pools = {pool.name.upper(): pool for pool in self._store.pools.pools}
        self._observer.markers.update(self._store.pools.markers)
        for key, stored in self._store.resources.items():
            self._stir(self._registry.load(key, stored))
        self._watching = [asyncio.ensure_future(watch) for watch in (
            self._watch_pools(), self._watch_resources(), self._orphans.watch(self._world.clock))]

    async def stop(self) -> None:
        """Steps that run are finished; nothing new is begun."""
        tasks = self._watching + [entry.task for entry in self._registry.all() if entry.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def is_older(self, name: str, order: tuple[int, int]) -> bool:
        """Whether a spec of this (epoch, generation) comes after a newer one."""
        entry = self._registry.get(name)
        return entry is not None and order < entry.stored.order

    def apply(self, stored: StoredResource) -> asyncio.Future[None]:
        """Take over a spec; the future is done after the first attempt, which is reported in any case.

        Of the stored value only spec and epoch count: what was complete is remembered here.
        """
        known = self._registry.known_as(stored.spec)
        if known is not None and known.stored.spec.resource_name != stored.spec.resource_name:
            self._names.suspect(known.stored.spec.resource_name)
        entry = self._registry.submit(stored)
        self._orphans.naming(entry)
        self._stir(entry)
        entry.announce = True
        done = asyncio.get_running_loop().create_future()
        entry.waiting.append(done)
        return done

    def follow(self, specs: Iterable[ResourceSpec]) -> None:
        """What is known of these goes to the names that they have now; nothing is done to them yet."""
        for spec in specs:
            self._registry.follow(spec)

    def _stir(self, entry: Entry) -> None:
        if entry.is_parked:
            return
        entry.dirty = True
        entry.wake.set()
        if entry.task is None:
            entry.task = asyncio.ensure_future(self._work(entry))

    async def plan(self, spec: ResourceSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What would be done for a spec as things are now, and what stands against it. Nothing is done."""
        entry = self._registry.known_as(spec)
        known = entry.stored.known_data_ids if entry is not None else frozenset[str]()
        plan = await asyncio.get_running_loop().run_in_executor(
            self._threads, preview, spec, self._pools, known, self._observer)
        return (tuple(step.description for step in plan.steps),
                tuple(f"{failure.message}. {failure.cause}".strip() for failure in plan.failures))

    async def forget(self, name: str) -> None:
        """Drop a spec; files and devices stay, their stable names go."""
        entry = self._registry.get(name)
        if entry is not None:
            self._names.suspect(entry.stored.spec.resource_name)
            self._orphans.forgetting(entry)
            if self._transfers is not None:
                await self._transfers.offers.end_of(entry.stored.spec)
        key = self._registry.drop(name)
        if key in self._store.resources:
            await self._store.put(Forgotten(key))
        await self._names.remove()

    async def forget_others(self, names: Iterable[str]) -> None:
        """Drop every spec that is not named."""
        kept = {name.upper() for name in names}
        for name in [key for key in self._registry if key not in kept]:
            await self.forget(name)

    async def _work(self, entry: Entry) -> None:
        attempts = 0
        try:
            while entry.dirty and not entry.forgotten and not entry.is_parked:
                entry.dirty = False
                entry.wake.clear()
                seen = await self._attempt(entry)
                if entry.dirty or not seen.failures:
                    attempts = 0
                    continue
                await self._back_off(entry, attempts, seen.failures[0].code)
                attempts = 0 if entry.dirty else attempts + 1
                entry.dirty = True
        finally:
            entry.task = None
            for done in entry.waiting:
                done.cancel()

    async def _back_off(self, entry: Entry, attempts: int, code: int) -> None:
        longest_s = _LONGEST_AWAY_S if code in (Code.NOT_CONNECTED, Code.BUSY) else _LONGEST_RETRY_S
        delay_s = min(_FIRST_RETRY_S * 2 ** min(attempts, 10), longest_s)
        waiting = asyncio.ensure_future(self._world.clock.sleep(delay_s * (0.75 + self._world.random() / 2)))
        waking = asyncio.ensure_future(entry.wake.wait())
        try:
            await asyncio.wait((waiting, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            waking.cancel()

    async def _attempt(self, entry: Entry) -> ResourceSeen:
        stored = await self._cleared(entry)
        waiting, entry.waiting = entry.waiting, []
        self._at_work[entry] = stored.spec
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._threads, self._converge, stored)
        finally:
            del self._at_work[entry]
        seen = await self._remember(entry, stored, result)
        await self._names.remove()
        _release(waiting)
        for name, facts in result.pools.items():
            self._tell_pool(name, facts)
        failed = None if result.fetch is None else await self._fetch(entry, result.fetch, seen)
        if failed is not None:
            seen = structs.replace(seen, failures=(failed, *seen.failures))
        elif result.fetch is not None:
            entry.dirty = True
        if entry.forgotten or not entry.is_of(stored) or (result.fetch is not None and failed is None):
            return structs.replace(seen, failures=())  # under its present name, and as it is by then, it is told next
        if entry.announce or seen != entry.seen:
            entry.announce = False
            entry.seen = seen
            self._on_resource(seen)
        return seen

    async def _cleared(self, entry: Entry) -> StoredResource:
        """The newest spec, once nobody reads any more what it does not offer."""
        while self._transfers is not None:
            spec = entry.stored.spec
            await self._transfers.offers.make_way(spec)
            if entry.stored.spec is spec:
                break
        return entry.stored

    async def _fetch(self, entry: Entry, step: FetchContent, seen: ResourceSeen) -> Failure | None:
        """Why it failed; else there is more to do. Nobody waits for it: it may take hours."""
        def tell(there: int, total: int) -> None:
            waiting, entry.waiting = entry.waiting, []
            _release(waiting)
            entry.announce = True
            self._on_resource(with_progress(seen, entry.seen, entry.stored.spec, step, (there, total)))

        if self._transfers is None:
            return NO_TRANSFERS.failure()
        error = await self._transfers.fetch(entry, step, tell)
        if error is None:
            return None
        is_fault = not isinstance(error, SatelliteError)
        _log.warning("%s: %s", entry.stored.spec.resource_name, error, exc_info=error if is_fault else None)
        return error.failure() if isinstance(error, SatelliteError) else _fault(error)

    def offered(self, request: ContentRequest) -> Offered:
        """What is asked for. Raises SatelliteError when it is not given away."""
        return standing(request, (entry.stored.spec for entry in self._registry.active()), self._at_work.values(),
                        self._pools)

    def _converge(self, stored: StoredResource) -> Converged:
        world = self._world
        spec = as_before(stored.spec, stored.known_data_ids) if stored.called_off else stored.spec
        try:
            return converge(spec, self._pools, stored.known_data_ids, self._observer, world.executor)
        except Exception as error:
            _log.exception("a fault of the satellite while it worked on %s", stored.spec.resource_name)
            seen = ResourceSeen(stored.spec.resource_name, stored.spec.node_name, stored.spec.generation,
                                failures=(_fault(error),))
            return Converged(seen, stored.known_data_ids, {})

    async def _remember(self, entry: Entry, stored: StoredResource, result: Converged) -> ResourceSeen:
        """Nobody is told of content before it is written down that it exists."""
        if entry.forgotten:
            return result.seen
        seen = result.seen
        if stored.called_off:
            seen = structs.replace(seen, failures=(STILL_OPEN, *seen.failures))
        called_off = stored.called_off or is_called_off(stored.spec, seen)
        done = structs.replace(stored, known_data_ids=result.known_data_ids, called_off=called_off)
        entry.stored = done if entry.stored.order == stored.order else structs.replace(
            entry.stored, known_data_ids=result.known_data_ids)
        if not entry.is_of(stored) or (self._store.resources.get(entry.key) == done and not self._store.is_behind):
            return seen
        try:
            await self._store.put(self._registry.moves(entry, done))
        except OSError as error:
            failure = Failure(f"The satellite could not store its state: {error}", "Its state directory is full or "
                              "damaged.", "Free space in the satellite's state directory.")
            # That it is called off, the controller may hear only when it is written down.
            others = [other for other in seen.failures if not called_off or other.code != Code.IN_USE]
            return structs.replace(seen, failures=(failure, *others))
        return seen

    # Pools

    async def apply_pools(self, stored: StoredPools) -> None:
        """All pools of the node; markers are remembered here. What failed for the lack of one is tried again."""
        self._pools = {pool.name.upper(): pool for pool in stored.pools}
        self._pools_seen = {}
        for name in self._observer.markers.keys() - self._pools.keys():
            del self._observer.markers[name]
        await self._store.put(structs.replace(stored, markers=dict(self._observer.markers)))
        await self.measure_pools()
        for entry in self._registry.active():
            if entry.seen is not None and entry.seen.failures:
                self._stir(entry)

    async def measure_pools(self) -> None:
        run = asyncio.get_running_loop().run_in_executor
        pools = list(self._pools.values())
        for pool, facts in zip(pools, await asyncio.gather(
                *(run(self._threads, self._observer.pool, pool) for pool in pools)), strict=True):
            self._tell_pool(pool.name.upper(), facts)
        if self._observer.markers != self._store.pools.markers:
            try:
                await self._store.put(structs.replace(self._store.pools, markers=dict(self._observer.markers)))
            except OSError as error:
                _log.error("the satellite could not store its state: %s", error)

    def _is_occupied(self, pool_key: str) -> bool:
        """Whether complete content is known to be in a pool."""
        return any(entry.stored.known_data_ids and pool_key in entry.stored.spec.pool_keys
                   for entry in self._registry.all())

    def _tell_pool(self, key: str, facts: PoolFacts | Unobserved) -> None:
        pool = self._pools.get(key)
        if pool is None:
            return
        seen = planner.pool_seen(pool, facts, self._node_name, self._store.pools.generation)
        if self._pools_seen.get(key) != seen:
            self._pools_seen[key] = seen
            self._on_pool(seen)

    def look_for_orphans(self) -> None:
        """Without waiting for the next round: what is found is told."""
        self._orphans.look_soon()

    async def orphans(self) -> tuple[OrphanSeen, ...]:
        """Files of ours that no spec names. They are never touched."""
        return await self._orphans.find()

    async def _watch_pools(self) -> None:
        while True:
            await self._names.remove_all()
            await self._world.clock.sleep(_POOLS_INTERVAL_S)
            await self.measure_pools()

    async def _watch_resources(self) -> None:
        """Look at every resource now and then, evenly spread: files and devices may change without us."""
        while True:
            entries = list(self._registry.active())
            for entry in entries:
                await self._world.clock.sleep(_RESOURCES_INTERVAL_S / len(entries))
                if entry.task is None and not entry.forgotten:
                    self._stir(entry)
            if not entries:
                await self._world.clock.sleep(_POOLS_INTERVAL_S)


def _release(waiting: Iterable[asyncio.Future[None]]) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(None)


def _fault(error: Exception) -> Failure:
    return Failure(f"The satellite has a fault: {error!r}", "See the satellite's log.",
                   "Report the log to the developers.", code=Code.IMPL_ERROR)
