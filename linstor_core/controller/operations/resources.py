"""Create, modify, activate, deactivate and delete resources on nodes that the caller names."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import dependents, placing, progress, tombstones
from linstor_core.controller.operations.volume_definitions import check_room
from linstor_core.controller.placement.pool_choice import pool_for
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput, LinstorError
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resources import Resource
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.wire.api_call_rc import DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import PropsModify, ResourceCreate, ToggleDisk

PATH = "/v1/resource-definitions/<resource>/resources"
ONE = f"{PATH}/<node>"
WARN_NOT_FOUND = 3000
INFO_EXISTS = 10008
_REFUSED_FLAGS = frozenset({"DISKLESS", "DRBD_DISKLESS", "TIE_BREAKER", "NVME_INITIATOR", "EBS_INITIATOR"})


def create_one(cluster: Cluster, context: Context, call: Call[ResourceCreate]) -> Change:
    """POST …/resources/{node}: the node of the URL counts."""
    return _create(cluster, context, call, call.path["node"], call.body)


def create_many(cluster: Cluster, context: Context, call: Call[tuple[ResourceCreate, ...]]) -> Change:
    """POST …/resources: all of them or none."""
    changes = []
    for body in call.body:
        change = _create(cluster, context, call, body.resource.node_name, body)
        cluster = cluster.with_documents(change.puts, change.deletes)
        changes.append(change)
    return progress.together(changes)


def _create(cluster: Cluster, context: Context, call: Call[Any], node_name: str, body: ResourceCreate) -> Change:
    name = call.path["resource"]
    node = lookups.node(cluster, node_name, bare=True)
    with lookups.about(RscDfn=name):
        definition = lookups.definition(cluster, name)
        existing = cluster.resource(name, node_name)
        if existing is not None:
            return _exists_already(call, existing)
        if "DELETE" in definition.flags:
            raise Conflict(f"'{definition.name}' is being deleted.", Code.BUSY, cause="Its deletion is not complete.",
                           correction="Wait until it is gone, then create it anew.")
        placing.check_stays(node)
        stack = placing.stack_for(cluster, definition, body.layer_list)
        _check_flags(body.resource.flags)
        placing.check_layers(cluster, stack, [node.name])
        props, told = properties.initial(ObjectKind.RESOURCE, Subject.RSC, body.resource.props, {"RscDfn": name})
        pools = {volume.number: pool_for(cluster, definition, volume, props, node.name)
                 for volume in definition.volume_definitions}
        _check_room(cluster, pools, {volume.number: volume.size_kib for volume in definition.volume_definitions})
        flags = tuple(flag for flag in body.resource.flags if flag == "INACTIVE")
        placement = placing.Placement(node.name, pools, props, flags)
    return placing.placed(cluster, context, call, definition, stack=stack, placements=[placement], answers=told)


def _check_flags(flags: tuple[str, ...]) -> None:
    diskless = _REFUSED_FLAGS.intersection(flags)
    if diskless:
        raise InvalidInput("A diskless resource needs a layer that reaches data over the network.",
                           Code.INVLD_LAYER_STACK, cause=f"The flags were {', '.join(sorted(diskless))}, and no "
                           "satellite offers such a layer.", correction="Leave the flags out.")


def _check_room(cluster: Cluster, pools: dict[int, StoragePool], sizes_kib: dict[int, int]) -> None:
    needed: dict[str, int] = {}
    for number, pool in pools.items():
        needed[pool.name] = needed.get(pool.name, 0) + sizes_kib[number]
    for pool in {pool.name: pool for pool in pools.values()}.values():
        check_room(cluster, pool.node_name, pool.name, needed[pool.name])


def _exists_already(call: Call[Any], resource: Resource) -> Change:
    if resource.is_deleting:
        raise Conflict(f"'{resource.name}' on node '{resource.node_name}' is being deleted.", Code.BUSY,
                       cause="The node has not confirmed the deletion yet.", correction="Try again when it is gone.")
    return Change(answers=(call.rc(
        Severity.INFO, INFO_EXISTS, f"The resource '{resource.name}' is on node '{resource.node_name}' already.",
        cause="It was created before.", details="Nothing was changed.", refs={"RscDfn": resource.name}),))


def modify(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    name, node_name = call.path["resource"], call.path["node"]
    refs = {"RscDfn": name, "Node": node_name}
    with lookups.about(**refs):
        lookups.node(cluster, node_name)
        lookups.definition(cluster, name)
        resource = lookups.resource(cluster, name, node_name)
        props, told = properties.changed(ObjectKind.RESOURCE, Subject.RSC, resource.props, call.body, refs)
    done = call.rc(Severity.SUCCESS, MODIFIED, f"Resource '{name}' on node '{node_name}' modified.",
                   details=f"UUID: {resource.uuid}", refs={"UUID": resource.uuid, **refs})
    return Change(puts=(structs.replace(resource, props=props),),
                  answers=(*told, done, *volume_steps(call, resource, MODIFIED, "adjusted")))


def volume_steps(call: Call[Any], resource: Resource, code: int, verb: str) -> list[ApiCallRc]:
    """One entry a volume, under the operation of the call."""
    mask = (call.mask & Operation.DELETE) | Subject.VLM
    return [call.rc(Severity.SUCCESS, code, f"Volume {volume.number} {verb} on '{resource.node_name}'.", mask=mask,
                    refs={"RscDfn": resource.name, "VlmNr": str(volume.number), "Node": resource.node_name})
            for volume in resource.volumes]


def activate(cluster: Cluster, _: Context, call: Call[Any]) -> Change:
    return _switched(cluster, call, active=True)


def deactivate(cluster: Cluster, _: Context, call: Call[Any]) -> Change:
    return _switched(cluster, call, active=False)


def _switched(cluster: Cluster, call: Call[Any], *, active: bool) -> Change:
    name, node_name = call.path["resource"], call.path["node"]
    refs = {"RscDfn": name, "Node": node_name}
    with lookups.about(**refs):
        lookups.node(cluster, node_name)
        lookups.definition(cluster, name)
        resource = lookups.resource(cluster, name, node_name)
        dependents.check_not_moving(cluster, name, node_name)
        if not active:
            dependents.check_not_in_use(cluster, resource)
    return switched(call, resource, active=active)


def switched(call: Call[Any], resource: Resource, *, active: bool) -> Change:
    """The change that sets up the devices of a resource, or takes them down; the data stays."""
    refs = {"RscDfn": resource.name, "Node": resource.node_name}
    flags = dependents.without_flag(resource.flags, "INACTIVE") if active else dependents.with_flag(
        resource.flags, "INACTIVE")
    verb = "activated" if active else "deactivated"
    places = [(resource.name, resource.node_name)]
    steps = progress.on(
        resource.node_name, *volume_steps(call, resource, MODIFIED, verb),
        call.rc(Severity.SUCCESS, MODIFIED, f"'{resource.name}' {verb} on '{resource.node_name}'.", refs=refs))
    return Change(puts=(structs.replace(resource, flags=flags),), outcome=progress.when_settled(call, places, steps),
                  watch=progress.watched(places))


def delete(cluster: Cluster, context: Context, call: Call[Any]) -> Change:
    """With `?force` no satellite is waited for; with `?abandon` besides, nothing of it is ever removed."""
    name, node_name = call.path["resource"], call.path["node"]
    refs = {"RscDfn": name, "Node": node_name}
    resource = cluster.resource(name, node_name)
    if resource is None:
        return Change(answers=(call.rc(
            Severity.WARN, WARN_NOT_FOUND, f"The resource '{name}' is not on node '{node_name}'.",
            details="There was nothing to delete.", refs=refs),))
    with lookups.about(**refs):
        end = tombstones.end_of(call)
        if end is tombstones.End.ORDERLY:  # by force a move ends that hangs at either of its ends
            dependents.check_not_moving(cluster, name)
        dependents.check_can_go(cluster, resource)
        dependents.check_nothing_is_taken(cluster, resource, end)
    puts, deletes = dependents.deletion(cluster, resource, context.now_ms(), end)
    gone = call.rc(Severity.SUCCESS, DELETED, f"Resource '{name}' on node '{node_name}' deleted.",
                   details=f"UUID: {resource.uuid}", refs=refs)
    if deletes and resource.volumes:
        left = tombstones.ended(call, cluster, (resource,), now_ms=context.now_ms(), end=end)
        return Change(puts, deletes, (gone, *left))
    marked = call.rc(Severity.SUCCESS, DELETED, f"Resource '{name}' on node '{node_name}' is marked for deletion.",
                     details=f"UUID: {resource.uuid}", refs=refs)
    steps = [*volume_steps(call, resource, MODIFIED, "closed"), *volume_steps(call, resource, DELETED, "deleted"),
             call.rc(Severity.SUCCESS, MODIFIED, f"'{name}' cleaned up on '{node_name}'.", refs=refs),
             gone]
    places = [(resource.name, resource.node_name)]
    return Change(
        puts=puts, deletes=deletes, answers=(marked,),
        outcome=progress.when_gone(call, places, lambda later: _is_gone(later, resource), steps,
                                   lambda later: not later.resources[key_of(name), key_of(node_name)].is_deleting,
                                   uuids=(resource.uuid,)),
        watch=progress.watched(places))


def _is_gone(cluster: Cluster, resource: Resource) -> bool:
    found = cluster.resource(resource.name, resource.node_name)
    return found is None or found.uuid != resource.uuid


def toggle_disk(cluster: Cluster, _: Context, call: Call[Any]) -> Change:
    """Refused for what can be placed today: without a layer that replicates, a disk is all that a resource has."""
    lookups.node(cluster, call.path["node"], bare=True)
    source = call.path.get("source")
    if isinstance(call.body, ToggleDisk):
        _check_operation(call.body.operation)
        source = call.body.migrate_from
    if source:
        lookups.node(cluster, source, bare=True)
    lookups.definition(cluster, call.path["resource"], bare=True)
    resource = lookups.resource(cluster, call.path["resource"], call.path["node"], bare=True)
    raise LinstorError("Disks can be added, removed and moved only below a replicating layer.",
                       Code.LAYER_UNSUPPORTED, cause=f"The layers of '{resource.name}' are "
                       f"{','.join(resource.layer_stack)}.",
                       correction="'linstor resource move' takes a resource with its data to another node.",
                       refs={"RscDfn": resource.name, "Node": key_of(
                           resource.node_name)})


def _check_operation(text: str) -> None:
    if text not in _OPERATIONS:
        raise InvalidInput(f"'{text}' is no operation on a disk.", Code.INVLD_REQUEST, bare=True,
                           correction=f"One of {', '.join(_OPERATIONS)}.")


_OPERATIONS = ("INTO_DRBD_DISKFUL", "INTO_DRBD_DISKLESS", "INTO_DRBD_CLIENT")
_TOGGLES = ("toggle-disk/diskful", "toggle-disk/diskful/<pool>", "toggle-disk/diskless", "toggle-disk/diskless/<pool>",
            "migrate-disk/<source>", "migrate-disk/<source>/<pool>")

ROUTES = (
    Route("POST", PATH, "Place a resource on several nodes", write=create_many, body=tuple[ResourceCreate, ...],
          mask=Operation.CREATE | Subject.RSC, success=201),
    Route("POST", ONE, "Place a resource on a node", write=create_one, body=ResourceCreate,
          mask=Operation.CREATE | Subject.RSC, success=201, lenient=True),
    Route("PUT", ONE, "Modify a resource", write=modify, body=PropsModify, mask=Operation.MODIFY | Subject.RSC),
    Route("DELETE", ONE, "Delete a resource with its data", write=delete, mask=Operation.DELETE | Subject.RSC),
    Route("POST", f"{ONE}/activate", "Set up the devices of a resource", write=activate,
          mask=Operation.MODIFY | Subject.RSC),
    Route("POST", f"{ONE}/deactivate", "Take down the devices of a resource; the data stays", write=deactivate,
          mask=Operation.MODIFY | Subject.RSC),
    Route("PUT", f"{ONE}/toggle-disk", "Add, remove or move the disk of a replicated resource", write=toggle_disk,
          body=ToggleDisk, mask=Operation.MODIFY | Subject.RSC),
    *(Route("PUT", f"{ONE}/{tail}", "Add, remove or move the disk of a replicated resource", write=toggle_disk,
            mask=Operation.MODIFY | Subject.RSC) for tail in _TOGGLES),
)
