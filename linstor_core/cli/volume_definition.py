"""linstor volume-definition …"""

from __future__ import annotations

from getpass import getpass

from linstor_core.cli.arguments import (
    ASYNC,
    PASTABLE,
    RESOURCE,
    SHOW_PROPS,
    SIZE_HELP,
    VOLUME_NR,
    group_by,
    property_commands,
    size_kib,
)
from linstor_core.cli.call import Call
from linstor_core.cli.drbd_options import options_command
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.sizes import format_kib
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_v1 import ResourceDefinition, VolumeDefinition

_SIZE = Arg("size", SIZE_HELP, kind=size_kib)
_GROSS = Arg("--gross", "the size includes DRBD's metadata", "flag")


def create(call: Call) -> None:
    args = call.args
    flags = (*(["ENCRYPTED"] if args.encrypt else []), *(["GROSS_SIZE"] if args.gross else []))
    fields = bodies.VolumeDefinitionFields(
        volume_number=args.vlmnr, size_kib=args.size, flags=flags,
        props={"StorPoolName": args.storage_pool} if args.storage_pool else {})
    call.show(call.client.create_volume_definition(args.resource_name, bodies.VolumeDefinitionCreate(
        volume_definition=fields, drbd_minor_number=args.minor, passphrase=args.passphrase)))


def set_size(call: Call) -> None:
    args = call.args
    call.show(call.client.modify_volume_definition(args.resource_name, args.volume_nr, bodies.VolumeDefinitionModify(
        size_kib=args.size, flags=("GROSS_SIZE",) if args.gross else None)))


def change_props(call: Call, change: bodies.PropsModify) -> list[ApiCallRc]:
    return call.client.modify_volume_definition(
        call.args.resource_name, call.args.volume_nr,
        bodies.VolumeDefinitionModify(override_props=change.override_props, delete_props=change.delete_props))


def change_passphrase(call: Call) -> None:
    passphrase = call.args.new_passphrase or getpass("New passphrase: ")
    call.show(call.client.change_volume_passphrase(call.args.resource_name, call.args.volume_nr, passphrase))


def list_definitions(call: Call) -> None:
    args = call.args
    definitions = call.client.resource_definitions(args.resource_definitions or (), with_volume_definitions=True)
    columns = [Column("ResourceName"), *([Column("External")] if args.external_name else []), Column("VolumeNr"),
               Column("VolumeMinor"), Column("Size"), Column("Gross"), Column("State")]
    call.table(columns, (_row(call, definition, volume) for definition in definitions
                         for volume in definition.volume_definitions))


def _row(call: Call, definition: ResourceDefinition, volume: VolumeDefinition) -> list[object]:
    minors = [layer.data.minor_number for layer in volume.layer_data if layer.data is not None]
    return [definition.name, *([definition.external_name or "-"] if call.args.external_name else []),
            volume.volume_number, minors[0] if minors else "", format_kib(volume.size_kib or 0),
            "+" if "GROSS_SIZE" in volume.flags else "", _state(volume), *call.extra_cells(volume.props)]


def _state(volume: VolumeDefinition) -> Cell:
    if "DELETE" in volume.flags:
        return Cell("DELETING", RED)
    return Cell("resizing", YELLOW) if "RESIZE" in volume.flags else Cell("ok", GREEN)


NOUN = Noun("volume-definition", ("vd",), "The volumes of a resource definition.", (
    Command("create", ("c",), "Add a volume.",
            (Arg("--storage-pool", "the pool for it", aliases=("-s",), completes="pools"),
             Arg("--vlmnr", "its number", aliases=("-n",), kind=int),
             Arg("--minor", "its DRBD minor number", aliases=("-m",), kind=int),
             Arg("--encrypt", "encrypt it", "flag"), _GROSS, Arg("--passphrase", "its own passphrase", "?"), RESOURCE,
             _SIZE), create),
    Command("delete", ("d",), "Remove a volume everywhere, with its data.", (ASYNC, RESOURCE, VOLUME_NR),
            lambda call: call.show(call.client.delete_volume_definition(call.args.resource_name,
                                                                        call.args.volume_nr))),
    Command("set-size", ("size",), "Resize a volume.", (_GROSS, RESOURCE, VOLUME_NR, _SIZE), set_size),
    Command("list", ("l",), "Show the volumes of the definitions.",
            (PASTABLE, group_by("resourcename", "volumenr", "volumeminor", "size", "gross", "state"),
             Arg("--resource-definitions", "only of these", "+", ("-r",), completes="resources"),
             Arg("--external-name", "a column for external names", "flag", ("-e",)), SHOW_PROPS), list_definitions,
            reads=True),
    Command("modify-passphrase", ("mp",), "Change the passphrase of a volume that has one of its own.",
            (Arg("--new-passphrase", "asked for where it is not given"), RESOURCE, VOLUME_NR), change_passphrase),
    options_command(ObjectKind.VOLUME_DEFINITION, (RESOURCE, VOLUME_NR), change_props),
    *property_commands(
        (RESOURCE, VOLUME_NR),
        lambda call: call.client.volume_definition(call.args.resource_name, call.args.volume_nr).props, change_props),
))
