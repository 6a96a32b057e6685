"""Jobs: how they go on, and what callers may do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context, Operation
from linstor_core.controller.operations import evacuations, evictions, job_edits, move_checks, moves
from linstor_core.controller.operations.move_checks import Obstacle
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.jobs import REVERTIBLE, Job, JobKind, JobState, Stage
from linstor_core.domain.resources import Resource
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Severity, Subject
from linstor_core.wire.api_call_rc import Operation as Verb
from linstor_core.wire.rest_jobs import ResourceMove

PATH = "/v1/jobs"
ONE = f"{PATH}/<job>"
MOVE = "/v1/resource-definitions/<resource>/resources/<node>/move"
KEPT = 1000
"""How many finished jobs are remembered."""
KEPT_MS = 30 * 24 * 3600 * 1000
_WARN_NOT_CONNECTED = 1002
_WAITED_FOR = frozenset({int(Code.NOT_CONNECTED), int(Code.BUSY)})
"""What passes by itself: a caller need not come again for it."""


# How they go on


def advance(keys: Iterable[str]) -> Operation:
    """Each of these jobs does what it can do now. Repeated, it changes nothing."""

    def fold(cluster: Cluster, context: Context) -> Change:
        puts: list[Document] = []
        deletes: list[tuple[type, Key]] = []
        slots = Counter(key_of(job.node_name) for key in cluster.live_jobs if (job := cluster.jobs[key]).holds_slot)
        for job in in_order(cluster, keys):
            change = _stepped(cluster, context, job, slots[key_of(job.node_name)])
            if not change.puts and not change.deletes:
                continue
            cluster = cluster.with_documents(change.puts, change.deletes)
            slots[key_of(job.node_name)] += cluster.jobs[job.uuid].holds_slot - job.holds_slot
            puts += change.puts
            deletes += change.deletes
        return Change(tuple(puts), tuple(deletes))

    return fold


def in_order(cluster: Cluster, keys: Iterable[str]) -> list[Job]:
    """Those that are not finished, the oldest first."""
    found = [cluster.jobs[key] for key in set(keys) if key in cluster.live_jobs]
    return sorted(found, key=lambda job: (job.created_ms, job.uuid))


def _stepped(cluster: Cluster, context: Context, job: Job, slots_taken: int) -> Change:
    # A job that was changed earlier in the same round is taken as it is now.
    job = cluster.jobs[job.uuid]
    try:
        match job.kind:
            case JobKind.MOVE:
                return moves.step(cluster, context, job, slots_taken)
            case JobKind.EVACUATE:
                return evacuations.step(cluster, context, job)
            case JobKind.EVICT:
                return evictions.step(cluster, context, job)
    except LinstorError as fault:
        obstacle = Obstacle(fault.code, f"{fault.message} {fault.cause}".strip())
        return job_edits.change(job, job_edits.waiting(job, context, obstacle))


def forget_old(cluster: Cluster, context: Context) -> Change:
    """Finished jobs go when they are too old or too many."""
    finished = sorted((job for job in cluster.jobs.values() if job.is_finished),
                      key=lambda job: job.changed_ms, reverse=True)
    oldest_ms = context.now_ms() - KEPT_MS
    gone = [job for index, job in enumerate(finished) if index >= KEPT or job.changed_ms < oldest_ms]
    return Change(deletes=tuple((Job, job.uuid) for job in gone))


# What callers do


def move(cluster: Cluster, context: Context, call: Call[ResourceMove]) -> Change:
    """Starts a move. What passes by itself (a node that is away, other work) is waited for; all else is refused."""
    name, node_name, body = call.path["resource"], call.path["node"], call.body
    with lookups.about(RscDfn=name, Node=node_name):
        node = lookups.node(cluster, node_name)
        definition = lookups.definition(cluster, name)
        source = lookups.resource(cluster, name, node_name)
        asked = lookups.node(cluster, body.target_node).name if body.target_node else ""
        if key_of(asked) == key_of(node.name):
            raise InvalidInput(f"'{definition.name}' is on node '{node.name}' already.", Code.INVLD_NODE_NAME,
                               cause="A move needs another node.", correction="Name another target, or none.")
        if asked and body.target_pool:
            lookups.storage_pool(cluster, asked, body.target_pool)
        _check_movable(source, definition.flags)
        live = cluster.move_at((key_of(name), key_of(node_name)))
        if live is not None:
            return _again(call, live, asked, body.target_pool)
        now_ms = context.now_ms()
        job = Job(context.new_uuid(), JobKind.MOVE, node.name, resource_name=definition.name, asked_target=asked,
                  resource_uuid=source.uuid, asked_pool=body.target_pool, created_ms=now_ms, changed_ms=now_ms)
        found = (move_checks.against_leaving(cluster, source) or move_checks.unable(cluster, node.name)
                 or move_checks.target(cluster, job, definition, source, None))
        obstacle = found if isinstance(found, Obstacle) else None
        if obstacle is not None and obstacle.code not in _WAITED_FOR:
            raise Conflict(f"'{definition.name}' can't be moved off node '{node.name}'.", obstacle.code,
                           cause=obstacle.text, correction="Remove the cause, then try again.")
    started = job_edits.went(job, context, f"'{definition.name}' is to leave node '{node.name}'.")
    waits = () if obstacle is None else (call.rc(
        Severity.WARN, _WARN_NOT_CONNECTED, "The move has to wait.", cause=obstacle.text,
        correction="Nothing has to be repeated.", refs=_refs(started)),)
    where = "" if isinstance(found, Obstacle) else f" to node '{found[0]}'"
    return Change((started,), answers=(_told(call, started, CREATED, f"is being moved{where}"), *waits))


def _check_movable(source: Resource, flags: tuple[str, ...]) -> None:
    if source.is_deleting or "DELETE" in flags:
        raise Conflict(f"'{source.name}' is being deleted on node '{source.node_name}'.", Code.BUSY,
                       cause="Its deletion is not complete.")
    if source.is_diskless:
        raise Conflict(f"'{source.name}' has no data on node '{source.node_name}'.", Code.INVLD_REQUEST,
                       cause="It is diskless there: there is nothing to move.",
                       correction="Use 'linstor resource make-available' where it is needed.")


def _again(call: Call[Any], live: Job, asked: str, pool: str) -> Change:
    """A move that is under way already: only one that has not begun yet can go elsewhere."""
    if key_of(asked) in ("", key_of(live.asked_target), key_of(live.target_node)) and pool in ("", live.asked_pool):
        hastened = structs.replace(live, not_before_ms=0)
        return Change((hastened,) if hastened != live else (), answers=(
            _told(call, live, MODIFIED, "is being moved already"),))
    if live.stage is not Stage.CHECKING:
        raise Conflict(f"'{live.resource_name}' is being moved already.", Code.BUSY,
                       cause=f"Job {live.uuid} takes it to node '{live.target_node}'.",
                       correction=f"Wait, or cancel it first: linstor job cancel {live.uuid}")
    changed = structs.replace(live, asked_target=asked, asked_pool=pool, not_before_ms=0)
    return Change((changed,), answers=(_told(call, changed, MODIFIED, "is to be moved elsewhere"),))


def cancel(cluster: Cluster, context: Context, call: Call[NoBody]) -> Change:
    """Everything as it was before, as far as that is possible. Can be repeated."""
    job = found(cluster, call.path["job"])
    if job.is_finished or job.ending is not None:
        what = f"is over: {job.state}" if job.is_finished else "is being called off already"
        return Change(answers=(call.rc(Severity.SUCCESS, MODIFIED, f"The job {what}.", refs=_refs(job)),))
    if job.kind is JobKind.EVICT:
        raise Conflict(f"Node '{job.node_name}' was given up.", Code.INVLD_REQUEST,
                       cause="The job ends with that mark, not by itself.",
                       correction=f"Use 'linstor node restore {job.node_name}' or 'linstor node lost {job.node_name}'.")
    if job.kind is JobKind.MOVE and job.stage not in REVERTIBLE:
        raise Conflict(f"'{job.resource_name}' can't stay on node '{job.node_name}' any more.", Code.BUSY,
                       cause=f"Node '{job.target_node}' has all of it and may have written to it.",
                       correction="Wait until the job is over, then move it back.")
    ending = structs.replace(job, ending=JobState.CANCELLED, changed_ms=context.now_ms())
    parent = cluster.jobs.get(job.parent)
    kept = () if parent is None or parent.is_finished else (
        structs.replace(parent, left_out=(*parent.left_out, job.resource_uuid)),)
    details = (f"The node keeps its mark: linstor node restore {job.node_name}" if job.kind is JobKind.EVACUATE
               else "")
    return Change((ending, *kept), answers=(call.rc(Severity.SUCCESS, MODIFIED, "The job is being called off.",
                                              details=details, refs=_refs(job)),))


def forget(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Only what is over can be forgotten."""
    job = cluster.jobs.get(call.path["job"])
    if job is None:
        return Change(answers=(call.rc(Severity.WARN, 3000, f"There is no job {call.path['job']}.",
                                       details="There was nothing to delete."),))
    if not job.is_finished:
        raise Conflict("The job is not over.", Code.BUSY, cause=f"Its state is {job.state}.",
                       correction=f"Cancel it first: linstor job cancel {job.uuid}", refs=_refs(job))
    return Change(deletes=((Job, job.uuid),), answers=(
        call.rc(Severity.SUCCESS, DELETED, "The job is forgotten.", refs=_refs(job)),))


def found(cluster: Cluster, key: str) -> Job:
    """Raises NotFound (390)."""
    job = cluster.jobs.get(key)
    if job is None:
        raise NotFound(f"There is no job {key}.", Code.NOT_FOUND_JOB,
                       cause="It never was, or it is over and was forgotten.",
                       correction="'linstor job list' shows those that are known.")
    return job


def _refs(job: Job) -> dict[str, str]:
    refs = {"Job": job.uuid, "Node": job.node_name}
    return {**refs, "RscDfn": job.resource_name} if job.resource_name else refs


def _told(call: Call[Any], job: Job, code: int, what: str) -> ApiCallRc:
    return call.rc(Severity.SUCCESS, code, f"'{job.resource_name}' {what}.", details=f"Job: {job.uuid}",
                   refs=_refs(job))



ROUTES = (
    Route("POST", MOVE, "Move a resource with its data to another node", write=move, body=ResourceMove,
          mask=Verb.MODIFY | Subject.RSC, lenient=True),
    Route("POST", f"{ONE}/cancel", "Call a job off; everything is as before as far as that is possible", write=cancel,
          mask=Verb.MODIFY),
    Route("DELETE", ONE, "Forget a job that is over", write=forget, mask=Verb.DELETE),
)
