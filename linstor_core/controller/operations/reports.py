"""Folds what satellites report into the model, and carries pending work on from there."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.change import Change, Context, Operation
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import NodeSeen
from linstor_core.wire.node_report import HelloAnswer, Report


def introduced(node_name: str, answer: HelloAnswer) -> Operation:
    """A satellite has accepted this controller; it is ONLINE once its full sync is through."""

    def fold(cluster: Cluster, _: Context) -> Change:
        return Change(puts=(NodeSeen(
            node_name, ConnectionStatus.CONNECTED, answer.providers, answer.layers, answer.unsupported_providers,
            answer.unsupported_layers, platform=answer.platform, os_variant=answer.os_variant,
            host_name=answer.host_name),))

    return fold


def link_broken(node_key: str, status: ConnectionStatus, attempts: int) -> Operation:
    """The link is down; what was seen last stays, marked by the node's status."""

    def fold(cluster: Cluster, context: Context) -> Change:
        node = cluster.nodes.get(node_key)
        if node is None:
            return Change()
        seen = cluster.nodes_seen.get(node_key)
        if seen is not None and seen.status is status and seen.reconnect_attempts == attempts:
            return Change()
        seen = seen or NodeSeen(node.name, status)
        since = seen.offline_since_ms if seen.offline_since_ms is not None else context.now_ms()
        return Change(puts=(structs.replace(seen, status=status, reconnect_attempts=attempts,
                                            offline_since_ms=since),))

    return fold


def reported(node_name: str, report: Report) -> Operation:
    """What a satellite sees, after it worked."""

    def fold(cluster: Cluster, context: Context) -> Change:
        now_ms = context.now_ms()
        puts: list[object] = [*(structs.replace(pool, reported_ms=now_ms) for pool in report.pools),
                              *report.resources]
        seen = cluster.nodes_seen.get(key_of(node_name))
        if seen is not None and (report.synced or report.orphans is not None):
            puts.append(structs.replace(
                seen, status=ConnectionStatus.ONLINE if report.synced else seen.status,
                orphans=report.orphans if report.orphans is not None else seen.orphans))
        return Change(puts=tuple(puts))  # type: ignore[arg-type]

    return fold
