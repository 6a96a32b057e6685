"""Backing files: tags in extended attributes, durable creation, shared blocks. Every function raises OSError."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import threading
from collections.abc import Iterator

from linstor_core.satellite.facts import ContentState

_DATA_ID = b"user.linstor.data_id"
_STATE = b"user.linstor.state"
_FETCHED = b"user.linstor.fetched"
_FICLONE = 0x40049409
_POOL = b"user.linstor.pool"
_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
_NO_SUCH_TAG = (errno.ENODATA, errno.EOPNOTSUPP)


def read_tag(file: int | str) -> tuple[str, str]:
    """(data id, state); both empty for a file without a tag of ours."""
    try:
        data_id = os.getxattr(file, _DATA_ID).decode(errors="replace")
        return data_id, os.getxattr(file, _STATE).decode(errors="replace")
    except OSError as error:
        if error.errno in _NO_SUCH_TAG:
            return "", ""
        raise


def write_tag(file: int, data_id: str, state: ContentState) -> None:
    os.setxattr(file, _DATA_ID, data_id.encode())
    os.setxattr(file, _STATE, state.value.encode())


def mark_ready(file: int) -> None:
    forget_fetched(file)
    os.setxattr(file, _STATE, ContentState.READY.value.encode())


def mark_fetched(file: int, state: str) -> None:
    """Everything that had to be fetched is there; `state` says from where (`fetched_state`)."""
    os.setxattr(file, _STATE, state.encode())


def read_fetched(file: int) -> tuple[str, str, int]:
    """How far a fetch has come: (state that it will have, version of the source, position); empty if nowhere."""
    try:
        state, version, position = os.getxattr(file, _FETCHED).decode().split(" ")
        return state, version, int(position)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_SUCH_TAG:
            raise
        return "", "", 0


def write_fetched(file: int, state: str, version: str, position: int) -> None:
    os.setxattr(file, _FETCHED, f"{state} {version} {position}".encode())


def forget_fetched(file: int) -> None:
    try:
        os.removexattr(file, _FETCHED)
    except OSError as error:
        if error.errno not in _NO_SUCH_TAG:
            raise


def pool_marker(directory: str) -> str:
    """Empty for a directory that has not been marked."""
    try:
        return os.getxattr(directory, _POOL).decode(errors="replace")
    except OSError as error:
        if error.errno in _NO_SUCH_TAG:
            return ""
        raise


def mark_pool(directory: str) -> None:
    """Give a pool's directory a marker that no other directory has."""
    if not pool_marker(directory):
        info = os.stat(directory)
        os.setxattr(directory, _POOL, f"{info.st_dev:x}-{info.st_ino:x}-{info.st_ctime_ns:x}".encode())


@contextlib.contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def created(path: str, data_id: str) -> Iterator[int]:
    """A new file that carries its tag before it gets any content; removed again when the block fails."""
    with opened(path, os.O_RDWR | os.O_CREAT | os.O_EXCL) as file:
        try:
            write_tag(file, data_id, ContentState.BLANK)
            yield file
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise


@contextlib.contextmanager
def unnamed(directory: str) -> Iterator[int]:
    """A new file that is gone once it is closed, by whomever: also by the kernel, when the process is killed."""
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        file = os.open(directory, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in _NO_UNNAMED_FILES:
            raise
        path = os.path.join(directory, f".linstor-unnamed-{os.getpid()}-{threading.get_ident()}")
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)
    try:
        yield file
    finally:
        os.close(file)


def set_size(file: int, size_bytes: int, thick: bool) -> None:
    """Enlarge to at least `size_bytes`; thick files own all of their blocks afterwards."""
    size = os.fstat(file).st_size
    if size_bytes <= size:
        return
    if thick:
        os.posix_fallocate(file, size, size_bytes - size)
    else:
        os.ftruncate(file, size_bytes)


def share_blocks(source: int, target: int) -> None:
    """Let `target` have the content of `source` at this moment, atomically with respect to writers."""
    fcntl.ioctl(target, _FICLONE, source)


def publish(temporary: str, path: str) -> None:
    """Give the file its name durably; raises FileExistsError rather than taking a name that is in use."""
    os.link(temporary, path, follow_symlinks=False)
    os.unlink(temporary)
    sync_directory(path)


def sync_directory(path: str) -> None:
    """Make the names in the directory of `path` durable."""
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sync_mounted(device: str) -> None:
    """Write out the file systems that are mounted from a block device (in this mount namespace)."""
    number = os.stat(device).st_rdev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    with open("/proc/self/mountinfo") as mounts:
        points = [fields[4] for fields in map(str.split, mounts) if fields[2] == wanted]
    for point in points[:1]:
        # Blanks in the path stand as octal escapes.
        path = point.encode().decode("unicode_escape").encode("latin-1")
        mounted = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(mounted):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(mounted)
