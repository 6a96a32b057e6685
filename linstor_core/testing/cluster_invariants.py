"""What holds of every cluster, whatever was done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from linstor_core.controller import resource_specs
from linstor_core.controller.repository import Database
from linstor_core.domain.cluster import KINDS, Cluster, Document, PoolUsage, key_of
from linstor_core.domain.resources import Volume

_INDEXES = ("nodes_of", "snapshots_of", "snapshots_on", "definitions_on", "usage", "external_names", "copying",
            "strange_identifiers", "tombstones_on", "live_jobs", "moving")


def check(cluster: Cluster, database: Database) -> None:
    """Raises AssertionError. Nothing may be on its way to the database."""
    _names(cluster)
    _indexes(cluster)
    _references(cluster)
    _numbers(cluster)
    _generations(cluster)
    stored, revision = database.load()
    assert stored is not None
    assert revision <= cluster.revision
    for attribute in {kind.attribute for kind in KINDS.values() if kind.persistent}:
        assert getattr(stored, attribute) == getattr(cluster, attribute), f"{attribute} are stored as they are"


def _documents(cluster: Cluster) -> Iterator[Document]:
    for kind in KINDS.values():
        held = getattr(cluster, kind.attribute)
        if hasattr(held, "values"):
            yield from held.values()
        elif held is not None:
            yield held


def _names(cluster: Cluster) -> None:
    for kind in KINDS.values():
        held = getattr(cluster, kind.attribute)
        if hasattr(held, "items"):
            for key, document in held.items():
                assert kind.key(document) == key, f"{kind.name} {key} is filed under its name"
    for node in cluster.nodes.values():
        interfaces = [key_of(part.name) for part in node.net_interfaces]
        _unique(interfaces, f"network interfaces of {node.name}")
        assert node.active_interface or not node.type.runs_satellite, f"the satellite of {node.name} can be reached"
        assert key_of(node.active_interface) in (*interfaces, ""), f"{node.name} has its active interface"


def _indexes(cluster: Cluster) -> None:
    rebuilt = Cluster(controller=cluster.controller).with_documents(_documents(cluster), ())
    for name in _INDEXES:
        assert _told(getattr(cluster, name)) == _told(getattr(rebuilt, name)), f"{name} is what it was made of"


def _told(index: Any) -> dict[Any, Any]:
    """Without members that say nothing."""
    plain = {key: frozenset(value) if hasattr(value, "items") else value for key, value in index.items()}
    return {key: value for key, value in plain.items() if value not in (frozenset(), PoolUsage())}


def _references(cluster: Cluster) -> None:
    for node_key, pool_key in cluster.storage_pools:
        assert node_key in cluster.nodes, f"the node of pool {pool_key} is there"
    for definition in cluster.resource_definitions.values():
        assert cluster.group(definition.resource_group_name), f"the group of {definition.name} is there"
    for (definition_key, node_key), resource in cluster.resources.items():
        found = cluster.resource_definitions[definition_key]
        assert node_key in cluster.nodes, f"the node of {definition_key} is there"
        assert resource.name == found.name, f"{found.name} is spelled alike"
        for volume in resource.volumes:
            assert found.volume_definition(volume.number), f"volume {volume.number} of {found.name} is defined"
            assert cluster.pool(node_key, volume.storage_pool), f"the pool of {found.name}/{volume.number} is there"
    for definition_key, _ in cluster.snapshots:
        assert definition_key in cluster.resource_definitions, f"the definition of {definition_key} is there"
    for stone in cluster.tombstones.values():
        assert stone.volumes, f"{stone} names something to remove"
        for dead in stone.volumes:
            assert cluster.pool(stone.node_name, dead.storage_pool), f"the pool of {stone} is there"
    for pair in cluster.node_connections:
        assert set(pair) <= set(cluster.nodes), "both nodes of a connection are there"
    for key in (*cluster.nodes_seen, *(node_key for node_key, _ in cluster.pools_seen)):
        assert key in cluster.nodes, f"nothing is kept of the node {key}"


def _numbers(cluster: Cluster) -> None:
    definitions = cluster.resource_definitions.values()
    _unique((volume.minor_number for definition in definitions for volume in definition.volume_definitions
             if volume.minor_number is not None), "minor numbers")
    _unique((definition.drbd.port for definition in definitions if definition.drbd and definition.drbd.port),
            "DRBD ports")
    for definition in definitions:
        _unique((volume.number for volume in definition.volume_definitions), f"volume numbers of {definition.name}")
    for group in cluster.resource_groups.values():
        _unique((volume.number for volume in group.volume_groups), f"volume numbers of {group.name}")
    volumes = [(resource.node_name, volume) for resource in cluster.resources.values() for volume in resource.volumes]
    _unique([*((key_of(node), key_of(volume.identifier)) for node, volume in volumes), *_pieces(cluster)],
            "what content is called on a node")
    _unique(_content_ids(cluster, (volume for _, volume in volumes)), "identities of contents")
    _unique((uuid for document in _documents(cluster) if (uuid := getattr(document, "uuid", ""))), "UUIDs")


def _pieces(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """(node key, upper-case name) of parts of snapshots, and of what is still to be removed."""
    for snapshot in cluster.snapshots.values():
        for part in snapshot.nodes:
            yield from ((key_of(part.node_name), key_of(f"{volume.identifier}_{snapshot.name}"))
                        for volume in part.volumes)
    for stone in cluster.tombstones.values():
        yield from ((key_of(stone.node_name), name) for name in stone.names)


def _content_ids(cluster: Cluster, volumes: Iterable[Volume]) -> Iterator[str]:
    yield from (volume.data_id for volume in volumes)
    for snapshot in cluster.snapshots.values():
        for part in snapshot.nodes:
            yield from (volume.data_id for volume in part.volumes)
    for stone in cluster.tombstones.values():
        yield from (dead.data_id for dead in stone.volumes)


def _generations(cluster: Cluster) -> None:
    """Every place that has to hold something has a generation, and no other place has one."""
    places = {place for node in cluster.nodes for place in resource_specs.places_on(cluster, node)
              if resource_specs.build(cluster, place) is not None}
    known = {place for place in cluster.generations if place[0]}
    assert places <= known, f"every spec has a generation: {places - known}"
    assert known <= places, f"no generation is left of what is gone: {known - places}"
    left = set(cluster.resources_seen) - places
    assert not left, f"nothing is kept of what is gone: {left}"
    assert all(number <= cluster.revision for number in cluster.generations.values())


def _unique(values: Iterable[Any], what: str) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    assert not repeated, f"{what}: {repeated} twice"
