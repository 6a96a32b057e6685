"""Volumes: made, listed, grown, renamed, made a template, cloned, freed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from linstor_core.client.volumes import VolumeMismatch
from linstor_proxmox import attributes, snapshots, volume_names
from linstor_proxmox.catalogue import StoredVolume
from linstor_proxmox.refusals import Refused, VolumeMissing
from linstor_proxmox.storage import Storage
from linstor_proxmox.volume_names import FORMER_NAME, NAME, STORAGE, TEMPLATE, TEMPLATE_SNAPSHOT, VMID, VolumeName

SMALLEST_KIB = 3 * 1024
"""Replicated volumes have a lower bound. Restoring a backup of an EFI disk of 528 KiB takes up to 4 MiB for it."""
_MOST_DISKS = 1024


def allocate(storage: Storage, vmid: int, image_format: str, wanted: str, size_kib: int) -> str:
    """A new volume's name. `wanted` may be empty for the next free disk of the guest."""
    if image_format != "raw":
        raise Refused(f"unsupported format '{image_format}': storage '{storage.name}' has raw volumes")
    size_kib = max(size_kib, SMALLEST_KIB)
    with storage.node.naming:
        if not wanted:
            return _with_free_name(storage, vmid, "",
                                   lambda name: _create(storage, name, size_kib, storage.node.name))
        name = volume_names.parse(wanted)
        if name.vmid != vmid or name.is_template or name.template:
            raise Refused(f"illegal name '{wanted}' - should be 'vm-{vmid}-*'")
        found = storage.catalogue.find(name)
        if found is None:
            _create(storage, name, size_kib, "")
        elif not (name.is_cloud_init and found.size_kib >= size_kib):
            # A cloud-init image is written anew at every start, on a node that may not have the device yet.
            raise Refused(f"volume '{storage.name}:{wanted}' exists already")
        return str(name)


def _create(storage: Storage, name: VolumeName, size_kib: int, node: str) -> str:
    """The new resource. `node` for a name that it chose: what two nodes choose at once are two volumes."""
    props = _props(storage, name)
    for attempt in range(_MOST_DISKS):
        resource = volume_names.resource_name(storage.name, name.leaf, node, attempt)
        if _is_taken(storage, resource):
            continue
        try:
            # Who asks for a disk is about to use it: with a replica here it reads no block over the network.
            storage.service.create(resource, storage.config.group, size_kib, props,
                                   preferred_node=storage.node.name)
        except VolumeMismatch:
            continue
        return resource
    raise Refused(f"unable to allocate '{name}' in storage '{storage.name}'")


def _is_taken(storage: Storage, resource: str) -> bool:
    """Whether a volume has it. What a call that died left without our properties is gone on with instead."""
    found = storage.service.client.resource_definitions([resource])
    return any(STORAGE in definition.props for definition in found)


def _with_free_name(storage: Storage, vmid: int, template: str, make: Callable[[VolumeName], str]) -> str:
    """The first free name, and a volume under it in the resource that `make(name)` gives.

    Proxmox VE holds a lock of the cluster meanwhile. Should it fail to, two nodes may have taken one name: whoever
    sees the other's volume gives way, and names never stay double.
    """
    taken = {volume.name.leaf for volume in storage.catalogue.all()}
    for number in range(_MOST_DISKS):
        leaf = volume_names.disk_leaf(vmid, number)
        if leaf in taken or f"base-{leaf.removeprefix('vm-')}" in taken:
            continue
        name = VolumeName(leaf, vmid, template)
        resource = make(name)
        own = [volume for volume in storage.catalogue.all() if volume.name.leaf == leaf]
        if len(own) == 1:
            return str(name)
        storage.service.delete(resource)
        taken.add(leaf)
    raise Refused(f"unable to allocate an image name for VM {vmid} in storage '{storage.name}'")


def _props(storage: Storage, name: VolumeName) -> dict[str, str]:
    props = {STORAGE: storage.name, NAME: name.leaf, VMID: str(name.vmid)}
    return {**props, TEMPLATE: name.template} if name.template else props


def free(storage: Storage, text: str) -> None:
    """Nothing to do where it is not. Refused while it is protected, has linked clones, or snapshots that Proxmox VE did
    not take.
    """
    name = volume_names.parse(text)
    volume = storage.catalogue.find(name)
    if volume is None:
        return
    if volume.name.template != name.template:
        raise VolumeMissing(storage.name, text)
    attributes.check_unprotected(storage, volume)
    clones = [str(other.name) for other in storage.catalogue.all() if other.name.template == name.leaf]
    if clones and name.is_template:
        raise Refused(f"base volume '{text}' is still in use by linked clones: {', '.join(clones)}")
    storage.await_closed(text, volume.resource)
    snapshots.delete_all(storage, volume)
    storage.node.migrations.end(storage.service, volume.resource)
    storage.once_closed(text, lambda: storage.service.delete(volume.resource))
    storage.node.links.remove(storage.node.links.path(storage.name, name))


def images(storage: Storage, vmid: int | None, wanted: Iterable[str] | None) -> list[dict[str, Any]]:
    """As list_images has them; sizes in bytes."""
    only = set(wanted) if wanted is not None else None
    found = []
    for volume in storage.catalogue.all():
        volid = f"{storage.name}:{volume.name}"
        if (only is not None and volid not in only) or (only is None and vmid not in (None, volume.name.vmid)):
            continue
        entry = {"volid": volid, "format": "raw", "size": volume.size_kib * 1024, "vmid": volume.name.vmid}
        more = {"parent": volume.name.template, "notes": volume.notes, "protected": int(volume.is_protected)}
        found.append(entry | {key: value for key, value in more.items() if value})
    return found


def size_bytes(storage: Storage, text: str) -> int:
    return storage.catalogue.get(text).size_kib * 1024


def resize(storage: Storage, text: str, size: int, snapshot: str) -> None:
    """`size` in bytes; a running guest is told of it by Proxmox VE afterwards."""
    if snapshot:
        raise Refused(f"resizing the snapshot '{snapshot}' of '{text}' is not supported: snapshots keep their size")
    volume = storage.catalogue.get(text)
    size_kib = -(-size // 1024)
    if size_kib < volume.size_kib:
        raise Refused(f"volume '{storage.name}:{text}' has {volume.size_kib} KiB and can't be shrunk to {size_kib}")
    storage.service.grow(volume.resource, size_kib)


def rename(storage: Storage, text: str, vmid: int, wanted: str) -> str:
    """The new name, for another guest or by another name; data stay where they are."""
    with storage.node.naming:
        done = _renamed_before(storage, text, vmid, wanted)
        if done is not None:
            return str(done.name)
        try:
            return _rename(storage, storage.catalogue.get(text), vmid, wanted)
        except Refused:
            # Another node may have been asked the same, and been faster.
            done = _renamed_before(storage, text, vmid, wanted)
            if done is None:
                raise
            return str(done.name)


def _rename(storage: Storage, volume: StoredVolume, vmid: int, wanted: str) -> str:
    if volume.name.is_template:
        raise Refused(f"template '{volume.name}' can't be renamed")
    leaf = wanted or _free_leaf(storage, vmid)
    name = VolumeName(leaf, volume_names.parse(leaf).vmid, volume.name.template)
    if name.leaf == volume.name.leaf:
        return str(name)
    if storage.catalogue.find(name) is not None:
        raise Refused(f"target volume '{storage.name}:{name}' already exists")
    return _call_it(storage, volume, name)


def _renamed_before(storage: Storage, text: str, vmid: int, wanted: str) -> StoredVolume | None:
    """What a call that was not answered did already."""
    former = volume_names.parse(text)
    if storage.catalogue.find(former) is not None:
        return None
    return next((volume for volume in storage.catalogue.all() if volume.former_leaf == former.leaf
                 and (volume.name.leaf == wanted or (not wanted and volume.name.vmid == vmid))), None)


def _call_it(storage: Storage, volume: StoredVolume, name: VolumeName) -> str:
    props = {**_props(storage, name), FORMER_NAME: volume.name.leaf}
    storage.service.set_props(volume.resource, props)
    storage.node.links.rename(storage.name, volume.name, name)
    return str(name)


def _free_leaf(storage: Storage, vmid: int) -> str:
    taken = {volume.name.leaf for volume in storage.catalogue.all()}
    free_leaves = (leaf for leaf in (volume_names.disk_leaf(vmid, number) for number in range(_MOST_DISKS))
                   if leaf not in taken and f"base-{leaf.removeprefix('vm-')}" not in taken)
    found = next(free_leaves, None)
    if found is None:
        raise Refused(f"unable to allocate an image name for VM {vmid} in storage '{storage.name}'")
    return found


def make_template(storage: Storage, text: str) -> str:
    """The template's name. The snapshot that clones start from is taken first: a call that died is gone on with."""
    with storage.node.naming:
        volume = storage.catalogue.get(text)
        if volume.name.is_template:
            raise Refused(f"volume '{storage.name}:{text}' is a template already")
        snapshots.take(storage, volume, TEMPLATE_SNAPSHOT)
        number = int(_free_leaf(storage, volume.name.vmid).rpartition("-")[2])
        leaf = volume_names.template_leaf(volume.name.leaf, number)
        return _call_it(storage, volume, VolumeName(leaf, volume.name.vmid, volume.name.template))


def clone(storage: Storage, text: str, vmid: int, snapshot: str) -> str:
    """A linked clone of a template, or of a snapshot: it starts with the same blocks and shares them."""
    source = storage.catalogue.get(text)
    if not snapshot and not source.name.is_template:
        raise Refused(f"'{text}' is neither a template nor was a snapshot named: a linked clone needs one")
    origin = snapshots.existing(storage, source, snapshot or TEMPLATE_SNAPSHOT)
    template = "" if snapshot else source.name.leaf

    def restore(name: VolumeName) -> str:
        for attempt in range(_MOST_DISKS):
            resource = volume_names.resource_name(storage.name, name.leaf, storage.node.name, attempt)
            if _is_taken(storage, resource):
                continue
            try:
                storage.service.restore_snapshot(source.resource, origin, resource, storage.config.group,
                                                 props=_props(storage, name))
            except VolumeMismatch:
                continue
            return resource
        raise Refused(f"unable to clone '{text}' in storage '{storage.name}'")

    with storage.node.naming:
        return _with_free_name(storage, vmid, template, restore)
