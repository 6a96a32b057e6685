"""Resource definitions, their volume definitions, and whether everything is in sync."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.queries import blocked, lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.layers import DRBD
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.wire import rest_v1
from linstor_core.wire.rest_resources import SyncStatus

PATH = "/v1/resource-definitions"
VOLUMES = f"{PATH}/<resource>/volume-definitions"


def shown(definition: ResourceDefinition, waits: blocked.Found = (),
          with_volumes: bool = False) -> rest_v1.ResourceDefinition:
    """A definition as REST has it."""
    layers = definition.layer_stack or ((DRBD,) if definition.drbd is not None else ())
    return rest_v1.ResourceDefinition(
        name=definition.name, external_name=definition.external_name, props=definition.props, flags=definition.flags,
        layer_data=tuple(_layer(definition, layer) for layer in layers), uuid=definition.uuid,
        resource_group_name=definition.resource_group_name, blocked_by=waits,
        volume_definitions=tuple(shown_volume(definition, volume) for volume in definition.volume_definitions)
        if with_volumes else ())


def _layer(definition: ResourceDefinition, layer: str) -> rest_v1.ResourceDefinitionLayer:
    drbd = definition.drbd
    if layer != DRBD or drbd is None:
        return rest_v1.ResourceDefinitionLayer(type=layer)
    return rest_v1.ResourceDefinitionLayer(type=layer, data=rest_v1.DrbdResourceDefinition(
        peer_slots=drbd.peer_slots, al_stripes=drbd.al_stripes, al_stripe_size_kib=drbd.al_stripe_size_kib,
        port=-1 if drbd.port is None else drbd.port, transport_type=drbd.transport_type, secret=drbd.secret,
        down=False))


def shown_volume(definition: ResourceDefinition, volume: VolumeDefinition) -> rest_v1.VolumeDefinition:
    """A volume definition as REST has it."""
    layers = tuple(rest_v1.VolumeDefinitionLayer(type=layer, data=rest_v1.DrbdVolumeDefinition(
        volume_number=volume.number, minor_number=volume.minor_number)
        if layer == DRBD and volume.minor_number is not None else None) for layer in definition.layer_stack)
    return rest_v1.VolumeDefinition(volume_number=volume.number, size_kib=volume.size_kib, props=volume.props,
                                    flags=volume.flags, layer_data=layers, uuid=volume.uuid)


_plain = lists.Memo(shown)
_whole = lists.Memo(lambda definition, waits: shown(definition, waits, with_volumes=True))


def list_all(cluster: Cluster, call: Call[Any]) -> object:
    memo = _whole if call.flag("with_volume_definitions") else _plain
    return lists.encoded(memo.get(key, found, blocked.of_definition(cluster, found))
                         for key in lists.page(call, _wanted(cluster, call))
                         for found in (cluster.resource_definitions[key],))


def _wanted(cluster: Cluster, call: Call[Any]) -> Iterable[str]:
    names, groups = lists.wanted(call, "resource_definitions"), lists.wanted(call, "resource_groups")
    props = lists.props_filter(call)
    found = cluster.resource_definitions
    keys: tuple[str, ...] = sorted_keys(cluster, "resource_definitions")
    if names is not None:
        keys = tuple(key for key in sorted(names) if key in found)
    if groups is None and props is None:
        return keys
    return (key for key in keys if lists.passes(groups, key_of(found[key].resource_group_name))
            and (props is None or props(found[key].props)))


def one(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    return shown(definition, blocked.of_definition(cluster, definition))


def volumes(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    return [shown_volume(definition, volume) for volume in definition.volume_definitions]


def one_volume(cluster: Cluster, call: Call[Any]) -> object:
    number = lookups.volume_number(call.path["number"])
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    return shown_volume(definition, lookups.volume_definition(definition, number, bare=True))


def sync_status(cluster: Cluster, call: Call[Any]) -> object:
    """True when every node has brought about what the definition's newest state asks for."""
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    for resource in cluster.resources_of(definition.name):
        seen = cluster.seen(resource.name, resource.node_name)
        if seen is None or seen.failures or not cluster.is_settled(resource.name, resource.node_name):
            return SyncStatus(synced_on_all=False)
    return SyncStatus(synced_on_all=True)


def clone_status(cluster: Cluster, call: Call[Any]) -> object:
    lookups.definition(cluster, call.path["resource"], bare=True)
    flags = lookups.definition(cluster, call.path["clone"], bare=True).flags
    return rest_v1.CloneStatus(
        status="FAILED" if "FAILED" in flags else "CLONING" if "CLONING" in flags else "COMPLETE")


def count(cluster: Cluster, _: Call[Any]) -> object:
    return rest_v1.Count(count=len(cluster.resource_definitions))


ROUTES = (
    Route("GET", PATH, "List resource definitions", read=list_all, answer=list[rest_v1.ResourceDefinition]),
    Route("GET", f"{PATH}/<resource>", "Show a resource definition", read=one, answer=rest_v1.ResourceDefinition),
    Route("GET", f"{PATH}/<resource>/sync-status", "Whether all nodes are up to date", read=sync_status,
          answer=SyncStatus),
    Route("GET", f"{PATH}/<resource>/clone/<clone>", "How far a clone has come", read=clone_status,
          answer=rest_v1.CloneStatus),
    Route("GET", VOLUMES, "List volume definitions", read=volumes, answer=list[rest_v1.VolumeDefinition]),
    Route("GET", f"{VOLUMES}/<number>", "Show a volume definition", read=one_volume, answer=rest_v1.VolumeDefinition),
    Route("GET", "/v1/stats/resource-definitions", "Number of resource definitions", read=count, answer=rest_v1.Count),
)
