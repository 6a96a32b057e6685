"""Folds what satellites report into the model, and carries pending work on from there."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from linstor_core.controller.change import Change, Context, Operation
from linstor_core.controller.operations import completion, tombstones
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import NodeSeen, OrphanSeen, ResourceSeen
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import Snapshot
from linstor_core.wire.external_files import FilesSeen
from linstor_core.wire.node_report import CONTENT_SINCE, FILES_SINCE, HelloAnswer, Report


def introduced(node_name: str, answer: HelloAnswer) -> Operation:
    """A satellite has accepted this controller; it is ONLINE once its full sync is through."""

    def fold(cluster: Cluster, _: Context) -> Change:
        if cluster.node(node_name) is None:
            return Change()  # it was deleted meanwhile
        return Change(puts=(NodeSeen(
            node_name, ConnectionStatus.CONNECTED, answer.providers, answer.layers, answer.unsupported_providers,
            answer.unsupported_layers, platform=answer.platform, os_variant=answer.os_variant,
            host_name=answer.host_name, log_levels=answer.log_levels,
            files_generation=0 if answer.protocol >= FILES_SINCE else None,
            transfers_content=answer.protocol >= CONTENT_SINCE and answer.transfers_content),))

    return fold


def logging_from(node_key: str, levels: dict[str, str]) -> Operation:
    """A satellite has told its log levels."""

    def fold(cluster: Cluster, _: Context) -> Change:
        seen = cluster.nodes_seen.get(node_key)
        return Change(puts=(structs.replace(seen, log_levels=levels),)) if seen is not None else Change()

    return fold


def files_of(node_key: str, seen: FilesSeen) -> Operation:
    """A satellite has told how its external files are."""

    def fold(cluster: Cluster, _: Context) -> Change:
        link = cluster.nodes_seen.get(node_key)
        if link is None:
            return Change()
        return Change(puts=(structs.replace(link, files=seen.files, files_generation=seen.generation),))

    return fold


def link_broken(node_key: str, status: ConnectionStatus, attempts: int, trouble: str = "") -> Operation:
    """The link is down; what was seen last stays, marked by the node's status.

    A snapshot that was being taken there has failed: a part taken after the node's return would be of another moment.
    A deletion that waited for it waits no more: it leaves a tombstone.
    """

    def fold(cluster: Cluster, context: Context) -> Change:
        node = cluster.nodes.get(node_key)
        if node is None:
            return Change()
        seen = cluster.nodes_seen.get(node_key)
        if seen is not None and seen.status is status and seen.reconnect_attempts == attempts:
            return Change()
        was_online = seen is not None and seen.status is ConnectionStatus.ONLINE
        seen = seen or NodeSeen(node.name, status)
        since = seen.offline_since_ms if seen.offline_since_ms is not None else context.now_ms()
        interrupted = _interrupted(cluster, node.name) if was_online and status is not ConnectionStatus.ONLINE else []
        broken = structs.replace(seen, status=status, reconnect_attempts=attempts, offline_since_ms=since,
                                 trouble=trouble)
        first = (broken, *interrupted), ()
        if cluster.nodes_seen.get(node_key) is not None and cluster.nodes_seen[node_key].status is status:
            return Change(*first)
        return _buried(cluster.with_documents(*first), node_key, context.now_ms(), first)

    return fold


def _buried(cluster: Cluster, node_key: str, now_ms: int, before: tombstones.Edits) -> Change:
    """`before`, and the end of all deletions that waited for the node."""
    stones = tombstones.pending_on(cluster, node_key, now_ms)
    cluster, edits = cluster.with_documents(*stones), tombstones.merged(before, stones)
    gone = [key for cls, key in stones[1] if cls in (Resource, Snapshot)]
    changed = [put for put in stones[0] if isinstance(put, Resource | Snapshot)]
    keys = {key[0] for key in gone} | {key_of(put.name if isinstance(put, Resource) else put.resource_name)
                                       for put in changed}
    for key in sorted(keys):
        puts, deletes = completion.of_definition(cluster, key, now_ms)
        deletes += _unseen(cluster, key, node_key)
        cluster = cluster.with_documents(puts, deletes)
        edits = tombstones.merged(edits, (tuple(puts), tuple(deletes)))
    return Change(*edits)


def _unseen(cluster: Cluster, key: str, node_key: str) -> list[tuple[type, Key]]:
    """What was seen of a definition on a node that is to hold nothing of it any more."""
    place = (key, node_key)
    wanted = place in cluster.resources or any(
        part is not None for part in (each.on_node(node_key) for each in cluster.snapshots_of_definition(key)))
    return [(ResourceSeen, place)] if place in cluster.resources_seen and not wanted else []


def _interrupted(cluster: Cluster, node_name: str) -> list[Snapshot]:
    found = []
    for snapshot in (cluster.snapshots[key] for key in cluster.snapshots_on.get(key_of(node_name), ())):
        part = None if completion.has_ended(snapshot) else snapshot.on_node(node_name)
        if part is not None and part.create_timestamp_ms is None:
            found.append(structs.replace(snapshot, flags=(*snapshot.flags, completion.FAILED_DISCONNECT)))
    return found


def reported(node_name: str, report: Report) -> Operation:
    """What a satellite sees, after it worked, and what that completes.

    What it says of other nodes, or of things that it is not asked to hold any more, is left out.
    """

    def fold(cluster: Cluster, context: Context) -> Change:
        node_key = key_of(node_name)
        now_ms = context.now_ms()
        seen: list[Document] = [structs.replace(pool, reported_ms=now_ms) for pool in report.pools
                                if cluster.pool(node_name, pool.name) is not None]
        resources = [answer for answer in report.resources if key_of(answer.node_name) == node_key
                     and (key_of(answer.resource_name), node_key) in cluster.generations]
        seen += resources
        link = cluster.nodes_seen.get(node_key)
        if link is not None and (report.synced or report.orphans is not None):
            seen.append(structs.replace(
                link, status=ConnectionStatus.ONLINE if report.synced else link.status,
                orphans=link.orphans if report.orphans is None else _orphans(report)))
        after = cluster.with_documents(seen, ())
        return _completed(after, {key_of(answer.resource_name) for answer in resources}, context, seen)

    return fold


def _orphans(report: Report) -> tuple[OrphanSeen, ...]:
    if report.orphan_files is not None:
        return report.orphan_files
    return tuple(OrphanSeen(path) for path in report.orphans or ())


def _completed(cluster: Cluster, keys: Iterable[str], context: Context, seen: list[Document]) -> Change:
    puts, deletes = list(seen), []
    for key in sorted(keys):
        more, gone = completion.of_definition(cluster, key, context.now_ms())
        puts += more
        deletes += gone
    vanished = {key for cls, key in deletes if cls is ResourceSeen}
    return Change(puts=tuple(put for put in puts if not isinstance(put, ResourceSeen) or _place(put) not in vanished),
                  deletes=tuple(deletes))


def _place(seen: ResourceSeen) -> tuple[str, str]:
    return key_of(seen.resource_name), key_of(seen.node_name)


def upkeep(keys: Iterable[str]) -> Operation:
    """Completes what has been reported of these definitions already; for what a failed commit left behind."""

    def fold(cluster: Cluster, context: Context) -> Change:
        pending = [key for key in keys if key in cluster.resource_definitions and completion.is_pending(cluster, key)]
        return _completed(cluster, pending, context, [])

    return fold
