"""The file in which a satellite keeps what it has to know: it grows at its end, or is replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Protocol


class Journal(Protocol):
    """The seam to the disk that holds the state. One thread uses it at a time."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self) -> bytes: ...

    def append(self, content: bytes) -> None:
        """Durable on return; after a crash any beginning of it may be there. Raises OSError."""

    def replace(self, content: bytes) -> None:
        """Put it in the place of all there was, or leave everything as it is. Durable on return. Raises OSError."""

    def close(self) -> None: ...


class FileJournal:
    """The real disk."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError when the directory cannot be used, BlockingIOError when another satellite uses it."""
        self._path = directory / "specs.journal"
        self._file = -1
        directory.mkdir(parents=True, exist_ok=True)
        self._locked = _locked(directory / "lock")

    @property
    def size(self) -> int:
        return os.fstat(self._file).st_size

    def read(self) -> bytes:
        return self._path.read_bytes() if self._path.exists() else b""

    def append(self, content: bytes) -> None:
        start = self.size
        try:
            _write_all(self._file, content)
            os.fdatasync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)
            raise

    def replace(self, content: bytes) -> None:
        temporary = self._path.with_suffix(".new")
        file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, content)
            os.fsync(file)
            os.rename(temporary, self._path)
        except OSError:
            os.close(file)
            raise
        before, self._file = self._file, file
        if before >= 0:
            os.close(before)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def close(self) -> None:
        if self._file >= 0:
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
