"""Which external files a node has to have: those of the definitions that it holds a resource of. Pure functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from linstor_core.controller.change import Change
from linstor_core.domain.cluster import Cluster, files_place, key_of
from linstor_core.domain.observed import ExternalFileSeen
from linstor_core.domain.registers import ExternalFile
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.wire.external_files import ApplyFiles, ExternalFileSpec

CheckFile = Callable[[str, str], Awaitable[ExternalFileSeen | None]]
"""Asks the satellite of a node (by key) about the file at a path; None when it can't be asked."""

_PREFIX = "files/"


def property_of(path: str) -> str:
    """The property by which a definition has a file."""
    return f"files{path}"


def attached(definition: ResourceDefinition | None) -> frozenset[str]:
    """The paths of a definition's files, whether they are registered or not."""
    if definition is None:
        return frozenset()
    return frozenset(key.removeprefix("files") for key in definition.props if key.startswith(_PREFIX))


def wanted(cluster: Cluster, node_key: str) -> dict[str, ExternalFile]:
    """The files of a node by path."""
    if not cluster.external_files:
        return {}
    definitions = cluster.definitions_on.get(node_key, ())
    paths = {path for key in definitions for path in attached(cluster.resource_definitions.get(key))}
    return {path: cluster.external_files[path] for path in sorted(paths) if path in cluster.external_files}


def holders(cluster: Cluster, path: str) -> set[str]:
    """Keys of the nodes that have to have a file."""
    key = property_of(path)
    return {node for name, definition in cluster.resource_definitions.items() if key in definition.props
            for node in cluster.nodes_of.get(name, ())}


def message(cluster: Cluster, node_key: str) -> ApplyFiles:
    return ApplyFiles(cluster.revision, tuple(
        ExternalFileSpec(file.path, file.content) for file in wanted(cluster, node_key).values()))


def changed(before: Cluster, after: Cluster, change: Change) -> set[str]:
    """Keys of the nodes whose files differ."""
    if not before.external_files and not after.external_files:
        return set()
    nodes = {node for document in change.puts for node in _concerned_by_put(before, after, document)}
    nodes |= {node for cls, key in change.deletes for node in _concerned_by_delete(before, cls, key)}
    return {node for node in nodes if wanted(before, node) != wanted(after, node)}


def _concerned_by_put(before: Cluster, after: Cluster, document: object) -> set[str]:
    match document:
        case ExternalFile():
            return holders(after, document.path)
        case ResourceDefinition():
            key = key_of(document.name)
            if attached(before.resource_definitions.get(key)) != attached(document):
                return set(after.nodes_of.get(key, ()))
        case Resource():
            place = (key_of(document.name), key_of(document.node_name))
            if place not in before.resources and attached(after.resource_definitions.get(place[0])):
                return {place[1]}
    return set()


def _concerned_by_delete(before: Cluster, cls: type, key: object) -> set[str]:
    if cls is ExternalFile and isinstance(key, str):
        return holders(before, key)
    if cls is Resource and isinstance(key, tuple) and attached(before.resource_definitions.get(key[0])):
        return {key[1]}
    return set()


def generation(cluster: Cluster, node_key: str) -> int:
    """What a satellite's answer has to reach."""
    return cluster.generations.get(files_place(node_key), 0)
