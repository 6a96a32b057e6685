"""How a host joins the cluster by a one-time token, over a connection that anybody may listen to or change.

The token holds a secret that never crosses the wire. Both sides derive the same key from it and prove by HMAC that they
know it: the host over its request, the controller over its answer to that very request. So a listener learns nothing
that lets him join, and nobody can put another authority or another key in between.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from msgspec import Struct

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document

SECRET_BYTES = 24
_IDENTITY_BYTES = 16
_FINGERPRINT_BYTES = 32
_PURPOSE = b"linstor join "


class JoinToken(Struct, frozen=True):
    """What an invitation gives to the host: which one it is, the secret, and which authority the cluster has."""

    identity: str
    secret: bytes
    fingerprint: str
    """Hexadecimal, as of `domain.certificates.fingerprint_of`."""

    def __repr__(self) -> str:
        return f"JoinToken({self.identity!r})"  # the secret is one

    def __str__(self) -> str:
        raw = binascii.unhexlify(self.identity.replace("-", "")) + self.secret + binascii.unhexlify(self.fingerprint)
        return urlsafe_b64encode(raw + _check(raw)).rstrip(b"=").decode()

    @property
    def key(self) -> bytes:
        """What both sides prove to know."""
        return hmac.digest(self.secret, _PURPOSE + b"key " + self.identity.encode(), "sha256")


def parse_token(text: str) -> JoinToken:
    """Raises ValueError for what is no token, or not all of it."""
    try:
        raw = urlsafe_b64decode(text.strip() + "=" * (-len(text.strip()) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("this is no token of an invitation") from None
    body, check = raw[:-4], raw[-4:]
    if len(body) != _IDENTITY_BYTES + SECRET_BYTES + _FINGERPRINT_BYTES or _check(body) != check:
        raise ValueError("this is no token of an invitation, or a part of it is missing")
    number = binascii.hexlify(body[:_IDENTITY_BYTES]).decode()
    identity = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
    secret = body[_IDENTITY_BYTES:_IDENTITY_BYTES + SECRET_BYTES]
    return JoinToken(identity, secret, binascii.hexlify(body[_IDENTITY_BYTES + SECRET_BYTES:]).decode())


def _check(raw: bytes) -> bytes:
    """Tells a mistyped token from one that is not valid any more."""
    return hashlib.sha256(_PURPOSE + b"check " + raw).digest()[:4]


class JoinRequest(Body, frozen=True):
    """POST /v1/nodes/join. `request` is PEM; `proof` covers all other fields."""

    invitation: str
    node_name: str
    address: str
    port: int
    request: str
    proof: str = ""


class JoinAnswer(Document, frozen=True):
    """What the host is from now on: its certificate and those of the cluster's authorities, PEM."""

    node_name: str
    node_uuid: str
    cluster_id: str
    certificate: str
    authorities: str
    proof: str = ""


def request_proof(key: bytes, request: JoinRequest) -> str:
    fields = (request.invitation, request.node_name, request.address, request.port, request.request)
    return _proof(key, b"request ", fields)


def answer_proof(key: bytes, request: JoinRequest, answer: JoinAnswer) -> str:
    """Binds the answer to the request: one that was recorded before fits no other."""
    fields = (request_proof(key, request), answer.node_name, answer.node_uuid, answer.cluster_id, answer.certificate,
              answer.authorities)
    return _proof(key, b"answer ", fields)


def is_same_proof(one: str, other: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _proof(key: bytes, what: bytes, fields: tuple[str | int, ...]) -> str:
    # JSON of a list is one text for one list: no field can run into the next.
    return hmac.new(key, _PURPOSE + what + msgspec.json.encode(fields), "sha256").hexdigest()
