"""Create, modify and delete resource definitions. None of it waits, but for a deletion of what is placed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import dependents, progress, tombstones
from linstor_core.controller.route import Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError
from linstor_core.domain.layers import DRBD, LUKS, STORAGE, checked_stack
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_definitions import DrbdDefinition, ResourceDefinition
from linstor_core.domain.resource_groups import DEFAULT_GROUP, DEFAULT_PLACE_COUNT, AutoSelectFilter, ResourceGroup
from linstor_core.domain.resources import Resource
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.rest_bodies import ResourceDefinitionCreate, ResourceDefinitionModify

PATH = "/v1/resource-definitions"
ONE = f"{PATH}/<resource>"
WARN_NOT_FOUND = 3000
_NO_PASSPHRASE = 1011
_STORAGE_ADDED = 1012
_MAX_PORT = 65535


def create(cluster: Cluster, context: Context, call: Call[ResourceDefinitionCreate]) -> Change:
    body = call.body.resource_definition
    with lookups.about(RscDfn=body.name):
        name = new_name(cluster, body.name, body.external_name)
    with lookups.about(RscDfn=name):
        asked = tuple(layer.type for layer in body.layer_data)
        stack = checked_stack(asked)
        group = _group(cluster, context, body.resource_group_name)
        props, told = properties.initial(ObjectKind.RESOURCE_DEFINITION, Subject.RSC_DFN, body.props)
        definition = ResourceDefinition(
            context.new_uuid(), name, group.name, external_name=body.external_name, layer_stack=stack, props=props,
            drbd=_drbd(context, call.body, stack, group.peer_slots))
    return Change(puts=(definition, *(() if cluster.group(group.name) is not None else (group,))),
                  answers=(*stack_warnings(asked, stack), *told, created_entry(call, definition)))


def _group(cluster: Cluster, context: Context, name: str) -> ResourceGroup:
    """The default group comes back when it was deleted and is needed again."""
    if cluster.group(name or DEFAULT_GROUP) is None and key_of(name or DEFAULT_GROUP) == key_of(DEFAULT_GROUP):
        return ResourceGroup(context.new_uuid(), DEFAULT_GROUP,
                             select_filter=AutoSelectFilter(place_count=DEFAULT_PLACE_COUNT))
    return lookups.group(cluster, name or DEFAULT_GROUP)


def new_name(cluster: Cluster, name: str, external_name: str) -> str:
    """The name of a new definition. Raises InvalidInput (202), AlreadyExists (501, 517), or 606 for no name at all."""
    if external_name and external_name in cluster.external_names:
        raise AlreadyExists(f"A resource definition with the external name '{external_name}' exists already.",
                            Code.EXISTS_EXT_NAME,
                            cause=f"'{cluster.external_names[external_name]}' was registered under it.")
    if not name and not external_name:
        raise LinstorError("A resource definition needs a name or an external name.", Code.MISSING_EXT_NAME,
                           cause="Neither of them was given.", correction="Give at least one of them.")
    if not name:
        return names.generated_resource_name(external_name, lambda taken: cluster.definition(taken) is not None)
    name = names.resource_name(name)
    if cluster.definition(name) is not None:
        raise AlreadyExists(f"The resource definition '{name}' exists already.", Code.EXISTS_RSC_DFN,
                            cause="Names are compared without regard to case.", details=f"Resource definition: {name}")
    return name


def stack_warnings(asked: tuple[str, ...], stack: tuple[str, ...]) -> list[ApiCallRc]:
    found = []
    if asked and STORAGE not in {layer.upper() for layer in asked}:
        found.append(entry(Severity.WARN, _STORAGE_ADDED, 0, "The layer STORAGE was added at the end of the stack.",
                           details=f"The stack is {','.join(stack)}."))
    if LUKS in stack:
        found.append(entry(Severity.WARN, _NO_PASSPHRASE, 0, "The master passphrase is not known.",
                           correction="Create or enter the master passphrase before resources are placed."))
    return found


def created_entry(call: Call[Any], definition: ResourceDefinition) -> ApiCallRc:
    return call.rc(Severity.SUCCESS, CREATED, f"New resource definition '{definition.name}' created.",
                   mask=Operation.CREATE | Subject.RSC_DFN, details=f"UUID: {definition.uuid}",
                   refs={"UUID": definition.uuid, "RscDfn": definition.name})


def _drbd(context: Context, body: ResourceDefinitionCreate, stack: tuple[str, ...],
          group_peer_slots: int | None) -> DrbdDefinition | None:
    _check_port(body.drbd_port)
    if DRBD not in stack and not (body.drbd_port or body.drbd_secret or body.drbd_peer_slots
                                  or body.drbd_transport_type):
        return None
    return DrbdDefinition(body.drbd_secret or context.new_secret(),
                          peer_slots=body.drbd_peer_slots or group_peer_slots or DrbdDefinition("").peer_slots,
                          port=body.drbd_port, transport_type=body.drbd_transport_type or "IP")


def _check_port(port: int | None) -> None:
    if port is not None and not 1 <= port <= _MAX_PORT:
        raise LinstorError(f"{port} is no TCP port.", Code.UNKNOWN_ERROR, details=f"Ports run from 1 to {_MAX_PORT}.")


def modify(cluster: Cluster, _: Context, call: Call[ResourceDefinitionModify]) -> Change:
    body, name = call.body, call.path["resource"]
    refs = {"RscDfn": name}
    with lookups.about(**refs):
        definition = lookups.definition(cluster, name)
        props, told = properties.changed(ObjectKind.RESOURCE_DEFINITION, Subject.RSC_DFN, definition.props, body, refs)
        changed = structs.replace(definition, props=props)
        if body.resource_group is not None:
            changed = structs.replace(changed, resource_group_name=lookups.group(cluster, body.resource_group).name)
        if body.layer_stack is not None:
            changed = structs.replace(changed, layer_stack=_new_stack(cluster, definition, body.layer_stack))
        if definition.drbd is not None:
            _check_port(body.drbd_port)
            changed = structs.replace(changed, drbd=structs.replace(
                definition.drbd, peer_slots=body.drbd_peer_slots or definition.drbd.peer_slots,
                port=body.drbd_port or definition.drbd.port))
    done = call.rc(Severity.SUCCESS, MODIFIED, f"Resource definition '{definition.name}' modified.",
                   details=f"UUID: {definition.uuid}", refs={"UUID": definition.uuid, **refs})
    return Change(puts=(changed,), answers=(*told, done))


def _new_stack(cluster: Cluster, definition: ResourceDefinition, asked: tuple[str, ...]) -> tuple[str, ...]:
    stack = checked_stack(asked)
    if stack != definition.layer_stack and cluster.nodes_of.get(key_of(definition.name)):
        raise InvalidInput(f"The layers of '{definition.name}' can't be changed.", Code.INVLD_LAYER_STACK,
                           cause="Resources of it are placed already.", correction="Delete the resources first.")
    return stack


def delete(cluster: Cluster, context: Context, call: Call[Any]) -> Change:
    """With `?force` no satellite is waited for; with `?abandon` besides, nothing of it is ever removed."""
    name = call.path["resource"]
    refs = {"RscDfn": name}
    with lookups.about(**refs):
        names.resource_name(name)
        definition = cluster.definition(name)
        if definition is None:
            return Change(answers=(call.rc(
                Severity.WARN, WARN_NOT_FOUND, f"The resource definition '{name}' does not exist.",
                details="There was nothing to delete.", refs=refs),))
        end = tombstones.end_of(call)
        _check_deletable(cluster, definition)
    resources = cluster.resources_of(name)
    gone = call.rc(Severity.SUCCESS, DELETED, f"Resource definition '{definition.name}' deleted.",
                   details=f"UUID: {definition.uuid}", refs=refs)
    parts = [dependents.deletion(cluster, resource, context.now_ms(), end) for resource in resources]
    deletes = tuple(pair for part in parts for pair in part[1])
    waited = [resource for resource, part in zip(resources, parts, strict=True) if not part[1]]
    left = tombstones.ended(call, cluster, (each for each in resources if each not in waited),
                            now_ms=context.now_ms(), end=end)
    puts = tuple(put for part in parts for put in part[0])
    if not waited:
        return Change(puts, (*deletes, (ResourceDefinition, key_of(name))), answers=(gone, *left))
    places = [(definition.name, resource.node_name) for resource in waited]
    puts = (structs.replace(definition, flags=dependents.with_flag(definition.flags, "DELETE")), *puts)
    marked = call.rc(Severity.SUCCESS, DELETED, f"Resource definition '{definition.name}' is marked for deletion.",
                     refs=refs)
    return Change(
        puts=puts, deletes=deletes, answers=(marked, *left), watch=progress.watched(places),
        outcome=progress.when_gone(call, places, lambda later: _is_gone(later, definition),
                                   (*_deletion_steps(call, waited), gone),
                                   lambda later: "DELETE" not in later.resource_definitions[key_of(name)].flags,
                                   uuids=[resource.uuid for resource in waited]))


def _is_gone(cluster: Cluster, definition: ResourceDefinition) -> bool:
    found = cluster.definition(definition.name)
    return found is None or found.uuid != definition.uuid


def _deletion_steps(call: Call[Any], resources: Iterable[Resource]) -> list[ApiCallRc]:
    steps = []
    for resource in resources:
        steps += [call.rc(Severity.SUCCESS, DELETED,
                          f"Volume {volume.number} of '{resource.name}' deleted on '{resource.node_name}'.",
                          mask=Operation.DELETE | Subject.VLM,
                          refs={"RscDfn": resource.name, "VlmNr": str(volume.number)})
                  for volume in resource.volumes]
        steps.append(call.rc(Severity.SUCCESS, MODIFIED,
                             f"'{resource.name}' cleaned up on '{resource.node_name}'.",
                             refs={"RscDfn": resource.name}))
    return steps


def _check_deletable(cluster: Cluster, definition: ResourceDefinition) -> None:
    snapshots = cluster.snapshots_of_definition(definition.name)
    if snapshots:
        raise Conflict(f"'{definition.name}' has snapshots.", Code.EXISTS_SNAPSHOT_DFN,
                       details="Its snapshots: " + ", ".join(snapshot.name for snapshot in snapshots) + ".",
                       cause="A definition with snapshots can't be deleted.", correction="Delete the snapshots first.")
    for resource in cluster.resources_of(definition.name):
        dependents.check_can_go(cluster, resource)


ROUTES = (
    Route("POST", PATH, "Create a resource definition", write=create, body=ResourceDefinitionCreate,
          mask=Operation.CREATE | Subject.RSC_DFN, success=201),
    Route("PUT", ONE, "Modify a resource definition", write=modify, body=ResourceDefinitionModify,
          mask=Operation.MODIFY | Subject.RSC_DFN),
    Route("DELETE", ONE, "Delete a resource definition with all its resources", write=delete,
          mask=Operation.DELETE | Subject.RSC_DFN),
)
