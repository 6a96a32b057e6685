"""Makes keys and certificates: the only module that knows X.509. The library is loaded when it is needed first.

Everything here is CPU and takes up to a second at the first call: run it in a thread.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from linstor_core.domain.certificates import Authority
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.wire.peer_certificate import CONTROLLER_URI, NODE_URI, serial_text

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

SKEW_MS = 3_600_000
"""Certificates are valid from so long ago: clocks of hosts differ."""


class Owner(Struct, frozen=True):
    """What a certificate says of whoever has it."""

    subject: str
    uri: str


CONTROLLER = Owner("linstor-controller", CONTROLLER_URI)


def satellite(node_name: str, node_uuid: str) -> Owner:
    return Owner(node_name[:64], NODE_URI + node_uuid)  # a common name has no more characters


class Period(Struct, frozen=True):
    """When a certificate is valid."""

    not_before_ms: int
    not_after_ms: int


class KeyRequest(Struct, frozen=True):
    """A key whose owner has proved to have it. `digest` is hexadecimal."""

    public_key: bytes
    digest: str


def new_key() -> str:
    """A private key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


def public_key_of(private_key: str) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_request(text: str) -> KeyRequest:
    """A certificate request (PEM), of which only the key counts. Raises InvalidInput."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        request = x509.load_pem_x509_csr(text.encode())
        if not request.is_signature_valid or not _is_strong(request.public_key()):
            raise ValueError("its signature is wrong, or its key too weak")
        public_key = request.public_key().public_bytes(serialization.Encoding.DER,
                                                       serialization.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise InvalidInput("The certificate request can't be used.", Code.INVLD_REQUEST, cause=str(fault),
                           correction="Send a PKCS #10 request for an elliptic curve key of 256 bits.",
                           bare=True) from None
    return KeyRequest(public_key, hashlib.sha256(public_key).hexdigest())


def key_in(certificate: str) -> bytes:
    """The public key that a certificate (PEM) is made for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    return x509.load_pem_x509_certificate(certificate.encode()).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _is_strong(key: CertificatePublicKeyTypes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, ed25519.Ed25519PublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256)


def new_authority(cluster_id: str, serial: int, period: Period) -> tuple[Authority, str]:
    """The authority without its private key, and the private key (PEM)."""
    from cryptography import x509

    private_key = new_key()
    name = _name(f"LINSTOR cluster {cluster_id}")
    builder = _builder(name, name, public_key_of(private_key), serial, period)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return Authority(serial_text(serial), _signed(builder, private_key), period.not_before_ms,
                     period.not_after_ms), private_key


def issue(authority: Authority, private_key: str, public_key: bytes, owner: Owner, *, serial: int,
          period: Period) -> str:
    """A certificate (PEM). It is valid at most as long as the authority's own."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    builder = _builder(_name(owner.subject), issuer.subject, public_key, serial, period)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    # Satellites dial each other, too: who may do what is told by the alternative name.
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(owner.uri)]), critical=False)
    return _signed(builder, private_key)


def _name(subject: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: bytes, serial: int,
             period: Period) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_der_public_key(public_key)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(serial).not_valid_before(_moment(period.not_before_ms))
            .not_valid_after(_moment(period.not_after_ms)))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(digital_signature=not signs_certificates, content_commitment=False, key_encipherment=False,
                         data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates,
                         crl_sign=signs_certificates, encipher_only=False, decipher_only=False)


def _signed(builder: x509.CertificateBuilder, private_key: str) -> str:
    from cryptography.hazmat.primitives import hashes, serialization

    key = serialization.load_pem_private_key(private_key.encode(), None)
    certificate = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _moment(moment_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment_ms // 1000, datetime.UTC)
