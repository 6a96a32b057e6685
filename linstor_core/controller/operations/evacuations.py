"""Leaving a node: an evacuation keeps one move for every resource with data there, until none is left."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import job_edits, move_checks, moves
from linstor_core.controller.operations.move_checks import Obstacle
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code
from linstor_core.domain.jobs import REVERTIBLE, Job, JobKind, JobState
from linstor_core.domain.nodes import Node
from linstor_core.domain.resources import Resource
from linstor_core.wire.api_call_rc import MODIFIED, ApiCallRc, Severity

EVACUATE = "EVACUATE"
AHEAD = 20
"""How many moves that could run are on file: enough to find the next ones, however many resources there are."""
SHOWN_NAMES = 5
SHOWN_OBSTACLES = 100
"""How many resources an answer tells of."""


def live_on(cluster: Cluster, node_name: str, kind: JobKind = JobKind.EVACUATE) -> Job | None:
    """The job of this kind about a node that is not finished."""
    jobs = (cluster.jobs[key] for key in cluster.live_jobs)
    return next((job for job in jobs if job.kind is kind and key_of(job.node_name) == key_of(node_name)), None)


def begun(cluster: Cluster, context: Context, node: Node, targets: tuple[str, ...],
          avoided: tuple[str, ...]) -> tuple[Job, ...]:
    """What to put when a node is to be left. Asked for again it changes the targets, and tries at once what waits or
    was called off by hand; nothing is moved twice.
    """
    found = live_on(cluster, node.name)
    if found is not None:
        again = structs.replace(found, targets=targets or found.targets, avoided=avoided or found.avoided, ending=None,
                                left_out=())
        hastened = tuple(structs.replace(move, not_before_ms=0) for move in moves_of(cluster, found)
                         if move.not_before_ms > context.now_ms())
        return ((again,) if again != found else ()) + hastened
    if not left_on(cluster, node.name):
        return ()
    job = Job(context.new_uuid(), JobKind.EVACUATE, node.name, targets=targets, avoided=avoided,
              created_ms=context.now_ms())
    return (job_edits.went(job, context, f"Everything is to leave node '{node.name}'."),)


def moves_of(cluster: Cluster, job: Job) -> list[Job]:
    """The moves of an evacuation that are not finished, in the order in which they were filed."""
    live = (cluster.jobs[key] for key in cluster.live_jobs)
    return sorted((each for each in live if each.parent == job.uuid), key=lambda each: (each.created_ms, each.uuid))


def left_on(cluster: Cluster, node_name: str) -> list[Resource]:
    """The resources with data on a node, by name."""
    return sorted((resource for resource in cluster.resources_on(node_name) if not resource.is_diskless),
                  key=lambda resource: key_of(resource.name))


def entries(call: Call[Any], cluster: Cluster, node: Node) -> Iterator[ApiCallRc]:
    """What a caller is told: the job, and which resources have to wait and why; of a dry run also where the others go.
    """
    refs = {"Node": node.name}
    job = live_on(cluster, node.name)
    left = left_on(cluster, node.name)
    if job is None or not left:
        return
    yield call.rc(Severity.SUCCESS, MODIFIED, f"To leave node '{node.name}': {_count(len(left))}.",
                  details=f"Job: {job.uuid}", refs={**refs, "Job": job.uuid})
    for resource in left[:SHOWN_OBSTACLES]:
        found: Obstacle | Resource | None = (move_checks.against_leaving(cluster, resource)
                                             or move_checks.unable(cluster, node.name))
        if found is None and call.flag("dry_run"):
            found = _at_target(cluster, job, resource)
        if isinstance(found, Resource):
            cluster = cluster.with_documents((found,), ())  # it takes its room before the next one is looked at
            yield call.rc(Severity.INFO, 0, f"'{resource.name}' would go to node '{found.node_name}', pool "
                          f"{', '.join(dict.fromkeys(volume.storage_pool for volume in found.volumes))}.",
                          refs={**refs, "RscDfn": resource.name})
        elif found is not None and not resource.is_deleting:
            yield call.rc(Severity.WARN, 0, f"'{resource.name}' can't leave node '{node.name}' now.",
                          cause=found.text, correction="Once that is over it goes by itself.",
                          refs={**refs, "RscDfn": resource.name})


def _at_target(cluster: Cluster, job: Job, resource: Resource) -> Resource | Obstacle | None:
    """The resource as it would be where it goes; what hinders it; None while its definition is not there."""
    definition = cluster.definition(resource.name)
    move = Job("", JobKind.MOVE, resource.node_name, resource_name=resource.name, parent=job.uuid)
    if definition is None:
        return None
    found = move_checks.target(cluster, move, definition, resource, job)
    if isinstance(found, Obstacle):
        return found
    node_name, pools = found
    return structs.replace(resource, node_name=node_name, volumes=tuple(
        structs.replace(volume, storage_pool=pools[volume.number]) for volume in resource.volumes))


def step(cluster: Cluster, context: Context, job: Job) -> Change:
    """What is to be done next; nothing where something has to happen first."""
    node = cluster.node(job.node_name)
    live = moves_of(cluster, job)
    if node is None or job.ending is not None or EVACUATE not in node.flags:
        return _called_off(context, job, node, live)
    fresh = _next(cluster, context, job, live)
    if fresh:
        return job_edits.change(job, job_edits.working(job, context), *fresh)
    left = left_on(cluster, node.name) if not live else []
    obstacle = _obstacle(cluster, node, left, live)
    if obstacle is not None:
        return job_edits.change(job, job_edits.waiting(job, context, obstacle))
    if not left and not live:
        return job_edits.change(job, job_edits.ended(
            job, context, JobState.DONE, f"Nothing with data is left on node '{node.name}'. It keeps its mark until "
            "'linstor node restore'."))
    return job_edits.change(job, job_edits.working(job, context))


def _next(cluster: Cluster, context: Context, job: Job, live: list[Job]) -> list[Job]:
    """Further moves: some more than run at a time, so that what can't go now does not hold up the rest."""
    ready = sum(move.state is not JobState.WAITING or move.blocked_by == moves.NO_SLOT.text for move in live)
    if ready >= AHEAD:
        return []
    covered = {*job.left_out, *(move.resource_uuid for move in live)}
    open_ones = (resource for resource in cluster.resources_on(job.node_name)
                 if not resource.is_diskless and not resource.is_deleting and resource.uuid not in covered)
    first = heapq.nsmallest(AHEAD - ready, open_ones, key=lambda resource: key_of(resource.name))
    return [_move(cluster, context, job, resource) for resource in first]


def _move(cluster: Cluster, context: Context, job: Job, resource: Resource) -> Job:
    """One that somebody has asked for already becomes part of the evacuation."""
    now_ms = context.now_ms()
    live = cluster.move_at((key_of(resource.name), key_of(resource.node_name)))
    if live is not None and live.resource_uuid == resource.uuid:
        return structs.replace(live, parent=job.uuid)
    return Job(context.new_uuid(), JobKind.MOVE, resource.node_name, resource_name=resource.name,
               resource_uuid=resource.uuid, parent=job.uuid, created_ms=now_ms, changed_ms=now_ms)


def _called_off(context: Context, job: Job, node: Node | None, live: list[Job]) -> Change:
    """What is past its point of return goes on; all else is as before."""
    stopped = [structs.replace(child, ending=JobState.CANCELLED) for child in live
               if child.ending is None and child.stage in REVERTIBLE]
    if live:
        return job_edits.change(job, job_edits.working(job, context), *stopped)
    if node is None:
        message = f"Node '{job.node_name}' is not there any more."
    else:
        message = "Called off." if EVACUATE in node.flags else f"Node '{node.name}' takes part again."
    return job_edits.change(job, job_edits.ended(job, context, JobState.CANCELLED, message))


def _obstacle(cluster: Cluster, node: Node, left: list[Resource], live: list[Job]) -> Obstacle | None:
    """What hinders all that is left; None while something goes on. `left` matters once nothing is `live`."""
    if live:
        if any(child.state is not JobState.WAITING for child in live):
            return None
        first = next((child for child in live if child.blocked_by), live[0])
        return Obstacle(first.blocked_code, f"{_count(len(live))} can't be moved now. '{first.resource_name}': "
                                            f"{first.blocked_by}")
    staying = [resource.name for resource in left if not resource.is_deleting]
    if staying:
        return Obstacle(Code.BUSY, f"The moves of {_names(staying)} were called off; evacuate the node again to try "
                                   "them again.")
    if left:
        return Obstacle(Code.BUSY, f"{_names([resource.name for resource in left])} are still being deleted.")
    kept = sorted({snapshot.resource_name for snapshot in cluster.snapshots.values()
                   if snapshot.on_node(node.name) is not None})
    if kept:
        return Obstacle(Code.SNAPSHOTS_NOT_SUPPORTED, f"Snapshots of {_names(kept)} are left on it; they can't be "
                                                      "moved.")
    return None


def _count(number: int) -> str:
    return "1 resource" if number == 1 else f"{number} resources"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN_NAMES]) + more
