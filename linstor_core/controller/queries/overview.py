"""Counts of everything, and the lists of what this release has none of, so that clients which ask get an answer."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call, Read
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.rest_v1 import Count


def _count(attribute: str) -> Read:
    def count(cluster: Cluster, _: Call[Any]) -> object:
        return Count(count=len(getattr(cluster, attribute)))

    return count


def no_list(_: Cluster, __: Call[Any]) -> object:
    return []


def no_object(_: Cluster, __: Call[Any]) -> object:
    return {}


def no_devices(cluster: Cluster, call: Call[Any]) -> object:
    """Satellites do not look for unused devices."""
    lookups.node(cluster, call.path["node"], bare=True)
    return []


def file_allowed(_: Cluster, __: Call[Any]) -> object:
    """Satellites write no files of other programs."""
    return {"allowed": False}


def file_status(cluster: Cluster, call: Call[Any]) -> object:
    lookups.node(cluster, call.path["node"], bare=True)
    return {"allowed": False}


ROUTES = (
    Route("GET", "/v1/stats/nodes", "Number of nodes", read=_count("nodes"), answer=Count),
    Route("GET", "/v1/stats/resource-groups", "Number of resource groups", read=_count("resource_groups"),
          answer=Count),
    Route("GET", "/v1/stats/storage-pools", "Number of storage pools", read=_count("storage_pools"), answer=Count),
    Route("GET", "/v1/physical-storage", "Unused devices: none are looked for", read=no_list),
    Route("GET", "/v1/physical-storage/<node>", "Unused devices of a node: none are looked for", read=no_devices),
    Route("GET", "/v1/files", "External files: none are kept", read=no_list),
    Route("GET", "/v1/files/<path:file>/check/<node>", "Whether a node would take an external file: never",
          read=file_allowed),
    Route("GET", "/v1/files/<path:file>/status/<node>", "The state of an external file on a node", read=file_status),
    Route("GET", "/v1/schedules", "Schedules of backups: none", read=no_object),
    Route("GET", "/v1/view/schedules-by-resource", "Schedules of backups by resource: none", read=no_object),
    Route("GET", "/v1/view/backup/queue", "Backups that wait: none", read=no_object),
)
