"""Jobs as REST shows them. Their tokens are nobody's business."""

from __future__ import annotations

from typing import Any

from linstor_core.controller.call import Call
from linstor_core.controller.operations import evacuations, jobs
from linstor_core.controller.queries import lists
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.jobs import Job, JobKind
from linstor_core.wire import rest_jobs
from linstor_core.wire.api_call_rc import Operation


def list_jobs(cluster: Cluster, call: Call[Any]) -> object:
    """Filtered by `states`, `kinds`, `nodes`, `resources` and `live`; the oldest first."""
    filters = {name: lists.wanted(call, name) for name in ("states", "kinds", "nodes", "resources")}
    found = [job for job in cluster.jobs.values() if _passes(job, filters, call.flag("live"))]
    found.sort(key=lambda job: (job.created_ms, job.uuid))
    return [_shown(cluster, job) for job in lists.page(call, found)]


def _passes(job: Job, filters: dict[str, frozenset[str] | None], only_live: bool) -> bool:
    return (not (only_live and job.is_finished) and lists.passes(filters["states"], job.state.value)
            and lists.passes(filters["kinds"], job.kind.value)
            and lists.passes(filters["nodes"], key_of(job.node_name))
            and lists.passes(filters["resources"], key_of(job.resource_name)))


def show_job(cluster: Cluster, call: Call[Any]) -> object:
    return _shown(cluster, jobs.found(cluster, call.path["job"]))


def _shown(cluster: Cluster, job: Job) -> rest_jobs.Job:
    is_move, is_evacuation = job.kind is JobKind.MOVE, job.kind is JobKind.EVACUATE
    left = 0 if job.is_finished or not is_evacuation else len(evacuations.left_on(cluster, job.node_name))
    done_kib, total_kib = _progress(cluster, job) if is_move else (None, None)
    return rest_jobs.Job(
        uuid=job.uuid, kind=job.kind.value, state=job.state.value, stage=job.stage.value if is_move else "",
        node_name=job.node_name, resource_name=job.resource_name, target_node=job.target_node or job.asked_target,
        target_pools={str(number): pool for number, pool in job.target_pools.items()}, targets=job.targets,
        do_not_target=job.avoided, parent=job.parent, cancelling=True if job.ending is not None else None,
        message=job.message, blocked_by=job.blocked_by, blocked_by_code=job.blocked_code or None,
        done_kib=done_kib, total_kib=total_kib, done_resources=job.moved if is_evacuation else None,
        total_resources=job.moved + left if is_evacuation else None, created=job.created_ms, changed=job.changed_ms,
        steps=tuple(rest_jobs.JobStep(message=step.message, timestamp=step.at_ms) for step in job.steps))


def _progress(cluster: Cluster, job: Job) -> tuple[int | None, int | None]:
    """KiB that the target has fetched, and has to fetch, of all volumes; None while it has told nothing."""
    seen = cluster.seen(job.resource_name, job.target_node) if job.target_uuid and not job.is_finished else None
    told = [volume for volume in seen.volumes if volume.to_fetch_kib >= 0] if seen is not None else []
    if not told:
        return None, None
    return sum(max(0, volume.fetched_kib) for volume in told), sum(volume.to_fetch_kib for volume in told)


ROUTES = (
    Route("GET", jobs.PATH, "Jobs, filtered by `states`, `kinds`, `nodes`, `resources` and `live`", read=list_jobs,
          answer=list[rest_jobs.Job]),
    Route("GET", jobs.ONE, "One job", read=show_job, answer=rest_jobs.Job, mask=Operation.NONE),
)
