"""The addresses of nodes."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import addresses
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, NotFound
from linstor_core.domain.nodes import NetInterface, Node
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import NetInterfaceBody

WARN_NOT_FOUND = 3000


def create(cluster: Cluster, context: Context, call: Call[NetInterfaceBody]) -> Change:
    """Port and encryption may be left out: then no satellite is dialled there."""
    body = call.body
    with lookups.about(Node=call.path["node"], NetIf=body.name):
        node = lookups.node(cluster, call.path["node"])
        name = names.net_interface_name(body.name)
        if _find(node, name) is not None:
            raise AlreadyExists(f"'{node.name}' has a network interface '{name}' already.", Code.EXISTS_NET_IF,
                                correction="Use another name, or change the interface that is there.")
        added = NetInterface(context.new_uuid(), name, addresses.checked_address(body.address),
                             *_satellite_end(body, None, None))
    changed = structs.replace(node, net_interfaces=(*node.net_interfaces, added))
    if body.is_active:
        changed = _with_active(changed, added)
    return Change((changed,), answers=(_told(call, CREATED, added, "is added"),))


def modify(cluster: Cluster, _: Context, call: Call[NetInterfaceBody]) -> Change:
    """What is not given stays. A new address of the active interface makes the controller dial anew."""
    body = call.body
    with lookups.about(Node=call.path["node"], NetIf=call.path["interface"]):
        node = lookups.node(cluster, call.path["node"])
        found = _existing(node, call.path["interface"])
        port, encryption = _satellite_end(body, found.satellite_port, found.satellite_encryption_type)
        changed = structs.replace(
            found, address=addresses.checked_address(body.address) if body.address else found.address,
            satellite_port=port, satellite_encryption_type=encryption)
        node = structs.replace(node, net_interfaces=tuple(changed if part is found else part
                                                          for part in node.net_interfaces))
        if body.is_active:
            node = _with_active(node, changed)
    return Change((node,), answers=(_told(call, MODIFIED, changed, "is changed"),))


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Refused for the interface that the satellite is reached by."""
    node_name, name = call.path["node"], call.path["interface"]
    node = cluster.node(node_name)
    found = _find(node, name) if node is not None else None
    if node is None or found is None:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"'{node_name}' has no network interface "
                                       f"'{name}'.", cause="It is not registered, or deleted already.",
                                       details="Nothing was changed.", refs={"Node": node_name}),))
    if node.type.runs_satellite and key_of(found.name) == key_of(node.active_interface):
        raise Conflict(f"'{found.name}' is the interface by which '{node.name}' is reached.", Code.IN_USE,
                       refs={"Node": node_name, "NetIf": name}, correction="Make another interface active first.")
    kept = tuple(part for part in node.net_interfaces if part is not found)
    active = node.active_interface
    if key_of(found.name) == key_of(active):
        active = next((part.name for part in kept if part.satellite_port is not None), "")
    return Change((structs.replace(node, net_interfaces=kept, active_interface=active),),
                  answers=(_told(call, DELETED, found, "is deleted"),))


def _find(node: Node, name: str) -> NetInterface | None:
    return next((part for part in node.net_interfaces if key_of(part.name) == key_of(name)), None)


def _existing(node: Node, name: str) -> NetInterface:
    found = _find(node, name)
    if found is None:
        raise NotFound(f"'{node.name}' has no network interface '{name}'.", Code.NOT_FOUND_NET_IF,
                       cause="It is not registered.",
                       correction=f"Compare the name with 'linstor node interface list {node.name}'.")
    return found


def _satellite_end(body: NetInterfaceBody, port: int | None, encryption: str | None) -> tuple[int | None, str | None]:
    if body.satellite_port is not None:
        port = addresses.checked_port(body.satellite_port)
        encryption = encryption or "PLAIN"
    if body.satellite_encryption_type is not None:
        encryption = addresses.checked_encryption(body.satellite_encryption_type)
    return port, encryption


def _with_active(node: Node, interface: NetInterface) -> Node:
    if interface.satellite_port is None:
        raise Conflict(f"'{interface.name}' can't be the active interface.", Code.MISSING_STLT_CONN,
                       cause="No satellite listens there.", correction="Give it the port of the satellite.",
                       refs={"Node": node.name, "NetIf": interface.name})
    return structs.replace(node, active_interface=interface.name)


def _told(call: Call[Any], code: int, interface: NetInterface, what: str) -> ApiCallRc:
    node = call.path["node"]
    return call.rc(Severity.SUCCESS, code, f"Network interface '{interface.name}' of '{node}' {what}.",
                   details=f"UUID {interface.uuid}.", refs={"Node": node, "NetIf": interface.name,
                                                            "UUID": interface.uuid})


_PATH = "/v1/nodes/<node>/net-interfaces"
_CREATE, _MODIFY, _DELETE = (operation | Subject.NET_IF for operation in (Operation.CREATE, Operation.MODIFY,
                                                                          Operation.DELETE))

ROUTES = (
    Route("POST", _PATH, "Add a network interface", write=create, body=NetInterfaceBody, mask=_CREATE, success=201),
    Route("PUT", f"{_PATH}/<interface>", "Change a network interface", write=modify, body=NetInterfaceBody,
          mask=_MODIFY),
    Route("DELETE", f"{_PATH}/<interface>", "Remove a network interface", write=delete, mask=_DELETE),
)
