"""Putting a definition on nodes: the documents, the checks on layers, and the entries that tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import progress
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict, LinstorError
from linstor_core.domain.layers import DEFAULT_STACK, LUKS, STORAGE, checked_stack
from linstor_core.domain.nodes import Node
from linstor_core.domain.props import POOL_NAME
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.wire.api_call_rc import CREATED, MODIFIED, ApiCallRc, Operation, Severity, Subject

PLACED = Operation.CREATE | Subject.RSC
PLACED_VOLUME = Operation.CREATE | Subject.VLM


class Placement(Struct, frozen=True):
    """One node to be, with the pool of every volume (number -> pool) and the properties of the resource."""

    node_name: str
    pools: dict[int, StoragePool]
    props: dict[str, str]
    flags: tuple[str, ...] = ()


def on_pool(definition: ResourceDefinition, pool: StoragePool) -> Placement:
    """All volumes of a definition in one pool."""
    return Placement(pool.node_name, {volume.number: pool for volume in definition.volume_definitions},
                     {POOL_NAME: pool.name})


def stack_for(cluster: Cluster, definition: ResourceDefinition, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The layers of a placement: what the caller asks for, else the definition's, the group's, the default ones."""
    if asked:
        return checked_stack(tuple(asked))
    if definition.layer_stack:
        return definition.layer_stack
    group = cluster.group(definition.resource_group_name)
    if group is not None and group.select_filter.layer_stack:
        return checked_stack(group.select_filter.layer_stack)
    return DEFAULT_STACK


def check_layers(cluster: Cluster, stack: tuple[str, ...], node_names: Sequence[str]) -> None:
    """Raises Conflict (988) when nodes are there, but none of them can serve all layers of the stack."""
    if LUKS in stack:
        raise LinstorError("The master passphrase is not known.", Code.UNKNOWN_ERROR,
                           cause="A stack with LUKS needs the master passphrase before it can be placed.",
                           details=f"The stack is {','.join(stack)}.",
                           correction="Leave LUKS out of the layer list.")
    if stack == (STORAGE,):
        return
    lacking = {name: missing_layers(cluster, stack, name) for name in node_names}
    if lacking and all(lacking.values()):
        raise Conflict(f"No satellite offers all layers of {','.join(stack)}.", Code.LAYER_UNSUPPORTED,
                       cause="A layer of the stack is not supported where the resource would go.",
                       details="; ".join(f"{name} lacks {', '.join(layers)}" for name, layers in lacking.items()),
                       correction="Give the layer list STORAGE, or install what the layers need on the nodes.")


def check_stays(node: Node) -> None:
    """Raises Conflict (975) for a node that is being left or was given up: nothing new goes there."""
    leaving = [flag for flag in node.flags if flag in ("EVACUATE", "EVICTED")]
    if leaving:
        raise Conflict(f"Nothing new is placed on node '{node.name}'.", Code.EVACUATING,
                       cause=f"It is marked {', '.join(leaving)}.",
                       correction=f"Take another node, or take the mark off: linstor node restore {node.name}",
                       refs={"Node": node.name})


def missing_layers(cluster: Cluster, stack: tuple[str, ...], node_name: str) -> tuple[str, ...]:
    """The layers that a node does not offer. STORAGE is offered by every satellite."""
    seen = cluster.nodes_seen.get(key_of(node_name))
    offered = {STORAGE, *(seen.layers if seen is not None else ())}
    return tuple(layer for layer in stack if layer not in offered)


def resources(cluster: Cluster, context: Context, definition: ResourceDefinition, stack: tuple[str, ...],
              placements: Sequence[Placement]) -> list[Resource]:
    """New resources with blank volumes; volume definitions that are being deleted get none."""
    live = {volume.number for volume in definition.volume_definitions if "DELETE" not in volume.flags}
    return [Resource(context.new_uuid(), definition.name, placement.node_name, stack,
                     tuple(documents.new_volume(cluster, context, definition.name, number, pool)
                           for number, pool in sorted(placement.pools.items()) if number in live),
                     placement.props, placement.flags, context.now_ms()) for placement in placements]


def placed(cluster: Cluster, context: Context, call: Call[Any], definition: ResourceDefinition, *,
           stack: tuple[str, ...], placements: Sequence[Placement], answers: Sequence[ApiCallRc]) -> Change:
    """The change that puts a definition on further nodes; the caller waits until their satellites have done it."""
    fresh = resources(cluster, context, definition, stack, placements)
    first_ones = cluster.resources_of(definition.name)
    places = [(definition.name, resource.node_name) for resource in fresh]
    steps: list[ApiCallRc | progress.OnNode] = [
        step for resource in fresh for step in progress.on(resource.node_name, *ready_entries(call, resource))]
    if first_ones:
        steps += [call.rc(Severity.SUCCESS, MODIFIED, f"Volume {volume.number} adjusted on the other nodes.",
                          mask=PLACED_VOLUME, refs={"RscDfn": definition.name, "VlmNr": str(volume.number)})
                  for volume in definition.volume_definitions]
    return Change(puts=(documents.placed(definition, stack), *fresh), answers=(*answers, *created(call, fresh)),
                  outcome=progress.when_settled(call, places, steps), watch=progress.watched(places))


def created(call: Call[Any], fresh: Sequence[Resource]) -> list[ApiCallRc]:
    """One entry a resource, one a volume: stored, not yet on the nodes."""
    entries = []
    for resource in fresh:
        refs = {"RscDfn": resource.name}
        entries.append(call.rc(Severity.SUCCESS, CREATED,
                               f"New resource '{resource.name}' on node '{resource.node_name}' registered.",
                               mask=PLACED, details=f"UUID: {resource.uuid}",
                               refs={"UUID": resource.uuid, **refs, "Node": resource.node_name}))
        entries += [call.rc(Severity.SUCCESS, CREATED,
                            f"New volume {volume.number} in pool '{volume.storage_pool}' registered.",
                            mask=PLACED_VOLUME, details=f"UUID: {volume.uuid}",
                            refs={**refs, "VlmNr": str(volume.number), "Node": resource.node_name})
                    for volume in resource.volumes]
    return entries


def ready_entries(call: Call[Any], resource: Resource) -> list[ApiCallRc]:
    """What is told once the satellite has answered."""
    refs = {"RscDfn": resource.name}
    return [*(call.rc(Severity.SUCCESS, CREATED, f"Volume {volume.number} created on '{resource.node_name}'.",
                      mask=PLACED_VOLUME, refs={**refs, "VlmNr": str(volume.number)}) for volume in resource.volumes),
            call.rc(Severity.SUCCESS, MODIFIED, f"'{resource.name}' is ready on '{resource.node_name}'.",
                    mask=PLACED, refs=refs)]
