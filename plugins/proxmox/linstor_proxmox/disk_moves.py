"""Disks of guests brought to a storage, while the guests run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from linstor_proxmox.platform_api import PlatformApi
from linstor_proxmox.refusals import Refused

_DISK = re.compile(r"(?:(?:scsi|virtio|sata|ide|efidisk|tpmstate|unused)\d+|rootfs|mp\d+)")


def disks_elsewhere(config: Mapping[str, Any], storage: str) -> dict[str, str]:
    """Disk -> volume, for what is on other storages and can be moved; CD-ROMs and bind mounts stay out."""
    found = {}
    for key, value in sorted(config.items()):
        volume, *options = str(value).split(",")
        other, colon, _ = volume.partition(":")
        if _DISK.fullmatch(key) and colon and other != storage and "media=cdrom" not in options:
            found[key] = volume
    return found


def move(api: PlatformApi, vmid: int, storage: str, only: list[str], *, delete: bool,
         show: Callable[[str], None]) -> list[str]:
    """The disks that were moved; those that are there already are left alone, so a run that stopped is gone on with.

    The source is kept as an unused disk unless `delete`.
    """
    guest = api.guest(vmid)
    place = f"nodes/{guest['node']}/{guest['type']}/{vmid}"
    elsewhere = disks_elsewhere(api.get(f"{place}/config"), storage)
    unknown = sorted(set(only) - set(elsewhere) - set(api.get(f"{place}/config")))
    if unknown:
        raise Refused(f"guest {vmid} has no disk {', '.join(unknown)}")
    moved = []
    for disk, volume in elsewhere.items():
        if (only and disk not in only) or (not only and disk.startswith("unused")):
            continue
        show(f"{vmid} {disk}: {volume} -> {storage}")
        verb, key = ("move_disk", "disk") if guest["type"] == "qemu" else ("move_volume", "volume")
        task = api.post(f"{place}/{verb}", {key: disk, "storage": storage, "delete": int(delete)})
        api.follow(str(task), partial(_show_of, show, f"{vmid} {disk}"))
        moved.append(disk)
    return moved


def _show_of(show: Callable[[str], None], of: str, line: str) -> None:
    show(f"{of}: {line}")
