"""Registering, changing and forgetting nodes."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import addresses, lost_data, node_links
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.certificates import NodeCertificate
from linstor_core.domain.cluster import Cluster, Key, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.domain.observed import NodeSeen, PoolSeen
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.registers import NodeConnection, ResourceConnection
from linstor_core.domain.storage_pools import DISKLESS_POOL, ProviderKind, StoragePool
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import NodeCreate, NodeModify
from linstor_core.wire.rest_v1 import NetInterface as NetInterfaceFields

WARN_NOT_FOUND = 3000
PREFERRED_INTERFACE = "PrefNic"
_CREATABLE = (NodeType.CONTROLLER, NodeType.SATELLITE, NodeType.COMBINED, NodeType.AUXILIARY)


def create(cluster: Cluster, context: Context, call: Call[NodeCreate]) -> Change:
    body, refs = call.body, {"Node": call.body.name}
    with lookups.about(**refs):
        node_type = _checked_type(cluster, body)
        interfaces = tuple(_interface(context, fields) for fields in body.net_interfaces)
        props, entries = properties.initial(ObjectKind.NODE, Subject.NODE, body.props, refs)
        active = next((fields.name for fields in body.net_interfaces if fields.is_active), interfaces[0].name)
        node = Node(context.new_uuid(), body.name, node_type, interfaces, active, props=props)
        _check_preferred(node)
    entries.append(call.rc(Severity.SUCCESS, CREATED, f"Node '{node.name}' is registered.",
                           details=f"Node type {node.type}, UUID {node.uuid}.", refs={**refs, "UUID": node.uuid}))
    if not node.type.runs_satellite:
        return Change((node,), answers=tuple(entries))
    pool = StoragePool(context.new_uuid(), DISKLESS_POOL, node.name, ProviderKind.DISKLESS)
    return Change((node, pool), answers=tuple(entries), outcome=node_links.connected(call, node),
                  watch=(key_of(node.name),), wait_s=node_links.WAIT_S)


def _checked_type(cluster: Cluster, body: NodeCreate) -> NodeType:
    if cluster.node(body.name) is not None:
        raise AlreadyExists(f"A node '{body.name}' is registered already.", Code.EXISTS_NODE,
                            cause="Names of nodes are compared without regard to case.",
                            correction="Use another name, or the node that is there.")
    if not body.net_interfaces:
        raise InvalidInput("A node needs a network interface.", Code.MISSING_NETCOM,
                           cause="No network interface was given.",
                           correction="Give at least one with name, address and satellite port.")
    node_type = checked_type(body.type)
    names.node_name(body.name)
    for fields in body.net_interfaces:
        addresses.checked_address(fields.address)
    if node_type not in _CREATABLE:
        raise InvalidInput(f"Nodes of type {node_type} can't be registered.", Code.UNKNOWN_ERROR,
                           cause="This release has no satellites of that kind.",
                           correction="Register a node of type SATELLITE or COMBINED.")
    return node_type


def checked_type(text: str) -> NodeType:
    """Raises InvalidInput (201). An absent type means SATELLITE."""
    try:
        return NodeType(text.upper() or NodeType.SATELLITE)
    except ValueError:
        raise InvalidInput(f"'{text}' is no type of node.", Code.INVLD_NODE_TYPE,
                           cause="The type says what runs on the node.",
                           correction=f"One of {', '.join(_CREATABLE)}.") from None


def _interface(context: Context, fields: NetInterfaceFields) -> NetInterface:
    """A network interface from what a caller gives. Raises InvalidInput (209-212, 609)."""
    name = names.net_interface_name(fields.name)
    port, encryption = fields.satellite_port, fields.satellite_encryption_type
    if port is None or encryption is None:
        raise InvalidInput(f"The network interface '{name}' lacks the port or the encryption type of the satellite.",
                           Code.MISSING_STLT_CONN,
                           correction="Give satellite_port (usually 3366) and satellite_encryption_type (PLAIN).")
    return NetInterface(context.new_uuid(), name, addresses.checked_address(fields.address),
                        addresses.checked_port(port), addresses.checked_encryption(encryption))


def modify(cluster: Cluster, _: Context, call: Call[NodeModify]) -> Change:
    refs = {"Node": call.path["node"]}
    with lookups.about(**refs):
        node = lookups.node(cluster, call.path["node"])
        node_type = checked_type(call.body.node_type) if call.body.node_type else node.type
        if not node_type.runs_satellite and cluster.pools_on(node.name):
            raise Conflict(f"'{node.name}' can't become a node of type {node_type}.", Code.INVLD_STOR_DRIVER,
                           cause="It has storage pools, which need a satellite.",
                           details=", ".join(pool.name for pool in cluster.pools_on(node.name)))
        if node_type.runs_satellite and not node.active_interface:
            raise Conflict(f"'{node.name}' can't become a node of type {node_type}.", Code.MISSING_NETCOM,
                           cause="No network interface of it is active: a satellite could not be reached.",
                           correction="Add an interface with the satellite's port and make it active first.")
        props, entries = properties.changed(ObjectKind.NODE, Subject.NODE, node.props, call.body, refs)
        changed = structs.replace(node, type=node_type, props=props)
        _check_preferred(changed)
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"Node '{node.name}' is changed.",
                           details=f"UUID {node.uuid}.", refs={**refs, "UUID": node.uuid}))
    return Change((changed,), answers=tuple(entries))


def _check_preferred(node: Node) -> None:
    preferred = node.props.get(PREFERRED_INTERFACE)
    if preferred is not None and key_of(preferred) not in {key_of(part.name) for part in node.net_interfaces}:
        raise InvalidInput(f"'{preferred}' is no network interface of '{node.name}'.", Code.INVLD_PROP,
                           correction="One of " + ", ".join(part.name for part in node.net_interfaces) + ".")


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Refused while the node holds data: nothing is lost by a deletion."""
    name = call.path["node"]
    refs = {"Node": name}
    node = cluster.node(name)
    if node is None:
        return _not_there(call, name)
    used = sorted({resource.name for resource in cluster.resources_on(name)} | set(_snapshots_on(cluster, name)))
    if used:
        raise Conflict(f"Node '{node.name}' holds resources or snapshots.", Code.IN_USE, refs=refs,
                       details=", ".join(used), cause="Deleting the node would lose them.",
                       correction="Delete or move them first. If the machine is gone for good: linstor node lost.")
    stones = cluster.tombstones_on.get(key_of(name), ())
    if stones:
        raise Conflict(f"Node '{node.name}' has still to remove what was deleted.", Code.IN_USE, refs=refs,
                       details=", ".join(str(cluster.tombstones[key]) for key in stones),
                       cause="Deleting the node would leave that data there for ever.",
                       correction="Wait until it is removed, forget it with 'linstor tombstone delete', or, if the "
                                  "machine is gone for good: linstor node lost.")
    return Change(deletes=_belongings(cluster, key_of(name)), answers=(_gone(call, node),))


def lose(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Forgets a node that will never come back, with all that it held."""
    name = call.path["node"]
    refs = {"Node": name}
    _check_bare(name)
    node = cluster.node(name)
    if node is None:
        return _not_there(call, name)
    if cluster.is_online(name):
        raise Conflict(f"Node '{node.name}' is connected.", Code.IN_USE, refs=refs,
                       cause="Only a node that is out of reach can be declared lost.",
                       correction="Use 'linstor node delete', or stop the satellite first.")
    puts, deletes = node_links.without_node(cluster, key_of(name))
    return Change(puts, (*deletes, *_belongings(cluster, key_of(name))),
                  (_gone(call, node), *lost_data.entries(call, cluster, node)))


def _check_bare(name: str) -> None:
    try:
        names.node_name(name)
    except InvalidInput as fault:
        fault.bare = True
        raise


def _snapshots_on(cluster: Cluster, node: str) -> Iterable[str]:
    return (snapshot.resource_name for snapshot in cluster.snapshots.values() if snapshot.on_node(node) is not None)


def _belongings(cluster: Cluster, node_key: str) -> tuple[tuple[type, Key], ...]:
    """The node, its pools, its connections, and what was seen of it."""
    pools = [key for key in cluster.storage_pools if key[0] == node_key]
    seen = [key for key in cluster.pools_seen if key[0] == node_key]
    links = [key for key in cluster.node_connections if node_key in key]
    replica_links = [key for key in cluster.resource_connections if node_key in key[1].split(";")]
    return (*((StoragePool, key) for key in pools), *((PoolSeen, key) for key in seen),
            *((NodeConnection, key) for key in links), *((ResourceConnection, key) for key in replica_links),
            (NodeSeen, node_key), (NodeCertificate, node_key), (Node, node_key))


def _gone(call: Call[NoBody], node: Node) -> ApiCallRc:
    return call.rc(Severity.SUCCESS, DELETED, f"Node '{node.name}' is deleted.", details=f"UUID {node.uuid}.",
                   refs={"Node": call.path["node"]})


def _not_there(call: Call[NoBody], name: str) -> Change:
    return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no node '{name}'.",
                                   cause="It is not registered, or deleted already.", details="Nothing was changed.",
                                   refs={"Node": name}),))


_CREATE, _MODIFY, _DELETE = (operation | Subject.NODE for operation in (Operation.CREATE, Operation.MODIFY,
                                                                        Operation.DELETE))

ROUTES = (
    Route("POST", "/v1/nodes", "Register a node", write=create, body=NodeCreate, mask=_CREATE, success=201),
    Route("PUT", "/v1/nodes/<node>", "Change a node's type or properties", write=modify, body=NodeModify, mask=_MODIFY),
    Route("DELETE", "/v1/nodes/<node>", "Delete a node that holds nothing", write=delete, mask=_DELETE),
    Route("DELETE", "/v1/nodes/<node>/lost", "Forget a node that is gone for good", write=lose, mask=_DELETE),
    *node_links.ROUTES,
)
