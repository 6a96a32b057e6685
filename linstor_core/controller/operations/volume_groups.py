"""The volumes that a resource group's template has."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_groups import ResourceGroup, VolumeGroup
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import FlagsModify, VolumeGroupCreate

MAX_VOLUME_NUMBER = 65534


def create(cluster: Cluster, context: Context, call: Call[VolumeGroupCreate]) -> Change:
    name = call.path["group"]
    with lookups.about(VlmGrp=name):
        group = lookups.group(cluster, name)
    taken = {part.number for part in group.volume_groups}
    number = call.body.volume_number
    if number is None:
        number = next(candidate for candidate in range(len(taken) + 1) if candidate not in taken)
    if not 0 <= number <= MAX_VOLUME_NUMBER:
        raise InvalidInput(f"{number} is no volume number.", Code.INVLD_VLM_NR, refs={"VlmGrp": name},
                           cause=f"Volume numbers go from 0 to {MAX_VOLUME_NUMBER}.")
    refs = {"RscGrp": name, "VlmGrp": name, "VlmNr": str(number)}
    if number in taken:
        return Change(answers=(call.rc(
            Severity.ERROR, Code.EXISTS_VLM_GRP, f"'{name}' has a volume group {number} already.",
            mask=Operation.CREATE | Subject.VLM_DFN, cause="The number is taken.",
            correction="Leave the number out to get a free one.", refs=refs),))
    props, entries = properties.initial(ObjectKind.VOLUME_GROUP, Subject.VLM_DFN, call.body.props)
    part = VolumeGroup(context.new_uuid(), number, props, call.body.flags)
    entries.append(call.rc(Severity.SUCCESS, CREATED, f"Volume group {number} of '{name}' is created.", refs=refs))
    return Change((_with_part(group, number, part),), answers=tuple(entries))


def _with_part(group: ResourceGroup, number: int, part: VolumeGroup | None) -> ResourceGroup:
    others = [other for other in group.volume_groups if other.number != number]
    parts = sorted([*others, part] if part is not None else others, key=lambda other: other.number)
    return structs.replace(group, volume_groups=tuple(parts))


def _found(cluster: Cluster, call: Call[Any]) -> tuple[ResourceGroup, VolumeGroup]:
    """Raises NotFound (317, 318)."""
    group = lookups.group(cluster, call.path["group"])
    return group, lookups.volume_group(group, call.path["number"])


def modify(cluster: Cluster, _: Context, call: Call[FlagsModify]) -> Change:
    name, number = call.path["group"], call.path["number"]
    refs = {"RscGrp": name, "VlmGrp": name, "VlmNr": number}
    with lookups.about(**refs):
        group, part = _found(cluster, call)
        props, entries = properties.changed(ObjectKind.VOLUME_GROUP, Subject.VLM_DFN, part.props, call.body,
                                            {"RscGrp": name, "VlmNr": number})
    changed = structs.replace(part, props=props, flags=with_flags(part.flags, call.body.flags or ()))
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"Volume group {number} of '{name}' is changed.",
                           details=f"UUID {part.uuid}.", refs={**refs, "UUID": part.uuid}))
    return Change((_with_part(group, part.number, changed),), answers=tuple(entries))


def with_flags(current: tuple[str, ...], changes: tuple[str, ...]) -> tuple[str, ...]:
    """Flags after `changes`, where a leading '-' takes one off."""
    gone = {flag[1:] for flag in changes if flag.startswith("-")}
    added = [flag for flag in changes if not flag.startswith("-") and flag not in current]
    return tuple(flag for flag in (*current, *added) if flag not in gone)


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    refs = {"VlmGrp": call.path["group"]}
    with lookups.about(**refs):
        group, part = _found(cluster, call)
    return Change((_with_part(group, part.number, None),), answers=(call.rc(
        Severity.SUCCESS, DELETED, f"Volume group {part.number} of '{group.name}' is deleted.",
        details=f"UUID {part.uuid}.", refs={**refs, "UUID": part.uuid}),))


_MASK = Operation.CREATE | Subject.VLM_GRP

ROUTES = (
    Route("POST", "/v1/resource-groups/<group>/volume-groups", "Add a volume to a group's template", write=create,
          body=VolumeGroupCreate, mask=_MASK, success=201),
    Route("PUT", "/v1/resource-groups/<group>/volume-groups/<number>", "Change a volume of a group's template",
          write=modify, body=FlagsModify, mask=_MASK),
    Route("DELETE", "/v1/resource-groups/<group>/volume-groups/<number>", "Remove a volume of a group's template",
          write=delete, mask=_MASK),
)
