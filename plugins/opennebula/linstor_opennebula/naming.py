"""Which volume is meant: the names of the older add-ons are kept, so what they made is found."""

from __future__ import annotations

import re
from collections.abc import Iterable

PREFIX = "OpenNebula-"
SNAPSHOT_PREFIX = "OpenNebula-Snap-"
INCOMPLETE = "Aux/opennebula/incomplete"
"""The property of a volume that is still being filled; what carries it may be thrown away."""

_IMAGE = re.compile(r"(?:OpenNebula-Image|one)-(?P<image>\d+)")
_CLONED = re.compile(r"(?:OpenNebula-Image|one)-\d+-vm(?P<vm>\d+)-disk(?P<disk>\d+)|"
                     r"one-\d+-(?P<old_vm>\d+)-(?P<old_disk>\d+)")
_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{1,47}")
_VOLATILE = re.compile(r"OpenNebula-Volatile-vm(?P<vm>\d+)-disk(?P<disk>\d+)|one-sys-(?P<old_vm>\d+)-(?P<old_disk>\d+)")


def is_legal(text: str) -> bool:
    """Whether a volume can have this name; paths of files can't."""
    return _LEGAL.fullmatch(text) is not None


def image(image_id: int | str) -> str:
    return f"OpenNebula-Image-{image_id}"


def cloned_disk(source: str, vm_id: int, disk_id: int) -> str:
    """A virtual machine's own copy of an image."""
    return f"{source}-vm{vm_id}-disk{disk_id}"


def volatile_disk(vm_id: int, disk_id: int) -> str:
    return f"OpenNebula-Volatile-vm{vm_id}-disk{disk_id}"


def candidates_for_clone(source: str, vm_id: int, disk_id: int) -> tuple[str, ...]:
    """Today's name first, then what older add-ons called it."""
    return cloned_disk(source, vm_id, disk_id), f"{source}-{vm_id}-{disk_id}"


def candidates_for_volatile(vm_id: int, disk_id: int) -> tuple[str, ...]:
    return volatile_disk(vm_id, disk_id), f"one-sys-{vm_id}-{disk_id}"


def own_names(source: str, vm_id: int, disk_id: int) -> tuple[str, ...]:
    """What the volume of a disk may be called that is this machine's alone; no `source` means a volatile disk."""
    return candidates_for_clone(source, vm_id, disk_id) if source else candidates_for_volatile(vm_id, disk_id)


def snapshot(snapshot_id: int | str) -> str:
    return f"{SNAPSHOT_PREFIX}{snapshot_id}"


def context_prefix(vm_id: int) -> str:
    """Older add-ons kept context images as volumes, and several of them for a machine."""
    return f"OpenNebula-vm-context-vm{vm_id}-disk"


def backup_copy(vm_id: int, disk_id: int) -> str:
    return f"OpenNebula-Backup-vm{vm_id}-disk{disk_id}"


def image_of(volume: str) -> int | None:
    """The number of the image whose own volume this is; None for anything else."""
    found = _IMAGE.fullmatch(volume)
    return int(found["image"]) if found else None


def disk_of(volume: str) -> tuple[int, int] | None:
    """(virtual machine, disk) of a volume that is one machine's alone; None for images and what is not OpenNebula's.

    Copies of an image whose volume was named by somebody else are not told from foreign volumes.
    """
    found = _VOLATILE.fullmatch(volume) or _CLONED.fullmatch(volume)
    if found is None:
        return None
    fields = found.groupdict()
    return int(fields["vm"] or fields["old_vm"]), int(fields["disk"] or fields["old_disk"])


def snapshots_among(names: Iterable[str]) -> tuple[str, ...]:
    """Those that OpenNebula ordered."""
    return tuple(name for name in names if name.startswith(SNAPSHOT_PREFIX))
