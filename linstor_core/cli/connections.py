"""linstor node-connection … and linstor resource-connection …: what holds between two nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from linstor_core.cli.arguments import NODE, PASTABLE, RESOURCE, SHOW_PROPS, group_by, property_commands
from linstor_core.cli.call import Call
from linstor_core.cli.drbd_options import Change, options_command
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_bodies import PropsModify
from linstor_core.wire.rest_resources import NodeConnection, ResourceConnection

PATHS = "Paths/"
_SHOWN_CHARACTERS = 30
_LEASE_S = 120
_NODES = (NODE._replace(name="node_name_a"), NODE._replace(name="node_name_b"))
_OF_RESOURCE = (*_NODES, RESOURCE)
_PATH = Arg("path_name", "name of the path")

Connection = NodeConnection | ResourceConnection
Read = Callable[[Call], dict[str, str]]


# Of two nodes


def _node_props(call: Call) -> dict[str, str]:
    found = call.client.node_connections(call.args.node_name_a, call.args.node_name_b)
    return found[0].props if found else {}


def _modify_nodes(call: Call, change: PropsModify) -> list[ApiCallRc]:
    return call.client.modify_node_connection(call.args.node_name_a, call.args.node_name_b, change)


def list_node_connections(call: Call) -> None:
    found = call.client.node_connections(call.args.node_name_a, call.args.node_name_b)
    _table(call, [Column("Node A"), Column("Node B"), Column("Properties")], found)


# Of two replicas


def _resource_props(call: Call) -> dict[str, str]:
    args = call.args
    return call.client.resource_connection(args.resource_name, args.node_name_a, args.node_name_b).props


def _modify_resources(call: Call, change: PropsModify) -> list[ApiCallRc]:
    args = call.args
    return call.client.modify_resource_connection(args.resource_name, args.node_name_a, args.node_name_b, change)


def list_resource_connections(call: Call) -> None:
    found = call.client.resource_connections(call.args.resource_name)
    _table(call, [Column("Source"), Column("Target"), Column("Properties"), Column("Port")], found)


def _table(call: Call, columns: Sequence[Column], found: Sequence[Connection]) -> None:
    call.table(columns, ([connection.node_a, connection.node_b, _shortened(connection.props),
                          *([connection.port] if isinstance(connection, ResourceConnection) else []),
                          *call.extra_cells(connection.props)] for connection in found))


def _shortened(props: dict[str, str]) -> str:
    text = ",".join(f"{key.rpartition('/')[2]}={value}" for key, value in props.items())
    return text if len(text) < _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def open_window(call: Call) -> None:
    args = call.args
    call.show(call.client.open_migration_window(args.resource_name, args.node_name_a, args.node_name_b,
                                                args.lease or _LEASE_S))


def close_window(call: Call) -> None:
    args = call.args
    call.show(call.client.close_migration_window(args.resource_name, args.node_name_a, args.node_name_b))


def show_window(call: Call) -> None:
    args = call.args
    found = call.client.migration_window(args.resource_name, args.node_name_a, args.node_name_b)
    end = "-" if found.expires_ms is None else (
        datetime.fromtimestamp(found.expires_ms / 1000).strftime("%Y-%m-%d %H:%M:%S"))
    call.table([Column("State"), Column("Until")], [["open" if found.open else "closed", end]])


_WINDOW = Noun("migration-window", ("mw",), "Two nodes that may be primary, for as long as a migration takes.", (
    Command("open", ("o",), "Open it, or keep it open for longer; it closes by itself.",
            (Arg("--lease", f"seconds until it closes ({_LEASE_S})", kind=float), *_OF_RESOURCE), open_window),
    Command("close", ("c",), "Close it. One that was opened by hand, as a property, stays.", _OF_RESOURCE,
            close_window),
    Command("show", ("s",), "Show whether it is open, and until when.", (PASTABLE, *_OF_RESOURCE), show_window,
            reads=True),
))


# Both: properties, options, paths


def _paths(args: tuple[Arg, ...], read: Read, change: Change) -> Noun:
    """A path is a pair of properties: which interface each of the two nodes takes."""

    def keys(call: Call) -> tuple[str, str]:
        return (f"{PATHS}{call.args.path_name}/{call.args.node_name_a}",
                f"{PATHS}{call.args.path_name}/{call.args.node_name_b}")

    def create(call: Call) -> None:
        interfaces = (call.args.netinterface_a, call.args.netinterface_b)
        call.show(change(call, PropsModify(override_props=dict(zip(keys(call), interfaces, strict=True)))))

    def delete(call: Call) -> None:
        call.show(change(call, PropsModify(delete_props=keys(call))))

    def show(call: Call) -> None:
        call.properties({key: value for key, value in read(call).items() if key.startswith(PATHS)})

    return Noun("path", ("p",), "Which network interfaces replication takes.", (
        Command("create", ("c",), "Add a path.",
                (*args, _PATH, Arg("netinterface_a", "interface of the first node"),
                 Arg("netinterface_b", "interface of the second node")), create),
        Command("list", ("l",), "Show the paths.", (PASTABLE, *args), show, reads=True),
        Command("delete", ("d",), "Remove a path.", (*args, _PATH), delete),
    ))


def _members(kind: ObjectKind, args: tuple[Arg, ...], read: Read, change: Change) -> tuple[Command | Noun, ...]:
    return (*property_commands(args, read, change), options_command(kind, args, change, peers=True),
            _paths(args, read, change))


def peer_options() -> Command:
    """`resource drbd-peer-options` is another word for the same."""
    return options_command(ObjectKind.RESOURCE_CONNECTION, _OF_RESOURCE, _modify_resources, peers=True)


NODE_CONNECTIONS = Noun("node-connection", ("nc",), "What holds between two nodes.", (
    Command("list", ("l",), "Show the connections about which something is known.",
            (PASTABLE, group_by("node a", "node b"), SHOW_PROPS, *(node._replace(nargs="?") for node in _NODES)),
            list_node_connections, reads=True),
    *_members(ObjectKind.NODE_CONNECTION, _NODES, _node_props, _modify_nodes),
))

RESOURCE_CONNECTIONS = Noun("resource-connection", ("rc",), "What holds between two replicas of a resource.", (
    Command("list", ("l",), "Show the connections of a resource.",
            (PASTABLE, group_by("source", "target"), SHOW_PROPS, RESOURCE), list_resource_connections, reads=True),
    _WINDOW,
    *_members(ObjectKind.RESOURCE_CONNECTION, _OF_RESOURCE, _resource_props, _modify_resources),
))
