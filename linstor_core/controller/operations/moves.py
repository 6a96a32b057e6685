"""A move, stage by stage. Each step is decided from the model alone and leaves the next one in it.

The content stands still from CLOSING on: the source's devices are down. Until the target has all of it, everything can
be as it was before. The source goes only when the target has confirmed the content and set up its devices.
"""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import dependents, job_edits, move_checks, moved_snapshots
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.operations.move_checks import Obstacle
from linstor_core.controller.operations.tombstones import Edits
from linstor_core.domain.cluster import Cluster, Document, key_of
from linstor_core.domain.errors import Code
from linstor_core.domain.jobs import Job, JobState, Stage
from linstor_core.domain.props import POOL_NAME
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import DataSource, Resource, Volume

AT_ONCE = 2
"""How many moves leave one node at a time."""
PAUSE_MS = 10_000
"""Before what was begun in vain is tried again; twice as long each time, up to the longest pause. Whether a device is
open is known only by trying to close it.
"""
LONGEST_PAUSE_MS = 120_000
INACTIVE = "INACTIVE"
NO_SLOT = Obstacle(Code.BUSY, f"{AT_ONCE} other resources are leaving the node; it takes its turn.")


def step(cluster: Cluster, context: Context, job: Job, slots_taken: int) -> Change:
    """What is to be done next; nothing where something has to happen first. `slots_taken`: of the source's node."""
    definition = cluster.definition(job.resource_name)
    if definition is None:
        return job_edits.change(job, job_edits.ended(
            job, context, JobState.CANCELLED, f"The resource definition '{job.resource_name}' was deleted."))
    if "DELETE" in definition.flags:
        return Change()  # it may still be called off
    match job.stage:
        case Stage.CHECKING:
            return _check(cluster, context, job, definition, slots_taken)
        case Stage.CLOSING:
            return _close(cluster, context, job, definition)
        case Stage.COPYING:
            return _copy(cluster, context, job)
        case Stage.OPENING:
            return _open(cluster, context, job)
        case Stage.REMOVING:
            return _remove(cluster, context, job)
        case Stage.REVERTING:
            return _revert(cluster, context, job)


def source_of(cluster: Cluster, job: Job) -> Resource | None:
    """What is moved, as long as it is there and not on its way out."""
    found = cluster.resource(job.resource_name, job.node_name)
    return found if found is not None and found.uuid == job.resource_uuid and not found.is_deleting else None


def target_of(cluster: Cluster, job: Job) -> Resource | None:
    found = cluster.resource(job.resource_name, job.target_node) if job.target_uuid else None
    return found if found is not None and found.uuid == job.target_uuid else None


# CHECKING


def _check(cluster: Cluster, context: Context, job: Job, definition: ResourceDefinition, slots_taken: int) -> Change:
    if job.ending is not None:
        return job_edits.change(job, job_edits.ended(job, context, job.ending, "Called off before anything changed."))
    source = source_of(cluster, job)
    if source is None:
        return job_edits.change(job, job_edits.ended(
            job, context, JobState.CANCELLED, f"'{job.resource_name}' is not on node '{job.node_name}' any more."))
    # Whether a node is there again the model tells: nothing has to be tried for that.
    if context.now_ms() < job.not_before_ms and job.blocked_code != Code.NOT_CONNECTED:
        return Change()
    obstacle = move_checks.against_leaving(cluster, source) or move_checks.unable(cluster, source.node_name)
    if obstacle is None and slots_taken >= AT_ONCE:
        obstacle = NO_SLOT
    if obstacle is not None:
        return job_edits.change(job, job_edits.waiting(job, context, obstacle))
    found = move_checks.target(cluster, job, definition, source, cluster.jobs.get(job.parent))
    if isinstance(found, Obstacle):
        return job_edits.change(job, job_edits.waiting(job, context, found))
    node_name, pools = found
    closed = structs.replace(source, flags=dependents.with_flag(source.flags, INACTIVE))
    going = job_edits.went(
        job, context, f"Node '{node_name}' takes it; its devices on '{job.node_name}' go down.", stage=Stage.CLOSING,
        target_node=node_name, target_pools=pools, target_uuid="", was_active=INACTIVE not in source.flags,
        secret=context.new_secret())
    return job_edits.change(job, going, *((closed,) if closed != source else ()))


# CLOSING


def _close(cluster: Cluster, context: Context, job: Job, definition: ResourceDefinition) -> Change:
    source = source_of(cluster, job)
    if job.ending is not None or source is None:
        return _reverted(cluster, context, job, _reason(job, source))
    obstacle = move_checks.away(cluster, job.node_name)
    if obstacle is not None:
        return job_edits.change(job, job_edits.waiting(job, context, obstacle))
    if not cluster.is_settled(source.name, source.node_name):
        return job_edits.change(job, job_edits.working(job, context))
    obstacle = move_checks.failed(cluster, source)
    if obstacle is not None and obstacle.code == Code.IN_USE:
        return _put_off(cluster, context, job, move_checks.in_use(source))
    if obstacle is None and not _is_closed(cluster, source):
        obstacle = Obstacle(Code.BUSY, f"The node '{source.node_name}' does not see all of its content, closed.")
    if obstacle is not None:
        return job_edits.change(job, job_edits.waiting(job, context, obstacle))
    obstacle = _against_copy(cluster, definition, job)
    if obstacle is not None:
        return _put_off(cluster, context, job, obstacle)
    target = _new_target(cluster, context, job, source)
    total = sum(volume.size_kib for volume in definition.volume_definitions)
    going = job_edits.went(job, context, f"Node '{target.node_name}' fetches the content, {total} KiB at most.",
                           stage=Stage.COPYING, target_uuid=target.uuid)
    return job_edits.change(job, going, target, *moved_snapshots.begun(cluster, context, source, target))


def _is_closed(cluster: Cluster, source: Resource) -> bool:
    seen = cluster.seen(source.name, source.node_name)
    return (move_checks.is_complete(cluster, source) and seen is not None
            and not any(volume.device_path or volume.in_use for volume in seen.volumes))


def _against_copy(cluster: Cluster, definition: ResourceDefinition, job: Job) -> Obstacle | None:
    """The choice was made before the source was closed: it has to hold still."""
    return move_checks.against_pools(cluster, definition, job.target_node, job.target_pools)


def _new_target(cluster: Cluster, context: Context, job: Job, source: Resource) -> Resource:
    volumes = []
    for volume in source.volumes:
        pool = cluster.storage_pools[key_of(job.target_node), key_of(job.target_pools[volume.number])]
        origin = DataSource(volume.identifier, volume.storage_pool, volume.data_id, node_name=source.node_name)
        fresh = documents.new_volume(cluster, context, source.name, volume.number, pool, source=origin)
        volumes.append(structs.replace(fresh, props=volume.props, flags=volume.flags))
    return Resource(context.new_uuid(), source.name, job.target_node, source.layer_stack, tuple(volumes),
                    _target_props(job, source), dependents.with_flag(source.flags, INACTIVE), context.now_ms())


def _target_props(job: Job, source: Resource) -> dict[str, str]:
    """Those of the source; a pool that they name is the one that it is in now."""
    pools = list(dict.fromkeys(job.target_pools.values()))
    if POOL_NAME not in source.props or not pools:
        return source.props
    return {**source.props, POOL_NAME: pools[0]}


# COPYING


def _copy(cluster: Cluster, context: Context, job: Job) -> Change:
    source, target = source_of(cluster, job), target_of(cluster, job)
    if target is None or target.is_deleting:
        return _reverted(cluster, context, job, f"What node '{job.target_node}' had fetched is gone.")
    has_all = (all(volume.populated for volume in target.volumes) and _is_answered(cluster, target)
               and moved_snapshots.are_there(cluster, target))
    if source is None and not has_all and not cluster.is_settled(target.name, target.node_name):
        # The source's node was lost: what the target has may be all that is left, so its word is waited for.
        unheard = move_checks.away(cluster, job.target_node)
        return job_edits.change(job, job_edits.waiting(job, context, unheard) if unheard is not None
                                else job_edits.working(job, context))
    if source is None and not has_all:
        return _rescued(cluster, context, job, target)
    if source is not None and job.ending is not None:
        return _reverted(cluster, context, job, _reason(job, source))
    if not has_all:
        obstacle = (move_checks.away(cluster, job.target_node) or move_checks.failed(cluster, target)
                    or move_checks.away(cluster, job.node_name))
        after = (job_edits.waiting(job, context, obstacle) if obstacle is not None
                 else job_edits.working(job, context))
        return job_edits.change(job, after)
    flags = source.flags if source is not None else target.flags
    opened = structs.replace(
        target, flags=dependents.without_flag(flags, INACTIVE) if job.was_active else flags,
        props=_target_props(job, source) if source is not None else target.props,
        volumes=tuple(_carried_over(volume, source) for volume in target.volumes))
    return job_edits.change(job, job_edits.went(
        job, context, f"Node '{job.target_node}' has all of it and sets up its devices.", stage=Stage.OPENING,
        secret="", ending=None), opened, *moved_snapshots.confirmed(cluster, target, job.node_name))


def _rescued(cluster: Cluster, context: Context, job: Job, target: Resource) -> Change:
    """The source is gone: whatever the target has completely is nowhere else and stays, however little it is."""
    whole = moved_snapshots.confirmed(cluster, target, job.node_name)
    if not whole and not any(volume.populated for volume in target.volumes):
        return _reverted(cluster, context, job, _reason(job, None))
    return job_edits.change(job, job_edits.ended(
        job, context, JobState.FAILED, f"'{job.resource_name}' is not on node '{job.node_name}' any more; what node "
        f"'{job.target_node}' has of it by now stays there, inactive."), *whole)


def _is_answered(cluster: Cluster, target: Resource) -> bool:
    """Without volumes there is nothing that its node could confirm but the spec itself."""
    return bool(target.volumes) or cluster.is_settled(target.name, target.node_name)


def _carried_over(volume: Volume, source: Resource | None) -> Volume:
    """Properties may have changed while the content was on its way."""
    before = source.volume(volume.number) if source is not None else None
    return structs.replace(volume, props=before.props, flags=before.flags) if before is not None else volume


# OPENING, REMOVING


def _open(cluster: Cluster, context: Context, job: Job) -> Change:
    target, source = target_of(cluster, job), source_of(cluster, job)
    if target is None:
        return _fell_back(cluster, context, job)
    obstacle = move_checks.away(cluster, job.target_node) or move_checks.failed(cluster, target)
    if obstacle is not None:
        return job_edits.change(job, job_edits.waiting(job, context, obstacle))
    if not cluster.is_settled(target.name, target.node_name) or not move_checks.is_complete(cluster, target):
        return job_edits.change(job, job_edits.working(job, context))
    if source is None:
        return _done(cluster, context, job)
    if (fault := move_checks.as_source(cluster, source)) is not None:
        return job_edits.change(job, job_edits.waiting(job, context, fault))
    puts, deletes = moved_snapshots.all_removed(cluster, source, context.now_ms())
    going = job_edits.went(job, context, f"It is ready on node '{job.target_node}'; what is on '{job.node_name}' goes.",
                           stage=Stage.REMOVING)
    return job_edits.change(job, going, *puts, deletes=deletes)


def _fell_back(cluster: Cluster, context: Context, job: Job) -> Change:
    """The target is gone for good before the source went: what the source has is the newest that is left."""
    source = source_of(cluster, job)
    puts, deletes = _without_target(cluster, context, job)
    return job_edits.change(job, job_edits.ended(
        job, context, JobState.FAILED, f"It is gone from node '{job.target_node}'; node '{job.node_name}' has it as it "
        "was before the move."), *(_activated(job, source) if source is not None else ()), *puts, deletes=deletes)


def _remove(cluster: Cluster, context: Context, job: Job) -> Change:
    left = cluster.resource(job.resource_name, job.node_name)
    if left is None or left.uuid != job.resource_uuid:
        if not moved_snapshots.on_node(cluster, job.resource_name, job.node_name):
            return _done(cluster, context, job)
        obstacle = move_checks.away(cluster, job.node_name)
        return job_edits.change(job, job_edits.waiting(job, context, obstacle) if obstacle is not None
                                else job_edits.working(job, context))
    if not left.is_deleting:
        return _deleted_again(cluster, context, job, left)
    obstacle = move_checks.away(cluster, job.node_name) or move_checks.failed(cluster, left)
    return job_edits.change(job, job_edits.waiting(job, context, obstacle) if obstacle is not None
                            else job_edits.working(job, context))


def _done(cluster: Cluster, context: Context, job: Job) -> Change:
    """An evacuation counts what has left its node."""
    parent = cluster.jobs.get(job.parent)
    counted = () if parent is None else (structs.replace(parent, moved=parent.moved + 1),)
    return job_edits.change(job, job_edits.ended(
        job, context, JobState.DONE, f"'{job.resource_name}' is on node '{job.target_node}'."), *counted)


# Back to where it was


def _reason(job: Job, source: Resource | None) -> str:
    if source is None:
        return f"'{job.resource_name}' is not on node '{job.node_name}' any more."
    return "Called off."


def _activated(job: Job, source: Resource) -> tuple[Document, ...]:
    flags = dependents.without_flag(source.flags, INACTIVE) if job.was_active else source.flags
    return (structs.replace(source, flags=flags),) if flags != source.flags else ()


def _reverted(cluster: Cluster, context: Context, job: Job, message: str) -> Change:
    """In one commit the source is as before, gives nothing away any more, and the target's part goes."""
    source = source_of(cluster, job)
    ending = job.ending
    if ending is None and (source is None or not job.parent):
        ending = JobState.FAILED
    puts, deletes = _without_target(cluster, context, job)
    going = job_edits.went(job, context, message, stage=Stage.REVERTING, secret="", ending=ending)
    return job_edits.change(job, going, *(_activated(job, source) if source is not None else ()), *puts,
                            deletes=deletes)


def _without_target(cluster: Cluster, context: Context, job: Job) -> Edits:
    """What there is on the target's node goes; somebody may have ended the resource there by force."""
    target = target_of(cluster, job)
    if target is not None:
        return moved_snapshots.all_removed(cluster, target, context.now_ms())
    if not job.target_uuid:
        return (), ()
    return moved_snapshots.removed(cluster, job.resource_name, job.target_node, context.now_ms())


def _put_off(cluster: Cluster, context: Context, job: Job, obstacle: Obstacle) -> Change:
    """Nothing was copied yet: the source is as before, and all of it is tried again later."""
    source = source_of(cluster, job)
    back = _again_later(job, context)
    return job_edits.change(job, job_edits.waiting(back, context, obstacle),
                            *(_activated(job, source) if source is not None else ()))


def _revert(cluster: Cluster, context: Context, job: Job) -> Change:
    target = target_of(cluster, job)
    if target is not None and not target.is_deleting:
        return _deleted_again(cluster, context, job, target)
    if target is not None:
        obstacle = move_checks.away(cluster, job.target_node) or move_checks.failed(cluster, target)
        return job_edits.change(job, job_edits.waiting(job, context, obstacle) if obstacle is not None
                                else job_edits.working(job, context))
    if moved_snapshots.on_node(cluster, job.resource_name, job.target_node):
        return job_edits.change(job, job_edits.working(job, context))
    if job.ending is not None:
        return job_edits.change(job, job_edits.ended(job, context, job.ending, job.message))
    return job_edits.change(job, job_edits.went(_again_later(job, context), context, "All of it is tried again."))


def _deleted_again(cluster: Cluster, context: Context, job: Job, resource: Resource) -> Change:
    """Its node has called the deletion off; it is asked again, but not without end."""
    if context.now_ms() < job.not_before_ms:
        return Change()
    puts, deletes = dependents.deletion(cluster, resource, context.now_ms())
    later = structs.replace(job, not_before_ms=context.now_ms() + PAUSE_MS)
    return job_edits.change(job, job_edits.working(later, context), *puts, deletes=deletes)


def _again_later(job: Job, context: Context) -> Job:
    pause_ms = min(PAUSE_MS << min(job.tries, 10), LONGEST_PAUSE_MS)
    return structs.replace(job, stage=Stage.CHECKING, secret="", target_node="", target_pools={}, target_uuid="",
                           tries=job.tries + 1, not_before_ms=context.now_ms() + pause_ms)
