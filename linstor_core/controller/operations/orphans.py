"""Files on nodes that nobody names: made into volumes again, or removed, each by an explicit call only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import dependents, progress, tombstones
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.placement import number_pools
from linstor_core.controller.route import Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, NotFound
from linstor_core.domain.layers import STORAGE
from linstor_core.domain.observed import NodeSeen, OrphanSeen
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resource_groups import DEFAULT_GROUP
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.domain.tombstones import DeadVolume, Tombstone, TombstoneKind
from linstor_core.wire.api_call_rc import CREATED, DELETED, Operation, Severity, Subject
from linstor_core.wire.rest_tombstones import OrphanAdopt, OrphanRemove

_VOLUME = re.compile(r"(?P<name>.+?)(?:\.\d+)?_(?P<number>\d{5})")
_SNAPSHOT = re.compile(r"(?P<name>.+?)(?:\.\d+)?_(?P<number>\d{5})_(?P<snapshot>.+)")
_STACK = (STORAGE,)
_READY = "ready"


class Looks(Struct, frozen=True):
    """What the name of a file says; `number` is -1 where it says nothing."""

    name: str = ""
    number: int = -1
    snapshot: str = ""


class Owner(Struct, frozen=True):
    """What has a content: `name` is its upper-case name in the pool, `what` is for messages."""

    data_id: str
    name: str
    what: str


def looks(orphan: OrphanSeen) -> Looks:
    identifier = identifier_of(orphan) or ""
    found = _VOLUME.fullmatch(identifier) or _SNAPSHOT.fullmatch(identifier)
    if found is None:
        return Looks()
    return Looks(found["name"], int(found["number"]), found.groupdict().get("snapshot") or "")


def identifier_of(orphan: OrphanSeen) -> str | None:
    """What a volume that has this file is called in its pool; None for a file that no volume can have."""
    name = orphan.path.rpartition("/")[2]
    unfinished = f".{orphan.data_id}.tmp"
    if name.startswith(".") and orphan.data_id and name.endswith(unfinished):
        return name[1:].removesuffix(unfinished) or None
    return name.removesuffix(".img") if name.endswith(".img") and not name.startswith(".") else None


def adopt(cluster: Cluster, context: Context, call: Call[OrphanAdopt]) -> Change:
    """The definition is made where there is none. Nothing is written: content and identity stay."""
    body = call.body
    refs = {"Node": body.node_name, "RscDfn": body.resource_name, "VlmNr": str(body.volume_number)}
    with lookups.about(**refs):
        node = lookups.node(cluster, body.node_name)
        link, orphan = _found(cluster, node.name, body.path)
        pool = _check_complete(cluster, link, orphan)
        _check_named_by_nobody(cluster, orphan)
        dependents.check_not_moving(cluster, body.resource_name, node.name)
        definition = _definition(cluster, context, body, orphan.size_bytes // 1024)
        resource = _resource(cluster, context, definition, body, node.name)
    volume = Volume(context.new_uuid(), body.volume_number, pool.name, identifier_of(orphan) or "", orphan.data_id,
                    populated=True)
    resource = structs.replace(resource, volumes=tuple(
        sorted((*resource.volumes, volume), key=lambda each: each.number)))
    places = [(definition.name, node.name)]
    steps = [call.rc(Severity.SUCCESS, CREATED, f"'{orphan.path}' on '{node.name}' is volume {volume.number} of "
                     f"'{definition.name}' now.", details=f"UUID: {resource.uuid}. Its content was left as it is.",
                     refs={**refs, "UUID": resource.uuid})]
    return Change((documents.placed(definition, _STACK), resource, _without(link, orphan)),
                  outcome=progress.when_settled(call, places, steps), watch=progress.watched(places))


def _found(cluster: Cluster, node_name: str, path: str) -> tuple[NodeSeen, OrphanSeen]:
    """Raises NotFound (392)."""
    link = cluster.nodes_seen.get(key_of(node_name))
    for orphan in link.orphans if link is not None else ():
        if link is not None and orphan.path == path:
            return link, orphan
    raise NotFound(f"The node '{node_name}' knows no orphan '{path}'.", Code.NOT_FOUND_ORPHAN,
                   cause="Nothing is there, it is no file of ours, or a resource or tombstone names it.",
                   correction="Compare it with 'linstor orphans list'.")


def _check_complete(cluster: Cluster, link: NodeSeen, orphan: OrphanSeen) -> StoragePool:
    """The pool that it lies in. Raises Conflict for what can't be a volume as it is."""
    node_name = link.node_name
    if not cluster.is_online(node_name):
        raise Conflict(f"The node '{node_name}' is not connected.", Code.NOT_CONNECTED,
                       cause="What is on it now is not known.", correction="Wait for its return.")
    pool = cluster.pool(node_name, orphan.pool)
    if not orphan.data_id or pool is None:
        raise Conflict(f"The identity of '{orphan.path}' is not known.", Code.INVLD_REQUEST,
                       cause="Its satellite is too old to tell, or can't read the file.",
                       correction="Upgrade the satellite, or see its log.")
    is_whole = orphan.state == _READY and not orphan.path.rpartition("/")[2].startswith(".")
    if not is_whole or identifier_of(orphan) is None or orphan.size_bytes < 1024:
        raise Conflict(f"'{orphan.path}' is no complete volume.", Code.INVLD_REQUEST,
                       cause="It was never finished, or has another name than volumes have.",
                       correction="'linstor orphans remove' removes it.")
    return pool


def _check_named_by_nobody(cluster: Cluster, orphan: OrphanSeen) -> None:
    """Raises Conflict (992): one identity means one content."""
    owner = next((owner for owner in _owners(cluster) if owner.data_id == orphan.data_id), None)
    if owner is not None:
        raise Conflict(f"'{orphan.path}' carries the identity of {owner.what}.", Code.BUSY,
                       cause="It is a copy that was made by hand, is being removed, or lies in a directory that nodes "
                             "share.",
                       correction="Keep one of the two: remove the orphan, or what it is a copy of.")


def _check_not_in_its_place(cluster: Cluster, orphan: OrphanSeen) -> None:
    """Raises Conflict (992) where the file may be the very one of a volume, seen through another pool or node."""
    name = key_of(identifier_of(orphan) or "")
    for owner in _owners(cluster):
        if orphan.data_id == owner.data_id and owner.name == name:
            raise Conflict(f"'{orphan.path}' is named and tagged as {owner.what} is.", Code.BUSY,
                           cause=f"Two storage pools seem to share a directory: it would be the file of {owner.what}.",
                           correction="Look at both pools; remove a copy by hand.")


def _owners(cluster: Cluster) -> Iterator[Owner]:
    """All content that the model knows, on whatever node: satellites may share a directory."""
    for resource in cluster.resources.values():
        yield from (Owner(data_id, key_of(volume.identifier), f"'{resource.name}' on '{resource.node_name}'")
                    for volume in resource.volumes for data_id in (volume.data_id, volume.replaces))
    for snapshot in cluster.snapshots.values():
        for part in snapshot.nodes:
            yield from (Owner(piece.data_id, key_of(f"{piece.identifier}_{snapshot.name}"),
                              f"'{snapshot.resource_name}/{snapshot.name}' on '{part.node_name}'")
                        for piece in part.volumes)
    for stone in cluster.tombstones.values():
        yield from (Owner(data_id, name, f"tombstone {stone.uuid} on '{stone.node_name}'")
                    for volume, name in zip(stone.volumes, stone.names, strict=True)
                    for data_id in (volume.data_id, volume.replaces))


def _definition(cluster: Cluster, context: Context, body: OrphanAdopt, size_kib: int) -> ResourceDefinition:
    """With a volume definition of the file's size. Raises Conflict where that is not what it has."""
    definition = cluster.definition(body.resource_name)
    if definition is None:
        group = lookups.group(cluster, body.resource_group or DEFAULT_GROUP)
        definition = ResourceDefinition(context.new_uuid(), names.resource_name(body.resource_name), group.name,
                                        layer_stack=_STACK)
    elsewhere = [resource.node_name for resource in cluster.resources_of(definition.name)
                 if key_of(resource.node_name) != key_of(body.node_name)]
    if definition.flags or elsewhere or definition.layer_stack not in ((), _STACK):
        raise Conflict(f"'{definition.name}' can't take the orphan.", Code.EXISTS_RSC,
                       cause=f"It is placed on {', '.join(elsewhere)}: replicas would hold different data."
                       if elsewhere else "It is being worked on, or its layers are others than STORAGE.",
                       correction="Adopt it under another name.")
    number = number_pools.volume_number(body.volume_number, set())
    volume = definition.volume_definition(number)
    if volume is None:
        volume = VolumeDefinition(context.new_uuid(), number, size_kib,
                                  props={documents.GENERATION_PROP: documents.new_generation(context)})
    if volume.size_kib != size_kib or volume.flags:
        raise Conflict(f"Volume {number} of '{definition.name}' has {volume.size_kib} KiB.", Code.INVLD_VLM_SIZE,
                       cause=f"The file has {size_kib} KiB.",
                       correction="Adopt it under another name or number.")
    return documents.with_volume(definition, volume)


def _resource(cluster: Cluster, context: Context, definition: ResourceDefinition, body: OrphanAdopt,
              node_name: str) -> Resource:
    resource = cluster.resource(definition.name, node_name)
    if resource is None:
        return Resource(context.new_uuid(), definition.name, node_name, _STACK, create_timestamp_ms=context.now_ms())
    if resource.is_deleting or resource.volume(body.volume_number) is not None:
        raise AlreadyExists(f"'{definition.name}' has a volume {body.volume_number} on '{node_name}' already.",
                            Code.EXISTS_VLM, cause="The number is taken there, or the resource is being deleted.",
                            correction="Adopt the orphan under another name or number.")
    return resource


def _without(link: NodeSeen, orphan: OrphanSeen) -> NodeSeen:
    return structs.replace(link, orphans=tuple(other for other in link.orphans if other is not orphan))


def remove(cluster: Cluster, context: Context, call: Call[OrphanRemove]) -> Change:
    """By a tombstone: the satellite removes exactly this file, if it carries exactly this identity."""
    body = call.body
    with lookups.about(Node=body.node_name):
        node = lookups.node(cluster, body.node_name)
        link, orphan = _found(cluster, node.name, body.path)
        identifier, pool = identifier_of(orphan), cluster.pool(node.name, orphan.pool)
        if not body.data_id or orphan.data_id != body.data_id:
            raise InvalidInput(f"'{body.path}' does not carry the identity '{body.data_id}'.", Code.INVLD_REQUEST,
                               cause=f"It carries '{orphan.data_id}'.",
                               correction="Name the data id that 'linstor orphans list' shows, if that file is meant.")
        if identifier is None or pool is None:
            raise Conflict(f"'{body.path}' can't be removed from here.", Code.INVLD_REQUEST,
                           cause="Its name is not one that a satellite gives.", correction="Remove it by hand.")
        _check_not_in_its_place(cluster, orphan)
    stone = Tombstone(context.new_uuid(), TombstoneKind.ORPHAN, node.name, looks(orphan).name or identifier,
                      (DeadVolume(0, pool.name, identifier, orphan.data_id),), create_timestamp_ms=context.now_ms())
    puts = (stone, _without(link, orphan))
    if not cluster.is_online(node.name):
        return Change(puts, answers=tuple(tombstones.entries(call, cluster, (stone,))))
    places = [(stone.spec_name, node.name)]
    done = call.rc(Severity.SUCCESS, DELETED, f"'{body.path}' on '{node.name}' is removed.", refs={"Node": node.name})
    return Change(puts, watch=progress.watched(places), outcome=progress.when_gone(
        call, places, lambda later: key_of(stone.uuid) not in later.tombstones, (done,)))


ROUTES = (
    Route("POST", "/v1/orphans/adopt", "Make a volume out of a file that nobody names", write=adopt, body=OrphanAdopt,
          mask=Operation.CREATE | Subject.RSC, success=201),
    Route("POST", "/v1/orphans/remove", "Remove a file that nobody names", write=remove, body=OrphanRemove,
          mask=Operation.DELETE | Subject.RSC),
)
