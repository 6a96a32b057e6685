"""Snapshots of volumes, and copies of them that are open for a while: for a backup, or as source of a full clone."""

from __future__ import annotations

from functools import partial
from typing import Any

from linstor_proxmox import volume_names
from linstor_proxmox.catalogue import StoredVolume
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage import Storage
from linstor_proxmox.volume_names import SNAPSHOT_OF, STORAGE, TEMPLATE_SNAPSHOT


def take(storage: Storage, volume: StoredVolume, snapshot: str) -> None:
    """One that is there stays."""
    names = _names(storage, volume)
    storage.service.snapshot(volume.resource, names.get(snapshot) or volume_names.snapshot_name(snapshot))


def create(storage: Storage, text: str, snapshot: str) -> None:
    take(storage, storage.catalogue.get(text), snapshot)


def existing(storage: Storage, volume: StoredVolume, snapshot: str) -> str:
    """The LINSTOR name of a snapshot. Raises Refused where there is none."""
    found = _names(storage, volume).get(snapshot)
    if found is None:
        raise Refused(f"snapshot '{snapshot}' of '{storage.name}:{volume.name}' does not exist")
    return found


def _names(storage: Storage, volume: StoredVolume) -> dict[str, str]:
    """LINSTOR's names by those in Proxmox VE; snapshots that others took are left out."""
    found = (snapshot.name for snapshot in storage.service.snapshots(volume.resource))
    return {name: snapshot for snapshot in found
            if (name := volume_names.platform_snapshot(volume.resource, snapshot))}


def delete(storage: Storage, text: str, snapshot: str) -> None:
    """Nothing to do where it, or the volume, is not. The open copies of it go first, whatever node made them."""
    volume = storage.catalogue.find(volume_names.parse(text))
    if volume is None:
        return
    name = _names(storage, volume).get(snapshot)
    _delete_copies(storage, volume, snapshot)
    if name is not None:
        storage.service.delete_snapshot(volume.resource, name)


def delete_all(storage: Storage, volume: StoredVolume) -> None:
    """What Proxmox VE took, before the volume goes. Raises Refused for snapshots that others took: they are theirs."""
    taken = [snapshot.name for snapshot in storage.service.snapshots(volume.resource)]
    names = {name: volume_names.platform_snapshot(volume.resource, name) for name in taken}
    foreign = [name for name, own in names.items() if not own]
    if foreign:
        raise Refused(f"volume '{storage.name}:{volume.name}' has snapshots that Proxmox VE did not take: "
                      f"{', '.join(foreign)}; remove them with `linstor snapshot delete {volume.resource} …` first")
    for name in reversed(taken):
        _delete_copies(storage, volume, names[name])
        storage.service.delete_snapshot(volume.resource, name)


def information(storage: Storage, text: str) -> dict[str, dict[str, Any]]:
    """As volume_snapshot_info has it: `timestamp` in seconds since 1970, `virtual-size` in bytes."""
    volume = storage.catalogue.get(text)
    return {
        name: {"id": f"{volume.resource}/{snapshot.name}", "timestamp": (snapshot.created_ms or 0) // 1000,
               "virtual-size": snapshot.size_kib * 1024}
        for snapshot in storage.service.snapshots(volume.resource)
        if (name := volume_names.platform_snapshot(volume.resource, snapshot.name)) not in ("", TEMPLATE_SNAPSHOT)
    }


def rollback_blockers(storage: Storage, text: str, snapshot: str) -> dict[str, list[str]]:
    """`blockers` are snapshots that have to go first, `reasons` sentences about everything that is in the way."""
    volume = storage.catalogue.get(text)
    found = storage.service.rollback_blockers(volume.resource, existing(storage, volume, snapshot))
    names = [volume_names.platform_snapshot(volume.resource, name) or name for name in found.snapshots]
    if not found.snapshots and found.in_use_on:
        # Proxmox VE asks before it stops the guest: that the guest runs does not speak against it.
        return {"blockers": [], "reasons": []}
    return {"blockers": names, "reasons": list(found.reasons)}


def roll_back(storage: Storage, text: str, snapshot: str) -> None:
    volume = storage.catalogue.get(text)
    name = existing(storage, volume, snapshot)
    storage.await_closed(text, volume.resource)
    storage.once_closed(text, lambda: storage.service.roll_back(volume.resource, name))


def open_copy(storage: Storage, volume: StoredVolume, snapshot: str) -> str:
    """The resource with the content of a snapshot for this node; every node has its own, so none takes another's away.
    """
    origin = existing(storage, volume, snapshot)
    resource = _copy_name(storage, volume, snapshot)
    storage.service.restore_snapshot(volume.resource, origin, resource, storage.config.group,
                                     props={STORAGE: storage.name, SNAPSHOT_OF: f"{volume.resource}/{snapshot}"})
    return resource


def close_copy(storage: Storage, volume: StoredVolume, snapshot: str) -> None:
    resource = _copy_name(storage, volume, snapshot)
    storage.once_closed(f"{volume.name}@{snapshot}", lambda: storage.service.delete(resource))
    storage.node.links.remove(storage.node.links.path(storage.name, volume.name, snapshot))


def _copy_name(storage: Storage, volume: StoredVolume, snapshot: str) -> str:
    return volume_names.resource_name(volume.resource, snapshot, storage.node.name, "copy")


def _delete_copies(storage: Storage, volume: StoredVolume, snapshot: str) -> None:
    wanted = [f"{STORAGE}={storage.name}", f"{SNAPSHOT_OF}={volume.resource}/{snapshot}"]
    found = {definition.name for definition in storage.service.client.resource_definitions(props=wanted)}
    for resource in sorted(found | {_copy_name(storage, volume, snapshot)}):
        storage.once_closed(f"{volume.name}@{snapshot}", partial(storage.service.delete, resource))
    storage.node.links.remove(storage.node.links.path(storage.name, volume.name, snapshot))
