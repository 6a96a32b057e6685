"""How a pool is made of unused devices: wish and facts in, steps or a refusal out. Pure.

A second call with the same words goes on where the first one was interrupted. What is its own it knows by identifiers
that are computed from those words: the UUID of a physical volume or file system, the tag of a volume group. Anything
else that is found on a device is a refusal.
"""

from __future__ import annotations

import hashlib
import itertools

from msgspec import Struct, field

from linstor_core.domain.errors import Code
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.device_facts import DeviceFacts, PoolSiteFacts, VolumeGroup, obstacle
from linstor_core.satellite.device_steps import DeviceStep, KeepMount, MountFileSystem, RunTool
from linstor_core.satellite.facts import Absent, Unobserved
from linstor_core.satellite.failures import NotObserved, StepFailed, UnsafePlan, Unsupported

FILES = (ProviderKind.FILE, ProviderKind.FILE_THIN)
LVM = (ProviderKind.LVM, ProviderKind.LVM_THIN)

_ALLOWED: dict[str, frozenset[str]] = {
    "pvcreate": frozenset({"--dataalignment", "--dataalignmentoffset", "--metadatasize", "--pvmetadatacopies",
                           "--bootloaderareasize", "--labelsector"}),
    "vgcreate": frozenset({"--physicalextentsize", "-s", "--maxphysicalvolumes", "-p", "--maxlogicalvolumes", "-l",
                           "--alloc", "--vgmetadatacopies", "--metadatasize", "--dataalignment"}),
    "lvcreate": frozenset({"--chunksize", "-c", "--poolmetadatasize", "--zero", "-Z", "--discards", "--stripes", "-i",
                           "--stripesize", "-I", "--readahead", "-r", "--alloc"}),
}
"""What may be passed on: nothing that forces, wipes or names another device."""


class PoolWish(Struct, frozen=True):
    """`folder` is where a file system would be mounted. `lvm_options` go to each of LVM's commands."""

    kind: ProviderKind
    name: str
    devices: tuple[str, ...]
    owner: str
    folder: str = ""
    arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loop_devices: bool = False
    lvm_options: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The volume group, as LINSTOR names it."""
        return f"linstor_{self.name}" if self.kind is ProviderKind.LVM_THIN else self.name

    @property
    def location(self) -> str:
        """What a storage pool on it has as its StorDriver/StorPoolName."""
        if self.kind in FILES:
            return self.folder
        return f"{self.group}/{self.name}" if self.kind is ProviderKind.LVM_THIN else self.group

    def mark(self, *more: str) -> str:
        """32 hexadecimal digits that nobody else computes."""
        return hashlib.sha256("\0".join((self.owner, self.kind, self.name, *more)).encode()).hexdigest()[:32]


def plan(wish: PoolWish, facts: PoolSiteFacts) -> tuple[DeviceStep, ...]:
    """What is left to do. Raises SatelliteError."""
    if len(set(wish.devices)) != len(wish.devices) or not wish.devices:
        raise UnsafePlan("A pool needs devices, each of them once", Code.INVLD_REQUEST)
    if wish.kind in FILES:
        return _plan_file_system(wish, facts)
    if wish.kind in LVM:
        return _plan_group(wish, facts)
    raise Unsupported(f"This satellite makes no {wish.kind} pools of devices", Code.PROVIDER_UNSUPPORTED,
                      correction=f"Choose one of {', '.join((*FILES, *LVM))}, or prepare the devices on the node.")


def checked(tool: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Arguments to pass on. Raises UnsafePlan for what is not known to be harmless."""
    takes_value = False
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        if argument.startswith("-"):
            if option not in _ALLOWED.get(tool, ()):
                raise UnsafePlan(f"'{argument}' is not passed on to {tool}", Code.INVLD_REQUEST,
                                 cause="Only arguments that can't force, wipe or name devices are.",
                                 correction="Leave it out; allowed are: " + ", ".join(sorted(_ALLOWED.get(tool, ())))
                                            + ".")
            takes_value = not equals
        elif not takes_value or argument.startswith("/"):
            raise UnsafePlan(f"'{argument}' is not passed on to {tool}", Code.INVLD_REQUEST,
                             cause="It is no value of an option.", correction="Leave it out.")
        else:
            takes_value = False
    return arguments


def _device(wish: PoolWish, facts: PoolSiteFacts, path: str) -> DeviceFacts:
    found = facts.devices.get(path, Unobserved(f"'{path}' was not looked at."))
    if isinstance(found, Unobserved):
        raise NotObserved(found)
    if isinstance(found, Absent):
        raise StepFailed(f"'{path}' is no whole block device of this node", Code.INVLD_REQUEST,
                         correction="Choose one that 'linstor physical-storage list' shows.")
    return found


def _blank(wish: PoolWish, device: DeviceFacts) -> None:
    """Raises UnsafePlan unless nothing is on the device and nothing uses it."""
    reason = obstacle(device, loop_devices=wish.loop_devices)
    if reason:
        raise UnsafePlan(f"'{device.path}' is not empty or not free: it is left as it is", Code.IN_USE, cause=reason,
                         correction="Choose another device. If nobody needs what is on it, remove that on the node "
                                    "(for instance with wipefs) and repeat the call.")


def _plan_file_system(wish: PoolWish, facts: PoolSiteFacts) -> tuple[DeviceStep, ...]:
    if len(wish.devices) != 1:
        raise Unsupported("A pool of files is made of one device", Code.INVLD_REQUEST,
                          correction="Make a pool of each device, or one of kind LVM of all of them.")
    device = _device(wish, facts, wish.devices[0])
    digits = wish.mark(device.identity)
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    is_ours = device.signatures == ("xfs",) and device.uuid == uuid
    if is_ours and device.mounted_on == (wish.folder,):
        return ()
    if is_ours and device.mounted_on:
        raise UnsafePlan(f"'{device.path}' is mounted elsewhere", Code.IN_USE,
                         cause=f"It is on {', '.join(device.mounted_on)}, not on {wish.folder}.",
                         correction="Unmount it and repeat the call.")
    if facts.folder not in ("absent", "empty"):
        raise UnsafePlan(f"'{wish.folder}' is in the way", Code.INVLD_REQUEST,
                         cause=f"What is there: {facts.folder}.", correction="Choose another name of the pool.")
    make: tuple[DeviceStep, ...] = ()
    if not is_ours:
        _blank(wish, device)
        argv = ("mkfs.xfs", "-q", "-m", f"reflink=1,uuid={uuid}", device.path)
        make = (RunTool(argv, (device.path,)),)
    return (*make, KeepMount(wish.name, uuid, wish.folder), MountFileSystem(device.path, uuid, wish.folder))


def _plan_group(wish: PoolWish, facts: PoolSiteFacts) -> tuple[DeviceStep, ...]:
    if isinstance(facts.groups, Unobserved):
        raise NotObserved(facts.groups)
    if wish.kind is ProviderKind.LVM_THIN and not facts.has_device_mapper:
        raise Unsupported("Thin pools need the kernel's device mapper", Code.PROVIDER_UNSUPPORTED,
                          cause="This node's kernel has none (/proc/misc).",
                          correction="Load it (modprobe dm-thin-pool), or choose the kind LVM.")
    for tool in ("pvcreate", "vgcreate", "lvcreate"):
        checked(tool, wish.arguments.get(tool, ()))
    devices = [_device(wish, facts, path) for path in wish.devices]
    tag = f"linstor_{wish.mark()}"
    group = facts.groups.get(wish.group)
    if group is None:
        steps = _make_group(wish, facts.groups, devices, tag)
    else:
        _check_group(wish, group, devices, tag)
        steps = ()
    if wish.kind is not ProviderKind.LVM_THIN:
        return steps
    kind = group.volumes.get(wish.name) if group is not None else None
    if kind not in (None, "thin-pool"):
        raise UnsafePlan(f"The logical volume '{wish.location}' is no thin pool", Code.IN_USE, cause=f"It is {kind}.",
                         correction="Choose another name of the pool.")
    if kind:
        return steps
    return (*steps, RunTool(("lvcreate", "--type", "thin-pool", "--extents", "100%FREE", "--name", wish.name,
                             *wish.arguments.get("lvcreate", ()), *wish.lvm_options, wish.group)))


def _make_group(wish: PoolWish, groups: dict[str, VolumeGroup], devices: list[DeviceFacts],
                tag: str) -> tuple[DeviceStep, ...]:
    owners = {device: name for name, group in groups.items() for device in group.devices}
    steps: list[DeviceStep] = []
    for device in devices:
        uuid = _lvm_uuid(wish.mark(device.identity))
        is_ours = device.signatures == ("LVM2_member",) and device.uuid == uuid
        if is_ours and device.path in owners:
            raise UnsafePlan(f"'{device.path}' belongs to the volume group '{owners[device.path]}'", Code.IN_USE,
                             correction="Choose another device.")
        if not is_ours:
            _blank(wish, device)
            steps.append(RunTool(("pvcreate", "--uuid", uuid, "--norestorefile", *wish.arguments.get("pvcreate", ()),
                                  *wish.lvm_options, device.path), (device.path,)))
    create = RunTool(("vgcreate", "--addtag", tag, *wish.arguments.get("vgcreate", ()), *wish.lvm_options, wish.group,
                      *(device.path for device in devices)))
    return (*steps, create)


def _check_group(wish: PoolWish, group: VolumeGroup, devices: list[DeviceFacts], tag: str) -> None:
    if tag not in group.tags:
        raise UnsafePlan(f"There is a volume group '{wish.group}' already", Code.IN_USE,
                         cause="It was not made by this call: it does not carry its tag.",
                         correction="Choose another name, or register it by 'linstor storage-pool create'.")
    if set(group.devices) != {device.path for device in devices}:
        raise UnsafePlan(f"The volume group '{wish.group}' is of other devices", Code.IN_USE,
                         cause=f"It is of {', '.join(group.devices)}.",
                         correction="Name these devices, or another pool.")


def _lvm_uuid(digits: str) -> str:
    """As LVM writes it: groups of 6, 4, 4, 4, 4, 4 and 6."""
    ends = (0, 6, 10, 14, 18, 22, 26, 32)
    return "-".join(digits[start:end] for start, end in itertools.pairwise(ends))
