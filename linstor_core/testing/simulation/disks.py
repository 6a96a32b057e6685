"""What survives: a node's files, a satellite's journal, a controller's database; with the faults that disks have."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from msgspec import structs

from linstor_core.controller import repository
from linstor_core.controller.repository import Write
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, DatabaseUnavailable
from linstor_core.satellite.contents import GrowingContent, ReadableContent
from linstor_core.satellite.facts import ContentState, PoolFacts, Unobserved
from linstor_core.satellite.failures import step_failed
from linstor_core.satellite.journal import Journal
from linstor_core.satellite.steps import FetchContent, PublishFile, ReplaceFile, Step
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.simulated_tables import SimulatedFile
from linstor_core.testing.simulation.loop import ProcessKilled, VirtualLoop
from linstor_core.wire.resource_spec import PoolSpec

Count = Callable[[str], None]


class FaultyNode(SimulatedNode):
    """The devices of one host. `failing` is the number of steps that will fail."""

    def __init__(self, directories: tuple[str, ...], loop: VirtualLoop, random: Random, count: Count) -> None:
        super().__init__(directories, keep_steps=False)
        self._loop = loop
        self._random = random
        self._count = count
        self.name = ""
        self.failing = 0
        self.made_at_mount_points: list[str] = []
        self.dies_after: int | None = None
        """The program is killed after so many more steps."""
        self._unmounted: dict[str, SimulatedFile] = {}
        self._markers: dict[str, str] = {}
        self.published: dict[str, bytes] = {}
        """What each content was when it got its name, by data_id."""

    def run(self, step: Step) -> None:
        if self._random.random() < 0.3:
            self._loop.let_another_thread_run()
        if self.failing:
            self.failing -= 1
            number = self._random.choice((errno.EIO, errno.ENOSPC))
            self._count(f"a step failed: {errno.errorcode[number]}")
            raise step_failed(step.description, OSError(number, "simulated"))
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                self.dies_after = None
                self._count("a satellite was killed between two steps")
                raise ProcessKilled
        super().run(step)
        self._loop.trace(f"{self.name}: {step.description}")
        if isinstance(step, PublishFile | ReplaceFile):
            self.published[step.data_id] = self.files[step.path].content

    def pool(self, pool: PoolSpec) -> PoolFacts | Unobserved:
        facts = super().pool(pool)
        if isinstance(facts, Unobserved) or not facts.directory:
            return facts
        return structs.replace(facts, marker=self._markers.get(facts.directory, f"file system of {facts.directory}"))

    def unmount(self, directory: str) -> bool:
        """Only where volumes lie: else nobody could tell the mount point from a pool. False where there are none."""
        below = {path: file for path, file in self.files.items() if path.startswith(f"{directory}/")}
        if directory in self._markers or not any(file.state == ContentState.READY for file in below.values()):
            return False
        self._unmounted |= below
        for path in below:
            del self.files[path]
        self._markers[directory] = f"mount point {directory}"
        return True

    def mount(self, directory: str) -> None:
        """What was made at the mount point meanwhile is out of sight."""
        if self._markers.pop(directory, None) is not None:
            for path in [path for path in self.files if path.startswith(f"{directory}/")]:
                self.made_at_mount_points.append(path)
                del self.files[path]
            for path in [path for path in self._unmounted if path.startswith(f"{directory}/")]:
                self.files[path] = self._unmounted.pop(path)

    def lose_power(self) -> None:
        """Devices go; of files that nobody has named and synced, some are there and some are not."""
        self.reboot()
        for path in [path for path in self.files if path.rpartition("/")[2].startswith(".")]:
            if self._random.random() < 0.5:
                self._count("an unfinished file was lost with the power")
                del self.files[path]


class FaultyContents:
    """The content of one host's files (a `NodeContents`), with the faults of its disks."""

    def __init__(self, node: FaultyNode, count: Count) -> None:
        self._node = node
        self._count = count

    def open(self, path: str, data_id: str) -> ReadableContent:
        self._fail()
        return self._node.contents.open(path, data_id)

    def grow(self, step: FetchContent) -> GrowingContent:
        self._fail()
        self._count("content came from another node")
        return self._node.contents.grow(step)

    def _fail(self) -> None:
        if self._node.failing:
            self._node.failing -= 1
            self._count("content could not be read or written")
            raise OSError(errno.EIO, "simulated")


class JournalDisk:
    """The journal of one host, across all programs that write to it."""

    def __init__(self, random: Random, count: Count) -> None:
        self.content = b""
        self.failing = 0
        """The number of writes that will fail."""
        self.dies_next = False
        """The program is killed in the middle of the next write."""
        self._random = random
        self._count = count

    def opened(self, _: Path) -> Journal:
        return _OpenJournal(self)

    def fail(self, content: bytes) -> None:
        if self.failing:
            self.failing -= 1
            self._count("a write to the journal failed")
            if self._random.random() < 0.3:  # it can't even be cut off again
                self.tear(content)
            raise OSError(errno.ENOSPC, "simulated")

    def tear(self, content: bytes) -> None:
        kept = self._random.randint(0, len(content))
        if 0 < kept < len(content):
            self._count("the end of a journal was torn")
        self.content += content[:kept]


class _OpenJournal:
    """As one program has it open."""

    def __init__(self, disk: JournalDisk) -> None:
        self._disk = disk

    @property
    def size(self) -> int:
        return len(self._disk.content)

    def read(self) -> bytes:
        return self._disk.content

    def append(self, content: bytes) -> None:
        disk = self._disk
        disk.fail(content)
        if disk.dies_next:
            disk.dies_next = False
            disk.tear(content)
            raise ProcessKilled
        disk.content += content

    def replace(self, content: bytes) -> None:
        self._disk.content = content

    def close(self) -> None:
        """There is nothing to give back."""


class MemoryDatabase:
    """A `Database`: the rows of the real one, in memory. What is in `rows` survives every program."""

    def __init__(self, random: Random, count: Count) -> None:
        self.rows: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.revision = 0
        self.failing = 0
        """The number of commits that will fail."""
        self.dies_next = False
        """The program is killed in the next commit, just before it is durable or just after."""
        self._random = random
        self._count = count
        self.on_commit: Callable[[list[Write]], None] = lambda _: None

    def open(self) -> None:
        """It always is."""

    def load(self) -> tuple[Cluster | None, int]:
        cluster = repository.decoded((kind, version, body) for (kind, _), (version, body) in self.rows.items())
        return cluster, self.revision if cluster is not None else 0

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        if self.failing:
            self.failing -= 1
            self._count("a commit failed")
            raise DatabaseUnavailable("The change could not be stored; nothing was changed.", Code.SQL,
                                      cause="simulated")
        dies, self.dies_next = self.dies_next, False
        if dies and self._random.random() < 0.5:
            self._count("a controller was killed before a commit was durable")
            raise ProcessKilled
        given = list(writes)
        rows, gone = repository.net_effect(given)
        for key in gone:
            self.rows.pop((key["k"], key["n"]), None)
        for row in rows:
            self.rows[row["kind"], row["key"]] = (row["version"], row["body"])
        self.revision = revision
        self.on_commit(given)
        if dies:
            self._count("a controller was killed after a commit was durable")
            raise ProcessKilled

    def close(self) -> None:
        """There is nothing to give back."""
