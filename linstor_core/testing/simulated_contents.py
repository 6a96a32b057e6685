"""The content of a simulated node's files, with the same seam as that of real files."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from hashlib import blake2b

from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.satellite.contents import Portion
from linstor_core.satellite.facts import ContentState
from linstor_core.satellite.failures import ContentMismatch, ForeignContent, StepFailed
from linstor_core.satellite.steps import FetchContent
from linstor_core.testing.simulated_tables import FileTable, LoopTable, SimulatedFile
from linstor_core.wire.content_transfer import fetched_state


class SimulatedContents:
    """`NodeContents`. What a file says of its content is all that is data; the rest of it is a hole."""

    def __init__(self, files: FileTable, loops: LoopTable, lock: threading.RLock,
                 make: Callable[[str, SimulatedFile, FetchContent], None], free_kib: Callable[[], int]) -> None:
        self._files = files
        self._loops = loops
        self._lock = lock
        self._make = make
        self._free_kib = free_kib
        self._so_far: dict[str, tuple[str, str, int]] = {}
        """By path: the state that it will have, the version of the source, the position."""

    def open(self, path: str, data_id: str) -> SimulatedReading:
        file = self._files.get(path)
        if file is None or file.data_id != data_id or file.state != ContentState.READY:
            raise ContentMismatch(path, file.data_id if file is not None else "", data_id)
        device = self._loops.over(file.file_id)
        if device:
            raise StepFailed(f"'{path}' cannot be given away: {device} is set up over it", Code.IN_USE,
                             cause="The simulated node says so.", correction="Detach it.")
        return SimulatedReading(file)

    def grow(self, step: FetchContent) -> SimulatedGrowing:
        with self._lock:
            if step.temporary not in self._files:
                self._so_far.pop(step.temporary, None)
                self._make(step.temporary, SimulatedFile("", 0, step.data_id, ContentState.BLANK), step)
            file = self._files[step.temporary]
            if file.data_id != step.data_id or file.state == ContentState.READY:
                raise ForeignContent(step.temporary, file.data_id, step.data_id)
            return SimulatedGrowing(self, step)

    def so_far(self, path: str) -> tuple[str, str, int]:
        return self._so_far.get(path, ("", "", 0))

    def remember(self, path: str, so_far: tuple[str, str, int]) -> None:
        self._so_far[path] = so_far

    def change(self, path: str, changed: Callable[[SimulatedFile], SimulatedFile]) -> None:
        """Raises OSError when there is no room for it."""
        with self._lock:
            before = self._files[path]
            after = changed(before)
            if after.allocated_kib - before.allocated_kib > self._free_kib():
                raise OSError(errno.ENOSPC, "the simulated storage pool is full")
            self._files[path] = after

    def remove(self, path: str) -> None:
        with self._lock:
            del self._files[path]


class SimulatedReading:
    """`ReadableContent`."""

    def __init__(self, file: SimulatedFile) -> None:
        self._file = file
        self.size_bytes = file.size_bytes
        self.modified_ms = file.modified_ms
        self.version = blake2b(file.content, digest_size=8).hexdigest()

    def count_data(self, before: int) -> int:
        return min(len(self._file.content), before)

    def read(self, position: int, most_bytes: int) -> Portion:
        content = self._file.content[position:position + most_bytes]
        if not content:
            return Portion((), self.size_bytes, 0)
        pieces = ((position, content),) if content.strip(b"\0") else ()
        end = position + len(content)
        return Portion(pieces, end if end < len(self._file.content) else self.size_bytes, len(content))

    def close(self) -> None:
        pass


class SimulatedGrowing:
    """`GrowingContent`."""

    def __init__(self, contents: SimulatedContents, step: FetchContent) -> None:
        self._contents = contents
        self._path = step.temporary
        self._step = step
        self._state = fetched_state(step.origin.token)
        state, self.version, self.position = contents.so_far(self._path)
        if state != self._state:
            self.version, self.position = "", 0

    def begin(self, version: str, position: int, size_bytes: int) -> None:
        self.version, self.position = version, position
        self._contents.remember(self._path, (self._state, version, position))
        size = max(size_bytes, self._step.size_bytes)
        self._contents.change(self._path, lambda file: structs.replace(
            file, state=ContentState.BLANK, content=file.content[:position], size_bytes=size,
            allocated_kib=size // 1024 if self._step.thick else file.allocated_kib))

    def write(self, offset: int, content: bytes) -> None:
        def written(file: SimulatedFile) -> SimulatedFile:
            before = file.content.ljust(offset, b"\0")
            whole = before[:offset] + content + before[offset + len(content):]
            if len(whole) > file.size_bytes:
                raise OSError(errno.EIO, "behind the end")
            return structs.replace(file, content=whole, allocated_kib=max(file.allocated_kib, len(whole) // 1024))

        self._contents.change(self._path, written)

    def keep(self, position: int) -> None:
        self._contents.remember(self._path, (self._state, self.version, position))
        self.position = position

    def complete(self, modified_ms: int) -> None:
        self._contents.change(self._path, lambda file: structs.replace(file, state=self._state,
                                                                       modified_ms=modified_ms))

    def close(self) -> None:
        pass

    def discard(self) -> None:
        self._contents.remove(self._path)
