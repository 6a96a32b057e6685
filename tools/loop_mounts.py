"""Directories that can share blocks between files (reflink), and the removal of everything that was built on them.

Loop devices and mounts are found by what backs them: only what lies below a given directory is ever touched.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from pathlib import Path

from tools.processes import CommandFailed, run

FICLONE = 0x40049409
MIB = 1024 * 1024
SMALLEST_IMAGE_MIB = 512
GONE_WITHIN_S = 3


class NoRoom(Exception):
    """The file system is too full for a pool image."""


def supports_reflink(directory: Path) -> bool:
    """Try it with two small files."""
    source, target = directory / ".reflink-source", directory / ".reflink-target"
    try:
        source.write_bytes(b"\0" * 4096)
        with source.open("rb") as old, target.open("wb") as new:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS):
            return False
        raise
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    return True


def is_mounted(directory: Path) -> bool:
    return any(mountpoint == directory for mountpoint, _ in _mounts())


def mount_image(image: Path, directory: Path, size_mib: int) -> None:
    """Mount an xfs image on `directory`, making a sparse one of at most `size_mib` first where there is none.

    An image that exists is only ever mounted, never formatted again. Raises NoRoom, CommandFailed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not image.exists():
        _make_image(image, size_mib)
    if not is_mounted(directory):
        run(["mount", "-o", "loop", str(image), str(directory)])


def _make_image(image: Path, size_mib: int) -> None:
    free_mib = os.statvfs(image.parent).f_bavail * os.statvfs(image.parent).f_frsize // MIB
    size_mib = min(size_mib, free_mib * 9 // 10)
    if size_mib < SMALLEST_IMAGE_MIB:
        raise NoRoom(f"{image.parent} has {free_mib} MiB free; a storage pool needs {SMALLEST_IMAGE_MIB} MiB at least")
    unfinished = image.with_suffix(".new")
    with unfinished.open("wb") as stream:
        stream.truncate(size_mib * MIB)
    run(["mkfs.xfs", "-q", "-f", "-m", "reflink=1", str(unfinished)])
    unfinished.rename(image)


def loop_devices_below(directory: Path) -> dict[str, Path]:
    """Device path -> backing file, of all loop devices whose backing file lies (or lay) below `directory`."""
    found = {}
    for entry in Path("/sys/block").glob("loop*"):
        try:
            text = (entry / "loop/backing_file").read_text().strip()
        except OSError:
            continue
        backing = Path(text.removesuffix(" (deleted)"))
        if backing.is_relative_to(directory):
            found[f"/dev/{entry.name}"] = backing
    return found


def mounts_of(devices: set[str]) -> dict[Path, str]:
    """Mount point -> device, for the given devices."""
    return {mountpoint: source for mountpoint, source in _mounts() if source in devices}


def release(directory: Path) -> list[str]:
    """Unmount and detach everything that is backed by files below `directory` or mounted below it.

    Goes round by round, since a volume's file may lie in a file system that is itself on a loop device. Returns what
    was done, one text each. Raises CommandFailed for what is in use.
    """
    directory = directory.resolve()
    done: list[str] = []
    pinned: set[str] = set()
    while progress := _unmount_leaves(directory) + _detach_unmounted(directory, pinned):
        done += progress
    return done


def _unmount_leaves(directory: Path) -> list[str]:
    """Mounts of our volumes anywhere, and mounts below the directory that carry no loop device any more."""
    devices = loop_devices_below(directory)
    done = []
    for mountpoint, source in sorted(_mounts(), key=lambda mount: len(mount[0].parts), reverse=True):
        carries = any(backing.is_relative_to(mountpoint) for device, backing in devices.items() if device != source)
        inside = mountpoint.is_relative_to(directory)
        if (source in devices or inside) and not carries:
            run(["umount", str(mountpoint)])
            done.append(f"unmounted {mountpoint}")
    return done


def _detach_unmounted(directory: Path, pinned: set[str]) -> list[str]:
    """`pinned` collects devices of mounts that are gone here but kept by a mount namespace of somebody else.

    The kernel frees such a device by itself once that namespace ends.
    """
    mounted = {source for _, source in _mounts()}
    done = []
    for device in loop_devices_below(directory):
        if device in mounted or device in pinned:
            continue
        if not _goes_by_itself(device):
            _detach(device, directory)
        elif not _wait_until_gone(device, directory):
            pinned.add(device)
        done.append(f"detached {device}")
    return done


def _goes_by_itself(device: str) -> bool:
    """Whether the kernel frees the device when its last user goes, as it does for a mount's own."""
    try:
        return Path(f"/sys/block/{Path(device).name}/loop/autoclear").read_text().strip() == "1"
    except OSError:
        return True


def _detach(device: str, directory: Path) -> None:
    """The kernel puts a detach off while somebody has the device open, so look whether it is really gone."""
    argv = ["losetup", "--detach", device]
    run(argv)
    if not _wait_until_gone(device, directory):
        raise CommandFailed(argv, 1, f"{device} is still open somewhere")


def _wait_until_gone(device: str, directory: Path) -> bool:
    deadline = time.monotonic() + GONE_WITHIN_S
    while device in loop_devices_below(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _mounts() -> list[tuple[Path, str]]:
    """(mount point, source) of every mount that this process sees."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        found.append((Path(_unescape(before.split()[4])), _unescape(after.split()[1])))
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
