"""The content of files: read without their holes, and written as it comes from another node."""

from __future__ import annotations

import errno
import os

from linstor_core.domain.errors import Code
from linstor_core.satellite import backing_files
from linstor_core.satellite.contents import Portion
from linstor_core.satellite.facts import ContentState
from linstor_core.satellite.failures import ContentMismatch, ForeignContent, StepFailed
from linstor_core.satellite.loop_devices import LoopDevices, file_id_of
from linstor_core.satellite.steps import FetchContent
from linstor_core.wire.content_transfer import fetched_state

_BLOCK_BYTES = 64 * 1024
"""Zeros are left out in units of this."""
_ZEROS = bytes(_BLOCK_BYTES)


class FileContents:
    """`NodeContents` of the real node."""

    def __init__(self, loops: LoopDevices) -> None:
        self._loops = loops

    def open(self, path: str, data_id: str) -> ReadableFile:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise ContentMismatch(path, "", data_id) from error
        try:
            found, state = backing_files.read_tag(file)
            if found != data_id or state != ContentState.READY:
                raise ContentMismatch(path, found or "(none)", data_id)
            loop = self._loops.search(file_id_of(os.fstat(file)))
            if loop is not None:
                raise StepFailed(f"'{path}' cannot be given away: {loop.path} is set up over it", Code.IN_USE,
                                 cause="Whoever uses the device could write to it meanwhile.",
                                 correction=f"Detach {loop.path}; the node that fetches tries again.")
            return ReadableFile(file)
        except BaseException:
            os.close(file)
            raise

    def grow(self, step: FetchContent) -> GrowingFile:
        try:
            file = os.open(step.temporary, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            with backing_files.created(step.temporary, step.data_id):
                file = os.open(step.temporary, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return GrowingFile(file, step)
        except BaseException:
            os.close(file)
            raise


class ReadableFile:
    """`ReadableContent` of an open file."""

    def __init__(self, file: int) -> None:
        self._file = file
        info = os.fstat(file)
        self.size_bytes = info.st_size
        self.modified_ms = info.st_mtime_ns // 1_000_000
        self.version = _version(info)

    def count_data(self, before: int) -> int:
        found, end = 0, 0
        while (start := self._seek(end, os.SEEK_DATA)) < before:
            end = min(self._seek(start, os.SEEK_HOLE), before)
            found += end - start
        return found

    def read(self, position: int, most_bytes: int) -> Portion:
        """Raises OSError where somebody has written since the file was opened, past this satellite."""
        portion = self._read(position, most_bytes)
        if _version(os.fstat(self._file)) != self.version:
            raise OSError(errno.EAGAIN, "it was written to while it was being read")
        return portion

    def _read(self, position: int, most_bytes: int) -> Portion:
        start = self._seek(position, os.SEEK_DATA)
        if start >= self.size_bytes:
            return Portion((), self.size_bytes, 0)
        length = min(self._seek(start, os.SEEK_HOLE) - start, most_bytes)
        content = os.pread(self._file, length, start)
        if not content:
            raise OSError(errno.EIO, "the file has become shorter")
        end = start + len(content)
        os.posix_fadvise(self._file, start, len(content), os.POSIX_FADV_DONTNEED)  # volumes are larger than memory
        return Portion(_without_zeros(start, content), end, len(content))

    def _seek(self, position: int, what: int) -> int:
        """The size when there is nothing more; no further than that, should the file grow meanwhile."""
        try:
            return min(os.lseek(self._file, position, what), self.size_bytes)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return self.size_bytes
            raise

    def close(self) -> None:
        os.close(self._file)


def _version(info: os.stat_result) -> str:
    return f"{info.st_mtime_ns}-{info.st_size}"


def _without_zeros(start: int, content: bytes) -> tuple[tuple[int, bytes], ...]:
    """The pieces between blocks of zeros."""
    pieces, begin = [], -1
    for offset in range(0, len(content), _BLOCK_BYTES):
        is_zero = content.startswith(_ZEROS[:len(content) - offset], offset)
        if begin < 0 and not is_zero:
            begin = offset
        elif begin >= 0 and is_zero:
            pieces.append((start + begin, content[begin:offset]))
            begin = -1
    if begin >= 0:
        pieces.append((start + begin, content[begin:] if begin else content))
    return tuple(pieces)


class GrowingFile:
    """`GrowingContent` in an open file, which carries in a tag how far it has come."""

    def __init__(self, file: int, step: FetchContent) -> None:
        """Raises ForeignContent."""
        found, state = backing_files.read_tag(file)
        if found != step.data_id or state == ContentState.READY:
            raise ForeignContent(step.temporary, found, step.data_id)
        self._file = file
        self._step = step
        self._state = fetched_state(step.origin.token)
        self._size_bytes = 0
        state, self.version, self.position = backing_files.read_fetched(file)
        if state != self._state:
            self.version, self.position = "", 0

    def begin(self, version: str, position: int, size_bytes: int) -> None:
        if position == 0:
            backing_files.forget_fetched(self._file)
        backing_files.write_tag(self._file, self._step.data_id, ContentState.BLANK)
        self.version, self.position = version, position
        self._size_bytes = max(size_bytes, self._step.size_bytes)
        os.ftruncate(self._file, position)
        backing_files.set_size(self._file, self._size_bytes, self._step.thick)

    def write(self, offset: int, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def keep(self, position: int) -> None:
        os.fdatasync(self._file)
        os.posix_fadvise(self._file, self.position, position - self.position, os.POSIX_FADV_DONTNEED)
        backing_files.write_fetched(self._file, self._state, self.version, position)
        self.position = position

    def complete(self, modified_ms: int) -> None:
        size = os.fstat(self._file).st_size
        if size != self._size_bytes:
            raise OSError(errno.EIO, f"'{self._step.temporary}' has {size} bytes instead of {self._size_bytes}")
        # A snapshot is told to be as old as its content.
        os.utime(self._file, ns=(modified_ms * 1_000_000, modified_ms * 1_000_000))
        os.fsync(self._file)
        backing_files.mark_fetched(self._file, self._state)

    def close(self) -> None:
        os.close(self._file)

    def discard(self) -> None:
        os.unlink(self._step.temporary)
