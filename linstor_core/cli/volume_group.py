"""linstor volume-group …"""

from __future__ import annotations

from linstor_core.cli.arguments import GROUP, PASTABLE, SHOW_PROPS, VOLUME_NR, group_by, property_commands
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.wire import rest_bodies as bodies


def create(call: Call) -> None:
    body = bodies.VolumeGroupCreate(volume_number=call.args.vlmnr, flags=("GROSS_SIZE",) if call.args.gross else ())
    call.show(call.client.create_volume_group(call.args.name, body))


def list_groups(call: Call) -> None:
    call.table([Column("VolumeNr"), Column("Flags")],
               ([volume.volume_number, ", ".join(volume.flags), *call.extra_cells(volume.props)]
                for volume in call.client.volume_groups(call.args.name)))


NOUN = Noun("volume-group", ("vg",), "Templates of the volumes of a resource group.", (
    Command("create", ("c",), "Add a volume to what a group spawns.",
            (Arg("--vlmnr", "its number", aliases=("-n",), kind=int),
             Arg("--gross", "sizes include DRBD's metadata", "flag"), GROUP), create),
    Command("delete", ("d",), "Take a volume out of what a group spawns.", (GROUP, VOLUME_NR),
            lambda call: call.show(call.client.delete_volume_group(call.args.name, call.args.volume_nr))),
    Command("list", ("l",), "Show the volumes that a group spawns.",
            (PASTABLE, group_by("volumenr", "flags"), SHOW_PROPS, GROUP), list_groups, reads=True),
    *property_commands(
        (GROUP, VOLUME_NR), lambda call: call.client.volume_group(call.args.name, call.args.volume_nr).props,
        lambda call, change: call.client.modify_volume_group(
            call.args.name, call.args.volume_nr,
            bodies.FlagsModify(override_props=change.override_props, delete_props=change.delete_props))),
))
