"""A deletion or rollback that was answered with "in use" is off: no retry and no restart carries it out later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure, ResourceSeen, VolumeSeen
from linstor_core.satellite.called_off import as_before, is_called_off
from linstor_core.satellite.reconciler import Reconciler, World
from linstor_core.satellite.spec_store import SpecStore, StoredPools, StoredResource
from linstor_core.testing.satellite_specs import pool, resource, snapshot, source, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.virtual_clock import VirtualClock
from linstor_core.wire.resource_spec import ResourceSpec

PATH = "/pool/r_00000.img"
MADE = resource(volume(), snapshots=(snapshot(),))
DELETED = resource(volume(delete=True), snapshots=(snapshot(),), generation=2)
ROLLED_BACK = resource(volume("d2", replaces="d1", source=source("ds1", "s1")), snapshots=(snapshot(),), generation=2)
IN_USE = Failure("in use", code=Code.IN_USE)


@asynccontextmanager
async def satellite(state: Path, node: SimulatedNode, told: dict[str, ResourceSeen],
                    clock: VirtualClock) -> AsyncIterator[Reconciler]:
    with ThreadPoolExecutor(2) as threads:
        store = SpecStore(state, threads)
        reconciler = Reconciler(World(node, node, clock, lambda: 0.5), store, threads,
                                lambda seen: told.update({seen.resource_name: seen}), lambda _: None)
        reconciler.start("node1")
        try:
            yield reconciler
        finally:
            await reconciler.stop()
            await store.close()


@pytest.mark.parametrize("unwanted", [DELETED, ROLLED_BACK], ids=["deletion", "rollback"])
def test_what_was_called_off_is_not_done_later_by_itself(tmp_path: Path, unwanted: ResourceSpec) -> None:
    async def scenario() -> None:
        node, clock = SimulatedNode(("/pool",)), VirtualClock()
        told: dict[str, ResourceSeen] = {}
        async with satellite(tmp_path, node, told, clock) as reconciler:
            await reconciler.apply_pools(StoredPools(1, (pool("/pool"),)))
            await reconciler.apply(StoredResource(MADE, 1))
            device = told["r"].volumes[0].device_path
            node.open_devices.add(device)
            await reconciler.apply(StoredResource(unwanted, 1))
            assert [failure.code for failure in told["r"].failures] == [Code.IN_USE]
            node.open_devices.clear()
            await clock.advance(600)
            assert node.files[PATH].data_id == "d1" and node.loops.over(node.files[PATH].file_id)
        node.reboot()
        async with satellite(tmp_path, node, told, clock) as reconciler:
            await clock.advance(600)
            assert node.files[PATH].data_id == "d1" and node.loops.over(node.files[PATH].file_id)
            assert {failure.code for failure in told["r"].failures} == {Code.IN_USE}
            await reconciler.apply(StoredResource(unwanted, 2))
            assert PATH not in node.files or node.files[PATH].data_id == "d2"
            assert not told["r"].failures

    asyncio.run(scenario())


def seen(*volumes: VolumeSeen, failures: tuple[Failure, ...] = (IN_USE,)) -> ResourceSeen:
    return ResourceSeen("r", "node1", 2, volumes, failures=failures)


def test_only_what_has_not_begun_is_called_off() -> None:
    two = resource(volume(delete=True), volume("e1", number=1, delete=True))
    there, other, gone = VolumeSeen(0, "d1", True), VolumeSeen(1, "e1", True), VolumeSeen(1, "e1", False)
    assert is_called_off(two, seen(there, other))
    assert not is_called_off(two, seen(there, gone))
    assert not is_called_off(two, seen(there, other, failures=(Failure("broken"),)))
    assert not is_called_off(structs.replace(two, resource_name="!t"), seen(there, other))
    assert not is_called_off(MADE, seen(there))
    assert is_called_off(ROLLED_BACK, seen(VolumeSeen(0, "d2", False)))
    assert not is_called_off(ROLLED_BACK, seen(VolumeSeen(0, "d2", True)))


def test_as_before_every_volume_has_its_content() -> None:
    assert as_before(DELETED, frozenset({"d1"})) == structs.replace(MADE, generation=2)
    assert as_before(ROLLED_BACK, frozenset({"d1"})) == structs.replace(MADE, generation=2)


def test_a_deletion_that_is_called_off_takes_no_rollback_back_and_makes_none() -> None:
    deleted = structs.replace(ROLLED_BACK, volumes=tuple(
        structs.replace(volume, delete=True) for volume in ROLLED_BACK.volumes))
    assert as_before(deleted, frozenset({"d1"})) == structs.replace(MADE, generation=2)
    new = frozenset(volume.data_id for volume in ROLLED_BACK.volumes)
    assert as_before(deleted, new) == ROLLED_BACK
