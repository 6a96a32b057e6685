"""Create, modify, resize and delete volume definitions, and the volumes that follow from them on every node."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import dependents, progress, tombstones
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.placement import capacity, number_pools
from linstor_core.controller.placement.pool_choice import pool_for
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, Document
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput
from linstor_core.domain.layers import DRBD
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource
from linstor_core.domain.tombstones import Tombstone
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import PassphraseCreate, VolumeDefinitionCreate, VolumeDefinitionModify

PATH = "/v1/resource-definitions/<resource>/volume-definitions"
ONE = f"{PATH}/<number>"
WARN_NOT_FOUND = 3000
WARN_SAME_SIZE = 1023
RESIZE = "RESIZE"
_FLAGS = frozenset({"GROSS_SIZE", "ENCRYPTED"})
"""What a caller may set; the others tell of work that goes on."""


def create(cluster: Cluster, context: Context, call: Call[VolumeDefinitionCreate]) -> Change:
    name, body = call.path["resource"], call.body.volume_definition
    with lookups.about(RscDfn=name):
        definition = lookups.definition(cluster, name)
        number = number_pools.volume_number(body.volume_number, {v.number for v in definition.volume_definitions})
    refs = {"RscDfn": name, "VlmNr": str(number)}
    with lookups.about(**refs):
        if definition.volume_definition(number) is not None:
            raise AlreadyExists(f"'{name}' has a volume definition {number} already.", Code.EXISTS_VLM_DFN,
                                cause="The number is taken.", details=f"Resource definition: {name}")
        check_size(body.size_kib or 0)
        dependents.check_not_moving(cluster, name)
        props, told = properties.initial(ObjectKind.VOLUME_DEFINITION, Subject.VLM_DFN, body.props, {"RscDfn": name})
        has_minor = DRBD in definition.layer_stack
        minor = number_pools.take_minor(cluster, call.body.drbd_minor_number) if has_minor else None
        volume = VolumeDefinition(
            context.new_uuid(), number, body.size_kib or 0,
            props={documents.GENERATION_PROP: documents.new_generation(context), **props},
            flags=tuple(flag for flag in body.flags if flag in _FLAGS), minor_number=minor)
        resources = _with_room(cluster, definition, cluster.resources_of(name), volume)
    done = call.rc(Severity.SUCCESS, CREATED, f"New volume definition {number} of '{name}' created.", refs=refs)
    if not resources:
        return Change(puts=(documents.with_volume(definition, volume),), answers=(*told, done))
    return _place(cluster, context, call, definition, volume, answers=(*told, done))


def check_size(size_kib: int) -> None:
    """Raises InvalidInput (206)."""
    if size_kib <= 0:
        raise InvalidInput(f"A volume can't have a size of {size_kib} KiB.", Code.INVLD_VLM_SIZE,
                           cause="A size is a positive number of KiB.", details=f"The size was {size_kib} KiB.")


def _with_room(cluster: Cluster, definition: ResourceDefinition, resources: tuple[Resource, ...],
               volume: VolumeDefinition) -> tuple[Resource, ...]:
    """The resources, unless one of their pools has no room for another volume. Raises Conflict (980)."""
    for resource in resources:
        pool = pool_for(cluster, definition, volume, resource.props, resource.node_name)
        check_room(cluster, pool.node_name, pool.name, volume.size_kib)
    return resources


def check_room(cluster: Cluster, node_name: str, pool_name: str, needed_kib: int) -> None:
    """Raises Conflict (980) where less than this may still be promised. A pool nobody has measured is let pass."""
    pool = cluster.pool(node_name, pool_name)
    usable_kib = capacity.usable_kib(cluster, pool) if pool is not None else None
    if usable_kib is not None and usable_kib < needed_kib:
        raise Conflict(f"The storage pool '{pool_name}' on node '{node_name}' has not enough room.",
                       Code.NOT_ENOUGH_FREE_SPACE,
                       cause=f"{needed_kib} KiB are needed, {usable_kib} KiB may still be promised.",
                       correction="Free space in the pool, enlarge it, or choose another one.",
                       refs={"Node": node_name, "StorPool": pool_name})


def _place(cluster: Cluster, context: Context, call: Call[Any], definition: ResourceDefinition,
           volume: VolumeDefinition, *, answers: tuple[ApiCallRc, ...]) -> Change:
    volume = structs.replace(volume, props={documents.GRANULARITY_PROP: "1", **volume.props})
    puts: list[ResourceDefinition | Resource] = [documents.with_volume(definition, volume)]
    steps: list[progress.OnNode] = []
    name, refs = definition.name, {"RscDfn": definition.name, "VlmNr": str(volume.number)}
    resources = [resource for resource in cluster.resources_of(name) if not resource.is_deleting]
    for resource in resources:
        pool = pool_for(cluster, definition, volume, resource.props, resource.node_name)
        added = documents.new_volume(cluster, context, name, volume.number, pool)
        puts.append(structs.replace(resource, volumes=(*resource.volumes, added)))
        steps += progress.on(
            resource.node_name,
            _step(call, CREATED, f"Volume {volume.number} created on '{resource.node_name}'.", refs),
            *(_step(call, MODIFIED, f"Volume {other.number} adjusted on '{resource.node_name}'.",
                    {"RscDfn": name, "VlmNr": str(other.number)}) for other in resource.volumes[:1]),
            call.rc(Severity.SUCCESS, MODIFIED, f"'{name}' is ready on '{resource.node_name}'.",
                    refs={"RscDfn": name}))
    places = [(name, resource.node_name) for resource in resources]
    return Change(puts=tuple(puts), answers=answers, outcome=progress.when_settled(call, places, steps),
                  watch=progress.watched(places))


def _step(call: Call[Any], code: int, message: str, refs: dict[str, str]) -> ApiCallRc:
    operation = call.mask & Operation.DELETE
    return call.rc(Severity.SUCCESS, code, message, mask=operation | Subject.VLM, refs=refs)


def modify(cluster: Cluster, _: Context, call: Call[VolumeDefinitionModify]) -> Change:
    name, body = call.path["resource"], call.body
    number = lookups.volume_number(call.path["number"])
    refs = {"RscDfn": name, "VlmNr": str(number)}
    with lookups.about(**refs):
        definition = lookups.definition(cluster, name)
        volume = lookups.volume_definition(definition, number)
        props, told = properties.changed(ObjectKind.VOLUME_DEFINITION, Subject.VLM_DFN, volume.props, body, refs)
        changed = structs.replace(volume, props=props, flags=_new_flags(volume.flags, body.flags or ()))
        resources = [resource for resource in cluster.resources_of(name) if not resource.is_deleting]
        if body.size_kib is not None:
            changed = _resized(cluster, changed, resources, body.size_kib)
    done = call.rc(Severity.SUCCESS, MODIFIED, f"Volume definition {number} of '{name}' modified.",
                   details=f"UUID: {volume.uuid}", refs={"UUID": volume.uuid, **refs})
    if body.size_kib == volume.size_kib:
        told.append(call.rc(Severity.WARN, WARN_SAME_SIZE, f"Volume {number} has this size already.", refs=refs))
    put = documents.with_volume(definition, changed)
    if changed.size_kib == volume.size_kib:
        return Change(puts=(put,), answers=(*told, done))
    places = [(definition.name, resource.node_name) for resource in resources]
    steps = [step for resource in resources for step in progress.on(
        resource.node_name, _step(call, MODIFIED, f"Volume {number} resized on '{resource.node_name}'.", refs),
        call.rc(Severity.SUCCESS, MODIFIED, f"'{name}' is ready on '{resource.node_name}'.", refs=refs))]
    return Change(puts=(put,), answers=(*told, done), outcome=progress.when_settled(call, places, steps),
                  watch=progress.watched(places))


def _new_flags(flags: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    for flag in asked:
        name = flag.removeprefix("-")
        if name not in _FLAGS:
            raise InvalidInput(f"The flag '{name}' can't be set.", Code.INVLD_PROP,
                               cause="Callers may set " + " and ".join(sorted(_FLAGS)) + ".")
        flags = dependents.without_flag(flags, name) if flag != name else dependents.with_flag(flags, name)
    return flags


def _resized(cluster: Cluster, volume: VolumeDefinition, resources: list[Resource], size_kib: int) -> VolumeDefinition:
    check_size(size_kib)
    if not resources:
        return structs.replace(volume, size_kib=size_kib)
    dependents.check_not_moving(cluster, resources[0].name)
    if size_kib < volume.size_kib:
        raise InvalidInput(f"Volume {volume.number} can't be made smaller.", Code.INVLD_VLM_SIZE,
                           cause=f"It has {volume.size_kib} KiB on {len(resources)} node(s); shrinking to "
                                 f"{size_kib} KiB would cut off data.",
                           details=f"Size now: {volume.size_kib} KiB. Size asked for: {size_kib} KiB.",
                           correction="Create a smaller volume and copy the data.")
    if size_kib == volume.size_kib:
        return volume
    for resource in resources:
        placed = resource.volume(volume.number)
        if placed is None:
            continue
        if placed.is_copying:
            raise Conflict(f"Volume {volume.number} is still being copied.", Code.BUSY,
                           cause=f"Node '{resource.node_name}' has not confirmed its content yet.",
                           correction="Try again when it is complete.")
        check_room(cluster, resource.node_name, placed.storage_pool, size_kib - volume.size_kib)
    return structs.replace(volume, size_kib=size_kib, flags=dependents.with_flag(volume.flags, RESIZE))


def delete(cluster: Cluster, context: Context, call: Call[Any]) -> Change:
    name, number = call.path["resource"], lookups.volume_number(call.path["number"])
    refs = {"RscDfn": name, "VlmNr": str(number)}
    definition = cluster.definition(name)
    volume = definition.volume_definition(number) if definition is not None else None
    if definition is None or volume is None:
        return Change(answers=(call.rc(
            Severity.WARN, WARN_NOT_FOUND, f"The volume definition {number} of '{name}' does not exist.",
            details="There was nothing to delete.", refs=refs),))
    everywhere = [resource for resource in cluster.resources_of(name) if resource.volume(number) is not None]
    holders = [resource for resource in everywhere if tombstones.is_expected(cluster, resource.node_name)]
    gone = call.rc(Severity.SUCCESS, DELETED, f"Volume definition {number} of '{name}' deleted.",
                   details=f"UUID: {volume.uuid}", refs=refs)
    with lookups.about(**refs):
        for resource in everywhere:
            _check_volume_deletable(cluster, resource, number)
    buried, left = _buried(cluster, context, call, [each for each in everywhere if each not in holders], number)
    if not holders:
        rest = tuple(other for other in definition.volume_definitions if other.number != number)
        return Change((structs.replace(definition, volume_definitions=rest), *buried), answers=(gone, *left))
    marked = structs.replace(volume, flags=dependents.with_flag(volume.flags, "DELETE"))
    steps = [step for resource in holders for step in (
        _step(call, MODIFIED, f"Volume {number} closed on '{resource.node_name}'.", refs),
        _step(call, DELETED, f"Volume {number} deleted on '{resource.node_name}'.", refs),
        call.rc(Severity.SUCCESS, MODIFIED, f"'{name}' is ready on '{resource.node_name}'.", refs=refs))]
    places = [(definition.name, resource.node_name) for resource in holders]
    return Change(
        puts=(documents.with_volume(definition, marked), *buried, *(_marked(resource, number) for resource in holders)),
        answers=(call.rc(Severity.SUCCESS, DELETED, f"Volume definition {number} is marked for deletion.",
                         details=f"UUID: {volume.uuid}", refs=refs), *left),
        outcome=progress.when_gone(call, places, lambda later: _is_gone(later, name, volume), (*steps, gone),
                                   lambda later: _is_kept(later, name, number),
                                   uuids=[each.uuid for resource in holders for each in resource.volumes
                                          if each.number == number]),
        watch=progress.watched(places))


def _buried(cluster: Cluster, context: Context, call: Call[Any], away: list[Resource],
            number: int) -> tuple[list[Document], list[ApiCallRc]]:
    """What becomes of a volume on nodes that are not there, and what is told of it."""
    puts = [put for resource in away
            for put in tombstones.without_volumes(cluster, resource, (number,), context.now_ms())]
    return puts, tombstones.entries(call, cluster, (put for put in puts if isinstance(put, Tombstone)))


def _check_volume_deletable(cluster: Cluster, resource: Resource, number: int) -> None:
    dependents.check_not_moving(cluster, resource.name)
    dependents.check_not_a_source(cluster, resource, number)
    seen = cluster.seen(resource.name, resource.node_name) if cluster.is_online(resource.node_name) else None
    found = seen.volume(number) if seen is not None else None
    if found is not None and found.in_use:
        dependents.check_not_in_use(cluster, resource)


def _is_gone(cluster: Cluster, name: str, volume: VolumeDefinition) -> bool:
    definition = cluster.definition(name)
    return definition is None or all(other.uuid != volume.uuid for other in definition.volume_definitions)


def _is_kept(cluster: Cluster, name: str, number: int) -> bool:
    definition = cluster.definition(name)
    volume = definition.volume_definition(number) if definition is not None else None
    return volume is not None and "DELETE" not in volume.flags


def _marked(resource: Resource, number: int) -> Resource:
    volumes = tuple(structs.replace(volume, flags=dependents.with_flag(volume.flags, "DELETE"))
                    if volume.number == number else volume for volume in resource.volumes)
    return structs.replace(resource, volumes=volumes)


def change_passphrase(cluster: Cluster, _: Context, call: Call[PassphraseCreate]) -> Change:
    """Refused: no satellite offers the layer that would be encrypted with it."""
    name, number = call.path["resource"], lookups.volume_number(call.path["number"])
    with lookups.about(RscDfn=name, VlmNr=str(number)):
        lookups.volume_definition(lookups.definition(cluster, name), number)
        raise InvalidInput(f"Volume {number} of '{name}' is not encrypted.", Code.INVLD_LAYER_STACK,
                           cause="Its layers do not include LUKS.")


ROUTES = (
    Route("POST", PATH, "Create a volume definition; placed resources get the volume at once", write=create,
          body=VolumeDefinitionCreate, mask=Operation.CREATE | Subject.VLM_DFN),
    Route("PUT", ONE, "Modify or enlarge a volume definition", write=modify, body=VolumeDefinitionModify,
          mask=Operation.MODIFY | Subject.VLM_DFN),
    Route("PUT", f"{ONE}/encryption-passphrase", "Change the passphrase of an encrypted volume",
          write=change_passphrase, body=PassphraseCreate, mask=Operation.MODIFY | Subject.VLM_DFN),
    Route("DELETE", ONE, "Delete a volume definition and its volumes on every node", write=delete,
          mask=Operation.DELETE | Subject.VLM_DFN),
)
