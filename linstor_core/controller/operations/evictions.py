"""Giving up a node that is out of reach, by hand or by the clock, and what that means for what it held.

Nothing is deleted there. No layer of this release replicates, so no replica can be made anew from data that only the
lost node has: the job says whose, and waits until the node takes part again or is declared lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from msgspec import structs

from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import evacuations, job_edits
from linstor_core.controller.operations.dependents import with_flag
from linstor_core.controller.operations.move_checks import Obstacle
from linstor_core.domain.cluster import Cluster, ControllerSettings, Document, key_of
from linstor_core.domain.errors import Code
from linstor_core.domain.jobs import Job, JobKind, JobState
from linstor_core.domain.nodes import Node
from linstor_core.domain.observed import NodeSeen
from linstor_core.domain.resources import Resource

EVICTED = "EVICTED"
AFTER_MINUTES = "DrbdOptions/AutoEvictAfterTime"
ALLOWED = "DrbdOptions/AutoEvictAllowEviction"
MAX_DISCONNECTED_PERCENT = "DrbdOptions/AutoEvictMaxDisconnectedNodes"
MIN_REPLICAS = "DrbdOptions/AutoEvictMinReplicaCount"
DEFAULT_AFTER_MINUTES = 720
DEFAULT_MAX_DISCONNECTED_PERCENT = 34
SHOWN_NAMES = 5


def due_ms(node: Node, seen: NodeSeen | None, settings: ControllerSettings) -> int | None:
    """When a node that is away will be given up; None while it is there, was given up already, or never will be."""
    if seen is None or seen.offline_since_ms is None or node.eviction_timestamp_ms is not None:
        return None
    allowed = (node.props.get(ALLOWED) or settings.props.get(ALLOWED) or "true").lower() in ("true", "yes")
    minutes = _number(node.props.get(AFTER_MINUTES) or settings.props.get(AFTER_MINUTES), DEFAULT_AFTER_MINUTES)
    if not allowed or EVICTED in node.flags or not node.type.runs_satellite or minutes < 0:
        return None
    return seen.offline_since_ms + minutes * 60_000


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default


def away(cluster: Cluster) -> Iterator[tuple[Node, int]]:
    """The nodes that will be given up, and when."""
    for key, seen in cluster.nodes_seen.items():
        node = cluster.nodes.get(key)
        if node is None or cluster.is_online(node.name):
            continue
        due = due_ms(node, seen, cluster.controller)
        if due is not None:
            yield node, due


def next_due_ms(cluster: Cluster) -> float:
    """When the first of them is due; infinite where all are there."""
    return min((due for _, due in away(cluster)), default=inf)


def give_up_overdue(cluster: Cluster, context: Context) -> Change:
    """Nobody waits for this. With too many nodes away, the fault is elsewhere: then none is given up."""
    now_ms = context.now_ms()
    overdue = sorted((due, node.name) for node, due in away(cluster) if due <= now_ms)
    if not overdue or _too_many_away(cluster):
        return Change()
    puts: list[Document] = []
    for _, name in overdue:
        node = cluster.nodes[key_of(name)]
        puts += given_up(cluster, context, node, f"Node '{node.name}' was away for too long and is given up.")
    return Change(tuple(puts))


def _too_many_away(cluster: Cluster) -> bool:
    nodes = [node for node in cluster.nodes.values() if node.type.runs_satellite]
    there = sum(cluster.is_online(node.name) for node in nodes)
    percent = _number(cluster.controller.props.get(MAX_DISCONNECTED_PERCENT), DEFAULT_MAX_DISCONNECTED_PERCENT)
    return (len(nodes) - there) * 100 > percent * len(nodes)


def given_up(cluster: Cluster, context: Context, node: Node, message: str) -> list[Document]:
    """The node with its mark, and the job that keeps account of what it held."""
    if EVICTED in node.flags:
        return []
    puts: list[Document] = [structs.replace(node, flags=with_flag(node.flags, EVICTED),
                                            eviction_timestamp_ms=context.now_ms())]
    if evacuations.left_on(cluster, node.name) and evacuations.live_on(cluster, node.name, JobKind.EVICT) is None:
        job = Job(context.new_uuid(), JobKind.EVICT, node.name, created_ms=context.now_ms())
        puts.append(job_edits.went(job, context, message))
    return puts


def step(cluster: Cluster, context: Context, job: Job) -> Change:
    """Ends with the mark; until then it says what lacks."""
    node = cluster.node(job.node_name)
    if node is None:
        return _over(context, job, f"Node '{job.node_name}' is not there any more.")
    if EVICTED not in node.flags:
        return _over(context, job, f"Node '{node.name}' takes part again, with all that it holds.")
    told = "; ".join(_lacking(cluster, node))
    if not told:
        return _over(context, job, f"Enough replicas of all that node '{node.name}' held are elsewhere.")
    return job_edits.change(job, job_edits.waiting(job, context, Obstacle(
        Code.NOT_CONNECTED, f"{told}. No layer replicates this data, so nothing can be made anew: bring the node back, "
                            "or restore backups.")))


def _over(context: Context, job: Job, message: str) -> Change:
    return job_edits.change(job, job_edits.ended(job, context, JobState.DONE, message))


def _lacking(cluster: Cluster, node: Node) -> Iterator[str]:
    only_here, too_few = [], []
    for resource in evacuations.left_on(cluster, node.name):
        there, wanted = len(replicas_elsewhere(cluster, resource)), _wanted(cluster, resource)
        if not there:
            only_here.append(f"'{resource.name}'")
        elif there < wanted:
            too_few.append(f"'{resource.name}' ({there} of {wanted})")
    if only_here:
        yield f"Only node '{node.name}' has the data of {_shown(only_here)}"
    if too_few:
        yield f"Fewer replicas than wanted are left of {_shown(too_few)}"


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def replicas_elsewhere(cluster: Cluster, resource: Resource) -> list[Resource]:
    """Other resources of the definition with all of their content, on nodes that were not given up."""
    return [other for other in cluster.resources_of(resource.name)
            if key_of(other.node_name) != key_of(resource.node_name)
            and not other.is_diskless and not other.is_deleting
            and not any(volume.is_copying for volume in other.volumes)
            and EVICTED not in cluster.nodes[key_of(other.node_name)].flags]


def _wanted(cluster: Cluster, resource: Resource) -> int:
    """How many replicas there should be."""
    definition = cluster.definition(resource.name)
    group = cluster.group(definition.resource_group_name) if definition is not None else None
    text = (definition.props.get(MIN_REPLICAS) if definition is not None else None) or (
        group.props.get(MIN_REPLICAS) if group is not None else None) or cluster.controller.props.get(MIN_REPLICAS)
    placed = group.select_filter.place_count if group is not None else None
    return _number(text, placed or 1)
