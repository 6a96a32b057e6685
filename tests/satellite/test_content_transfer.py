"""Content crosses from one satellite to another, on real files and by real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import structs

from linstor_core.domain.resources import DataSource
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.wire.resource_spec import Address, Origin, ResourceSpec

MIB = 1024 * 1024
TOKEN = "t-0123456789"


def offering(token: str = TOKEN, generation: int = 2, *, active: bool = False) -> ResourceSpec:
    """The source's side of a move of `r`."""
    return resource(structs.replace(volume(), offer=token), active=active, generation=generation)


def fetching(port: int, token: str = TOKEN, generation: int = 1) -> ResourceSpec:
    """The target's side."""
    source = DataSource("r_00000", "p", "d1", node_name="node1")
    origin = Origin("node1", (Address("127.0.0.1", port),), token)
    moved = structs.replace(volume("d2", source=source), origin=origin)
    return structs.replace(resource(moved, generation=generation), node_name="node2")


class Node:
    def __init__(self, satellite: Satellite, link: ControllerLink, directory: Path) -> None:
        self.satellite = satellite
        self.link = link
        self.directory = directory

    @property
    def port(self) -> int:
        return self.satellite.port


@asynccontextmanager
async def node(name: str, folder: Path, directory: Path, **settings: object) -> AsyncIterator[Node]:
    directory.mkdir(exist_ok=True)
    satellite = Satellite(structs.replace(SatelliteSettings(name, folder / name, "127.0.0.1", 0), **settings))
    async with AsyncExitStack() as stack:
        await satellite.start()
        stack.push_async_callback(satellite.stop)
        link = await stack.enter_async_context(ControllerLink(satellite.port))
        assert not (await link.greet(node_name=name)).refusal
        await link.sync((pool(str(directory)),))
        yield Node(satellite, link, directory)


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_content_is_moved_and_stays_sparse(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        async with node("node1", tmp_path, pool_dir / "a") as one, node("node2", tmp_path, pool_dir / "b") as two:
            seen = await one.link.bring(resource(volume()))
            with open(seen.volumes[0].device_path, "r+b") as device:
                for offset in (0, 3 * MIB + 4096, 40 * MIB):
                    device.seek(offset)
                    device.write(os.urandom(300_000))
                device.flush()
                os.fsync(device.fileno())
            seen = await one.link.bring(offering())
            assert seen.failures == () and not seen.volumes[0].device_path
            before = checksum(one.directory / "r_00000.img")
            seen = await two.link.bring(fetching(one.port))
            assert seen.failures == () and seen.volumes[0].device_path
            copy, original = two.directory / "r_00000.img", one.directory / "r_00000.img"
            assert checksum(copy) == checksum(original) == before
            assert copy.stat().st_blocks <= original.stat().st_blocks < 8 * MIB // 512
            assert os.listdir(two.directory) == ["r_00000.img"]
    asyncio.run(scenario())
