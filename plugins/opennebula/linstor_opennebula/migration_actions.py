"""Live migration: before, after, and after one that failed. Cold migration is `mv`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from linstor_core.client.errors import ClientError, InUse
from linstor_opennebula.calls import Call, Location, machine_sent
from linstor_opennebula.driver_data import Disk, VirtualMachine
from linstor_opennebula.errors import BadCall, PluginError, Refused
from linstor_opennebula.storage import Storage
from linstor_opennebula.world import World, log

LEASE_S = 3600.0
"""A migration may take this long; the controller closes the window then, should nobody have done it."""


@dataclass(frozen=True)
class Migration:
    """`caller` is the driver of the system datastore where that one called us for our disks only."""

    source: str
    target: str
    directory: str
    machine: VirtualMachine
    caller: str
    disks: tuple[tuple[Disk, Storage, str], ...]

    def path(self, disk: Disk) -> str:
        return f"{self.directory}/disk.{disk.id}"


def _migration(call: Call, world: World) -> Migration:
    """`source target folder vm ds [template or driver]`, the machine's document on standard input."""
    machine = machine_sent(call, 5)
    if machine is None:
        raise BadCall("OpenNebula sent no description of the virtual machine")
    rest = call.arguments[5:]
    caller = rest[-1] if rest and len(rest[-1]) < 20 else ""
    disks = []
    for disk in machine.disks:
        if disk.tm_mad == call.driver:
            datastore_id = disk.datastore_id if disk.datastore_id is not None else call.number(4)
            storage = world.storage_of(datastore_id)
            disks.append((disk, storage, storage.name_of(disk, machine.id)))
    return Migration(Location.of(call.argument(0)).path, Location.of(call.argument(1)).path,
                     Location.of(call.argument(2)).path, machine, caller, tuple(disks))


def premigrate(call: Call, world: World) -> str:
    """All disks usable on both hosts; where that fails, the target is as it was."""
    migration = _migration(call, world)
    done: list[tuple[Disk, Storage, str]] = []
    try:
        for disk, storage, name in migration.disks:
            done.append((disk, storage, name))
            _open(world, storage, name, migration, disk)
        if not migration.caller:
            _forward(call, world, migration)
            _copy_context(world, migration)
    except BaseException:
        for disk, storage, name in done:
            with suppress(ClientError, PluginError):
                _close(storage, name, migration, migration.target, disk)
        raise
    return ""


def _open(world: World, storage: Storage, name: str, migration: Migration, disk: Disk) -> None:
    source, target = storage.node_of(migration.source), storage.node_of(migration.target)
    if source is None or target is None:
        missing = migration.source if source is None else migration.target
        raise Refused(f"host {missing} is no node of the controller")
    device = storage.volumes.make_available(name, target)
    if source != target and not disk.cdrom:
        storage.volumes.open_migration_window(name, source, target, LEASE_S)
    world.link(migration.target, device, migration.path(disk))


def _close(storage: Storage, name: str, migration: Migration, leaving: str, disk: Disk) -> None:
    """Close the window and end the access of the host that the machine is not on."""
    source, target = storage.node_of(migration.source), storage.node_of(migration.target)
    if source is not None and target is not None and source != target:
        storage.volumes.close_migration_window(name, source, target)
    try:
        storage.release(name, leaving)
    except InUse as error:
        # The machine runs at the other end, so an access that is left costs nothing: `delete` ends it.
        log(f"{name} stays available on {leaving}: {error}")


def postmigrate(call: Call, world: World) -> str:
    """The machine is on the target: the source lets go."""
    migration = _migration(call, world)
    _leave(call, world, migration, migration.source, migration.target)
    return ""


def failmigrate(call: Call, world: World) -> str:
    """The machine is still on the source: the target lets go."""
    migration = _migration(call, world)
    _leave(call, world, migration, migration.target, migration.source)
    return ""


def _leave(call: Call, world: World, migration: Migration, leaving: str, staying: str) -> None:
    for disk, storage, name in migration.disks:
        _close(storage, name, migration, leaving, disk)
    if migration.caller:
        return
    _forward(call, world, migration)
    if leaving == staying or os.path.basename(migration.directory) != str(migration.machine.id):
        return
    if not world.share_directory(staying, leaving, migration.directory):
        world.hosts.run(leaving, ("rm", "-rf", "--one-file-system", migration.directory))
        return
    # Hosts that share the folder share its links, too: they belong to where the machine runs.
    for disk, storage, name in migration.disks:
        node = storage.node_of(staying)
        device = storage.volumes.get(name).devices.get(node) if node is not None else None
        if device is not None:
            world.link(staying, device, migration.path(disk))


def _forward(call: Call, world: World, migration: Migration) -> None:
    """Tell the drivers of the machine's other disks, as the driver of the system datastore has to."""
    others = sorted({disk.tm_mad for disk in migration.machine.disks} - {call.driver, ""})
    for driver in others:
        program = call.remotes / "tm" / driver / call.action
        if not driver.replace("_", "").replace("-", "").isalnum() or not program.exists():
            raise Refused(f"the driver {driver} of another disk has no {call.action}")
        world.hosts.run("", (str(program), *call.arguments[:5], call.driver), call.standard_input)


def _copy_context(world: World, migration: Migration) -> None:
    """The context is a file: it has to be on the target, too, before the machine is."""
    number = migration.machine.context_disk
    if number is None or migration.source == migration.target:
        return
    path = f"{migration.directory}/disk.{number}"
    quoted = shlex.quote(path)
    if (world.hosts.succeeds(migration.target, f"test -e {quoted}")
            or not world.hosts.succeeds(migration.source, f"test -f {quoted}")):
        return
    world.hosts.copy_file(migration.source, migration.target, path)


ACTIONS: dict[str, Callable[[Call, World], str]] = {
    "premigrate": premigrate, "postmigrate": postmigrate, "failmigrate": failmigrate,
}
