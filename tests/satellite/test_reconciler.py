"""The loop over all resources: retries without a storm, what changes by itself, many at once. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import PoolSeen, ResourceSeen
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.reconciler import Reconciler, World
from linstor_core.satellite.spec_store import SpecStore, StoredPools, StoredResource
from linstor_core.satellite.steps import Step
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.virtual_clock import VirtualClock

HOUR_S = 3600.0
THICK = StoredPools(1, (pool("/pool", ProviderKind.FILE),))


class CountingNode(SimulatedNode):
    """Counts what the reconciler tries."""

    attempts = 0

    def run(self, step: Step) -> None:
        self.attempts += 1
        super().run(step)


class Bench:
    def __init__(self, node: CountingNode, store: SpecStore, threads: ThreadPoolExecutor) -> None:
        self.node = node
        self.clock = VirtualClock()
        self.told: list[ResourceSeen] = []
        self.pools: list[PoolSeen] = []
        self._news = asyncio.Event()
        self.reconciler = Reconciler(World(node, node, self.clock, lambda: 0.5), store, threads, self._tell,
                                     self.pools.append)

    def _tell(self, seen: ResourceSeen) -> None:
        self.told.append(seen)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._news.wait()
            self._news.clear()


@asynccontextmanager
async def bench(state: Path, total_kib: int = 1 << 30) -> AsyncIterator[Bench]:
    with ThreadPoolExecutor(4) as threads:
        store = SpecStore(state, threads)
        made = Bench(CountingNode(("/pool",), total_kib), store, threads)
        made.reconciler.start("node1")
        await made.reconciler.apply_pools(THICK)
        try:
            yield made
        finally:
            await made.reconciler.stop()
            await store.close()


def test_a_failure_is_told_once_and_retried_ever_less(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, total_kib=1024) as it:
            await it.reconciler.apply(StoredResource(resource(volume()), 1))
            assert it.told[0].failures[0].code == Code.NOT_ENOUGH_FREE_SPACE
            await it.clock.advance(20)
            assert it.node.attempts == 2
            await it.clock.advance(HOUR_S)
            assert 10 <= it.node.attempts <= 20
            assert len(it.told) == 1
            it.node.total_kib = 1 << 30
            await it.clock.advance(400)
            assert it.told[-1].failures == () and it.told[-1].volumes[0].present
    asyncio.run(scenario())


def test_a_new_spec_and_a_new_pool_do_not_wait_for_the_retry(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, total_kib=100 * 1024) as it:
            await it.reconciler.apply(StoredResource(resource(volume(size_kib=1 << 20)), 1))
            assert it.told[-1].failures
            await it.reconciler.apply(StoredResource(resource(volume(), generation=2), 1))
            assert it.told[-1].failures == () and it.told[-1].generation == 2
            await it.reconciler.apply(StoredResource(resource(volume("x", name="x"), name="x"), 1))
            assert it.told[-1].failures
            it.node.total_kib = 1 << 30
            await it.reconciler.apply_pools(THICK)
            await it.until(lambda: not it.told[-1].failures)
    asyncio.run(scenario())


def test_what_changes_by_itself_is_noticed_and_mended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as it:
            await it.reconciler.apply(StoredResource(resource(volume()), 1))
            told = len(it.told)
            await it.clock.advance(HOUR_S)
            assert len(it.told) == told, "nothing changed, so nothing is told"
            it.node.loops.clear()
            await it.clock.advance(700)
            assert it.node.loops
            it.node.reboot()
            del it.node.files["/pool/r_00000.img"]
            await it.clock.advance(700)
            assert "vanished" in it.told[-1].failures[0].message
            it.node.total_kib //= 2
            await it.clock.advance(60)
            assert it.pools[-1].total_kib == it.node.total_kib
    asyncio.run(scenario())


def test_a_fault_of_ours_stops_only_its_own_resource(tmp_path: Path) -> None:
    class Faulty(CountingNode):
        def run(self, step: Step) -> None:
            if "bad" in step.description:
                raise RuntimeError("a bug")
            super().run(step)

    async def scenario() -> None:
        with ThreadPoolExecutor(4) as threads:
            store = SpecStore(tmp_path, threads)
            it = Bench(Faulty(("/pool",)), store, threads)
            it.reconciler.start("node1")
            await it.reconciler.apply_pools(THICK)
            await asyncio.gather(it.reconciler.apply(StoredResource(resource(volume(name="bad"), name="bad"), 1)),
                                 it.reconciler.apply(StoredResource(resource(volume("d2")), 1)))
            told = {seen.resource_name: seen for seen in it.told}
            assert told["bad"].failures[0].code == Code.IMPL_ERROR
            assert not told["r"].failures
            await it.reconciler.stop()
            await store.close()
    asyncio.run(scenario())


def test_many_resources_at_once_come_to_rest_and_survive_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        names = [f"r{number}" for number in range(300)]
        async with bench(tmp_path) as it:
            await asyncio.gather(*(it.reconciler.apply(StoredResource(
                resource(volume(f"d-{name}", name=name, size_kib=64), name=name), 1)) for name in names))
            assert len(it.node.files) == 300
            node = it.node
        node.reboot()
        with ThreadPoolExecutor(4) as threads:
            store = SpecStore(tmp_path, threads)
            again = Bench(node, store, threads)
            again.reconciler.start("node1")
            await again.until(lambda: len(again.told) == 300)
            assert len(node.loops) == 300
            await again.reconciler.stop()
            await store.close()
    asyncio.run(scenario())
