"""linstor controller …"""

from __future__ import annotations

import msgspec

from linstor_core.cli.arguments import PASTABLE, placement, property_commands, select_filter
from linstor_core.cli.call import Call
from linstor_core.cli.drbd_options import options_command
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.log_levels import LEVEL, LIBRARY, log_level
from linstor_core.cli.resource_group import show_max_volume_sizes
from linstor_core.cli.tokens import TOKENS
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.resource_groups import AutoSelectFilter


def version(call: Call) -> None:
    found = call.client.controller_version()
    if not call.shown_as_json(bare=True):
        call.screen.line(f"linstor controller {found.version}; GIT-hash: {found.git_hash or 'unknown'}; "
                         f"REST API {found.rest_api_version}")


def which(call: Call) -> None:
    call.client.controller_version()
    if call.as_json:
        call.screen.json(msgspec.json.encode({"controller_uri": call.controller_url}))
    else:
        call.screen.line(call.controller_url)


def max_volume_size(call: Call) -> None:
    rules = select_filter(call.args, "replica_count") or AutoSelectFilter()
    show_max_volume_sizes(call, call.client.max_volume_sizes_by(rules))


def export_database(call: Call) -> None:
    call.client.export_database(call.args.comment)
    call.shown_as_document()


NOUN = Noun("controller", ("c",), "The controller itself.", (
    *property_commands((), lambda call: call.client.controller_properties(),
                       lambda call, change: call.client.modify_controller(change)),
    options_command(ObjectKind.CONTROLLER, (), lambda call, change: call.client.modify_controller(change)),
    Command("version", ("v",), "Show what the controller runs.", (), version, reads=True),
    Command("which", (), "Show which controller answers.", (), which, reads=True),
    Command("query-max-volume-size", ("qmvs",), "Show how large a volume could be by these rules.",
            (PASTABLE, *placement("replica_count", providers=("--prov",))), max_volume_size, reads=True),
    Command("set-log-level", ("setloglevel",), "Change how much is logged, until the next start.",
            (LIBRARY, Arg("--global", "on all satellites, too", "flag", dest="everywhere"), LEVEL),
            lambda call: call.show(call.client.modify_controller_config(log_level(call)))),
    Command("backupdb", ("bakdb",), "Copy the database into a file on the controller's machine.",
            (Arg("backup_name", "name of the file"),),
            lambda call: call.show(call.client.back_up_database(call.args.backup_name))),
    Command("exportdb", (), "Print the database as JSON, secrets included.",
            (Arg("--comment", "a text to write into it"),), export_database),
    TOKENS,
))
