"""Looks at whole block devices, with the system's own tools. What could not be looked at is Unobserved."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct, structs

from linstor_core.satellite import backing_files, processes
from linstor_core.satellite.device_facts import (
    COLUMNS,
    DeviceFacts,
    PoolSiteFacts,
    VolumeGroup,
    could_be_used,
    listed,
    obstacle,
    recognized,
)
from linstor_core.satellite.facts import Absent, Unobserved
from linstor_core.satellite.failures import StepFailed, unobserved

_BLKID_FOUND_NOTHING = 2
_LOOK_TIMEOUT_S = 60.0


class _Group(Struct, frozen=True):
    vg_name: str
    vg_tags: str = ""
    pv_name: str = ""


class _Groups(Struct, frozen=True):
    vg: tuple[_Group, ...] = ()


class _GroupReport(Struct, frozen=True):
    report: tuple[_Groups, ...]


class _Volume(Struct, frozen=True):
    vg_name: str
    lv_name: str
    segtype: str


class _Volumes(Struct, frozen=True):
    lv: tuple[_Volume, ...] = ()


class _VolumeReport(Struct, frozen=True):
    report: tuple[_Volumes, ...]


class BlockDevices:
    """This machine's. `loop_devices` lets them be used like disks; `lvm_options` go to each of LVM's commands."""

    def __init__(self, *, loop_devices: bool = False, lvm_options: tuple[str, ...] = ()) -> None:
        self.loop_devices = loop_devices
        self.lvm_options = lvm_options

    def unused(self) -> tuple[DeviceFacts, ...]:
        """Raises StepFailed when nobody can list devices."""
        devices = [device for device in self._listed(()) if could_be_used(device, loop_devices=self.loop_devices)]
        plain = [device for device in devices
                 if not obstacle(structs.replace(device, signatures=device.signatures or ()),
                                 loop_devices=self.loop_devices)]
        looked = [self._look(device) for device in plain]
        return tuple(device for device in looked
                     if isinstance(device, DeviceFacts) and not obstacle(device, loop_devices=self.loop_devices))

    def look(self, path: str) -> DeviceFacts | Absent | Unobserved:
        """A device under whatever name it is known."""
        try:
            real = os.path.realpath(path, strict=True)
            found = [device for device in self._listed((real,)) if device.path == real]
        except FileNotFoundError:
            return Absent()
        except OSError as error:
            return unobserved(f"'{path}'", error)
        except StepFailed as failure:
            return Unobserved(failure.message, failure.cause, failure.correction)
        return self._look(found[0]) if found else Absent()

    def with_uuid(self, uuid: str) -> tuple[DeviceFacts, ...]:
        """All devices whose content has that UUID. Raises StepFailed."""
        looked = [self._look(device) for device in self._listed(())
                  if could_be_used(device, loop_devices=self.loop_devices) and device.size_bytes and not device.parts]
        return tuple(device for device in looked
                     if isinstance(device, DeviceFacts) and device.uuid == uuid and not device.is_volume)

    def site(self, devices: Sequence[str], folder: str, *, lvm: bool) -> PoolSiteFacts:
        """Everything that a plan for a pool on these devices has to know."""
        return PoolSiteFacts({path: self.look(path) for path in devices}, self._groups() if lvm else {},
                             _has_device_mapper(), _folder(folder) if folder else "absent")

    def _listed(self, paths: tuple[str, ...]) -> tuple[DeviceFacts, ...]:
        try:
            return listed(processes.run(("lsblk", "--json", "--bytes", "--output", COLUMNS, *paths),
                                        timeout_s=_LOOK_TIMEOUT_S))
        except msgspec.DecodeError as error:
            raise StepFailed("'lsblk' does not answer as expected", cause=str(error),
                             correction="Install lsblk of util-linux 2.37 or newer.") from error

    def _look(self, device: DeviceFacts) -> DeviceFacts | Unobserved:
        """What lsblk tells may come from a cache: two tools and the kernel are asked about the device itself."""
        try:
            with _held(device.path) as is_ours:
                wipefs = processes.run(("wipefs", "--no-act", "--json", device.path), timeout_s=_LOOK_TIMEOUT_S)
                blkid = processes.run(("blkid", "-p", "-o", "export", device.path), timeout_s=_LOOK_TIMEOUT_S,
                                      accepted=(0, _BLKID_FOUND_NOTHING))
            kinds, uuid = recognized(wipefs, blkid)
            is_held = not is_ours or _is_open(device.path)
            is_volume = device.kind == "loop" and _is_volume(device.path)
        except OSError as error:
            return unobserved(f"'{device.path}'", error)
        except StepFailed as failure:
            return Unobserved(failure.message, failure.cause, failure.correction)
        except msgspec.DecodeError as error:
            return Unobserved("'wipefs' does not answer as expected", str(error))
        told = tuple(dict.fromkeys((*(device.signatures or ()), *kinds)))
        return structs.replace(device, signatures=told, uuid=uuid, is_held=is_held, is_volume=is_volume)

    def _groups(self) -> dict[str, VolumeGroup] | Unobserved:
        try:
            groups = msgspec.json.decode(self._lvm("vgs", "vg_name,vg_tags,pv_name"), type=_GroupReport)
            volumes = msgspec.json.decode(self._lvm("lvs", "vg_name,lv_name,segtype"), type=_VolumeReport)
        except StepFailed as failure:
            return Unobserved(failure.message, failure.cause, failure.correction)
        except msgspec.DecodeError as error:
            return Unobserved("LVM does not answer as expected", str(error))
        found: dict[str, VolumeGroup] = {}
        for row in (row for part in groups.report for row in part.vg):
            before = found.get(row.vg_name, VolumeGroup())
            found[row.vg_name] = VolumeGroup(tuple(row.vg_tags.split(",")),
                                             (*before.devices, os.path.realpath(row.pv_name)))
        for volume in (volume for part in volumes.report for volume in part.lv):
            group = found.get(volume.vg_name, VolumeGroup())
            found[volume.vg_name] = structs.replace(group, volumes={**group.volumes, volume.lv_name: volume.segtype})
        return found

    def _lvm(self, command: str, fields: str) -> str:
        return processes.run((command, "--reportformat", "json", "-o", fields, *self.lvm_options),
                             timeout_s=_LOOK_TIMEOUT_S)


@contextlib.contextmanager
def _held(path: str) -> Iterator[bool]:
    """Have the device for oneself, unless somebody else has it. Raises OSError, also where its ends can't be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        yield False
        return
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        for offset in (0, max(0, size - 4096)):
            if not os.pread(file, 4096, offset):
                raise OSError(errno.EIO, "nothing can be read")
        yield not os.listdir(f"/sys/class/block/{os.path.basename(path)}/holders")
    finally:
        os.close(file)


def _is_open(path: str) -> bool:
    """Whether another process is seen to have the device open, not for itself alone: a hypervisor, a database.

    Some processes don't show what they have open: this check comes on top of the others, and stands for none.
    """
    wanted = os.stat(path).st_rdev
    for process in (name for name in os.listdir("/proc") if name.isdigit()):
        if int(process) == os.getpid():
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for file in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    info = os.stat(f"/proc/{process}/fd/{file}")
                    if stat.S_ISBLK(info.st_mode) and info.st_rdev == wanted:
                        return True
    return False


def _is_volume(path: str) -> bool:
    """Whether a loop device is over a file that carries a tag of ours. Raises OSError where that can't be told."""
    with open(f"/sys/class/block/{os.path.basename(path)}/loop/backing_file") as source:
        return bool(backing_files.read_tag(source.read().rstrip("\n"))[0])


def _has_device_mapper() -> bool:
    with open("/proc/misc") as source:
        return any(line.split()[1:] == ["device-mapper"] for line in source)


def _folder(path: str) -> str:
    """absent, empty, mounted or other."""
    try:
        if os.path.ismount(path):
            return "mounted"
        return "other" if os.listdir(path) else "empty"
    except FileNotFoundError:
        return "absent"
    except OSError:
        return "other"
