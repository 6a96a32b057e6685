"""Files of other programs, below folders that the administrator of the node has allowed. Every function raises OSError.

Folders are opened one by one and no link is followed below an allowed folder: a path can't lead out of it, not even
when somebody exchanges a folder for a link meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator

from linstor_core.satellite.facts import Absent, ExternalFileFacts, Unobserved
from linstor_core.satellite.failures import StepFailed
from linstor_core.satellite.steps import RemoveExternalFile, WriteExternalFile

MODE = 0o600
_LARGEST_BYTES = 4 * 1024 * 1024
"""Larger files are none of ours: they are not read."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def checksum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def folder_of(path: str, folders: Iterable[str]) -> str:
    """The allowed folder that a path is in, by its name alone; empty where there is none, or the path is not plain."""
    if not path.startswith("/") or os.path.normpath(path) != path or not path.isprintable():
        return ""
    inside = [folder for folder in folders if path.startswith(folder.rstrip("/") + "/") and path != folder]
    return max(inside, key=len, default="")


def look(path: str, folder: str) -> ExternalFileFacts | Absent | Unobserved:
    """What is at the path. A link, a folder and a file too large to be ours have no checksum."""
    try:
        with _parent(path, folder) as (parent, name):
            return _facts(parent, name)
    except FileNotFoundError:
        return Absent()
    except NotADirectoryError:
        return Unobserved(f"'{path}' can't be reached", "A part of its path below the allowed folder is a link, or no "
                          "folder.", "Put a folder in its place; links are not followed.")


def run(step: WriteExternalFile | RemoveExternalFile) -> None:
    if isinstance(step, WriteExternalFile):
        write(step)
    else:
        remove(step)


def write(step: WriteExternalFile) -> None:
    """Durable and whole when it returns; nobody ever sees a part of it. Raises StepFailed for a foreign file."""
    try:
        with _parent(step.path, step.folder) as (parent, name):
            _expect(parent, name, step.path, step.replaces)
            temporary = temporary_name(step.path)
            _unlink(parent, temporary)
            try:
                _make(parent, temporary, step.content)
                _expect(parent, name, step.path, step.replaces)
                os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                _unlink(parent, temporary)
                raise
            os.fsync(parent)
    except FileNotFoundError as error:
        raise StepFailed(f"The folder of '{step.path}' does not exist", cause=str(error),
                         correction="Install the program that the file is for, or make the folder.") from error


def remove(step: RemoveExternalFile) -> None:
    """Gone when it returns, and what a crash left of its writing. Raises StepFailed for a foreign file."""
    with contextlib.suppress(FileNotFoundError), _parent(step.path, step.folder) as (parent, name):
        _unlink(parent, temporary_name(step.path))
        _expect(parent, name, step.path, step.checksums)
        _unlink(parent, name)
        os.fsync(parent)


@contextlib.contextmanager
def _parent(path: str, folder: str) -> Iterator[tuple[int, str]]:
    """The open folder of a file, and the file's name in it."""
    *inner, name = os.path.relpath(path, folder).split("/")
    opened = os.open(folder, _FOLDER)
    try:
        for part in inner:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = below
        yield opened, name
    finally:
        os.close(opened)


def _facts(parent: int, name: str) -> ExternalFileFacts:
    try:
        file = os.open(name, _READ, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            return ExternalFileFacts()
        raise
    try:
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or info.st_size > _LARGEST_BYTES:
            return ExternalFileFacts()
        with os.fdopen(file, "rb", closefd=False) as opened:
            return ExternalFileFacts(checksum_of(opened.read()), stat.S_IMODE(info.st_mode))
    finally:
        os.close(file)


def _expect(parent: int, name: str, path: str, checksums: tuple[str, ...]) -> None:
    """Nothing is there, or one of these contents."""
    try:
        facts = _facts(parent, name)
    except FileNotFoundError:
        return
    if facts.checksum not in checksums:
        raise StepFailed(
            f"'{path}' was changed by somebody else meanwhile", cause="Its content is not what was written there.",
            correction="Move the file away if it is not needed; the node tries again by itself.")


def _make(parent: int, name: str, content: bytes) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE, dir_fd=parent)
    with os.fdopen(file, "wb") as opened:
        os.fchmod(file, MODE)
        os.fchown(file, os.geteuid(), os.getegid())  # a folder may give its own group to what is made in it
        opened.write(content)
        opened.flush()
        os.fsync(file)


def temporary_name(path: str) -> str:
    """Next to the file; no program takes it for a part of its configuration."""
    return f".linstor-{checksum_of(path.encode())[:16]}.new"


def _unlink(parent: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)
