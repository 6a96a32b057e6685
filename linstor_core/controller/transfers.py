"""What a move says in the specs of its two nodes: who gives content away, who fetches it, and where from."""

from __future__ import annotations

from collections.abc import Iterator

from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.jobs import Job, Stage
from linstor_core.domain.nodes import NetInterface, Node
from linstor_core.domain.resources import DataSource
from linstor_core.wire.resource_spec import Address, Origin

PREFERRED_INTERFACE = "PrefNic"
_ENCRYPTED = "SSL"


def offer(cluster: Cluster, place: tuple[str, str]) -> str:
    """The token for which the satellite at (definition, node) gives content away; "" for nobody."""
    move = cluster.move_at(place)
    if move is None or place[1] != key_of(move.node_name) or move.stage not in (Stage.CLOSING, Stage.COPYING):
        return ""
    return move.secret


def origin(cluster: Cluster, place: tuple[str, str], source: DataSource | None, *, has_content: bool) -> Origin | None:
    """Where what is at (definition, node) fetches its first content; None where it has that, or needs none."""
    if source is None or not source.node_name or has_content:
        return None
    move, node = cluster.move_at(place), cluster.node(source.node_name)
    if move is None or node is None or not _fetches(move, place):
        return None
    return Origin(node.name, tuple(dict.fromkeys(_addresses(node))), move.secret, node.uuid)


def _fetches(move: Job, place: tuple[str, str]) -> bool:
    return move.stage is Stage.COPYING and bool(move.target_uuid) and place[1] == key_of(move.target_node)


def _addresses(node: Node) -> Iterator[Address]:
    """The preferred interface first. One on which no satellite listens lends its address to the active one's port."""
    active = _named(node, node.active_interface)
    for part in (_named(node, node.props.get(PREFERRED_INTERFACE, "")), active):
        if part is None:
            continue
        told = part if part.satellite_port is not None else active
        if told is not None and told.satellite_port is not None:
            yield Address(part.address, told.satellite_port, told.satellite_encryption_type == _ENCRYPTED)


def _named(node: Node, name: str) -> NetInterface | None:
    return next((part for part in node.net_interfaces if key_of(part.name) == key_of(name)), None)


def places_of(cluster: Cluster, job_key: str) -> set[tuple[str, str]]:
    """The places whose specs a job decides on."""
    job = cluster.jobs.get(job_key)
    return set(job.places) if job is not None else set()


def fetching_from(cluster: Cluster, node_key: str) -> set[tuple[str, str]]:
    """The places that fetch content from a node, whose addresses stand in their specs."""
    return {place for place, key in cluster.moving.items() if key_of(cluster.jobs[key].node_name) == node_key}
