"""linstor advise …"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from linstor_core.cli import advice
from linstor_core.cli.arguments import NODE, PASTABLE, RESOURCES
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.exit_codes import OBJECT_NOT_FOUND
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column


def resources(call: Call) -> None:
    pools = call.client.storage_pools()
    _show(call, lambda placed: advice.about_placement(placed, pools))


def maintenance(call: Call) -> None:
    nodes, name = call.client.nodes(), call.args.node_name
    if not any(node.name.upper() == name.upper() for node in nodes):
        raise CallFailed(f"there is no node '{name}'", OBJECT_NOT_FOUND)
    _show(call, lambda placed: advice.about_maintenance(placed, name, nodes))


def _show(call: Call, issues_of: Callable[[advice.Placed], Iterable[advice.Issue]]) -> None:
    names = call.args.resources or ()
    found = advice.all_placed(call.client.resource_definitions(names), call.client.resource_groups(),
                              call.client.resources(names))
    issues = [issue for placed in found for issue in issues_of(placed)
              if not call.args.filter or issue.kind in call.args.filter]
    if call.as_json:
        call.screen.json(msgspec.json.encode(issues))
        return
    call.screen.table([Column("Resource"), Column("Issue"), Column("Possible fix")],
                      ([issue.resource, issue.what, issue.fix] for issue in issues), group_by=["resource"],
                      pastable=call.args.pastable)


_FILTER = Arg("--filter", "only these kinds", "+", ("-f",), choices=advice.KINDS)

NOUN = Noun("advise", ("adv",), "What could go wrong, and what to do about it.", (
    Command("resource", ("r",), "Look at all resources as they are placed.", (PASTABLE, _FILTER, RESOURCES), resources,
            reads=True),
    Command("maintenance", ("m",), "Tell what would be in danger while a node is down.",
            (PASTABLE, _FILTER, RESOURCES, NODE), maintenance, reads=True),
))
