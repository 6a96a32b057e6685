"""Counts of everything, and the lists of what this release has none of, so that clients which ask get an answer."""

from __future__ import annotations

from typing import Any

from linstor_core.controller.call import Call, Read
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.rest_backups import BackupQueue
from linstor_core.wire.rest_v1 import Count


def _count(attribute: str) -> Read:
    def count(cluster: Cluster, _: Call[Any]) -> object:
        return Count(count=len(getattr(cluster, attribute)))

    return count


def no_backups(_: Cluster, __: Call[Any]) -> object:
    return BackupQueue()


ROUTES = (
    Route("GET", "/v1/stats/nodes", "Number of nodes", read=_count("nodes"), answer=Count),
    Route("GET", "/v1/stats/resource-groups", "Number of resource groups", read=_count("resource_groups"),
          answer=Count),
    Route("GET", "/v1/stats/storage-pools", "Number of storage pools", read=_count("storage_pools"), answer=Count),
    Route("GET", "/v1/view/backup/queue", "Backups that wait: none", read=no_backups, answer=BackupQueue),
)
