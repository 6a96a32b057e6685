"""The rules of a stream of content, with an end of it that keeps none; limits; time is virtual."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs

from linstor_core.domain.errors import Code
from linstor_core.satellite.content_fetches import ContentFetches
from linstor_core.satellite.content_offers import ContentOffers, Offer, Offered, standing
from linstor_core.satellite.contents import GrowingContent, ReadableContent
from linstor_core.satellite.failures import SatelliteError, StepFailed
from linstor_core.satellite.file_contents import ReadableFile
from linstor_core.satellite.steps import FetchContent
from linstor_core.satellite.transfer_limits import Bandwidth, TransferLimits
from linstor_core.testing.connection_pair import PairedConnection, connected
from linstor_core.testing.satellite_specs import pool, resource, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.simulated_tables import SimulatedFile
from linstor_core.testing.transfer_contract import moved, offered, origin
from linstor_core.testing.virtual_clock import VirtualClock
from linstor_core.wire.connection import Connection
from linstor_core.wire.content_transfer import (
    EXTENT_BYTES,
    ContentChecked,
    ContentExtent,
    ContentOffered,
    ContentRequest,
    ContentTaken,
    ContentWaiting,
    ExtentsChecksum,
    decode_from_giver,
    encode,
)
from linstor_core.wire.node_report import HelloAnswer
from linstor_core.wire.resource_spec import Address

SIZE = 4 * EXTENT_BYTES
TEMPORARY = "/pool/.c_00000.c1.tmp"
OFFER = ContentOffered(SIZE, SIZE, "v1", 0)
SOURCE = moved().source
assert SOURCE is not None
STEP = FetchContent(origin(), SOURCE, TEMPORARY, SIZE, False, "c1")


def checked(*extents: ContentExtent, position: int, last: bool = False) -> ContentChecked:
    checksum = ExtentsChecksum()
    for extent in extents:
        checksum.update(extent.offset, extent.content)
    return ContentChecked(position, checksum.value(), sum(len(extent.content) for extent in extents), last)


def fetch(node: SimulatedNode, *frames: Struct | bytes) -> SatelliteError | None:
    """From a giver that says just this, whatever it is asked."""
    async def fetched() -> None:
        with ThreadPoolExecutor(2) as threads:
            @contextlib.asynccontextmanager
            async def dial(_: Address) -> AsyncIterator[Connection]:
                near, far = connected()
                for frame in frames:
                    await far.send(frame if isinstance(frame, bytes) else encode(frame))  # type: ignore[arg-type]
                await far.close()
                yield near
            await ContentFetches(node.contents, dial, threads, TransferLimits(), VirtualClock()).fetch(
                STEP, lambda _, __: None)
    try:
        asyncio.run(fetched())
    except SatelliteError as error:
        return error
    return None


DATA = ContentExtent(EXTENT_BYTES, b"data")
END = checked(DATA, position=SIZE, last=True)


def test_what_keeps_the_rules_is_taken_even_when_it_has_to_wait() -> None:
    node = SimulatedNode(("/pool",))
    assert fetch(node, ContentWaiting(), ContentWaiting(), OFFER, DATA, END) is None
    file = node.files[TEMPORARY]
    assert file.state.startswith("fetched-") and file.content == bytes(EXTENT_BYTES) + b"data"


@pytest.mark.parametrize("frames", [
    (),
    (b"\xc1garbage",),
    (HelloAnswer(1, "host", "1.0"),),
    (DATA,),
    (OFFER, OFFER),
    (OFFER, ContentWaiting()),
    (structs.replace(OFFER, position=1), END),
    (OFFER, ContentExtent(SIZE - 2, b"data"), END),
    (OFFER, ContentExtent(-1, b"data"), END),
    (OFFER, ContentExtent(0, b""), END),
    (OFFER, ContentExtent(0, bytes(EXTENT_BYTES + 1)), END),
    (OFFER, DATA, ContentExtent(0, b"data"), END),
    (OFFER, DATA, checked(DATA, position=EXTENT_BYTES), END),
    (OFFER, DATA, checked(DATA, position=SIZE + 1, last=True)),
    (OFFER, DATA, checked(DATA, position=SIZE - 1, last=True)),
    (OFFER, DATA, checked(DATA, position=SIZE)),
    (OFFER, DATA),
], ids=lambda frames: "-".join(type(frame).__name__ for frame in frames) or "nothing")
def test_what_breaks_the_rules_or_ends_too_soon_is_never_complete(frames: tuple[Struct | bytes, ...]) -> None:
    node = SimulatedNode(("/pool",))
    error = fetch(node, *frames)
    assert error is not None and error.code == Code.NOT_CONNECTED and error.cause
    assert node.files[TEMPORARY].state == "blank"


def test_a_wrong_checksum_takes_everything_along() -> None:
    node = SimulatedNode(("/pool",))
    right = checked(DATA, position=2 * EXTENT_BYTES)
    error = fetch(node, OFFER, DATA, right, ContentExtent(3 * EXTENT_BYTES, b"data"), END)
    assert error is not None and "damaged" in error.message
    assert TEMPORARY not in node.files


class Giving:
    """A node that gives the content of `r`, and those that fetch it without ever answering."""

    def __init__(self, threads: ThreadPoolExecutor, clock: VirtualClock, limits: TransferLimits) -> None:
        self.node = SimulatedNode(("/pool",))
        self.node.files["/pool/r_00000.img"] = SimulatedFile("0:1:0", SIZE, "d1", "ready", b"data" * (SIZE // 8))
        self.clock = clock
        self.offers = ContentOffers(self.node.contents, self.found, threads, limits, clock)
        self._given: list[asyncio.Task[None]] = []

    def found(self, request: ContentRequest) -> Offered:
        return Offered(Offer("p", "r_00000", "", "d1", request.token), "/pool/r_00000.img", is_at_rest=True)

    def ask(self, most_bytes: int = EXTENT_BYTES) -> PairedConnection:
        near, far = connected()
        request = ContentRequest("token", "d1", most_bytes=most_bytes)
        self._given.append(asyncio.ensure_future(self.offers.give(request, far)))
        return near

    async def stop(self) -> None:
        await self.offers.stop()
        for task in self._given:
            task.cancel()
        await asyncio.gather(*self._given, return_exceptions=True)


@contextlib.asynccontextmanager
async def giving(limits: TransferLimits) -> AsyncIterator[Giving]:
    with ThreadPoolExecutor(2) as threads:
        made = Giving(threads, VirtualClock(), limits)
        try:
            yield made
        finally:
            await made.stop()


async def kinds(connection: PairedConnection, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [type(decode_from_giver(await connection.receive())).__name__ for _ in range(count)]


def test_more_than_the_allowed_number_wait_for_their_turn() -> None:
    async def scenario() -> None:
        async with giving(TransferLimits(parallel=1)) as it:
            first, second = it.ask(), it.ask()
            assert await kinds(first, 2) == ["ContentOffered", "ContentExtent"]
            await it.clock.advance(25)
            assert await kinds(second, 2) == ["ContentWaiting", "ContentWaiting"]
            await first.close()
            assert await kinds(second, 2) == ["ContentOffered", "ContentExtent"]
            third = it.ask()
            await it.clock.advance(0)
            await it.offers.stop()
            assert await kinds(third, 1) == ["ContentRefused"]
    asyncio.run(scenario())


class SlowToOpen:
    """A `NodeContents` that takes its time, and knows what is open."""

    def __init__(self, node: SimulatedNode) -> None:
        self._contents = node.contents
        self.is_opening = threading.Event()
        self.may_open = threading.Event()
        self.opened = 0

    def open(self, path: str, data_id: str) -> ReadableContent:
        return self._counted(self._contents.open(path, data_id))

    def grow(self, step: FetchContent) -> GrowingContent:
        return self._counted(self._contents.grow(step))

    def _counted(self, content: Any) -> Any:
        self.is_opening.set()
        self.may_open.wait(10)
        self.opened += 1
        content.close = self._closed
        return content

    def _closed(self) -> None:
        self.opened -= 1


@pytest.mark.parametrize("gives", [True, False])
def test_what_is_being_opened_when_nobody_wants_it_any_more_is_closed(*, gives: bool) -> None:
    async def scenario() -> None:
        with ThreadPoolExecutor(2) as threads:
            it = Giving(threads, VirtualClock(), TransferLimits())
            slow = SlowToOpen(it.node)
            offers = ContentOffers(slow, it.found, threads, TransferLimits(), it.clock)
            fetches = ContentFetches(slow, lambda _: contextlib.nullcontext(connected()[0]), threads,  # type: ignore[arg-type]
                                     TransferLimits(), it.clock)
            work = asyncio.ensure_future(offers.give(ContentRequest("token", "d1"), connected()[1]) if gives
                                         else fetches.fetch(STEP, lambda _, __: None))
            await asyncio.to_thread(slow.is_opening.wait, 10)
            work.cancel()
            await asyncio.sleep(0)
            slow.may_open.set()
            await asyncio.gather(work, return_exceptions=True)
            assert slow.opened == 0
    asyncio.run(scenario())


def test_no_more_is_under_way_than_was_taken() -> None:
    async def scenario() -> None:
        async with giving(TransferLimits(kib_s=64)) as it:  # in pieces of 64 KiB
            connection = it.ask()
            for _ in range(20):
                await it.clock.advance(1)
            assert await kinds(connection, 5) == ["ContentOffered", *4 * ["ContentExtent"]]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.receive()
            await connection.send(encode(ContentTaken()))
            await it.clock.advance(1)
            assert await kinds(connection, 1) == ["ContentExtent"]
    asyncio.run(scenario())


@pytest.mark.parametrize(("wanted", "given"), [(100_000, 100_000), (1, 65536), (1 << 30, EXTENT_BYTES)])
def test_whoever_is_slow_on_purpose_gets_small_pieces(wanted: int, given: int) -> None:
    async def scenario() -> None:
        async with giving(TransferLimits()) as it:
            connection = it.ask(wanted)
            await connection.receive()
            extent = decode_from_giver(await connection.receive())
            assert isinstance(extent, ContentExtent) and len(extent.content) == given
    asyncio.run(scenario())


def test_nothing_is_given_while_an_older_spec_is_at_work() -> None:
    request = ContentRequest(offered().volumes[0].offer, "d1")
    pools = {"P": pool("/pool")}
    older = resource(volume())
    assert standing(request, [offered()], [], pools).is_at_rest
    assert standing(request, [offered()], [offered()], pools).is_at_rest
    assert not standing(request, [offered()], [older], pools).is_at_rest
    assert standing(request, [offered()], [resource(volume(name="x"), name="x")], pools).is_at_rest
    with pytest.raises(StepFailed, match="no such content"):
        standing(request, [older], [], pools)
    with pytest.raises(StepFailed, match="no such content"):
        standing(ContentRequest("", "d1"), [older, offered()], [], pools)


def test_bandwidth_is_shared_and_not_saved_up() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        bandwidth = Bandwidth(1024, clock)
        done: list[float] = []

        async def take(count: int) -> None:
            await bandwidth.take(count * 1024)
            done.append(clock.monotonic())

        tasks = [asyncio.ensure_future(take(1024)) for _ in range(4)]
        await clock.advance(10)
        tasks.append(asyncio.ensure_future(take(2048)))
        await clock.advance(0)
        tasks.append(asyncio.ensure_future(take(1)))
        await clock.advance(10)
        await asyncio.gather(*tasks)
        assert done == [0, 1, 2, 3, 10, 12]
        assert Bandwidth(0, clock).portion_bytes == EXTENT_BYTES
        assert Bandwidth(100, clock).portion_bytes == 100 * 1024
    asyncio.run(scenario())


def test_holes_and_zeros_are_not_read(pool_dir: Path) -> None:
    path = pool_dir / "file"
    with open(path, "wb") as made:
        made.truncate(SIZE)
        made.seek(EXTENT_BYTES)
        made.write(bytes(128 * 1024) + b"x" * 70_000 + bytes(200_000))
        made.seek(SIZE - 5)
        made.write(b"end")
    readable = ReadableFile(os.open(path, os.O_RDONLY))
    try:
        first = readable.read(0, EXTENT_BYTES)
        assert first.end >= EXTENT_BYTES + 398_072 and first.data_bytes < 420_000
        (offset, piece), = first.pieces
        assert offset == EXTENT_BYTES + 128 * 1024 and piece.rstrip(b"\0") == b"x" * 70_000 and len(piece) == 131_072
        rest = readable.read(first.end, EXTENT_BYTES)
        assert rest.end == SIZE and rest.pieces[0][1].rstrip(b"\0").lstrip(b"\0") == b"end"
        assert readable.count_data(SIZE) == first.data_bytes + rest.data_bytes
        assert readable.read(SIZE, 100).pieces == ()
    finally:
        readable.close()


@pytest.mark.parametrize("is_read_to_its_end", [False, True])
def test_a_file_that_somebody_writes_to_while_it_is_read_is_not_given(pool_dir: Path, is_read_to_its_end: bool) -> None:
    """By its path, or by a device that was set up over it by hand meanwhile: a mixture of two moments is no content."""
    path = pool_dir / "file"
    with open(path, "wb") as made:
        made.write(b"x" * EXTENT_BYTES)
        made.truncate(SIZE)
    readable = ReadableFile(os.open(path, os.O_RDONLY))
    try:
        portion = readable.read(0, EXTENT_BYTES if is_read_to_its_end else EXTENT_BYTES // 2)
        with open(path, "r+b") as changed:
            changed.write(b"other")
            changed.flush()
            os.utime(changed.fileno())  # the kernel's own stamp may be as coarse as its ticks
        with pytest.raises(OSError, match="written to"):
            readable.read(portion.end, EXTENT_BYTES)
    finally:
        readable.close()
