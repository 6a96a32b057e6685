"""Backups: the files from which OpenNebula's backup drivers copy, and the way back into a machine's disks."""

from __future__ import annotations

import base64
import json
import os
import shlex
from collections.abc import Callable
from contextlib import ExitStack, suppress

from linstor_core.client.errors import ClientError
from linstor_opennebula import driver_data, filling, naming
from linstor_opennebula.calls import Call, Location, machine_sent
from linstor_opennebula.driver_data import VirtualMachine
from linstor_opennebula.errors import BadCall, CommandFailed, PluginError, Refused
from linstor_opennebula.snapshot_actions import at_rest, go_back, take
from linstor_opennebula.storage import Storage
from linstor_opennebula.world import World, log

FIRST_INCREMENT = 0
Subject = tuple[int, Storage, str]
"""(number of the disk, its storage, its volume)."""


def prebackup(call: Call, world: World) -> str:
    """host:folder disk:ids deploy_id job vm ds, the machine's document on standard input: files below folder/backup.

    The disks are read at one moment: from snapshots, which stay no longer than the reading takes.
    """
    return _export(call, world, live=False)


def prebackup_live(call: Call, world: World) -> str:
    """As `prebackup`, with the guest at rest while the snapshots are taken."""
    return _export(call, world, live=True)


def _export(call: Call, world: World, *, live: bool) -> str:
    place, machine = Location.of(call.argument(0)), _machine(call)
    if machine.incremental:
        log("disks on raw volumes have no increments: this is a full backup")
    folder = os.path.join(place.path, "backup")
    subjects = _subjects(call, world, machine)
    try:
        world.hosts.script(place.host, f"rm -rf {shlex.quote(folder)} && mkdir -p {shlex.quote(folder)}")
        document = base64.b64encode(call.standard_input.encode()).decode()
        world.hosts.script(place.host, f"cat > {shlex.quote(folder + '/vm.xml')}", document + "\n")
        with ExitStack() as stack:
            if live:
                stack.enter_context(at_rest(world, place.host, call.argument(2)))
            for _, storage, name in subjects:
                storage.volumes.delete_snapshot(name, _snapshot(machine))
                take(storage, name, _snapshot(machine))
        for subject in subjects:
            _write_out(world, subject, machine, place)
    except BaseException:
        with suppress(CommandFailed):
            world.hosts.run(place.host, ("rm", "-rf", folder))
        raise
    finally:
        _forget(subjects, machine)
    return ""


def _machine(call: Call) -> VirtualMachine:
    machine = machine_sent(call)
    if machine is None:
        raise BadCall("OpenNebula sent no description of the virtual machine")
    return machine


def _snapshot(machine: VirtualMachine) -> str:
    return naming.snapshot(f"Backup-{machine.id}")


def _subjects(call: Call, world: World, machine: VirtualMachine) -> list[Subject]:
    subjects = []
    for text in call.argument(1).split(":"):
        if not text.isdigit():
            raise BadCall(f"'{text}' is no disk's number")
        disk = machine.disk(int(text))
        storage = world.storage_of(disk.datastore_id if disk.datastore_id is not None else call.number(5))
        subjects.append((disk.id, storage, storage.name_of(disk, machine.id)))
    return subjects


def _write_out(world: World, subject: Subject, machine: VirtualMachine, place: Location) -> None:
    """A snapshot's content as a file on the host, by way of a volume that is gone afterwards."""
    disk_id, storage, name = subject
    path = f"{place.path}/backup/disk.{disk_id}.{FIRST_INCREMENT}"
    node = storage.node_of(place.host)
    if node is None:
        raise Refused(f"host {place.host} is no node of the controller")
    copy = naming.backup_copy(machine.id, disk_id)
    storage.remove(copy)
    try:
        storage.volumes.restore_snapshot(name, _snapshot(machine), copy, storage.group)
        device = storage.volumes.make_available(copy, node)
        quoted, target = shlex.quote(device), shlex.quote(path)
        sudo = shlex.join(world.settings.privileged)
        world.hosts.script(place.host, f"if command -v qemu-img >/dev/null; "
                                       f"then {sudo} qemu-img convert -f raw -O qcow2 {quoted} {target}; "
                                       f"else {sudo} dd if={quoted} of={target} bs=2M conv=sparse,fsync; fi")
    finally:
        with suppress(ClientError):
            storage.release(copy, place.host)
        storage.discard(copy)


def _forget(subjects: list[Subject], machine: VirtualMachine) -> None:
    for _, storage, name in subjects:
        storage.discard_snapshot(name, _snapshot(machine))


def postbackup(call: Call, world: World) -> str:
    """Arguments of `prebackup`: the files go, and whatever of it was left."""
    place = Location.of(call.argument(0))
    world.hosts.run(place.host, ("rm", "-rf", os.path.join(place.path, "backup")))
    machine = machine_sent(call)
    if machine is not None:
        with suppress(PluginError):
            subjects = _subjects(call, world, machine)
            _forget(subjects, machine)
            for disk_id, storage, _ in subjects:
                storage.discard(naming.backup_copy(machine.id, disk_id))
    return ""


def restore(call: Call, world: World) -> str:
    """host:folder vm image increment disk: put a backup's content into the disks of a machine that is off.

    A disk of -1 means all of them. Snapshots of the disks stay as they are.
    """
    place, vm_id, disk_id = Location.of(call.argument(0)), call.number(1), call.number(4)
    root = world.shown("onevm", vm_id)
    image = world.shown("oneimage", call.number(2))
    machine = driver_data.virtual_machine(root)
    owner = world.datastore(int(image.findtext("DATASTORE_ID") or -1))
    listing = world.hosts.run(
        "", (str(call.remotes / "datastore" / owner.ds_mad / "ls"), "-i", call.argument(3)),
        world.ls_document(owner.id, root, image))
    found = {int(number): url for number, url in json.loads(listing).items() if number.isdigit()}
    wanted = {number: url for number, url in found.items() if disk_id in (-1, number)}
    if not wanted:
        raise Refused(f"the backup has no disk {disk_id}")
    for number, url in sorted(wanted.items()):
        disk = machine.disk(number)
        if disk.tm_mad != call.driver:
            continue
        storage = world.storage_of(disk.datastore_id if disk.datastore_id is not None else -1)
        own = Location(place.host, f"{place.path}/disk.{number}")
        _read_in(world, storage, storage.name_of(disk, vm_id), own, url)
    return ""


def _read_in(world: World, storage: Storage, name: str, place: Location, url: str) -> None:
    """The old content comes back where the new one cannot be read to its end."""
    node = storage.node_of(place.host)
    if node is None:
        raise Refused(f"host {place.host} is no node of the controller")
    before = naming.snapshot("BeforeRestore")
    take(storage, name, before)
    try:
        command = (str(world.remotes / "datastore/downloader.sh"), "--nodecomp", url, "-")
        device = storage.volumes.make_available(name, node)
        filling.fill(world.hosts, command, place.host, device, sparse=False, staging_dir="/var/tmp")
    except BaseException:
        # Should this fail too, the snapshot stays: it is the only copy of the old content.
        go_back(world, storage, name, before, place)
        storage.discard_snapshot(name, before)
        raise
    storage.discard_snapshot(name, before)


ACTIONS: dict[str, Callable[[Call, World], str]] = {
    "prebackup": prebackup, "prebackup_live": prebackup_live, "postbackup": postbackup,
    "postbackup_live": postbackup, "restore": restore,
}
