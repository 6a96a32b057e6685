"""Satellites that mean harm or have gone mad: the link says what is wrong, once, and the other nodes notice nothing."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from linstor_core.controller.dialing import dialing
from linstor_core.domain.nodes import NetInterface
from linstor_core.testing.satellite_specs import resource, volume
from linstor_core.wire.connection import ConnectionLost
from linstor_core.wire.node_report import (
    FullSync,
    HelloAnswer,
    PlannedSteps,
    PlanResource,
    Report,
    decode_for_satellite,
    encode,
)
from tests.controller.tls_cluster import Cluster, controller_at, free_port, satellite_at, until

GIB = 1 << 30
HELLO = HelloAnswer(1, "bad", "1", ("DISKLESS",), ("STORAGE",))
PATIENCE_S = 30.0
Deed = Callable[[ServerConnection], Awaitable[None]]


class BadSatellite:
    """Answers every greeting by its deed; remembers how the controller has ended the connections."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed
        self.port = free_port()
        self.ends: list[int] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with serve(self._serve, "127.0.0.1", self.port, compression=None, max_size=None):
            yield

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            await connection.recv()
            await self._deed(connection)
            while True:
                await connection.recv()
        except ConnectionClosed as error:
            if error.rcvd is not None:
                self.ends.append(error.rcvd.code)


def header(size: int) -> bytes:
    """The beginning of a binary frame."""
    return struct.pack(">BBQ", 0x82, 127, size)


async def says_nonsense(connection: ServerConnection) -> None:
    await connection.send(b"\xc1garbage")


async def speaks_in_text(connection: ServerConnection) -> None:
    await connection.send("hello")


async def sends_a_frame_of_a_gib(connection: ServerConnection) -> None:
    connection.transport.write(header(GIB) + bytes(1024))


async def sends_one_after_its_greeting(connection: ServerConnection) -> None:
    await connection.send(encode(HELLO))
    connection.transport.write(header(GIB) + bytes(1024))


async def breaks_the_framing(connection: ServerConnection) -> None:
    connection.transport.write(b"\xff" * 64)


async def begins_with_a_report(connection: ServerConnection) -> None:
    await connection.send(encode(Report()))


async def refuses_for_a_reason_of_its_own(connection: ServerConnection) -> None:
    await connection.send(encode(HelloAnswer(1, "bad", "1", refusal="NO_MOOD", message="not today")))


async def leaves_at_once(connection: ServerConnection) -> None:
    await connection.close(1001)


BAD: list[tuple[Deed, str, int | None]] = [
    (says_nonsense, "OFFLINE", None), (speaks_in_text, "OFFLINE", None), (sends_a_frame_of_a_gib, "OFFLINE", 1009),
    (sends_one_after_its_greeting, "OFFLINE", 1009), (breaks_the_framing, "OFFLINE", 1002),
    (begins_with_a_report, "AUTHENTICATION_ERROR", None), (refuses_for_a_reason_of_its_own, "OFFLINE", None),
    (leaves_at_once, "OFFLINE", None)]


@asynccontextmanager
async def beside_a_good_one(tmp_path: Path) -> AsyncIterator[Cluster]:
    """In the end a volume is made through the link that was good from the beginning, which is still the same."""
    async with controller_at(tmp_path / "c") as cluster, satellite_at(tmp_path / "s", name="good") as good:
        await cluster.register("good", good.port, "PLAIN")
        await cluster.is_in_state("good", "ONLINE")
        link = good._link
        yield cluster
        assert cluster.status("good") == "ONLINE"
        await cluster.place("web", "good")
        assert good._link is link


def attempts(cluster: Cluster, name: str) -> int:
    seen = cluster.daemon.controller.cluster.nodes_seen.get(name.upper())
    return seen.reconnect_attempts if seen is not None else 0


def test_bad_satellites_are_left_alone_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All of them at the same time."""
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(beside_a_good_one(tmp_path))
            bad = {f"bad-{number}": (BadSatellite(deed), state, code) for number, (deed, state, code) in enumerate(BAD)}
            for name, (satellite, _, _) in bad.items():
                await stack.enter_async_context(satellite.running())
                await cluster.register(name, satellite.port, "PLAIN")
            await until(lambda: all(attempts(cluster, name) >= 4 for name in bad))
            assert {name: cluster.status(name) for name in bad} == {name: state for name, (_, state, _) in bad.items()}
            for satellite, _, code in bad.values():
                assert code is None or set(satellite.ends) == {code}
            for number in range(len(BAD)):  # when they end, there is another reason
                told = [record.getMessage() for record in caplog.records if f"BAD-{number}" in record.getMessage()]
                assert len(told) == 1, told
    asyncio.run(scenario())


def test_answers_that_nobody_asked_for_do_no_harm(tmp_path: Path) -> None:
    async def talks_too_much(connection: ServerConnection) -> None:
        await connection.send(encode(HELLO))
        while True:
            frame = await connection.recv()
            assert isinstance(frame, bytes)
            message = decode_for_satellite(frame)
            if isinstance(message, FullSync):
                for number in (0, 1, 1, 99, -1):
                    await connection.send(encode(PlannedSteps(number)))
                await connection.send(encode(HELLO))
                await connection.send(encode(Report(synced=message.generation)))
            elif isinstance(message, PlanResource):
                for _ in range(3):
                    await connection.send(encode(PlannedSteps(message.number, ("a step",))))

    async def scenario() -> None:
        bad = BadSatellite(talks_too_much)
        async with beside_a_good_one(tmp_path) as cluster, bad.running():
            await cluster.register("bad", bad.port, "PLAIN")
            await cluster.is_in_state("bad", "ONLINE")
            links = cluster.daemon._engine.links
            for _ in range(5):
                answer = await links.ask("BAD", resource(volume()))
                assert answer is not None and answer.steps == ("a step",)
            assert cluster.status("bad") == "ONLINE"
    asyncio.run(scenario())


def test_somebody_who_accepts_and_says_nothing_costs_the_others_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        connections = []

        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)

        silent = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with beside_a_good_one(tmp_path) as cluster, silent:
            port = silent.sockets[0].getsockname()[1]
            registering = asyncio.ensure_future(cluster.register("bad", port, "PLAIN"))
            await until(lambda: bool(connections))
            await cluster.place("meanwhile", "good")
            await registering
            assert cluster.status("bad") == "OFFLINE"
        for writer in connections:
            writer.close()
    asyncio.run(scenario())


def test_a_satellite_that_takes_nothing_is_dropped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def deaf(connection: ServerConnection) -> None:
            connection.transport.pause_reading()
            await connection.wait_closed()

        port = free_port()
        async with serve(deaf, "127.0.0.1", port, compression=None, ping_interval=None) as server:
            interface = NetInterface("u", "default", "127.0.0.1", port, "PLAIN")
            async with asyncio.timeout(PATIENCE_S), dialing(stalled_s=0.2)(interface) as connection:
                frame = bytes(1024 * 1024)
                most = 0
                with pytest.raises(ConnectionLost, match="does not take"):
                    for _ in range(1000):
                        await connection.send(frame)
                        left = connection._connection.transport.get_write_buffer_size()  # type: ignore[attr-defined]
                        most = max(most, left)
                # One frame at a time is under way, however many there would be.
                assert most < 2 * len(frame)
            for each in tuple(server.connections):
                each.transport.abort()
    asyncio.run(scenario())


def test_a_slow_satellite_that_goes_on_is_not_dropped() -> None:
    async def scenario() -> int:
        taken = 0

        async def slow(connection: ServerConnection) -> None:
            nonlocal taken
            while True:
                connection.transport.pause_reading()
                await asyncio.sleep(0.06)
                connection.transport.resume_reading()
                taken += len(await connection.recv())

        port = free_port()
        async with serve(slow, "127.0.0.1", port, compression=None, max_size=None, max_queue=1):
            interface = NetInterface("u", "default", "127.0.0.1", port, "PLAIN")
            async with asyncio.timeout(PATIENCE_S), dialing(stalled_s=0.5)(interface) as connection:
                for _ in range(20):
                    await connection.send(bytes(1024 * 1024))
        return taken
    assert asyncio.run(scenario()) > 0
