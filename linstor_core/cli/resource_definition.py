"""linstor resource-definition …"""

from __future__ import annotations

import time
from collections.abc import Callable

from linstor_core.cli import exit_codes
from linstor_core.cli.arguments import (
    ASYNC,
    FORCED,
    LAYER_LIST,
    PASTABLE,
    PROPS,
    RESOURCE,
    SHOW_PROPS,
    group_by,
    placement,
    port,
    property_commands,
    select_filter,
)
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.drbd_options import options_command
from linstor_core.cli.explanation import show_explanation
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_v1 import ResourceDefinition, ResourceDefinitionLayer

POLL_S = 0.5
_NAME = Arg("name", "name of the resource", completes="resources")
_PORT = Arg("--port", "TCP port for DRBD", aliases=("-p",), kind=port)
_PEER_SLOTS = Arg("--peer-slots", "DRBD peers that metadata has room for (1 to 31)", kind=int)
_GROUP = Arg("--resource-group", "the group it belongs to", completes="groups")
_EXTERNAL = Arg("--external-name", "any name; a legal one is made from it", aliases=("-e",))
_WAIT = Arg("--wait-timeout", "seconds to wait at most", kind=int)


def create(call: Call) -> None:
    args = call.args
    fields = bodies.ResourceDefinitionFields(
        name="" if args.external_name else args.name or "", external_name=args.external_name or "",
        layer_data=tuple(ResourceDefinitionLayer(type=layer) for layer in args.layer_list or ()),
        resource_group_name=args.resource_group or "")
    call.show(call.client.create_resource_definition(bodies.ResourceDefinitionCreate(
        resource_definition=fields, drbd_port=args.port, drbd_peer_slots=args.peer_slots)))


def modify(call: Call) -> None:
    args = call.args
    call.show(call.client.modify_resource_definition(args.name, bodies.ResourceDefinitionModify(
        drbd_port=args.port, drbd_peer_slots=args.peer_slots, resource_group=args.resource_group)))


def change_props(call: Call, change: bodies.PropsModify) -> list[ApiCallRc]:
    return call.client.modify_resource_definition(call.args.resource_name, bodies.ResourceDefinitionModify(
        override_props=change.override_props, delete_props=change.delete_props))


def rename(call: Call) -> None:
    call.show(call.client.rename_resource_definition(call.args.name, call.args.new_name))


def delete(call: Call) -> None:
    args = call.args
    call.show(entry for name in args.name
              for entry in call.client.delete_resource_definition(name, force=args.force, abandon=args.abandon))


def clone(call: Call) -> None:
    args = call.args
    started = call.client.clone(args.source_resource, bodies.CloneRequest(
        name=args.clone_name if not args.external_name else None, external_name=args.external_name,
        use_zfs_clone=args.use_zfs_clone or None, layer_list=args.layer_list, resource_group=args.resource_group,
        volume_passphrases=tuple(args.volume_passphrase) if args.volume_passphrase else None))
    if not call.shown_as_json():
        call.show(started.messages)
    if args.no_wait or call.is_planning:
        return
    _wait(call, lambda: call.client.clone_status(started.source_name, started.clone_name).status != "CLONING")
    if call.client.clone_status(started.source_name, started.clone_name).status != "COMPLETE":
        raise CallFailed(f"{started.clone_name} could not be copied", exit_codes.API_ERROR)


def wait_sync(call: Call) -> None:
    _wait(call, lambda: call.client.sync_status(call.args.resource_name).synced_on_all)


def _wait(call: Call, is_done: Callable[[], bool]) -> None:
    end = None if call.args.wait_timeout is None else time.monotonic() + call.args.wait_timeout
    while not is_done():
        if end is not None and time.monotonic() > end:
            raise CallFailed("it is not done yet", exit_codes.CONNECTION_TIMEOUT)
        time.sleep(POLL_S)


def auto_place(call: Call) -> None:
    args = call.args
    kind = "DRBD_DISKLESS" if args.drbd_diskless else "NVME_INITIATOR" if args.nvme_initiator else None
    rules = select_filter(args)
    if kind is not None:
        from msgspec import structs

        from linstor_core.domain.resource_groups import AutoSelectFilter

        rules = structs.replace(rules or AutoSelectFilter(), diskless_type=kind)
    call.show(call.client.auto_place(args.resource_definition_name, bodies.AutoPlace(
        select_filter=rules, layer_list=args.layer_list)))


def list_definitions(call: Call) -> None:
    args = call.args
    definitions = call.client.resource_definitions(args.resource_definitions or (), args.props or ())
    columns = [Column("ResourceName"), *([Column("External")] if args.external_name else []),
               *([Column("Port")] if args.show_preferred_drbd_ports else []), Column("ResourceGroup"),
               Column("Layers"), Column("State")]
    call.table(columns, (_row(call, definition) for definition in definitions))


def _row(call: Call, definition: ResourceDefinition) -> list[Cell | str]:
    ports = [str(layer.data.port) for layer in definition.layer_data if layer.data is not None and layer.data.port]
    return [definition.name, *([definition.external_name or "-"] if call.args.external_name else []),
            *([ports[0] if ports else "-"] if call.args.show_preferred_drbd_ports else []),
            definition.resource_group_name, ",".join(layer.type for layer in definition.layer_data),
            _state(definition), *call.extra_cells(definition.props)]


def _state(definition: ResourceDefinition) -> Cell:
    if "DELETE" in definition.flags:
        return Cell("DELETING", RED)
    if "FAILED" in definition.flags:
        return Cell("FAILED", RED)
    if "CLONING" in definition.flags or "RESTORE_TARGET" in definition.flags:
        return Cell("CLONING", YELLOW)
    return Cell("ok", GREEN)


NOUN = Noun("resource-definition", ("rd",), "Named sets of volumes, wherever they are placed.", (
    Command("create", ("c",), "Define a resource.",
            (_PORT, _EXTERNAL, LAYER_LIST, _PEER_SLOTS, _GROUP, _NAME._replace(nargs="?")), create),
    Command("modify", ("m",), "Change a definition.", (_PEER_SLOTS, _PORT, _GROUP, _NAME), modify),
    Command("rename", ("rn",), "Give a definition another name; data and devices stay.",
            (_NAME, Arg("new_name", "name that nothing has yet")), rename),
    Command("delete", ("d",), "Remove resources everywhere, with their data.",
            (ASYNC, *FORCED, _NAME._replace(nargs="+")), delete),
    Command("clone", ("cln",), "Copy a resource with its data.",
            (_EXTERNAL, Arg("--no-wait", "do not wait for the copy to be complete", "flag"), _WAIT,
             Arg("--use-zfs-clone", "a ZFS clone, that stays tied to its source", "flag"),
             Arg("--volume-passphrase", "a passphrase for each encrypted volume", "*"), LAYER_LIST,
             _GROUP._replace(aliases=("--rsc-grp",)), Arg("source_resource", completes="resources"),
             Arg("clone_name", nargs="?")), clone),
    Command("wait-sync", ("ws",), "Wait till all replicas are up to date.", (_WAIT, RESOURCE), wait_sync, reads=True),
    Command("auto-place", ("ap",), "Place a definition on nodes that fit.",
            (*placement(), Arg("--drbd-diskless", "place it without storage", "flag"),
             Arg("--nvme-initiator", "place NVMe initiators", "flag"),
             Arg("resource_definition_name", completes="resources")), auto_place),
    Command("list", ("l",), "Show the definitions.",
            (PASTABLE, group_by("resourcename", "resourcegroup", "layers", "state"),
             Arg("--resource-definitions", "only these", "+", ("-r",), completes="resources"),
             Arg("--external-name", "a column for external names", "flag", ("-e",)), PROPS, SHOW_PROPS,
             Arg("--show-preferred-drbd-ports", "a column for DRBD's port", "flag", ("--ports",))), list_definitions,
            reads=True),
    Command("explain", ("ex",), "Show which pools its missing replicas would take, and why.",
            (PASTABLE, Arg("--place-count", "as if it were to have so many replicas", kind=int), RESOURCE),
            lambda call: show_explanation(call, call.client.explain_definition(call.args.resource_name,
                                                                               call.args.place_count)), reads=True),
    options_command(ObjectKind.RESOURCE_DEFINITION, (RESOURCE,), change_props),
    *property_commands((RESOURCE,), lambda call: call.client.resource_definition(call.args.resource_name).props,
                       change_props),
))
