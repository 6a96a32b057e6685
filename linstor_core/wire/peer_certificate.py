"""What a certificate on the channel says of its owner, and the one way to make contexts of TLS."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from linstor_core.wire.connection import Connection

CONTROLLER_URI = "linstor:controller"
"""Alternative name of a controller's certificate."""
NODE_URI = "linstor:node:"
"""Alternative name of a satellite's certificate, with the node's UUID behind it."""
CONTROLLER_UNIT = "linstor-controller"
"""Organizational unit that makes a certificate of somebody else's authority one of a controller."""


class PeerCertificate(Struct, frozen=True):
    """A certificate that has been verified."""

    serial: str
    """Hexadecimal, lower case, without leading zeros."""
    names: tuple[str, ...] = ()
    """DNS names."""
    uris: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def is_controller(self) -> bool:
        return CONTROLLER_URI in self.uris or CONTROLLER_UNIT in self.units

    @property
    def node_uuid(self) -> str:
        """Empty where it names no node by its UUID."""
        return next((uri.removeprefix(NODE_URI) for uri in self.uris if uri.startswith(NODE_URI)), "")


@runtime_checkable
class SecureConnection(Connection, Protocol):
    """A connection by TLS: the other side has proved to own this certificate."""

    @property
    def certificate(self) -> PeerCertificate: ...


def peer_certificate(fields: Mapping[str, Any]) -> PeerCertificate:
    """From what `ssl.SSLSocket.getpeercert` gives."""
    alternatives = fields.get("subjectAltName", ())
    parts = [pair for part in fields.get("subject", ()) for pair in part]
    return PeerCertificate(
        serial_text(int(fields.get("serialNumber", "0"), 16)),
        tuple(value for kind, value in alternatives if kind == "DNS"),
        tuple(value for kind, value in alternatives if kind == "URI"),
        tuple(value for kind, value in parts if kind == "organizationalUnitName"))


def serial_text(number: int) -> str:
    return f"{number:x}"


def listening_context(certificate: str, key: str | None, authorities: str) -> ssl.SSLContext:
    """Demands a certificate of every client. The arguments are paths of PEM files; without `key` it stands in the
    certificate's file. Raises OSError, of which ssl.SSLError is a kind.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _with_files(context, certificate, key, authorities)


def dialling_context(certificate: str, key: str | None, authorities: str) -> ssl.SSLContext:
    """Who is dialled is told by the certificate's contents, not by an address: the caller has to look at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return _with_files(context, certificate, key, authorities)


def _with_files(context: ssl.SSLContext, certificate: str, key: str | None, authorities: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A key that asks for a passphrase would ask on the terminal.
    context.load_cert_chain(certificate, key, password="")
    context.load_verify_locations(authorities)
    return context
