"""The actions of the transfer manager that make, move and remove the disks of virtual machines."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress

from linstor_core.client.errors import InUse
from linstor_opennebula import naming
from linstor_opennebula.calls import Call, DatastoreCall, Location, datastore_call
from linstor_opennebula.datastore_actions import make_file_system
from linstor_opennebula.driver_data import Disk
from linstor_opennebula.errors import Refused
from linstor_opennebula.storage import Storage
from linstor_opennebula.world import World, log

CURRENT = "-1"
"""The number of the snapshot that stands for a disk as it is now."""


def clone(call: Call, world: World) -> str:
    """SRC DST vm ds: a machine's own copy of an image, at least as large as the machine wants its disk."""
    source, target, vm_id = Location.of(call.argument(0)).path, Location.of(call.argument(1)), call.number(2)
    storage = world.storage_of(call.number(3))
    disk = world.machine(vm_id).disk(target.disk())
    name = naming.cloned_disk(source, vm_id, disk.id)
    begun_before = storage.volumes.find(name) is not None
    storage.copy(source, name, disk.size_mib)
    try:
        _attach(storage, world, name, target)
    except BaseException:
        if not begun_before:
            storage.discard(name)
        raise
    return ""


def ln(call: Call, world: World) -> str:
    """SRC DST vm ds: a machine uses an image itself."""
    target = Location.of(call.argument(1))
    target.disk()
    _attach(world.storage_of(call.number(3)), world, Location.of(call.argument(0)).path, target)
    return ""


def _attach(storage: Storage, world: World, name: str, target: Location) -> None:
    """Make a volume usable on a host, under the name of a disk; neither where one of both fails."""
    node = storage.node_of(target.host)
    if node is None:
        raise Refused(f"host {target.host} is no node of the controller")
    device = storage.volumes.make_available(name, node)
    try:
        world.link(target.host, device, target.path)
    except BaseException:
        with suppress(InUse):
            storage.release(name, target.host)
        raise


def mkimage(call: Call, world: World) -> str:
    """size format DST vm ds: a volatile disk; sizes are MiB."""
    _volatile(call, world, call.number(0), call.argument(1), 2)
    return ""


def mkswap(call: Call, world: World) -> str:
    """size DST vm ds"""
    _volatile(call, world, call.number(0), "swap", 1)
    return ""


def _volatile(call: Call, world: World, size_mib: int, kind: str, first: int) -> None:
    target, vm_id = Location.of(call.argument(first)), call.number(first + 1)
    storage = world.storage_of(call.number(first + 2))
    name = naming.volatile_disk(vm_id, target.disk())
    storage.begin(name, size_mib)
    try:
        _attach(storage, world, name, target)
        if kind not in ("raw", "qcow2"):
            make_file_system(world, target.host, target.path, kind)
        storage.finish(name)
    except BaseException:
        with suppress(Exception):
            world.unlink(target.host, target.path)
            storage.release(name, target.host)
        storage.discard(name)
        raise


def resize(call: Call, world: World) -> str:
    """SRC size vm ds: a disk gets at least this size (MiB)."""
    place, vm_id = Location.of(call.argument(0)), call.number(2)
    disk = world.machine(vm_id).disk(place.disk())
    storage = world.storage_of(call.number(3) if len(call.arguments) > 3 else _datastore_of(disk))
    storage.volumes.grow(storage.name_of(disk, vm_id), call.number(1) * 1024)
    return ""


def _datastore_of(disk: Disk) -> int:
    if disk.datastore_id is None:
        raise Refused(f"disk {disk.id} is in no datastore")
    return disk.datastore_id


def cpds(call: Call, world: World) -> str:
    """SRC DST snapshot vm ds: save a disk, or a snapshot of it, as an image."""
    place, target, vm_id = Location.of(call.argument(0)), Location.of(call.argument(1)).path, call.number(3)
    snapshot = call.argument(2)
    storage = world.storage_of(call.number(4))
    name = storage.name_of(world.machine(vm_id).disk(place.disk()), vm_id)
    storage.copy(name, target, snapshot=None if snapshot == CURRENT else naming.snapshot(snapshot))
    return ""


def mvds(call: Call, world: World) -> str:
    """SRC DST vm ds: a machine is through with a disk that stays as an image."""
    place, target, vm_id = Location.of(call.argument(0)), Location.of(call.argument(1)).path, call.number(2)
    storage = world.storage_of(call.number(3))
    disk = world.machine(vm_id).disk(place.disk())
    name = storage.name_of(disk, vm_id)
    if name.upper() != target.upper() and _is_own(name, disk, vm_id):
        storage.copy(name, target)
    _detach(storage, world, name, place, disk)
    if name.upper() != target.upper():
        _remove_own(storage, name, disk, vm_id)
    return ""


def _detach(storage: Storage, world: World, name: str, place: Location, disk: Disk) -> None:
    """Raises InUse, but for a CD-ROM: other machines of the host may have it open."""
    world.unlink(place.host, place.path)
    storage.let_go(name, place.host, disk)


def _is_own(name: str, disk: Disk, vm_id: int) -> bool:
    return not disk.persistent and not disk.cdrom and name in naming.own_names(disk.source, vm_id, disk.id)


def _remove_own(storage: Storage, name: str, disk: Disk, vm_id: int) -> None:
    """Remove a volume that is this machine's alone; anything else is left untouched."""
    if _is_own(name, disk, vm_id):
        storage.remove(name)


def delete(call: Call, world: World) -> str:
    """host:disk vm ds: remove a machine's disk, or its whole folder; images that it used stay."""
    place, vm_id, datastore_id = Location.of(call.argument(0)), call.number(1), call.number(2)
    if place.disk_id is None:
        _delete_folder(world, place, vm_id, datastore_id)
        return ""
    storage = world.storage_of(datastore_id)
    machine = world.machine(vm_id)
    if place.disk_id == machine.context_disk:
        world.unlink(place.host, place.path)
        _remove_contexts(storage, vm_id)
        return ""
    disk = machine.disk(place.disk_id)
    name = storage.name_of(disk, vm_id)
    _detach(storage, world, name, place, disk)
    _remove_own(storage, name, disk, vm_id)
    return ""


def _delete_folder(world: World, place: Location, vm_id: int, datastore_id: int) -> None:
    """The folder has the machine's number as its name: nothing else is ever removed with all that is in it."""
    if os.path.basename(place.path) != str(vm_id):
        raise Refused(f"{place.path} is not the folder of virtual machine {vm_id}")
    world.hosts.run(place.host, ("rm", "-rf", "--one-file-system", place.path))
    _remove_contexts(world.storage_of(datastore_id), vm_id)


def _remove_contexts(storage: Storage, vm_id: int) -> None:
    for volume in storage.volumes.list(naming.context_prefix(vm_id)):
        storage.remove(volume.name)


def mv(call: Call, world: World) -> str:
    """SRC DST vm ds: a disk, or a machine's folder, goes to another host."""
    source, target, vm_id = Location.of(call.argument(0)), Location.of(call.argument(1)), call.number(2)
    if source == target:
        return ""
    if target.disk_id is None:
        _move_folder(world, source, target, vm_id)
        return ""
    if _is_file(world, source):
        _move_file(world, source, target)
        return ""
    machine = world.machine(vm_id)
    if target.disk_id == machine.context_disk and _is_file(world, target):
        return ""  # A call that was not answered moved it.
    storage = world.storage_of(call.number(3))
    disk = machine.disk(target.disk_id)
    name = storage.name_of(disk, vm_id)
    # OpenNebula's own machine keeps the disks of machines that were undeployed. Volumes need no such place: without
    # an access they wait in the pools, and the next move makes the access again.
    # The old link goes before the new one comes: hosts that share the folder have one and the same.
    world.unlink(source.host, source.path)
    if storage.node_of(target.host) is not None:
        _attach(storage, world, name, target)
    if source.host != target.host:
        storage.let_go(name, source.host, disk)
    return ""


def _is_file(world: World, place: Location) -> bool:
    quoted = shlex.quote(place.path)
    return world.hosts.succeeds(place.host, f"test -f {quoted} && ! test -L {quoted}")


def _move_file(world: World, source: Location, target: Location) -> None:
    """A disk that is no volume: older add-ons kept the context, and whatever they could not place, as plain files."""
    if source.path == target.path and world.share_directory(source.host, target.host, source.directory):
        return
    world.hosts.run(target.host, ("mkdir", "-p", target.directory))
    if source.host == target.host:
        world.hosts.run(source.host, ("mv", source.path, target.path))
        return
    world.hosts.copy_file(source.host, target.host, source.path, target.path)
    world.hosts.run(source.host, ("rm", "-f", source.path))


def _move_folder(world: World, source: Location, target: Location, vm_id: int) -> None:
    """What the folder holds besides links: context, checkpoint, description. The source goes when all is there."""
    for place in (source, target):
        if os.path.basename(place.path) != str(vm_id):
            raise Refused(f"{place.path} is not the folder of virtual machine {vm_id}")
    if not world.hosts.succeeds(source.host, f"test -d {shlex.quote(source.path)}"):
        log(f"{source.path} is not on {source.host}: nothing to move")
        return
    if source.path == target.path and world.share_directory(source.host, target.host, source.path):
        return
    if source.host == target.host:
        world.hosts.script(source.host, f"mkdir -p {shlex.quote(target.directory)} && "
                                        f"mv {shlex.quote(source.path)} {shlex.quote(target.directory)}/")
        return
    # Disks have been linked on the target already; the links of the source would lead astray there.
    world.hosts.script(source.host, f"find {shlex.quote(source.path)} -maxdepth 1 -name 'disk.*' -type l -delete")
    world.hosts.copy_directory(source.host, source.path, target.host, target.path)
    world.hosts.run(source.host, ("rm", "-rf", "--one-file-system", source.path))


def context(call: Call, world: World) -> str:
    """files… DST vm ds: OpenNebula's own driver makes the image of the context; it is a file, not a volume."""
    _remove_contexts(world.storage_of(call.number(-1)), call.number(-2))
    drivers = call.remotes / "tm"
    driver = next((name for name in ("ssh", "local") if (drivers / name / "context").exists()), None)
    if driver is None:
        raise Refused(f"neither {drivers}/ssh/context nor {drivers}/local/context is there")
    return world.hosts.run("", (str(drivers / driver / "context"), *call.arguments), call.standard_input).strip()


def monitor(call: Call, world: World) -> str:
    """The space of a system datastore, replicas counted."""
    asked: DatastoreCall = datastore_call(call)
    used, total, free = world.storage(asked.datastore).space_mib()
    return f"USED_MB={used}\nTOTAL_MB={total}\nFREE_MB={free}"


ACTIONS: dict[str, Callable[[Call, World], str]] = {
    "clone": clone, "ln": ln, "mkimage": mkimage, "mkswap": mkswap, "resize": resize, "cpds": cpds, "mvds": mvds,
    "delete": delete, "mv": mv, "context": context, "monitor": monitor,
}
