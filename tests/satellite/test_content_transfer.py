"""Content crosses from one satellite to another, on real files and by real sockets."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.controller import certificate_making as making
from linstor_core.domain.errors import Code
from linstor_core.satellite.credentials import TlsFiles
from linstor_core.satellite.transfer_limits import TransferLimits
from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.wire.node_report import ApplyResource
from linstor_core.wire.resource_spec import Address
from tests.satellite.moving import (
    LIMITED,
    MIB,
    SMALL_PARTS,
    TOKEN,
    HeldClock,
    allocated_bytes,
    checksum,
    eventually,
    fetching,
    filled,
    node,
    offering,
)

NAME = "r_00000.img"


def test_content_is_moved_and_stays_sparse(tmp_path: Path, pool_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        async with node("node1", tmp_path, pool_dir / "a") as one, node("node2", tmp_path, pool_dir / "b") as two:
            before = await filled(one)
            seen = await two.link.bring(fetching(one.address))
            assert seen.failures == () and seen.volumes[0].device_path
            assert [checksum(each.directory / NAME) for each in (one, two)] == [before, before]
            assert allocated_bytes(two.directory / NAME) <= allocated_bytes(one.directory / NAME) < 8 * MIB
            assert await asyncio.to_thread(os.listdir, two.directory) == [NAME]
            async with ControllerLink(one.satellite.port) as other:
                assert (await other.greet(epoch=2)).transfers_content
    asyncio.run(scenario())
    assert "fetch" in caplog.text and TOKEN not in caplog.text
    assert TOKEN not in repr((offering(), fetching(Address("192.0.2.1", 1))))


def test_an_active_resource_takes_its_content_back_before_its_device_is_there(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        clock = HeldClock()
        async with node("node1", tmp_path, pool_dir / "a", clock=clock, transfers=LIMITED) as one, \
                node("node2", tmp_path, pool_dir / "b") as two:
            await filled(one)
            await two.link.send(ApplyResource(fetching(one.address)))
            await two.until_some_has_come()
            seen = await one.link.bring(offering(3, active=True))
            assert seen.failures == () and seen.volumes[0].device_path
            refused = await two.until(lambda seen: bool(seen.failures))
            assert refused.failures[0].code == Code.BUSY and "withdrawn" in refused.failures[0].cause
            assert not refused.volumes[0].present
            clock.let_go.set()
            # What has come by then is of no use any more: the content changes, and comes under another token.
            seen = await one.link.bring(resource(volume(), generation=4))
            before = await filled_again(one.directory, seen.volumes[0].device_path)
            assert (await one.link.bring(offering(5, "another token"))).failures == ()
            seen = await two.link.bring(fetching(one.address, 2, "another token"))
            assert seen.failures == () and checksum(two.directory / NAME) == before
    asyncio.run(scenario())


async def filled_again(directory: Path, device: str) -> str:
    def write() -> str:
        with open(device, "r+b") as opened:
            opened.write(b"written since" * 100)
            opened.flush()
            os.fsync(opened.fileno())
        return checksum(directory / NAME)
    return await asyncio.to_thread(write)


def test_a_deletion_ends_the_fetch_at_once_and_leaves_nothing(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        clock = HeldClock()
        async with node("node1", tmp_path, pool_dir / "a", clock=clock, transfers=LIMITED) as one, \
                node("node2", tmp_path, pool_dir / "b", transfers=TransferLimits(1)) as two:
            await filled(one)
            await two.link.send(ApplyResource(fetching(one.address)))
            await two.until_some_has_come()
            # A second one waits for its turn; a third resource is not held up by either.
            await two.link.send(ApplyResource(fetching(one.address, name="s", data_id="d3")))
            await two.until(lambda seen: bool(seen.volumes) and seen.volumes[0].fetched_kib == 0, "s")
            assert (await two.link.bring(resource(volume("d4", name="t"), name="t"))).volumes[0].device_path
            for name, data_id in (("s", "d3"), ("r", "d2")):
                gone = await two.link.bring(fetching(one.address, 2, name=name, data_id=data_id, delete=True))
                assert gone.failures == () and not gone.volumes[0].present
            assert await asyncio.to_thread(os.listdir, two.directory) == ["t_00000.img"]
            assert (await one.link.bring(resource(volume(), generation=3))).volumes[0].device_path
    asyncio.run(scenario())


def test_a_controller_that_comes_back_does_not_wait_for_the_content(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        clock = HeldClock()
        async with node("node1", tmp_path, pool_dir / "a", clock=clock, transfers=LIMITED) as one, \
                node("node2", tmp_path, pool_dir / "b") as two:
            before = await filled(one)
            await two.link.send(ApplyResource(fetching(one.address)))
            await two.until_some_has_come()
            async with ControllerLink(two.satellite.port) as link:
                await link.greet(node_name="node2", protocols=(1, 4))
                await link.sync((pool(str(two.directory)),), fetching(one.address), generation=2)
                progress = link.resources["r"]
                assert progress.generation == 0 and not progress.volumes[0].present
                assert 0 < progress.volumes[0].fetched_kib < progress.volumes[0].to_fetch_kib < 4096
                clock.let_go.set()
                while not link.resources["r"].generation:
                    await link.receive()
                assert link.resources["r"].volumes[0].device_path and link.resources["r"].volumes[0].fetched_kib == -1
            assert checksum(two.directory / NAME) == before
    asyncio.run(scenario())


def test_what_is_there_already_does_not_wait_for_what_comes(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        clock = HeldClock()
        async with node("node1", tmp_path, pool_dir / "a", clock=clock, transfers=LIMITED) as one:
            await filled(one)
            spec = fetching(one.address)
            other = volume("e1", number=1)
            spec = structs.replace(spec, volumes=(*spec.volumes, structs.replace(other, identifier="r_00001")))
            async with node("node2", tmp_path, pool_dir / "b") as two:
                await two.link.send(ApplyResource(spec))
                await two.until_some_has_come()
                seen = two.link.resources["r"].volume(1)
                assert seen is not None and seen.present and seen.device_path
            clock.let_go.set()
            async with node("node2", tmp_path, pool_dir / "b", spec) as two:
                done = await two.until(lambda seen: bool(seen.generation))
                assert done.failures == () and all(volume.device_path for volume in done.volumes)
    asyncio.run(scenario())


def test_both_sides_may_be_started_again_without_a_controller(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        clock = HeldClock()
        async with node("node1", tmp_path, pool_dir / "a", clock=clock, transfers=LIMITED) as one:
            before = await filled(one)
            async with node("node2", tmp_path, pool_dir / "b") as two:
                await two.link.send(ApplyResource(fetching(one.address)))
                await two.until_some_has_come()
                temporary = two.directory / ".r_00000.d2.tmp"
                await eventually(lambda: "user.linstor.fetched" in os.listxattr(temporary))
            begun = checksum(temporary)
            clock.let_go.set()
            async with node("node2", tmp_path, pool_dir / "b", fetching(one.address)) as two:
                seen = await two.until(lambda seen: bool(seen.generation))
                assert seen.failures == () and checksum(two.directory / NAME) == before != begun
    asyncio.run(scenario())


def test_a_source_that_is_not_there_is_told_and_tried_again(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario() -> None:
        async with node("node1", tmp_path, pool_dir / "a") as one, node("node2", tmp_path, pool_dir / "b") as two:
            before = await filled(one)
            nobody = Address("127.0.0.1", 1)
            seen = await two.link.bring(fetching(nobody))
            assert seen.failures[0].code == Code.NOT_CONNECTED and "127.0.0.1 port 1" in seen.failures[0].cause
            # Of several addresses the first that works is taken.
            spec = fetching(one.address, 2)
            origin = spec.volumes[0].origin
            assert origin is not None
            both = structs.replace(origin, addresses=(nobody, one.address))
            volumes = (structs.replace(spec.volumes[0], origin=both),)
            assert (await two.link.bring(structs.replace(spec, volumes=volumes))).failures == ()
            assert checksum(two.directory / NAME) == before
    asyncio.run(scenario())


def certificates(folder: Path) -> dict[str, TlsFiles]:
    """By one authority, for nodes whose UUIDs are uuid-<name>."""
    now_ms = time.time_ns() // 1_000_000
    period = making.Period(now_ms - making.SKEW_MS, now_ms + making.SKEW_MS)
    authority, authority_key = making.new_authority("cluster", 1, period)
    trusted = folder / "authority.pem"
    trusted.write_text(authority.certificate)
    files = {}
    for serial, name in enumerate(("node1", "node2"), 2):
        key = making.new_key()
        issued = making.issue(authority, authority_key, making.public_key_of(key),
                              making.satellite(name, f"uuid-{name}"), serial=serial, period=period)
        own = folder / f"{name}.pem"
        own.write_text(key + issued)
        files[name] = TlsFiles(own, trusted)
    return files


def test_content_crosses_by_tls_from_the_node_that_was_meant_only(tmp_path: Path, pool_dir: Path) -> None:
    files = certificates(tmp_path)

    async def scenario() -> None:
        async with node("node1", tmp_path, pool_dir / "a", tls=files["node1"], tls_port=0, encryption="both") as one, \
                node("node2", tmp_path, pool_dir / "b", tls=files["node2"], tls_port=0, encryption="both") as two:
            before = await filled(one)
            address = Address("127.0.0.1", one.satellite.tls_port, encrypted=True)
            seen = await two.link.bring(fetching(address, node_uuid="uuid-node3"))
            assert "certificate" in seen.failures[0].cause and not seen.volumes[0].present
            seen = await two.link.bring(fetching(address, 2, node_uuid="uuid-node1"))
            assert seen.failures == () and checksum(two.directory / NAME) == before
        async with node("node3", tmp_path, pool_dir / "c", transfers=SMALL_PARTS) as three:
            seen = await three.link.bring(structs.replace(fetching(address), node_name="node3"))
            assert "no certificate" in seen.failures[0].cause
    asyncio.run(scenario())
