"""Counts of everything, and the lists of what this release has none of, so that clients which ask get an answer."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call, Read
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.rest_backups import BackupQueue
from linstor_core.wire.rest_v1 import Count, PhysicalDevice, PhysicalStorage


def _count(attribute: str) -> Read:
    def count(cluster: Cluster, _: Call[Any]) -> object:
        return Count(count=len(getattr(cluster, attribute)))

    return count


def no_list(_: Cluster, __: Call[Any]) -> object:
    return []


def no_backups(_: Cluster, __: Call[Any]) -> object:
    return BackupQueue()


def no_devices(cluster: Cluster, call: Call[Any]) -> object:
    """Satellites do not look for unused devices."""
    lookups.node(cluster, call.path["node"], bare=True)
    return []


ROUTES = (
    Route("GET", "/v1/stats/nodes", "Number of nodes", read=_count("nodes"), answer=Count),
    Route("GET", "/v1/stats/resource-groups", "Number of resource groups", read=_count("resource_groups"),
          answer=Count),
    Route("GET", "/v1/stats/storage-pools", "Number of storage pools", read=_count("storage_pools"), answer=Count),
    Route("GET", "/v1/physical-storage", "Unused devices: none are looked for", read=no_list,
          answer=list[PhysicalStorage]),
    Route("GET", "/v1/physical-storage/<node>", "Unused devices of a node: none are looked for", read=no_devices,
          answer=list[PhysicalDevice]),
    Route("GET", "/v1/view/backup/queue", "Backups that wait: none", read=no_backups, answer=BackupQueue),
)
