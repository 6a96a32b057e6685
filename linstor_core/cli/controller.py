"""linstor controller …"""

from __future__ import annotations

from linstor_core.cli.arguments import property_commands
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Command, Noun


def version(call: Call) -> None:
    found = call.client.controller_version()
    if not call.shown_as_json(bare=True):
        call.screen.line(f"linstor controller {found.version}; GIT-hash: {found.git_hash or 'unknown'}; "
                         f"REST API {found.rest_api_version}")


NOUN = Noun("controller", ("c",), "The controller itself.", (
    *property_commands((), lambda call: call.client.controller_properties(),
                       lambda call, change: call.client.modify_controller(change)),
    Command("version", ("v",), "Show what the controller runs.", (), version, reads=True),
))
