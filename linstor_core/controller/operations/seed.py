"""What a new cluster starts with."""

from __future__ import annotations

from linstor_core.controller.change import Context
from linstor_core.domain.cluster import Cluster, ControllerSettings, Document
from linstor_core.domain.resource_groups import DEFAULT_GROUP, DEFAULT_PLACE_COUNT, AutoSelectFilter, ResourceGroup
from linstor_core.domain.storage_pools import DEFAULT_POOL, StoragePoolDefinition

CONTROLLER_PROPS = {
    "DrbdOptions/AutoEvictAllowEviction": "True",
    "DrbdOptions/Resource/on-no-quorum": "io-error",
    "DrbdOptions/auto-add-quorum-tiebreaker": "True",
    "DrbdOptions/auto-diskful-allow-cleanup": "True",
    "DrbdOptions/auto-resync-after-disable": "true",
    "DrbdOptions/auto-verify-algo-allowed-list": "crct10dif;crc32c;sha384;sha512;sha256;sha1;md5;windrbd",
}
"""LINSTOR's defaults, less the settings of its own connectors with their key store passwords."""


def fresh_cluster(context: Context) -> Cluster:
    cluster_id = context.new_uuid()
    settings = ControllerSettings(cluster_id, 1, {**CONTROLLER_PROPS, "Cluster/LocalID": cluster_id})
    group = ResourceGroup(context.new_uuid(), DEFAULT_GROUP,
                          select_filter=AutoSelectFilter(place_count=DEFAULT_PLACE_COUNT))
    pool = StoragePoolDefinition(context.new_uuid(), DEFAULT_POOL)
    return Cluster(controller=settings).with_documents((settings, group, pool), ())


def documents(cluster: Cluster) -> tuple[Document, ...]:
    """All of a cluster's persistent documents, for the first commit."""
    return (cluster.controller, *cluster.resource_groups.values(), *cluster.storage_pool_definitions.values())
