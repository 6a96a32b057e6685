"""The parts that histories are made of: time, processes, ways between hosts, and disks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from linstor_core.controller.repository import Database, Repository
from linstor_core.domain.cluster import ControllerSettings
from linstor_core.domain.errors import DatabaseUnavailable
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.satellite.journal import FileJournal, Journal
from linstor_core.testing.simulation.disks import JournalDisk, MemoryDatabase
from linstor_core.testing.simulation.loop import Process, ProcessKilled, Stuck, VirtualLoop
from linstor_core.testing.simulation.network import SimulatedListener, SimulatedNetwork
from linstor_core.wire.connection import Connection, ConnectionLost

HERE, THERE = "10.0.0.1", "10.0.0.2"


def nobody(_: str) -> None:
    """Counts nothing."""


def played(scenario: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> VirtualLoop:
    loop = VirtualLoop(Random(1))
    task = loop.create_task(scenario(loop))
    try:
        loop.run_while(lambda: not task.done())
        task.result()
        assert loop.unheard() == []
        loop.bury()
    finally:
        loop.close()
    return loop


def test_time_passes_only_where_there_is_nothing_to_do() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((loop.time(), seconds))

        woken: list[tuple[float, float]] = []
        await asyncio.gather(sleeper(3600), sleeper(1), sleeper(60))
        assert woken == [(1, 1), (60, 60), (3600, 3600)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await asyncio.sleep(200)
        assert loop.time() == 3700

    played(scenario)


def test_a_loop_in_which_nothing_can_happen_says_so() -> None:
    loop = VirtualLoop(Random(1))
    task = loop.create_task(asyncio.Event().wait())
    with pytest.raises(Stuck):
        loop.run_while(lambda: not task.done())
    loop.bury()
    loop.close()


def test_nothing_of_a_killed_process_runs_on_not_even_its_finally() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        async def work() -> None:
            try:
                while True:
                    await asyncio.sleep(1)
                    done.append(loop.time())
            finally:
                done.append(-1)

        done: list[float] = []
        process = Process("p")
        process.context.run(loop.create_task, work())
        await asyncio.sleep(2.5)
        process.kill()
        await asyncio.sleep(10)
        assert done == [1, 2]

    played(scenario)


def test_a_fuse_kills_in_the_middle_of_the_work_and_a_step_kills_its_process() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        async def count() -> None:
            while True:
                counted.append(1)
                await asyncio.sleep(0)

        async def job() -> None:
            await loop.run_in_executor(None, killed)

        def killed() -> None:
            raise ProcessKilled

        counted: list[int] = []
        first, second = Process("first"), Process("second")
        first.fuse = 5
        first.context.run(loop.create_task, count())
        second.context.run(loop.create_task, job())
        await asyncio.sleep(1)
        assert (len(counted), first.alive, second.alive) == (5, False, False)

    played(scenario)


class Ends:
    """A listener, and one connection to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.network = SimulatedNetwork(loop, Random(2), nobody)
        self.there: Connection | None = None
        self.server, self.client = Process("server"), Process("client")
        self._gone = loop.create_future()

    async def connected(self, loop: VirtualLoop) -> Connection:
        async def serve(connection: Connection) -> None:
            self.there = connection
            await self._gone

        listener = SimulatedListener(self.network)
        await self.server.context.run(loop.create_task, listener.start(serve, THERE, 3366))
        interface = NetInterface("u", "default", THERE, 3366, "PLAIN")
        here = await self.client.context.run(
            loop.create_task, self.network.dial_from(HERE)(interface).__aenter__())
        await asyncio.sleep(0)
        return here

    @property
    def far(self) -> Connection:
        assert self.there is not None
        return self.there


def test_frames_arrive_in_their_order_and_wait_for_a_way_that_opens_again() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        ends = Ends(loop)
        here = await ends.connected(loop)
        for number in range(20):
            await here.send(bytes([number]))
        assert [await ends.far.receive() for _ in range(20)] == [bytes([number]) for number in range(20)]
        ends.network.block(HERE, THERE)
        await here.send(b"late")
        loop.call_later(5, ends.network.open, HERE, THERE)
        assert await ends.far.receive() == b"late" and loop.time() >= 5

    played(scenario)


def test_both_ends_give_a_silent_connection_up_in_their_own_time() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        async def lost(connection: Connection) -> float:
            with pytest.raises(ConnectionLost):
                await connection.receive()
            return loop.time()

        ends = Ends(loop)
        here = await ends.connected(loop)
        ends.network.block(THERE, HERE)
        times = await asyncio.gather(lost(here), lost(ends.far))
        assert all(10 <= time <= 16 for time in times)

    played(scenario)


@pytest.mark.parametrize("silent", [False, True])
def test_a_program_that_ends_is_noticed_at_once_and_a_host_without_power_late(silent: bool) -> None:
    async def scenario(loop: VirtualLoop) -> None:
        ends = Ends(loop)
        here = await ends.connected(loop)
        ends.network.forget(ends.server, silent=silent)
        ends.server.kill()
        if silent:
            ends.network.power_off(THERE)
        with pytest.raises(ConnectionLost):
            await here.receive()
        assert (loop.time() > 10) == silent
        with pytest.raises(OSError, match="nobody answers" if silent else "refused"):
            await ends.network.connect(HERE, THERE)

    played(scenario)


def test_of_a_torn_connection_a_beginning_arrives() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        ends = Ends(loop)
        here = await ends.connected(loop)
        for number in range(20):
            await here.send(bytes([number]))
        ends.network.tear(HERE, THERE)
        arrived = []
        with pytest.raises(ConnectionLost):
            while True:
                arrived.append(await ends.far.receive())
        assert arrived == [bytes([number]) for number in range(len(arrived))] and len(arrived) < 20

    played(scenario)


# The fakes of disks are held to what the real ones do

SETTINGS = ControllerSettings("cluster-1", 3, {"Aux/x": "1"})
NODE = Node("n-uuid", "Alpha", NodeType.SATELLITE, (NetInterface("i", "default", "127.0.0.1", 3366, "PLAIN"),))


@pytest.fixture(params=["real", "simulated"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Database]:
    """Opens it anew."""
    memory = MemoryDatabase(Random(1), nobody)

    def opened() -> Database:
        made: Database = Repository.in_folder(tmp_path) if request.param == "real" else memory
        made.open()
        return made

    return opened


def test_a_database_keeps_what_was_committed(database: Callable[[], Database]) -> None:
    first = database()
    assert first.load() == (None, 0)
    first.commit([((SETTINGS, NODE), ())], 3)
    first.commit([((), ((Node, "ALPHA"),)), ((NODE,), ())], 4)
    first.close()
    again = database()
    cluster, revision = again.load()
    assert cluster is not None and (cluster.controller, revision) == (SETTINGS, 4)
    assert cluster.node("alpha") == NODE
    again.commit([((), ((Node, "ALPHA"),))], 5)
    cluster, revision = again.load()
    again.close()
    assert cluster is not None and not cluster.nodes and revision == 5


def test_a_commit_that_fails_or_is_cut_off_is_there_as_a_whole_or_not_at_all() -> None:
    outcomes = set()
    for seed in range(20):
        disk = MemoryDatabase(Random(seed), nobody)
        disk.failing = 1
        with pytest.raises(DatabaseUnavailable):
            disk.commit([((SETTINGS, NODE), ())], 1)
        assert disk.load() == (None, 0)
        disk.dies_next = True
        with pytest.raises(ProcessKilled):
            disk.commit([((SETTINGS, NODE), ())], 1)
        outcomes.add(len(disk.rows))
    assert outcomes == {0, 2}


@pytest.fixture(params=["real", "simulated"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Journal]:
    disk = JournalDisk(Random(1), nobody)
    return lambda: FileJournal(tmp_path) if request.param == "real" else disk.opened(tmp_path)


def test_a_journal_grows_at_its_end_or_is_replaced(journal: Callable[[], Journal]) -> None:
    first = journal()
    assert first.read() == b""
    first.replace(b"one")
    first.append(b" two")
    assert first.size == 7
    first.close()
    again = journal()
    assert again.read() == b"one two"
    again.replace(b"three")
    again.append(b"!")
    again.close()
    last = journal()
    assert last.read() == b"three!"
    last.close()


def test_no_thread_is_started_for_what_would_block() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        with ThreadPoolExecutor(1) as threads:
            before = loop.time()
            assert await loop.run_in_executor(threads, sum, (1, 2)) == 3
            assert loop.time() > before and not threads._threads

    played(scenario)
