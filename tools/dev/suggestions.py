"""What to try next: commands that work when pasted, whatever has been tried already."""

from __future__ import annotations

from collections.abc import Container
from itertools import count

from tools import loop_mounts
from tools.dev.first_volume import FirstVolume
from tools.processes import CommandFailed, run

NOTHING_FOUND = 2
"""How blkid says that it looked and found no signature."""


def suggestions(first: FirstVolume, client: str) -> list[str]:
    second = _unused("volume", first.definition_names())
    spawn = f"{client} resource-group spawn-resources {first.group} {second} 2GiB && {client} volume list"
    if not first.device_path:
        return [spawn]
    snapshot = _unused("snap", first.snapshot_names())
    return [_use(first.device_path, f"/mnt/{first.name}"), f"{client} snapshot create {first.name} {snapshot}", spawn]


def _use(device: str, mountpoint: str) -> str:
    """Only a device that surely has no content yet is suggested for mkfs."""
    mounted = loop_mounts.mounts_of({device})
    if mounted:
        return f"df -h {next(iter(mounted))}"
    mount = f"mount --mkdir {device} {mountpoint}"
    return f"mkfs.ext4 -q {device} && {mount}" if _is_blank(device) else mount


def _is_blank(device: str) -> bool:
    try:
        run(["blkid", "--probe", device])
    except CommandFailed as failure:
        return failure.status == NOTHING_FOUND
    return False


def _unused(prefix: str, taken: Container[str]) -> str:
    return next(name for number in count(1) if (name := f"{prefix}{number}") not in taken)
