"""The one writer: gathers what waits, commits it in one transaction, and tells the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable

from msgspec import Struct

from linstor_core.controller.repository import Repository, Write
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import DatabaseUnavailable, LinstorError


class Submission(Struct):
    """A change on its way to the disk. `cluster` is the model with it and all submissions before it."""

    write: Write | None
    cluster: Cluster
    lineage: int
    done: asyncio.Future[None]


class Committer:
    """Group commit in a thread of its own.

    Submissions build on each other: when a commit fails, all that were computed on top of it fail too (`lineage`
    tells them apart), and `on_failure` makes the loop fall back to the last published model.
    """

    MAX_BATCH = 512

    def __init__(self, repository: Repository, on_commit: Callable[[list[Submission]], None],
                 on_failure: Callable[[list[Submission], LinstorError], None]) -> None:
        self._repository = repository
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._queue: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._failed_lineage = -1
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        self._queue.put(submission)

    async def stop(self) -> None:
        """Commit what waits, then end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ending = False
        while not ending:
            batch = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) >= self.MAX_BATCH or self._queue.empty():
                    break
                item = self._queue.get()
            ending = item is None
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[Submission]) -> None:
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
                self._repository.commit(writes, kept[-1].cluster.revision)
        except LinstorError as fault:
            self._failed_lineage = max(item.lineage for item in kept)
            self._tell(self._on_failure, kept, fault)
        else:
            self._tell(self._on_commit, kept)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(callback, *arguments)
