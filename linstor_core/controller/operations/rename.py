"""Renaming a resource definition. Only names change: what identifies data and devices is stored, and stays.

Satellites find what they hold by the uuids in a spec, so theirs follows whatever it is called; see
`linstor_core.satellite.reconciler`.
"""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import completion, dependents, progress
from linstor_core.controller.route import Route
from linstor_core.domain import names
from linstor_core.domain.cluster import KINDS, Cluster, Document, Key, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict
from linstor_core.domain.jobs import Job
from linstor_core.domain.registers import ResourceConnection
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.schedules import ScheduleUse, Scope
from linstor_core.wire.api_call_rc import MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import ResourceDefinitionRename

PATH = "/v1/resource-definitions/<resource>/rename"


def rename(cluster: Cluster, _: Context, call: Call[ResourceDefinitionRename]) -> Change:
    """Works while devices are open. A definition that has the new name already is left alone."""
    old = call.path["resource"]
    with lookups.about(RscDfn=old):
        definition = lookups.definition(cluster, old)
        new = names.resource_name(call.body.new_name)
        other = cluster.definition(new)
        if other is not None and other.uuid != definition.uuid:
            raise AlreadyExists(f"The resource definition '{other.name}' exists already.", Code.EXISTS_RSC_DFN,
                                cause="Names are compared without regard to case.",
                                correction="Choose another name.")
        _check_nothing_pending(cluster, definition)
    puts = _renamed(cluster, definition, new)
    puts += [structs.replace(job, resource_name=new) for job in _moves(cluster, definition)]
    deletes = [] if other is not None else _old_keys(cluster, definition)
    done = call.rc(Severity.SUCCESS, MODIFIED, f"Resource definition '{definition.name}' renamed to '{new}'.",
                   details=f"UUID: {definition.uuid}", refs={"UUID": definition.uuid, "RscDfn": new})
    if definition.name == new:
        return Change(answers=(done,))
    places = [(new, node) for node in _nodes(cluster, definition)]
    ready = [step for _, node in places for step in progress.on(node, call.rc(
        Severity.SUCCESS, MODIFIED, f"'{new}' is ready on '{node}'.", refs={"RscDfn": new, "Node": node}))]
    return Change(tuple(puts), tuple(deletes), (done,), progress.when_settled(call, places, ready),
                  progress.watched(places))


def _check_nothing_pending(cluster: Cluster, definition: ResourceDefinition) -> None:
    """Raises Conflict (992) while somebody waits for work on the old name, or copies from it."""
    dependents.check_not_moving(cluster, definition.name)
    pending = sorted({"DELETE", "CLONING"} & set(definition.flags))
    snapshots = cluster.snapshots_of_definition(definition.name)
    pending += [f"snapshot '{snapshot.name}'" for snapshot in snapshots
                if not completion.has_ended(snapshot) or "DELETE" in snapshot.flags]
    for resource in cluster.resources_of(definition.name):
        if resource.is_deleting or any(volume.is_copying or "DELETE" in volume.flags for volume in resource.volumes):
            pending.append(f"the volumes on '{resource.node_name}'")
    if pending:
        raise Conflict(f"'{definition.name}' can't be renamed now.", Code.BUSY,
                       cause=f"Other work on it is not complete: {', '.join(pending)}.",
                       correction="Try again when it is complete.")
    for resource in cluster.resources_of(definition.name):
        dependents.check_not_a_source(cluster, resource)
    for snapshot in snapshots:
        dependents.check_snapshot_not_a_source(cluster, snapshot)


def _nodes(cluster: Cluster, definition: ResourceDefinition) -> list[str]:
    """Those that hold anything of it."""
    found = {key_of(resource.node_name): resource.node_name for resource in cluster.resources_of(definition.name)}
    found |= {key_of(part.node_name): part.node_name
              for snapshot in cluster.snapshots_of_definition(definition.name) for part in snapshot.nodes}
    return [found[key] for key in sorted(found)]


def _renamed(cluster: Cluster, definition: ResourceDefinition, new: str) -> list[Document]:
    old = definition.name
    puts: list[Document] = [structs.replace(definition, name=new)]
    puts += [structs.replace(resource, name=new) for resource in cluster.resources_of(old)]
    puts += [structs.replace(snapshot, resource_name=new) for snapshot in cluster.snapshots_of_definition(old)]
    puts += [structs.replace(connection, resource_name=new) for connection in _connections(cluster, definition)]
    puts += [structs.replace(use, owner=new) for use in _schedule_uses(cluster, definition)]
    puts += [structs.replace(seen, resource_name=new) for node in _nodes(cluster, definition)
             if (seen := cluster.seen(old, node)) is not None]
    return puts


def _old_keys(cluster: Cluster, definition: ResourceDefinition) -> list[tuple[type, Key]]:
    """Seen state first, definition last: that way each knows what it was counted by."""
    documents = _renamed(cluster, definition, definition.name)
    return [(type(document), KINDS[type(document)].key(document)) for document in reversed(documents)]


def _connections(cluster: Cluster, definition: ResourceDefinition) -> list[ResourceConnection]:
    return [found for key, found in cluster.resource_connections.items()
            if key[0] == key_of(definition.name) and found.definition_uuid == definition.uuid]


def _moves(cluster: Cluster, definition: ResourceDefinition) -> list[Job]:
    """Those that have not begun yet."""
    found = (cluster.move_at((key_of(definition.name), node)) for node in cluster.nodes_of.get(
        key_of(definition.name), ()))
    return [job for job in found if job is not None]


def _schedule_uses(cluster: Cluster, definition: ResourceDefinition) -> list[ScheduleUse]:
    return [use for use in cluster.schedule_uses.values()
            if use.scope is Scope.DEFINITION and use.owner_uuid == definition.uuid]


ROUTES = (
    Route("POST", PATH, "Give a resource definition another name", write=rename, body=ResourceDefinitionRename,
          mask=Operation.MODIFY | Subject.RSC_DFN),
)
