"""Invitations of hosts, and the certificates of links to satellites."""

from __future__ import annotations

from linstor_core.client.calls import Calls, Entries
from linstor_core.wire import rest_certificates as rest
from linstor_core.wire.joining import JoinAnswer, JoinRequest


class CertificateCalls(Calls):
    def invite_node(self, body: rest.InvitationCreate | None = None) -> Entries:
        """The entry's `obj_refs` have the token that the host has to know; it is never shown again."""
        return self._write("POST", "nodes", "invitations", body=body or rest.InvitationCreate())

    def invitations(self) -> list[rest.Invitation]:
        return self._get(list[rest.Invitation], "nodes", "invitations")

    def revoke_invitation(self, identity: str) -> Entries:
        return self._write("DELETE", "nodes", "invitations", identity)

    def join(self, body: JoinRequest) -> JoinAnswer:
        """What `linstor-satellite join` sends. The caller has to check the proof in the answer."""
        return self._ask(JoinAnswer, "POST", "nodes", "join", body=body)

    def certificates(self) -> list[rest.Certificate]:
        """Of the cluster's authorities, of the controller that answers, and of satellites."""
        return self._get(list[rest.Certificate], "certificates")
