"""Invitations of hosts: make, list and revoke them, and what becomes of one that is used."""

from __future__ import annotations

import hashlib

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context, Operation
from linstor_core.controller.operations import addresses
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.certificates import Invitation, NodeCertificate
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, NotFound
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.domain.storage_pools import DISKLESS_POOL, ProviderKind, StoragePool
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire import rest_certificates as rest
from linstor_core.wire.joining import SECRET_BYTES, JoinRequest, JoinToken

ENCRYPTED = "SSL"
MAX_EXPIRY_S = 30 * 86_400
KEPT_MS = 86_400_000
"""How long after its end an invitation is listed."""


def create(cluster: Cluster, context: Context, call: Call[rest.InvitationCreate], fingerprint: str) -> Change:
    """`fingerprint` is that of the cluster's authority. The answer holds the token, and nothing else ever does."""
    body = call.body
    if not 1 <= body.expires_in_s <= MAX_EXPIRY_S:
        raise InvalidInput(f"An invitation can't expire in {body.expires_in_s} s.", Code.INVLD_REQUEST, bare=True,
                           correction=f"Give 1 to {MAX_EXPIRY_S} seconds.")
    if body.node_name:
        names.node_name(body.node_name)
        _check_runs_satellite(cluster.node(body.node_name))
    address = addresses.checked_address(body.address) if body.address else ""
    secret = hashlib.sha256((context.new_secret() + context.new_secret()).encode()).digest()[:SECRET_BYTES]
    token = JoinToken(context.new_uuid(), secret, fingerprint)
    now_ms = context.now_ms()
    invitation = Invitation(token.identity, token.key.hex(), now_ms, now_ms + 1000 * body.expires_in_s, body.node_name,
                            address)
    old = tuple((Invitation, key) for key, held in cluster.invitations.items() if now_ms > held.expires_ms + KEPT_MS)
    return Change((invitation,), old, (call.rc(
        rc.Severity.SUCCESS, rc.CREATED, f"One host may join within {body.expires_in_s} s.",
        details="Keep the token to yourself: it is not shown again.",
        refs={"invitation": token.identity, "token": str(token)}),))


def _check_runs_satellite(node: Node | None) -> None:
    if node is not None and not node.type.runs_satellite:
        raise Conflict(f"'{node.name}' is a node of type {node.type}.", Code.IN_USE, refs={"Node": node.name},
                       cause="Only hosts with a satellite join.", correction="Change the node's type first.")


def revoke(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    identity = call.path["invitation"]
    if identity not in cluster.invitations:
        raise NotFound(f"There is no invitation {identity}.", Code.NOT_FOUND_AUTH_TOKEN, bare=True,
                       correction="'linstor node invitation list' shows them.")
    return Change(deletes=((Invitation, identity),), answers=(
        call.rc(rc.Severity.SUCCESS, rc.DELETED, f"Invitation {identity} is revoked.",
                details="A host that has used it already keeps its certificate."),))


def shown(cluster: Cluster, now_ms: int) -> list[rest.Invitation]:
    held = sorted(cluster.invitations.values(), key=lambda invitation: (invitation.created_ms, invitation.identity))
    return [rest.Invitation(
        id=each.identity, node_name=each.node_name, address=each.address, created_timestamp=each.created_ms,
        expires_timestamp=each.expires_ms,
        state="USED" if each.node_uuid else "OPEN" if each.is_valid(now_ms) else "EXPIRED") for each in held]


def check_open(cluster: Cluster, invitation: Invitation, request: JoinRequest, now_ms: int) -> None:
    """Raises LinstorError where this host may not join, or not any more."""
    refs = {"Node": request.node_name}
    if not invitation.is_valid(now_ms):
        raise Conflict("The invitation has expired.", Code.ACC_DENIED_TOKEN, refs=refs, bare=True, status=403,
                       correction="Ask for another one: linstor node invite.")
    if invitation.node_name and key_of(invitation.node_name) != key_of(request.node_name):
        raise Conflict(f"The invitation is for '{invitation.node_name}', not for '{request.node_name}'.",
                       Code.ACC_DENIED_TOKEN, refs=refs, bare=True, status=403,
                       correction=f"Join as '{invitation.node_name}', or ask for another invitation.")
    with lookups.about(**refs):
        names.node_name(request.node_name)
        addresses.checked_address(request.address)
        addresses.checked_port(request.port)
        node = cluster.node(request.node_name)
        if node is not None and not invitation.node_name and not invitation.node_uuid:
            raise AlreadyExists(f"A node '{node.name}' is registered already.", Code.EXISTS_NODE,
                                cause="An invitation for any host does not hand out the place of a node that is there.",
                                correction=f"Ask for one that names it: linstor node invite {node.name}.")
        _check_runs_satellite(node)


def accept(invitation: Invitation, request: JoinRequest, certificate: NodeCertificate, public_key: str) -> Operation:
    """The host becomes the node of this certificate, and the invitation is used: both or neither."""

    def store(cluster: Cluster, context: Context) -> Change:
        if cluster.invitations.get(invitation.identity) != invitation:
            raise Conflict("The invitation was used or revoked meanwhile.", Code.ACC_DENIED_TOKEN, bare=True,
                           status=403, correction="Ask for another one: linstor node invite.")
        node = cluster.node(request.node_name)
        if node is not None and node.uuid != certificate.node_uuid:
            raise Conflict(f"'{node.name}' was registered meanwhile.", Code.IN_USE, bare=True,
                           refs={"Node": node.name}, correction="Repeat the call.")
        address = invitation.address or addresses.checked_address(request.address)
        used = structs.replace(invitation, node_uuid=certificate.node_uuid, public_key=public_key)
        if node is not None:
            return Change((_reached(node, address, request.port), certificate, used))
        interface = NetInterface(context.new_uuid(), "default", address, request.port, ENCRYPTED)
        node = Node(certificate.node_uuid, request.node_name, NodeType.SATELLITE, (interface,), interface.name)
        pool = StoragePool(context.new_uuid(), DISKLESS_POOL, node.name, ProviderKind.DISKLESS)
        return Change((node, pool, certificate, used))

    return store


def _reached(node: Node, address: str, port: int) -> Node:
    """The node's active interface, where the host says that it listens."""
    changed = tuple(structs.replace(part, address=address, satellite_port=port, satellite_encryption_type=ENCRYPTED)
                    if key_of(part.name) == key_of(node.active_interface) else part for part in node.net_interfaces)
    return structs.replace(node, net_interfaces=changed)


ROUTES = (
    Route("DELETE", "/v1/nodes/invitations/<invitation>", "Revoke an invitation", write=revoke,
          mask=rc.Operation.DELETE | rc.Subject.NODE),
)
