"""Turning a resource back to one of its snapshots, in place. Newer snapshots stay."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import completion, dependents, progress
from linstor_core.controller.operations.snapshot_restore import check_usable, source
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, Conflict, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import SnapshotRollback

PATH = "/v1/resource-definitions/<resource>/snapshot-rollback/<snapshot>"


def rollback(cluster: Cluster, context: Context, call: Call[SnapshotRollback]) -> Change:
    """Every replica gets the snapshot's content under a new identity; what it held before is replaced by it."""
    name, snapshot_name = call.path["resource"], call.path["snapshot"]
    with lookups.about(RscDfn=name, Snapshot=snapshot_name):
        definition = lookups.definition(cluster, name)
        snapshot = lookups.snapshot(cluster, name, snapshot_name)
        check_usable(snapshot)
        _check_nothing_pending(cluster, definition, snapshot)
        resources = cluster.resources_of(name)
        turned = [_turned_back(cluster, context, resource, snapshot) for resource in resources]
    places = [(definition.name, resource.node_name) for resource in turned]
    settled = progress.when_settled(call, places, _steps(call, snapshot, turned))

    def outcome(later: Cluster) -> tuple[ApiCallRc, ...] | None:
        return _called_off(call, later, turned) or settled(later)

    return Change(puts=tuple(turned), answers=(_told(call, snapshot, MODIFIED, "The rollback is registered."),),
                  outcome=outcome, watch=progress.watched(places))


def _called_off(call: Call[Any], cluster: Cluster, turned: list[Resource]) -> tuple[ApiCallRc, ...]:
    """An error for each replica that kept its content because somebody has it open."""
    return tuple(
        call.rc(Severity.ERROR, Code.IN_USE, f"'{wanted.name}' is in use on '{wanted.node_name}'; it was not turned "
                "back there.", cause="A device of it is mounted or open.",
                correction="Unmount or close it, then try again.",
                refs={"RscDfn": wanted.name, "Node": wanted.node_name})
        for wanted in turned if (now := cluster.resource(wanted.name, wanted.node_name)) is not None
        and {volume.data_id for volume in now.volumes}.isdisjoint({volume.data_id for volume in wanted.volumes})
        and wanted.volumes)


def _check_nothing_pending(cluster: Cluster, definition: ResourceDefinition, snapshot: Snapshot) -> None:
    """Raises Conflict (992) while anything that came after the snapshot is still on its way."""
    dependents.check_not_moving(cluster, definition.name)
    flags = {flag for volume in definition.volume_definitions for flag in volume.flags} | set(definition.flags)
    pending = sorted(flags & {"RESIZE", "DELETE", "CLONING"})
    pending += [f"snapshot '{other.name}'" for other in cluster.snapshots_of_definition(definition.name)
                if not completion.has_ended(other)]
    if pending:
        raise Conflict(f"'{definition.name}' can't be turned back now.", Code.BUSY,
                       cause=f"Other work on it is not complete: {', '.join(pending)}.",
                       correction="Try again when it is complete.")
    for resource in cluster.resources_of(definition.name):
        dependents.check_not_in_use(cluster, resource)
        dependents.check_not_a_source(cluster, resource)
        if resource.is_deleting or any(volume.is_copying for volume in resource.volumes):
            raise Conflict(f"'{definition.name}' can't be turned back now.", Code.BUSY,
                           cause=f"Work on it is not complete on node '{resource.node_name}'.",
                           correction="Try again when it is complete.")
        if not cluster.is_online(resource.node_name):
            raise Conflict(f"'{definition.name}' can't be turned back now.", Code.NOT_CONNECTED,
                           cause=f"The node '{resource.node_name}' is not connected.",
                           correction="Wait for its return: all replicas are turned back together.")
        if snapshot.on_node(resource.node_name) is None:
            raise NotFound(f"The node '{resource.node_name}' holds no part of the snapshot '{snapshot.name}'.",
                           Code.NOT_FOUND_SNAPSHOT, cause="Its replica could not be turned back.",
                           correction="Delete this replica first, or take another snapshot.")


def _turned_back(cluster: Cluster, context: Context, resource: Resource, snapshot: Snapshot) -> Resource:
    part = snapshot.on_node(resource.node_name)
    assert part is not None
    return structs.replace(resource, volumes=tuple(_replaced(context, volume, part, snapshot)
                                                   for volume in resource.volumes))


def _replaced(context: Context, volume: Volume, part: NodeSnapshot, snapshot: Snapshot) -> Volume:
    found = next((each for each in part.volumes if each.number == volume.number), None)
    if found is None:
        raise NotFound(f"The snapshot '{snapshot.name}' has no volume {volume.number}.",
                       Code.NOT_FOUND_SNAPSHOT_VLM_DFN, cause="The volume is newer than the snapshot.",
                       correction="Delete the volume definition first.")
    return structs.replace(volume, data_id=context.new_uuid(), replaces=volume.data_id,
                           source=source(found, snapshot), populated=False)


def _told(call: Call[Any], snapshot: Snapshot, code: int, message: str, mask: int | None = None,
          **refs: str) -> ApiCallRc:
    return call.rc(Severity.SUCCESS, code, message, mask=mask,
                   refs={"RscDfn": snapshot.resource_name, "Snapshot": snapshot.name, **refs})


def _steps(call: Call[Any], snapshot: Snapshot, resources: list[Resource]) -> list[ApiCallRc | progress.OnNode]:
    """What became of the old content, volume by volume, under the codes that clients of LINSTOR know."""
    volume_mask = Operation.MODIFY | Subject.VLM
    steps: list[ApiCallRc | progress.OnNode] = []
    for resource in resources:
        node = resource.node_name
        for volume in resource.volumes:
            number = str(volume.number)
            steps += progress.on(
                node,
                _told(call, snapshot, MODIFIED, f"Volume {number} closed on '{node}'.", volume_mask, VlmNr=number),
                _told(call, snapshot, CREATED, f"Content of volume {number} copied from the snapshot on '{node}'.",
                      None, VlmNr=number),
                _told(call, snapshot, DELETED, f"Old content of volume {number} removed on '{node}'.", volume_mask,
                      VlmNr=number),
                _told(call, snapshot, CREATED, f"Volume {number} opened on '{node}'.", volume_mask, VlmNr=number))
        steps += progress.on(
            node,
            _told(call, snapshot, CREATED, f"'{resource.name}' is back in place on '{node}'.",
                  Operation.CREATE | Subject.RSC),
            _told(call, snapshot, 0, f"'{resource.name}' is ready on '{node}'.", Operation.CREATE | Subject.RSC,
                  Node=node))
    steps += [_told(call, snapshot, DELETED, f"What volume {volume.number} got after the snapshot is gone.", None,
                    UUID=snapshot.uuid, VlmNr=str(volume.number)) for volume in snapshot.volume_definitions]
    return steps


ROUTES = (
    Route("POST", PATH, "Turn a resource back to a snapshot", write=rollback, body=SnapshotRollback,
          mask=Operation.MODIFY | Subject.SNAPSHOT, lenient=True),
)
