"""Points an event at what is there, most of the time: else nearly everything would be refused for want of an object."""

from __future__ import annotations

from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.testing.simulation.script import RESOURCES, Event
from linstor_core.testing.simulation.world import World

_AT_RESOURCE = {"delete_resource", "deactivate", "activate", "move"}
_AT_DEFINITION = {"delete_definition", "add_volume", "delete_volume", "resize", "rename", "take_snapshot", "autoplace",
                  "add_replica", "set_property", "clone"}
_AT_SNAPSHOT = {"delete_snapshot", "restore", "roll_back"}
_AT_LOST_NODE = {"lose_node", "evict"}
_AT_ORPHAN = {"adopt_orphan", "remove_orphan"}
_AT_MARKED_NODE = {"restore_node"}
_WITH_NEW_NAME = {"rename", "restore", "clone"}


def aimed(world: World, event: Event) -> dict[str, object]:
    """The event's names, with those of objects that are there in their place."""
    names: dict[str, object] = dict(event.names)
    engine = world.controller.engine
    if engine is None or not event.aimed:
        return names
    cluster = engine.controller.cluster
    names |= _thing(cluster, event)
    found = _node(world, cluster, event)
    if found is not None:
        names["host"] = found
    free = [name for name in RESOURCES if cluster.definition(name) is None]
    if free and event.kind in _WITH_NEW_NAME:
        names["other"] = free[event.draw % len(free)]
    if free and event.kind == "deploy":
        names["resource"] = free[event.draw % len(free)]
    return names


def _thing(cluster: Cluster, event: Event) -> dict[str, object]:
    if event.kind in _AT_RESOURCE and cluster.resources:
        definition, node = sorted(cluster.resources)[event.draw % len(cluster.resources)]
        return {"resource": cluster.resources[definition, node].name, "host": int(node[1:]) - 1}
    if event.kind in _AT_DEFINITION and cluster.resource_definitions:
        keys = sorted(cluster.resource_definitions)
        return {"resource": cluster.resource_definitions[keys[event.draw % len(keys)]].name}
    if event.kind in _AT_SNAPSHOT and cluster.snapshots:
        snapshot = cluster.snapshots[sorted(cluster.snapshots)[event.draw % len(cluster.snapshots)]]
        return {"resource": snapshot.resource_name, "snapshot": snapshot.name}
    return {}


def _node(world: World, cluster: Cluster, event: Event) -> int | None:
    """The number of a host that is as the event needs it."""
    def fits(name: str) -> bool:
        node, seen = cluster.node(name), cluster.nodes_seen.get(key_of(name))
        if event.kind in _AT_LOST_NODE:
            return node is not None and not cluster.is_online(name)
        if event.kind in _AT_ORPHAN:
            return seen is not None and bool(seen.orphans)
        return event.kind in _AT_MARKED_NODE and node is not None and bool(node.flags)

    fitting = [number for number, host in enumerate(world.hosts) if fits(host.name)]
    return fitting[event.draw % len(fitting)] if fitting else None
