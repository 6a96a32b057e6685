"""Two real satellites in this process, and the two sides of a move of the resource `r` from one to the other."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import structs

from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resources import DataSource
from linstor_core.satellite.clock import Clock, SystemClock
from linstor_core.satellite.satellite import Satellite, SatelliteSettings, real_world
from linstor_core.satellite.transfer_limits import TransferLimits
from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.wire.resource_spec import Address, Origin, ResourceSpec

MIB = 1024 * 1024
TOKEN = "a-token-that-nobody-should-see"
PATIENCE_S = 30.0
SMALL_PARTS = TransferLimits(checked_kib=1024)
LIMITED = TransferLimits(kib_s=1024, checked_kib=256)
"""With it, and a `HeldClock`, just the first megabyte goes out."""


def offering(generation: int = 2, token: str = TOKEN, *, active: bool = False) -> ResourceSpec:
    """The source's side; active, it withdraws."""
    return resource(structs.replace(volume(), offer=token), active=active, generation=generation)


def fetching(address: Address, generation: int = 1, token: str = TOKEN, *, name: str = "r", data_id: str = "d2",
             node_uuid: str = "", delete: bool = False) -> ResourceSpec:
    """The target's side."""
    source = DataSource("r_00000", "p", "d1", node_name="node1")
    origin = Origin("node1", (address,), token, node_uuid)
    moved = structs.replace(volume(data_id, name=name, source=source, delete=delete), origin=origin)
    return structs.replace(resource(moved, name=name, generation=generation), node_name="node2")


class HeldClock(SystemClock):
    """Short sleeps, as those of a bandwidth limit: `passing` of them are over at once, the others when it is let go."""

    def __init__(self, passing: int = 1) -> None:
        self._passing = passing
        self.let_go = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds > 5:
            await super().sleep(seconds)
        elif self._passing:
            self._passing -= 1
        else:
            await self.let_go.wait()


class Node:
    def __init__(self, satellite: Satellite, link: ControllerLink, directory: Path) -> None:
        self.satellite = satellite
        self.link = link
        self.directory = directory

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.satellite.port)

    async def until(self, condition: Callable[[ResourceSeen], bool], name: str = "r") -> ResourceSeen:
        """Waits for a report of the resource."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = self.link.resources.get(name)
                if seen is not None and condition(seen):
                    return seen
                await self.link.receive()

    async def until_some_has_come(self) -> None:
        await self.until(lambda seen: any(0 < volume.fetched_kib < volume.to_fetch_kib for volume in seen.volumes))


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("waited in vain")


@asynccontextmanager
async def node(name: str, folder: Path, directory: Path, *specs: ResourceSpec, clock: Clock | None = None,
               **settings: Any) -> AsyncIterator[Node]:
    """A satellite with a pool in the directory, and its controller."""
    await asyncio.to_thread(directory.mkdir, exist_ok=True)
    world = await asyncio.to_thread(real_world, clock or SystemClock())
    satellite = Satellite(structs.replace(SatelliteSettings(name, folder / name, "127.0.0.1", 0), **settings), world)
    async with AsyncExitStack() as stack:
        await satellite.start()
        stack.push_async_callback(satellite.stop)
        link = await stack.enter_async_context(ControllerLink(satellite.port))
        assert not (await link.greet(node_name=name, protocols=(1, 4))).refusal
        await link.sync((pool(str(directory)),), *specs)
        yield Node(satellite, link, directory)


async def filled(source: Node, offsets: tuple[int, ...] = (0, 3 * MIB + 4096, 40 * MIB), length: int = MIB) -> str:
    """Give `r` content and offer it; its checksum."""
    seen = await source.link.bring(resource(volume()))
    await asyncio.to_thread(scribble, seen.volumes[0].device_path, offsets, length)
    seen = await source.link.bring(offering())
    assert seen.failures == () and not seen.volumes[0].device_path
    return await asyncio.to_thread(checksum, source.directory / "r_00000.img")


def scribble(device: str, offsets: tuple[int, ...], length: int) -> None:
    content = random.Random(1)
    with open(device, "r+b") as opened:
        for offset in offsets:
            opened.seek(offset)
            opened.write(content.randbytes(length))
        opened.flush()
        os.fsync(opened.fileno())


def checksum(path: Path) -> str:
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def allocated_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512
