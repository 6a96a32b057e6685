"""linstor resource-group …"""

from __future__ import annotations

from linstor_core.cli.arguments import (
    GROUP,
    PASTABLE,
    PROPS,
    SHOW_PROPS,
    SIZE_HELP,
    group_by,
    placement,
    property_commands,
    select_filter,
    size_kib,
)
from linstor_core.cli.call import Call
from linstor_core.cli.drbd_options import options_command
from linstor_core.cli.explanation import show_explanation
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.domain.sizes import format_kib
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_v1 import MaxVolumeSizes, ResourceGroup

_DESCRIPTION = Arg("--description", "a text for people", aliases=("-d",))
_PEER_SLOTS = Arg("--peer-slots", "DRBD peers that metadata has room for (1 to 31)", kind=int)
_LABELS = (
    ("PlaceCount", "place_count"), ("StoragePool(s)", "storage_pool_list"),
    ("DisklessOnRemaining", "diskless_on_remaining"), ("NotPlaceWithRsc", "not_place_with_rsc"),
    ("NotPlaceWithRscRegex", "not_place_with_rsc_regex"), ("ReplicasOnSame", "replicas_on_same"),
    ("ReplicasOnDifferent", "replicas_on_different"), ("XReplicasOnDifferent", "x_replicas_on_different_map"),
    ("LayerStack", "layer_stack"), ("ProviderList", "provider_list"),
)


def create(call: Call) -> None:
    args = call.args
    call.show(call.client.create_resource_group(bodies.ResourceGroupCreate(
        name=args.name, description=args.description or "", peer_slots=args.peer_slots,
        select_filter=select_filter(args))))


def modify(call: Call) -> None:
    args = call.args
    call.show(call.client.modify_resource_group(args.name, bodies.ResourceGroupModify(
        description=args.description, peer_slots=args.peer_slots, select_filter=select_filter(args))))


def change_props(call: Call, change: bodies.PropsModify) -> list[ApiCallRc]:
    return call.client.modify_resource_group(call.args.name, bodies.ResourceGroupModify(
        override_props=change.override_props, delete_props=change.delete_props))


def list_groups(call: Call) -> None:
    args = call.args
    groups = call.client.resource_groups(args.resource_groups or (), args.props or ())
    columns = [Column("ResourceGroup"), Column("SelectFilter"), Column("VlmNrs"), Column("Description")]
    if not call.shown_as_json():
        call.table(columns, [_row(call, group) for group in groups])


def _row(call: Call, group: ResourceGroup) -> list[str]:
    numbers = ",".join(str(volume.volume_number) for volume in call.client.volume_groups(group.name))
    return [group.name, _rules(group.select_filter or AutoSelectFilter()), numbers, group.description,
            *call.extra_cells(group.props)]


def _rules(rules: AutoSelectFilter) -> str:
    found = [(label, getattr(rules, name)) for label, name in _LABELS]
    return "\n".join(f"{label}: {', '.join(value) if label == 'StoragePool(s)' else _shown(value)}"
                     for label, value in found if value not in (None, (), {}, ""))


def _shown(value: object) -> str:
    return str(list(value) if isinstance(value, tuple) else value)


def spawn(call: Call) -> None:
    args = call.args
    call.show(call.client.spawn(args.resource_group_name, bodies.ResourceGroupSpawn(
        resource_definition_name="" if args.external_name else args.resource_definition_name,
        resource_definition_external_name=args.external_name, volume_sizes=tuple(args.volume_sizes),
        volume_passphrases=tuple(args.volume_passphrase) if args.volume_passphrase else None,
        partial=args.partial or None, definitions_only=args.definition_only or None, peer_slots=args.peer_slots,
        select_filter=select_filter(args))))


def max_volume_size(call: Call) -> None:
    show_max_volume_sizes(call, call.client.max_volume_sizes(call.args.resource_group_name))


def show_max_volume_sizes(call: Call, found: MaxVolumeSizes) -> None:
    call.table([Column("StoragePool"), Column("MaxVolumeSize", right=True), Column("Provisioning"), Column("Nodes")],
               ([candidate.storage_pool, format_kib(candidate.max_volume_size_kib or 0),
                 "Thin" if candidate.all_thin else "Thick", "\n".join(candidate.node_names)]
                for candidate in found.candidates))


def size_info(call: Call) -> None:
    found = call.client.size_info(call.args.resource_group_name, select_filter(call.args))
    space = found.space_info
    rows = [] if space is None else [[
        format_kib(space.max_vlm_size_in_kib), format_kib(space.available_size_in_kib or 0),
        format_kib(space.capacity_in_kib or 0),
        "\n".join(f"{place.stor_pool_name} on {place.node_name}" for place in space.next_spawn_result)]]
    call.table([Column("MaxVolumeSize", right=True), Column("AvailableSize", right=True),
                Column("Capacity", right=True), Column("Next Spawn Result")], rows, bare_json=True)
    call.remark(found.reports)


def adjust(call: Call) -> None:
    name = call.args.resource_group_name
    call.show(call.client.adjust(name) if name else call.client.adjust_all())


_OF_GROUP = Arg("resource_group_name", "name of the resource group", completes="groups")
_SPAWN = (
    Arg("--partial", "allow more or fewer sizes than the group has volumes", "flag", ("-p",)),
    Arg("--definition-only", "place nothing", "flag", ("-d",)),
    Arg("--volume-passphrase", "a passphrase for each encrypted volume", "*"),
    Arg("--external-name", "any name; a legal one is made from it"), _PEER_SLOTS,
    *placement(providers=("--prov",)), _OF_GROUP, Arg("resource_definition_name", "name of the new resource"),
    Arg("volume_sizes", SIZE_HELP, "*", kind=size_kib),
)

NOUN = Noun("resource-group", ("rg",), "Templates from which resources are spawned.", (
    Command("create", ("c",), "Make a group.", (_DESCRIPTION, _PEER_SLOTS, *placement(), GROUP), create),
    Command("modify", ("m",), "Change a group's rules for what is spawned next.",
            (_DESCRIPTION, _PEER_SLOTS, *placement(), GROUP), modify),
    Command("delete", ("d",), "Remove a group that nothing belongs to.", (GROUP,),
            lambda call: call.show(call.client.delete_resource_group(call.args.name))),
    Command("list", ("l",), "Show the groups.",
            (PASTABLE, group_by("resourcegroup", "selectfilter", "vlmnrs", "description"),
             Arg("--resource-groups", "only these groups", "+", ("-r",), completes="groups"), PROPS, SHOW_PROPS),
            list_groups, reads=True),
    Command("spawn-resources", ("spawn",), "Make a resource with volumes of these sizes and place it.", _SPAWN, spawn),
    Command("query-max-volume-size", ("qmvs",), "Show how large a volume could be.", (PASTABLE, _OF_GROUP),
            max_volume_size, reads=True),
    Command("query-size-info", ("qsi",), "Show how much space is left.",
            (PASTABLE, *placement(providers=("--prov",)), _OF_GROUP), size_info, reads=True),
    Command("adjust", ("adj",), "Bring what was spawned to what the group says now.",
            (PASTABLE, _OF_GROUP._replace(nargs="?")), adjust),
    Command("explain", ("ex",), "Show which pools a spawn would take, and why.",
            (PASTABLE, Arg("--size", "of what would be spawned: " + SIZE_HELP, kind=size_kib),
             Arg("--place-count", "as if so many replicas were wanted", kind=int), _OF_GROUP),
            lambda call: show_explanation(call, call.client.explain_group(
                call.args.resource_group_name, call.args.size, call.args.place_count)), reads=True),
    options_command(ObjectKind.RESOURCE_GROUP, (GROUP,), change_props),
    *property_commands((GROUP,), lambda call: call.client.resource_group(call.args.name).props,
                       change_props),
))
