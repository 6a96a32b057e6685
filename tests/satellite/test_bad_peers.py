"""Peers that mean harm or have gone mad: refused, logged once, and whoever is served goes on."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from linstor_core.satellite import channel, listener
from linstor_core.satellite.channel import Link
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.listener import WebsocketListener
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.satellite.seldom_log import SeldomLog
from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.wire.node_report import MAX_FRAME_BYTES, Hello, HelloAnswer, PlanResource
from linstor_core.wire.resource_spec import ResourceSpec

GIB = 1 << 30
POOLS = (pool("/pool"),)
PATIENCE_S = 30.0


@asynccontextmanager
async def served(state: Path, stalled_s: float = 15.0) -> AsyncIterator[tuple[Satellite, ControllerLink]]:
    """A satellite and the controller that it serves; in the end that link is still good."""
    node = SimulatedNode(("/pool",))
    world = World(node, node, SystemClock(), lambda: 0.5)
    satellite = Satellite(SatelliteSettings("node1", state, "127.0.0.1", 0), world,
                          listener=WebsocketListener(stalled_s=stalled_s))
    await satellite.start()
    try:
        async with ControllerLink(satellite.port) as good:
            assert not (await good.greet(epoch=5)).refusal
            await good.sync(POOLS)
            yield satellite, good
            seen = await good.bring(resource(volume("da", name="after"), name="after", generation=9))
            assert seen.volumes[0].present and not seen.failures
    finally:
        await satellite.stop()


def header(size: int) -> bytes:
    """The beginning of a masked binary frame."""
    return struct.pack(">BBQI", 0x82, 0x80 | 127, size, 0)


async def says_nonsense(link: ControllerLink) -> int:
    await link.connection.send(b"\xc1garbage")
    return await link.closed()


async def sends_a_frame_of_a_gib(link: ControllerLink) -> int:
    link.connection.transport.write(header(GIB) + bytes(1024))
    return await link.closed()


async def begins_with_more_than_a_greeting(link: ControllerLink) -> int:
    link.connection.transport.write(header(listener.MAX_GREETING_BYTES + 1))
    return await link.closed()


async def breaks_the_framing(link: ControllerLink) -> int:
    link.connection.transport.write(b"\xff" * 64)
    return await link.closed()


async def is_of_an_old_epoch(link: ControllerLink) -> int:
    assert (await link.greet(epoch=4)).refusal == "OTHER_CONTROLLER"
    return await link.closed()


async def is_a_second_controller(link: ControllerLink) -> int:
    await link.send(Hello("cluster", "another controller", 5, "node1", "uuid", 1, 1))
    answer = await link.receive()
    assert isinstance(answer, HelloAnswer) and answer.refusal == "OTHER_CONTROLLER"
    return await link.closed()


async def is_of_another_cluster(link: ControllerLink) -> int:
    assert (await link.greet(cluster_id="other", epoch=9)).refusal == "OTHER_CONTROLLER"
    return await link.closed()


BAD: list[tuple[Callable[[ControllerLink], Awaitable[int]], int]] = [
    (says_nonsense, 1003), (sends_a_frame_of_a_gib, 1009), (begins_with_more_than_a_greeting, 1009),
    (breaks_the_framing, 1002), (is_of_an_old_epoch, 1000),
    (is_a_second_controller, 1000), (is_of_another_cluster, 1000)]


@pytest.mark.parametrize(("deed", "code"), BAD, ids=[deed.__name__ for deed, _ in BAD])
def test_a_bad_peer_is_refused_as_often_as_it_comes_and_logged_once(
        tmp_path: Path, deed: Callable[[ControllerLink], Awaitable[int]], code: int,
        caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (satellite, _):
            link = satellite._link
            for _ in range(5):
                async with ControllerLink(satellite.port) as bad:
                    assert await deed(bad) == code
            assert satellite._link is link
    asyncio.run(scenario())
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize(("size", "code"), [(MAX_FRAME_BYTES + 1, 1009), (GIB, 1009)])
def test_a_controller_that_is_served_has_a_limit_too(tmp_path: Path, size: int, code: int) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (satellite, _):
            async with ControllerLink(satellite.port) as bad:
                await bad.greet(epoch=6)
                bad.connection.transport.write(header(size) + bytes(1024))
                assert await bad.closed() == code
            async with ControllerLink(satellite.port) as again:
                assert not (await again.greet(epoch=7)).refusal
                await again.sync(POOLS)
                assert (await again.bring(resource(volume(), generation=3))).volumes[0].present
    with pytest.raises(Exception, match="another connection"):
        asyncio.run(scenario())  # the first one was replaced


def test_thousands_that_say_nothing_are_bounded(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (satellite, _):
            writers = []
            for _ in range(1500):
                _, writer = await asyncio.open_connection("127.0.0.1", satellite.port)
                writers.append(writer)
                assert len(satellite._channel._listener._opening) <= listener.MAX_OPENING  # type: ignore[attr-defined]
            # Another controller gets through all the same, and those that were dropped know it.
            async with ControllerLink(satellite.port) as link:
                assert (await link.greet(epoch=4)).refusal
            for writer in writers:
                writer.close()
    asyncio.run(scenario())


def test_thousands_that_do_not_greet_are_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (satellite, _):
            links = [ControllerLink(satellite.port) for _ in range(3 * channel.MAX_STRANGERS)]
            for link in links:
                await link.__aenter__()
                assert len(satellite._channel._strangers) <= channel.MAX_STRANGERS
            assert [await link.closed() for link in links[:channel.MAX_STRANGERS]] == [1003] * channel.MAX_STRANGERS
            assert (await links[-1].greet(epoch=4)).refusal
            for link in links:
                await link.__aexit__()
    asyncio.run(scenario())
    assert len([record for record in caplog.records if "no greeting" in record.getMessage()]) == 1


@asynccontextmanager
async def deaf_to(satellite: Satellite, epoch: int = 6) -> AsyncIterator[Link]:
    """A controller that asks and asks and takes no answer; its link."""
    many = resource(*(volume(f"d{number}", number=number, file_system="xfs") for number in range(200)), generation=2)
    deaf = ControllerLink(satellite.port)
    await deaf.__aenter__()
    await deaf.greet(epoch=epoch)
    await deaf.sync(POOLS)
    link = satellite._link
    assert link is not None
    deaf.connection.transport.pause_reading()
    asking = asyncio.ensure_future(_ask(deaf, many))
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield link
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        deaf.connection.transport.abort()


async def _ask(link: ControllerLink, spec: ResourceSpec) -> None:
    for number in range(5000):
        await link.send(PlanResource(number, spec))


def test_a_controller_that_asks_and_does_not_listen_is_dropped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, stalled_s=0.3) as (satellite, good):
            async with deaf_to(satellite) as link:
                while satellite._channel._link is link:
                    assert len(link._answers) <= channel.MAX_ANSWERS
                    await asyncio.sleep(0.01)
            assert await good.closed() == 4000
            # Whoever comes next is served.
            await good.__aexit__()
            await good.__aenter__()
            assert not (await good.greet(epoch=7)).refusal
            await good.sync(POOLS)
    asyncio.run(scenario())


def test_a_controller_that_vanished_without_a_word_is_noticed(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        satellite = Satellite(SatelliteSettings("node1", tmp_path, "127.0.0.1", 0),
                              World(node, node, SystemClock(), lambda: 0.5), listener=WebsocketListener(ping_s=0.1))
        await satellite.start()
        async with ControllerLink(satellite.port) as gone:
            await gone.greet()
            gone.connection.transport.pause_reading()  # the cable is cut: nothing arrives, and nobody says so
            async with asyncio.timeout(PATIENCE_S):
                while satellite._channel._link is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            gone.connection.transport.abort()
        await satellite.stop()
    asyncio.run(scenario())


def test_a_satellite_ends_in_time_with_a_peer_that_takes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        satellite = Satellite(SatelliteSettings("node1", tmp_path, "127.0.0.1", 0),
                              World(node, node, SystemClock(), lambda: 0.5))
        await satellite.start()
        async with deaf_to(satellite) as link:
            while len(link._answers) < channel.MAX_ANSWERS:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await satellite.stop()
    asyncio.run(scenario())


def test_the_same_is_logged_once_and_then_seldom(caplog: pytest.LogCaptureFixture) -> None:
    seldom = SeldomLog(logging.getLogger("test"))
    for _ in range(2001):
        seldom.warning("a", "the same")
    seldom.warning("b", "another")
    assert [record.getMessage() for record in caplog.records] == [
        "the same", "the same (1000 times before)", "the same (2000 times before)", "another"]
    for number in range(1000):
        seldom.warning(str(number), "more")
    assert len(seldom._counts) <= 256
