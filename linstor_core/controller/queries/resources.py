"""Resources and their volumes, also as the one view that most clients poll: from memory, encoded once a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.queries import blocked, effective_props, lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.observed import Failure, ResourceSeen, VolumeSeen
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.wire import rest_resources as rest
from linstor_core.wire.api_call_rc import ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.rest_v1 import Count

PATH = "/v1/resource-definitions/<resource>/resources"
ONE = f"{PATH}/<node>"
CONNECTIONS = "/v1/resource-definitions/<resource>/resource-connections"


def shown(resource: Resource, seen: ResourceSeen | None) -> rest.Resource:
    """A resource without its volumes, as REST has it."""
    return rest.Resource(
        name=resource.name, node_name=resource.node_name, props=resource.props, flags=resource.flags,
        layer_object=_layers(resource, seen), state=_state(seen), uuid=resource.uuid,
        create_timestamp=resource.create_timestamp_ms)


def _state(seen: ResourceSeen | None) -> rest.ResourceState:
    known = [volume.in_use for volume in seen.volumes if volume.in_use is not None] if seen is not None else []
    return rest.ResourceState(in_use=any(known)) if known else rest.ResourceState()


def _layers(resource: Resource, seen: ResourceSeen | None) -> rest.ResourceLayer:
    """The stack from its lowest layer upwards, each the only child of the one above."""
    layer = rest.ResourceLayer(type="STORAGE", storage=rest.StorageResource(
        storage_volumes=tuple(_storage_volume(volume, seen) for volume in resource.volumes)))
    for name in reversed(resource.layer_stack[:-1]):
        layer = rest.ResourceLayer(type=name, children=(layer,))
    return layer


def _seen_volume(volume: Volume, seen: ResourceSeen | None) -> VolumeSeen | None:
    found = seen.volume(volume.number) if seen is not None else None
    return found if found is not None and found.present else None


def _storage_volume(volume: Volume, seen: ResourceSeen | None) -> rest.LayerVolume:
    found = _seen_volume(volume, seen)
    return rest.LayerVolume(
        volume_number=volume.number, device_path=found.device_path if found is not None else "",
        allocated_size_kib=found.allocated_kib if found is not None else -1,
        usable_size_kib=found.usable_kib if found is not None else -1, disk_state="[]")


def shown_volume(volume: Volume, seen: ResourceSeen | None, pool: StoragePool | None) -> rest.Volume:
    """A volume as REST has it."""
    found = _seen_volume(volume, seen)
    return rest.Volume(
        volume_number=volume.number, storage_pool_name=volume.storage_pool,
        provider_kind=pool.provider_kind.value if pool is not None else "",
        device_path=found.device_path if found is not None else "",
        allocated_size_kib=found.allocated_kib if found is not None else -1,
        props={**volume.props, **_symlinks(found)}, flags=volume.flags,
        layer_data_list=(rest.VolumeLayer(type="STORAGE", data=_storage_volume(volume, seen)),), uuid=volume.uuid,
        reports=tuple(map(_report, seen.failures)) if seen is not None else ())


def _symlinks(seen: VolumeSeen | None) -> dict[str, str]:
    """Clients take the device by its name, which stays when the device is another one after a reboot."""
    links = seen.symlinks if seen is not None else ()
    return {f"Satellite/Device/Symlinks/{number}": link for number, link in enumerate(links)}


def _report(failure: Failure) -> ApiCallRc:
    return entry(Severity.ERROR, failure.code or Code.UNKNOWN_ERROR, Operation.MODIFY | Subject.VLM, failure.message,
                 cause=failure.cause, details=failure.details, correction=failure.correction)


def _viewed(resource: Resource, seen: ResourceSeen | None, waits: blocked.Found,
            *pools: StoragePool | None) -> rest.Resource:
    volumes = tuple(shown_volume(volume, seen, pool)
                    for volume, pool in zip(resource.volumes, pools, strict=True))
    return structs.replace(shown(resource, seen), volumes=volumes, blocked_by=waits)


_memo = lists.Memo(_viewed)


def _encoded(cluster: Cluster, key: tuple[str, str]) -> bytes:
    resource = cluster.resources[key]
    pools = (cluster.storage_pools.get((key[1], key_of(volume.storage_pool))) for volume in resource.volumes)
    return _memo.get(key, resource, cluster.resources_seen.get(key), blocked.at(cluster, key, resource), *pools)


def view(cluster: Cluster, call: Call[Any]) -> object:
    return lists.encoded(_encoded(cluster, key) for key in lists.page(call, _wanted(cluster, call)))


def _wanted(cluster: Cluster, call: Call[Any]) -> Iterable[tuple[str, str]]:
    """Raises NotFound (300) for a node that does not exist; any other filter that misses gives nothing."""
    nodes = lists.wanted(call, "nodes")
    for name in call.values("nodes"):
        lookups.node(cluster, name, bare=True)
    pools, props = lists.wanted(call, "storage_pools"), lists.props_filter(call)
    keys = _keys(cluster, lists.wanted(call, "resources"), nodes)
    if pools is None and props is None:
        return keys
    return (key for key in keys if _passes(cluster.resources[key], pools, props))


def _passes(resource: Resource, pools: frozenset[str] | None,
            props: Callable[[Mapping[str, str]], bool] | None) -> bool:
    return (pools is None or any(key_of(volume.storage_pool) in pools for volume in resource.volumes)) and (
        props is None or props(resource.props))


def _keys(cluster: Cluster, names: frozenset[str] | None, nodes: frozenset[str] | None) -> tuple[tuple[str, str], ...]:
    if names is not None:
        found = [(name, node) for name in sorted(names) for node in cluster.nodes_of.get(name, ())]
    elif nodes is not None:
        found = sorted((name, node) for node in nodes for name in cluster.definitions_on.get(node, ()))
    else:
        return sorted_keys(cluster, "resources")
    return tuple(key for key in found if nodes is None or key[1] in nodes)


def of_definition(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    return [_with_obstacles(cluster, resource) for resource in cluster.resources_of(definition.name)]


def _with_obstacles(cluster: Cluster, resource: Resource) -> rest.Resource:
    return structs.replace(shown(resource, cluster.seen(resource.name, resource.node_name)),
                           blocked_by=blocked.of_resource(cluster, resource))


def one(cluster: Cluster, call: Call[Any]) -> object:
    name, node_name = call.path["resource"], call.path["node"]
    lookups.definition(cluster, name, bare=True)
    resource = lookups.resource(cluster, name, node_name, bare=True)
    return structs.replace(_with_obstacles(cluster, resource),
                           effective_props=effective_props.of_resource(cluster, resource))


def _found(cluster: Cluster, call: Call[Any]) -> Resource:
    lookups.node(cluster, call.path["node"], bare=True)
    lookups.definition(cluster, call.path["resource"], bare=True)
    return lookups.resource(cluster, call.path["resource"], call.path["node"], bare=True)


def volumes(cluster: Cluster, call: Call[Any]) -> object:
    resource = _found(cluster, call)
    return [_volume_of(cluster, resource, volume) for volume in resource.volumes]


def _volume_of(cluster: Cluster, resource: Resource, volume: Volume) -> rest.Volume:
    return shown_volume(volume, cluster.seen(resource.name, resource.node_name),
                        cluster.pool(resource.node_name, volume.storage_pool))


def one_volume(cluster: Cluster, call: Call[Any]) -> object:
    resource = _found(cluster, call)
    number = lookups.volume_number(call.path["number"])
    volume = resource.volume(number)
    if volume is None:
        raise NotFound(f"'{resource.name}' has no volume {number} on node '{resource.node_name}'.", Code.NOT_FOUND_VLM,
                       bare=True)
    return _volume_of(cluster, resource, volume)


def connections(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    nodes = [resource.node_name for resource in cluster.resources_of(definition.name)]
    return [_pair(cluster, definition, ends) for ends in combinations(nodes, 2)]


def connection(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    ends = sorted(lookups.resource(cluster, definition.name, call.path[end], bare=True).node_name
                  for end in ("node_a", "node_b"))
    return _pair(cluster, definition, (ends[0], ends[1]))


def _pair(cluster: Cluster, definition: ResourceDefinition, ends: tuple[str, str]) -> rest.ResourceConnection:
    node_a, node_b = sorted(ends, key=key_of)
    stored = cluster.resource_connections.get((key_of(definition.name), key_of(f"{node_a};{node_b}")))
    props = stored.props if stored is not None and stored.definition_uuid == definition.uuid else {}
    return rest.ResourceConnection(node_a=node_a, node_b=node_b, props=props)


def count(cluster: Cluster, _: Call[Any]) -> object:
    return Count(count=len(cluster.resources))


ROUTES = (
    Route("GET", "/v1/view/resources", "List resources with their volumes", read=view, answer=list[rest.Resource]),
    Route("GET", PATH, "List the resources of a definition", read=of_definition, answer=list[rest.Resource]),
    Route("GET", ONE, "Show a resource", read=one, answer=rest.Resource),
    Route("GET", f"{ONE}/volumes", "List the volumes of a resource", read=volumes, answer=list[rest.Volume]),
    Route("GET", f"{ONE}/volumes/<number>", "Show a volume", read=one_volume, answer=rest.Volume),
    Route("GET", CONNECTIONS, "List the pairs of nodes that hold a definition", read=connections,
          answer=list[rest.ResourceConnection]),
    Route("GET", f"{CONNECTIONS}/<node_a>/<node_b>", "Show a pair of nodes", read=connection,
          answer=rest.ResourceConnection),
    Route("GET", "/v1/stats/resources", "Number of resources", read=count, answer=Count),
)
