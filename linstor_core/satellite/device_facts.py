"""What was seen of block devices, as values, and what stands against using one. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from linstor_core.satellite.facts import Absent, Unobserved

SMALLEST_BYTES = 1024**3
"""A device has to be larger than that, as with LINSTOR."""

COLUMNS = "NAME,PATH,TYPE,SIZE,ROTA,RO,RM,MODEL,SERIAL,WWN,FSTYPE,PTTYPE,MOUNTPOINTS"
"""What `listed` needs of `lsblk --json --bytes --output`."""

_NO_DISKS = ("zram", "ram", "zd", "drbd", "nbd", "sr", "fd", "mtdblock", "bcache", "md", "dm-")
"""Names of devices that lsblk takes for disks, or that lie over others."""


class _Row(Struct, frozen=True):
    path: str
    type: str
    size: int
    rota: bool
    ro: bool
    rm: bool
    name: str = ""
    model: str | None = None
    serial: str | None = None
    wwn: str | None = None
    fstype: str | None = None
    pttype: str | None = None
    mountpoints: tuple[str | None, ...] = ()
    children: tuple[Any, ...] = ()


class _Listing(Struct, frozen=True):
    blockdevices: tuple[_Row, ...]


class _Signature(Struct, frozen=True):
    type: str
    uuid: str | None = None


class _Signatures(Struct, frozen=True):
    signatures: tuple[_Signature, ...]


class DeviceFacts(Struct, frozen=True, tag="block_device"):
    """One whole device, of lsblk's type `kind`.

    `signatures` are the kinds of content that two tools recognize, None while nobody has looked. `is_held`: something
    has it for itself (a mount, an array, swap). `is_volume`: it is a loop device over a volume of ours.
    """

    path: str
    kind: str
    size_bytes: int
    rotational: bool = False
    read_only: bool = False
    removable: bool = False
    model: str = ""
    serial: str = ""
    wwn: str = ""
    parts: int = 0
    mounted_on: tuple[str, ...] = ()
    signatures: tuple[str, ...] | None = None
    uuid: str = ""
    is_held: bool = False
    is_volume: bool = False

    @property
    def identity(self) -> str:
        """What stays over a reboot, where the device tells something that does."""
        return self.wwn or self.serial or self.path


class VolumeGroup(Struct, frozen=True):
    """Of LVM. `devices` are its physical volumes, `volumes` the kinds of its logical volumes by name."""

    tags: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    volumes: dict[str, str] = field(default_factory=dict)


class PoolSiteFacts(Struct, frozen=True):
    """All that a plan for a pool on devices may rest on. Devices by the path that was asked for.

    `groups` is looked at for LVM only; `folder` says what is where a file system would be mounted.
    """

    devices: dict[str, DeviceFacts | Absent | Unobserved]
    groups: dict[str, VolumeGroup] | Unobserved = field(default_factory=dict)
    has_device_mapper: bool = False
    folder: str = "absent"
    """absent, empty, mounted or other."""


def listed(output: str) -> tuple[DeviceFacts, ...]:
    """The whole devices of lsblk's listing. Raises msgspec.DecodeError for what is none."""
    return tuple(_facts(row) for row in msgspec.json.decode(output, type=_Listing).blockdevices)


def _facts(row: _Row) -> DeviceFacts:
    told = tuple(kind for kind in (row.fstype, row.pttype) if kind)
    return DeviceFacts(
        row.path, row.type, row.size, row.rota, row.ro, row.rm, (row.model or "").strip(), (row.serial or "").strip(),
        (row.wwn or "").strip(), len(row.children), tuple(point for point in row.mountpoints if point), told or None)


def recognized(wipefs: str, blkid: str) -> tuple[tuple[str, ...], str]:
    """(kinds of content, UUID) out of `wipefs --no-act --json` and `blkid -p -o export`.

    Raises msgspec.DecodeError for what is no output of wipefs.
    """
    kinds = dict.fromkeys(item.type for item in msgspec.json.decode(wipefs, type=_Signatures).signatures)
    told = dict(line.split("=", 1) for line in blkid.splitlines() if "=" in line)
    for key in ("TYPE", "PTTYPE", "SEC_TYPE"):
        if told.get(key):
            kinds[told[key]] = None
    if not kinds and told.keys() - {"DEVNAME", "PTUUID"}:
        kinds["something unknown"] = None
    return tuple(kinds), told.get("UUID", "")


def could_be_used(device: DeviceFacts, *, loop_devices: bool) -> bool:
    """Whether it is worth to look at it at all."""
    name = device.path.rsplit("/", 1)[-1]
    kinds = ("disk", "loop") if loop_devices else ("disk",)
    return device.kind in kinds and not name.startswith(_NO_DISKS)


def obstacle(device: DeviceFacts | Absent | Unobserved, *, loop_devices: bool) -> str:
    """Why a device is not to be used, as a sentence; empty if nothing stands against it."""
    if isinstance(device, Unobserved):
        return f"It could not be looked at: {device.reason} {device.cause}".strip()
    if isinstance(device, Absent):
        return "There is no such whole device."
    reasons = (
        (not could_be_used(device, loop_devices=loop_devices), f"It is no disk but of type '{device.kind}'."),
        (device.is_volume, "It is the device of a volume."),
        (device.size_bytes <= SMALLEST_BYTES, "It is not larger than 1 GiB."),
        (device.read_only, "It is read-only."),
        (device.removable, "It is removable."),
        (bool(device.mounted_on), f"It is mounted on {', '.join(device.mounted_on)}."),
        (device.parts > 0, f"It has {device.parts} partitions or devices over it."),
        (device.signatures is None, "Nobody could tell what is on it."),
        (bool(device.signatures), f"It carries {', '.join(device.signatures or ())}."),
        (device.is_held, "Something has it in use."),
    )
    return next((reason for found, reason in reasons if found), "")
