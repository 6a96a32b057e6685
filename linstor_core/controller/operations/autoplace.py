"""Placing replicas where the autoplacer finds room, and making a resource available on a given node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import dependents, placing
from linstor_core.controller.operations.resources import switched
from linstor_core.controller.placement import autoplacer, explain, select_filter
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.domain.layers import DRBD, checked_stack
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.wire.api_call_rc import CREATED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import AutoPlace, MakeAvailable

WARN_ALREADY_PLACED = 1006
ONE = "/v1/resource-definitions/<resource>"


def autoplace(cluster: Cluster, context: Context, call: Call[AutoPlace]) -> Change:
    name, body = call.path["resource"], call.body
    with lookups.about(RscDfn=name):
        definition = lookups.definition(cluster, name)
        choice = effective_filter(cluster, definition, body.select_filter)
        there = [resource for resource in cluster.resources_of(name) if not resource.is_diskless]
        count = select_filter.missing_replicas(choice, len(there))
        if not count:
            return Change(answers=(call.rc(
                Severity.WARN, WARN_ALREADY_PLACED, f"'{definition.name}' has {len(there)} replica(s) already.",
                details="Nothing was placed: " + ", ".join(resource.node_name for resource in there) + ".",
                refs={"RscDfn": definition.name}),))
        stack = stack_of(cluster, definition, body.layer_list, body.select_filter)
        pools = chosen_pools(cluster, definition, choice, count, stack)
    return placed_on(cluster, context, call, definition, stack=stack, pools=pools, answers=())


def effective_filter(cluster: Cluster, definition: ResourceDefinition,
                     asked: AutoSelectFilter | None) -> AutoSelectFilter:
    group = cluster.group(definition.resource_group_name)
    return select_filter.merged(asked, group.select_filter if group is not None else AutoSelectFilter())


def stack_of(cluster: Cluster, definition: ResourceDefinition, layer_list: Sequence[str] | None,
             asked: AutoSelectFilter | None) -> tuple[str, ...]:
    """The caller's layers, wherever the call has them, else what `placing.stack_for` finds."""
    if asked is not None and asked.layer_stack and not layer_list:
        return checked_stack(asked.layer_stack)
    return placing.stack_for(cluster, definition, layer_list)


def chosen_pools(cluster: Cluster, definition: ResourceDefinition, choice: AutoSelectFilter, count: int,
                 stack: tuple[str, ...]) -> tuple[StoragePool, ...]:
    """Exactly `count` pools. Raises Conflict: 988 where no node has the layers, 996 with every pool's verdict."""
    if "DELETE" in definition.flags:
        raise Conflict(f"'{definition.name}' is being deleted.", Code.BUSY, cause="Its deletion is not complete.")
    placing.check_layers(cluster, stack, [node.name for _, node in sorted(cluster.nodes.items())
                                          if cluster.is_online(node.name)])
    size_kib = sum(volume.size_kib for volume in definition.volume_definitions)
    task = select_filter.wanted(cluster, choice, count=count, size_kib=size_kib, stack=stack, definition=definition)
    selection = autoplacer.select(cluster, task)
    if not selection.chosen:
        raise explain.refusal(selection, task)
    return selection.chosen


def placed_on(cluster: Cluster, context: Context, call: Call[Any], definition: ResourceDefinition, *,
              stack: tuple[str, ...], pools: Sequence[StoragePool], answers: Sequence[ApiCallRc]) -> Change:
    """The change that puts a definition into these pools, told the way an autoplacement is told."""
    change = placing.placed(cluster, context, call, definition, stack=stack,
                            placements=[placing.on_pool(definition, pool) for pool in pools], answers=())
    refs = {"RscDfn": definition.name}
    for index, pool in enumerate(sorted(pools, key=lambda pool: pool.node_name)):
        refs[f"Node/{index}"] = pool.node_name
        refs[f"StoragePool/{index}/0"] = f"{pool.name},{pool.provider_kind.value}"
    places = ", ".join(f"{pool.node_name} ({pool.name})" for pool in pools)
    told = call.rc(Severity.SUCCESS, CREATED, f"'{definition.name}' placed on {len(pools)} node(s).",
                   mask=placing.PLACED, details=f"Chosen: {places}", refs=refs)
    return structs.replace(change, answers=(*answers, told))


def make_available(cluster: Cluster, context: Context, call: Call[MakeAvailable]) -> Change:
    """Whatever it takes that the resource can be used on this node; nothing where it can be already."""
    name, node_name = call.path["resource"], call.path["node"]
    refs = {"RscDfn": name, "Node": node_name}
    with lookups.about(**refs):
        definition = lookups.definition(cluster, name)
        node = lookups.node(cluster, node_name)
        resource = cluster.resource(name, node_name)
        if resource is not None and resource.is_deleting:
            raise Conflict(f"'{name}' is being deleted on node '{node_name}'.", Code.BUSY,
                           cause="The node has not confirmed the deletion yet.", correction="Try again later.")
        dependents.check_not_moving(cluster, name, node_name)
        if resource is not None and "INACTIVE" in resource.flags:
            return switched(call, resource, active=True)
        if resource is not None:
            return Change(answers=(call.rc(Severity.SUCCESS, MODIFIED,
                                           f"'{name}' is available on node '{node_name}' already.", refs=refs),))
        stack = placing.stack_for(cluster, definition, call.body.layer_list)
        _refuse_blank_copy(cluster, definition, stack, node.name)
        choice = structs.replace(effective_filter(cluster, definition, None), node_name_list=(node.name,),
                                 replicas_on_same=(), replicas_on_different=(), x_replicas_on_different_map={})
        pools = chosen_pools(cluster, definition, choice, 1, stack)
    return placed_on(cluster, context, call, definition, stack=stack, pools=pools, answers=())


def _refuse_blank_copy(cluster: Cluster, definition: ResourceDefinition, stack: tuple[str, ...], node: str) -> None:
    """Who asks for a volume's availability wants its content; a replica that nothing fills would be a blank device.

    Raises InvalidInput (225).
    """
    holders = [resource.node_name for resource in cluster.resources_of(definition.name) if not resource.is_diskless]
    if DRBD in stack or not holders:
        return
    raise InvalidInput(f"'{definition.name}' can't be made available on node '{node}': its content is on "
                       f"{', '.join(holders)}.", Code.INVLD_LAYER_STACK,
                       cause=f"No layer of {','.join(stack)} carries data from node to node; a new replica would be "
                             "blank.",
                       correction=f"Use it on {holders[0]}, or move it: linstor resource move --target {node} "
                                  f"{holders[0]} {definition.name}. A further, independent replica takes 'linstor "
                                  "resource create'.")


ROUTES = (
    Route("POST", f"{ONE}/autoplace", "Place replicas where there is room", write=autoplace, body=AutoPlace,
          mask=Operation.CREATE | Subject.RSC, success=201, lenient=True),
    Route("POST", f"{ONE}/resources/<node>/make-available", "Make a resource usable on a node", write=make_available,
          body=MakeAvailable, mask=Operation.CREATE | Subject.RSC, lenient=True),
)
