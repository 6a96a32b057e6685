"""Hosts join, and certificates are looked at: the calls that need the office."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any, Protocol

from linstor_core.controller import certificate_making as making
from linstor_core.controller.call import Call
from linstor_core.controller.certificate_office import CertificateOffice
from linstor_core.controller.change import Door
from linstor_core.controller.operations import invitations
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.certificates import Invitation, NodeCertificate
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire import joining
from linstor_core.wire import rest_certificates as rest
from linstor_core.wire.joining import JoinAnswer, JoinRequest


class Services(Protocol):
    """What these calls need beyond the model."""

    @property
    def controller(self) -> Door: ...

    @property
    def office(self) -> CertificateOffice | None: ...

    @property
    def now_ms(self) -> Any: ...


def _office(services: Services) -> CertificateOffice:
    if services.office is None:
        raise Conflict("This controller gives no certificates.", Code.IN_USE, bare=True,
                       correction="Ask the one that serves the cluster.")
    return services.office


async def invite(services: Services, call: Call[rest.InvitationCreate]) -> object:
    authority = await _office(services).authority()
    return await services.controller.apply(
        lambda cluster, context: invitations.create(cluster, context, call, authority.fingerprint))


async def listed(services: Services, _: Call[NoBody]) -> object:
    return invitations.shown(services.controller.cluster, services.now_ms())


async def join(services: Services, call: Call[JoinRequest]) -> object:
    """Whoever proves to know the token of an invitation gets a certificate; once, and again with the same key."""
    request = call.body
    invitation, key = _proved(services, request)
    cluster = services.controller.cluster
    invitations.check_open(cluster, invitation, request, services.now_ms())
    asked = await asyncio.to_thread(making.read_request, request.request)
    if invitation.node_uuid:
        return _answer(services, key, request, _given_before(cluster, invitation, request, asked.digest))
    node = cluster.node(request.node_name)
    name, uuid = (node.name, node.uuid) if node is not None else (request.node_name, _office(services).new_uuid())
    certificate = await _office(services).certify(name, uuid, asked.public_key)
    await services.controller.apply(invitations.accept(invitation, request, certificate, asked.digest))
    return _answer(services, key, request, certificate)


def _proved(services: Services, request: JoinRequest) -> tuple[Invitation, bytes]:
    """An unknown invitation costs as much time and gets the same answer as a wrong proof."""
    invitation = services.controller.cluster.invitations.get(request.invitation)
    key = bytes.fromhex(invitation.key) if invitation is not None else bytes(32)
    is_right = hmac.compare_digest(joining.request_proof(key, request).encode(), request.proof.encode())
    if invitation is not None and is_right:
        return invitation, key
    if _office(services).wrong_proofs.is_too_many(services.now_ms()):
        raise Conflict("Too many hosts want to join without an invitation.", Code.ACC_DENIED_TOKEN, bare=True,
                       status=429, correction="Try again in a few seconds.")
    raise Conflict("This is no valid invitation.", Code.ACC_DENIED_TOKEN, bare=True, status=403,
                   cause="It was revoked, belongs to another cluster, or the token is not the one that was printed.",
                   correction="Ask for another one: linstor node invite.")


def _given_before(cluster: Cluster, invitation: Invitation, request: JoinRequest, digest: str) -> NodeCertificate:
    """For a host that did not get the answer."""
    given = cluster.node_certificates.get(key_of(request.node_name))
    if given is None or given.node_uuid != invitation.node_uuid or not hmac.compare_digest(
            invitation.public_key, digest):
        raise Conflict("The invitation was used already.", Code.ACC_DENIED_TOKEN, bare=True, status=403,
                       correction="Ask for another one: linstor node invite. If it was not you who used it: "
                                  "'linstor node delete' makes that node's certificate worthless.")
    return given


def _answer(services: Services, key: bytes, request: JoinRequest, given: NodeCertificate) -> JoinAnswer:
    cluster_id = services.controller.cluster.controller.cluster_id
    fields = {"node_name": given.node_name, "node_uuid": given.node_uuid, "cluster_id": cluster_id,
              "certificate": given.certificate, "authorities": _office(services).bundle()}
    proof = joining.answer_proof(key, request, JoinAnswer(**fields))
    return JoinAnswer(**fields, proof=proof)


async def certificates(services: Services, _: Call[NoBody]) -> object:
    cluster, now_ms = services.controller.cluster, services.now_ms()
    own = _office(services).own_certificate
    found = [_shown("AUTHORITY", each.serial, "", (each.not_before_ms, each.not_after_ms), now_ms)
             for _, each in sorted(cluster.authorities.items())]
    if own is not None:
        found.append(_shown("CONTROLLER", own.serial, "", (own.not_before_ms, own.not_after_ms), now_ms))
    return found + [_shown("SATELLITE", each.serial, each.node_name, (each.not_before_ms, each.not_after_ms), now_ms)
                    for _, each in sorted(cluster.node_certificates.items())]


def _shown(role: str, serial: str, node_name: str, period_ms: tuple[int, int], now_ms: int) -> rest.Certificate:
    begins_ms, ends_ms = period_ms
    is_due = 3 * (ends_ms - now_ms) <= ends_ms - begins_ms
    return rest.Certificate(role=role, serial=serial, node_name=node_name, valid_from_timestamp=begins_ms,
                            valid_until_timestamp=ends_ms,
                            state="EXPIRED" if now_ms >= ends_ms else "DUE" if is_due else "VALID")


_INVITATIONS = "/v1/nodes/invitations"
ROUTES = (
    Route("POST", _INVITATIONS, "Invite a host to join; the answer holds the token, once", service=invite,
          body=rest.InvitationCreate, mask=rc.Operation.CREATE | rc.Subject.NODE, success=201, lenient=True),
    Route("GET", _INVITATIONS, "The invitations of hosts, without their tokens", service=listed,
          answer=list[rest.Invitation]),
    Route("POST", "/v1/nodes/join", "Become a node by the token of an invitation", service=join, body=JoinRequest,
          answer=JoinAnswer),
    Route("GET", "/v1/certificates", "Who has which certificate for links to satellites, and until when",
          service=certificates, answer=list[rest.Certificate]),
)
