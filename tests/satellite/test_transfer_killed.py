"""kill -9 on either side before each step and each touch of content: the same end, the source as it was."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import structs
from websockets.exceptions import ConnectionClosed

from linstor_core.domain.errors import Code
from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.wire.resource_spec import Address, ResourceSpec
from tests.satellite.moving import (
    MIB,
    SMALL_PARTS,
    Node,
    allocated_bytes,
    checksum,
    eventually,
    fetching,
    filled,
    node,
    offering,
)
from tools import processes, services

NAME = "r_00000.img"
OFFSETS = (0, 40 * MIB)
LENGTH = 3 * MIB // 2
MOST_DEEDS = 30


@contextlib.asynccontextmanager
async def doomed(name: str, folder: Path, directory: Path, deeds: int,
                 *specs: ResourceSpec) -> AsyncIterator[tuple[ControllerLink, Address]]:
    """A satellite process that ends before its next deed after so many."""
    address = services.free_address()
    identity = services.start("linstor_core.testing.doomed_transfer",
                              [str(deeds), "--name", name, "--listen", address, "--state", str(folder / name)],
                              folder / f"{name}.log")
    port = int(address.rpartition(":")[2])
    link = ControllerLink(port)
    try:
        for _ in range(1000):
            try:
                await link.__aenter__()
                break
            except OSError:
                assert processes.is_alive(identity)
                await asyncio.sleep(0.02)
        await link.greet(node_name=name, protocols=(1, 4))
        await link.sync((pool(str(directory)),), *specs)
        yield link, Address("127.0.0.1", port)
        await link.__aexit__()
    finally:
        processes.kill(identity)
        await eventually(lambda: is_free(folder / name / "lock"))


def is_free(lock: Path) -> bool:
    """A process that is killed keeps its locks for moments."""
    with open(lock, "rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


async def settled(target: Node, generation: int) -> None:
    seen = await target.until(lambda seen: seen.generation >= generation)
    assert seen.failures == () and seen.volumes[0].device_path


async def checked_and_cleared(target: Node, source: Path, before: str, data_id: str, generation: int) -> None:
    copy = target.directory / NAME
    assert [checksum(copy), checksum(source)] == [before, before]
    assert allocated_bytes(copy) < 4 * MIB and os.listdir(target.directory) == [NAME]
    gone = resource(volume(data_id, delete=True), generation=generation)
    assert (await target.link.bring(structs.replace(gone, node_name="node2"))).failures == ()
    assert os.listdir(target.directory) == []


def test_the_fetching_side_may_die_at_any_point(tmp_path: Path, pool_dir: Path) -> None:
    target = pool_dir / "b"
    target.mkdir()

    async def scenario() -> None:
        async with node("node1", tmp_path, pool_dir / "a", transfers=SMALL_PARTS) as one:
            before = await filled(one, OFFSETS, LENGTH)
            for deeds in range(MOST_DEEDS):
                spec = fetching(one.address, 2 * deeds + 1, data_id=f"c{deeds}")
                was_killed = False
                async with doomed("node2", tmp_path, target, deeds) as (link, _):
                    try:
                        await link.bring(spec)
                    except ConnectionClosed:
                        was_killed = True
                async with node("node2", tmp_path, target, spec) as two:
                    await settled(two, spec.generation)
                    await checked_and_cleared(two, one.directory / NAME, before, f"c{deeds}", 2 * deeds + 2)
                if not was_killed:
                    assert deeds >= 10, "beginning, four pieces and their checks, end, name and device"
                    return
            raise AssertionError("the transfer does not end")
    asyncio.run(scenario())


def test_the_giving_side_may_die_at_any_point(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        async with node("node1", tmp_path, pool_dir / "a") as one:
            before = await filled(one, OFFSETS, LENGTH)
        async with node("node2", tmp_path, pool_dir / "b") as two:
            for deeds in range(MOST_DEEDS):
                generation = 3 * deeds + 1
                async with doomed("node1", tmp_path, pool_dir / "a", deeds, offering()) as (_, address):
                    seen = await two.link.bring(fetching(address, generation, data_id=f"c{deeds}"))
                if seen.failures:
                    assert seen.failures[0].code == Code.NOT_CONNECTED and "lost" in seen.failures[0].cause
                    async with node("node1", tmp_path, pool_dir / "a", offering()) as one:
                        await two.link.bring(fetching(one.address, generation + 1, data_id=f"c{deeds}"))
                await settled(two, generation)
                await checked_and_cleared(two, pool_dir / "a" / NAME, before, f"c{deeds}", generation + 2)
                if not seen.failures:
                    assert deeds >= 4, "it is opened and read in pieces"
                    return
            raise AssertionError("the transfer does not end")
    asyncio.run(scenario())
