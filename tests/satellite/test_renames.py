"""A renamed resource whose file is lost is never made anew from nothing, in whatever order the news come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.domain.observed import ResourceSeen
from linstor_core.satellite.reconciler import Reconciler, World
from linstor_core.satellite.spec_store import SpecStore, StoredPools, StoredResource
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.virtual_clock import VirtualClock
from linstor_core.wire.resource_spec import ResourceSpec

OLD = resource(volume())
NEW = structs.replace(OLD, resource_name="new", generation=2)
OTHER = structs.replace(resource(volume("d9", name="r.1"), generation=2), uuid="uuid-other")
"""A new resource under the old name."""


@asynccontextmanager
async def satellite(state: Path, node: SimulatedNode, told: dict[str, ResourceSeen]) -> AsyncIterator[Reconciler]:
    with ThreadPoolExecutor(4) as threads:
        store = SpecStore(state, threads)
        reconciler = Reconciler(World(node, node, VirtualClock(), lambda: 0.5), store, threads,
                                lambda seen: told.update({seen.resource_name: seen}), lambda _: None)
        reconciler.start("node1")
        await reconciler.apply_pools(StoredPools(1, (pool("/pool"),)))
        try:
            yield reconciler
        finally:
            await reconciler.stop()
            await store.close()


async def full_sync(reconciler: Reconciler, *specs: ResourceSpec) -> None:
    reconciler.follow(specs)
    await reconciler.forget_others(spec.resource_name for spec in specs)
    await asyncio.gather(*(reconciler.apply(StoredResource(spec, 1)) for spec in specs))


async def one_by_one(reconciler: Reconciler, *specs: ResourceSpec) -> None:
    for spec in specs:
        await reconciler.apply(StoredResource(spec, 1))
    if OLD.resource_name not in {spec.resource_name for spec in specs}:
        await reconciler.forget(OLD.resource_name)


@pytest.mark.parametrize("specs", [(NEW,), (NEW, OTHER), (OTHER, NEW)], ids=["free", "taken after", "taken before"])
@pytest.mark.parametrize("tell", [full_sync, one_by_one])
@pytest.mark.parametrize("restarted", [False, True])
def test_lost_content_stays_lost(tmp_path: Path, tell, specs, restarted) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        told: dict[str, ResourceSeen] = {}
        async with satellite(tmp_path, node, told) as reconciler:
            await reconciler.apply(StoredResource(OLD, 1))
            assert told["r"].volumes[0].present
            if restarted:
                await tell(reconciler, *specs)
            else:
                node.reboot()
                del node.files["/pool/r_00000.img"]
                await tell(reconciler, *specs)
        if restarted:
            node.reboot()
            del node.files["/pool/r_00000.img"]
            async with satellite(tmp_path, node, told) as reconciler:
                await tell(reconciler, *specs)
        assert told["new"].failures and not told["new"].volumes[0].present
        assert "/pool/r_00000.img" not in node.files
        if OTHER in specs:
            assert told["r"].generation == OTHER.generation and told["r"].volumes[0].present
    asyncio.run(scenario())


def test_data_devices_and_further_work_go_on_under_the_new_name(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        told: dict[str, ResourceSeen] = {}
        async with satellite(tmp_path, node, told) as reconciler:
            await reconciler.apply(StoredResource(OLD, 1))
            device = told["r"].volumes[0].device_path
            node.write(device, b"data")
            steps = len(node.ran)
            await one_by_one(reconciler, NEW)
            assert [type(step).__name__ for step in node.ran[steps:]] == ["LinkDevice", "UnlinkDevice"], \
                "a name is nothing that a node has to work for"
            assert dict(node.names) == {"new": {"0": device}}
            assert told["new"].volumes[0].symlinks == ("/dev/linstor/by-res/new/0",)
            assert told["new"].volumes[0].device_path == device and node.read(device, 4) == b"data"
            grown = structs.replace(NEW, generation=3, volumes=(volume(size_kib=1 << 20),))
            await reconciler.apply(StoredResource(grown, 1))
            assert told["new"].volumes[0].usable_kib == 1 << 20
            assert await reconciler.orphans() == ()
    asyncio.run(scenario())
