"""The links under which Proxmox VE opens volumes on this node.

A device may be another one after every restart, on every node; Proxmox VE wants a path that it can compute, and writes
it into its own state. A link that is there says: Proxmox VE has the volume active here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from linstor_proxmox.volume_names import VolumeName

ROOT = Path("/dev/linstorcore")
DEVICES = Path("/dev")
"""What is below it does not outlive a reboot: a name that is there is of this boot."""


class NodeLinks:
    def __init__(self, root: Path = ROOT, devices: Path = DEVICES) -> None:
        self._root = root
        self._devices = devices

    def path(self, storage: str, volume: VolumeName, snapshot: str = "") -> Path:
        return self._root / storage / (f"{volume.leaf}@{snapshot}" if snapshot else volume.leaf)

    def point(self, link: Path, device: str) -> None:
        """Atomic: whoever opens the link gets the old device or the new one."""
        link.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = link.with_name(f".{link.name}.{os.getpid()}.{os.urandom(4).hex()}")
        fresh.symlink_to(device)
        fresh.replace(link)

    def remember(self, link: Path, resource: str) -> None:
        """Which resource a link is for: the proof that a device is still the right one needs it."""
        note = self._note(link)
        fresh = note.with_name(f"{note.name}.{os.urandom(4).hex()}")
        fresh.write_text(resource)
        fresh.replace(note)

    def _note(self, link: Path) -> Path:
        return link.with_name(f".{link.name}.resource")

    def remove(self, link: Path) -> None:
        link.unlink(missing_ok=True)
        self._note(link).unlink(missing_ok=True)

    def proven_device(self, link: Path) -> str:
        """Where a link leads, if that is a block device in /dev whose own path names the resource; else empty.

        A number like /dev/loop3 may be somebody else's by now, so it proves nothing without the controller.
        """
        try:
            device, resource = os.readlink(link), self._note(link).read_text()
            is_block = stat.S_ISBLK(os.stat(device).st_mode)
        except OSError:
            return ""
        is_of_this_boot = Path(os.path.normpath(device)).is_relative_to(self._devices)
        return device if is_block and is_of_this_boot and resource and resource in device else ""

    def rename(self, storage: str, old: VolumeName, new: VolumeName) -> None:
        link = self.path(storage, old)
        if link.is_symlink():
            fresh = self.path(storage, new)
            link.replace(fresh)
            if self._note(link).exists():
                self._note(link).replace(self._note(fresh))
