"""What a satellite has to know when it starts without a controller: specs, pools, whom it serves, what was complete.

One journal file of frames `magic, length, CRC-32, msgpack`. A record counts when its frame is whole; a torn end (a
crash while writing) and damaged frames are skipped. Records that come while a write runs share the next one.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor as Threads
from pathlib import Path

import msgspec
from msgspec import Struct

from linstor_core.satellite.journal import FileJournal, Journal
from linstor_core.wire.resource_spec import PoolSpec, ResourceSpec

_log = logging.getLogger(__name__)
_FRAME = struct.Struct(">4sII")
_MAGIC = b"LSJ1"
_COMPACT_BYTES = 4 * 1024 * 1024


class Identity(Struct, frozen=True, tag="identity"):
    """The cluster that this satellite belongs to, the newest epoch it has served, and who counted to it."""

    cluster_id: str = ""
    epoch: int = 0
    controller_id: str = ""


class StoredPools(Struct, frozen=True, tag="pools"):
    """All pools of this node, and the markers of their directories by upper-case name."""

    generation: int = 0
    pools: tuple[PoolSpec, ...] = ()
    markers: dict[str, str] = {}


class StoredResource(Struct, frozen=True, tag="resource"):
    """A spec of one epoch. `known_data_ids` are the contents that were complete here.

    Once it is `called_off`, nothing that it wants removed or replaced is, until a controller sends it again.
    """

    spec: ResourceSpec
    epoch: int
    known_data_ids: frozenset[str] = frozenset()
    called_off: bool = False

    @property
    def order(self) -> tuple[int, int]:
        """Specs only ever go up in this."""
        return self.epoch, self.spec.generation


class Forgotten(Struct, frozen=True, tag="forgotten"):
    """The spec is not stored any more."""

    resource_name: str


class Moved(Struct, frozen=True, tag="moved"):
    """Resources that are stored under other keys from now on: all of them at once, since names may be swapped."""

    former: tuple[str, ...]
    resources: dict[str, StoredResource]


class WrittenFiles(Struct, frozen=True, tag="written_files"):
    """Checksums of the external files that this satellite wrote, by path: only these may be replaced or removed."""

    checksums: dict[str, tuple[str, ...]] = {}


Record = Identity | StoredPools | StoredResource | Forgotten | Moved | WrittenFiles
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class SpecStore:
    """The memory is always ahead of the disk; `put` returns when the disk has caught up."""

    def __init__(self, directory: Path, threads: Threads,
                 open_journal: Callable[[Path], Journal] = FileJournal) -> None:
        """Reads what is there. Raises OSError when the directory cannot be used."""
        self._journal = open_journal(directory)
        self._threads = threads
        self.identity = Identity()
        self.pools = StoredPools()
        self.written = WrittenFiles()
        self.resources: dict[str, StoredResource] = {}
        """By upper-case name, or by what no name can be (`registry.PARKED`)."""
        self._pending: list[Record] = []
        self._flushing: asyncio.Task[None] | None = None
        for record in _frames(self._journal.read()):
            self._apply(record)
        self._rewrite()

    def _apply(self, record: Record) -> None:
        match record:
            case Identity():
                self.identity = record
            case StoredPools():
                self.pools = record
            case WrittenFiles():
                self.written = record
            case StoredResource():
                self.resources[record.spec.resource_name.upper()] = record
            case Forgotten():
                self.resources.pop(record.resource_name.upper(), None)
            case Moved():
                for key in record.former:
                    self.resources.pop(key, None)
                self.resources.update(record.resources)

    async def put(self, *records: Record) -> None:
        """Make records durable. Raises OSError; they then count in memory and are written with the next."""
        for record in records:
            self._apply(record)
        self._pending.extend(records)
        # A flush that is under way may have begun before: the one after it has everything.
        while self._flushing is not None:
            await asyncio.wait((self._flushing,))
        if self._pending:
            self._flushing = asyncio.ensure_future(self._flush())
            self._flushing.add_done_callback(self._flushed)
            await asyncio.shield(self._flushing)

    @property
    def is_behind(self) -> bool:
        """Whether the disk has not everything that counts in memory."""
        return bool(self._pending)

    def _flushed(self, _: asyncio.Task[None]) -> None:
        self._flushing = None

    async def _flush(self) -> None:
        records, self._pending = self._pending, []
        frames = b"".join(_frame(record) for record in records)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._write, frames)
        except OSError:
            self._pending = records + self._pending
            raise

    def _write(self, frames: bytes) -> None:
        self._journal.append(frames)
        if self._journal.size > _COMPACT_BYTES + 4 * self._compact_size:
            self._rewrite()

    def _rewrite(self) -> None:
        """Write what counts into a new journal that takes the old one's place."""
        resources = dict(self.resources)  # the loop goes on meanwhile
        named = {key: stored for key, stored in resources.items() if key == stored.spec.resource_name.upper()}
        others = {key: stored for key, stored in resources.items() if key not in named}
        records: list[Record] = [self.identity, self.pools, self.written, *named.values()]
        records += [Moved((), others)] if others else []
        self._journal.replace(b"".join(_frame(record) for record in records))
        self._compact_size = self._journal.size

    async def close(self) -> None:
        """Waits for a write that is under way."""
        if self._flushing is not None:
            await asyncio.wait((self._flushing,))
        self._journal.close()


def _frame(record: Record) -> bytes:
    payload = _encoder.encode(record)
    return _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def _frames(content: bytes) -> Iterator[Record]:
    """Every whole record; what is torn or damaged is skipped up to the next frame."""
    at = 0
    while (at := content.find(_MAGIC, at)) >= 0:
        payload = b""
        if at + _FRAME.size <= len(content):
            _, length, crc = _FRAME.unpack_from(content, at)
            payload = content[at + _FRAME.size:at + _FRAME.size + length]
            if len(payload) == length and zlib.crc32(payload) == crc:
                try:
                    yield _decoder.decode(payload)
                    at += _FRAME.size + length
                    continue
                except msgspec.DecodeError as error:
                    _log.error("a stored record cannot be read: %s", error)
        _log.error("the spec journal is damaged at byte %d: a record was skipped", at)
        at += 1
