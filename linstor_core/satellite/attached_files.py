"""Keeps the external files that resources of this node have attached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor as Threads
from typing import Any

from linstor_core.domain.observed import ExternalFileSeen, Failure
from linstor_core.satellite import file_planner
from linstor_core.satellite.external_files import checksum_of, folder_of
from linstor_core.satellite.facts import Absent
from linstor_core.satellite.failures import SatelliteError
from linstor_core.satellite.file_planner import Facts, FilePlan, Subject
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.spec_store import SpecStore, WrittenFiles
from linstor_core.satellite.steps import WriteExternalFile
from linstor_core.wire.external_files import ApplyFiles, ExternalFileSpec, FilesSeen

_log = logging.getLogger(__name__)
_INTERVAL_S = 30.0


class AttachedFiles:
    """`on_seen` is called in the loop after every list that was applied, and when something changed by itself.

    Content is kept in memory only: until a controller tells of them again, files stay as they are on the disk.
    """

    def __init__(self, world: World, store: SpecStore, threads: Threads, folders: tuple[str, ...],
                 on_seen: Callable[[FilesSeen], None]) -> None:
        self._world = world
        self._store = store
        self._threads = threads
        self._folders = folders
        self._on_seen = on_seen
        self._wanted: dict[str, ExternalFileSpec] = {}
        self._generation = 0
        self._news = asyncio.Event()
        self._told: FilesSeen | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._begin(self._work())

    async def stop(self) -> None:
        """A step that runs is finished; nothing new is begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def allow(self, folders: tuple[str, ...]) -> None:
        """Look at everything again with other folders; what lies outside of them now stays where it is."""
        if folders != self._folders:
            self._folders = folders
            self._news.set()

    def apply(self, message: ApplyFiles) -> None:
        """All files of the node; what this satellite wrote and is not among them goes."""
        self._wanted = {file.path: file for file in message.files}
        self._generation = message.generation
        self._told = None
        self._news.set()

    def answer(self, path: str, tell: Callable[[ExternalFileSeen], None]) -> None:
        """Look at one file, whether anything needs it or not, and change nothing."""
        async def look() -> None:
            subject = self._subject(path)
            facts = await self._look(path)
            failure = file_planner.plan(subject, self._folders, facts).failure
            if not folder_of(path, self._folders):
                failure = file_planner.not_allowed(path)
            tell(file_planner.seen(subject, self._folders, facts, failure))

        self._begin(look())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        await self._news.wait()
        while True:
            self._news.clear()
            generation, paths = self._generation, sorted({*self._wanted, *self._store.written.checksums})
            settled = [await self._settle(path) for path in paths]
            found = FilesSeen(generation, tuple(file for file in settled if file.wanted or file.failure is not None))
            if found != self._told and generation == self._generation:
                self._told = found
                self._on_seen(found)
            await (self._pause() if paths else self._news.wait())

    async def _pause(self) -> None:
        waiting = asyncio.ensure_future(self._world.clock.sleep(_INTERVAL_S))
        waking = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((waiting, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            waking.cancel()

    async def _settle(self, path: str) -> ExternalFileSeen:
        subject = self._subject(path)
        facts = await self._look(path)
        plan = file_planner.plan(subject, self._folders, facts)
        failure = plan.failure
        if plan.step is not None:
            failure = await self._carry_out(subject, plan)
            subject = Subject(path, subject.wanted, self._store.written.checksums.get(path, ()))
            facts = await self._look(path)
        return file_planner.seen(subject, self._folders, facts, failure)

    async def _carry_out(self, subject: Subject, plan: FilePlan) -> Failure | None:
        """What is written is remembered first: after a crash it is still known to be ours."""
        step = plan.step
        assert step is not None
        _log.info("%s", step.description)
        done: tuple[str, ...] = ()
        try:
            if isinstance(step, WriteExternalFile):
                done = (checksum_of(step.content),)
                await self._remember(subject.path, tuple(dict.fromkeys((*subject.written, *done))))
            await asyncio.get_running_loop().run_in_executor(self._threads, self._world.executor.run, step)
            await self._remember(subject.path, done)
        except SatelliteError as error:
            _log.warning("%s (%s)", error.message, error.cause)
            return error.failure()
        except OSError as error:
            return Failure(f"The satellite could not store its state: {error}", "Its state directory is full or "
                           "damaged.", "Free space in the satellite's state directory.")
        return None

    async def _remember(self, path: str, checksums: tuple[str, ...]) -> None:
        others = {other: kept for other, kept in self._store.written.checksums.items() if other != path}
        after = WrittenFiles({**others, path: checksums} if checksums else others)
        if after != self._store.written:
            await self._store.put(after)

    def _subject(self, path: str) -> Subject:
        return Subject(path, self._wanted.get(path), self._store.written.checksums.get(path, ()))

    async def _look(self, path: str) -> Facts:
        folder = folder_of(path, self._folders)
        if not folder:
            return Absent()
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._world.observer.external_file, path, folder)
