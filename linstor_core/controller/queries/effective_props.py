"""Which value of an inherited property counts for a resource, where it comes from, and what it hides."""

from __future__ import annotations

from collections.abc import Mapping

from linstor_core.domain.cluster import Cluster
from linstor_core.domain.resources import Resource
from linstor_core.wire.rest_resources import EffectiveProperty

INHERITED = ("Aux/", "DrbdOptions/", "FileSystem/", "StorDriver/", "Writecache/", "Cache/", "BCache/", "NVMe/", "Luks/",
             "sys/fs/")
"""Namespaces that narrower objects inherit. What else stands on a controller or node is its own."""

Scopes = list[tuple[str, Mapping[str, str]]]


def scopes(cluster: Cluster, resource: Resource) -> Scopes:
    """(LINSTOR's letter of the object, its properties), narrowest first: R, RD, RG, N, C."""
    definition = cluster.definition(resource.name)
    group = cluster.group(definition.resource_group_name) if definition is not None else None
    node = cluster.node(resource.node_name)
    found: Scopes = [("R", resource.props)]
    found += [("RD", definition.props)] if definition is not None else []
    found += [("RG", group.props)] if group is not None else []
    found += [("N", node.props)] if node is not None else []
    return [*found, ("C", cluster.controller.props)]


def of_resource(cluster: Cluster, resource: Resource) -> dict[str, EffectiveProperty]:
    """Every property that counts for a resource, by key."""
    values: dict[str, list[EffectiveProperty]] = {}
    for origin, props in scopes(cluster, resource):
        for key, value in props.items():
            if key.startswith(INHERITED):
                values.setdefault(key, []).append(EffectiveProperty(type=origin, value=value))
    return {key: EffectiveProperty(type=first.type, value=first.value, other=tuple(hidden))
            for key, (first, *hidden) in sorted(values.items())}
