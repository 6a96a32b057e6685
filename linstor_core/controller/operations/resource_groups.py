"""Creating, changing and deleting resource groups. Spawning from them is in `spawn`."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import layers, names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_groups import DEFAULT_PLACE_COUNT, AutoSelectFilter, ResourceGroup
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.rest_bodies import ResourceGroupCreate, ResourceGroupModify

WARN_NOT_FOUND = 3000


def create(cluster: Cluster, context: Context, call: Call[ResourceGroupCreate]) -> Change:
    body, refs = call.body, {"RscGrp": call.body.name}
    with lookups.about(**refs):
        _check_name(cluster, body.name)
        asked = merged_filter(AutoSelectFilter(place_count=DEFAULT_PLACE_COUNT), body.select_filter)
        props, _ = properties.initial(ObjectKind.RESOURCE_GROUP, Subject.RSC_DFN, body.props, refs)
    group = ResourceGroup(context.new_uuid(), body.name, body.description, asked, props=props,
                          peer_slots=body.peer_slots)
    warnings = _unknown_pools(cluster, body.select_filter, asked, 0, None)
    return Change((group,), answers=(*warnings, call.rc(
        Severity.SUCCESS, CREATED, f"Resource group '{group.name}' is created.", details=f"UUID {group.uuid}.",
        refs={**refs, "UUID": group.uuid})))


def _check_name(cluster: Cluster, name: str) -> None:
    names.resource_group_name(name)
    if cluster.group(name) is not None:
        raise AlreadyExists(f"There is a resource group '{name}' already.", Code.EXISTS_RSC_GRP,
                            cause="Names of resource groups are compared without regard to case.",
                            correction="Use another name, or change the group that is there.")


def merged_filter(current: AutoSelectFilter, given: AutoSelectFilter | None) -> AutoSelectFilter:
    """`current` with what `given` says; an empty list or text takes a rule away.

    Raises InvalidInput (219 for a count, 224 or 225 for layers and kinds of storage).
    """
    if given is None:
        return current
    said = {name: value for name, value in structs.asdict(given).items() if value is not None}
    for name in ("place_count", "additional_place_count"):
        if said.get(name, 0) < 0:
            raise InvalidInput(f"{name} can't be {said[name]}.", Code.INVLD_PLACE_COUNT,
                               cause="A number of replicas is 0 or more.")
    if "storage_pool" in said:
        said.setdefault("storage_pool_list", (said["storage_pool"],) if said["storage_pool"] else ())
    said["storage_pool"] = None
    if "layer_stack" in said:
        said["layer_stack"] = _checked_layers(said["layer_stack"])
    if "provider_list" in said:
        said["provider_list"] = tuple(map(_checked_provider, said["provider_list"]))
    emptied = {name: None for name, value in said.items() if value in ((), "", {})}
    return structs.replace(current, **{**said, **emptied})


def _checked_layers(stack: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return layers.checked_stack(stack)
    except LinstorError as fault:
        fault.bare = True
        raise


def _checked_provider(text: str) -> str:
    try:
        return ProviderKind(text.upper())
    except ValueError:
        raise InvalidInput(f"'{text}' is no kind of storage.", Code.INVLD_LAYER_KIND, bare=True,
                           correction=f"One of {', '.join(ProviderKind)}.") from None


def _unknown_pools(cluster: Cluster, given: AutoSelectFilter | None, result: AutoSelectFilter, mask: int,
                   refs: dict[str, str] | None) -> tuple[ApiCallRc, ...]:
    if given is None:
        return ()
    missing = [name for name in result.storage_pool_list or ()
               if not any(key[1] == key_of(name) for key in cluster.storage_pools)]
    return tuple(entry(Severity.WARN, WARN_NOT_FOUND, mask, f"There is no storage pool '{name}' on any node yet.",
                       correction="Check the name, or register such pools before resources are placed.",
                       obj_refs=refs) for name in missing)


def modify(cluster: Cluster, _: Context, call: Call[ResourceGroupModify]) -> Change:
    name, body = call.path["group"], call.body
    refs = {"RscGrp": name}
    with lookups.about(**refs):
        group = lookups.group(cluster, name)
        asked = merged_filter(group.select_filter, body.select_filter)
        props, entries = properties.changed(ObjectKind.RESOURCE_GROUP, Subject.RSC_DFN, group.props, body, refs)
    changed = structs.replace(
        group, select_filter=asked, props=props,
        description=group.description if body.description is None else body.description,
        peer_slots=group.peer_slots if body.peer_slots is None else body.peer_slots)
    entries += _unknown_pools(cluster, body.select_filter, asked, call.mask, refs)
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"Resource group '{group.name}' is changed.",
                           details=f"UUID {group.uuid}. Resources that were spawned before stay where they are.",
                           refs={**refs, "UUID": group.uuid}))
    return Change((changed,), answers=tuple(entries))


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    name = call.path["group"]
    refs = {"RscGrp": name}
    group = cluster.group(name)
    if group is None:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no resource group '{name}'.",
                                       details="Nothing was changed.", refs=refs),))
    used = members_of(cluster, group)
    if used:
        raise Conflict(f"The resource group '{group.name}' is in use.", Code.EXISTS_RSC_DFN, refs=refs,
                       details=f"Resource definitions of the group: {', '.join(used)}.",
                       correction="Delete them, or put them into another group, first.")
    return Change(deletes=((ResourceGroup, key_of(name)),), answers=(call.rc(
        Severity.SUCCESS, DELETED, f"Resource group '{group.name}' is deleted.", details=f"UUID {group.uuid}.",
        refs={**refs, "UUID": group.uuid}),))


def members_of(cluster: Cluster, group: ResourceGroup) -> list[str]:
    """The names of the definitions that belong to a group."""
    key = key_of(group.name)
    return sorted(definition.name for definition in cluster.resource_definitions.values()
                  if key_of(definition.resource_group_name) == key)


_MASK = Operation.CREATE | Subject.RSC_GRP

ROUTES = (
    Route("POST", "/v1/resource-groups", "Create a resource group", write=create, body=ResourceGroupCreate,
          mask=_MASK, success=201),
    Route("PUT", "/v1/resource-groups/<group>", "Change a resource group", write=modify, body=ResourceGroupModify,
          mask=_MASK),
    Route("DELETE", "/v1/resource-groups/<group>", "Delete a resource group that has no definitions", write=delete,
          mask=_MASK),
)
