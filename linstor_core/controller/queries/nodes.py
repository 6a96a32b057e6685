"""Nodes and their network interfaces as REST shows them."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.operations import evictions
from linstor_core.controller.queries import lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, ControllerSettings, key_of
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.log_levels import LIBRARIES, OURS
from linstor_core.domain.nodes import ConnectionStatus, Node, NodeType
from linstor_core.domain.observed import NodeSeen
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire import rest_v1

_PROVIDERS = tuple(kind.value for kind in ProviderKind)
_LAYERS = ("DRBD", "LUKS", "NVME", "WRITECACHE", "CACHE", "BCACHE", "STORAGE")
_NOT_IN_RELEASE = ["This release of the satellite does not have it."]
_NEEDS_NOTHING = ("DISKLESS", "REMOTE_SPDK", "EBS_INIT", "EBS_TARGET")
"""Kinds that LINSTOR lists for every node, also before it was ever reached."""

_UNKNOWN = ["No information from satellite yet"]
_NEVER_SEEN = NodeSeen(
    "", ConnectionStatus.OFFLINE, _NEEDS_NOTHING, ("STORAGE",),
    dict.fromkeys(_PROVIDERS, _UNKNOWN), dict.fromkeys(_LAYERS, _UNKNOWN))


def shown_props(node: Node, seen: NodeSeen | None) -> dict[str, str]:
    """A node's properties with those that LINSTOR derives."""
    derived = {"CurStltConnName": node.active_interface} if node.active_interface else {}
    if seen is not None and seen.host_name:
        derived["NodeUname"] = seen.host_name
    return {**node.props, **derived}


def connection_status(node: Node, seen: NodeSeen | None) -> ConnectionStatus:
    if node.type is NodeType.CONTROLLER:
        return ConnectionStatus.ONLINE
    return seen.status if seen is not None else ConnectionStatus.OFFLINE


def shown_interfaces(node: Node) -> tuple[rest_v1.NetInterface, ...]:
    return tuple(rest_v1.NetInterface(
        name=part.name, address=part.address, satellite_port=part.satellite_port,
        satellite_encryption_type=part.satellite_encryption_type, uuid=part.uuid,
        is_active=key_of(part.name) == key_of(node.active_interface)) for part in node.net_interfaces)


def _eviction(node: Node, seen: NodeSeen | None, settings: ControllerSettings) -> int | None:
    """When an offline node was, or will be, given up. None while that is not to be expected."""
    if node.eviction_timestamp_ms is not None:
        return node.eviction_timestamp_ms
    if seen is None or seen.status is ConnectionStatus.ONLINE:
        return None
    return evictions.due_ms(node, seen, settings)


def _shown(node: Node, seen: NodeSeen | None, settings: ControllerSettings) -> rest_v1.Node:
    known = seen if seen is not None and seen.providers else _NEVER_SEEN
    return rest_v1.Node(
        name=node.name, type=node.type, flags=node.flags, props=shown_props(node, seen),
        net_interfaces=shown_interfaces(node), connection_status=connection_status(node, seen), uuid=node.uuid,
        storage_providers=known.providers, resource_layers=known.layers,
        unsupported_providers=_reasons(_PROVIDERS, known.providers, known.unsupported_providers),
        unsupported_layers=_reasons(_LAYERS, known.layers, known.unsupported_layers),
        eviction_timestamp=_eviction(node, seen, settings), platform=known.platform, os_variant=known.os_variant)


def _reasons(kinds: tuple[str, ...], supported: tuple[str, ...],
             explained: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Why each kind that a node can't do is not there."""
    return {kind: tuple(explained.get(kind) or _NOT_IN_RELEASE) for kind in kinds if kind not in supported}


_encoded = lists.Memo(_shown)


def list_nodes(cluster: Cluster, call: Call[Any]) -> object:
    wanted, props = lists.wanted(call, "nodes"), lists.props_filter(call)
    keys = [key for key in sorted_keys(cluster, "nodes") if lists.passes(wanted, key)
            and (props is None or props(shown_props(cluster.nodes[key], cluster.nodes_seen.get(key))))]
    return lists.encoded(_encoded.get(key, cluster.nodes[key], cluster.nodes_seen.get(key), cluster.controller)
                         for key in lists.page(call, keys))


def show_node(cluster: Cluster, call: Call[Any]) -> object:
    node = lookups.node(cluster, call.path["node"], bare=True)
    return _shown(node, cluster.nodes_seen.get(key_of(node.name)), cluster.controller)


def list_interfaces(cluster: Cluster, call: Call[Any]) -> object:
    return shown_interfaces(lookups.node(cluster, call.path["node"], bare=True))


def show_interface(cluster: Cluster, call: Call[Any]) -> object:
    node, name = lookups.node(cluster, call.path["node"], bare=True), call.path["interface"]
    for part in shown_interfaces(node):
        if key_of(part.name) == key_of(name):
            return part
    raise NotFound(f"'{node.name}' has no network interface '{name}'.", Code.NOT_FOUND_NET_IF, bare=True)


def node_config(cluster: Cluster, call: Call[Any]) -> object:
    """What the controller knows of a satellite's configuration."""
    node = lookups.node(cluster, call.path["node"], bare=True)
    reached = cluster.is_online(node.name)
    active = next((part for part in node.net_interfaces if part.name == node.active_interface), None)
    net = {"bind_address": active.address, "port": active.satellite_port,
           "com_type": (active.satellite_encryption_type or "").lower()} if reached and active is not None else {}
    seen = cluster.nodes_seen.get(key_of(node.name))
    levels = seen.log_levels if seen is not None and reached else {}
    log: dict[str, object] = {"print_stack_trace": False}
    log |= {field: levels[logger] for field, logger in (("level", LIBRARIES), ("level_linstor", OURS))
            if logger in levels}
    return {"config": {}, "debug": {"console_enabled": False}, "log": log,
            "remote_spdk": False, "ebs": False, "special_satellite": False, "net": net}


def scrape_targets(cluster: Cluster, _: Call[Any]) -> object:
    """Where drbd-reactor exports the metrics of each node, in Prometheus' form for HTTP discovery."""
    targets = []
    for key in sorted_keys(cluster, "nodes"):
        node = cluster.nodes[key]
        if node.type.runs_satellite and node.net_interfaces:
            address = node.net_interfaces[0].address
            targets.append(f"[{address}]:9942" if ":" in address else f"{address}:9942")
    return [{"targets": targets}]


ROUTES = (
    Route("GET", "/v1/nodes", "Nodes, filtered by `nodes` and `props`", read=list_nodes, answer=list[rest_v1.Node]),
    Route("GET", "/v1/nodes/<node>", "One node", read=show_node, answer=rest_v1.Node),
    Route("GET", "/v1/nodes/<node>/net-interfaces", "The network interfaces of a node", read=list_interfaces,
          answer=list[rest_v1.NetInterface]),
    Route("GET", "/v1/nodes/<node>/net-interfaces/<interface>", "One network interface", read=show_interface,
          answer=rest_v1.NetInterface),
    Route("GET", "/v1/nodes/<node>/config", "What is known of a satellite's configuration", read=node_config,
          answer=dict[str, Any]),
    Route("GET", "/metrics/scrape-target", "Where the nodes' own metrics are", read=scrape_targets,
          answer=list[dict[str, list[str]]]),
)
