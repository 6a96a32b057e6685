"""The link as a controller sees it, with real websockets; the node behind it is simulated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from msgspec import structs

from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.satellite.spec_store import SpecStore
from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.simulated_tables import SimulatedFile
from linstor_core.testing.simulation.disks import JournalDisk
from linstor_core.wire.node_report import ApplyResource, ForgetResource, FullSync, HelloAnswer
from linstor_core.wire.resource_spec import PoolSpec

POOLS = (pool("/pool"),)


@asynccontextmanager
async def running(state: Path, node: SimulatedNode | None = None) -> AsyncIterator[Satellite]:
    node = node or SimulatedNode(("/pool",))
    world = World(node, node, SystemClock(), lambda: 0.5)
    satellite = Satellite(SatelliteSettings("Node1", state, "127.0.0.1", 0), world)
    await satellite.start()
    try:
        yield satellite
    finally:
        await satellite.stop()


def test_a_state_that_cannot_be_stored_ends_the_link_which_may_come_back(tmp_path: Path,
                                                                         caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        disk, node = JournalDisk(Random(1), lambda _: None), SimulatedNode(("/pool",))
        satellite = Satellite(SatelliteSettings("Node1", tmp_path, "127.0.0.1", 0),
                              World(node, node, SystemClock(), lambda: 0.5),
                              lambda folder, threads: SpecStore(folder, threads, disk.opened))
        await satellite.start()
        async with ControllerLink(satellite.port) as link:
            await link.greet()
            disk.failing = 1
            await link.send(FullSync(1, POOLS, ()))
            assert await link.closed() == 1011
        async with ControllerLink(satellite.port) as link:
            await link.greet()
            await link.sync(POOLS, resource(volume()))
            assert link.resources["r"].volumes[0].present
        await satellite.stop()

    asyncio.run(scenario())
    told = [record for record in caplog.records if "cannot be stored" in record.getMessage()]
    assert told and not any(record.exc_info for record in caplog.records)


async def _greeting(state: Path, **changes: object) -> HelloAnswer:
    async with running(state) as satellite:
        async with ControllerLink(satellite.port) as first:
            await first.greet(epoch=5)
        async with ControllerLink(satellite.port) as link:
            return await link.greet(**{"epoch": 5, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("changes", "refusal"), [
    ({}, ""),
    ({"node_name": "NODE1"}, ""),
    ({"epoch": 6}, ""),
    ({"epoch": 4}, "OTHER_CONTROLLER"),
    ({"cluster_id": "another"}, "OTHER_CONTROLLER"),
    ({"protocols": (7, 9)}, "VERSION_MISMATCH"),
    ({"protocols": (0, 0)}, "VERSION_MISMATCH"),
    ({"node_name": "node2"}, "HOSTNAME_MISMATCH"),
])
def test_greetings(tmp_path: Path, changes: dict[str, object], refusal: str) -> None:
    answer = asyncio.run(_greeting(tmp_path, **changes))
    assert answer.refusal == refusal
    assert bool(answer.message) == bool(refusal)
    assert {"FILE", "FILE_THIN", "DISKLESS"} <= set(answer.providers)


def test_the_cluster_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as satellite, ControllerLink(satellite.port) as link:
            await link.greet()
        async with running(tmp_path) as satellite, ControllerLink(satellite.port) as link:
            assert (await link.greet(cluster_id="another")).refusal == "OTHER_CONTROLLER"
    asyncio.run(scenario())


@pytest.mark.parametrize("frame", [b"\xc1garbage", "text", b"", b"\x93\x01\x02\x03"])
def test_garbage_ends_the_connection_and_nothing_else(tmp_path: Path, frame: bytes | str,
                                                      caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as satellite:
            async with ControllerLink(satellite.port) as link:
                await link.connection.send(frame)
                assert await link.closed() == 1003
            async with ControllerLink(satellite.port) as link:
                await link.greet()
                await link.connection.send(frame)
                assert await link.closed() == 1003
            async with ControllerLink(satellite.port) as link:
                assert not (await link.greet()).refusal
    asyncio.run(scenario())
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1  # the same twice


def test_a_full_sync_answers_pools_resources_and_orphans(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        node.files["/pool/lost_00000.img"] = SimulatedFile("0:1:0", 1024, "dx", "ready")
        node.files["/pool/other.txt"] = SimulatedFile("0:1:1", 1024)
        async with running(tmp_path, node) as satellite, ControllerLink(satellite.port) as link:
            await link.greet()
            diskless = PoolSpec("DfltDisklessStorPool", type(POOLS[0].kind)("DISKLESS"))
            await link.sync((*POOLS, diskless), resource(volume()), generation=9)
            assert link.pools["p"].supports_snapshots and link.pools["p"].generation == 9
            assert link.pools["DfltDisklessStorPool"].free_kib == 2 ** 63 - 1
            assert link.resources["r"].volumes[0].device_path == "/dev/loop0"
            assert link.orphans == ("/pool/lost_00000.img",)
            await link.sync(POOLS, generation=10)
            assert link.orphans == ("/pool/lost_00000.img", "/pool/r_00000.img")
            assert "/pool/r_00000.img" in node.files
    asyncio.run(scenario())


def test_an_older_spec_is_refused_and_a_newer_epoch_counts_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as satellite:
            async with ControllerLink(satellite.port) as link:
                await link.greet()
                await link.sync(POOLS)
                await link.bring(resource(volume(size_kib=2048), generation=7))
                await link.send(ApplyResource(resource(volume(delete=True), generation=6)))
                seen = await link.bring(resource(volume(size_kib=2048), generation=8))
                assert seen.volumes[0].present
            async with ControllerLink(satellite.port) as link:
                await link.greet(epoch=2)
                await link.sync(POOLS, resource(volume(size_kib=4096), generation=1))
                assert link.resources["r"].generation == 1
                assert link.resources["r"].volumes[0].usable_kib == 4096
    asyncio.run(scenario())


def test_the_newest_connection_takes_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as satellite, ControllerLink(satellite.port) as old:
            await old.greet()
            await old.sync(POOLS)
            async with ControllerLink(satellite.port) as new:
                await new.greet()
                assert await old.closed() == 4000
                await new.sync(POOLS)
                assert (await new.bring(resource(volume(), generation=2))).volumes[0].present
    asyncio.run(scenario())


def test_forgetting_drops_the_spec_and_leaves_the_data(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        async with running(tmp_path, node) as satellite, ControllerLink(satellite.port) as link:
            await link.greet()
            await link.sync(POOLS, resource(volume(), generation=5))
            await link.send(ForgetResource("R", 4))
            await link.send(ForgetResource("R", 6))
            await link.sync(POOLS)
            assert link.orphans == ("/pool/r_00000.img",)
    asyncio.run(scenario())


def test_a_fault_of_one_resource_leaves_the_others_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as satellite, ControllerLink(satellite.port) as link:
            await link.greet()
            odd = structs.replace(resource(volume(name="x"), name="x"), layer_stack=("DRBD", "STORAGE"))
            nowhere = resource(structs.replace(volume(name="y"), pool="nowhere"), name="y")
            await link.sync(POOLS, odd, nowhere, resource(volume()))
            assert link.resources["x"].failures[0].code == 988
            assert link.resources["y"].failures[0].code == 310
            assert not link.resources["r"].failures
    asyncio.run(scenario())


def test_a_plan_is_told_in_words_and_nothing_is_done(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        async with running(tmp_path, node) as satellite, ControllerLink(satellite.port) as link:
            await link.greet()
            await link.sync(POOLS)
            plan = await link.plan(resource(volume(file_system="xfs")))
            assert [step.split()[0] for step in plan.steps] == ["create", "make", "put", "attach"]
            assert plan.obstacles == () and node.files == {}
            node.files["/pool/r_00000.img"] = SimulatedFile("0:1:0", 1024)
            plan = await link.plan(resource(volume()))
            assert plan.steps == () and "does not belong" in plan.obstacles[0]
    asyncio.run(scenario())
