"""What a satellite has to know when it starts without a controller: specs, pools, whom it serves, what was complete.

One journal file of frames `magic, length, CRC-32, msgpack`. A record counts when its frame is whole; a torn end (a
crash while writing) and damaged frames are skipped. Records that come while a write runs share the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor as Threads
from pathlib import Path

import msgspec
from msgspec import Struct

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
    """A spec of one epoch. `known_data_ids` are the contents that were complete here."""

    spec: ResourceSpec
    epoch: int
    known_data_ids: frozenset[str] = frozenset()

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

    def __init__(self, directory: Path, threads: Threads) -> None:
        """Reads what is there. Raises OSError when the directory cannot be used."""
        self._path = directory / "specs.journal"
        self._threads = threads
        self.identity = Identity()
        self.pools = StoredPools()
        self.written = WrittenFiles()
        self.resources: dict[str, StoredResource] = {}
        """By upper-case name, or by what no name can be (`registry.PARKED`)."""
        self._pending: list[Record] = []
        self._flushing: asyncio.Task[None] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self._locked = _locked(directory / "lock")
        self._load()
        self._rewrite()

    def _load(self) -> None:
        content = self._path.read_bytes() if self._path.exists() else b""
        for record in _frames(content):
            self._apply(record)

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
        start = os.fstat(self._file).st_size
        try:
            _write_all(self._file, frames)
            os.fdatasync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)
            raise
        self._size += len(frames)
        if self._size > _COMPACT_BYTES + 4 * self._compact_size:
            old = self._file
            self._rewrite()
            os.close(old)

    def _rewrite(self) -> None:
        """Write what counts into a new journal that takes the old one's place."""
        named = {key: stored for key, stored in self.resources.items() if key == stored.spec.resource_name.upper()}
        others = {key: stored for key, stored in self.resources.items() if key not in named}
        records: list[Record] = [self.identity, self.pools, self.written, *named.values()]
        records += [Moved((), others)] if others else []
        temporary = self._path.with_suffix(".new")
        file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, b"".join(_frame(record) for record in records))
            os.fsync(file)
            os.rename(temporary, self._path)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._size = self._compact_size = os.fstat(file).st_size
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    async def close(self) -> None:
        """Waits for a write that is under way."""
        if self._flushing is not None:
            await asyncio.wait((self._flushing,))
        os.close(self._file)
        os.close(self._locked)


def _locked(path: Path) -> int:
    """Keeps a second satellite away from the same state. Raises BlockingIOError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise BlockingIOError(error.errno, f"another satellite uses the state in {path.parent}") from error
    return file


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view):]


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
