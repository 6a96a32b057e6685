"""What CloudStack and LINSTOR disagree about. Pure: two inventories in, findings out."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from linstor_cloudstack.inventory import CloudSide, LinstorSide, Stored, StoredSnapshot
from linstor_cloudstack.records import (
    PREFIX,
    REFERENCE,
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    CloudVolume,
    Storage,
    template_id,
)

DELETE_VOLUME, DELETE_SNAPSHOT = "delete-volume", "delete-snapshot"
GROW, PLACE, DROP_REFERENCES, ADD_REFERENCE = "grow", "place", "drop-references", "add-reference"
DELETING = frozenset({DELETE_VOLUME, DELETE_SNAPSHOT})
_WITHOUT_DATA = frozenset({"Allocated", "Creating", "Expunged", "Expunging", "UploadOp", "NotUploaded",
                           "UploadInProgress", "UploadError", "UploadAbandoned", "Uploading", "UploadNotStarted",
                           "Uploaded"})
"""States of volumes, as they are kept or as they are shown, of which CloudStack does not know that LINSTOR has them."""
_UNFINISHED = frozenset({"Allocated", "Creating", "Destroying", "Destroyed", "Error"})
_COMPLETE = "BackedUp"
_MACHINE_SNAPSHOT = "_VS_"
_GRAIN_KIB = 4096
"""A volume in LINSTOR may be larger by what its pool rounds up to."""


class Finding(Struct, frozen=True):
    """`subject` is a name in LINSTOR: a volume's, or `volume/snapshot`. `repair` is one of the words above, or empty
    where only an administrator can tell what is right.
    """

    kind: str
    subject: str
    message: str
    repair: str = ""
    size_kib: int = 0
    keys: tuple[str, ...] = ()

    @property
    def deletes(self) -> bool:
        return self.repair in DELETING


def findings(cloud: CloudSide, linstor: LinstorSide) -> tuple[Finding, ...]:
    groups = {storage.group.upper(): storage for storage in cloud.storages}
    by_id = {storage.id: storage for storage in cloud.storages}
    known = {volume.resource.upper(): volume for volume in cloud.volumes}
    found: list[Finding] = []
    for volume in cloud.volumes:
        if volume.storageid in by_id:
            found += _of_volume(volume, by_id[volume.storageid], linstor)
    for stored in linstor.definitions.values():
        if not stored.name.upper().startswith(PREFIX.upper()) or stored.being_deleted:
            continue
        references = tuple(sorted(key for key in stored.props if key.startswith(REFERENCE)))
        ours = stored.group.upper() in groups
        if stored.name.upper() in known:
            if ours and known[stored.name.upper()].state not in _WITHOUT_DATA:
                found += _leftover_references(stored, references)
        elif references or template_id(stored.name).lower() in cloud.templates:
            if ours or any(key.removeprefix(REFERENCE).upper() in groups for key in references):
                found += _of_template(stored, references, cloud, linstor)
        elif ours:
            found.append(_orphan(stored, cloud, linstor))
    found += _of_snapshots(cloud, linstor, groups, known)
    return tuple(sorted(found, key=lambda finding: (finding.kind, finding.subject)))


def _of_volume(volume: CloudVolume, storage: Storage, linstor: LinstorSide) -> Iterator[Finding]:
    name, told = volume.resource, f"CloudStack's volume {volume.name} ({volume.id})"
    stored = linstor.definitions.get(name.upper())
    if volume.state in _WITHOUT_DATA:
        return
    if stored is None:
        yield Finding("volume-missing", name, f"{told} is {volume.state} on {storage.name}; LINSTOR has nothing of "
                      "it.")
        return
    if stored.being_deleted:
        yield Finding("volume-going", stored.name, f"{told} is {volume.state}, but LINSTOR is deleting its data.")
        return
    if stored.group.upper() != storage.group.upper():
        yield Finding("group", stored.name, f"{told} is on {storage.name} (group {storage.group}), in LINSTOR in the "
                      f"group {stored.group}.")
    if stored.size_kib < volume.size_kib:
        yield Finding("size", stored.name, f"{told} has {volume.size_kib} KiB, in LINSTOR only {stored.size_kib} KiB.",
                      GROW, volume.size_kib)
    elif volume.state == "Ready" and stored.size_kib > volume.size_kib + _GRAIN_KIB:
        yield Finding("size", stored.name, f"{told} has {volume.size_kib} KiB, in LINSTOR {stored.size_kib} KiB: "
                      "resize it in CloudStack.")
    yield from _of_replicas(stored, linstor)


def _of_replicas(stored: Stored, linstor: LinstorSide) -> Iterator[Finding]:
    wanted = linstor.place_counts.get(stored.group.upper(), 1)
    if len(stored.replicas) < wanted:
        yield Finding("replicas", stored.name, f"It has {len(stored.replicas)} of the {wanted} replicas that the group "
                      f"{stored.group} asks for.", PLACE if stored.replicas else "")
    for replica in stored.replicas:
        if replica.fault:
            yield Finding("replica-fault", stored.name, f"The replica on {replica.node} does not count: "
                          f"{replica.fault}.")


def _leftover_references(stored: Stored, references: tuple[str, ...]) -> Iterator[Finding]:
    if references:
        yield Finding("volume-as-template", stored.name, "It is a volume, but counts as a template: cloning it was not "
                      "completed.", DROP_REFERENCES, keys=references)


def _of_template(stored: Stored, references: tuple[str, ...], cloud: CloudSide, linstor: LinstorSide
                 ) -> Iterator[Finding]:
    alive = {storage.group.upper() for storage in cloud.storages} | cloud.other_groups
    stale = tuple(key for key in references if key.removeprefix(REFERENCE).upper() not in alive)
    if template_id(stored.name).lower() not in cloud.templates:
        users = ", ".join(key.removeprefix(REFERENCE) for key in references)
        # CloudStack removes a deleted template from a storage some time later, and may know it by another name there.
        yield Finding("template-orphan", stored.name, f"It is a template for {users} that CloudStack does not list.",
                      DELETE_VOLUME if stale == references and not stored.in_use_on else "", stored.size_kib)
        return
    if not references:
        yield Finding("template-reference", stored.name, "No storage counts as its user, so the first one that drops "
                      "it deletes it for all.", ADD_REFERENCE, keys=(REFERENCE + stored.group,))
    elif len(stale) == len(references):
        yield Finding("template-reference", stored.name, "Only groups count as its users that no storage has: "
                      + ", ".join(key.removeprefix(REFERENCE) for key in stale) + ".")
    elif stale:
        yield Finding("template-reference", stored.name, "Groups count as its users that no storage has: "
                      + ", ".join(key.removeprefix(REFERENCE) for key in stale) + ".", DROP_REFERENCES, keys=stale)
    yield from _of_replicas(stored, linstor)


def _is_temporary(name: str) -> bool:
    return name.upper().startswith(TEMPORARY_PREFIX.upper()) or name.upper().endswith(TEMPORARY_SUFFIX.upper())


def _copied_from(name: str, cloud: CloudSide) -> list[str]:
    """States of unfinished snapshots that CloudStack may be reading from this temporary copy: it is called by the
    snapshot, or by the volume whose snapshot it is.
    """
    by_volume = {volume.id: (volume.resource + TEMPORARY_SUFFIX).upper() for volume in cloud.volumes}
    return [snapshot.state for snapshot in cloud.snapshots if snapshot.state != _COMPLETE and name.upper() in (
        (TEMPORARY_PREFIX + snapshot.id).upper(), by_volume.get(snapshot.volumeid, ""))]


def _orphan(stored: Stored, cloud: CloudSide, linstor: LinstorSide) -> Finding:
    in_cloud = {snapshot.resource.upper() for snapshot in cloud.snapshots if snapshot.locationtype != "SECONDARY"}
    needed = [name for resource, name in linstor.snapshots if resource == stored.name.upper()
              and (name in in_cloud or name in cloud.vm_snapshots)]
    temporary = _is_temporary(stored.name)
    kind = "temporary" if temporary else "volume-orphan"
    told = ("It was made to copy a snapshot from and was left behind." if temporary
            else f"LINSTOR has it in the group {stored.group}, CloudStack knows no such volume.")
    making = _copied_from(stored.name, cloud) if temporary else []
    if making:
        return Finding(kind, stored.name, f"CloudStack copies a snapshot from it, which is {making[0]}.")
    if needed:
        return Finding(kind, stored.name, f"{told} CloudStack still knows its snapshots: {', '.join(needed)}.")
    if stored.in_use_on:
        return Finding(kind, stored.name, f"{told} It is in use on {', '.join(stored.in_use_on)}.")
    return Finding(kind, stored.name, told, DELETE_VOLUME, stored.size_kib)


def _of_snapshots(cloud: CloudSide, linstor: LinstorSide, groups: dict[str, Storage],
                  known: dict[str, CloudVolume]) -> Iterator[Finding]:
    by_volume = {volume.id: volume for volume in cloud.volumes}
    storage_ids = {storage.id for storage in cloud.storages}
    names = set()
    for snapshot in cloud.snapshots:
        names.add(snapshot.resource.upper())
        volume = by_volume.get(snapshot.volumeid)
        if (volume is None or volume.storageid not in storage_ids or snapshot.locationtype != "PRIMARY"
                or snapshot.state in _UNFINISHED):
            continue
        if (volume.resource.upper(), snapshot.resource.upper()) not in linstor.snapshots:
            yield Finding("snapshot-missing", f"{volume.resource}/{snapshot.resource}", f"CloudStack has the snapshot "
                          f"{snapshot.name} of {volume.name} on primary storage, LINSTOR has none.")
    for found in linstor.snapshots.values():
        stored = linstor.definitions.get(found.resource.upper())
        if stored is not None and stored.group.upper() in groups and stored.name.upper() in known:
            yield from _orphan_snapshot(found, names, cloud.vm_snapshots)


def _orphan_snapshot(found: StoredSnapshot, names: set[str], machine: frozenset[str]) -> Iterator[Finding]:
    """Only names that CloudStack gives are looked at: other snapshots are somebody else's."""
    name = found.name.upper()
    is_clouds = name.startswith(PREFIX.upper()) and name not in names
    if is_clouds or (_MACHINE_SNAPSHOT in name and name not in machine):
        yield Finding("snapshot-orphan", f"{found.resource}/{found.name}", "LINSTOR has it, CloudStack does not.",
                      DELETE_SNAPSHOT)
