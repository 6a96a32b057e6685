"""Restoring snapshots into other definitions."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import completion, dependents, placing, progress
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.operations.volume_definitions import check_room
from linstor_core.controller.placement import number_pools, pool_choice
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, NotFound
from linstor_core.domain.layers import DRBD
from linstor_core.domain.props import POOL_NAME
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import DataSource, Resource, Volume
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot, SnapshotVolume
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import SnapshotRestore

ONE = "/v1/resource-definitions/<resource>"
_CREATE_SNAPSHOT = Operation.CREATE | Subject.SNAPSHOT


def source(part_volume: SnapshotVolume, snapshot: Snapshot) -> DataSource:
    """A snapshot's volume as the origin of another volume on the same node."""
    return DataSource(part_volume.identifier, part_volume.storage_pool, part_volume.data_id, snapshot.name)


def check_usable(snapshot: Snapshot) -> None:
    """Raises Conflict (992) for a snapshot that is not complete, or on its way out."""
    if completion.SUCCESSFUL not in snapshot.flags or "DELETE" in snapshot.flags:
        raise Conflict(f"The snapshot '{snapshot.name}' of '{snapshot.resource_name}' can't be used.", Code.BUSY,
                       cause=f"Its state is {', '.join(snapshot.flags) or 'being taken'}.",
                       correction="Take another snapshot, or wait until this one is complete.")


def volume_definitions(cluster: Cluster, context: Context, call: Call[SnapshotRestore]) -> Change:
    """Give an empty definition the volume definitions that the snapshot's had."""
    name, snapshot_name, target_name = call.path["resource"], call.path["snapshot"], call.body.to_resource
    lookups.definition(cluster, name)
    snapshot = lookups.snapshot(cluster, name, snapshot_name)
    target = lookups.definition(cluster, target_name)
    if target.volume_definitions:
        raise AlreadyExists(f"'{target.name}' has volume definitions already.", Code.EXISTS_VLM_DFN,
                            cause="Volume definitions can be restored into an empty definition only.",
                            correction="Restore into a new resource definition.")
    minors: list[int] = []
    volumes = []
    for volume in snapshot.volume_definitions:
        if DRBD in target.layer_stack:
            minors.append(number_pools.take_minor(cluster, None, minors))
        props = {key: value for key, value in volume.props.items() if key not in documents.DERIVED_PROPS}
        volumes.append(VolumeDefinition(context.new_uuid(), volume.number, volume.size_kib, props,
                                        minor_number=minors[-1] if minors else None))
    done = call.rc(Severity.SUCCESS, DELETED, f"Volume definitions of '{snapshot.name}' restored into '{target.name}'.",
                   details=f"Volumes: {', '.join(str(volume.number) for volume in volumes)}",
                   refs={"RscDfn": target.name, "Snapshot": snapshot.name})
    return Change(puts=(structs.replace(target, volume_definitions=tuple(volumes)),), answers=(done,))


def resource(cluster: Cluster, context: Context, call: Call[SnapshotRestore]) -> Change:
    """Place a definition with the snapshot's content, on the nodes and in the pools that hold the snapshot."""
    name, snapshot_name, body = call.path["resource"], call.path["snapshot"], call.body
    refs = {"RscDfn": body.to_resource}
    with lookups.about(**refs):
        lookups.definition(cluster, name)
        snapshot = lookups.snapshot(cluster, name, snapshot_name)
        target = lookups.definition(cluster, body.to_resource)
        check_usable(snapshot)
        dependents.check_not_moving(cluster, snapshot.resource_name)
        if cluster.nodes_of.get(key_of(target.name)):
            raise AlreadyExists(f"'{target.name}' is placed already.", Code.EXISTS_RSC,
                                details="Its nodes: " + ", ".join(
                                    each.node_name for each in cluster.resources_of(target.name)),
                                cause="A snapshot can be restored into a definition without resources only.",
                                correction="Restore into a new resource definition.")
        _check_volumes(target, snapshot)
        stack = target.layer_stack or snapshot.layer_stack
        fresh = [_restored(cluster, context, target, snapshot, part, stack, body.stor_pool_rename or {})
                 for part in _parts(snapshot, body.nodes)]
        placing.check_layers(cluster, stack, [each.node_name for each in fresh])
    return _change(call, documents.placed(target, stack), fresh)


def _parts(snapshot: Snapshot, nodes: tuple[str, ...] | None) -> list[NodeSnapshot]:
    if not nodes:
        return [part for part in snapshot.nodes if "DELETE" not in part.flags]
    parts = []
    for node in nodes:
        part = snapshot.on_node(node)
        if part is None or "DELETE" in part.flags:
            raise NotFound(f"The node '{node}' holds no part of the snapshot '{snapshot.name}'.",
                           Code.NOT_FOUND_SNAPSHOT, cause="Data is restored where the snapshot is.",
                           details="Nodes with a part: " + ", ".join(each.node_name for each in snapshot.nodes),
                           correction="Name one of these nodes.")
        parts.append(part)
    return parts


def _check_volumes(target: ResourceDefinition, snapshot: Snapshot) -> None:
    """The same volumes, none smaller. Raises NotFound (303), InvalidInput (206)."""
    sizes = {volume.number: volume.size_kib for volume in snapshot.volume_definitions}
    for number in sizes:
        lookups.volume_definition(target, number)
    for volume in target.volume_definitions:
        if volume.number not in sizes:
            raise NotFound(f"The snapshot '{snapshot.name}' has no volume {volume.number}.",
                           Code.NOT_FOUND_SNAPSHOT_VLM_DFN, correction="Delete this volume definition of the target.")
        if volume.size_kib < sizes[volume.number]:
            raise InvalidInput(f"Volume {volume.number} of '{target.name}' is smaller than its snapshot.",
                               Code.INVLD_VLM_SIZE, details=f"It has {volume.size_kib} KiB, the snapshot "
                               f"{sizes[volume.number]} KiB.", correction="Enlarge the volume definition.")


def _restored(cluster: Cluster, context: Context, target: ResourceDefinition, snapshot: Snapshot, part: NodeSnapshot,
              *args: Any) -> Resource:
    stack, rename = args
    sizes = {volume.number: volume.size_kib for volume in target.volume_definitions}
    renamed = {key_of(old): new for old, new in rename.items()}
    volumes: list[Volume] = []
    for volume in part.volumes:
        pool_name = renamed.get(key_of(volume.storage_pool), volume.storage_pool)
        pool = pool_choice.named(cluster, part.node_name, pool_name)
        check_room(cluster, part.node_name, pool.name, sizes[volume.number])
        volumes.append(documents.new_volume(cluster, context, target.name, volume.number, pool,
                                            source=source(volume, snapshot)))
    pools = {volume.storage_pool for volume in volumes}
    props = {POOL_NAME: pools.pop()} if len(pools) == 1 else {}
    return Resource(context.new_uuid(), target.name, part.node_name, stack, tuple(volumes), props, (),
                    context.now_ms())


def _change(call: Call[Any], definition: ResourceDefinition, fresh: list[Resource]) -> Change:
    refs = {"RscDfn": definition.name}
    answers = [call.rc(Severity.SUCCESS, CREATED,
                       f"New resource '{each.name}' on node '{each.node_name}' registered.", mask=placing.PLACED,
                       details=f"UUID: {each.uuid}", refs=refs) for each in fresh]
    steps = [step for each in fresh for step in progress.on(
        each.node_name,
        *(call.rc(Severity.SUCCESS, CREATED, f"Volume {volume.number} restored on '{each.node_name}'.",
                  mask=placing.PLACED_VOLUME, refs={**refs, "VlmNr": str(volume.number)}) for volume in each.volumes),
        call.rc(Severity.SUCCESS, MODIFIED, f"'{each.name}' is ready on '{each.node_name}'.", mask=_CREATE_SNAPSHOT,
                refs=refs))]
    places = [(each.name, each.node_name) for each in fresh]
    return Change(puts=(definition, *fresh), answers=tuple(answers),
                  outcome=progress.when_settled(call, places, steps), watch=progress.watched(places))


ROUTES = (
    Route("POST", f"{ONE}/snapshot-restore-volume-definition/<snapshot>",
          "Give a definition the volumes of a snapshot", write=volume_definitions, body=SnapshotRestore,
          mask=_CREATE_SNAPSHOT),
    Route("POST", f"{ONE}/snapshot-restore-resource/<snapshot>", "Place a definition with a snapshot's content",
          write=resource, body=SnapshotRestore, mask=placing.PLACED),
)
