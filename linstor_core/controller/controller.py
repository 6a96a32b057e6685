"""The one door through which the model changes: operate, commit, publish, dispatch, answer."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from msgspec import structs

from linstor_core.controller import resource_specs
from linstor_core.controller.change import Change, Context, Operation, Outcome
from linstor_core.controller.committer import CommitterThread, StartCommitter, Submission
from linstor_core.controller.repository import Database, Write
from linstor_core.domain.cluster import KINDS, Cluster, key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.wire.api_call_rc import ApiCallRc, Severity, entry

log = logging.getLogger(__name__)

Publisher = Callable[[Cluster, Cluster, Change], None]
"""Told of every published change: the cluster before, the one after, and what changed."""


class Controller:
    """Holds the published cluster and the head that operations build on.

    All of it runs in one event loop; only the database is written from another thread. `head` may be ahead of
    `cluster` by changes that are on their way to the disk: nobody but operations sees those.
    """

    WAIT_S = 300.0
    """How long a caller is kept waiting for satellites at most; the work itself goes on."""

    def __init__(self, cluster: Cluster, database: Database, context: Context,
                 committer: StartCommitter = CommitterThread) -> None:
        self.cluster = cluster
        self.context = context
        self._head = cluster
        self._lineage = 0
        self._pending = 0
        self._newest: asyncio.Future[None] | None = None
        self._waiting: dict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        """In the order of their calls."""
        self._publishers: list[Publisher] = []
        self._changes: dict[int, Change] = {}
        self._ending = False
        self._committer = committer(database, self._committed, self._failed)

    @property
    def head(self) -> Cluster:
        """What the next operation builds on; never shown to callers."""
        return self._head

    def on_publish(self, publisher: Publisher) -> None:
        self._publishers.append(publisher)

    async def apply(self, operation: Operation) -> list[ApiCallRc]:
        """Run one operation to its end and give its answer. Raises LinstorError when it is refused."""
        try:
            change = operation(self._head, self.context)
        except LinstorError:
            await self._caught_up()
            raise
        if not change.puts and not change.deletes:
            await self._caught_up()
        await self._store(change)
        answers = list(change.answers)
        if change.outcome is not None:
            answers.extend(await self._until(change.outcome, change.watch, change.wait_s))
        return answers

    async def _caught_up(self) -> None:
        """What is said of the head (it exists already, there is nothing to do) has to hold for the next query, too."""
        if self._newest is not None and not self._newest.done():
            await asyncio.wait((self._newest,))

    def fold(self, operation: Operation) -> asyncio.Future[None]:
        """Apply what nobody waits for (reports, link states), in the order of the calls."""
        return self._store(operation(self._head, self.context))

    def _store(self, change: Change) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not change.puts and not change.deletes:
            done.set_result(None)
            return done
        before = self._head
        self._head = resource_specs.with_generations(before, before.with_documents(change.puts, change.deletes), change)
        write = _persistent_part(change)
        submission = Submission(write, self._head, self._lineage, done)
        self._changes[id(submission)] = change
        if write is None and self._pending == 0:
            self._publish(submission)
        else:
            self._pending += 1
            self._newest = done
            self._committer.submit(submission)
        return done

    def _committed(self, batch: list[Submission]) -> None:
        for submission in batch:
            self._pending -= 1
            self._publish(submission)

    def _failed(self, batch: list[Submission], fault: LinstorError) -> None:
        if batch[0].lineage == self._lineage:
            self._lineage += 1
            self._head = self.cluster
            log.error("%s %s", fault.message, fault.cause)
        for submission in batch:
            self._pending -= 1
            self._changes.pop(id(submission), None)
            if not submission.done.done():
                submission.done.set_exception(fault)
                submission.done.exception()  # nobody awaits the result of a folded report

    def _publish(self, submission: Submission) -> None:
        change = self._changes.pop(id(submission))
        before, self.cluster = self.cluster, submission.cluster
        if not submission.done.done():
            submission.done.set_result(None)
        for publisher in self._publishers:
            publisher(before, self.cluster, change)
        for key in _touched(change):
            for event in self._waiting.get(key, ()):
                event.set()

    async def _until(self, outcome: Outcome, watch: Sequence[str],
                     wait_s: float | None = None) -> tuple[ApiCallRc, ...]:
        event = asyncio.Event()
        for key in watch:
            self._waiting[key][event] = None
        try:
            async with asyncio.timeout(self.WAIT_S if wait_s is None else wait_s):
                while (entries := outcome(self.cluster)) is None:
                    if self._ending:
                        return (_ends_first(),)
                    event.clear()
                    await event.wait()
                return entries
        except TimeoutError:
            return (_still_working(),)
        finally:
            for key in watch:
                self._waiting[key].pop(event, None)
                if not self._waiting[key]:
                    del self._waiting[key]

    def let_go(self) -> None:
        """Answer everyone who waits for satellites, now and from now on: this controller is about to end."""
        self._ending = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    async def stop(self) -> None:
        await self._committer.stop()


def _persistent_part(change: Change) -> Write | None:
    puts = [document for document in change.puts if KINDS[type(document)].persistent]
    deletes = [(cls, key) for cls, key in change.deletes if KINDS[cls].persistent]
    return (puts, deletes) if puts or deletes else None


def _touched(change: Change) -> set[str]:
    """The upper-case names of definitions, nodes and snapshots that a waiting caller may care about."""
    keys: set[str] = set()
    for document in change.puts:
        for attribute in ("name", "resource_name", "node_name"):
            name = getattr(document, attribute, None)
            if name:
                keys.add(key_of(name))
    for _, key in change.deletes:
        keys.update((key,) if isinstance(key, str) else key)
    return keys


def _still_working() -> ApiCallRc:
    return entry(Severity.WARN, 1002, 0, "The work goes on in the background.",
                 cause="A satellite did not finish in time.",
                 correction="Look at the resource's state; nothing has to be repeated.")


def _ends_first() -> ApiCallRc:
    return entry(Severity.WARN, 1002, 0, "The work goes on in the background.",
                 cause="The controller is being stopped.",
                 correction="Look at the resource's state when it is back; nothing has to be repeated.")


def next_epoch(cluster: Cluster) -> Cluster:
    """The cluster as a controller that starts has to store it: satellites obey the highest epoch they have seen."""
    settings = structs.replace(cluster.controller, epoch=cluster.controller.epoch + 1)
    return structs.replace(cluster, controller=settings)
