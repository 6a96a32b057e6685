"""Take, modify and delete snapshots; taking several at once is one change."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import completion, dependents, progress, tombstones
from linstor_core.controller.operations.tombstones import End
from linstor_core.controller.route import Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, Key, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot, SnapshotVolume, SnapshotVolumeDefinition
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import MultiSnapshotCreate, PropsModify, SnapshotCreate

PATH = "/v1/resource-definitions/<resource>/snapshots"
ONE = f"{PATH}/<snapshot>"
WARN_NOT_FOUND = 3000
SEQUENCE_PROP = "SequenceNumber"
_FIXED_PROPS = {"BackupShipping/BackupNodeIdsToReset": ""}
_NO_SNAPSHOTS = frozenset({ProviderKind.FILE, ProviderKind.LVM, ProviderKind.DISKLESS})
"""Providers that can't take any; of the others the satellite says whether the pool at hand can."""


def create(cluster: Cluster, context: Context, call: Call[SnapshotCreate]) -> Change:
    name, body = call.path["resource"], call.body
    with lookups.about(RscDfn=name, Snapshot=body.name):
        snapshot = new_snapshot(cluster, context, name, body)
    return taken(call, [snapshot])


def create_many(cluster: Cluster, context: Context, call: Call[MultiSnapshotCreate]) -> Change:
    """All of them or none."""
    snapshots: list[Snapshot] = []
    for body in call.body.snapshots:
        with lookups.about(RscDfn=body.resource_name, Snapshot=body.name):
            snapshot = new_snapshot(cluster, context, body.resource_name, body)
        cluster = cluster.with_documents((snapshot,), ())
        snapshots.append(snapshot)
    return taken(call, snapshots) if snapshots else Change()


def new_snapshot(cluster: Cluster, context: Context, resource_name: str, body: SnapshotCreate) -> Snapshot:
    """Raises a refusal when the definition, the name or the state of the volumes do not allow it."""
    definition = lookups.definition(cluster, resource_name)
    name = names.snapshot_name(body.name)
    if cluster.snapshot(resource_name, name) is not None:
        raise AlreadyExists(f"'{resource_name}' has a snapshot '{name}' already.", Code.EXISTS_SNAPSHOT_DFN,
                            cause="Names are compared without regard to case.", details=f"Snapshot: {name}")
    dependents.check_not_moving(cluster, resource_name)
    sources = _sources(cluster, definition, body.nodes)
    for resource in sources:
        _check_can_be_taken(cluster, resource)
        _check_name_is_free(cluster, resource, name)
    props, _ = properties.initial(ObjectKind.SNAPSHOT, Subject.SNAPSHOT, body.props)
    volumes = tuple(SnapshotVolumeDefinition(context.new_uuid(), volume.number, volume.size_kib, volume.props)
                    for volume in definition.volume_definitions if "DELETE" not in volume.flags)
    return Snapshot(
        context.new_uuid(), name, definition.name, volumes,
        tuple(_part(context, definition, resource) for resource in sources), sources[0].layer_stack,
        props={**_FIXED_PROPS, SEQUENCE_PROP: str(_next_sequence(cluster, resource_name)), **props},
        resource_definition_props=definition.props)


def _sources(cluster: Cluster, definition: ResourceDefinition, nodes: tuple[str, ...]) -> list[Resource]:
    """The replicas to snapshot: the named ones, or all with data whose nodes are there."""
    if nodes:
        replicas = [lookups.resource(cluster, definition.name, lookups.node(cluster, node).name) for node in nodes]
    else:
        replicas = [resource for resource in cluster.resources_of(definition.name)
                    if not resource.is_diskless and not resource.is_deleting]
    if not replicas:
        raise Conflict(f"'{definition.name}' has no replica to take a snapshot of.", Code.NOT_FOUND_RSC,
                       cause="No node holds data of it.", correction="Place it first.")
    there = [resource for resource in replicas if cluster.is_online(resource.node_name)]
    if not there or (nodes and len(there) < len(replicas)):
        away = ", ".join(resource.node_name for resource in replicas if resource not in there)
        raise Conflict("A snapshot can be taken on connected nodes only.", Code.NOT_CONNECTED,
                       cause=f"Not connected: {away}.", correction="Leave these nodes out, or wait for their return.")
    return there


def _check_can_be_taken(cluster: Cluster, resource: Resource) -> None:
    """Raises Conflict: 994 for a pool without snapshots, 992 while content is still being copied or going away, 304
    for a replica without volumes."""
    if resource.is_deleting:
        raise Conflict(f"'{resource.name}' is being deleted on '{resource.node_name}'.", Code.BUSY)
    if all("DELETE" in volume.flags for volume in resource.volumes):
        raise Conflict(f"'{resource.name}' has no volume on '{resource.node_name}'.", Code.NOT_FOUND_VLM,
                       cause="There is nothing that a snapshot could hold.", correction="Add a volume definition.")
    for volume in resource.volumes:
        pool = cluster.pool(resource.node_name, volume.storage_pool)
        seen = cluster.pools_seen.get((key_of(resource.node_name), key_of(volume.storage_pool)))
        if pool is None or pool.provider_kind in _NO_SNAPSHOTS or (seen is not None and not seen.supports_snapshots):
            raise Conflict(f"The storage pool '{volume.storage_pool}' on node '{resource.node_name}' can't take "
                           "snapshots.", Code.SNAPSHOTS_NOT_SUPPORTED,
                           cause=f"Its provider is {pool.provider_kind.value if pool is not None else 'unknown'}.",
                           details="Snapshots need a thin provider; of file pools, a file system with reflink.",
                           correction="Move the resource to a thin pool.")
        if volume.is_copying:
            raise Conflict(f"Volume {volume.number} of '{resource.name}' is still being copied.", Code.BUSY,
                           cause=f"Node '{resource.node_name}' has not confirmed its content yet.",
                           correction="Try again when it is complete.")
        if _is_being_enlarged(cluster, resource, volume.number):
            raise Conflict(f"Volume {volume.number} of '{resource.name}' is still being enlarged.", Code.BUSY,
                           cause=f"On node '{resource.node_name}' it has not the size that the snapshot would be said "
                                 "to have.", correction="Try again when it is complete.")


def _is_being_enlarged(cluster: Cluster, resource: Resource, number: int) -> bool:
    definition = cluster.definition(resource.name)
    wanted = definition.volume_definition(number) if definition is not None else None
    seen = cluster.seen(resource.name, resource.node_name)
    found = seen.volume(number) if seen is not None else None
    if wanted is None or "RESIZE" not in wanted.flags:
        return False
    return found is None or 0 <= found.usable_kib < wanted.size_kib


def _check_name_is_free(cluster: Cluster, resource: Resource, name: str) -> None:
    """Raises Conflict (992) while the node has still to remove an earlier snapshot of this name."""
    node = key_of(resource.node_name)
    if any((node, key_of(f"{volume.identifier}_{name}")) in cluster.strange_identifiers for volume in resource.volumes):
        raise Conflict(f"The node '{resource.node_name}' has not removed an earlier snapshot '{name}' yet.", Code.BUSY,
                       cause="Its removal failed, or is going on.",
                       correction="'linstor tombstone list' shows what hinders it; or choose another name.")


def _part(context: Context, definition: ResourceDefinition, resource: Resource) -> NodeSnapshot:
    sizes = {volume.number: volume.size_kib for volume in definition.volume_definitions}
    volumes = tuple(SnapshotVolume(context.new_uuid(), volume.number, sizes[volume.number], volume.storage_pool,
                                   volume.identifier, context.new_uuid(), volume.data_id)
                    for volume in resource.volumes if "DELETE" not in volume.flags)
    return NodeSnapshot(context.new_uuid(), resource.node_name, volumes)


def _next_sequence(cluster: Cluster, resource_name: str) -> int:
    numbers = [snapshot.props.get(SEQUENCE_PROP, "") for snapshot in cluster.snapshots_of_definition(resource_name)]
    return 1 + max((int(number) for number in numbers if number.isdigit()), default=0)


def taken(call: Call[Any], snapshots: list[Snapshot]) -> Change:
    """The change that takes these snapshots; the caller waits until all their nodes have answered."""
    answers = [call.rc(Severity.SUCCESS, CREATED, f"New snapshot '{snapshot.name}' of '{snapshot.resource_name}'.",
                       details=f"UUID: {snapshot.uuid}", refs={"UUID": snapshot.uuid, **_refs(snapshot)})
               for snapshot in snapshots]
    steps = [step for snapshot in snapshots for step in _steps(call, snapshot)]
    if len(snapshots) > 1:
        steps.append(call.rc(Severity.SUCCESS, 0, "The snapshots belong to one moment on each node.",
                             cause="They were asked for in one call."))
    places = [(snapshot.resource_name, part.node_name) for snapshot in snapshots for part in snapshot.nodes]
    settled = progress.when_settled(call, places, steps)

    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        lost = [snapshot for snapshot in snapshots if _is_lost(cluster, snapshot)]
        if not lost:
            return settled(cluster)
        return (*progress.failure_entries(call, cluster, places, newest_only=False),
                *(_lost_entry(call, snapshot) for snapshot in lost))

    return Change(puts=tuple(snapshots), answers=tuple(answers), outcome=outcome, watch=progress.watched(places))


def _refs(snapshot: Snapshot) -> dict[str, str]:
    return {"RscDfn": snapshot.resource_name, "Snapshot": snapshot.name}


def _steps(call: Call[Any], snapshot: Snapshot) -> list[ApiCallRc]:
    refs = _refs(snapshot)
    steps = []
    for part in snapshot.nodes:
        for volume in part.volumes:
            numbered = {**refs, "VlmNr": str(volume.number)}
            steps += [call.rc(Severity.SUCCESS, MODIFIED, f"Volume {volume.number} held on '{part.node_name}'.",
                              mask=Operation.CREATE | Subject.VLM, refs=numbered),
                      call.rc(Severity.SUCCESS, CREATED, f"Volume {volume.number} taken on '{part.node_name}'.",
                              refs=numbered)]
        steps.append(call.rc(Severity.SUCCESS, MODIFIED, f"Snapshot '{snapshot.name}' is complete on "
                             f"'{part.node_name}'.", refs=refs))
    return steps


def _is_lost(cluster: Cluster, snapshot: Snapshot) -> bool:
    found = cluster.snapshot(snapshot.resource_name, snapshot.name)
    return found is not None and found.uuid == snapshot.uuid and not completion.FAILED.isdisjoint(found.flags)


def _lost_entry(call: Call[Any], snapshot: Snapshot) -> ApiCallRc:
    return call.rc(Severity.ERROR, Code.UNKNOWN_ERROR, f"The snapshot '{snapshot.name}' was not taken.",
                   cause="Not every node could take its part, or a node was lost meanwhile.",
                   correction="Delete it and take it again.", refs=_refs(snapshot))


def modify(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    name, snapshot_name = call.path["resource"], call.path["snapshot"]
    refs = {"RscDfn": name, "Snapshot": snapshot_name}
    with lookups.about(**refs):
        lookups.definition(cluster, name)
        snapshot = lookups.snapshot(cluster, name, snapshot_name)
        props, told = properties.changed(ObjectKind.SNAPSHOT, Subject.SNAPSHOT, snapshot.props, call.body, refs)
    return Change(puts=(structs.replace(snapshot, props=props),), answers=tuple(told))


def delete(cluster: Cluster, context: Context, call: Call[Any]) -> Change:
    """With `?nodes=` only the parts on these nodes; with `?force` no satellite is waited for."""
    name, snapshot_name = call.path["resource"], call.path["snapshot"]
    refs = {"RscDfn": name, "Snapshot": snapshot_name}
    snapshot = cluster.snapshot(name, snapshot_name)
    if snapshot is None:
        return Change(answers=(call.rc(
            Severity.WARN, WARN_NOT_FOUND, f"The snapshot '{snapshot_name}' of '{name}' does not exist.",
            details="There was nothing to delete.", refs=refs),))
    with lookups.about(**refs):
        end = tombstones.end_of(call)
        dependents.check_not_moving(cluster, name)
        dependents.check_snapshot_not_a_source(cluster, snapshot)
    nodes = {key_of(node) for node in call.values("nodes")}
    going = [part for part in snapshot.nodes if not nodes or key_of(part.node_name) in nodes]
    gone_already = [part for part in going if completion.has_gone(cluster, snapshot, part)]
    buried = [part for part in going if part not in gone_already
              and (end is not End.ORDERLY or not tombstones.is_expected(cluster, part.node_name))]
    dropped = [*gone_already, *buried]
    waited = [part for part in going if part not in dropped]
    puts, deletes = _marked(snapshot, waited, dropped, whole=len(going) == len(snapshot.nodes))
    stones = [tombstones.of_part(snapshot, part, context.now_ms()) for part in buried if end is not End.ABANDONED]
    left = tombstones.ended(call, cluster, (), ((snapshot, part) for part in buried), now_ms=context.now_ms(),
                            end=end)
    steps = _deletion_steps(call, snapshot, waited)
    change = Change((*puts, *(stone for stone in stones if stone is not None)),
                    (*deletes, *_unseen(cluster, snapshot, dropped)))
    if not waited:
        return structs.replace(change, answers=(steps[-1], *left))
    answer = call.rc(Severity.SUCCESS, DELETED, f"Snapshot '{snapshot_name}' is marked for deletion.", refs=refs)
    places = [(snapshot.resource_name, part.node_name) for part in waited]
    uuids = {part.uuid for part in waited}

    def gone(later: Cluster) -> bool:
        found = later.snapshot(name, snapshot_name)
        return found is None or uuids.isdisjoint(part.uuid for part in found.nodes)

    return structs.replace(change, answers=(answer, *left), watch=progress.watched(places),
                           outcome=progress.when_gone(call, places, gone, steps, uuids=uuids))


def _marked(snapshot: Snapshot, waited: list[NodeSnapshot], dropped: list[NodeSnapshot], *,
            whole: bool) -> tuple[tuple[Snapshot, ...], tuple[tuple[type, Key], ...]]:
    """The snapshot without the dropped parts, the others marked; what has no part left goes."""
    left = tombstones.without_parts(snapshot, dropped)
    if left is None:
        return (), ((Snapshot, (key_of(snapshot.resource_name), key_of(snapshot.name))),)
    parts = tuple(structs.replace(part, flags=dependents.with_flag(part.flags, "DELETE")) if part in waited else part
                  for part in left.nodes)
    flags = dependents.with_flag(snapshot.flags, "DELETE") if whole else snapshot.flags
    return (structs.replace(left, nodes=parts, flags=flags),), ()


def _unseen(cluster: Cluster, snapshot: Snapshot, dropped: list[NodeSnapshot]) -> list[tuple[type, Key]]:
    """What was seen where nothing of the definition is wanted any more."""
    key = key_of(snapshot.resource_name)
    others = [other for other in cluster.snapshots_of_definition(key) if other.uuid != snapshot.uuid]
    return [(ResourceSeen, place) for part in dropped if (place := (key, key_of(part.node_name))) not in
            cluster.resources and not any(other.on_node(part.node_name) is not None for other in others)]


def _deletion_steps(call: Call[Any], snapshot: Snapshot, going: list[NodeSnapshot]) -> list[ApiCallRc]:
    refs = _refs(snapshot)
    volumes = sorted({volume.number for part in going for volume in part.volumes})
    return [*(call.rc(Severity.SUCCESS, DELETED, f"Volume {number} of the snapshot deleted.",
                      refs={**refs, "VlmNr": str(number)}) for number in volumes),
            call.rc(Severity.SUCCESS, MODIFIED, f"Snapshot '{snapshot.name}' cleaned up.", refs=refs),
            call.rc(Severity.SUCCESS, DELETED, f"Snapshot '{snapshot.name}' of '{snapshot.resource_name}' deleted.",
                    details=f"UUID: {snapshot.uuid}", refs={"UUID": snapshot.uuid, **refs})]


_CREATE = Operation.CREATE | Subject.SNAPSHOT

ROUTES = (
    Route("POST", PATH, "Take a snapshot", write=create, body=SnapshotCreate, mask=_CREATE, success=201, lenient=True),
    Route("POST", "/v1/actions/snapshot/multi", "Take several snapshots at one moment", write=create_many,
          body=MultiSnapshotCreate, mask=_CREATE, success=201),
    Route("PUT", ONE, "Modify the properties of a snapshot", write=modify, body=PropsModify,
          mask=Operation.MODIFY | Subject.SNAPSHOT),
    Route("DELETE", ONE, "Delete a snapshot", write=delete, mask=Operation.DELETE | Subject.SNAPSHOT),
)
