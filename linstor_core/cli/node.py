"""linstor node …"""

from __future__ import annotations

from datetime import datetime

from linstor_core.cli.arguments import (
    ASYNC,
    FROM_FILE,
    NODE,
    NODES,
    PASTABLE,
    PROPS,
    SHOW_PROPS,
    group_by,
    port,
    property_commands,
)
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.exit_codes import OBJECT_NOT_FOUND, USAGE_ERROR
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.invitations import CERTIFICATES, INVITATIONS, INVITE
from linstor_core.cli.log_levels import LEVEL, LIBRARY, log_level
from linstor_core.cli.node_details import describe, info
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_remotes import EbsNodeCreate
from linstor_core.wire.rest_v1 import NetInterface, Node

TYPES = ("controller", "auxiliary", "combined", "satellite")
SATELLITE_TYPES = ("SATELLITE", "COMBINED")
PORTS = {"plain": 3366, "ssl": 3367}
_STATES = {
    "ONLINE": ("Online", GREEN), "CONNECTED": ("Connected", YELLOW), "UNKNOWN": ("Unknown", YELLOW),
    "OFFLINE": ("OFFLINE", RED), "VERSION_MISMATCH": ("OFFLINE(VERSION MISMATCH)", RED),
    "FULL_SYNC_FAILED": ("OFFLINE(FULL SYNC FAILED)", RED),
    "MISSING_EXT_TOOLS": ("OFFLINE(MISSING EXTERNAL TOOLS)", RED),
    "AUTHENTICATION_ERROR": ("OFFLINE(AUTHENTICATION ERROR)", RED),
    "HOSTNAME_MISMATCH": ("OFFLINE(HOSTNAME MISMATCH)", RED), "OTHER_CONTROLLER": ("OFFLINE(OTHER CONTROLLER)", RED),
    "NO_STLT_CONN": ("OFFLINE(NO CONNECTION TO SATELLITE)", RED), "DUPLICATE_UNAME": ("OFFLINE(DUPLICATE UNAME)", RED),
}
_PORT = Arg("--port", "port of the satellite (3366, with ssl 3367)", aliases=("-p",), kind=port)
_ENCRYPTION = Arg("--communication-type", "how to talk to the satellite", kind=str.lower, choices=("plain", "ssl"),
                  default="plain")
_TYPE = Arg("--node-type", "what the node is for", kind=str.lower, choices=TYPES, default="satellite")
_INTERFACE = Arg("interface_name", "name of the interface")
_ACTIVE = Arg("--active", "the controller talks to the satellite here", "flag")


def create(call: Call) -> None:
    args = call.args
    interface = NetInterface(name=args.interface_name, address=args.ip or _address_of(args.name),
                             satellite_port=args.port or PORTS[args.communication_type],
                             satellite_encryption_type=args.communication_type.upper(), is_active=True)
    call.show(call.client.create_node(bodies.NodeCreate(name=args.name, type=args.node_type.upper(),
                                                        net_interfaces=(interface,))))


def _address_of(name: str) -> str:
    import socket

    try:
        return str(socket.getaddrinfo(name, None)[0][4][0])
    except OSError as error:
        raise CallFailed(f"'{name}' has no address that this machine knows ({error}): give one", USAGE_ERROR) from error


def modify(call: Call) -> None:
    call.show(call.client.modify_node(call.args.node_name, bodies.NodeModify(node_type=call.args.node_type.upper())))


def reconnect(call: Call) -> None:
    call.show(entry for node in call.args.nodes for entry in call.client.reconnect_node(node))


def restore(call: Call) -> None:
    body = bodies.NodeRestore(delete_resources=call.args.delete_resources or None,
                              delete_snapshots=call.args.delete_snapshots or None)
    call.show(call.client.restore_node(call.args.node_name, body))


def evacuate(call: Call) -> None:
    body = bodies.NodeEvacuate(target=_names(call.args.target), do_not_target=_names(call.args.do_not_target))
    call.show(call.client.evacuate_node(call.args.node_name, body))


def _names(values: list[str] | None) -> tuple[str, ...] | None:
    return tuple(values) if values else None


def list_nodes(call: Call) -> None:
    args = call.args
    nodes = call.client.nodes(args.nodes or (), args.props or ())
    columns = [Column("Node"), Column("NodeType"), Column("Addresses"), Column("State")]
    if args.show_aux_props:
        columns.insert(3, Column("AuxProps"))
    call.table(columns, (_row(call, node) for node in nodes))


def _row(call: Call, node: Node) -> list[Cell | str]:
    aux = "\n".join(f"{key}={value}" for key, value in sorted(node.props.items()) if key.startswith("Aux/"))
    return [node.name, node.type, _address(node), *([aux] if call.args.show_aux_props else []), _state(node),
            *call.extra_cells(node.props)]


def _address(node: Node) -> str:
    return next((f"{interface.address}:{interface.satellite_port} ({interface.satellite_encryption_type})"
                 for interface in node.net_interfaces if interface.is_active and interface.satellite_port), "")


def _state(node: Node) -> Cell:
    for flag, color in (("EVICTED", RED), ("DELETE", RED), ("EVACUATE", YELLOW)):
        if flag in node.flags:
            return Cell(flag, color)
    text, color = _STATES.get(node.connection_status, (node.connection_status or "Unknown", YELLOW))
    if text == "OFFLINE" and node.eviction_timestamp:
        text += f" (Auto-eviction at {datetime.fromtimestamp(node.eviction_timestamp // 1000)})"
    return Cell(text, color)


def create_interface(call: Call) -> None:
    call.show(call.client.create_net_interface(call.args.node_name, _interface(call)))


def modify_interface(call: Call) -> None:
    call.show(call.client.modify_net_interface(call.args.node_name, call.args.interface_name, _interface(call)))


def _interface(call: Call) -> bodies.NetInterfaceBody:
    """Only an interface with a port is one that the controller may dial."""
    args = call.args
    return bodies.NetInterfaceBody(
        name=args.interface_name, address=args.ip or "", is_active=args.active or None, satellite_port=args.port,
        satellite_encryption_type=args.communication_type.upper() if args.port else None)


def delete_interface(call: Call) -> None:
    call.show(entry for name in call.args.interface_name
              for entry in call.client.delete_net_interface(call.args.node_name, name))


def list_interfaces(call: Call) -> None:
    """Scripts get the whole node, as LINSTOR's client gives it."""
    name = call.args.node_name
    found = next((node for node in call.client.nodes([name]) if node.name.upper() == name.upper()), None)
    if found is None:
        raise CallFailed(f"there is no node '{name}'", OBJECT_NOT_FOUND)
    columns = [Column(found.name), Column("NetInterface"), Column("IP"), Column("Port"),
               Column("EncryptionType")]
    call.table(columns, (["+ StltCon" if interface.is_active else "+", interface.name, interface.address,
                          interface.satellite_port, interface.satellite_encryption_type]
                         for interface in found.net_interfaces))


_INTERFACE_NOUN = Noun("interface", ("i",), "Network interfaces of a node.", (
    Command("create", ("c",), "Add an interface.",
            (_PORT, _ENCRYPTION, _ACTIVE, NODE, _INTERFACE, Arg("ip", "its address")), create_interface),
    Command("modify", ("m",), "Change an interface.",
            (_PORT, _ENCRYPTION, _ACTIVE, Arg("--ip", "its new address"), NODE, _INTERFACE), modify_interface),
    Command("delete", ("d",), "Remove interfaces.", (NODE, _INTERFACE._replace(nargs="+")), delete_interface),
    Command("list", ("l",), "Show the interfaces of a node.", (PASTABLE, NODE), list_interfaces, reads=True),
))

NOUN = Noun("node", ("n",), "Machines of the cluster.", (
    Command("create", ("c",), "Add a node.",
            (_PORT, _TYPE, _ENCRYPTION, Arg("--interface-type", "has no effect", kind=str.lower, choices=("ip",)),
             Arg("--interface-name", "name of its interface", default="default"), Arg("name", "the node's host name"),
             Arg("ip", "its address; looked up where it is left out", "?")), create),
    Command("modify", ("m",), "Change what a node is for.", (_TYPE._replace(aliases=("-t",)), NODE), modify),
    Command("delete", ("d",), "Remove a node that holds nothing.", (ASYNC, NODE),
            lambda call: call.show(call.client.delete_node(call.args.node_name))),
    Command("lost", ("lo",), "Forget a node that never comes back, with all that was on it.", (ASYNC, NODE),
            lambda call: call.show(call.client.lose_node(call.args.node_name))),
    Command("reconnect", ("rc",), "Drop the connections to nodes and make them anew.",
            (Arg("nodes", "names of the nodes", "+", completes="nodes"),), reconnect),
    Command("restore", ("rst",), "Take an evicted or evacuated node back.",
            (NODE, Arg("--delete-resources", "remove its resources", "flag"),
             Arg("--delete-snapshots", "remove its snapshots", "flag")), restore),
    Command("evacuate", ("evac",), "Move everything off a node.",
            (NODE, Arg("--target", "only to these nodes", "+", completes="nodes"),
             Arg("--do-not-target", "not to these nodes", "+", completes="nodes")), evacuate),
    Command("evict", (), "Give an offline node up at once.", (NODE,),
            lambda call: call.show(call.client.evict_node(call.args.node_name))),
    Command("list", ("l",), "Show the nodes.",
            (PASTABLE, group_by("node", "nodetype", "addresses", "state"), NODES,
             Arg("--show-aux-props", "a column for auxiliary properties", "flag"), PROPS, SHOW_PROPS, FROM_FILE),
            list_nodes,
            reads=True),
    Command("info", (), "Show what nodes can do.",
            (PASTABLE, Arg("--full", "with the reasons for what they cannot", "flag", ("-f",)), NODES), info,
            reads=True),
    Command("describe", ("dsc",), "Show everything on a node as a tree.",
            (NODE._replace(nargs="?"),), describe, reads=True),
    _INTERFACE_NOUN,
    INVITE,
    INVITATIONS,
    CERTIFICATES,
    Command("set-log-level", ("setloglevel",), "Change how much a satellite logs.", (NODE, LEVEL, LIBRARY),
            lambda call: call.show(call.client.modify_node_config(call.args.node_name, log_level(call)))),
    Command("create-ebs-target", ("cebs",), "Add a node that stands for elastic block storage.",
            (Arg("name", "name of the new node"), Arg("ebs_remote_name", completes="remotes")),
            lambda call: call.show(call.client.create_ebs_node(EbsNodeCreate(
                name=call.args.name, ebs_remote_name=call.args.ebs_remote_name)))),
    *property_commands((NODE,), lambda call: call.client.node(call.args.node_name).props,
                       lambda call, change: call.client.modify_node(call.args.node_name, bodies.NodeModify(
                           override_props=change.override_props, delete_props=change.delete_props))),
))
