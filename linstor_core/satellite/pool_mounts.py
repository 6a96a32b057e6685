"""The file systems of pools that this satellite has made: mounted again after every start, without a line in fstab.

A record is a file of its own in the state folder; removing it is how an administrator gives a mount up. The device is
found by the UUID of its file system, whatever it is called by now; two devices with one UUID are a refusal.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct

from linstor_core.satellite import processes
from linstor_core.satellite.backing_files import sync_directory
from linstor_core.satellite.block_devices import BlockDevices
from linstor_core.satellite.device_facts import DeviceFacts
from linstor_core.satellite.device_steps import KeepMount, MountFileSystem
from linstor_core.satellite.failures import SatelliteError, StepFailed, UnsafePlan

_log = logging.getLogger(__name__)
_OPTIONS = "nodev,nosuid,noexec"


class PoolMount(Struct, frozen=True):
    uuid: str
    folder: str


class PoolMounts:
    """Used by one thread at a time."""

    def __init__(self, devices: BlockDevices, state_directory: Path) -> None:
        self._devices = devices
        self._records = state_directory / "mounts"
        self._told: dict[str, str] = {}

    def keep(self, step: KeepMount) -> None:
        """Durable when it returns. Raises OSError."""
        self._records.mkdir(exist_ok=True)
        path, fresh = self._records / f"{step.name}.json", self._records / f".{step.name}.new"
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(PoolMount(step.uuid, step.folder)))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        sync_directory(str(path))

    def mount(self, step: MountFileSystem) -> None:
        """Raises OSError, StepFailed, UnsafePlan."""
        found = self._devices.look(step.device)
        if not isinstance(found, DeviceFacts) or found.uuid != step.uuid or found.signatures != ("xfs",):
            raise UnsafePlan(f"'{step.device}' is not the file system {step.uuid} any more",
                             cause="Something has changed it meanwhile.", correction="Look what is on the device.")
        os.makedirs(step.folder, 0o700, exist_ok=True)
        if os.path.ismount(step.folder) or os.listdir(step.folder):
            raise UnsafePlan(f"'{step.folder}' is in the way", cause="It is not empty, or something is mounted there.",
                             correction="Move away what is there.")
        processes.run(("mount", "-t", "xfs", "-o", _OPTIONS, step.device, step.folder))

    def mount_all(self) -> None:
        """Mount what is not, as far as its device is there. What does not work is logged once."""
        for path in sorted(self._records.glob("*.json")) if self._records.is_dir() else ():
            try:
                record = msgspec.json.decode(path.read_bytes(), type=PoolMount)
                if not os.path.ismount(record.folder):
                    self._mount(record)
                self._told.pop(path.name, None)
            except (OSError, SatelliteError, msgspec.DecodeError) as error:
                if self._told.get(path.name) != str(error):
                    self._told[path.name] = str(error)
                    _log.warning("the pool of %s is not mounted: %s", path, error)

    def _mount(self, record: PoolMount) -> None:
        if not re.fullmatch("[0-9a-f-]{36}", record.uuid):
            raise StepFailed(f"'{record.uuid}' is no UUID")
        found = self._devices.with_uuid(record.uuid)
        if len(found) != 1:
            raise StepFailed(f"The file system {record.uuid} of '{record.folder}' is on {len(found)} devices",
                             cause=", ".join(device.path for device in found) or "None of them carries it.",
                             correction="Attach its device, and only one of several with the same content.")
        step = MountFileSystem(found[0].path, record.uuid, record.folder)
        _log.info("%s", step.description)
        self.mount(step)
