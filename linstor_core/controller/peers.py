"""Whether the satellite that was reached is the one that was meant."""

from __future__ import annotations

from linstor_core.controller.dialing import SSL
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.nodes import NetInterface, Node
from linstor_core.wire.connection import Connection, PeerRefused
from linstor_core.wire.peer_certificate import PeerCertificate, SecureConnection


def check(cluster: Cluster, node: Node, interface: NetInterface, connection: Connection) -> None:
    """Raises PeerRefused. By a plain interface anybody may answer: only the satellite's own greeting tells."""
    if interface.satellite_encryption_type != SSL:
        return
    if not isinstance(connection, SecureConnection):
        raise PeerRefused("the connection is not encrypted")
    refusal = why_not(cluster, node, connection.certificate)
    if refusal:
        raise PeerRefused(refusal)


def why_not(cluster: Cluster, node: Node, certificate: PeerCertificate) -> str:
    """Why this certificate, which one of our authorities has signed, is not that of the node; "" where it is."""
    if certificate.node_uuid:
        if certificate.node_uuid != node.uuid:
            return _whose(cluster, certificate.node_uuid)
        given = cluster.node_certificates.get(key_of(node.name))
        if given is not None and given.node_uuid == node.uuid and certificate.serial not in (
                given.serial, given.previous_serial):
            return f"the satellite's certificate {certificate.serial} has been replaced by another one"
        return ""
    if node.name.lower() in (name.lower() for name in certificate.names):
        return ""
    names = ", ".join(certificate.names) or "nobody"
    return f"the satellite's certificate is that of {names}"


def _whose(cluster: Cluster, uuid: str) -> str:
    owner = next((node.name for node in cluster.nodes.values() if node.uuid == uuid), "")
    if owner:
        return f"the satellite's certificate is that of '{owner}'"
    return "the satellite's certificate is that of a node that is not registered any more"
