"""The machines of a history: each runs the real program over its simulated disks, and can be killed at any moment."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures import Executor as Threads
from pathlib import Path
from random import Random

from linstor_core.controller.committer import Batches, OnCommit, OnFailure, Submission
from linstor_core.controller.engine import Engine
from linstor_core.controller.repository import Database
from linstor_core.domain.errors import DatabaseUnavailable
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.satellite.spec_store import Identity, Record, SpecStore, StoredResource
from linstor_core.testing.simulation.disks import Count, FaultyNode, JournalDisk, MemoryDatabase
from linstor_core.testing.simulation.loop import Process, ProcessKilled, VirtualLoop
from linstor_core.testing.simulation.network import SimulatedListener, SimulatedNetwork

PORT = 3366
RESTART_S = (0.1, 8.0)
"""What was killed is started again by itself."""

START_MS = 1_700_000_000_000
CONTROLLER = "controller"
POOL_DIRECTORIES = ("/pools/thin", "/pools/thick")


class LoopClock:
    """The `Clock` of a satellite: the loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """A job takes the time that the loop gives it."""


class NoThreads(Executor):
    """The loop does the work; nobody else may."""


class WatchedStore(SpecStore):
    """Tells of each record before it is put."""

    watch: Callable[[Record], None]

    async def put(self, *records: Record) -> None:
        for record in records:
            self.watch(record)
        await super().put(*records)


class SatelliteHost:
    """The n-th host with a satellite. `address` is its name in the network, too."""

    def __init__(self, number: int, loop: VirtualLoop, network: SimulatedNetwork, random: Random,
                 count: Count) -> None:
        self.name = f"n{number + 1}"
        self.address = f"10.0.0.{number + 1}"
        self.node = FaultyNode(POOL_DIRECTORIES, loop, random, count)
        self.node.name = self.name
        self.journal = JournalDisk(random, count)
        self.wrong: list[str] = []
        """Rules that the satellite has broken."""
        self._loop = loop
        self._network = network
        self._random = random
        self._orders: dict[str, tuple[int, int]] = {}
        self._epoch = 0
        self.process: Process | None = None

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """Does nothing where it runs already or has no power."""
        if self.runs or self.address in self._network.powered_off:
            return
        self._loop.trace(f"{self.name}: the satellite starts")
        process = self.process = Process(self.name)
        process.on_death.append(lambda: self._network.forget(process, silent=False))
        process.on_death.append(lambda: self._network.later(self._random.uniform(*RESTART_S), self.start))
        process.context.run(self._loop.create_task, self._run(process), name=f"start-{self.name}")

    async def _run(self, process: Process) -> None:
        world = World(self.node, self.node, LoopClock(self._loop), self._random.random)
        satellite = Satellite(SatelliteSettings(self.name, Path("/state"), self.address, PORT), world, self._open_store,
                              SimulatedListener(self._network), NoThreads())
        try:
            await satellite.start()
        except OSError as error:
            self._loop.trace(f"{self.name}: the satellite does not start: {error}")
            process.kill()

    def _open_store(self, directory: Path, threads: Threads) -> SpecStore:
        store = WatchedStore(directory, threads, self.journal.opened)
        store.watch = self._watch
        return store

    def _watch(self, record: Record) -> None:
        if isinstance(record, Identity):
            if record.epoch < self._epoch:
                self.wrong.append(f"{self.name} obeys epoch {record.epoch} after {self._epoch}")
            self._epoch = record.epoch
        elif isinstance(record, StoredResource) and record.spec.uuid:
            before = self._orders.get(record.spec.uuid, (0, 0))
            if record.order < before:
                self.wrong.append(f"{self.name} stores {record.spec.resource_name} {record.order} after {before}")
            self._orders[record.spec.uuid] = record.order

    def kill(self) -> None:
        """SIGKILL: devices stay."""
        if self.process is not None and self.process.alive:
            self._loop.trace(f"{self.name}: the satellite is killed")
            self.process.kill()

    def lose_power(self) -> None:
        self._loop.trace(f"{self.name}: the power is gone")
        if self.process is not None and self.process.alive:
            self._network.forget(self.process, silent=True)
            self.process.kill()
        self._network.power_off(self.address)
        self.node.lose_power()

    def get_power(self) -> None:
        self._network.power_on(self.address)
        self.start()


class SimulatedContext:
    """What operations may not fetch themselves, from the seed; the clock can be set."""

    def __init__(self, loop: VirtualLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._secrets = itertools.count(1)
        self.offset_ms = 0

    def now_ms(self) -> int:
        return START_MS + int(self._loop.time() * 1000) + self.offset_ms

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_secret(self) -> str:
        return f"secret-{next(self._secrets)}"


class SimulatedCommitter:
    """Commits in jobs of the loop, a random number of submissions at a time."""

    LONGEST_COMMIT_S = 0.03

    def __init__(self, loop: VirtualLoop, random: Random, database: Database, on_commit: OnCommit,
                 on_failure: OnFailure) -> None:
        self._loop = loop
        self._random = random
        self._batches = Batches(database, on_commit, on_failure, self._tell)
        self._waiting: list[Submission] = []
        self._working = False
        self._told_at = 0.0

    def submit(self, submission: Submission) -> None:
        self._waiting.append(submission)
        if not self._working:
            self._working = True
            self._begin()

    def _begin(self) -> None:
        self._loop.call_later(self._random.random() * self.LONGEST_COMMIT_S, self._commit)

    def _commit(self) -> None:
        size = self._random.randint(1, len(self._waiting))
        batch, self._waiting = self._waiting[:size], self._waiting[size:]
        self._loop.run_in_executor(None, self._batches.commit, batch).add_done_callback(self._committed)

    def _committed(self, _: asyncio.Future[None]) -> None:
        if self._waiting:
            self._begin()
        else:
            self._working = False

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        """A durable commit is told of a little later, in the order of the commits."""
        self._told_at = max(self._told_at, self._loop.time() + self._random.random() * 0.005)
        self._loop.call_at(self._told_at, callback, *arguments)

    async def stop(self) -> None:
        """No history ends a controller but by killing it."""


class ControllerHost:
    """The host with the controller and its database."""

    def __init__(self, loop: VirtualLoop, network: SimulatedNetwork, random: Random, count: Count) -> None:
        self._loop = loop
        self._network = network
        self._random = random
        self.database = MemoryDatabase(random, count)
        self.context = SimulatedContext(loop, random)
        self.engine: Engine | None = None
        self.process: Process | None = None
        self.starts = 0

    @property
    def runs(self) -> bool:
        return self.engine is not None and self.process is not None and self.process.alive

    def start(self) -> None:
        """Does nothing where it runs already."""
        if self.process is not None and self.process.alive:
            return
        self.starts += 1
        self._loop.trace("the controller starts")
        process = self.process = Process(CONTROLLER)
        process.on_death.append(lambda: self._network.forget(process, silent=False))
        process.on_death.append(self._died)
        process.on_death.append(lambda: self._network.later(self._random.uniform(*RESTART_S), self.start))
        process.context.run(self._loop.create_task, self._run(process), name="start-controller")

    def _died(self) -> None:
        self.engine = None

    async def _run(self, process: Process) -> None:
        loop, random = self._loop, self._random
        try:
            engine = Engine(self.database, self.context, jitter=random.random, dial=self._network.dial_from(CONTROLLER),
                            committer=lambda database, on_commit, on_failure: SimulatedCommitter(
                                loop, random, database, on_commit, on_failure))
        except (DatabaseUnavailable, ProcessKilled) as error:
            self._loop.trace(f"the controller does not start: {error}")
            process.kill()
            return
        engine.start()
        self.engine = engine

    def kill(self) -> None:
        if self.process is not None and self.process.alive:
            self._loop.trace("the controller is killed")
            self.process.kill()
