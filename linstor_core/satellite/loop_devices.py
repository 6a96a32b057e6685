"""Loop devices by their ioctls: no process is started, and no operation lists all devices.

Which device belongs to a file is remembered under the file's identity (device and inode number) and checked with the
kernel each time it is asked for. A list of all is made at start, and again only when a memory proves wrong.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import threading
from collections.abc import Callable

from msgspec import Struct

_CONTROL = "/dev/loop-control"
_LOOP_CLR_FD = 0x4C01
_LOOP_SET_STATUS64 = 0x4C04
_LOOP_GET_STATUS64 = 0x4C05
_LOOP_SET_CAPACITY = 0x4C07
_LOOP_CONFIGURE = 0x4C0A
_LOOP_CTL_GET_FREE = 0x4C82
_BLKGETSIZE64 = 0x80081272
_FLAG_AUTOCLEAR = 4
_FLAG_DIRECT_IO = 16
_INFO = struct.Struct("=5Q4I64s64s32s2Q")
"""struct loop_info64 of linux/loop.h."""
_CONFIG_HEAD = struct.Struct("=2I")
_CONFIG_RESERVED = bytes(64)
_LOOP_MAJOR = 7
_BLOCK_BYTES = 512
"""Said aloud: the kernel would take 4096 for a file that shares blocks, so a volume would change its block size at the
first attach after its first snapshot, and a file system on it could not be mounted any more. Where direct I/O needs
larger blocks, the kernel does without direct I/O."""
_ATTACH_ATTEMPTS = 64
_DETACH_ATTEMPTS = 8
_DETACH_PAUSE_S = 0.05
_LISTING_AGE_S = 5.0


class LoopDevice(Struct, frozen=True):
    """A loop device that is set up. `file_id` names its file as `file_id_of` does."""

    path: str
    file_id: str
    size_bytes: int


def file_id_of(info: os.stat_result) -> str:
    """The identity of a file: survives a rename, and is not that of another file with the same name."""
    return f"{os.major(info.st_dev)}:{os.minor(info.st_dev)}:{info.st_ino}"


class LoopDevices:
    """The loop devices of this machine. Safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float], pause: Callable[[float], None]) -> None:
        self._monotonic = monotonic
        self._pause = pause
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._at_path: dict[str, tuple[int, str]] = {}
        self._listed_at = float("-inf")

    def list_all(self) -> None:
        """Learn every loop device that is set up."""
        with self._lock:
            self._list_all()

    def _list_all(self) -> None:
        self._numbers.clear()
        self._at_path.clear()
        for entry in os.scandir("/sys/block"):
            if not entry.name.startswith("loop"):
                continue
            try:
                with open(f"/sys/block/{entry.name}/loop/backing_file") as source:
                    backing = source.read().rstrip("\n").removesuffix(" (deleted)")
            except OSError:
                continue  # not set up
            number = int(entry.name.removeprefix("loop"))
            found = _look(number)
            if found is not None:
                self._remember(number, backing, found.file_id)
        self._listed_at = self._monotonic()

    def _remember(self, number: int, path: str, file_id: str) -> None:
        self._numbers[file_id] = number
        self._at_path[path] = (number, file_id)

    def of_file(self, file_id: str) -> LoopDevice | None:
        """The loop device over a file that exists, if it is one that we know of."""
        known, found = self._remembered(file_id)
        if found is not None or not known:
            return found
        with self._lock:
            if self._numbers.pop(file_id, None) is not None:
                self._list_all()  # detached or moved to another device by somebody else
        return self._remembered(file_id)[1]

    def search(self, file_id: str) -> LoopDevice | None:
        """As `of_file`, but finds what somebody else has attached, too."""
        found = self.of_file(file_id)
        if found is not None:
            return found
        with self._lock:
            if self._monotonic() - self._listed_at > _LISTING_AGE_S:
                self._list_all()
        return self._remembered(file_id)[1]

    def _remembered(self, file_id: str) -> tuple[bool, LoopDevice | None]:
        """Whether a device is remembered, and the device if the kernel still says the same."""
        with self._lock:
            number = self._numbers.get(file_id)
        found = None if number is None else _look(number)
        return number is not None, found if found is not None and found.file_id == file_id else None

    def over_removed(self, path: str) -> LoopDevice | None:
        """The loop device that still holds the content of a file which was at `path` and is not any more."""
        with self._lock:
            remembered = self._at_path.get(path)
        if remembered is None:
            return None
        number, file_id = remembered
        found = _look(number)
        return found if found is not None and found.file_id == file_id else None

    def attach(self, file: int, path: str) -> str:
        """Set up a free loop device over the open file; returns its path. Raises OSError."""
        file_id = file_id_of(os.fstat(file))
        with self._lock:
            for _ in range(_ATTACH_ATTEMPTS):
                number = _free_number()
                try:
                    _configure(number, file, path)
                except OSError as error:
                    if error.errno == errno.EBUSY:
                        continue  # another program was faster
                    raise
                self._remember(number, path, file_id)
                return _node(number)
        raise OSError(errno.EBUSY, "every free loop device was taken by somebody else")

    def detach(self, device: str, file_id: str) -> None:
        """Take the device off its file; nothing is done when it is not over that file (any more).

        Raises OSError with EBUSY when something else has the device open: it then stays as it was.
        """
        for attempt in range(_DETACH_ATTEMPTS):
            if attempt:
                self._pause(_DETACH_PAUSE_S)  # udev opens a device for moments
            with self._lock:
                if _detach_if_unused(device, file_id):
                    self._forget(file_id)
                    return
        raise OSError(errno.EBUSY, f"{device} is in use")

    def _forget(self, file_id: str) -> None:
        self._numbers.pop(file_id, None)
        for path, (_, owner) in list(self._at_path.items()):
            if owner == file_id:
                del self._at_path[path]

    def resize(self, device: str, file_id: str) -> None:
        """Let the device have its file's size. Raises OSError."""
        with _opened(device, os.O_RDWR) as opened:
            if _status(opened.file) is None or _file_id(opened.file) != file_id:
                raise OSError(errno.ENODEV, f"{device} is not attached to the file any more")
            fcntl.ioctl(opened.file, _LOOP_SET_CAPACITY)


class _opened:
    """An open device, closed at the end of the block."""

    def __init__(self, path: str, flags: int) -> None:
        self.file = os.open(path, flags | os.O_CLOEXEC)

    def __enter__(self) -> _opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.file)


def _node(number: int) -> str:
    """The device's path; made when the machine's /dev does not follow the kernel (in a container)."""
    path = f"/dev/loop{number}"
    if not os.path.exists(path):
        with contextlib.suppress(FileExistsError):
            os.mknod(path, stat.S_IFBLK | 0o660, os.makedev(_LOOP_MAJOR, number))
    return path


def _free_number() -> int:
    with _opened(_CONTROL, os.O_RDWR) as control:
        return fcntl.ioctl(control.file, _LOOP_CTL_GET_FREE)


def _configure(number: int, file: int, path: str) -> None:
    name = os.fsencode(path)[:63]
    with _opened(_node(number), os.O_RDWR) as opened:
        for flags in (_FLAG_DIRECT_IO, 0):
            info = _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, name, b"", b"", 0, 0)
            try:
                head = _CONFIG_HEAD.pack(file, _BLOCK_BYTES)
                fcntl.ioctl(opened.file, _LOOP_CONFIGURE, head + info + _CONFIG_RESERVED)
                return
            except OSError as error:
                if error.errno != errno.EINVAL or not flags:
                    raise


def _status(device: int) -> tuple[int, ...] | None:
    """struct loop_info64; None when the device is not set up."""
    buffer = bytearray(_INFO.size)
    try:
        fcntl.ioctl(device, _LOOP_GET_STATUS64, buffer)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
    return _INFO.unpack(buffer)


def _file_id(device: int) -> str:
    status = _status(device)
    if status is None:
        return ""
    number, inode = status[0], status[1]
    # The kernel's huge_encode_dev: 12 bits major, 20 bits minor.
    return f"{(number >> 8) & 0xFFF}:{(number & 0xFF) | ((number >> 12) & 0xFFF00)}:{inode}"


def _look(number: int) -> LoopDevice | None:
    """What the kernel says about a device; None when it is not set up or not there."""
    path = _node(number)
    try:
        with _opened(path, os.O_RDONLY) as opened:
            file_id = _file_id(opened.file)
            size = fcntl.ioctl(opened.file, _BLKGETSIZE64, bytes(8))
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.ENODEV):
            return None
        raise
    return LoopDevice(path, file_id, int.from_bytes(size, "little")) if file_id else None


def _detach_if_unused(device: str, file_id: str) -> bool:
    """Whether the device is off the file now.

    The kernel decides by its count of openers, so nobody can open the device in between: as the only opener we see it
    gone at once, else it was only marked to go at the last close, and the mark is taken back.
    """
    try:
        opened = _opened(device, os.O_RDWR)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.ENODEV):
            return True
        raise
    with opened:
        if _file_id(opened.file) != file_id:
            return True
        fcntl.ioctl(opened.file, _LOOP_CLR_FD)
        status = _status(opened.file)
        if status is None:
            return True
        fields = list(status)
        fields[8] &= ~_FLAG_AUTOCLEAR
        fcntl.ioctl(opened.file, _LOOP_SET_STATUS64, _INFO.pack(*fields))
        return False
