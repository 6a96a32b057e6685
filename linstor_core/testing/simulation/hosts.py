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
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.journal import Journal
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.satellite.spec_store import Forgotten, Identity, Moved, Record, SpecStore, StoredResource
from linstor_core.testing.simulation.disks import Count, FaultyContents, FaultyNode, JournalDisk, MemoryDatabase
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


class JournalRules:
    """What one host's journal is held to, over all programs that write it: order, and that nothing told is lost."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._orders: dict[str, tuple[int, int]] = {}
        """By UUID: specs only ever go up."""
        self._kept: dict[str, tuple[int, int]] = {}
        """By key: what `put` has returned for."""
        self._epochs = [0, 0]
        self.wrong: list[str] = []

    def opened(self, store: SpecStore) -> None:
        if store.identity.epoch < self._epochs[1]:
            self.wrong.append(f"{self._host} has lost the epoch {self._epochs[1]}")
        for key, order in self._kept.items():
            found = store.resources.get(key)
            if found is None or found.order < order:
                self.wrong.append(f"{self._host} has lost {key} {order}: {found.order if found else 'nothing'}")
        self._epochs = [store.identity.epoch] * 2
        self._orders = {stored.spec.uuid: stored.order for stored in store.resources.values() if stored.spec.uuid}

    def begun(self, record: Record) -> None:
        match record:
            case Identity():
                if record.epoch < self._epochs[0]:
                    self.wrong.append(f"{self._host} obeys epoch {record.epoch} after {self._epochs[0]}")
                self._epochs[0] = record.epoch
            case StoredResource() if record.spec.uuid:
                before = self._orders.get(record.spec.uuid, (0, 0))
                if record.order < before:
                    self.wrong.append(f"{self._host} stores {record.spec.resource_name} {record.order} after {before}")
                self._orders[record.spec.uuid] = record.order
            case Forgotten():
                self._kept.pop(record.resource_name.upper(), None)
            case Moved():
                for key in record.former:
                    self._kept.pop(key, None)

    def done(self, record: Record) -> None:
        match record:
            case Identity():
                self._epochs[1] = max(self._epochs[1], record.epoch)
            case StoredResource():
                key = record.spec.resource_name.upper()
                self._kept[key] = max(record.order, self._kept.get(key, (0, 0)))
            case Forgotten():  # what was begun before it may have come through after it was begun
                self._kept.pop(record.resource_name.upper(), None)


class WatchedStore(SpecStore):
    """Tells of each record before it is put, and when it is durable."""

    rules: JournalRules

    async def put(self, *records: Record) -> None:
        for record in records:
            self.rules.begun(record)
        await super().put(*records)
        for record in records:
            self.rules.done(record)


class SatelliteHost:
    """The n-th host with a satellite. `address` is its name in the network, too."""

    def __init__(self, number: int, loop: VirtualLoop, network: SimulatedNetwork, random: Random,
                 count: Count) -> None:
        self.name = f"n{number + 1}"
        self.address = f"10.0.0.{number + 1}"
        self.node = FaultyNode(POOL_DIRECTORIES, loop, random, count)
        self.node.name = self.name
        self.contents = FaultyContents(self.node, count)
        self.executor: StepExecutor = self.node
        self.clock: Clock = LoopClock(loop)
        self.satellite: type[Satellite] = Satellite
        self.journal = JournalDisk(random, count)
        self.open_journal: Callable[[Path], Journal] = self.journal.opened
        self.rules = JournalRules(self.name)
        self._loop = loop
        self._network = network
        self._random = random
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
        world = World(self.node, self.executor, self.clock, self._random.random,
                      contents=self.contents)
        settings = SatelliteSettings(self.name, Path("/state"), self.address, PORT)
        satellite = self.satellite(settings, world, self._open_store, SimulatedListener(self._network), NoThreads(),
                                   dial=self._network.fetch_from(self.address))
        try:
            await satellite.start()
        except OSError as error:
            self._loop.trace(f"{self.name}: the satellite does not start: {error}")
            process.kill()

    def _open_store(self, directory: Path, threads: Threads) -> SpecStore:
        store = WatchedStore(directory, threads, self.open_journal)
        store.rules = self.rules
        self.rules.opened(store)
        return store

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
