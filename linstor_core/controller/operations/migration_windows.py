"""Two primaries for the time of a live migration: a lease on the connection of two replicas, which ends by itself.

It is LINSTOR's property on the resource connection, beside which the end of the lease is stored. A value without one
was set by somebody by hand: it is neither changed nor removed here.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations.connections import ordered
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.domain.registers import TWO_PRIMARIES, ResourceConnection
from linstor_core.wire.api_call_rc import MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import MigrationWindowOpen
from linstor_core.wire.rest_resources import MigrationWindow

PATH = "/v1/resource-definitions/<resource>/resource-connections/<first>/<second>/migration-window"
LONGEST_S = 24 * 3600.0


def show(cluster: Cluster, call: Call[Any]) -> object:
    found = _connection(cluster, call)
    return MigrationWindow(open=found.props.get(TWO_PRIMARIES) == "yes", expires_ms=found.window_expires_ms)


def open_window(cluster: Cluster, context: Context, call: Call[MigrationWindowOpen]) -> Change:
    """Opening an open one makes it last longer, never shorter."""
    if not 0 < call.body.lease_s <= LONGEST_S:
        raise InvalidInput(f"A migration window can't last {call.body.lease_s:g} s.", Code.INVLD_TIME_PARAM,
                           cause="It closes by itself, so that nobody can forget it.",
                           correction=f"Ask for more than 0 and at most {LONGEST_S:g} s, and again before it ends.")
    found = _connection(cluster, call)
    value = found.props.get(TWO_PRIMARIES)
    if found.window_expires_ms is None and value is not None:
        if value != "yes":
            raise Conflict(f"'{found.resource_name}' may not be primary on two nodes.", Code.INVLD_PROP,
                           cause=f"Somebody set {TWO_PRIMARIES} to '{value}' on this connection.",
                           correction="Remove that property from the resource connection.")
        return Change(answers=(_told(call, found, "is open already: somebody opened it by hand, for good"),))
    expires_ms = max(context.now_ms() + round(call.body.lease_s * 1000), found.window_expires_ms or 0)
    opened = structs.replace(found, props={**found.props, TWO_PRIMARIES: "yes"}, window_expires_ms=expires_ms)
    return Change(puts=(opened,), answers=(_told(call, found, "is open"),))


def close_window(cluster: Cluster, _: Context, call: Call[Any]) -> Change:
    found = _connection(cluster, call)
    if found.window_expires_ms is None:
        by_hand = TWO_PRIMARIES in found.props
        return Change(answers=(_told(call, found, "was opened by hand and stays" if by_hand else "is not open"),))
    puts, deletes = _closed(found)
    return Change(puts=puts, deletes=deletes, answers=(_told(call, found, "is closed"),))


def close_expired(cluster: Cluster, context: Context) -> Change:
    """Nobody waits for this: the lease of these has run out."""
    now_ms = context.now_ms()
    puts: list[Document] = []
    deletes: list[tuple[type, Key]] = []
    for found in cluster.resource_connections.values():
        if found.window_expires_ms is not None and found.window_expires_ms <= now_ms:
            more, gone = _closed(found)
            puts += more
            deletes += gone
    return Change(puts=tuple(puts), deletes=tuple(deletes))


def first_end_ms(cluster: Cluster) -> int | None:
    """When the next window closes; None while all are closed."""
    return min((found.window_expires_ms for found in cluster.resource_connections.values()
                if found.window_expires_ms is not None), default=None)


def _connection(cluster: Cluster, call: Call[Any]) -> ResourceConnection:
    """What is stored, or what would be. Raises NotFound where one of the two is not there."""
    name, first, second = call.path["resource"], call.path["first"], call.path["second"]
    with lookups.about(RscDfn=name, FirstNode=first, SecondNode=second):
        definition = lookups.definition(cluster, name)
        node_a, node_b = ordered(lookups.node(cluster, first).name, lookups.node(cluster, second).name)
        for node in (node_a, node_b):
            lookups.resource(cluster, name, node)
        if key_of(node_a) == key_of(node_b):
            raise InvalidInput("A migration window needs two nodes.", Code.INVLD_NODE_NAME,
                               cause=f"Both are '{node_a}'.")
    found = cluster.resource_connections.get((key_of(name), key_of(f"{node_a};{node_b}")))
    if found is None or found.definition_uuid != definition.uuid:
        found = ResourceConnection(definition.name, definition.uuid, node_a, node_b)
    return found


def _closed(found: ResourceConnection) -> tuple[tuple[Document, ...], tuple[tuple[type, Key], ...]]:
    props = {key: value for key, value in found.props.items() if key != TWO_PRIMARIES}
    if props:
        return (structs.replace(found, props=props, window_expires_ms=None),), ()
    return (), ((ResourceConnection, (key_of(found.resource_name), key_of(f"{found.node_a};{found.node_b}"))),)


def _told(call: Call[Any], found: ResourceConnection, what: str) -> ApiCallRc:
    return call.rc(Severity.SUCCESS, MODIFIED, f"The migration window of '{found.resource_name}' between "
                   f"'{found.node_a}' and '{found.node_b}' {what}.",
                   refs={"RscDfn": found.resource_name, "FirstNode": found.node_a, "SecondNode": found.node_b})


ROUTES = (
    Route("GET", PATH, "Whether two nodes may be primary", read=show, answer=MigrationWindow,
          mask=Operation.MODIFY | Subject.RSC_CONN),
    Route("PUT", PATH, "Allow two primaries for a limited time", write=open_window, body=MigrationWindowOpen,
          mask=Operation.MODIFY | Subject.RSC_CONN),
    Route("DELETE", PATH, "Allow one primary only again", write=close_window,
          mask=Operation.MODIFY | Subject.RSC_CONN),
)
