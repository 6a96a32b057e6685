"""The metrics of resources, of which there are many, while requests go on."""

from __future__ import annotations

import asyncio

from linstor_core.controller.diagnostics.cluster_metrics import (
    ResourceLines,
    resource_counts,
    resource_families,
    resource_lines,
)
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.domain.cluster import Cluster

TURN = 500
"""Resources that are looked at before other requests get their turn."""


class ResourceMetrics:
    """Remembers the lines of resources that did not change since the scrape before."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], ResourceLines] = {}

    async def text(self, cluster: Cluster) -> str:
        """Of one consistent picture, however many turns it takes."""
        before, lines = self._lines, dict[tuple[str, str], ResourceLines]()
        online = {key: cluster.is_online(key) for key in cluster.nodes}
        for number, key in enumerate(sorted_keys(cluster, "resources")):
            facts = (cluster.resources[key], cluster.resource_definitions.get(key[0]),
                     cluster.resources_seen.get(key), online.get(key[1], False))
            known = before.get(key)
            lines[key] = known if known is not None and known.holds(*facts) else resource_lines(*facts)
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)
        self._lines = lines
        return "".join(resource_families(list(lines.values()), resource_counts(cluster)))
