"""From a resource group to placed volumes in one step, and re-adjusting what was spawned before."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import autoplace, progress, resource_definitions
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.operations.volume_definitions import check_size
from linstor_core.controller.placement import number_pools, select_filter
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, InvalidInput, LinstorError
from linstor_core.domain.layers import DRBD, checked_stack
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_definitions import DrbdDefinition, ResourceDefinition, VolumeDefinition
from linstor_core.domain.resource_groups import DEFAULT_GROUP, ResourceGroup
from linstor_core.wire.api_call_rc import CREATED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import ResourceGroupSpawn, SelectFilterBody

ONE = "/v1/resource-groups/<group>"
INFO_DEFINITIONS_ONLY = 10000


def spawn(cluster: Cluster, context: Context, call: Call[ResourceGroupSpawn]) -> Change:
    """All or nothing: when no place is found, no definition is left behind."""
    body, group_name = call.body, call.path["group"]
    with lookups.about(RscDfn=body.resource_definition_name or "", RscGrp=group_name):
        group = lookups.group(cluster, group_name)
        sizes = _sizes(group, body)
        name = resource_definitions.new_name(cluster, body.resource_definition_name or "",
                                             body.resource_definition_external_name or "")
        props, noted = properties.initial(ObjectKind.RESOURCE_DEFINITION, Subject.RSC_DFN,
                                          body.resource_definition_props or {})
        definition = _definition(cluster, context, group, body, name=name, sizes=sizes, props=props)
        told = [*noted, *_told(call, definition)]
        if body.definitions_only:
            only = call.rc(Severity.INFO, INFO_DEFINITIONS_ONLY, "Only the definitions were created.",
                           cause="The call asked for that.", refs={"RscDfn": name, "RscGrp": group.name})
            return Change(puts=(definition,), answers=(*told, only))
        choice = select_filter.merged(body.select_filter, group.select_filter)
        stack = autoplace.stack_of(cluster, definition, None, body.select_filter)
        count = select_filter.missing_replicas(choice, 0)
        pools = autoplace.chosen_pools(cluster, definition, choice, count, stack)
    done = call.rc(Severity.SUCCESS, CREATED, f"'{name}' spawned from the resource group '{group.name}'.",
                   refs={"RscDfn": name, "RscGrp": group.name})
    return autoplace.placed_on(cluster, context, call, definition, stack=stack, pools=pools, answers=(*told, done))


def _sizes(group: ResourceGroup, body: ResourceGroupSpawn) -> list[tuple[int, int]]:
    """(index of the volume group, size in KiB) of every volume. Raises InvalidInput (228)."""
    sizes, templates = body.volume_sizes or (), group.volume_groups
    if len(sizes) != len(templates) and not (body.partial and len(sizes) < len(templates)):
        raise InvalidInput(f"The group '{group.name}' has {len(templates)} volume group(s), but {len(sizes)} volume "
                           "size(s) were given.", Code.INVLD_VLM_SIZES,
                           details="Volume groups: " + (", ".join(str(each.number) for each in templates) or "none"),
                           correction="Give one size for each volume group, or fewer of them with `partial`.")
    for size_kib in sizes:
        check_size(size_kib)
    return list(enumerate(sizes))


def _definition(cluster: Cluster, context: Context, group: ResourceGroup, body: ResourceGroupSpawn, *, name: str,
                sizes: list[tuple[int, int]], props: dict[str, str]) -> ResourceDefinition:
    asked = body.select_filter.layer_stack if body.select_filter is not None else None
    stack = checked_stack(asked or group.select_filter.layer_stack or ())
    slots = body.peer_slots or group.peer_slots or DrbdDefinition("").peer_slots
    definition = ResourceDefinition(
        context.new_uuid(), name, group.name, external_name=body.resource_definition_external_name or "",
        layer_stack=stack, props=props,
        drbd=DrbdDefinition(context.new_secret(), peer_slots=slots) if DRBD in stack else None)
    minors: list[int] = []
    for index, size_kib in sizes:
        template = group.volume_groups[index]
        if DRBD in stack:
            minors.append(number_pools.take_minor(cluster, None, minors))
        definition = documents.with_volume(definition, VolumeDefinition(
            context.new_uuid(), template.number, size_kib,
            props={documents.GENERATION_PROP: documents.new_generation(context)}, flags=template.flags,
            minor_number=minors[-1] if minors else None))
    return definition


def _told(call: Call[Any], definition: ResourceDefinition) -> list[ApiCallRc]:
    refs = {"RscDfn": definition.name, "RscGrp": definition.resource_group_name}
    entries = [call.rc(Severity.SUCCESS, CREATED, f"New volume definition {volume.number} created.",
                       mask=Operation.CREATE | Subject.VLM_DFN, refs={**refs, "VlmNr": str(volume.number)})
               for volume in definition.volume_definitions]
    created = resource_definitions.created_entry(call, definition)
    return [*entries, structs.replace(created, obj_refs={**created.obj_refs, **refs})]


def adjust_one(cluster: Cluster, context: Context, call: Call[SelectFilterBody]) -> Change:
    """Add the replicas that the group's place count asks for and that are missing."""
    name = call.path["group"]
    if key_of(name) != key_of(DEFAULT_GROUP):  # deleted, it still counts as there: it comes back when it is needed
        with lookups.about(RscGrp=name):
            lookups.group(cluster, name)
    return _adjusted(cluster, context, call, {key_of(name)})


def adjust_all(cluster: Cluster, context: Context, call: Call[SelectFilterBody]) -> Change:
    return _adjusted(cluster, context, call, set(cluster.resource_groups))


def _adjusted(cluster: Cluster, context: Context, call: Call[SelectFilterBody], groups: set[str]) -> Change:
    """Definitions without any replica are left alone: they were only defined so far.

    One that can't be completed costs a warning; the others are completed all the same.
    """
    changes: list[Change] = []
    refusals: list[ApiCallRc] = []
    for key, definition in sorted(cluster.resource_definitions.items()):
        if key_of(definition.resource_group_name) not in groups or not cluster.nodes_of.get(key):
            continue
        try:
            change = _completed(cluster, context, call, definition)
        except LinstorError as fault:
            refusals.append(call.rc(Severity.WARN, fault.code, f"'{definition.name}': {fault.message}",
                                    cause=fault.cause, details=fault.details, correction=fault.correction,
                                    refs={"RscDfn": definition.name, "RscGrp": definition.resource_group_name}))
            continue
        if change is not None:
            cluster = cluster.with_documents(change.puts, change.deletes)
            changes.append(change)
    change = progress.together(changes)
    return structs.replace(change, answers=(*change.answers, *refusals))


def _completed(cluster: Cluster, context: Context, call: Call[SelectFilterBody],
               definition: ResourceDefinition) -> Change | None:
    choice = autoplace.effective_filter(cluster, definition, call.body.select_filter)
    count = select_filter.missing_replicas(structs.replace(choice, additional_place_count=None),
                                           len(cluster.nodes_of.get(key_of(definition.name), ())))
    if not count or "DELETE" in definition.flags:
        return None
    stack = autoplace.stack_of(cluster, definition, None, call.body.select_filter)
    pools = autoplace.chosen_pools(cluster, definition, choice, count, stack)
    return autoplace.placed_on(cluster, context, call, definition, stack=stack, pools=pools, answers=())


ROUTES = (
    Route("POST", f"{ONE}/spawn", "Create a resource from the group and place it", write=spawn,
          body=ResourceGroupSpawn, mask=Operation.CREATE | Subject.RSC_GRP, success=201),
    Route("POST", f"{ONE}/adjust", "Add missing replicas to what was spawned from the group", write=adjust_one,
          body=SelectFilterBody, mask=Operation.CREATE | Subject.RSC_GRP, lenient=True),
    Route("POST", "/v1/resource-groups/adjustall", "Add missing replicas to what was spawned from all groups",
          write=adjust_all, body=SelectFilterBody, mask=Operation.CREATE | Subject.RSC_GRP, lenient=True),
)
