"""Fetches content from other satellites, for the steps of a plan that no executor runs.

What has been checked and is on the disk stays when a stream breaks, and is not fetched again as long as the source says
that its content is still of the same version. Anything that arrives in the wrong order, out of bounds or with another
checksum ends the fetch, and in the last case everything so far goes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import Executor as Threads
from contextlib import AbstractAsyncContextManager, suppress

import msgspec

from linstor_core.domain.errors import Code
from linstor_core.satellite.clock import Clock
from linstor_core.satellite.contents import GrowingContent, NodeContents
from linstor_core.satellite.failures import StepFailed, Unsupported, step_failed
from linstor_core.satellite.steps import FetchContent
from linstor_core.satellite.transfer_limits import Bandwidth, TransferLimits, finished, opened
from linstor_core.wire.connection import Connection, ConnectionLost, PeerRefused
from linstor_core.wire.content_transfer import (
    EXTENT_BYTES,
    ContentChecked,
    ContentExtent,
    ContentOffered,
    ContentRefused,
    ContentRequest,
    ContentTaken,
    ContentWaiting,
    ExtentsChecksum,
    FromGiver,
    decode_from_giver,
    encode,
)
from linstor_core.wire.peer_certificate import SecureConnection
from linstor_core.wire.resource_spec import Address, Origin

_log = logging.getLogger(__name__)
_PATIENCE_S = 120.0
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

NO_TRANSFERS = Unsupported("This node cannot fetch content from another one", Code.PROVIDER_UNSUPPORTED,
                           correction="Move the volume to another node.")

Dial = Callable[[Address], AbstractAsyncContextManager[Connection]]
"""The seam to the network: a connection to the satellite that listens there. Raises OSError, which includes
TimeoutError and ConnectionLost."""
Told = Callable[[int, int], None]
"""Called with (bytes that are there, bytes of data in all) as they change."""


class ContentFetches:
    """`contents` is None on a node that can't hold content by itself."""

    def __init__(self, contents: NodeContents | None, dial: Dial, threads: Threads, limits: TransferLimits,
                 clock: Clock) -> None:
        self._contents = contents
        self._dial = dial
        self._threads = threads
        self._bandwidth = Bandwidth(limits.kib_s, clock)
        self._slots = asyncio.Semaphore(limits.parallel)

    async def fetch(self, step: FetchContent, told: Told) -> None:
        """Waits for its turn. Cancelled, it ends at once. Raises SatelliteError."""
        if self._contents is None:
            raise NO_TRANSFERS
        async with self._slots:
            try:
                async with opened(self._threads, self._contents.grow, step) as content:
                    await self._into(content, step, told)
            except OSError as error:
                raise step_failed(step.description, error) from error

    async def _into(self, content: GrowingContent, step: FetchContent, told: Told) -> None:
        try:
            await self._from_anywhere(content, step, told)
        except _Damaged as error:
            await finished(self._threads, content.discard)
            raise StepFailed(f"Could not {step.description}: what arrived is damaged", cause=str(error),
                             correction="It is tried again from the start. If that goes on, look at the memory and the "
                                        "network cards of both nodes.") from error
        except _NotWritten as error:
            if error.reason.errno in _NO_SPACE:
                with suppress(OSError):  # the pool's other volumes need the room more
                    await finished(self._threads, content.discard)
            raise step_failed(step.description, error.reason) from error.reason

    async def _from_anywhere(self, content: GrowingContent, step: FetchContent, told: Told) -> None:
        """From the first address at which somebody answers."""
        reasons = []
        for address in step.origin.addresses:
            where = f"{address.host} port {address.port}"
            try:
                async with self._dial(address) as connection:
                    _check_peer(step.origin, address, connection)
                    _log.info("%s from %s", step.description, where)
                    stream = _Stream(content, self._threads, self._bandwidth, connection)
                    return await stream.all(step, told)
            except (OSError, msgspec.DecodeError) as error:
                lost = "the connection was lost: " if type(error) is ConnectionLost else ""
                reasons.append(f"{where}: {lost}{str(error) or 'no answer in time'}")
        raise StepFailed(
            f"Could not {step.description}", Code.NOT_CONNECTED,
            cause="; ".join(reasons) or f"No address of the node {step.origin.node_name} is known.",
            correction="Check that this node reaches the satellite on the other one, and that it runs a release that "
                       "can move volumes. What has arrived is kept.")


def _check_peer(origin: Origin, address: Address, connection: Connection) -> None:
    """Raises PeerRefused: the token is for the node that was meant, and for nobody else."""
    if not address.encrypted:
        return
    if not isinstance(connection, SecureConnection):
        raise PeerRefused("the connection is not encrypted")
    certificate = connection.certificate
    is_meant = (certificate.node_uuid == origin.node_uuid if certificate.node_uuid
                else origin.node_name.lower() in (name.lower() for name in certificate.names))
    if not is_meant:
        raise PeerRefused(f"the certificate that is shown there is not that of the node {origin.node_name}")


class _Damaged(Exception):
    """The checksum is another one."""


class _NotWritten(Exception):
    """Keeps what this node's own disk says apart from what happens to the connection."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Stream:
    def __init__(self, content: GrowingContent, threads: Threads, bandwidth: Bandwidth,
                 connection: Connection) -> None:
        self._content = content
        self._threads = threads
        self._bandwidth = bandwidth
        self._connection = connection
        self._checksum = ExtentsChecksum()
        self._position = 0
        self._offered = ContentOffered(0, 0, "", 0)

    async def all(self, step: FetchContent, told: Told) -> None:
        """Raises SatelliteError for a refusal, OSError and DecodeError for the connection, and the two above."""
        content = self._content
        request = ContentRequest(step.origin.token, step.source.data_id, content.version, content.position,
                                 self._bandwidth.portion_bytes)
        await self._connection.send(encode(request))
        self._offered = await self._await_offer(request)
        self._position = self._offered.position
        await self._on_disk(content.begin, self._offered.version, self._position, self._offered.size_bytes)
        arrived = 0
        told(arrived, self._offered.data_bytes)
        while True:
            match await self._next():
                case ContentExtent(offset, piece):
                    await self._take(offset, piece)
                    arrived += len(piece)
                    told(min(arrived, self._offered.data_bytes), self._offered.data_bytes)
                case ContentChecked() as checked:
                    await self._check(checked)
                    arrived = checked.passed_bytes
                    told(arrived, self._offered.data_bytes)
                    if checked.last:
                        break
                case message:
                    raise msgspec.DecodeError(f"{type(message).__name__} in the middle of a stream")
            await self._connection.send(encode(ContentTaken()))
        await self._on_disk(content.complete, self._offered.modified_ms)
        await self._connection.send(encode(ContentTaken()))

    async def _await_offer(self, request: ContentRequest) -> ContentOffered:
        while True:
            message = await self._next()
            if isinstance(message, ContentWaiting):
                continue
            if not isinstance(message, ContentOffered):
                raise msgspec.DecodeError(f"{type(message).__name__} instead of an offer")
            if message.position not in (0, request.position) or message.position > message.size_bytes:
                raise msgspec.DecodeError(f"an offer from byte {message.position} on")
            return message

    async def _next(self) -> FromGiver:
        """Raises StepFailed for a refusal."""
        async with asyncio.timeout(_PATIENCE_S):
            message = decode_from_giver(await self._connection.receive())
        if isinstance(message, ContentRefused):
            failure = message.failure
            raise StepFailed(f"The other node gives no content: {failure.message}", failure.code,
                             cause=failure.cause, correction=failure.correction, details=failure.details)
        return message

    async def _take(self, offset: int, piece: bytes) -> None:
        end = offset + len(piece)
        if not self._position <= offset < end <= self._offered.size_bytes or len(piece) > EXTENT_BYTES:
            raise msgspec.DecodeError(f"{len(piece)} bytes for the offset {offset}, after {self._position}")
        self._position = end
        await self._bandwidth.take(len(piece))
        await self._on_disk(self._write, offset, piece)

    def _write(self, offset: int, piece: bytes) -> None:
        """In a thread."""
        self._checksum.update(offset, piece)
        self._content.write(offset, piece)

    async def _check(self, checked: ContentChecked) -> None:
        is_end = checked.position == self._offered.size_bytes
        if not self._position <= checked.position <= self._offered.size_bytes or (checked.last and not is_end):
            raise msgspec.DecodeError(f"a checksum for byte {checked.position}, after {self._position}")
        if checked.checksum != self._checksum.value():
            raise _Damaged(f"The checksum of what arrived before byte {checked.position} is another one.")
        self._checksum = ExtentsChecksum()
        self._position = checked.position
        await self._on_disk(self._content.keep, checked.position)

    async def _on_disk(self, function: Callable[..., None], *args: object) -> None:
        try:
            await finished(self._threads, function, *args)
        except OSError as error:
            raise _NotWritten(error) from error
