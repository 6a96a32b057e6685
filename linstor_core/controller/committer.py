"""The one writer: gathers what waits, commits it in one transaction, and tells the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from linstor_core.controller.repository import Database, Write
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import DatabaseUnavailable, LinstorError


class Submission(Struct):
    """A change on its way to the disk. `cluster` is the model with it and all submissions before it."""

    write: Write | None
    cluster: Cluster
    lineage: int
    done: asyncio.Future[None]


OnCommit = Callable[[list[Submission]], None]
OnFailure = Callable[[list[Submission], LinstorError], None]


class Committer(Protocol):
    """The seam to whatever writes while the loop goes on."""

    def submit(self, submission: Submission) -> None:
        """Returns at once; submissions are committed in the order of the calls."""

    async def stop(self) -> None:
        """Commit what waits, then end."""


StartCommitter = Callable[[Database, OnCommit, OnFailure], Committer]
"""Both functions are called in the loop that runs now."""


class Batches:
    """Commits one batch after the other.

    Submissions build on each other: when a commit fails, all that were computed on top of it fail too (`lineage`
    tells them apart), and `on_failure` makes the loop fall back to the last published model.
    """

    MAX_BATCH = 512

    def __init__(self, database: Database, on_commit: OnCommit, on_failure: OnFailure,
                 tell: Callable[..., object]) -> None:
        """`tell(function, *arguments)` has the function called in the loop, in the order of the calls."""
        self._database = database
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._tell = tell
        self._failed_lineage = -1

    def commit(self, batch: list[Submission]) -> None:
        lost = [item for item in batch if item.lineage <= self._failed_lineage]
        kept = [item for item in batch if item.lineage > self._failed_lineage]
        if lost:
            self._tell(self._on_failure, lost, DatabaseUnavailable("A change before this one could not be stored; "
                                                                  "nothing was changed.", 100))
        if not kept:
            return
        try:
            writes = [item.write for item in kept if item.write is not None]
            if writes:
                self._database.commit(writes, kept[-1].cluster.revision)
        except LinstorError as fault:
            self._failed_lineage = max(item.lineage for item in kept)
            self._tell(self._on_failure, kept, fault)
        else:
            self._tell(self._on_commit, kept)


class CommitterThread:
    """Group commit in a thread of its own."""

    def __init__(self, database: Database, on_commit: OnCommit, on_failure: OnFailure) -> None:
        self._batches = Batches(database, on_commit, on_failure, asyncio.get_running_loop().call_soon_threadsafe)
        self._queue: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        self._queue.put(submission)

    async def stop(self) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ending = False
        while not ending:
            batch = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) >= Batches.MAX_BATCH or self._queue.empty():
                    break
                item = self._queue.get()
            ending = item is None
            if batch:
                self._batches.commit(batch)
