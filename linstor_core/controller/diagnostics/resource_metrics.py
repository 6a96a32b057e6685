"""The metrics of definitions and resources, of which there are many, while requests go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from linstor_core.controller.diagnostics.cluster_metrics import (
    DefinitionLines,
    Family,
    ResourceLines,
    definition_families,
    definition_lines,
    resource_families,
    resource_lines,
)
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.domain.cluster import Cluster

TURN = 250
"""Objects that are looked at before other requests get their turn."""
SAMPLES = 1000
"""Samples in a piece that is sent, and packed, at once."""


class ResourceMetrics:
    """Remembers the lines of what did not change since the scrape before, and the whole where nothing did."""

    def __init__(self) -> None:
        self._definitions: dict[str, DefinitionLines] = {}
        self._resources: dict[tuple[str, str], ResourceLines] = {}
        self._made_of: tuple[Any, ...] = ()
        self._texts: tuple[list[bytes], list[bytes]] = ([], [])

    async def texts(self, cluster: Cluster) -> tuple[list[bytes], list[bytes]]:
        """(definitions, resources) of one consistent picture, however many turns it takes, in pieces to send."""
        made_of = (cluster.resource_definitions, cluster.nodes_of, cluster.resources, cluster.resources_seen,
                   cluster.nodes_seen)
        if len(self._made_of) != len(made_of) or any(
                old is not new for old, new in zip(self._made_of, made_of, strict=True)):
            definitions = await self._of_definitions(cluster)
            resources = await self._of_resources(cluster)
            self._texts = (await _pieces(definition_families(definitions)),
                           await _pieces(resource_families(definitions, resources)))
            self._made_of = made_of
        return self._texts

    async def _of_definitions(self, cluster: Cluster) -> list[DefinitionLines]:
        before, lines = self._definitions, dict[str, DefinitionLines]()
        definitions, nodes_of = cluster.resource_definitions, cluster.nodes_of
        for number, key in enumerate(sorted_keys(cluster, "resource_definitions"), 1):
            definition, nodes, known = definitions[key], nodes_of.get(key, ()), before.get(key)
            if known is None or known.definition is not definition or known.nodes is not nodes:
                known = definition_lines(definition, nodes)
            lines[key] = known
            if number % TURN == 0:
                await asyncio.sleep(0)
        self._definitions = lines
        return list(lines.values())

    async def _of_resources(self, cluster: Cluster) -> list[ResourceLines]:
        before, lines = self._resources, dict[tuple[str, str], ResourceLines]()
        resources, definitions, seens = cluster.resources, cluster.resource_definitions, cluster.resources_seen
        online = {key: cluster.is_online(key) for key in cluster.nodes}
        for number, key in enumerate(sorted_keys(cluster, "resources"), 1):
            resource, definition, seen = resources[key], definitions.get(key[0]), seens.get(key)
            is_online, known = online.get(key[1], False), before.get(key)
            if (known is None or known.resource is not resource or known.definition is not definition
                    or known.seen is not seen or known.online is not is_online):
                known = resource_lines(resource, definition, seen, is_online)
            lines[key] = known
            if number % TURN == 0:
                await asyncio.sleep(0)
        self._resources = lines
        return list(lines.values())


async def _pieces(families: Iterator[Family]) -> list[bytes]:
    pieces = []
    for head, samples in families:
        pieces.append(head.encode())
        for start in range(0, len(samples), SAMPLES):
            pieces.append("".join(samples[start:start + SAMPLES]).encode())
            await asyncio.sleep(0)
    return pieces
