"""The transfer of content between satellites, as one of them takes part in it: it gives, and it fetches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor as Threads
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from linstor_core.domain.observed import ResourceSeen, VolumeSeen
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.content_fetches import ContentFetches, Dial
from linstor_core.satellite.content_offers import ContentOffers, Find
from linstor_core.satellite.contents import NodeContents
from linstor_core.satellite.registry import Entry
from linstor_core.satellite.steps import FetchContent
from linstor_core.satellite.transfer_limits import TransferLimits
from linstor_core.wire.resource_spec import ResourceSpec, SnapshotVolumeSpec, VolumeSpec

_PROGRESS_S = 2.0


class Transfers:
    """Both directions. Without `threads` they have some of their own: a slow disk holds nothing else up."""

    def __init__(self, contents: NodeContents | None, dial: Dial, find: Find,
                 limits: TransferLimits, clock: Clock, *, threads: Threads | None = None) -> None:
        self.is_possible = contents is not None
        self._clock = clock
        self._own_threads = None if threads is not None else ThreadPoolExecutor(2 * limits.parallel,
                                                                                "satellite-content")
        work = threads or self._own_threads
        assert work is not None
        self._fetches = ContentFetches(contents, dial, work, limits, clock)
        self.offers = ContentOffers(contents, find, work, limits, clock)

    def stop(self) -> None:
        """Everything has to be ended before."""
        if self._own_threads is not None:
            self._own_threads.shutdown(wait=False)

    async def fetch(self, entry: Entry, step: FetchContent, told: Callable[[int, int], None]) -> Exception | None:
        """Fetch as long as the newest spec wants it; the reason when that fails.

        `told` is called now and then, and whenever a spec comes, with (bytes that are there, bytes in all).
        """
        progress = [0, step.size_bytes]

        def note(there: int, total: int) -> None:
            progress[:] = there, total

        work = asyncio.ensure_future(self._fetches.fetch(step, note))
        try:
            while not work.done() and is_wanted(entry, step):
                told(*progress)
                await self._until_news(entry, work)
            failure = work.exception() if work.done() else None
            return failure if isinstance(failure, Exception) else None
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _until_news(self, entry: Entry, work: asyncio.Future[None]) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(_PROGRESS_S))
        waking = asyncio.ensure_future(entry.wake.wait())
        try:
            await asyncio.wait((work, pause, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            waking.cancel()
        entry.wake.clear()  # that there is something to do is remembered apart from this


def is_wanted(entry: Entry, step: FetchContent) -> bool:
    """Whether the newest spec still wants this content, and from there."""
    if entry.forgotten or entry.is_parked:
        return False
    spec = entry.stored.spec
    wanted: list[VolumeSpec | SnapshotVolumeSpec] = [volume for volume in spec.volumes if not volume.delete]
    wanted += [part for snapshot in spec.snapshots if not snapshot.delete for part in snapshot.volumes]
    return any(each.data_id == step.data_id and each.source == step.source and each.origin is not None
               and each.origin.token == step.origin.token for each in wanted)


def with_progress(seen: ResourceSeen, before: ResourceSeen | None, spec: ResourceSpec, step: FetchContent,
                  fetched: tuple[int, int]) -> ResourceSeen:
    """What is there by now, with how far the fetch is in it, as part of the last answer: `before`."""
    there, total = fetched
    seen = structs.replace(seen, generation=before.generation if before is not None else 0,
                           failures=before.failures if before is not None else ())
    coming = next((volume for volume in spec.volumes if volume.data_id == step.data_id), None)
    volumes = seen.volumes
    if coming is not None:
        volumes = (*(volume for volume in volumes if volume.number != coming.number),
                   VolumeSeen(coming.number, coming.data_id, False, fetched_kib=there // 1024,
                              to_fetch_kib=total // 1024))
    return structs.replace(seen, resource_name=spec.resource_name, volumes=volumes)
