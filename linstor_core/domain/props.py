"""Properties: free-form key and value pairs, inherited by reference from wider objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from linstor_core.domain.cluster import Cluster
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource, Volume

FILE_SYSTEM_TYPE = "FileSystem/Type"
MKFS_PARAMS = "FileSystem/MkfsParams"
FILE_SYSTEM_USER = "FileSystem/User"
FILE_SYSTEM_GROUP = "FileSystem/Group"
POOL_NAME = "StorPoolName"
POOL_DIRECTORY = "StorDriver/StorPoolName"
"""What REST callers give as StorDriver/FileDir is kept under this key, as LINSTOR does."""


def first(key: str, scopes: Iterable[Mapping[str, str]]) -> str | None:
    """The value of the narrowest scope that has one."""
    for scope in scopes:
        value = scope.get(key)
        if value is not None:
            return value
    return None


def volume_scopes(cluster: Cluster, definition: ResourceDefinition, volume_definition: VolumeDefinition | None,
                  resource: Resource | None = None, volume: Volume | None = None) -> list[Mapping[str, str]]:
    """Volume, resource, volume definition, volume group, definition, group, node, controller: narrowest first."""
    group = cluster.group(definition.resource_group_name)
    scopes: list[Mapping[str, str]] = []
    if volume is not None:
        scopes.append(volume.props)
    if resource is not None:
        scopes.append(resource.props)
    if volume_definition is not None:
        scopes.append(volume_definition.props)
        if group is not None:
            scopes.extend(part.props for part in group.volume_groups if part.number == volume_definition.number)
    scopes.append(definition.props)
    if group is not None:
        scopes.append(group.props)
    node = cluster.node(resource.node_name) if resource is not None else None
    if node is not None:
        scopes.append(node.props)
    scopes.append(cluster.controller.props)
    return scopes
