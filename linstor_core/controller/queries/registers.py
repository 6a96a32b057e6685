"""Key-value stores, remotes and node connections as REST shows them."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, NotFound
from linstor_core.wire import rest_remotes, rest_resources, rest_v1


def list_stores(cluster: Cluster, _: Call[Any]) -> object:
    return [_store(cluster, key) for key in sorted_keys(cluster, "key_value_stores")]


def show_store(cluster: Cluster, call: Call[Any]) -> object:
    """A list of one, as LINSTOR answers."""
    name = call.path["store"]
    if key_of(name) not in cluster.key_value_stores:
        raise NotFound(f"There is no key-value store '{name}'.", Code.NOT_FOUND_KVS, bare=True)
    return [_store(cluster, key_of(name))]


def _store(cluster: Cluster, key: str) -> rest_v1.KeyValueStore:
    found = cluster.key_value_stores[key]
    return rest_v1.KeyValueStore(name=found.name, props=found.props)


def list_linstor_remotes(cluster: Cluster, _: Call[Any]) -> tuple[rest_remotes.LinstorRemote, ...]:
    found = (cluster.linstor_remotes[key] for key in sorted_keys(cluster, "linstor_remotes"))
    return tuple(rest_remotes.LinstorRemote(remote_name=remote.name, url=remote.url, cluster_id=remote.cluster_id)
                 for remote in found)


def list_s3_remotes(cluster: Cluster, _: Call[Any]) -> tuple[rest_remotes.S3Remote, ...]:
    """Without keys: those are never shown again."""
    found = (cluster.s3_remotes[key] for key in sorted_keys(cluster, "s3_remotes"))
    return tuple(rest_remotes.S3Remote(remote_name=remote.name, endpoint=remote.endpoint, bucket=remote.bucket,
                                       region=remote.region) for remote in found)


def list_ebs_remotes(cluster: Cluster, _: Call[Any]) -> tuple[rest_remotes.EbsRemote, ...]:
    found = (cluster.ebs_remotes[key] for key in sorted_keys(cluster, "ebs_remotes"))
    return tuple(rest_remotes.EbsRemote(remote_name=remote.name, endpoint=remote.endpoint, region=remote.region,
                                        availability_zone=remote.availability_zone) for remote in found)


def list_remotes(cluster: Cluster, call: Call[Any]) -> object:
    return rest_remotes.Remotes(linstor_remotes=list_linstor_remotes(cluster, call),
                                s3_remotes=list_s3_remotes(cluster, call), ebs_remotes=list_ebs_remotes(cluster, call))


def list_node_connections(cluster: Cluster, call: Call[Any]) -> object:
    asked = [key_of(lookups.node(cluster, name, bare=True).name)
             for name in (*call.values("node_a"), *call.values("node_b"))] if call.values("node_b") else [
                 key_of(name) for name in call.values("node_a")]
    return [{"node_a": found.node_a, "node_b": found.node_b, "props": found.props}
            for key in sorted_keys(cluster, "node_connections")
            if set(asked) <= set(key) and (found := cluster.node_connections[key])]


ROUTES = (
    Route("GET", "/v1/key-value-store", "All key-value stores", read=list_stores, answer=list[rest_v1.KeyValueStore]),
    Route("GET", "/v1/key-value-store/<store>", "One key-value store, as a list", read=show_store,
          answer=list[rest_v1.KeyValueStore]),
    Route("GET", "/v1/remotes", "Remotes of all kinds", read=list_remotes, answer=rest_remotes.Remotes),
    Route("GET", "/v1/remotes/linstor", "Other clusters", read=list_linstor_remotes,
          answer=list[rest_remotes.LinstorRemote]),
    Route("GET", "/v1/remotes/s3", "Buckets of object stores", read=list_s3_remotes,
          answer=list[rest_remotes.S3Remote]),
    Route("GET", "/v1/remotes/ebs", "Elastic Block Stores", read=list_ebs_remotes,
          answer=list[rest_remotes.EbsRemote]),
    Route("GET", "/v1/node-connections", "What holds between nodes", read=list_node_connections,
          answer=list[rest_resources.NodeConnection]),
)
