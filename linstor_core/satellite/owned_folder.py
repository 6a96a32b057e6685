"""A folder that belongs to one satellite of the machine. It carries a mark that says whose it is, and of which boot."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_MARK = ".satellite"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class NotOurs(Exception):
    """Why a folder is not to be used."""


class OwnedFolder:
    """Safe to use from several threads. `clear` gets the open folder when all that is in it is of an earlier boot."""

    def __init__(self, path: str, state_directory: Path, clear: Callable[[int], None]) -> None:
        """The state directory says whose folder it is."""
        self.path = path
        self._owner = str(state_directory.absolute())
        self._clear = clear
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        """The mark that was found to be ours: it is not read again as long as it is the same file."""

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """The open folder, made and marked where that was missing. Raises OSError, NotOurs."""
        with self._lock:
            folder = self._open()
            try:
                if _identity(folder) != self._seen or not self._seen:
                    self._claim(folder)
                    self._seen = _identity(folder)
            except BaseException:
                os.close(folder)
                raise
        try:
            yield folder
        finally:
            os.close(folder)

    def _open(self) -> int:
        try:
            return os.open(self.path, _FOLDER)
        except FileNotFoundError:
            os.makedirs(self.path, 0o755, exist_ok=True)
            return os.open(self.path, _FOLDER)

    def _claim(self, folder: int) -> None:
        with open(_BOOT_ID) as source:
            boot = source.read().strip()
        device = str(os.stat(self._owner).st_dev)
        wanted = "\n".join((boot, device, self._owner))
        found = _read(folder)
        if found == wanted:
            return
        if not found:
            if any(not name.startswith(_MARK) for name in os.listdir(folder)):
                raise NotOurs(f"'{self.path}' is not empty, and no satellite has made it.")
            _mark_first(folder, wanted)
            return
        found_boot, found_device, owner, *_ = [*found.split("\n"), "", "", ""]
        # The number of a file system's device may change from boot to boot.
        if owner != self._owner or (found_boot == boot and found_device != device):
            raise NotOurs(f"'{self.path}' belongs to the satellite with the state directory '{owner}'.")
        if found_boot != boot:
            self._clear(folder)
        os.rename(_written(folder, wanted), _MARK, src_dir_fd=folder, dst_dir_fd=folder)


def _identity(folder: int) -> tuple[int, ...]:
    """Of the mark; empty where there is none."""
    try:
        info = os.lstat(_MARK, dir_fd=folder)
    except FileNotFoundError:
        return ()
    return info.st_dev, info.st_ino, info.st_mtime_ns, info.st_ctime_ns


def _read(folder: int) -> str:
    """Empty where there is no mark."""
    try:
        with os.fdopen(os.open(_MARK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)) as source:
            return source.read(8192)
    except FileNotFoundError:
        return ""


def _mark_first(folder: int, text: str) -> None:
    """Of two satellites that come at once one wins, and the other one is refused."""
    fresh = _written(folder, text)
    try:
        os.link(fresh, _MARK, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as error:
        raise NotOurs("Another satellite has just taken the folder.") from error
    finally:
        os.unlink(fresh, dir_fd=folder)


def _written(folder: int, text: str) -> str:
    fresh = f"{_MARK}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=folder)
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder)
    with os.fdopen(file, "w") as target:
        target.write(text)
    return fresh
