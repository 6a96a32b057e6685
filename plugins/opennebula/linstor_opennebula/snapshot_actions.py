"""Snapshots of disks. LINSTOR's are flat: OpenNebula's tree lives in OpenNebula, and none of its nodes is ever lost by
going back to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from linstor_opennebula import naming
from linstor_opennebula.calls import Call, Location
from linstor_opennebula.errors import CommandFailed
from linstor_opennebula.storage import Storage
from linstor_opennebula.world import World, log

VIRSH = ("virsh", "-c", "qemu:///system")


def _subject(call: Call, world: World) -> tuple[Storage, str, str]:
    """(storage, volume, snapshot) of `SRC snapshot vm ds`."""
    place, vm_id = Location.of(call.argument(0)), call.number(2)
    storage = world.storage_of(call.number(3))
    name = storage.name_of(world.machine(vm_id).disk(place.disk()), vm_id)
    return storage, name, naming.snapshot(Location.of(call.argument(1)).path)


def snap_create(call: Call, world: World) -> str:
    storage, name, snapshot = _subject(call, world)
    take(storage, name, snapshot)
    return ""


def take(storage: Storage, name: str, snapshot: str) -> None:
    """A snapshot that is there in the end, on every replica, or not at all."""
    taken_before = any(each.name == snapshot for each in storage.volumes.snapshots(name))
    try:
        storage.volumes.snapshot(name, snapshot)
    except BaseException:
        if not taken_before:
            storage.discard_snapshot(name, snapshot)
        raise


def snap_create_live(call: Call, world: World) -> str:
    """As `snap_create`, with the guest's file systems at rest where its agent can do that."""
    storage, name, snapshot = _subject(call, world)
    machine = world.machine(call.number(2))
    with at_rest(world, Location.of(call.argument(0)).host, machine.deploy_id):
        take(storage, name, snapshot)
    return ""


@contextmanager
def at_rest(world: World, host: str, domain: str) -> Iterator[None]:
    """Freeze a guest's file systems meanwhile. Without an agent the content is as after a power failure."""
    frozen = False
    if domain:
        try:
            world.hosts.run(host, (*world.settings.privileged, *VIRSH, "domfsfreeze", domain))
            frozen = True
        except CommandFailed as error:
            log(f"{domain} is not frozen, its content is taken as after a power failure: {error.stderr}")
    try:
        yield
    finally:
        if frozen:
            world.hosts.run(host, (*world.settings.privileged, *VIRSH, "domfsthaw", domain))


def snap_delete(call: Call, world: World) -> str:
    storage, name, snapshot = _subject(call, world)
    storage.volumes.delete_snapshot(name, snapshot)
    return ""


def snap_revert(call: Call, world: World) -> str:
    storage, name, snapshot = _subject(call, world)
    go_back(world, storage, name, snapshot, Location.of(call.argument(0)))
    return ""


def go_back(world: World, storage: Storage, name: str, snapshot: str, place: Location) -> None:
    """Take a disk back to a snapshot; its device may be another one then, and `place` has to lead there."""
    storage.volumes.roll_back(name, snapshot)
    node = storage.node_of(place.host)
    device = storage.volumes.get(name).devices.get(node) if node is not None else None
    if device is not None:
        world.relink(place.host, device, place.path)


ACTIONS: dict[str, Callable[[Call, World], str]] = {
    "snap_create": snap_create, "snap_create_live": snap_create_live, "snap_delete": snap_delete,
    "snap_revert": snap_revert,
}
