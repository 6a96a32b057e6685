"""REST v1 about who may speak on the channel: invitations of hosts, and certificates. No part of LINSTOR's API."""

from __future__ import annotations

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class InvitationCreate(Body, frozen=True):
    """POST /v1/nodes/invitations. Without `node_name` or `address` the host chooses them.

    The name of a node that is registered lets its host have a certificate, or another one.
    """

    node_name: str = ""
    address: str = ""
    expires_in_s: int = 3600


class Invitation(Document, frozen=True):
    """Without what the host has to know. Timestamps are milliseconds."""

    id: str
    created_timestamp: int
    expires_timestamp: int
    state: str
    """OPEN, USED or EXPIRED."""
    node_name: str = ""
    address: str = ""


class Certificate(Document, frozen=True):
    """Timestamps are milliseconds."""

    role: str
    """AUTHORITY, CONTROLLER (the one that answers) or SATELLITE."""
    serial: str
    valid_from_timestamp: int
    valid_until_timestamp: int
    state: str
    """VALID, DUE (to be renewed at the next occasion) or EXPIRED."""
    node_name: str = ""
