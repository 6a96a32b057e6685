"""Gives content to other satellites: what a spec offers, and only while nobody can write to it.

A stream is begun only when the newest spec of its resource offers the content and no plan of an older one is at work;
and before a plan of a newer spec begins that does not offer it any more, the stream is ended (`make_way`). All of that
is decided in the loop, so nothing comes in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor as Threads

import msgspec
from msgspec import Struct

from linstor_core.domain.errors import Code
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.contents import NodeContents, ReadableContent
from linstor_core.satellite.failures import SatelliteError, StepFailed, Unsupported, step_failed
from linstor_core.satellite.seldom_log import SeldomLog
from linstor_core.satellite.storage.driver import Pools
from linstor_core.satellite.storage.registry import driver_of
from linstor_core.satellite.transfer_limits import Bandwidth, TransferLimits, finished, opened
from linstor_core.wire.connection import Connection, ConnectionLost
from linstor_core.wire.content_transfer import (
    SMALLEST_EXTENT_BYTES,
    WINDOW,
    ContentChecked,
    ContentExtent,
    ContentOffered,
    ContentRefused,
    ContentRequest,
    ContentWaiting,
    ExtentsChecksum,
    decode_taken,
    encode,
)
from linstor_core.wire.resource_spec import ResourceSpec

_log = logging.getLogger(__name__)
_WAITING_S = 10.0
_PATIENCE_S = 120.0


class Offer(Struct, frozen=True):
    """A volume or snapshot volume that its spec gives away."""

    pool: str
    identifier: str
    snapshot_name: str
    data_id: str
    token: str

    def __repr__(self) -> str:
        return f"Offer({self.identifier!r}, {self.snapshot_name!r}, {self.data_id!r})"  # the token is a secret


def offers(spec: ResourceSpec) -> Iterator[Offer]:
    """What may be given away under this spec; of an active resource only its snapshots."""
    for volume in spec.volumes:
        if volume.offer and not volume.delete and not spec.active:
            yield Offer(volume.pool, volume.identifier, "", volume.data_id, volume.offer)
    for snapshot in spec.snapshots:
        for part in snapshot.volumes:
            if part.offer and not snapshot.delete:
                yield Offer(part.pool, part.identifier, snapshot.name, part.data_id, part.offer)


class Offered(Struct, frozen=True):
    """An offer that stands, and where its content is. `is_at_rest`: no plan of an older spec is at work."""

    offer: Offer
    path: str
    is_at_rest: bool


def standing(request: ContentRequest, specs: Iterable[ResourceSpec], at_work: Iterable[ResourceSpec],
             pools: Pools) -> Offered:
    """What is asked for, among the newest `specs`; one token may stand for several volumes. Raises SatelliteError."""
    known = [(spec, offer) for spec in specs for offer in offers(spec)
             if hmac.compare_digest(offer.token.encode(), request.token.encode())]
    if not known:
        raise StepFailed("This node offers no such content", Code.NOT_FOUND_VLM,
                         cause="The offer was withdrawn, the resource is active, or the node has not heard of the "
                               "offer yet.",
                         correction="Look whether the resource is inactive on the node that gives.")
    for spec, offer in known:
        if offer.data_id == request.data_id:
            is_at_rest = all(_is_offered(each, offer) for each in at_work if _place(offer) in _places(each))
            return Offered(offer, _path(spec, offer, pools), is_at_rest)
    raise StepFailed("This node offers other content under that name", Code.NOT_FOUND_VLM,
                     cause=f"Asked for was '{request.data_id}', offered is "
                           f"{', '.join(sorted(repr(offer.data_id) for _, offer in known))}.",
                     correction="Start the move again.")


def _is_offered(spec: ResourceSpec, offer: Offer) -> bool:
    return any(found == offer for found in offers(spec))


def _place(offer: Offer) -> tuple[str, str, str]:
    return offer.pool.upper(), offer.identifier, offer.snapshot_name


def _places(spec: ResourceSpec) -> set[tuple[str, str, str]]:
    """Everything that a plan for this spec may change."""
    named = {(volume.pool.upper(), volume.identifier, "") for volume in spec.volumes}
    return named | {(part.pool.upper(), part.identifier, snapshot.name) for snapshot in spec.snapshots
                    for part in snapshot.volumes}


def _path(spec: ResourceSpec, offer: Offer, pools: Pools) -> str:
    driver = driver_of(offer.pool, pools)
    for snapshot in spec.snapshots:
        for part in snapshot.volumes:
            if snapshot.name == offer.snapshot_name and part.identifier == offer.identifier:
                return driver.snapshot_content_path(part, snapshot.name, pools)
    volume = next(volume for volume in spec.volumes if volume.identifier == offer.identifier)
    return driver.content_path(volume, pools)


Find = Callable[[ContentRequest], Offered]
"""Raises SatelliteError when nothing of the kind is offered."""


class _Stream:
    def __init__(self, offer: Offer, giving: asyncio.Task[None]) -> None:
        self.offer = offer
        self.giving = giving
        self.is_withdrawn = False


class ContentOffers:
    """`find` gives what is asked for, as `standing` does for the newest specs."""

    def __init__(self, contents: NodeContents | None, find: Find, threads: Threads,
                 limits: TransferLimits, clock: Clock) -> None:
        self._contents = contents
        self._find = find
        self._threads = threads
        self._clock = clock
        self._limits = limits
        self._bandwidth = Bandwidth(limits.kib_s, clock)
        self._slots = asyncio.Semaphore(limits.parallel)
        self._streams: set[_Stream] = set()
        self._seldom = SeldomLog(_log)
        self._stopping = asyncio.Event()

    async def give(self, request: ContentRequest, connection: Connection) -> None:
        """Runs as long as the stream. Raises ConnectionLost."""
        try:
            offer = self._standing(request).offer
            await self._queued(connection)
            try:
                await self._streamed(offer, request, connection)
            finally:
                self._slots.release()
        except (SatelliteError, msgspec.DecodeError, TimeoutError) as error:
            refusal = error if isinstance(error, SatelliteError) else StepFailed(
                "The satellite that fetches does not keep to the protocol", cause=str(error) or "It does not answer.")
            self._seldom.warning(f"{connection.peer.rpartition(':')[0]} {refusal.message}",
                                 f"{connection.peer} gets no content: {refusal.message} ({refusal.cause})")
            await connection.send(encode(ContentRefused(refusal.failure())))

    async def make_way(self, spec: ResourceSpec) -> None:
        """Ends the streams of volumes that the spec names and does not offer: nobody reads them any more then."""
        if self._streams:
            places = _places(spec)
            await self._end([stream for stream in self._streams
                             if _place(stream.offer) in places and not _is_offered(spec, stream.offer)])

    async def end_of(self, spec: ResourceSpec) -> None:
        """Ends the streams of all that the spec offers."""
        offered = tuple(offers(spec))
        await self._end([stream for stream in self._streams if stream.offer in offered])

    async def stop(self) -> None:
        """Ends all streams; there are no more from then on."""
        self._stopping.set()
        await self._end(list(self._streams))

    async def _end(self, streams: list[_Stream]) -> None:
        for stream in streams:
            stream.is_withdrawn = True
            stream.giving.cancel()
        if streams:
            await asyncio.wait([stream.giving for stream in streams])

    def _standing(self, request: ContentRequest) -> Offered:
        """Raises SatelliteError."""
        self._check_running()
        found = self._find(request)
        if not found.is_at_rest:
            raise StepFailed(f"'{found.path}' is still being made inactive", Code.BUSY,
                             cause="An earlier change of the resource is at work.",
                             correction="Nothing: it is tried again.")
        return found

    async def _queued(self, connection: Connection) -> None:
        """Waits for a slot, and says now and then that it does."""
        slot = asyncio.ensure_future(self._slots.acquire())
        ending = asyncio.ensure_future(self._stopping.wait())
        try:
            while not slot.done():
                pause = asyncio.ensure_future(self._clock.sleep(_WAITING_S))
                await asyncio.wait((slot, pause, ending), return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                self._check_running()
                if not slot.done():
                    await connection.send(encode(ContentWaiting()))
        except BaseException:
            if slot.done():
                self._slots.release()
            slot.cancel()
            raise
        finally:
            ending.cancel()

    def _check_running(self) -> None:
        if self._stopping.is_set():
            raise StepFailed("The satellite on this node is ending", Code.BUSY, cause="It was told to.",
                             correction="Nothing: it is tried again.")

    async def _streamed(self, offer: Offer, request: ContentRequest, connection: Connection) -> None:
        """From here to the stream's entry nothing is awaited: what stands now is what `make_way` will find."""
        found = self._standing(request)
        giving = asyncio.ensure_future(self._give(found.path, request, connection))
        stream = _Stream(found.offer, giving)
        self._streams.add(stream)
        _log.info("%s fetches %s", connection.peer, found.path)
        try:
            await asyncio.wait((giving,))
        finally:
            giving.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await giving
            self._streams.discard(stream)
        if stream.is_withdrawn:
            raise StepFailed(f"The content of '{found.path}' is not given away any more", Code.BUSY,
                             cause="The offer was withdrawn while the content was on its way.",
                             correction="Start the move again if it is still wanted.")
        giving.result()

    async def _give(self, path: str, request: ContentRequest, connection: Connection) -> None:
        if self._contents is None:
            raise Unsupported("This node cannot give content away", Code.PROVIDER_UNSUPPORTED)
        try:
            async with opened(self._threads, self._contents.open, path, request.data_id) as content:
                giving = _Giving(content, self._threads, self._bandwidth, connection)
                await giving.all(request, self._limits.checked_kib * 1024)
        except (ConnectionLost, TimeoutError):
            raise
        except OSError as error:
            raise step_failed(f"read '{path}'", error) from error


class _Giving:
    """One stream. What is next is read and added up in a thread while what was read before is on its way."""

    def __init__(self, content: ReadableContent, threads: Threads, bandwidth: Bandwidth,
                 connection: Connection) -> None:
        self._content = content
        self._threads = threads
        self._bandwidth = bandwidth
        self._connection = connection
        self._checksum = ExtentsChecksum()
        self._checked_bytes = 0
        self._most_bytes = SMALLEST_EXTENT_BYTES
        self._position = 0
        self._passed = 0
        self._checked = 0
        self._under_way = 0

    async def all(self, request: ContentRequest, checked_bytes: int) -> None:
        self._checked_bytes = checked_bytes
        self._most_bytes = min(self._bandwidth.portion_bytes, max(SMALLEST_EXTENT_BYTES, request.most_bytes))
        await self._connection.send(encode(await finished(self._threads, self._offered, request)))
        is_last = False
        ahead = asyncio.ensure_future(finished(self._threads, self._next))
        try:
            while not is_last:
                frames, is_last = await ahead
                if not is_last:
                    ahead = asyncio.ensure_future(finished(self._threads, self._next))
                for frame in frames:
                    await self._bandwidth.take(len(frame))
                    await self._send(frame)
            while self._under_way:
                await self._await_taken()
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    def _offered(self, request: ContentRequest) -> ContentOffered:
        """In a thread, as the next one."""
        content = self._content
        if request.version == content.version and 0 <= request.position <= content.size_bytes:
            self._position = request.position
        self._passed = self._checked = content.count_data(self._position)
        return ContentOffered(content.size_bytes, content.count_data(content.size_bytes), content.version,
                              self._position, content.modified_ms)

    def _next(self) -> tuple[list[bytes], bool]:
        """Frames, and whether they are the last."""
        portion = self._content.read(self._position, self._most_bytes)
        for offset, piece in portion.pieces:
            self._checksum.update(offset, piece)
        frames = [encode(ContentExtent(*piece)) for piece in portion.pieces]
        self._position = portion.end
        self._passed += portion.data_bytes
        is_last = portion.end >= self._content.size_bytes
        if is_last or self._passed - self._checked >= self._checked_bytes:
            frames.append(encode(ContentChecked(portion.end, self._checksum.value(), self._passed, is_last)))
            self._checksum = ExtentsChecksum()
            self._checked = self._passed
        return frames, is_last

    async def _send(self, frame: bytes) -> None:
        while self._under_way >= WINDOW:
            await self._await_taken()
        await self._connection.send(frame)
        self._under_way += 1

    async def _await_taken(self) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            decode_taken(await self._connection.receive())
        self._under_way -= 1
