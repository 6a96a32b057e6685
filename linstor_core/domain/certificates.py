"""Who may speak on the channel: the cluster's authorities, the certificates of nodes, and invitations to join."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from msgspec import Struct

from linstor_core.domain.encryption import SealedSecret


class Authority(Struct, frozen=True):
    """A certificate authority of the cluster, filed by its serial number in hexadecimal; the youngest one signs.

    All texts are PEM. The private key is either plain or sealed under the master key, never both.
    """

    serial: str
    certificate: str
    not_before_ms: int
    not_after_ms: int
    private_key: str = ""
    sealed_private_key: SealedSecret | None = None

    def __repr__(self) -> str:
        return f"Authority({self.serial!r})"  # the key is a secret

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.certificate)


class NodeCertificate(Struct, frozen=True):
    """The certificate that this cluster has given to a node, as PEM. `previous_serial` is accepted, too: the node may
    not have got the renewed one yet. Another serial is worthless, also when its time is not over.
    """

    node_name: str
    node_uuid: str
    serial: str
    certificate: str
    not_before_ms: int
    not_after_ms: int
    previous_serial: str = ""

    def is_due(self, now_ms: int) -> bool:
        """Whether a third of its life or less is left."""
        return now_ms >= self.not_after_ms - (self.not_after_ms - self.not_before_ms) // 3


class Invitation(Struct, frozen=True):
    """Lets one host join. `key` is what both sides prove to know, in hexadecimal: derived from the token's secret,
    which is not stored. `node_name` and `address` are empty where the host may choose.

    `node_uuid` is set once it was used: then only the host with the key of `public_key` (its digest, hexadecimal) is
    answered again.
    """

    identity: str
    key: str
    created_ms: int
    expires_ms: int
    node_name: str = ""
    address: str = ""
    node_uuid: str = ""
    public_key: str = ""

    def __repr__(self) -> str:
        return f"Invitation({self.identity!r}, node_name={self.node_name!r})"  # the key is a secret

    def is_valid(self, now_ms: int) -> bool:
        return now_ms < self.expires_ms


def by_age(authorities: Iterable[Authority]) -> list[Authority]:
    """The youngest, which signs, first."""
    return sorted(authorities, key=lambda authority: (-authority.not_before_ms, authority.serial))


def bundle_of(authorities: Iterable[Authority]) -> str:
    """Their certificates as one text (PEM)."""
    return "".join(authority.certificate for authority in by_age(authorities))


def fingerprint_of(certificate: str) -> str:
    """Hexadecimal SHA-256 of a certificate's text."""
    return hashlib.sha256(certificate.strip().encode()).hexdigest()
