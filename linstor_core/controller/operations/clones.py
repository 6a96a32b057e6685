"""Clones: a new definition whose volumes start with another one's content, copied on the same nodes and pools."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context, Outcome
from linstor_core.controller.operations import dependents, placing, resource_definitions
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.operations.volume_definitions import check_room
from linstor_core.controller.placement import number_pools
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.domain.layers import DRBD, checked_stack
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_definitions import DrbdDefinition, ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import DataSource, Resource, Volume
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire.api_call_rc import ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import CloneRequest
from linstor_core.wire.rest_v1 import CloneStarted

PATH = "/v1/resource-definitions/<resource>/clone"
INVALID_NAME = "__invalid_name__"
WAIT_S = 3.0
_CLONEABLE = frozenset({ProviderKind.FILE_THIN, ProviderKind.LVM_THIN, ProviderKind.ZFS, ProviderKind.ZFS_THIN})


def clone(cluster: Cluster, context: Context, call: Call[CloneRequest]) -> Change:
    """Answers when the copy is complete, or soon; `…/clone/<name>` tells when it is.

    Clients ask that right after this answer, and many of them sleep for seconds where it is not: a copy that shares
    blocks is done before.
    """
    body = call.body
    origin = lookups.definition(cluster, call.path["resource"], bare=True)
    name = body.name or ""
    with lookups.about(RscDfn=name):
        if not name and not body.external_name:
            raise InvalidInput("The clone needs a name.", Code.INVLD_RSC_NAME, details=f"Source: {origin.name}",
                               correction="Give a name or an external name.")
        name = resource_definitions.new_name(cluster, name, body.external_name or "")
    with lookups.about(RscDfn=name):
        dependents.check_not_moving(cluster, origin.name)
        replicas = _replicas(cluster, origin)
        target, told = _target(cluster, context, origin, body, name)
        sizes = {volume.number: volume.size_kib for volume in target.volume_definitions}
        fresh = [_copy(cluster, context, replica, target, sizes) for replica in replicas]
        placing.check_layers(cluster, target.layer_stack, [replica.node_name for replica in replicas])
    created = resource_definitions.created_entry(call, target)
    away = [call.rc(Severity.WARN, 1002, f"The node '{replica.node_name}' is not connected.",
                    cause="It copies its part when it returns.", refs={"RscDfn": name, "Node": replica.node_name})
            for replica in replicas if not cluster.is_online(replica.node_name)]
    return Change(puts=(target, *fresh), answers=(*told, created, *away), outcome=_over(name, bool(away)),
                  watch=(key_of(name),), wait_s=WAIT_S)


def _over(name: str, with_nodes_away: bool) -> Outcome:
    """Adds nothing to the answer. Nobody waits for a node that is away."""
    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        clone = cluster.definition(name)
        going_on = clone is not None and "CLONING" in clone.flags and "FAILED" not in clone.flags
        return None if going_on and not with_nodes_away else ()

    return outcome


def _replicas(cluster: Cluster, origin: ResourceDefinition) -> list[Resource]:
    """The replicas to copy. Raises Conflict (992), InvalidInput (227) where they can't be copied."""
    found = [resource for resource in cluster.resources_of(origin.name) if not resource.is_diskless]
    if not found:
        raise Conflict(f"'{origin.name}' has no replica to clone.", Code.NOT_FOUND_RSC,
                       cause="No node holds data of it.", correction="Place it first.")
    for resource in found:
        for volume in resource.volumes:
            pool = cluster.pool(resource.node_name, volume.storage_pool)
            if pool is None or pool.provider_kind not in _CLONEABLE:
                raise InvalidInput(f"Volume {volume.number} of '{origin.name}' can't be cloned.", Code.INVLD_PROVIDER,
                                   details=f"It is in pool '{volume.storage_pool}' on '{resource.node_name}'.",
                                   cause="A clone shares its first content with the source, which needs a thin pool.",
                                   correction="Create a new resource and copy the data.")
        if resource.is_deleting or any(volume.is_copying or volume.flags for volume in resource.volumes):
            raise Conflict(f"'{origin.name}' can't be cloned now.", Code.BUSY,
                           cause=f"Work on it is not complete on node '{resource.node_name}'.",
                           correction="Try again when it is complete.")
    return found


def _target(cluster: Cluster, context: Context, origin: ResourceDefinition, body: CloneRequest,
            name: str) -> tuple[ResourceDefinition, list[ApiCallRc]]:
    group = lookups.group(cluster, body.resource_group or origin.resource_group_name)
    props, told = properties.changed(ObjectKind.RESOURCE_DEFINITION, Subject.RSC_DFN, origin.props, body,
                                     {"RscDfn": name})
    stack = checked_stack(body.layer_list or ()) or origin.layer_stack
    drbd = DrbdDefinition(context.new_secret()) if DRBD in stack else None
    if drbd is not None and origin.drbd is not None:
        drbd = structs.replace(drbd, peer_slots=origin.drbd.peer_slots)
    minors: list[int] = []
    volumes = []
    for index, volume in enumerate(origin.volume_definitions):
        if DRBD in stack:
            minors.append(number_pools.take_minor(cluster, None, minors))
        volumes.append(VolumeDefinition(
            context.new_uuid(), volume.number, _size(volume, body.volume_sizes or (), index), volume.props,
            tuple(flag for flag in volume.flags if flag in ("GROSS_SIZE", "ENCRYPTED")),
            minors[-1] if minors else None))
    return ResourceDefinition(context.new_uuid(), name, group.name, body.external_name or "", stack, tuple(volumes),
                              props, ("CLONING",), drbd), told


def _size(volume: VolumeDefinition, sizes_kib: tuple[int, ...], index: int) -> int:
    asked = sizes_kib[index] if index < len(sizes_kib) else 0
    if 0 < asked < volume.size_kib:
        raise InvalidInput(f"Volume {volume.number} can't become smaller than its source.", Code.INVLD_VLM_SIZE,
                           details=f"The source has {volume.size_kib} KiB, {asked} KiB were asked for.")
    return asked or volume.size_kib


def _copy(cluster: Cluster, context: Context, replica: Resource, target: ResourceDefinition,
          sizes_kib: dict[int, int]) -> Resource:
    volumes: list[Volume] = []
    for volume in replica.volumes:
        pool = cluster.storage_pools[key_of(replica.node_name), key_of(volume.storage_pool)]
        check_room(cluster, replica.node_name, pool.name, sizes_kib[volume.number])
        origin = DataSource(volume.identifier, volume.storage_pool, volume.data_id)
        volumes.append(documents.new_volume(cluster, context, target.name, volume.number, pool, source=origin))
    return Resource(context.new_uuid(), target.name, replica.node_name, target.layer_stack, tuple(volumes),
                    replica.props, (), context.now_ms())


def started(call: Call[Any], entries: list[ApiCallRc]) -> object:
    """Where to ask for the clone; a source that does not exist is answered like everywhere else."""
    if entries and entries[0].is_error and entries[0].code == Code.NOT_FOUND_RSC_DFN:
        return entries
    source, name = call.path["resource"], call.body.name or INVALID_NAME
    for item in entries:
        name = item.obj_refs.get("RscDfn") or name
    return CloneStarted(location=f"/v1/resource-definitions/{quote(source)}/clone/{quote(name)}", source_name=source,
                        clone_name=name, messages=tuple(entries))


ROUTES = (
    Route("POST", PATH, "Clone a resource", write=clone, body=CloneRequest, answer=CloneStarted, answer_of=started,
          mask=Operation.CREATE | Subject.RSC_DFN, success=201),
)
